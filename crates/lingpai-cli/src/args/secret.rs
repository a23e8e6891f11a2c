//! What can be typed to reset an AppSecret.

use std::path::PathBuf;

use clap::Subcommand;
use lingpai_core::AccountId;

use super::Asked;

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Go through the reset of an AppSecret step by step, without an outage
    Reset {
        /// The appid
        account: AccountId,
        /// The file that holds the new AppSecret [default: a hidden prompt, or standard input if that is no terminal]
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        #[command(flatten)]
        asked: Asked,
    },
}
