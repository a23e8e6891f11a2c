//! What can be typed about API keys.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use lingpai_core::client::{Right, Role};
use lingpai_core::{AccountId, Domain, Environment, Network, PathGlob, Preset};

use super::values;
use crate::config;

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key for a person or a service. It is printed once and never again
    Create(KeyCreate),
    /// List all keys
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Refuse a key from now on
    Revoke {
        /// The key's id, lp_ and 12 digits: the first part of the key
        id: String,
    },
    /// Print all keys as JSON lines, for `key import` on another node. They hold hashes, and no key
    Export,
    /// Take over the keys that another node has printed. A key that was revoked on either is revoked
    Import {
        /// The file they are in, or - for standard input
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeyCreate {
    /// The person or service it is for
    #[arg(value_parser = values::key_name)]
    pub(crate) name: String,

    /// Where it is used: production, test or dev. Keys of test and dev can neither report, rotate, clear quota nor manage
    #[arg(long, default_value = "production", value_parser = values::environment)]
    pub(crate) environment: Environment,

    /// What it may do, in a word: service, viewer, operator or admin
    #[arg(long, value_parser = values::role)]
    pub(crate) role: Option<Role>,

    /// What it may do besides; may be said again [default, without a role: token:read and token:report]
    ///
    /// A key with gateway and without token:read is given virtual tokens on the WeChat-compatible paths: the gateway takes
    /// them, WeChat does not, and the client never sees a real one.
    #[arg(long = "right", value_name = "RIGHT", value_parser = values::right)]
    pub(crate) rights: Vec<Right>,

    /// An account it may use; may be said again [default: all accounts]
    #[arg(long = "account", value_name = "APPID")]
    pub(crate) accounts: Vec<AccountId>,

    /// The same as --role admin: everything, on the accounts it is for
    #[arg(long, conflicts_with_all = ["rights", "role"])]
    pub(crate) admin: bool,

    /// A network it may be used from, such as 10.2.0.0/16; may be said again [default: everywhere]
    #[arg(long = "network", value_name = "CIDR")]
    pub(crate) networks: Vec<Network>,

    /// A path that it may call through the gateway, such as '/cgi-bin/message/**'; may be said again [default: all]
    #[arg(long = "path", value_name = "GLOB")]
    pub(crate) paths: Vec<PathGlob>,

    /// How many calls a minute it may make through the gateway [default: calls-per-minute of the configuration]
    #[arg(long, value_name = "NUMBER", value_parser = values::number)]
    pub(crate) per_minute: Option<NonZeroU32>,

    /// How many of its calls may be under way at the same time [default: calls-at-once]
    #[arg(long, value_name = "NUMBER", value_parser = values::number)]
    pub(crate) at_once: Option<NonZeroU32>,

    /// How many calls a day it may make [default: calls-per-day]
    #[arg(long, value_name = "NUMBER", value_parser = values::number)]
    pub(crate) per_day: Option<NonZeroU32>,

    /// A domain whose pages it may have signed, such as shop.example.com or '*.example.com'; may be said again. With one it
    /// is given no tickets, which sign every page [default: all pages, and tickets]
    #[arg(long = "domain", value_name = "DOMAIN")]
    pub(crate) domains: Vec<Domain>,

    /// The SDK that uses it on the WeChat-compatible paths, if that needs its own expires_in: see docs/api.md
    #[arg(long, default_value = "default", value_parser = values::preset)]
    pub(crate) preset: Preset,

    /// Refuse it after this time, such as 90d [default: never]
    #[arg(long, value_name = "TIME", value_parser = config::parse_duration)]
    pub(crate) expires_in: Option<Duration>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
