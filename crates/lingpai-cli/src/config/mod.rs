//! The configuration: `lingpai.toml`, the environment above it, the command line above both.
//!
//! Everything is read before anything is started, and all mistakes are shown at once. `source` says which files are read,
//! `section` reads a table and takes note of what is wrong, `mistake` shows it; what the settings are is in `settings`,
//! `listen`, `upstream` and `account`.

pub(crate) mod account;
mod alert;
pub(crate) mod api_security;
mod authorization;
mod console;
pub(crate) mod described;
mod duration;
mod gateway;
mod journals;
mod listen;
mod mistake;
pub(crate) mod push;
#[cfg(test)]
mod reference;
pub(crate) mod secret;
mod section;
mod settings;
pub(crate) mod sink;
mod source;
#[cfg(test)]
mod tests;
mod traces;
pub(crate) mod upstream;
#[cfg(test)]
mod upstream_tests;

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::{io, mem};

use lingpai_core::{Account, AccountId};
use lingpai_server::alerts::Alert;
use lingpai_server::console::Settings as Console;
use lingpai_server::gateway::Settings as Gateway;
use lingpai_server::traces::Settings as Traces;
use lingpai_store::{Journals, KeySource, RedisAddress};
use lingpai_wechat::wire;
use toml::de::DeTable;

pub(crate) use self::authorization::Authorization;
pub(crate) use self::duration::{parse as parse_duration, show as show_duration};
pub(crate) use self::listen::{Listen, parse_address};
pub(crate) use self::mistake::Mistakes;
use self::mistake::{Mistake, Place};
pub(crate) use self::section::Environment;
use self::section::Reading;
pub(crate) use self::section::{suggestion, variable_of};
pub(crate) use self::settings::StoreUrl;
use self::sink::Sink;
pub(crate) use self::source::{Files, Source};
use crate::error::Error;
use crate::language::{either, say};

/// The environment of this process.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What is said of a file that the configuration names and that cannot be read.
fn unreadable(path: &Path, error: &io::Error) -> String {
    say!(
        "the file {path} cannot be read: {error}. Check that it exists and that Lingpai may read it",
        "无法读取文件 {path}：{error}。请检查它是否存在，Lingpai 是否有权读取",
        path = path.display()
    )
}

/// The file that is read if none is named.
pub(crate) const DEFAULT_FILE: &str = "lingpai.toml";

/// Where the server listens if nothing else is said.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8700);

const DEFAULT_STORE: &str = "lingpai.db";

/// What Lingpai is to do.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where the server listens, and whom it believes there.
    pub(crate) listen: Listen,
    /// Where everything durable is.
    pub(crate) store: StoreAt,
    /// How WeChat is reached.
    pub(crate) upstream: wire::Settings,
    /// Whether this node may force WeChat to replace a token.
    pub(crate) forced_refresh: bool,
    /// How calls to WeChat are forwarded, if they are.
    pub(crate) gateway: Option<Gateway>,
    /// The pages for people, if there are to be any.
    pub(crate) console: Option<Console>,
    /// How platforms are authorised by links.
    pub(crate) authorization: Authorization,
    /// What is logged.
    pub(crate) log: Log,
    /// The accounts that the file names. The store may know more.
    pub(crate) accounts: Vec<Account>,
    /// Who is told what happens.
    pub(crate) alerts: Vec<Alert>,
    /// Where traces go, if they are wanted.
    pub(crate) traces: Option<Traces>,
    /// Where tokens are delivered.
    pub(crate) sinks: Vec<Sink>,
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
}

/// Where a store is.
#[derive(Clone, Debug)]
pub(crate) enum StoreAt {
    /// In this process, and gone with it.
    Memory,
    /// In a file.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it is sealed with.
        key: KeySource,
        /// How much of its journals is kept.
        journals: Journals,
    },
    /// In a Redis, for several nodes.
    Redis {
        /// Where that is.
        address: RedisAddress,
        /// What it is sealed with.
        key: KeySource,
        /// How much of its journals is kept.
        journals: Journals,
    },
}

impl StoreAt {
    /// Whether both are the same store, opened with a key from the same place.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory, Self::Memory) => true,
            (Self::Sqlite { path, key, .. }, Self::Sqlite { path: other, key: other_key, .. }) => {
                path == other && is_from_the_same_place(key, other_key)
            }
            (
                Self::Redis { address, key, .. },
                Self::Redis { address: other, key: other_key, .. },
            ) => address == other && is_from_the_same_place(key, other_key),
            _ => false,
        }
    }

    /// How much of its journals is kept, unless it is gone with the process.
    pub(crate) const fn journals(&self) -> Option<Journals> {
        match self {
            Self::Memory => None,
            Self::Sqlite { journals, .. } | Self::Redis { journals, .. } => Some(*journals),
        }
    }
}

