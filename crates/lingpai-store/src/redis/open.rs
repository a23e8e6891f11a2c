//! Opening: is it a Redis that we can rely on, may we do what we must, is the store ours?

use std::collections::HashMap;

use lingpai_core::{StoreError, StoreErrorKind};
use redis::{Value, cmd, from_redis_value};

use super::layout::Layout;
use super::link::{Link, Repeat};
use super::script;

/// The oldest Redis that has what the scripts use (XTRIM MINID).
const OLDEST: (u32, u32) = (6, 2);

/// Something that is not as it should be with a Redis, but can be lived with: for people, in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanting {
    /// In English, which logs are written in too.
    pub english: String,
    /// In Chinese.
    pub chinese: String,
}

impl Wanting {
    fn new(english: impl Into<String>, chinese: impl Into<String>) -> Self {
        Self { english: english.into(), chinese: chinese.into() }
    }
}

impl std::fmt::Display for Wanting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.english)
    }
}

/// One server, and what it says of itself.
struct Server {
    /// Which of a cluster it is.
    address: Option<String>,
    info: HashMap<String, String>,
    settings: HashMap<String, String>,
}

impl Server {
    /// What it does when its memory is full, if it lets us see that.
    fn policy(&self) -> Option<&str> {
        let policy = self.info.get("maxmemory_policy");
        policy.or_else(|| self.settings.get("maxmemory-policy")).map(String::as_str)
    }

    fn is_appending(&self) -> bool {
        self.info.get("aof_enabled").map(String::as_str) == Some("1")
    }
}

/// Looks at the server, in a cluster at every one that has keys of its own. What is not as it should be, but can be lived with,
/// is returned.
pub(super) async fn inspect(link: &Link, layout: &Layout) -> Result<Vec<Wanting>, StoreError> {
    let servers = servers(link).await?;
    let mut wanting = told(link, &servers, |server| {
        server.policy().is_none().then(|| {
            Wanting::new(
                "does not let this user see `maxmemory-policy`, so that whether it throws keys away cannot be told. It must be \
                 `noeviction`; allow +config|get to have it checked",
                "不允许这个用户查看 `maxmemory-policy`，无法得知它是否会淘汰键。它必须是 `noeviction`；允许 +config|get 即可检查",
            )
        })
    });
    wanting.extend(told(link, &servers, nearly_full));
    let evicting = told(link, &servers, evicting);
    if let Some(evicting) = evicting.into_iter().next() {
        let Wanting { english, chinese } = evicting;
        return Err(StoreError::new(StoreErrorKind::Invalid, english).in_chinese(chinese));
    }
    refuse_foreign(link, layout).await?;
    wanting.extend(try_rights(link, layout).await?);
    if link.replicas() == 0 {
        wanting.extend(told(link, &servers, |server| {
            less_than_durable(server.is_appending(), server.settings.get("appendfsync"))
        }));
    }
    Ok(wanting)
}

/// The server; of a cluster, every one that has keys of its own. One that is too old is refused before more is asked of it.
async fn servers(link: &Link) -> Result<Vec<Server>, StoreError> {
    let mut first = link.aside(None::<tokio::sync::mpsc::UnboundedSender<redis::PushInfo>>).await?;
    let info: String = link.explained(cmd("INFO").query_async(&mut first).await)?;
    refuse_old(link, None, &fields(&info))?;
    let all = if link.is_cluster() {
        link.ask_servers(&cmd("INFO")).await?
    } else {
        vec![(None, Value::BulkString(info.into_bytes()))]
    };
    let mut servers = Vec::with_capacity(all.len());
    for (address, info) in all {
        let info = from_redis_value::<String>(info).map_err(redis::RedisError::from);
        let info = fields(&link.explained(info)?);
        refuse_old(link, address.as_deref(), &info)?;
        let mut settings = HashMap::new();
        for name in ["appendfsync", "maxmemory-policy"] {
            let mut asked = cmd("CONFIG");
            asked.arg("GET").arg(name);
            // Whoever may not see it is told so.
            if let Ok(value) = link.ask_server(address.as_deref(), &asked).await {
                let value = from_redis_value::<HashMap<String, String>>(value);
                settings.extend(value.unwrap_or_default());
            }
        }
        servers.push(Server { address, info, settings });
    }
    Ok(servers)
}

