//! What this node has seen of accounts and keys, to put it back into a Redis that has lost it.
//!
//! A Redis can come back empty, or as it was some time ago: restarted without its log, flushed, replaced by a replica that
//! lagged behind. So an account that is missing was not removed (that leaves a tombstone), one with an earlier date was not
//! changed back, and a key that was revoked stays revoked. Every node puts back what it has seen; who comes second finds it
//! there.

use std::collections::{HashMap, HashSet};

use lingpai_core::client::ApiKey;
use lingpai_core::{AccountId, StoreError};
use redis::cmd;

use super::fields::Fields;
use super::link::Repeat;
use super::{RedisStore, script};
use crate::Damage;

/// What was seen last.
#[derive(Default)]
pub(super) struct Keepsake {
    accounts: HashMap<AccountId, Seen>,
    keys: HashMap<String, ApiKey>,
}

/// An account's fields as they were, sealed as they were.
#[derive(Clone)]
pub(super) struct Seen {
    updated_at: i64,
    pub(super) fields: Vec<(String, Vec<u8>)>,
}

/// The accounts that were seen and are not in this list of names: it has lost them.
pub(super) fn unlisted(store: &RedisStore, listed: &[AccountId]) -> Vec<AccountId> {
    let listed: HashSet<_> = listed.iter().collect();
    let keepsake = store.keepsake();
    keepsake.accounts.keys().filter(|id| !listed.contains(id)).cloned().collect()
}

/// Compares an account with what was seen of it. What is to be put back, if anything is; otherwise it is noted.
pub(super) fn lost(
    store: &RedisStore,
    id: &AccountId,
    found: &Fields<'_>,
) -> Result<Option<Seen>, StoreError> {
    let mut keepsake = store.keepsake();
    if found.bytes("removed_at").is_some() {
        keepsake.accounts.remove(id);
        return Ok(None);
    }
    let updated_at: Option<i64> = found.parsed("updated_at")?;
    match keepsake.accounts.get(id) {
        Some(seen) if updated_at.is_none_or(|at| at < seen.updated_at) => Ok(Some(seen.clone())),
        _ => {
            if let Some(updated_at) = updated_at {
                let fields = found.pairs();
                keepsake.accounts.insert(id.clone(), Seen { updated_at, fields });
            }
            Ok(None)
        }
    }
}

/// Puts an account back. False if another node has done so meanwhile, or somebody has changed or removed it.
pub(super) async fn put_back(
    store: &RedisStore,
    id: &AccountId,
    seen: &Seen,
) -> Result<bool, StoreError> {
    let mut call = script::restore([store.layout.account(id)]).arg(seen.updated_at);
    for (name, value) in &seen.fields {
        call = call.arg(name).arg(value.as_slice());
    }
    let mut list = cmd("SADD");
    list.arg(store.layout.accounts()).arg(id.as_str());
    let _: i64 = store.link.run(&list, Repeat::Harmless).await?;
    let is_put = store.link.call::<i64>(&call, Repeat::Harmless).await? == 1;
    if is_put {
        tracing::warn!(account = %id, "Redis has lost this account, or a change of it; it was put back");
    }
    Ok(is_put)
}

/// The keys that were seen otherwise than they are: missing, or no longer revoked. The others are noted. One that is damaged
/// is not lost: it may say something that is newer than what was seen, so it is left for a person.
pub(super) fn lost_keys(store: &RedisStore, found: &[ApiKey], damaged: &[Damage]) -> Vec<ApiKey> {
    let mut seen = std::mem::take(&mut store.keepsake().keys);
    let mut lost = Vec::new();
    let mut now = HashMap::with_capacity(found.len());
    for key in found {
        match seen.remove(&key.id) {
            Some(seen) if seen.revoked_at.is_some() && key.revoked_at.is_none() => lost.push(seen),
            _ => drop(now.insert(key.id.clone(), key.clone())),
        }
    }
    for (id, key) in seen {
        if damaged.iter().any(|damage| damage.record == id) {
            now.insert(id, key);
        } else {
            lost.push(key);
        }
    }
    now.extend(lost.iter().map(|key| (key.id.clone(), key.clone())));
    store.keepsake().keys = now;
    lost
}
