//! The ledger and the events: what is counted and what is told, and how both are kept from growing for ever.

use lingpai_core::event::Event;
use lingpai_core::store::{Entry, Ledger};
use lingpai_core::{AccountId, Day};

use super::Database;
use super::trouble::Trouble;
use crate::rules::LEDGER_DAYS;

/// Each call that adds one row removes so many that are too old, so that old ones vanish without a long pause.
const FORGOTTEN_AT_ONCE: i64 = 8;

pub(super) fn ledger(
    database: &Database,
    account: &AccountId,
    day: Day,
) -> Result<Ledger, Trouble> {
    let mut select = database
        .connection
        .prepare_cached("SELECT entry, times FROM ledger WHERE day = ?1 AND account = ?2")?;
    let lines = select.query_map((day.0, account.as_str()), |row| {
        let times: i64 = row.get(1)?;
        Ok((row.get(0)?, u32::try_from(times).unwrap_or(u32::MAX)))
    })?;
    Ok(lines.collect::<Result<_, _>>()?)
}

/// The accounts and days of which there is a ledger.
pub(super) fn ledgers(database: &Database) -> Result<Vec<(AccountId, Day)>, Trouble> {
    let mut select = database.connection.prepare("SELECT DISTINCT account, day FROM ledger")?;
    let all = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let all: Vec<(String, i32)> = all.collect::<Result<_, _>>()?;
    Ok(all
        .into_iter()
        .filter_map(|(account, day)| Some((account.parse().ok()?, Day(day))))
        .collect())
}

/// Raises the lines of a ledger to these.
pub(super) fn raise_ledger(
    database: &Database,
    account: &AccountId,
    day: Day,
    lines: &Ledger,
) -> Result<(), Trouble> {
    let mut upsert = database.connection.prepare_cached(
        "INSERT INTO ledger (day, account, entry, times) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET times = max(times, ?4)",
    )?;
    for (entry, times) in lines {
        upsert.execute((day.0, account.as_str(), entry, times))?;
    }
    Ok(())
}

pub(super) fn add_to_ledger(
    database: &Database,
    account: &AccountId,
    day: Day,
    entry: &Entry,
    times: u32,
) -> Result<(), Trouble> {
    let mut upsert = database.connection.prepare_cached(
        "INSERT INTO ledger (day, account, entry, times) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET times = times + ?4",
    )?;
    upsert.execute((day.0, account.as_str(), entry.name(), times))?;
    let mut forget = database.connection.prepare_cached(
        "DELETE FROM ledger WHERE (day, account, entry) IN
             (SELECT day, account, entry FROM ledger WHERE day < ?1 LIMIT ?2)",
    )?;
    forget.execute((day.0.saturating_sub(LEDGER_DAYS), FORGOTTEN_AT_ONCE))?;
    Ok(())
}

pub(super) fn record(database: &Database, events: &[Event]) -> Result<(), Trouble> {
    let Some(now) = events.iter().map(|event| event.at).max() else { return Ok(()) };
    let mut insert = database
        .connection
        .prepare_cached("INSERT INTO events (at, account, body) VALUES (?1, ?2, ?3)")?;
    for event in events {
        let body = serde_json::to_string(event).map_err(|error| {
            Trouble::unfit(&format!("the event {} ({error})", event.what.name()))
        })?;
        insert.execute((event.at.as_millis(), event.account().map(AccountId::as_str), body))?;
    }
    // Ids count upwards, so those to keep are a matter of the newest.
    let newest = database.connection.last_insert_rowid();
    let mut over = database.connection.prepare_cached("DELETE FROM events WHERE id <= ?1")?;
    over.execute([newest - i64::from(database.bounds.count)])?;
    let mut aged = database.connection.prepare_cached(
        "DELETE FROM events WHERE at < ?1 AND id IN (SELECT id FROM events ORDER BY id LIMIT ?2)",
    )?;
    let some = FORGOTTEN_AT_ONCE * i64::try_from(events.len()).unwrap_or(i64::MAX / 8);
    aged.execute(((now - database.bounds.age).as_millis(), some))?;
    Ok(())
}

pub(super) fn events(
    database: &Database,
    account: Option<&AccountId>,
    limit: usize,
) -> Result<Vec<Event>, Trouble> {
    let sql = match account {
        None => "SELECT id, body FROM events WHERE ?1 IS NULL ORDER BY id DESC LIMIT ?2",
        Some(_) => "SELECT id, body FROM events WHERE account = ?1 ORDER BY id DESC LIMIT ?2",
    };
    let mut select = database.connection.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = select.query((account.map(AccountId::as_str), limit))?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let event = serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
        match event {
            Ok(event) => events.push(event),
            // What is told about the past must not stop what is done now.
            Err(error) => {
                let id: i64 = row.get(0)?;
                tracing::error!(id, %error, "a stored event cannot be read and is left out");
            }
        }
    }
    Ok(events)
}
