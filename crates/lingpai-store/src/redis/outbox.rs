//! Parcels in Redis: those of an account in one hash, and two sorted sets that say in which order they wait or are dead.
//! A set of all accounts with waiting ones says where to look. Replicas confirm a new parcel as they confirm an account.

use lingpai_core::outbox::{Delivery, MOST_DEAD, Parcel, Put};
use lingpai_core::{AccountId, StoreError, StoreErrorKind, Timestamp};
use redis::cmd;
use serde_json::{Value, json};

use super::fields::Fields;
use super::link::Repeat;
use super::{RedisStore, script};
use crate::seal::Place;

const FIELDS: [&str; 4] = ["content", "received_at", "delivery", "due_at"];

pub(super) async fn put(
    store: &RedisStore,
    parcel: &Parcel,
    most: usize,
) -> Result<Put, StoreError> {
    let Parcel { account, id, content, received_at, delivery } = parcel;
    let record = format!("{account}/{id}");
    let ring = &store.whole.foundation().ring;
    let put = script::parcel_put(keys(store, account))
        .arg(id)
        .arg(ring.seal(place_of(&record), content.expose())?)
        .arg(received_at.as_millis())
        .arg(written(delivery))
        .arg(due(delivery))
        .arg(most);
    // Before it, so that replicas that have the parcel have this too; and after it, since the account may have been taken off the
    // list in between.
    list(store, account).await?;
    let outcome = store.link.call_confirmed::<String>(&put).await;
    if outcome.as_ref().err().is_none_or(|error| error.kind == StoreErrorKind::Unconfirmed) {
        list(store, account).await?;
    }
    Ok(match outcome?.as_str() {
        "kept" => Put::Kept,
        "known" => Put::Known,
        _ => Put::Full,
    })
}

