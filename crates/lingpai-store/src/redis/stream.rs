//! The ledger and the events: what is counted and what is told.

use lingpai_core::event::Event;
use lingpai_core::store::{Entry, Ledger};
use lingpai_core::{AccountId, Day, StoreError, StoreErrorKind};
use redis::Cmd;

use super::link::Repeat;
use super::{LEDGER_KEPT, RedisStore, script};

/// How many events are looked at in one step, so that Redis does not stand still for others.
const PAGE: usize = 1000;

pub(super) async fn count(
    store: &RedisStore,
    account: &AccountId,
    day: Day,
    entry: &Entry,
    times: u32,
) -> Result<(), StoreError> {
    let call = script::count([store.layout.ledger(account, day)])
        .arg(entry.name())
        .arg(times)
        .arg(LEDGER_KEPT.as_secs());
    let _: i64 = store.link.call(&call, Repeat::Never).await?;
    Ok(())
}

pub(super) async fn ledger(
    store: &RedisStore,
    account: &AccountId,
    day: Day,
) -> Result<Ledger, StoreError> {
    store.link.run(&Cmd::hgetall(store.layout.ledger(account, day)), Repeat::Harmless).await
}

pub(super) async fn record(store: &RedisStore, events: &[Event]) -> Result<(), StoreError> {
    let Some(now) = events.iter().map(|event| event.at).max() else { return Ok(()) };
    let oldest = (now - store.bounds.age).as_millis().max(0);
    let mut call = script::record([store.layout.events()]).arg(store.bounds.count).arg(oldest);
    for event in events {
        let body = serde_json::to_string(event).map_err(|error| {
            let what = format!("the event {} cannot be stored", event.what.name());
            StoreError::new(StoreErrorKind::Invalid, what).caused_by(error)
        })?;
        let account = event.account().map(AccountId::as_str).unwrap_or_default();
        call = call.arg(event.at.as_millis().max(1)).arg(account).arg(body);
    }
    let _: i64 = store.link.call(&call, Repeat::Never).await?;
    Ok(())
}

pub(super) async fn events(
    store: &RedisStore,
    account: Option<&AccountId>,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let wanted = account.map(AccountId::as_str).unwrap_or_default();
    let mut from = "+".to_owned();
    let mut events = Vec::new();
    while events.len() < limit && !from.is_empty() {
        let length = if account.is_none() { PAGE.min(limit - events.len()) } else { PAGE };
        let page = script::events([store.layout.events()]).arg(&from).arg(length).arg(wanted);
        let page: Vec<String> = store.link.call(&page, Repeat::Harmless).await?;
        let mut page = page.into_iter();
        from = page.next().unwrap_or_default();
        for body in page {
            match serde_json::from_str(&body) {
                Ok(event) => events.push(event),
                // What is told about the past must not stop what is done now.
                Err(error) => {
                    tracing::error!(%error, "a stored event cannot be read and is left out");
                }
            }
        }
    }
    events.truncate(limit);
    Ok(events)
}
