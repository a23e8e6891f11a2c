//! Credentials in the file: the rows of the table `credentials`, and the steps of a rotation on them.

use std::time::Duration;

use lingpai_core::store::{
    Begun, Claim, Commit, Committed, Damage, Entry, Intent, Lease, Record, Usage,
};
use lingpai_core::{
    Class, CredentialId, Day, Failure, Fence, Generation, Reached, Secret, Timestamp, Token, Way,
};
use rusqlite::{OptionalExtension, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Database;
use super::stream::{add_to_ledger, ledger};
use super::trouble::Trouble;
use crate::archive::Kept;
use crate::rules::{Refusal, Standing, usage};
use crate::seal::{Place, Unopened};

const TABLE: &str = "credentials";

/// The columns that are sealed.
const TOKEN: &str = "token";
const COMPANION: &str = "companion";

const COLUMNS: &str = "account, kind, generation, fence, hold, intent, failure, last_forced_at, \
     usage_day, usage_fetches, usage_forced, previous, fingerprint, token, issued_at, expires_at, \
     full_life, way, companion";

/// Every credential that is whole. One that is not is told of in the log and brings nobody else down; whoever claims it
/// is told again.
pub(super) fn load(database: &Database) -> Result<Vec<Record>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM credentials");
    let mut select = database.connection.prepare_cached(&sql)?;
    let mut rows = select.query([])?;
    let (mut records, mut damaged) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        match Stored::read(row) {
            Ok(stored) => records.push(stored.record(database)?),
            Err(trouble) => {
                let name = |column| row.get::<_, String>(column).unwrap_or_default();
                let record = format!("{}/{}", name(0), name(1));
                let what = trouble.explain(&database.path).to_string();
                damaged.push(Damage { table: TABLE, record, what, newer: false });
            }
        }
    }
    database.damaged.found(TABLE, damaged);
    Ok(records)
}

pub(super) fn read(
    database: &Database,
    credential: &CredentialId,
) -> Result<Option<Record>, Trouble> {
    stored(database, credential)?.map(|stored| stored.record(database)).transpose()
}

pub(super) fn begin(database: &Database, claim: &Claim) -> Result<Begun, Trouble> {
    let credential = &claim.credential;
    let stored = stored(database, credential)?;
    let mut standing = stored.as_ref().map(|stored| stored.standing.clone()).unwrap_or_default();
    let ended = |process: &_| database.node.has_ended(&database.connection, process);
    match (standing.refusal(claim, ended), stored) {
        (Some(Refusal::Newer), Some(stored)) => {
            return Ok(Begun::Newer(Box::new(stored.record(database)?)));
        }
        (Some(Refusal::Newer), None) => {
            return Ok(Begun::Newer(Box::new(standing.record(credential.clone(), None))));
        }
        (Some(Refusal::Held { by, until }), _) => return Ok(Begun::Held { by, until }),
        (Some(Refusal::Unfinished(intent)), _) => return Ok(Begun::Unfinished(intent)),
        (None, _) => {}
    }
    let day = Day::of(claim.at);
    let so_far = ledger(database, &credential.account, day)?;
    let so_far = usage(credential, day, so_far.iter().map(|(entry, n)| (entry.as_str(), *n)));
    let process = database.node.process().clone();
    let lease = standing.grant(claim, next_fence(database)?, Some(process), so_far);
    save(database, credential, &standing)?;
    if let Some(way) = claim.way {
        let entry = Entry::Fetch(credential.kind.clone(), way);
        add_to_ledger(database, &credential.account, day, &entry, 1)?;
    }
    Ok(Begun::Granted { lease, usage: standing.usage })
}

pub(super) fn commit(database: &Database, commit: &Commit) -> Result<Committed, Trouble> {
    let credential = &commit.lease.credential;
    let Some(mut stored) = stored(database, credential)? else {
        let nothing = Standing::default().record(credential.clone(), None);
        return Ok(Committed::Fenced(Box::new(nothing)));
    };
    if stored.standing.fences_off(&commit.lease) {
        return Ok(Committed::Fenced(Box::new(stored.record(database)?)));
    }
    stored.standing.commit(commit)?;
    save(database, credential, &stored.standing)?;
    save_token(database, credential, &commit.token)?;
    Ok(Committed::Stored)
}

