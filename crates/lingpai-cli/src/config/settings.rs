//! The settings of the file outside the accounts, one function each.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lingpai_core::{Account, Secret, StoreError};
use lingpai_store::{KeySource, MasterKey, RedisAddress};
use lingpai_wechat::wire;
use toml::de::DeTable;

use super::duration::{parse as parse_duration, show as show_duration};
use super::mistake::Place;
use super::secret::Reference;
use super::section::{Reading, Said, Section, foreign, one_of};
use super::{
    Config, DEFAULT_STORE, Log, LogFormat, StoreAt, account, alert, authorization, console,
    gateway, journals, listen, sink, traces, upstream,
};
use crate::language::{either, say};

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
    let forced_refresh = root.flag("forced-refresh").is_none_or(|said| said.value);
    let gateway = gateway::read(&mut root, base, &upstream);
    let console = console::read(&mut root);
    let authorization = authorization::read(&mut root);
    let log = log(&mut root);
    let accounts = accounts(&mut root, base, &upstream);
    let alerts = alert::read(&mut root, base);
    let traces = traces::read(&mut root, base, &upstream);
    let sinks = sink::read(&mut root, base);
    root.end();
    let file = None;
    Config {
        listen,
        store,
        upstream,
        forced_refresh,
        gateway,
        console,
        authorization,
        log,
        accounts,
        alerts,
        traces,
        sinks,
        file,
    }
}

/// What a store's URL names.
#[derive(Clone, Debug)]
pub(crate) enum StoreUrl {
    Memory,
    Sqlite(PathBuf),
    Redis(Box<RedisAddress>),
}

impl StoreUrl {
    /// Of `memory:`, `sqlite:PATH` or `redis://...`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some((scheme, _)) if scheme.starts_with("redis") => text
                .parse()
                .map(|address| Self::Redis(Box::new(address)))
                .map_err(|error: StoreError| error.to_string()),
            // It may be the mistyped URL of a Redis, with its password.
            _ => Err(say!(
                "`{text}` is not a store: write `sqlite:PATH`, such as `sqlite:lingpai.db`, `redis://HOST:PORT`, or `memory:`",
                "`{text}` 不是存储：请写 `sqlite:路径`，如 `sqlite:lingpai.db`，或写 `redis://主机:端口`、`memory:`",
                text = if text.contains('@') { "***" } else { text }
            )),
        }
    }
}

fn store(root: &mut Section<'_>, base: &Path) -> StoreAt {
    let key = master_key(root, base);
    let journals = journals::read(root);
    let password = Reference::fetched(root, "store-password", Some("LINGPAI_STORE_PASSWORD"), base);
    let of_sentinels =
        Reference::fetched(root, "sentinel-password", Some("LINGPAI_SENTINEL_PASSWORD"), base);
    let (address, place) = match root.text("store", StoreUrl::parse) {
        None => return StoreAt::Sqlite { path: base.join(DEFAULT_STORE), key, journals },
        Some(Said { value: StoreUrl::Memory, .. }) => return StoreAt::Memory,
        Some(Said { value: StoreUrl::Sqlite(path), .. }) => {
            return StoreAt::Sqlite { path: base.join(path), key, journals };
        }
        Some(Said { value: StoreUrl::Redis(address), place }) => (address.relative_to(base), place),
    };
    if address.has_password() && matches!(place, Place::File(_)) {
        let what = either(
            "a password must not stand in this file, which is copied, backed up and shown to people. Leave it out of the \
             URL, and write `store-password = { env = \"NAME\" }` or `{ file = \"PATH\" }`",
            "密码不能写在这个文件里：它会被复制、备份、给别人看。请从地址中去掉，改写 `store-password = { env = \"名称\" }` 或 \
             `{ file = \"路径\" }`",
        );
        root.mistake(place, what);
    }
    let address = match password {
        Some(password) => address.with_password(password.value),
        None => address,
    };
    let address = match of_sentinels {
        Some(password) => address.with_sentinel_password(password.value),
        None => address,
    };
    StoreAt::Redis { address, key, journals }
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
        None => Place::variable(&variable),
    };
    let from = variable.clone();
    let fetched = Reference::Variable(variable).fetch(base, reading);
    let parse = |text: Secret| MasterKey::parse(text.expose()).map_err(|error| foreign(&error));
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
            Err(say!(
                "`{text}` will not do: it must lie between {least} and {most}",
                "`{text}` 超出范围：必须在 {least} 到 {most} 之间"
            ))
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
        Err(say!(
            "`{text}` is not a level: write error, warn, info, debug or trace, or a filter such as `info,lingpai_wechat=debug`",
            "`{text}` 不是日志级别：请写 error、warn、info、debug 或 trace，或 `info,lingpai_wechat=debug` 这样的过滤规则"
        ))
    }
}

fn accounts(root: &mut Section<'_>, base: &Path, upstream: &wire::Settings) -> Vec<Account> {
    root.tables(
        "account",
        either(
            "`account` is a list of tables: write `[[account]]` before the settings of each account",
            "`account` 是由表组成的列表：请在每个账号的设置前写 `[[account]]`",
        ),
        |section| account::read(section, base, upstream),
        |one, other| one.id == other.id,
        |account| {
            say!(
                "the account {id} stands in this file twice: remove one of them",
                "账号 {id} 在这个文件里写了两次：请删去一个",
                id = account.id
            )
        },
    )
}
