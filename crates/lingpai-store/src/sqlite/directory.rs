//! Accounts and API keys in the file.

use std::sync::Arc;

use lingpai_core::api_security::InvalidApiSecurity;
use lingpai_core::client::ApiKey;
use lingpai_core::push::InvalidPush;
use lingpai_core::store::Damage;
use lingpai_core::{Account, AccountId, ApiSecurityKeys, Proxy, Secret, Timestamp};
use rusqlite::{OptionalExtension, Params, Row};

use super::trouble::Trouble;
use super::{Database, credentials, outbox, sealed_shut};
use crate::damage::{self, Flaw, refuse_newer};
use crate::rules;
use crate::seal::{Place, Sealer};

const TABLE: &str = Damage::ACCOUNTS;

/// The columns that are sealed.
const SECRET: &str = "secret";
const PROXY: &str = "proxy";
const PUSH: &str = "push";
const API_SECURITY: &str = "api_security";

/// Every account that is whole, and what is wrong with the others.
pub(super) fn accounts(database: &Database) -> Result<(Vec<Account>, Vec<Damage>), Trouble> {
    let (whole, damaged) = select(database, "ORDER BY id", ())?;
    database.damaged.found(TABLE, damaged.clone());
    Ok((whole, damaged))
}

/// The account of this name, if there is one, whole or not.
pub(super) fn accounts_of_name(
    database: &Database,
    account: &AccountId,
) -> Result<(Vec<Account>, Vec<Damage>), Trouble> {
    select(database, "WHERE id = ?1", [account.as_str()])
}

fn select(
    database: &Database,
    which: &str,
    parameters: impl Params,
) -> Result<(Vec<Account>, Vec<Damage>), Trouble> {
    let sql = format!(
        "SELECT id, kind, mode, secret, policy, created_at, updated_at, proxy, push, platform,
             api_security
         FROM accounts {which}"
    );
    let mut select = database.connection.prepare_cached(&sql)?;
    let mut rows = select.query(parameters)?;
    let (mut whole, mut damaged) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        match account(database, &id, row) {
            Ok(account) => whole.push(account),
            Err(flaw) => damaged.push(flaw.of(TABLE, id)),
        }
    }
    Ok((whole, damaged))
}

/// Puts an account in the place of `before`, if that is what is stored.
pub(super) fn put_account(
    database: &Database,
    account: &Account,
    before: Option<&Account>,
) -> Result<(), Trouble> {
    let (stored, damaged) = accounts_of_name(database, &account.id)?;
    refuse_newer(&damaged)?;
    rules::may_replace(stored.first(), before, account)?;
    write_account(database, account)
}

/// Writes an account down, whatever stands there.
pub(super) fn write_account(database: &Database, account: &Account) -> Result<(), Trouble> {
    let mut upsert = database.connection.prepare_cached(
        "INSERT INTO accounts (id, kind, mode, secret, policy, created_at, updated_at, proxy, push,
             platform, api_security)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT DO UPDATE SET kind = ?2, mode = ?3, secret = ?4, policy = ?5,
             created_at = ?6, updated_at = ?7, proxy = ?8, push = ?9, platform = ?10,
             api_security = ?11",
    )?;
    let sealed = |column, value: &Secret| {
        database.sealer.seal(place_of(account.id.as_str(), column), value.expose())
    };
    let text = |value: serde_json::Result<String>| {
        value.map_err(|error| Trouble::unfit(&format!("the account {} ({error})", account.id)))
    };
    upsert.execute((
        account.id.as_str(),
        text(serde_json::to_string(&account.kind))?,
        text(serde_json::to_string(&account.mode))?,
        sealed(SECRET, &account.secret)?,
        text(serde_json::to_string(&account.policy))?,
        account.created_at.as_millis(),
        account.updated_at.as_millis(),
        account.proxy.as_ref().map(|proxy| sealed(PROXY, &proxy.to_url())).transpose()?,
        account.push.as_ref().map(|push| sealed(PUSH, &push.to_text())).transpose()?,
        account.platform.as_ref().map(AccountId::as_str),
        account
            .api_security
            .as_ref()
            .map(|keys| sealed(API_SECURITY, &keys.to_text()))
            .transpose()?,
    ))?;
    Ok(())
}

pub(super) fn remove_account(database: &Database, account: &AccountId) -> Result<bool, Trouble> {
    credentials::remove_of_account(database, account.as_str())?;
    outbox::remove_of_account(database, account)?;
    let mut delete = database.connection.prepare_cached("DELETE FROM accounts WHERE id = ?1")?;
    Ok(delete.execute([account.as_str()])? > 0)
}

/// Removes an account if it is what was read.
pub(super) fn remove_as_read(database: &Database, read: &Account) -> Result<bool, Trouble> {
    let (stored, damaged) = accounts_of_name(database, &read.id)?;
    refuse_newer(&damaged)?;
    let Some(stored) = stored.first() else { return Ok(false) };
    rules::may_remove(stored, read)?;
    remove_account(database, &read.id)
}

/// Takes note that accounts were changed, for processes that look whether they were.
pub(super) fn accounts_changed(database: &Database) -> Result<(), Trouble> {
    let mut count = database.connection.prepare_cached(
        "INSERT INTO meta (name, value) VALUES ('accounts_revision', 1)
         ON CONFLICT DO UPDATE SET value = value + 1",
    )?;
    count.execute([])?;
    Ok(())
}