pub(super) fn abandon(
    database: &Database,
    lease: &Lease,
    failure: &Failure,
) -> Result<(), Trouble> {
    if let Some(mut stored) = stored(database, &lease.credential)?
        && stored.standing.abandon(lease, failure)
    {
        save(database, &lease.credential, &stored.standing)?;
    }
    Ok(())
}

/// Every credential with its fencing number. One that is damaged is an error here, since it would be left out.
pub(super) fn kept(database: &Database) -> Result<Vec<Kept>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM credentials");
    let mut select = database.connection.prepare(&sql)?;
    let mut rows = select.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = Stored::read(row)?;
        let fence = stored.standing.fence;
        all.push(Kept { record: stored.record(database)?, fence });
    }
    Ok(all)
}

pub(super) fn keep(database: &Database, kept: &Kept) -> Result<(), Trouble> {
    let Kept { record, fence } = kept;
    let credential = &record.credential;
    let is = stored(database, credential)?.map(|stored| stored.standing).unwrap_or_default();
    let fence = is.fence.max(*fence);
    raise_fence(database, fence)?;
    if is.generation > record.generation {
        return Ok(());
    }
    let standing = Standing {
        generation: record.generation,
        fingerprint: record.token.as_ref().map(Token::fingerprint),
        previous: record.previous,
        intent: record.intent,
        fence,
        hold: None,
        last_forced_at: record.last_forced_at,
        failure: record.failure.clone(),
        usage: record.usage,
    };
    save(database, credential, &standing)?;
    let mut clear = database.connection.prepare_cached(
        "UPDATE credentials SET token = NULL, companion = NULL WHERE account = ?1 AND kind = ?2",
    )?;
    clear.execute((credential.account.as_str(), credential.kind.as_str()))?;
    record.token.as_ref().map_or(Ok(()), |token| save_token(database, credential, token))
}

pub(super) fn remove_of_account(database: &Database, account: &str) -> Result<(), Trouble> {
    let mut delete =
        database.connection.prepare_cached("DELETE FROM credentials WHERE account = ?1")?;
    delete.execute([account])?;
    Ok(())
}

/// Opens every token and every companion and seals it again with the key of `to`. How many there were.
pub(super) fn reseal(database: &Database, to: &crate::seal::Sealer) -> Result<usize, Trouble> {
    let mut count = 0;
    for column in [TOKEN, COMPANION] {
        let mut select = database.connection.prepare(&format!(
            "SELECT rowid, account, kind, {column} FROM credentials WHERE {column} IS NOT NULL"
        ))?;
        let mut update = database
            .connection
            .prepare(&format!("UPDATE credentials SET {column} = ?2 WHERE rowid = ?1"))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let record = format!("{}/{}", row.get::<_, String>(1)?, row.get::<_, String>(2)?);
            let place = Place { table: TABLE, record: &record, column };
            let value = database.sealer.open(place, &row.get::<_, Vec<u8>>(3)?).map_err(|why| {
                super::sealed_shut(
                    place,
                    why,
                    "Nothing was changed. Let it be fetched anew, or remove its account, and try again",
                )
            })?;
            update.execute((row.get::<_, i64>(0)?, to.seal(place, value.expose())?))?;
            count += 1;
        }
    }
    Ok(count)
}

/// A row as it was read, its token still sealed.
struct Stored {
    credential: CredentialId,
    standing: Standing,
    token: Option<SealedToken>,
}

struct SealedToken {
    value: Vec<u8>,
    companion: Option<Vec<u8>>,
    issued_at: Timestamp,
    expires_at: Timestamp,
    full_life: Duration,
    way: Way,
}

