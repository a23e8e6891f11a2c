//! What can be typed to start something: the server, a configuration, the simulated WeChat.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::{Lang, values};
use crate::config;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen [default: what the configuration says, or 127.0.0.1:8700]
    #[arg(long, value_name = "IP:PORT", value_parser = config::parse_address)]
    pub(crate) listen: Option<SocketAddr>,

    /// See it at work: a simulated WeChat and one account, kept in ./lingpai-demo
    #[arg(long)]
    pub(crate) demo: bool,

    /// How long the demo's tokens live (WeChat's: 2h)
    #[arg(
        long,
        value_name = "TIME",
        requires = "demo",
        default_value = "30s",
        value_parser = values::lifetime
    )]
    pub(crate) lifetime: Duration,

    /// Keep the demo's account in classic mode, in which every fetch replaces the token
    #[arg(long, requires = "demo")]
    pub(crate) classic: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Replace a configuration that is there
    #[arg(long)]
    pub(crate) force: bool,

    /// The language of the explanations [default: LINGPAI_LANG, or what the locale says]
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Lang>,
}

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Where to listen [default: 127.0.0.1:8900]
    #[arg(long, value_name = "IP:PORT", value_parser = config::parse_address)]
    pub(crate) listen: Option<SocketAddr>,

    /// How long tokens live; everything else shrinks with it
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = values::lifetime)]
    pub(crate) lifetime: Duration,

    /// The same seed and the same calls give the same answers
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = values::seed)]
    pub(crate) seed: u64,

    /// Allow an address that other machines reach; the sandbox asks nobody for a password
    #[arg(long)]
    pub(crate) allow_remote: bool,
}