fn fields(info: &str) -> HashMap<String, String> {
    let fields = info.lines().filter_map(|line| line.trim_end().split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What is said of these servers, each time with those of a cluster that it is said of.
fn told(
    link: &Link,
    servers: &[Server],
    what: impl Fn(&Server) -> Option<Wanting>,
) -> Vec<Wanting> {
    let mut said: Vec<(Wanting, Vec<&str>)> = Vec::new();
    for server in servers {
        let Some(text) = what(server) else { continue };
        let addresses = server.address.as_deref();
        match said.iter_mut().find(|(other, _)| *other == text) {
            Some((_, of)) => of.extend(addresses),
            None => said.push((text, addresses.into_iter().collect())),
        }
    }
    let named = |(Wanting { english, chinese }, of): (Wanting, Vec<&str>)| {
        let (name, at) = (link.name(), of.join("、"));
        let at = if of.is_empty() { String::new() } else { format!("（{at}）") };
        Wanting::new(
            format!("{} {english}", named(link, &of)),
            format!("存储 {name}{at} {chinese}"),
        )
    };
    said.into_iter().map(named).collect()
}

/// Whether nine tenths of the memory that it may use are used.
fn nearly_full(server: &Server) -> Option<Wanting> {
    let number = |name: &str| server.info.get(name)?.parse::<u64>().ok();
    let (used, most) = (number("used_memory")?, number("maxmemory")?);
    (most > 0 && used >= most / 10 * 9).then(|| {
        let (used, most) = (used >> 20, most >> 20);
        Wanting::new(
            format!(
                "has used {used} MiB of the {most} MiB that `maxmemory` allows: nothing can be stored when they are full. Raise \
                 the limit, or remove what else is in it"
            ),
            format!(
                "已使用 `maxmemory` 所允许的 {most} MiB 中的 {used} MiB：用满之后无法再保存。请提高上限，或清理其中的其他数据"
            ),
        )
    })
}

/// The store, and which of its servers are meant.
fn named(link: &Link, addresses: &[&str]) -> String {
    match addresses {
        [] => format!("the store {}", link.name()),
        _ => format!("the store {}, at {},", link.name(), addresses.join(" and ")),
    }
}

/// What an acknowledged write can be lost by, where no replicas confirm it.
fn less_than_durable(is_appending: bool, policy: Option<&String>) -> Option<Wanting> {
    const REMEDY: &str = "Secrets, keys and whatever else cannot be fetched again need `appendonly yes` and `appendfsync \
                          always` (CONFIG SET), or `?replicas=N` in the URL, with which N replicas are to confirm them";
    const CHINESE_REMEDY: &str = "AppSecret、密钥等无法重新获取的内容需要 `appendonly yes` 与 `appendfsync always`（CONFIG SET），\
                                  或在 URL 中写 `?replicas=N`，由 N 个副本确认";
    let (what, chinese) = match policy.map(String::as_str) {
        Some("always") if is_appending => return None,
        Some(policy) if is_appending => (
            format!(
                "flushes its log to disk `{policy}` and not always: what was acknowledged in the last second can be lost with \
                 the machine"
            ),
            format!("的日志按 `{policy}` 而不是 always 写入磁盘：机器故障时可能丢失最后一秒已确认的内容"),
        ),
        _ if !is_appending => (
            "keeps no log on disk: what was stored since its last snapshot is lost when it ends".to_owned(),
            "不在磁盘上保存日志：它结束时，上次快照之后保存的内容会丢失".to_owned(),
        ),
        _ => (
            "does not let this user see `appendfsync` (+config|get allows it), so that whether what was acknowledged is on \
             disk cannot be told"
                .to_owned(),
            "不允许这个用户查看 `appendfsync`（允许 +config|get 即可），无法得知已确认的内容是否在磁盘上".to_owned(),
        ),
    };
    Some(Wanting::new(format!("{what}. {REMEDY}"), format!("{chinese}。{CHINESE_REMEDY}")))
}

fn refuse_old(
    link: &Link,
    address: Option<&str>,
    info: &HashMap<String, String>,
) -> Result<(), StoreError> {
    let version = info.get("redis_version").map_or("0", String::as_str);
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found >= OLDEST {
        return Ok(());
    }
    let (major, minor) = OLDEST;
    Err(StoreError::new(
        StoreErrorKind::Invalid,
        format!(
            "{} is Redis {version}, and Lingpai needs {major}.{minor} or newer, or Valkey. Upgrade it",
            named(link, address.as_slice())
        ),
    )
    .in_chinese(format!(
        "存储 {} 是 Redis {version}，Lingpai 需要 {major}.{minor} 或更新的版本，或 Valkey。请升级",
        link.name()
    )))
}

fn evicting(server: &Server) -> Option<Wanting> {
    let policy = server.policy().filter(|policy| *policy != "noeviction")?;
    Some(Wanting::new(
        format!(
            "throws keys away when its memory is full (maxmemory-policy {policy}): leases and accounts would vanish. CONFIG SET \
             maxmemory-policy noeviction, or use a Redis that is not a cache"
        ),
        format!(
            "在内存用满时会淘汰键（maxmemory-policy {policy}）：租约与账号会消失。请执行 CONFIG SET maxmemory-policy noeviction，\
             或改用不作缓存的 Redis"
        ),
    ))
}

/// Whether a key of ours is another program's.
async fn refuse_foreign(link: &Link, layout: &Layout) -> Result<(), StoreError> {
    for (key, expected) in layout.types() {
        let mut kind = cmd("TYPE");
        kind.arg(&key);
        let found: String = link.run(&kind, Repeat::Harmless).await?;
        if found != "none" && found != expected {
            return Err(StoreError::new(
                StoreErrorKind::Corrupt,
                format!(
                    "the key {key} in the store {} is a {found}, and Lingpai keeps a {expected} \
                     there: another program uses this name. Give Lingpai a prefix of its own with \
                     `?prefix=NAME:`, or remove that key; nothing was changed",
                    link.name()
                ),
            )
            .in_chinese(format!(
                "存储 {} 中的键 {key} 是 {found}，而 Lingpai 在那里保存 {expected}：有其他程序使用这个名字。请用 `?prefix=名字:` 给 \
                 Lingpai 单独的前缀，或删除该键；没有任何改动",
                link.name()
            )));
        }
    }
    Ok(())
}

/// Tries what this user must be allowed to do, and whether replicas confirm it. What is wanting.
async fn try_rights(link: &Link, layout: &Layout) -> Result<Option<Wanting>, StoreError> {
    let probe = script::probe(layout.probes()).arg(layout.changes()).arg("probe");
    let wanting = match link.call_confirmed::<i64>(&probe).await {
        Err(error) if error.kind == StoreErrorKind::Unconfirmed => {
            let (name, replicas) = (link.name(), link.replicas());
            Some(Wanting::new(
                format!(
                    "the store {name} has too few replicas that confirm a write in time: accounts and keys cannot be changed until \
                     there are {replicas}, as `replicas={replicas}` asks for. See `INFO replication` there; a replica without a \
                     log of its own (`appendonly no`) does not count where the master has one"
                ),
                format!(
                    "存储 {name} 及时确认写入的副本太少：达到 `replicas={replicas}` 要求的 {replicas} 个之前，不能修改账号与密钥。\
                     请查看 `INFO replication`；主节点有日志时，没有日志（`appendonly no`）的副本不算"
                ),
            ))
        }
        outcome => outcome.map(|_| None)?,
    };
    for (name, key) in [("SSCAN", layout.accounts()), ("SMEMBERS", layout.accounts())] {
        let mut command = cmd(name);
        command.arg(key);
        if name == "SSCAN" {
            command.arg(0);
        }
        let _: Value = link.run(&command, Repeat::Harmless).await?;
    }
    Ok(wanting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_that_is_too_old_is_refused_and_a_valkey_is_not() {
        let link = Link::new(&"redis://a".parse().unwrap()).unwrap();
        let refusal =
            |version| refuse_old(&link, None, &fields(&format!("redis_version:{version}")));
        for old in ["2.8.24", "6.0.16", ""] {
            let error = refusal(old).unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Invalid);
            assert!(error.to_string().contains("needs 6.2 or newer"), "{error}");
        }
        // Valkey 8 calls itself Redis 7.2.4 here.
        for new in ["6.2.0", "7.2.4", "10.0.0"] {
            refusal(new).unwrap();
        }
    }
}