impl Stored {
    fn read(row: &Row<'_>) -> Result<Self, Trouble> {
        let (account, kind): (String, String) = (row.get(0)?, row.get(1)?);
        let name = format!("{account}/{kind}");
        let damaged = |what: &dyn std::fmt::Display| Trouble::damaged(TABLE, &name, what);
        let credential = CredentialId::new(
            kind.parse().map_err(|error| damaged(&error))?,
            account.parse().map_err(|error| damaged(&error))?,
        );
        let count = |column| {
            row.get::<_, i64>(column)
                .map_err(Trouble::from)
                .and_then(|n| u32::try_from(n).map_err(|error| damaged(&error)))
        };
        let number = |column| {
            row.get::<_, i64>(column)
                .map_err(Trouble::from)
                .and_then(|n| u64::try_from(n).map_err(|error| damaged(&error)))
        };
        let fingerprint: Option<String> = row.get(12)?;
        let standing = Standing {
            generation: Generation(number(2)?),
            fence: Fence(number(3)?),
            hold: from_json(row, 4, &name)?,
            intent: from_json::<Intent>(row, 5, &name)?,
            failure: from_json(row, 6, &name)?,
            last_forced_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_millis),
            usage: Usage { day: Day(row.get(8)?), fetches: count(9)?, forced: count(10)? },
            previous: from_json(row, 11, &name)?,
            fingerprint: fingerprint
                .map(|text| text.try_into().map_err(|error| damaged(&error)))
                .transpose()?,
        };
        let token = match row.get::<_, Option<Vec<u8>>>(13)? {
            None => None,
            Some(value) => Some(SealedToken {
                value,
                companion: row.get(18)?,
                issued_at: Timestamp::from_millis(row.get(14)?),
                expires_at: Timestamp::from_millis(row.get(15)?),
                full_life: Duration::from_millis(number(16)?),
                way: way(row.get_ref(17)?.as_str().unwrap_or_default())
                    .ok_or_else(|| damaged(&"an unknown way"))?,
            }),
        };
        Ok(Self { credential, standing, token })
    }

    /// The record for the engine. A token that does not open is missing from it, and its failure says why: the engine
    /// fetches another, and one damaged record does not stop the others.
    fn record(self, database: &Database) -> Result<Record, Trouble> {
        let Self { credential, mut standing, token } = self;
        let Some(sealed) = token else { return Ok(standing.record(credential, None)) };
        let name = credential.to_string();
        let open = |column, sealed: &[u8]| {
            database.sealer.open(Place { table: TABLE, record: &name, column }, sealed)
        };
        let mut unopened = |what, why| {
            let failure = unopened(&credential, what, why);
            tracing::error!(%credential, "{failure}");
            standing.failure = Some(failure);
        };
        // Without its companion the token is still good to its end.
        let companion = sealed.companion.and_then(|companion| {
            open(COMPANION, &companion).map_err(|why| unopened(COMPANION, why)).ok()
        });
        let value = open(TOKEN, &sealed.value).map_err(|why| unopened(TOKEN, why)).ok();
        let token = value.map(|value| Token {
            value,
            generation: standing.generation,
            issued_at: sealed.issued_at,
            expires_at: sealed.expires_at,
            full_life: sealed.full_life,
            way: sealed.way,
            companion,
        });
        Ok(standing.record(credential, token))
    }
}

fn unopened(credential: &CredentialId, what: &str, why: Unopened) -> Failure {
    let message = format!("the stored {what} of {credential} cannot be opened: {why}");
    Failure { reached: Reached::No, ..Failure::new(Class::Transient, message) }
        .with_remedy("A new token is fetched. Find out who else writes to the store")
}

fn stored(database: &Database, credential: &CredentialId) -> Result<Option<Stored>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM credentials WHERE account = ?1 AND kind = ?2");
    let mut select = database.connection.prepare_cached(&sql)?;
    let key = (credential.account.as_str(), credential.kind.as_str());
    let mut rows = select.query(key)?;
    rows.next()?.map(Stored::read).transpose()
}