fn is_from_the_same_place(key: &KeySource, other: &KeySource) -> bool {
    match (key, other) {
        (KeySource::Beside, KeySource::Beside) => true,
        (KeySource::File(file), KeySource::File(other)) => file == other,
        (KeySource::Given { from, .. }, KeySource::Given { from: other, .. }) => from == other,
        _ => false,
    }
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// The directives of a `tracing` filter.
    pub(crate) level: String,
    /// How a line looks.
    pub(crate) format: LogFormat,
    /// Whether every request is logged.
    pub(crate) access: bool,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Human, access: false }
    }
}

impl Log {
    /// For a command that prints a result: warnings only, unless more was asked for.
    pub(crate) fn quieter(&self) -> Self {
        let level = if self.level == "info" { "warn" } else { &self.level };
        Self { level: level.to_owned(), format: self.format, access: false }
    }
}

impl Config {
    /// The file, if it names this account: what it says wins over the store.
    pub(crate) fn file_that_names(&self, account: &AccountId) -> Option<&Path> {
        let is_named = self.accounts.iter().any(|configured| configured.id == *account);
        self.file.as_deref().filter(|_| is_named)
    }

    /// What it comes to, in a few lines.
    pub(crate) fn summary(&self) -> String {
        let file = match &self.file {
            Some(file) => say!("{path} is fine", "{path} 没有错误", path = file.display()),
            None => say!(
                "there is no {DEFAULT_FILE}; these are the defaults and the environment",
                "没有 {DEFAULT_FILE}；以下为默认值与环境变量"
            ),
        };
        let store = match &self.store {
            StoreAt::Memory => {
                either("in memory, gone when the server ends", "内存，进程结束即消失").to_owned()
            }
            StoreAt::Sqlite { path, .. } => path.display().to_string(),
            StoreAt::Redis { address, .. } => address.to_string(),
        };
        let upstream = self.upstream.hosts.first();
        let upstream = upstream.map_or_else(
            || either("WeChat's own hosts", "微信官方域名").to_owned(),
            ToString::to_string,
        );
        let accounts: Vec<_> = self.accounts.iter().map(|account| account.id.as_str()).collect();
        let accounts = match accounts.as_slice() {
            [] => either("those in the store", "存储中的账号").to_owned(),
            accounts => accounts.join(", "),
        };
        let listen: Vec<_> =
            self.listen.addresses.iter().map(|(address, _)| address.to_string()).collect();
        let listen = listen.join(", ");
        let proxy = &self.upstream.proxy;
        let proxy = proxy
            .as_ref()
            .map(|proxy| say!("  proxy     {proxy}\n", "  代理      {proxy}\n"))
            .unwrap_or_default();
        say!(
            "{file}\n  listen    {listen}\n  store     {store}\n  upstream  {upstream}\n{proxy}  accounts  {accounts}\n",
            "{file}\n  监听地址  {listen}\n  存储      {store}\n  微信地址  {upstream}\n{proxy}  账号      {accounts}\n"
        )
    }

    /// Makes a configuration of a text. Relative paths in it start at `base`; the files that it names are noted.
    fn parse(
        text: &str,
        name: &str,
        base: &Path,
        listen: Option<SocketAddr>,
        environment: Environment<'_>,
        files: &mut Files,
    ) -> Result<Self, Error> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mistakes = RefCell::default();
        let reading = Reading { environment, files: RefCell::new(mem::take(files)), mistakes };
        // What cannot be read is not judged: it would only look like more mistakes.
        let config = if errors.is_empty() {
            Some(settings::read(&reading, table.get_ref(), base, listen))
        } else {
            for error in errors {
                let place = Place::File(error.span().unwrap_or(0..0));
                let what = say!(
                    "this is not TOML: {why}",
                    "不符合 TOML 语法：{why}",
                    why = error.message()
                );
                reading.mistake(place, what);
            }
            None
        };
        *files = reading.files.into_inner();
        let mistakes: Vec<Mistake> = reading.mistakes.into_inner();
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(Mistakes::new(name.to_owned(), text, mistakes).into()),
        }
    }
}
