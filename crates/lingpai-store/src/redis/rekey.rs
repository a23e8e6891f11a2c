//! Another master key for a store that nodes use.
//!
//! What the data key of today has not sealed is sealed anew first: values of the first layout, which the master key itself
//! sealed. Then the data key is sealed with the new master key, in one step. A value that a node replaces in this moment is left
//! to it: whatever nodes seal, they seal with the data key of today.

use lingpai_core::{StoreError, StoreErrorKind};
use redis::Cmd;

use super::directory;
use super::link::Repeat;
use super::{RedisStore, credentials, outbox, script};
use crate::archive::Archive;
use crate::keys;
use crate::seal::Place;
use crate::{KeySource, MasterKey};

/// How many times it is looked for values that another key has sealed: a node that was only just told of the key of today may
/// have sealed one more.
const ROUNDS: usize = 8;

pub(super) async fn rekey(store: &RedisStore, new: &MasterKey) -> Result<usize, StoreError> {
    let mut count = 0;
    for _ in 0..ROUNDS {
        let sealed = reseal_all(store).await?;
        count += sealed;
        if sealed == 0 {
            break;
        }
        // Nodes keep what they have seen of accounts, and are to see them as they are now.
        store.whole.accounts_changed().await?;
    }
    let file = match &store.key {
        KeySource::File(file) => Some(file),
        KeySource::Given { .. } | KeySource::Beside => None,
    };
    if let Some(file) = file {
        keys::stage(file, new)?;
    }
    let outcome = store.whole.rekey(new).await;
    let is_done =
        outcome.as_ref().err().is_none_or(|error| error.kind == StoreErrorKind::Unconfirmed);
    if let Some(file) = file.filter(|_| is_done) {
        keys::promote(file)?;
    }
    outcome.map(|()| count)
}

async fn reseal_all(store: &RedisStore) -> Result<usize, StoreError> {
    let mut count = 0;
    let accounts = store.members(store.layout.accounts()).await?;
    for id in accounts.iter().filter_map(|name| name.parse().ok()) {
        let key = store.layout.account(&id);
        for column in directory::SEALED {
            let place = directory::place_of(id.as_str(), column);
            count += reseal(
                store,
                (&key, column),
                place,
                "add the account again with its AppSecret, or remove it",
            )
            .await?;
        }
    }
    let names = store.members(store.layout.credentials()).await?;
    for credential in names.iter().filter_map(|name| credentials::parse(name)) {
        let key = store.layout.credential(&credential);
        let name = credential.to_string();
        for column in credentials::SEALED {
            let place = credentials::place(&name, column);
            count += reseal(store, (&key, column), place, "let it be fetched anew").await?;
        }
    }
    for (account, _) in store.outboxes().await? {
        for id in outbox::ids(store, &account).await? {
            let (key, field) = outbox::content(store, &account, &id);
            let record = format!("{account}/{id}");
            let place = outbox::place_of(&record);
            count += reseal(store, (&key, &field), place, "remove this push").await?;
        }
    }
    Ok(count)
}

/// Seals a value anew unless the data key of today has sealed it. How many values that were.
async fn reseal(
    store: &RedisStore,
    (key, field): (&str, &str),
    place: Place<'_>,
    advice: &str,
) -> Result<usize, StoreError> {
    let sealed: Option<Vec<u8>> = store.link.run(&Cmd::hget(key, field), Repeat::Harmless).await?;
    let Some(sealed) = sealed else { return Ok(0) };
    let ring = &store.whole.foundation().ring;
    if ring.is_sealed_now(&sealed) {
        return Ok(0);
    }
    let value = ring.open(place, &sealed).map_err(|why| {
        StoreError::new(
            StoreErrorKind::Sealed,
            format!(
                "the {} of {} cannot be opened: {why}. The master key was not changed: {advice}, and try again",
                place.column, place.record
            ),
        )
    })?;
    let call = script::reseal([key.to_owned()])
        .arg(field)
        .arg(sealed.as_slice())
        .arg(ring.seal(place, value.expose())?);
    let done: i64 = store.link.call(&call, Repeat::Harmless).await?;
    Ok(usize::from(done == 1))
}
