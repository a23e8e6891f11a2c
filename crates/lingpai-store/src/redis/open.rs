//! Opening: is it a Redis that we can rely on, may we do what we must, is the store ours?

use std::collections::HashMap;

use lingpai_core::{StoreError, StoreErrorKind};
use redis::cmd;

use super::layout::Layout;
use super::link::{Link, Repeat};
use super::script;

/// The oldest Redis that has what the scripts use (XTRIM MINID).
const OLDEST: (u32, u32) = (6, 2);

/// Looks at the server. What is not as it should be, but can be lived with, is returned.
pub(super) async fn inspect(link: &Link, layout: &Layout) -> Result<Vec<String>, StoreError> {
    let mut server =
        link.aside(None::<tokio::sync::mpsc::UnboundedSender<redis::PushInfo>>).await?;
    let info: String = link.explained(cmd("INFO").query_async(&mut server).await)?;
    let info: HashMap<&str, &str> =
        info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    refuse_old(link, &info)?;
    let mut settings = HashMap::new();
    for name in ["appendfsync", "maxmemory-policy"] {
        let asked = cmd("CONFIG").arg("GET").arg(name).query_async(&mut server).await;
        settings.extend(asked.unwrap_or_else(|_| HashMap::<String, String>::new()));
    }
    let policy = info.get("maxmemory_policy").copied();
    let policy = policy.or(settings.get("maxmemory-policy").map(String::as_str));
    let mut wanting = Vec::new();
    match policy {
        Some("noeviction") => {}
        Some(policy) => return Err(evicting(link, policy)),
        None => wanting.push(
            "does not let this user see `maxmemory-policy`, so that whether it throws keys away cannot be told. It must be \
             `noeviction`; allow +config|get to have it checked"
                .to_owned(),
        ),
    }
    refuse_foreign(link, layout).await?;
    wanting.extend(try_rights(link, layout).await?);
    if link.replicas() == 0 {
        let is_appending = info.get("aof_enabled") == Some(&"1");
        wanting.extend(less_than_durable(is_appending, settings.get("appendfsync")));
    }
    Ok(wanting.into_iter().map(|what| format!("the store {} {what}", link.name())).collect())
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

fn refuse_old(link: &Link, info: &HashMap<&str, &str>) -> Result<(), StoreError> {
    let version = info.get("redis_version").copied().unwrap_or("0");
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found >= OLDEST {
        return Ok(());
    }
    let (major, minor) = OLDEST;
    Err(StoreError::new(
        StoreErrorKind::Invalid,
        format!(
            "the store {} is Redis {version}, and Lingpai needs {major}.{minor} or newer, or Valkey. \
             Upgrade it",
            link.name()
        ),
    ))
}

fn evicting(link: &Link, policy: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Invalid,
        format!(
            "the store {} throws keys away when its memory is full (maxmemory-policy {policy}): \
             leases and accounts would vanish. CONFIG SET maxmemory-policy noeviction, or use a Redis \
             that is not a cache",
            link.name()
        ),
    )
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
            "has too few replicas that confirm a write in time: accounts and keys cannot be changed until there are {}, as \
             `replicas={}` asks for. See `INFO replication` there; a replica without a log of its own (`appendonly no`) \
             does not count where the master has one",
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
        let _: redis::Value = link.run(&command, Repeat::Harmless).await?;
    }
    Ok(wanting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_that_is_too_old_is_refused_and_a_valkey_is_not() {
        let link = Link::new(&"redis://a".parse().unwrap()).unwrap();
        let refusal = |version| refuse_old(&link, &HashMap::from([("redis_version", version)]));
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
