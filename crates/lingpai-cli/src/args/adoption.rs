//! What can be typed to try Lingpai with an account, and to have an SDK served by it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use lingpai_core::{AccountId, AccountKind};
use lingpai_wechat::wire::BaseUrl;

use super::OwnProxy;
use crate::config;
use crate::snippets::{Sdk, Way};

#[derive(Debug, Args)]
pub(crate) struct Try {
    /// The appid; CORPID:AGENTID of an application of WeCom [default: a prompt]
    pub(crate) account: Option<AccountId>,

    /// official-account, mini-program, mini-game or wecom
    #[arg(long, default_value = "official-account", value_parser = config::account::parse_kind)]
    pub(crate) kind: AccountKind,

    /// The file that holds the AppSecret [default: a hidden prompt, or standard input if that is no terminal]
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) proxy: OwnProxy,

    /// The SDK whose configuration is shown
    #[arg(long, value_name = "NAME", default_value = "curl")]
    pub(crate) sdk: Sdk,

    /// See it with a simulated WeChat, without an account
    #[arg(long, conflicts_with_all = ["account", "secret_file", "upstream", "url"])]
    pub(crate) sandbox: bool,

    /// Another base URL than WeChat's
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<BaseUrl>,

    /// Look once, and do not wait for the whitelist to take effect
    #[arg(long)]
    pub(crate) once: bool,

    /// How often it is looked whether the whitelist has taken effect
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = pause)]
    pub(crate) every: Duration,
}

fn pause(text: &str) -> Result<Duration, String> {
    config::parse_duration(text).map(|time| time.max(Duration::from_secs(1)))
}

#[derive(Debug, Args)]
pub(crate) struct Snippet {
    /// The appid
    pub(crate) account: AccountId,

    /// The SDK
    #[arg(long, value_name = "NAME")]
    pub(crate) sdk: Sdk,

    /// How it is served
    #[arg(long, value_name = "WAY", default_value = "gateway")]
    pub(crate) way: Way,

    /// Where services find the server
    #[arg(
        long,
        value_name = "URL",
        env = "LINGPAI_SERVER",
        default_value = "http://127.0.0.1:8700"
    )]
    pub(crate) server: String,
}
