//! What can be typed about the audit trail and alerts.

use clap::{Args, Subcommand};
use lingpai_core::AccountId;

use super::Asked;

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// What concerns this account only
    #[arg(long, value_name = "APPID")]
    pub(crate) account: Option<AccountId>,

    /// What this client did only: the id or the name of its key
    #[arg(long, value_name = "KEY")]
    pub(crate) client: Option<String>,

    /// Since this time, or since so long ago: 2026-11-28T08:00:00Z, 30m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// So many at most, the newest of them
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    pub(crate) limit: u32,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Print JSON, a line for each
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Alert {
    /// List the alerts of a running server, and how they stand
    List {
        #[command(flatten)]
        asked: Asked,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send a message now, and say what came of it
    Test {
        /// The alert's name
        name: String,
        #[command(flatten)]
        asked: Asked,
    },
}
