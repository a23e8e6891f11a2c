//! What can be typed about what happened.

use clap::Args;
use lingpai_core::AccountId;

use super::Asked;

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Those of this account only
    #[arg(long, value_name = "APPID")]
    pub(crate) account: Option<AccountId>,

    /// Those of these names only, separated by commas: rotated, failed, rogue-refresher and so on
    #[arg(long, value_name = "NAMES")]
    pub(crate) event: Option<String>,

    /// Those of this severity and of graver ones: info, notice, warning or error
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) severity: Option<String>,

    /// Those since this time, or since so long ago: 2026-11-28T08:00:00Z, 30m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// So many at most, the newest of them
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    pub(crate) limit: u32,

    /// Go on with what happens, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Print JSON, a line for each
    #[arg(long)]
    pub(crate) json: bool,
}
