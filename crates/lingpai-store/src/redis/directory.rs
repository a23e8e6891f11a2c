//! Accounts and API keys.
//!
//! A removed account leaves a tombstone, so that it can be told from one that a Redis has lost.

use std::collections::HashMap;
use std::slice;
use std::sync::Arc;

use lingpai_core::api_security::InvalidApiSecurity;
use lingpai_core::client::ApiKey;
use lingpai_core::proxy::InvalidProxy;
use lingpai_core::push::InvalidPush;
use lingpai_core::{
    Account, AccountId, ApiSecurityKeys, Secret, StoreError, StoreErrorKind, Timestamp,
};
use redis::{Cmd, cmd};

use super::fields::Fields;
use super::link::Repeat;
use super::script::Call;
use super::{RedisStore, keepsake, script};
use crate::damage::{self, Flaw, refuse_newer};
use crate::seal::Place;
use crate::{Damage, rules};

const TABLE: &str = Damage::ACCOUNTS;

/// The fields that are sealed.
const SECRET: &str = "secret";
const PROXY: &str = "proxy";
const PUSH: &str = "push";
const API_SECURITY: &str = "api_security";
/// All of them.
pub(super) const SEALED: [&str; 4] = [SECRET, PROXY, PUSH, API_SECURITY];

/// The account that acts for it.
const PLATFORM: &str = "platform";

/// Every account that is whole, and what is wrong with the others.
pub(super) async fn accounts(
    store: &RedisStore,
) -> Result<(Vec<Account>, Vec<Damage>), StoreError> {
    let names = store.members(store.layout.accounts()).await?;
    let mut ids: Vec<AccountId> = names.iter().filter_map(|name| name.parse().ok()).collect();
    ids.extend(keepsake::unlisted(store, &ids));
    let (whole, damaged) = accounts_of(store, ids).await?;
    store.damaged.found(TABLE, damaged.clone());
    Ok((whole, damaged))
}

/// Those of these accounts that are there and whole, and what is wrong with the others.
pub(super) async fn accounts_of(
    store: &RedisStore,
    ids: Vec<AccountId>,
) -> Result<(Vec<Account>, Vec<Damage>), StoreError> {
    let (mut whole, mut damaged) = (Vec::new(), Vec::new());
    let each = |_: &Fields<'_>, read: Result<Option<Account>, Damage>| match read {
        Ok(account) => whole.extend(account),
        Err(damage) => damaged.push(damage),
    };
    read(store, &ids, each).await?;
    Ok((whole, damaged))
}

/// Reads these accounts. `each` is given the fields of one, and what they say: an account, none, or what is wrong with it.
async fn read(
    store: &RedisStore,
    ids: &[AccountId],
    mut each: impl FnMut(&Fields<'_>, Result<Option<Account>, Damage>) + Send,
) -> Result<(), StoreError> {
    let keys: Vec<_> = ids.iter().map(|id| store.layout.account(id)).collect();
    let found = values(store, &keys).await?;
    let mut has_lost = false;
    for ((id, key), found) in ids.iter().zip(&keys).zip(found) {
        let mut fields = Fields::new(key, found);
        let record = id.to_string();
        match keepsake::lost(store, id, &fields) {
            Ok(None) => {}
            Ok(Some(lost)) => {
                let values = if keepsake::put_back(store, id, &lost).await? {
                    has_lost = true;
                    lost.fields.into_iter().collect()
                } else {
                    // What was read was older than what this node has seen meanwhile, or another has put it back.
                    values(store, slice::from_ref(key)).await?.pop().unwrap_or_default()
                };
                fields = Fields::new(key, values);
            }
            Err(error) => tracing::error!(account = record, "{error}"),
        }
        let is_there = !fields.is_empty() && fields.bytes("removed_at").is_none();
        let account = is_there.then(|| account(store, id.clone(), &fields)).transpose();
        each(&fields, account.map_err(|flaw| flaw.of(TABLE, record)));
    }
    if has_lost {
        store.whole.watch().await?;
        store.whole.accounts_changed().await?;
    }
    Ok(())
}

/// The fields that these accounts have, with the keys at hand to open what is sealed in them.
async fn values(
    store: &RedisStore,
    keys: &[String],
) -> Result<Vec<HashMap<String, Vec<u8>>>, StoreError> {
    let found: Vec<HashMap<String, Vec<u8>>> =
        store.link.run_all(keys.iter().map(Cmd::hgetall).collect()).await?;
    let sealed = SEALED.iter().flat_map(|name| found.iter().filter_map(|it| it.get(*name)));
    if !store.whole.knows(sealed.map(Vec::as_slice)) {
        store.whole.look_for_keys().await?;
    }
    Ok(found)
}

/// Puts an account in the place of `before`, if that is what stands there. What was read is opened and decided on here, and the
/// script compares its bytes: sealed, no two writes have the same.
pub(super) async fn put_account(
    store: &RedisStore,
    account: &Account,
    before: Option<&Account>,
) -> Result<(), StoreError> {
    let id = &account.id;
    list(store, id).await?;
    for _ in 0..16 {
        let (stored, read) = read_one(store, id).await?;
        rules::may_replace(stored.as_ref(), before, account)?;
        let call = as_read(script::swap([store.layout.account(id)]), &read);
        let outcome = store.link.call_confirmed::<i64>(&written(store, account, call)?).await;
        // Something was written since it was read, perhaps by this call, whose answer was lost. The rule has the last word.
        if !matches!(outcome, Ok(0)) {
            return changed(store, outcome).await.map(drop);
        }
    }
    Err(rules::changed(id))
}

/// Remembers that an account was removed at this time, unless it is there again.
pub(super) async fn put_tombstone(
    store: &RedisStore,
    id: &AccountId,
    at: Timestamp,
) -> Result<(), StoreError> {
    list(store, id).await?;
    let (None, read) = read_one(store, id).await? else { return Ok(()) };
    let call = as_read(script::swap([store.layout.account(id)]), &read);
    let call = call.arg("removed_at").arg(at.as_millis());
    store.link.call_confirmed::<i64>(&call).await.map(drop)
}

/// Puts a name into the list of all. Before the account: one that is listed and not there does no harm.
async fn list(store: &RedisStore, id: &AccountId) -> Result<(), StoreError> {
    let mut list = cmd("SADD");
    list.arg(store.layout.accounts()).arg(id.as_str());
    store.link.run::<i64>(&list, Repeat::Harmless).await.map(drop)
}

/// One account, and its fields as they are, for a script that compares them. One that is damaged counts as none; what a newer
/// version has written is left alone.
pub(super) async fn read_one(
    store: &RedisStore,
    id: &AccountId,
) -> Result<(Option<Account>, Vec<(String, Vec<u8>)>), StoreError> {
    let mut found = (Ok(None), Vec::new());
    let note = |fields: &Fields<'_>, read: Result<Option<Account>, Damage>| {
        found = (read, fields.pairs());
    };
    read(store, slice::from_ref(id), note).await?;
    let (account, fields) = found;
    if let Err(damage) = &account {
        refuse_newer(slice::from_ref(damage))?;
    }
    Ok((account.ok().flatten(), fields))
}

