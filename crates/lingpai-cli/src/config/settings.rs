//! The settings of the file outside the accounts, one function each.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lingpai_core::{Account, Secret, StoreError};
use lingpai_store::{KeySource, MasterKey, RedisAddress};
use lingpai_wechat::wire;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration::{parse as parse_duration, show as show_duration};
use super::mistake::Place;
use super::secret::Reference;
use super::section::{Reading, Said, Section, one_of};
use super::{Config, DEFAULT_STORE, Log, LogFormat, StoreAt, account, gateway, listen, upstream};

pub(super) fn read(
    reading: &Reading<'_>,
    table: &DeTable<'_>,
    base: &Path,
    argument: Option<SocketAddr>,
) -> Config {
    let mut root = Section::new(reading, Some(table), 0..0, Some("LINGPAI_"));
    let listen = listen::read(&mut root, base, argument);
    let store = store(&mut root, base);
    let upstream = upstream::read(&mut root, base);
    let gateway = gateway::read(&mut root, base, &upstream);
    let log = log(&mut root);
    let accounts = accounts(&mut root, base, &upstream);
    root.end();
    Config { listen, store, upstream, gateway, log, accounts, file: None }
}

fn store(root: &mut Section<'_>, base: &Path) -> StoreAt {
    /// What `store` says.
    enum Named {
        Memory,
        Sqlite(PathBuf),
        Redis(RedisAddress),
    }
    let key = master_key(root, base);
    let password = root.value("store-password");
    let parse = |text: &str| match text.split_once(':') {
        Some(("memory", "")) => Ok(Named::Memory),
        Some(("sqlite", path)) if !path.is_empty() => Ok(Named::Sqlite(PathBuf::from(path))),
        Some((scheme, _)) if scheme.starts_with("redis") => {
            text.parse().map(Named::Redis).map_err(|error: StoreError| error.to_string())
        }
        // It may be the mistyped URL of a Redis, with its password.
        _ => Err(format!(
            "`{}` is not a store: write `sqlite:PATH`, such as `sqlite:lingpai.db`, `redis://HOST:PORT`, or \
             `memory:`",
            if text.contains('@') { "***" } else { text }
        )),
    };
    let (address, place) = match root.text("store", parse) {
        None => return StoreAt::Sqlite { path: base.join(DEFAULT_STORE), key },
        Some(Said { value: Named::Memory, .. }) => return StoreAt::Memory,
        Some(Said { value: Named::Sqlite(path), .. }) => {
            return StoreAt::Sqlite { path: base.join(path), key };
        }
        Some(Said { value: Named::Redis(address), place }) => (address.relative_to(base), place),
    };
    if address.has_password() && matches!(place, Place::File(_)) {
        let what = "a password must not stand in this file, which is copied, backed up and shown to people. Leave it out of \
                    the URL, and write `store-password = { env = \"NAME\" }` or `{ file = \"PATH\" }`";
        root.mistake(place, what);
    }
    let address = match store_password(root, base, password) {
        Some(password) => address.with_password(password),
        None => address,
    };
    StoreAt::Redis { address, key }
}

fn store_password(
    root: &Section<'_>,
    base: &Path,
    value: Option<&Spanned<DeValue<'_>>>,
) -> Option<Secret> {
    const VARIABLE: &str = "LINGPAI_STORE_PASSWORD";
    let reading = root.reading();
    let (reference, place) = match value {
        Some(value) => {
            (Reference::read(reading, "store-password", value)?, Place::File(value.span()))
        }
        None => {
            (reading.environment)(VARIABLE).filter(|text| !text.is_empty())?;
            let place = Place::Elsewhere(format!("the environment variable {VARIABLE}"));
            (Reference::Variable(VARIABLE.to_owned()), place)
        }
    };
    let password = reference.fetch(base, reading);
    password.map_err(|what| root.mistake(place, what)).ok()
}