/// How often accounts were changed.
pub(super) fn accounts_revision(database: &Database) -> Result<i64, Trouble> {
    let mut select = database
        .connection
        .prepare_cached("SELECT value FROM meta WHERE name = 'accounts_revision'")?;
    Ok(select.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Every key that is whole.
pub(super) fn keys(database: &Database) -> Result<Vec<ApiKey>, Trouble> {
    let mut select = database.connection.prepare_cached("SELECT id, body FROM keys ORDER BY id")?;
    let mut rows = select.query([])?;
    let (mut keys, mut damaged) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let body = row.get_ref(1)?.as_str().map_err(|error| error.to_string());
        let key = body.and_then(|body| serde_json::from_str(body).map_err(|why| why.to_string()));
        match key {
            Ok(key) => keys.push(key),
            Err(what) => {
                damaged.push(Damage {
                    table: Damage::KEYS,
                    record: row.get(0)?,
                    what,
                    newer: false,
                });
            }
        }
    }
    database.damaged.found(Damage::KEYS, damaged);
    Ok(keys)
}

pub(super) fn put_key(database: &Database, key: &ApiKey) -> Result<(), Trouble> {
    let body = serde_json::to_string(key)
        .map_err(|error| Trouble::unfit(&format!("the key {} ({error})", key.id)))?;
    let mut upsert = database.connection.prepare_cached(
        "INSERT INTO keys (id, body) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET body = ?2",
    )?;
    upsert.execute((&key.id, body))?;
    Ok(())
}

/// Notes when a key was first used. False if that is known, or if there is no such key.
pub(super) fn first_use(database: &Database, key: &str, at: Timestamp) -> Result<bool, Trouble> {
    // A record that is damaged is left as it is.
    let mut update = database.connection.prepare_cached(
        "UPDATE keys SET body = json_set(body, '$.first_used_at', ?2)
         WHERE id = ?1 AND CASE WHEN json_valid(body)
             THEN json_extract(body, '$.first_used_at') IS NULL ELSE 0 END",
    )?;
    Ok(update.execute((key, at.as_millis()))? > 0)
}

/// Opens everything that is sealed and seals it again with the key of `to`. How many values there were.
pub(super) fn reseal(database: &Database, to: &Sealer) -> Result<usize, Trouble> {
    [SECRET, PROXY, PUSH, API_SECURITY]
        .iter()
        .map(|column| reseal_column(database, to, column))
        .sum()
}

fn reseal_column(database: &Database, to: &Sealer, column: &'static str) -> Result<usize, Trouble> {
    let (select, update) = (
        format!("SELECT rowid, id, {column} FROM accounts WHERE {column} IS NOT NULL"),
        format!("UPDATE accounts SET {column} = ?2 WHERE rowid = ?1"),
    );
    let mut select = database.connection.prepare(&select)?;
    let mut update = database.connection.prepare(&update)?;
    let mut rows = select.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let id: String = row.get(1)?;
        let place = place_of(&id, column);
        let value = database.sealer.open(place, &row.get::<_, Vec<u8>>(2)?).map_err(|why| {
            let advice = "Nothing was changed. Add the account again with its AppSecret, or remove \
                          it, and try again";
            sealed_shut(place, why, advice)
        })?;
        update.execute((row.get::<_, i64>(0)?, to.seal(place, value.expose())?))?;
        count += 1;
    }
    Ok(count)
}

fn account(database: &Database, id: &str, row: &Row<'_>) -> Result<Account, Flaw> {
    let wrong = |column: &str, error: &dyn std::fmt::Display| format!("its {column}: {error}");
    let text = |at| row.get_ref(at).ok().and_then(|value| value.as_str().ok()).unwrap_or_default();
    let time = |at| row.get(at).map(Timestamp::from_millis);
    let opened = |at, column| {
        let sealed: Option<Vec<u8>> = row.get(at).map_err(|error| wrong(column, &error))?;
        let opened = sealed.map(|sealed| database.sealer.open(place_of(id, column), &sealed));
        opened.transpose().map_err(|why| format!("its {column} cannot be opened: {why}"))
    };
    let proxy = opened(7, PROXY)?.map(|url| url.expose().parse::<Proxy>());
    let push = opened(8, PUSH)?;
    let push = push.map(|text| damage::parse(PUSH, &text, &InvalidPush::Newer)).transpose()?;
    let api_security = opened(10, API_SECURITY)?.map(|text| {
        damage::parse::<ApiSecurityKeys>(API_SECURITY, &text, &InvalidApiSecurity::Newer)
    });
    let platform: Option<String> = row.get(9).map_err(|error| wrong("platform", &error))?;
    let platform = platform.map(|name| name.parse()).transpose();
    Ok(Account {
        id: id.parse().map_err(|error| wrong("name", &error))?,
        kind: damage::read("kind", text(1))?,
        secret: opened(3, SECRET)?.ok_or_else(|| wrong(SECRET, &"it is missing"))?,
        mode: damage::read("mode", text(2))?,
        proxy: proxy.transpose().map_err(|error| wrong(PROXY, &error))?,
        push,
        api_security: api_security.transpose()?.map(Arc::new),
        platform: platform.map_err(|error| wrong("platform", &error))?,
        policy: damage::read("policy", text(4))?,
        created_at: time(5).map_err(|error| wrong("time", &error))?,
        updated_at: time(6).map_err(|error| wrong("time", &error))?,
    })
}

fn place_of<'a>(id: &'a str, column: &'static str) -> Place<'a> {
    Place { table: TABLE, record: id, column }
}