/// A script's call, with what was read as its first arguments.
fn as_read(call: Call, read: &[(String, Vec<u8>)]) -> Call {
    let call = call.arg(read.len() * 2);
    read.iter().fold(call, |call, (name, value)| call.arg(name).arg(value.as_slice()))
}

/// A script's call, with the fields of an account as its last arguments.
fn written(store: &RedisStore, account: &Account, mut call: Call) -> Result<Call, StoreError> {
    let id = &account.id;
    let text = |value: serde_json::Result<String>| {
        value.map_err(|error| {
            let what = format!("the account {id} cannot be stored");
            StoreError::new(StoreErrorKind::Invalid, what).caused_by(error)
        })
    };
    let ring = &store.whole.foundation().ring;
    let sealed = |column, value: &Secret| ring.seal(place_of(id.as_str(), column), value.expose());
    call = call
        .arg(("kind", text(serde_json::to_string(&account.kind))?))
        .arg(("mode", text(serde_json::to_string(&account.mode))?))
        .arg(SECRET)
        .arg(sealed(SECRET, &account.secret)?)
        .arg(("policy", text(serde_json::to_string(&account.policy))?))
        .arg(("created_at", account.created_at.as_millis()))
        .arg(("updated_at", account.updated_at.as_millis()));
    if let Some(proxy) = &account.proxy {
        call = call.arg(PROXY).arg(sealed(PROXY, &proxy.to_url())?);
    }
    if let Some(push) = &account.push {
        call = call.arg(PUSH).arg(sealed(PUSH, &push.to_text())?);
    }
    if let Some(keys) = &account.api_security {
        call = call.arg(API_SECURITY).arg(sealed(API_SECURITY, &keys.to_text())?);
    }
    if let Some(platform) = &account.platform {
        call = call.arg((PLATFORM, platform.as_str()));
    }
    Ok(call)
}

/// Removes an account; only as it was read, by whoever has read it.
pub(super) async fn remove_account(
    store: &RedisStore,
    account: &AccountId,
    read: Option<&Account>,
) -> Result<bool, StoreError> {
    let layout = &store.layout;
    let set = layout.kinds(account);
    // Begins in this moment may add a kind, and others change the account; not for ever.
    for _ in 0..16 {
        let mut members = cmd("SMEMBERS");
        members.arg(&set);
        let kinds: Vec<String> = store.link.run(&members, Repeat::Harmless).await?;
        let [parcels, waiting, dead] = layout.outbox(account);
        let keys = [layout.account(account), set.clone(), parcels, waiting, dead];
        let mut call = script::remove(keys);
        call = match read {
            None => call.arg(-1),
            Some(read) => {
                let (stored, fields) = read_one(store, account).await?;
                let Some(stored) = stored else { return Ok(false) };
                rules::may_remove(&stored, read)?;
                as_read(call, &fields)
            }
        };
        for kind in kinds {
            call = call.key(layout.credential_of(account, &kind)).arg(kind);
        }
        let outcome = store.link.call_confirmed::<String>(&call).await;
        if outcome.as_ref().is_ok_and(|outcome| outcome == "again") {
            continue;
        }
        return Ok(changed(store, outcome).await? == "removed");
    }
    let message = format!("the account {account} is being used too much to be removed. Try again");
    Err(StoreError::new(StoreErrorKind::Unavailable, message))
}