fn master_key(root: &mut Section<'_>, base: &Path) -> KeySource {
    const VARIABLE: &str = "LINGPAI_MASTER_KEY";
    let reading = root.reading();
    let value = root.value("master-key");
    let reference = match value {
        Some(value) => Reference::read(reading, "master-key", value),
        None => (reading.environment)(VARIABLE)
            .filter(|text| !text.is_empty())
            .map(|_| Reference::Variable(VARIABLE.to_owned())),
    };
    let variable = match reference {
        None => return KeySource::Beside,
        Some(Reference::File(path)) => return KeySource::File(base.join(path)),
        Some(Reference::Variable(name)) => name,
    };
    let place = match value {
        Some(value) => Place::File(value.span()),
        None => Place::Elsewhere(format!("the environment variable {variable}")),
    };
    let from = variable.clone();
    let fetched = Reference::Variable(variable).fetch(base, reading);
    let parse = |text: Secret| MasterKey::parse(text.expose()).map_err(|error| error.to_string());
    match fetched.and_then(parse) {
        Ok(key) => KeySource::Given { key, from },
        Err(what) => {
            root.mistake(place, what);
            KeySource::Beside
        }
    }
}

/// A reader of spans of time within bounds.
pub(super) fn duration_within(
    bounds: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| match parse_duration(text)? {
        time if bounds.contains(&time) => Ok(time),
        _ => {
            let (least, most) = (show_duration(*bounds.start()), show_duration(*bounds.end()));
            Err(format!("`{text}` will not do: it must lie between {least} and {most}"))
        }
    }
}

fn log(root: &mut Section<'_>) -> Log {
    let reading = root.reading();
    let (table, span) = root.table("log", "level = \"info\"");
    let mut section = Section::new(reading, table, span, Some("LINGPAI_LOG_"));
    let level = section.text("level", parse_level);
    let format = section.text("format", |text| {
        one_of(&[("human", LogFormat::Human), ("json", LogFormat::Json)], text)
    });
    let access = section.flag("access");
    section.end();
    let default = Log::default();
    Log {
        level: level.map_or(default.level, |said| said.value),
        format: format.map_or(default.format, |said| said.value),
        access: access.map_or(default.access, |said| said.value),
    }
}

/// A filter of levels: `info`, or `info,lingpai_wechat=debug`. What `EnvFilter` can do beyond that makes it take any word.
fn parse_level(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| LEVELS.contains(&word);
    let is_directive = |part: &str| match part.split_once('=') {
        Some((target, level)) => !target.is_empty() && is_level(level),
        None => is_level(part),
    };
    if text.split(',').all(is_directive) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is not a level: write error, warn, info, debug or trace, or a filter such as `info,lingpai_wechat=debug`"
        ))
    }
}

fn accounts(root: &mut Section<'_>, base: &Path, upstream: &wire::Settings) -> Vec<Account> {
    const FORM: &str = "write `[[account]]` before the settings of each account";
    let reading = root.reading();
    let Some(value) = root.value("account") else { return Vec::new() };
    let DeValue::Array(list) = value.get_ref() else {
        reading
            .mistake(Place::File(value.span()), format!("`account` is a list of tables: {FORM}"));
        return Vec::new();
    };
    let mut accounts: Vec<Account> = Vec::new();
    for entry in list.iter() {
        let Some((account, id_place)) = read_account(reading, entry, base, upstream) else {
            continue;
        };
        if accounts.iter().any(|other| other.id == account.id) {
            let what =
                format!("the account {} stands in this file twice: remove one of them", account.id);
            reading.mistake(id_place, what);
        } else {
            accounts.push(account);
        }
    }
    accounts
}

fn read_account<'a>(
    reading: &'a Reading<'a>,
    entry: &'a Spanned<DeValue<'a>>,
    base: &Path,
    upstream: &wire::Settings,
) -> Option<(Account, Place)> {
    let DeValue::Table(table) = entry.get_ref() else {
        let what = "`account` is a list of tables: write `[[account]]` before the settings of each account";
        reading.mistake(Place::File(entry.span()), what);
        return None;
    };
    let mut section = Section::new(reading, Some(table), entry.span(), None);
    let account = account::read(&mut section, base, upstream);
    section.end();
    account
}
