//! Opening: is it a Redis that we can rely on, may we do what we must, is the store ours, does the key fit?

use std::collections::HashMap;

use lingpai_core::{StoreError, StoreErrorKind};
use redis::cmd;

use super::fields::Fields;
use super::layout::Layout;
use super::link::{Link, Repeat};
use super::script;
use crate::keys::{self, KeySource, MasterKey};
use crate::seal::{Place, Sealer, Unopened};

/// The version of the layout that this program writes and reads.
const SCHEMA: u32 = 1;

/// The oldest Redis that has what the scripts use (XTRIM MINID).
const OLDEST: (u32, u32) = (6, 2);

/// A text that is stored sealed, to tell whether a key fits.
const KNOWN_TEXT: &str = "the master key of this store";

const KEY_CHECK: Place<'static> = Place { table: "meta", record: "key_check", column: "value" };

/// Looks at the server. What is not as it should be, but can be lived with, is returned.
pub(super) async fn inspect(link: &Link, layout: &Layout) -> Result<Vec<String>, StoreError> {
    let mut server =
        link.aside(None::<tokio::sync::mpsc::UnboundedSender<redis::PushInfo>>).await?;
    let info: String = link.explained(cmd("INFO").query_async(&mut server).await)?;
    let info: HashMap<&str, &str> =
        info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    refuse_old(link, &info)?;
    refuse_eviction(link, &info)?;
    let mut wanting = Vec::new();
    let settings: redis::RedisResult<HashMap<String, String>> =
        cmd("CONFIG").arg("GET").arg("appendfsync").query_async(&mut server).await;
    let settings = settings.unwrap_or_default();
    let is_appending = info.get("aof_enabled") == Some(&"1");
    match settings.get("appendfsync").map(String::as_str) {
        Some("always") if is_appending => {}
        Some(policy) if is_appending => wanting.push(format!(
            "flushes its log to disk `{policy}` and not always: what was acknowledged in the last \
             second can be lost with the machine. For accounts and keys that must not be lost: CONFIG \
             SET appendfsync always"
        )),
        _ if !is_appending => wanting.push(
            "keeps no log on disk: what was stored since its last snapshot is lost when it ends. For \
             accounts and keys that must not be lost: CONFIG SET appendonly yes, appendfsync always"
                .to_owned(),
        ),
        _ => wanting.push(
            "does not let this user see `appendfsync`, so that whether what was acknowledged is on \
             disk cannot be told. It should be `always`; allow +config|get to have it checked"
                .to_owned(),
        ),
    }
    refuse_foreign(link, layout).await?;
    try_rights(link, layout).await?;
    Ok(wanting.into_iter().map(|what| format!("the store {} {what}", link.name())).collect())
}

/// Finds the master key and sees whether it fits. Founds the store if there is none and `founds` is true.
pub(super) async fn fit_key(
    link: &Link,
    layout: &Layout,
    source: &KeySource,
    founds: bool,
) -> Result<Sealer, StoreError> {
    let sealer = Sealer::new(&given_key(link, source)?);
    let key = layout.meta();
    let mut get = cmd("HGETALL");
    get.arg(&key);
    let mut meta: HashMap<String, Vec<u8>> = link.run(&get, Repeat::Harmless).await?;
    if meta.is_empty() {
        if !founds {
            return Ok(sealer);
        }
        meta = found(link, layout, &sealer).await?;
    }
    let meta = Fields::new(&key, meta);
    let schema: u32 = meta.needed("schema", meta.parsed("schema")?)?;
    if schema > SCHEMA {
        return Err(StoreError::new(
            StoreErrorKind::Newer,
            format!(
                "the store {} was written by a newer Lingpai (its layout is {schema}, this program \
                 knows {SCHEMA}). Run that version; nothing was changed",
                link.name()
            ),
        ));
    }
    let check = meta.needed("key_check", meta.bytes("key_check"))?;
    match sealer.open(KEY_CHECK, check) {
        Ok(_) => Ok(sealer),
        Err(why) => Err(unfit_key(link, source, &key, why)),
    }
}

/// Founds the store if there is none: of several nodes that start at once the first does. What is written of it.
pub(super) async fn found(
    link: &Link,
    layout: &Layout,
    sealer: &Sealer,
) -> Result<HashMap<String, Vec<u8>>, StoreError> {
    let found = script::found([layout.meta()])
        .arg(("schema", SCHEMA))
        .arg("key_check")
        .arg(sealer.seal(KEY_CHECK, KNOWN_TEXT)?);
    link.call(&found, Repeat::Harmless).await
}

/// Never a generated one: every node must have the same.
fn given_key(link: &Link, source: &KeySource) -> Result<MasterKey, StoreError> {
    let missing = |what: &str| {
        StoreError::new(
            StoreErrorKind::Sealed,
            format!(
                "{what}, without which the store {} cannot be used. Every node needs the same one: \
                 `openssl rand -hex 32` makes it; give it as LINGPAI_MASTER_KEY, or as `master-key`",
                link.name()
            ),
        )
    };
    match source {
        KeySource::Given { key, .. } => Ok(key.clone()),
        KeySource::File(path) => {
            let name = format!("the key file {} is missing", path.display());
            keys::read(path)?.ok_or_else(|| missing(&name))
        }
        KeySource::Beside => Err(missing("the master key is missing")),
    }
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

fn refuse_eviction(link: &Link, info: &HashMap<&str, &str>) -> Result<(), StoreError> {
    let policy = info.get("maxmemory_policy").copied().unwrap_or("noeviction");
    if policy == "noeviction" {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Invalid,
        format!(
            "the store {} throws keys away when its memory is full (maxmemory-policy {policy}): \
             leases and accounts would vanish. CONFIG SET maxmemory-policy noeviction, or use a Redis \
             that is not a cache",
            link.name()
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
            ));
        }
    }
    Ok(())
}

async fn try_rights(link: &Link, layout: &Layout) -> Result<(), StoreError> {
    let probe = script::probe(layout.probes()).arg(layout.changes()).arg("probe");
    let _: i64 = link.call(&probe, Repeat::Harmless).await?;
    for (name, key) in [("SSCAN", layout.accounts()), ("SMEMBERS", layout.accounts())] {
        let mut command = cmd(name);
        command.arg(key);
        if name == "SSCAN" {
            command.arg(0);
        }
        let _: redis::Value = link.run(&command, Repeat::Harmless).await?;
    }
    Ok(())
}

fn unfit_key(link: &Link, source: &KeySource, meta: &str, why: Unopened) -> StoreError {
    let store = link.name();
    let key = match source {
        KeySource::Given { from, .. } => from.clone(),
        KeySource::File(path) => format!("the key file {}", path.display()),
        KeySource::Beside => String::new(),
    };
    let message = match why {
        Unopened::OtherKey => format!(
            "the master key from {key} is not the one that the store {store} is sealed with. Every \
             node needs the same key; nothing was changed"
        ),
        Unopened::Altered => format!(
            "the field key_check of the key {meta} in the store {store} cannot be opened with the \
             master key from {key}: {why}. Restore the store from a backup"
        ),
    };
    StoreError::new(StoreErrorKind::Sealed, message)
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