/// What differs after any change of an account.
pub(super) async fn revision(store: &RedisStore) -> Result<i64, StoreError> {
    let revision: Option<i64> =
        store.link.run(&Cmd::get(store.layout.revision()), Repeat::Harmless).await?;
    Ok(revision.unwrap_or(0))
}

/// Every key that is whole.
pub(super) async fn keys(store: &RedisStore) -> Result<Vec<ApiKey>, StoreError> {
    let all = Cmd::hgetall(store.layout.keys());
    let found: Vec<(Vec<u8>, Vec<u8>)> = store.link.run(&all, Repeat::Harmless).await?;
    let (mut keys, mut damaged) = (Vec::new(), Vec::new());
    for (id, body) in found {
        match serde_json::from_slice(&body) {
            Ok(key) => keys.push(key),
            Err(error) => {
                let record = String::from_utf8_lossy(&id).into_owned();
                damaged.push(Damage {
                    table: Damage::KEYS,
                    record,
                    what: error.to_string(),
                    newer: false,
                });
            }
        }
    }
    // Redis has no order.
    damaged.sort_by(|one, other| one.record.cmp(&other.record));
    let lost = keepsake::lost_keys(store, &keys, &damaged);
    store.damaged.found(Damage::KEYS, damaged);
    for key in &lost {
        put_key(store, key).await?;
        tracing::warn!(
            key = key.id,
            "Redis has lost this key, or that it was revoked; it was put back"
        );
    }
    if !lost.is_empty() {
        store.whole.watch().await?;
        keys.retain(|key| lost.iter().all(|lost| lost.id != key.id));
        keys.extend(lost);
    }
    Ok(keys)
}

pub(super) async fn put_key(store: &RedisStore, key: &ApiKey) -> Result<(), StoreError> {
    let body = serde_json::to_string(key).map_err(|error| {
        let what = format!("the key {} cannot be stored", key.id);
        StoreError::new(StoreErrorKind::Invalid, what).caused_by(error)
    })?;
    let put = script::put([store.layout.keys()]).arg(&key.id).arg(body);
    store.link.call_confirmed::<i64>(&put).await.map(drop)
}

/// Notes when a key was first used. False if that is known, or if there is no such key.
pub(super) async fn first_use(
    store: &RedisStore,
    key: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let call = script::first_use([store.layout.keys()]).arg(key).arg(at.as_millis());
    Ok(store.link.call::<i64>(&call, Repeat::Never).await? == 1)
}

/// Has every node read the accounts again after a change, which may be unconfirmed and is in force all the same.
async fn changed<T>(store: &RedisStore, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    if outcome.as_ref().err().is_none_or(|error| error.kind == StoreErrorKind::Unconfirmed) {
        store.whole.accounts_changed().await?;
    }
    outcome
}

fn account(store: &RedisStore, id: AccountId, fields: &Fields<'_>) -> Result<Account, Flaw> {
    let ring = &store.whole.foundation().ring;
    let opened = |column| {
        let opened = |sealed| ring.open(place_of(id.as_str(), column), sealed);
        let opened = fields.bytes(column).map(opened).transpose();
        opened.map_err(|why| fields.damaged(column, why))
    };
    let (secret, proxy) = (fields.needed(SECRET, opened(SECRET)?)?, opened(PROXY)?);
    let proxy = proxy.map(|url| url.expose().parse()).transpose();
    let push = opened(PUSH)?;
    let push = push.map(|text| damage::parse(PUSH, &text, &InvalidPush::Newer)).transpose()?;
    let api_security = opened(API_SECURITY)?.map(|text| {
        damage::parse::<ApiSecurityKeys>(API_SECURITY, &text, &InvalidApiSecurity::Newer)
    });
    let time = |name| fields.needed(name, fields.time(name)?);
    Ok(Account {
        kind: damage::read("kind", fields.needed("kind", fields.text("kind")?)?)?,
        secret,
        mode: damage::read("mode", fields.needed("mode", fields.text("mode")?)?)?,
        proxy: proxy.map_err(|why: InvalidProxy| fields.damaged(PROXY, why))?,
        push,
        api_security: api_security.transpose()?.map(Arc::new),
        platform: fields.parsed(PLATFORM)?,
        policy: damage::read("policy", fields.needed("policy", fields.text("policy")?)?)?,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
        id,
    })
}

pub(super) fn place_of<'a>(id: &'a str, column: &'static str) -> Place<'a> {
    Place { table: TABLE, record: id, column }
}
