//! What can be typed to take an account over from whoever fetches for it today, to move it to the other family of tokens, and to
//! hand it back.

use std::path::PathBuf;

use clap::Args;
use lingpai_core::{AccountId, Keeping, Mode};
use lingpai_store::RedisAddress;

use super::Asked;
use crate::config;

#[derive(Debug, Args)]
pub(crate) struct SetMode {
    /// The appid
    pub(crate) account: AccountId,
    /// stable: from /cgi-bin/stable_token, which repeats its token. classic: from /cgi-bin/token, where each fetch replaces
    /// the one before
    #[arg(value_name = "stable|classic", value_parser = config::account::parse_mode)]
    pub(crate) mode: Mode,
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct Keep {
    /// The appid
    pub(crate) account: AccountId,
    /// managed: tokens are fetched and renewed. observe: only a token that was given is served. paused: the last token is
    /// served to its end
    #[arg(value_name = "managed|observe|paused", value_parser = config::account::parse_keeping)]
    pub(crate) keeping: Keeping,
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// The appid
    pub(crate) account: AccountId,
    /// The file that holds the token, or WeChat's answer with it; - for standard input [default: a hidden prompt, or
    /// standard input]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The Redis in which it stands: redis://HOST:PORT/DATABASE, without a password
    #[arg(long, value_name = "URL", requires = "redis_key", conflicts_with = "token_file")]
    pub(crate) redis: Option<RedisAddress>,
    /// Its key there: the token plain, as JSON, or as PHP serializes it; what is left of its life is that of the key
    #[arg(long, value_name = "KEY", requires = "redis")]
    pub(crate) redis_key: Option<String>,
    /// The file that holds the password of the Redis
    #[arg(long, value_name = "FILE", requires = "redis")]
    pub(crate) redis_password_file: Option<PathBuf>,
    /// What is left of its life, in seconds [default: as WeChat's answer or the Redis says]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) expires_in: Option<u64>,
    /// Take it without asking WeChat whether it is good
    #[arg(long)]
    pub(crate) untried: bool,
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    /// The appid
    pub(crate) account: AccountId,
    #[command(flatten)]
    pub(crate) asked: Asked,
}
