//! The ledger and the journals: what is counted and what is told.

use lingpai_core::journal::{InvalidPosition, Line, Page, Position, Series, Told};
use lingpai_core::store::{Entry, Ledger};
use lingpai_core::{AccountId, Day, StoreError, StoreErrorKind, Timestamp};
use redis::Cmd;

use super::link::Repeat;
use super::{LEDGER_KEPT, RedisStore, script};

/// How many lines are looked at in one step, so that Redis does not stand still for others.
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

pub(super) async fn append(
    store: &RedisStore,
    series: Series,
    lines: &[Line],
) -> Result<(), StoreError> {
    let Some(now) = lines.iter().map(|line| line.at).max() else { return Ok(()) };
    let bounds = store.bounds.of(series);
    let oldest = (now - bounds.age).as_millis().max(0);
    let mut call = script::append([store.layout.journal(series)]).arg(bounds.count).arg(oldest);
    for Line { at, account, body } in lines {
        let account = account.as_ref().map(AccountId::as_str).unwrap_or_default();
        call = call.arg(at.as_millis().max(1)).arg(account).arg(body);
    }
    let _: i64 = store.link.call(&call, Repeat::Never).await?;
    Ok(())
}

pub(super) async fn page(
    store: &RedisStore,
    series: Series,
    account: Option<&AccountId>,
    page: Page,
    limit: usize,
) -> Result<Vec<Told<Line>>, StoreError> {
    let wanted = account.map(AccountId::as_str).unwrap_or_default();
    let (way, mut from) = match page {
        Page::Newest => ("back", "+".to_owned()),
        Page::Before(position) => ("back", format!("({position}")),
        Page::After(position) => ("on", format!("({position}")),
    };
    let mut lines = Vec::new();
    while lines.len() < limit && !from.is_empty() {
        let length = if account.is_none() { PAGE.min(limit - lines.len()) } else { PAGE };
        let page = script::page([store.layout.journal(series)]);
        let page = page.arg(&from).arg(length).arg(wanted).arg(way);
        let page: Vec<String> = store.link.call(&page, Repeat::Harmless).await?;
        let mut page = page.into_iter();
        from = page.next().unwrap_or_default();
        while let (Some(id), Some(account), Some(body)) = (page.next(), page.next(), page.next()) {
            let position: Position = id.parse().map_err(|error: InvalidPosition| {
                let message = format!("{id} is no id of a line in a Redis stream");
                StoreError::new(StoreErrorKind::Corrupt, message).caused_by(error)
            })?;
            let at = Timestamp::from_millis(i64::try_from(position.major).unwrap_or(i64::MAX));
            let what = Line { at, account: account.parse().ok(), body };
            lines.push(Told { position, what });
        }
    }
    lines.truncate(limit);
    Ok(lines)
}
