//! Parcels in the file. Their order is that of their rows.

use lingpai_core::outbox::{Delivery, MOST_DEAD, Parcel, Put};
use lingpai_core::{AccountId, Timestamp};
use rusqlite::{Params, Row};

use super::trouble::Trouble;
use super::{Database, sealed_shut};
use crate::seal::{Place, Sealer};

const TABLE: &str = "outbox";
/// How many are taken at once.
const SOME: usize = 256;

const COLUMNS: &str = "account, id, content, received_at, attempts, due_at, failure";
/// The first of each account that is not dead.
const FIRST: &str = "SELECT MIN(seq) FROM outbox WHERE due_at IS NOT NULL GROUP BY account";

pub(super) fn put(database: &Database, parcel: &Parcel, most: usize) -> Result<Put, Trouble> {
    let (account, id) = (parcel.account.as_str(), parcel.id.as_str());
    let mut known = database
        .connection
        .prepare_cached("SELECT 1 FROM outbox WHERE account = ?1 AND id = ?2")?;
    if known.exists((account, id))? {
        return Ok(Put::Known);
    }
    let mut count =
        database.connection.prepare_cached("SELECT COUNT(*) FROM outbox WHERE account = ?1")?;
    if count.query_row([account], |row| row.get::<_, i64>(0))? >= most as i64 {
        return Ok(Put::Full);
    }
    let record = record_of(account, id);
    let content = database.sealer.seal(place_of(&record), parcel.content.expose())?;
    let mut insert = database.connection.prepare_cached(&format!(
        "INSERT INTO outbox ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    ))?;
    let Delivery { attempts, due_at, failure } = &parcel.delivery;
    let due_at = due_at.map(Timestamp::as_millis);
    let received_at = parcel.received_at.as_millis();
    insert.execute((account, id, content, received_at, attempts, due_at, failure))?;
    Ok(Put::Kept)
}

/// Whether there is anything to take: most of the time there is not, and nothing needs to be written for that.
pub(super) fn is_any_due(database: &Database, now: Timestamp) -> Result<bool, Trouble> {
    let mut any = database.connection.prepare_cached(&format!(
        "SELECT 1 FROM outbox WHERE seq IN ({FIRST}) AND due_at <= ?1 LIMIT 1"
    ))?;
    Ok(any.exists([now.as_millis()])?)
}

pub(super) fn take_due(
    database: &Database,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Parcel>, Trouble> {
    let sql = format!(
        "UPDATE outbox SET due_at = ?2 WHERE seq IN
             (SELECT seq FROM outbox WHERE seq IN ({FIRST}) AND due_at <= ?1 ORDER BY due_at LIMIT {SOME})
         RETURNING {COLUMNS}"
    );
    parcels_by(database, &sql, (now.as_millis(), until.as_millis()))
}

pub(super) fn set_delivery(
    database: &Database,
    account: &AccountId,
    id: &str,
    delivery: &Delivery,
) -> Result<bool, Trouble> {
    let mut update = database.connection.prepare_cached(
        "UPDATE outbox SET attempts = ?3, due_at = ?4, failure = ?5 WHERE account = ?1 AND id = ?2",
    )?;
    let Delivery { attempts, due_at, failure } = delivery;
    let due_at = due_at.map(Timestamp::as_millis);
    let was_there = update.execute((account.as_str(), id, attempts, due_at, failure))? > 0;
    if due_at.is_none() {
        let mut prune = database.connection.prepare_cached(
            "DELETE FROM outbox WHERE account = ?1 AND due_at IS NULL AND seq <=
                 (SELECT seq FROM outbox WHERE account = ?1 AND due_at IS NULL
                  ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        )?;
        prune.execute((account.as_str(), MOST_DEAD as i64))?;
    }
    Ok(was_there)
}

pub(super) fn remove(database: &Database, account: &AccountId, id: &str) -> Result<bool, Trouble> {
    let mut delete =
        database.connection.prepare_cached("DELETE FROM outbox WHERE account = ?1 AND id = ?2")?;
    Ok(delete.execute((account.as_str(), id))? > 0)
}

pub(super) fn remove_of_account(database: &Database, account: &AccountId) -> Result<(), Trouble> {
    let mut delete = database.connection.prepare_cached("DELETE FROM outbox WHERE account = ?1")?;
    delete.execute([account.as_str()])?;
    Ok(())
}

pub(super) fn parcels(
    database: &Database,
    account: &AccountId,
    limit: usize,
) -> Result<Vec<Parcel>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM outbox WHERE account = ?1 ORDER BY seq LIMIT ?2");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    parcels_by(database, &sql, (account.as_str(), limit))
}

/// The accounts that have parcels, and how many each.
pub(super) fn counts(database: &Database) -> Result<Vec<(AccountId, usize)>, Trouble> {
    let mut select = database
        .connection
        .prepare("SELECT account, COUNT(*) FROM outbox GROUP BY account ORDER BY account")?;
    let mut rows = select.query([])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        let account: String = row.get(0)?;
        let id = account.parse().map_err(|error| Trouble::damaged(TABLE, &account, error))?;
        counts.push((id, usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0)));
    }
    Ok(counts)
}

/// Opens every content and seals it again with the key of `to`. How many there were.
pub(super) fn reseal(database: &Database, to: &Sealer) -> Result<usize, Trouble> {
    let mut select = database.connection.prepare("SELECT seq, account, id, content FROM outbox")?;
    let mut update =
        database.connection.prepare("UPDATE outbox SET content = ?2 WHERE seq = ?1")?;
    let mut rows = select.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let record = record_of(&row.get::<_, String>(1)?, &row.get::<_, String>(2)?);
        let place = place_of(&record);
        let content = database.sealer.open(place, &row.get::<_, Vec<u8>>(3)?).map_err(|why| {
            sealed_shut(place, why, "Nothing was changed. Remove this push, and try again")
        })?;
        update.execute((row.get::<_, i64>(0)?, to.seal(place, content.expose())?))?;
        count += 1;
    }
    Ok(count)
}

fn parcels_by(
    database: &Database,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<Parcel>, Trouble> {
    let mut select = database.connection.prepare_cached(sql)?;
    let mut rows = select.query(parameters)?;
    let mut parcels = Vec::new();
    while let Some(row) = rows.next()? {
        // One that cannot be read must not stop the others.
        match parcel(database, row) {
            Ok(parcel) => parcels.push(parcel),
            Err(trouble) => {
                let error = trouble.explain(&database.path);
                tracing::error!(%error, "a stored push cannot be read and is left out");
            }
        }
    }
    Ok(parcels)
}

fn parcel(database: &Database, row: &Row<'_>) -> Result<Parcel, Trouble> {
    let (account, id): (String, String) = (row.get(0)?, row.get(1)?);
    let record = record_of(&account, &id);
    let place = place_of(&record);
    let content = database.sealer.open(place, &row.get::<_, Vec<u8>>(2)?);
    let advice = "Remove it (lingpai pushes remove), and the business misses it";
    Ok(Parcel {
        account: account.parse().map_err(|error| Trouble::damaged(TABLE, &record, error))?,
        content: content.map_err(|why| sealed_shut(place, why, advice))?,
        received_at: Timestamp::from_millis(row.get(3)?),
        delivery: Delivery {
            attempts: row.get(4)?,
            due_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
            failure: row.get(6)?,
        },
        id,
    })
}

fn record_of(account: &str, id: &str) -> String {
    format!("{account}/{id}")
}

fn place_of(record: &str) -> Place<'_> {
    Place { table: TABLE, record, column: "content" }
}