/// Saves everything but the token.
fn save(
    database: &Database,
    credential: &CredentialId,
    standing: &Standing,
) -> Result<(), Trouble> {
    let mut upsert = database.connection.prepare_cached(
        "INSERT INTO credentials (account, kind, generation, fence, hold, intent, failure,
             last_forced_at, usage_day, usage_fetches, usage_forced, previous, fingerprint)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT DO UPDATE SET generation = ?3, fence = ?4, hold = ?5, intent = ?6,
             failure = ?7, last_forced_at = ?8, usage_day = ?9, usage_fetches = ?10,
             usage_forced = ?11, previous = ?12, fingerprint = ?13",
    )?;
    upsert.execute((
        credential.account.as_str(),
        credential.kind.as_str(),
        whole(standing.generation.0, "such a generation")?,
        whole(standing.fence.0, "such a fence")?,
        to_json(standing.hold.as_ref())?,
        to_json(standing.intent.as_ref())?,
        to_json(standing.failure.as_ref())?,
        standing.last_forced_at.map(Timestamp::as_millis),
        standing.usage.day.0,
        standing.usage.fetches,
        standing.usage.forced,
        to_json(standing.previous.as_ref())?,
        standing.fingerprint.map(String::from),
    ))?;
    Ok(())
}

fn save_token(
    database: &Database,
    credential: &CredentialId,
    token: &Token,
) -> Result<(), Trouble> {
    let name = credential.to_string();
    let seal = |column, value: &Secret| {
        database.sealer.seal(Place { table: TABLE, record: &name, column }, value.expose())
    };
    let mut update = database.connection.prepare_cached(
        "UPDATE credentials
         SET token = ?3, issued_at = ?4, expires_at = ?5, full_life = ?6, way = ?7,
             companion = ifnull(?8, companion)
         WHERE account = ?1 AND kind = ?2",
    )?;
    update.execute((
        credential.account.as_str(),
        credential.kind.as_str(),
        seal(TOKEN, &token.value)?,
        token.issued_at.as_millis(),
        token.expires_at.as_millis(),
        i64::try_from(token.full_life.as_millis()).unwrap_or(i64::MAX),
        token.way.as_str(),
        token.companion.as_ref().map(|companion| seal(COMPANION, companion)).transpose()?,
    ))?;
    Ok(())
}

/// One row of numbers for all credentials: one that is removed and added again does not start over.
fn next_fence(database: &Database) -> Result<Fence, Trouble> {
    let mut next = database.connection.prepare_cached(
        "INSERT INTO meta (name, value) VALUES ('fence', 1)
         ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
    )?;
    let fence: Option<i64> = next.query_row([], |row| row.get(0)).optional()?;
    fence
        .and_then(|fence| u64::try_from(fence).ok())
        .map(Fence)
        .ok_or_else(|| Trouble::damaged("meta", "fence", "it is not a positive number"))
}

/// The numbers that are given out from now on are above this one.
fn raise_fence(database: &Database, fence: Fence) -> Result<(), Trouble> {
    let mut raise = database.connection.prepare_cached(
        "INSERT INTO meta (name, value) VALUES ('fence', ?1)
         ON CONFLICT DO UPDATE SET value = max(value, ?1)",
    )?;
    raise.execute([whole(fence.0, "such a fence")?])?;
    Ok(())
}

fn way(name: &str) -> Option<Way> {
    [Way::Primary, Way::Forced, Way::Fallback].into_iter().find(|way| way.as_str() == name)
}

fn whole(number: u64, what: &str) -> Result<i64, Trouble> {
    i64::try_from(number).map_err(|_| Trouble::unfit(&format!("{what} ({number})")))
}

fn to_json<T: Serialize>(value: Option<&T>) -> Result<Option<String>, Trouble> {
    let text = value.map(serde_json::to_string).transpose();
    text.map_err(|error| Trouble::unfit(&format!("part of a credential ({error})")))
}

fn from_json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
    record: &str,
) -> Result<Option<T>, Trouble> {
    let text = row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    let value = text.map(serde_json::from_str).transpose();
    value.map_err(|error| Trouble::damaged(TABLE, record, error))
}
