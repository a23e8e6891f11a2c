//! Opening: is it a Redis that we can rely on, may we do what we must, is the store ours?

use std::collections::HashMap;

use lingpai_core::{StoreError, StoreErrorKind};
use redis::{Value, cmd, from_redis_value};

use super::layout::Layout;
use super::link::{Link, Repeat};
use super::script;

/// The oldest Redis that has what the scripts use (XTRIM MINID).
const OLDEST: (u32, u32) = (6, 2);

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
pub(super) async fn inspect(link: &Link, layout: &Layout) -> Result<Vec<String>, StoreError> {
    let servers = servers(link).await?;
    let mut wanting = told(link, &servers, |server| {
        server.policy().is_none().then(|| {
            "does not let this user see `maxmemory-policy`, so that whether it throws keys away cannot be told. It must be \
             `noeviction`; allow +config|get to have it checked"
                .to_owned()
        })
    });
    let evicting = told(link, &servers, evicting);
    if let Some(evicting) = evicting.into_iter().next() {
        return Err(StoreError::new(StoreErrorKind::Invalid, evicting));
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
fn told(link: &Link, servers: &[Server], what: impl Fn(&Server) -> Option<String>) -> Vec<String> {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for server in servers {
        let Some(text) = what(server) else { continue };
        let addresses = server.address.as_deref();
        match said.iter_mut().find(|(other, _)| *other == text) {
            Some((_, of)) => of.extend(addresses),
            None => said.push((text, addresses.into_iter().collect())),
        }
    }
    said.into_iter().map(|(text, of)| format!("{} {text}", named(link, &of))).collect()
}

/// The store, and which of its servers are meant.
fn named(link: &Link, addresses: &[&str]) -> String {
    match addresses {
        [] => format!("the store {}", link.name()),
        _ => format!("the store {}, at {},", link.name(), addresses.join(" and ")),
    }
}

/// What an acknowledged write can be lost by, where no replicas confirm it.
fn less_than_durable(is_appending: bool, policy: Option<&String>) -> Option<String> {
    const REMEDY: &str = "Secrets, keys and whatever else cannot be fetched again need `appendonly yes` and `appendfsync \
                          always` (CONFIG SET), or `?replicas=N` in the URL, with which N replicas are to confirm them";
    let what = match policy.map(String::as_str) {
        Some("always") if is_appending => return None,
        Some(policy) if is_appending => format!(
            "flushes its log to disk `{policy}` and not always: what was acknowledged in the last second can be lost with \
             the machine"
        ),
        _ if !is_appending => {
            "keeps no log on disk: what was stored since its last snapshot is lost when it ends".to_owned()
        }
        _ => "does not let this user see `appendfsync` (+config|get allows it), so that whether what was acknowledged is on \
              disk cannot be told"
            .to_owned(),
    };
    Some(format!("{what}. {REMEDY}"))
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
    ))
}

fn evicting(server: &Server) -> Option<String> {
    let policy = server.policy().filter(|policy| *policy != "noeviction")?;
    Some(format!(
        "throws keys away when its memory is full (maxmemory-policy {policy}): leases and accounts would vanish. CONFIG SET \
         maxmemory-policy noeviction, or use a Redis that is not a cache"
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
            ));
        }
    }
    Ok(())
}

/// Tries what this user must be allowed to do, and whether replicas confirm it. What is wanting.
async fn try_rights(link: &Link, layout: &Layout) -> Result<Option<String>, StoreError> {
    let probe = script::probe(layout.probes()).arg(layout.changes()).arg("probe");
    let wanting = match link.call_confirmed::<i64>(&probe).await {
        Err(error) if error.kind == StoreErrorKind::Unconfirmed => Some(format!(
            "the store {} has too few replicas that confirm a write in time: accounts and keys cannot be changed until there are {}, as \
             `replicas={}` asks for. See `INFO replication` there; a replica without a log of its own (`appendonly no`) \
             does not count where the master has one",
            link.name(),
            link.replicas(),
            link.replicas()
        )),
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