pub(super) async fn take_due(
    store: &RedisStore,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Parcel>, StoreError> {
    let mut taken = Vec::new();
    for name in store.members(store.layout.outboxes()).await? {
        let Ok(account) = name.parse::<AccountId>() else { continue };
        let take =
            script::parcel_take(keys(store, &account)).arg(now.as_millis()).arg(until.as_millis());
        let outcome: Vec<String> = store.link.call(&take, Repeat::Never).await?;
        match outcome.as_slice() {
            [_, id] => taken.extend(read(store, &account, vec![id.clone()]).await?),
            [word] if word == "none" => unlist(store, &account).await?,
            _ => {}
        }
    }
    Ok(taken)
}

pub(super) async fn set_delivery(
    store: &RedisStore,
    account: &AccountId,
    id: &str,
    delivery: &Delivery,
) -> Result<bool, StoreError> {
    let set = script::parcel_set(keys(store, account))
        .arg(id)
        .arg(written(delivery))
        .arg(due(delivery))
        .arg(MOST_DEAD);
    let was_there: i64 = store.link.call(&set, Repeat::Harmless).await?;
    if was_there == 1 && delivery.due_at.is_some() {
        list(store, account).await?;
    }
    Ok(was_there == 1)
}

pub(super) async fn remove(
    store: &RedisStore,
    account: &AccountId,
    id: &str,
) -> Result<bool, StoreError> {
    let remove = script::parcel_remove(keys(store, account)).arg(id);
    let removed: i64 = store.link.call(&remove, Repeat::Never).await?;
    Ok(removed == 1)
}

pub(super) async fn parcels(
    store: &RedisStore,
    account: &AccountId,
    limit: usize,
) -> Result<Vec<Parcel>, StoreError> {
    let mut ids = ids(store, account).await?;
    ids.truncate(limit);
    read(store, account, ids).await
}

/// What tells the parcels of an account from each other, in their order.
pub(super) async fn ids(
    store: &RedisStore,
    account: &AccountId,
) -> Result<Vec<String>, StoreError> {
    let [_, waiting, dead] = keys(store, account);
    let mut places: Vec<(String, u64)> = Vec::new();
    for set in [waiting, dead] {
        let mut range = cmd("ZRANGE");
        range.arg(set).arg(0).arg(-1).arg("WITHSCORES");
        let some: Vec<(String, u64)> = store.link.run(&range, Repeat::Harmless).await?;
        places.extend(some);
    }
    places.sort_by_key(|(_, place)| *place);
    Ok(places.into_iter().map(|(id, _)| id).collect())
}

/// The key and the field that hold what a parcel says, sealed.
pub(super) fn content(store: &RedisStore, account: &AccountId, id: &str) -> (String, String) {
    let [key, ..] = keys(store, account);
    (key, format!("{id}:content"))
}

/// Those of these that are there and can be read.
async fn read(
    store: &RedisStore,
    account: &AccountId,
    ids: Vec<String>,
) -> Result<Vec<Parcel>, StoreError> {
    let [key, ..] = keys(store, account);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut get = cmd("HMGET");
    get.arg(&key);
    for (id, field) in ids.iter().flat_map(|id| FIELDS.map(|field| (id, field))) {
        get.arg(format!("{id}:{field}"));
    }
    let values: Vec<Option<Vec<u8>>> = store.link.run(&get, Repeat::Harmless).await?;
    let sealed = values.iter().step_by(FIELDS.len()).flatten();
    if !store.whole.knows(sealed.map(Vec::as_slice)) {
        store.whole.look_for_keys().await?;
    }
    let mut parcels = Vec::new();
    for (id, values) in ids.into_iter().zip(values.chunks(FIELDS.len())) {
        let named = FIELDS.iter().zip(values);
        let named = named.filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
        let fields = Fields::new(&key, named.collect());
        if fields.is_empty() {
            continue;
        }
        // One that cannot be read must not stop the others.
        match parcel(store, account, id, &fields) {
            Ok(parcel) => parcels.push(parcel),
            Err(error) => tracing::error!(%error, "a stored push cannot be read and is left out"),
        }
    }
    Ok(parcels)
}

fn parcel(
    store: &RedisStore,
    account: &AccountId,
    id: String,
    fields: &Fields<'_>,
) -> Result<Parcel, StoreError> {
    let record = format!("{account}/{id}");
    let sealed = fields.needed("content", fields.bytes("content"))?;
    let content = store.whole.foundation().ring.open(place_of(&record), sealed);
    let delivery: Value = fields.needed("delivery", fields.json("delivery")?)?;
    let due_at = fields.text("due_at")?.filter(|due_at| !due_at.is_empty());
    let due_at = due_at.map(|_| fields.time("due_at")).transpose()?.flatten();
    Ok(Parcel {
        account: account.clone(),
        content: content.map_err(|why| fields.damaged("content", why))?,
        received_at: fields.needed("received_at", fields.time("received_at")?)?,
        delivery: Delivery {
            attempts: delivery["attempts"].as_u64().unwrap_or(0).try_into().unwrap_or(u32::MAX),
            due_at,
            failure: delivery["failure"].as_str().map(str::to_owned),
        },
        id,
    })
}

fn written(delivery: &Delivery) -> String {
    json!({"attempts": delivery.attempts, "failure": delivery.failure}).to_string()
}

/// The time in milliseconds, or nothing for a dead one.
fn due(delivery: &Delivery) -> String {
    delivery.due_at.map(|at| at.as_millis().to_string()).unwrap_or_default()
}

async fn list(store: &RedisStore, account: &AccountId) -> Result<(), StoreError> {
    let mut list = cmd("SADD");
    list.arg(store.layout.outboxes()).arg(account.as_str());
    let _: i64 = store.link.run(&list, Repeat::Harmless).await?;
    Ok(())
}

/// Takes an account off the list, and puts it on again if a parcel has come meanwhile.
async fn unlist(store: &RedisStore, account: &AccountId) -> Result<(), StoreError> {
    let mut unlist = cmd("SREM");
    unlist.arg(store.layout.outboxes()).arg(account.as_str());
    let _: i64 = store.link.run(&unlist, Repeat::Harmless).await?;
    let [_, waiting, _] = keys(store, account);
    let mut count = cmd("ZCARD");
    count.arg(waiting);
    let waiting: u64 = store.link.run(&count, Repeat::Harmless).await?;
    if waiting > 0 { list(store, account).await } else { Ok(()) }
}

fn keys(store: &RedisStore, account: &AccountId) -> [String; 3] {
    store.layout.outbox(account)
}

pub(super) fn place_of(record: &str) -> Place<'_> {
    Place { table: "outbox", record, column: "content" }
}
