//! The ledger and the journals: what is counted and what is told, and how both are kept from growing for ever.

use lingpai_core::journal::{Line, Page, Position, Series, Told};
use lingpai_core::store::{Entry, Ledger};
use lingpai_core::{AccountId, Day, Timestamp};

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

/// The number that a line has in SQLite: ids count upwards from 1.
fn id(position: Position) -> i64 {
    i64::try_from(position.major).unwrap_or(i64::MAX)
}

pub(super) fn append(database: &Database, series: Series, lines: &[Line]) -> Result<(), Trouble> {
    let Some(now) = lines.iter().map(|line| line.at).max() else { return Ok(()) };
    let (connection, table) = (&database.connection, series.as_str());
    let bounds = database.bounds.of(series);
    let mut insert = connection
        .prepare_cached(&format!("INSERT INTO {table} (at, account, body) VALUES (?1, ?2, ?3)"))?;
    for line in lines {
        let account = line.account.as_ref().map(AccountId::as_str);
        insert.execute((line.at.as_millis(), account, &line.body))?;
    }
    // Ids count upwards, so those to keep are a matter of the newest.
    let newest = connection.last_insert_rowid();
    let mut over = connection.prepare_cached(&format!("DELETE FROM {table} WHERE id <= ?1"))?;
    over.execute([newest - i64::from(bounds.count)])?;
    let mut aged = connection.prepare_cached(&format!(
        "DELETE FROM {table} WHERE at < ?1 AND id IN (SELECT id FROM {table} ORDER BY id LIMIT ?2)"
    ))?;
    let some = FORGOTTEN_AT_ONCE * i64::try_from(lines.len()).unwrap_or(i64::MAX / 8);
    aged.execute(((now - bounds.age).as_millis(), some))?;
    Ok(())
}

pub(super) fn page(
    database: &Database,
    series: Series,
    account: Option<&AccountId>,
    page: Page,
    limit: usize,
) -> Result<Vec<Told<Line>>, Trouble> {
    let table = series.as_str();
    let (bound, order, from) = match page {
        Page::Newest => ("<=", "DESC", i64::MAX),
        Page::Before(position) => ("<", "DESC", id(position)),
        Page::After(position) => (">", "ASC", id(position)),
    };
    let of = if account.is_some() { "account = ?1" } else { "?1 IS NULL" };
    let mut select = database.connection.prepare_cached(&format!(
        "SELECT id, at, account, body FROM {table} WHERE {of} AND id {bound} ?2 ORDER BY id {order} LIMIT ?3"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let lines = select.query_map((account.map(AccountId::as_str), from, limit), |row| {
        let (id, at, account): (i64, i64, Option<String>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let account = account.and_then(|account| account.parse().ok());
        let line = Line { at: Timestamp::from_millis(at), account, body: row.get(3)? };
        let position = Position { major: u64::try_from(id).unwrap_or_default(), minor: 0 };
        Ok(Told { position, what: line })
    })?;
    Ok(lines.collect::<Result<_, _>>()?)
}
