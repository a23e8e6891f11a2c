//! What can be typed about platforms, and those who authorise them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use lingpai_core::AccountId;
use lingpai_wechat::Offered;

use super::{Asked, Elsewhere, values};
use crate::config;

#[derive(Debug, Subcommand)]
pub(crate) enum Platform {
    /// Make a link by which the owner of an account authorises a platform, or a corp a suite
    Authorize(Authorize),
    /// List those who have authorised a platform
    Authorizers {
        /// The platform's appid
        platform: AccountId,
        #[command(flatten)]
        asked: Asked,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take over those whom another system has kept, with their refresh tokens. Can be run again
    Import(PlatformImport),
    /// Take over all that WeChat's own list has, with the refresh tokens that it gave last
    Recover {
        /// The platform's appid
        platform: AccountId,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PlatformImport {
    /// The platform's appid
    pub(crate) platform: AccountId,

    /// CSV whose first line names the columns account and refresh_token, or JSON
    pub(crate) file: PathBuf,

    /// Let the refresh tokens of the file take the place of those that are here
    #[arg(long)]
    pub(crate) replace: bool,

    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
}

impl Platform {
    /// Whether it is done on the store of this machine.
    pub(crate) fn is_here(&self) -> bool {
        match self {
            Self::Authorize(_) | Self::Authorizers { .. } => false,
            Self::Import(PlatformImport { elsewhere, .. }) | Self::Recover { elsewhere, .. } => {
                elsewhere.asked().is_none()
            }
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Authorize {
    /// The account that is to be authorised: the platform's appid, or the suite_id
    pub(crate) platform: AccountId,

    /// For a computer: WeChat's page shows a code to scan [default: what the link is opened on]
    #[arg(long, conflicts_with = "h5")]
    pub(crate) pc: bool,

    /// For WeChat on a telephone; elsewhere the link shows a code to scan
    #[arg(long)]
    pub(crate) h5: bool,

    /// Which accounts may be chosen: all, official-accounts or mini-programs
    #[arg(long, value_name = "WHICH", default_value = "all", value_parser = values::offered)]
    pub(crate) offer: Offered,

    /// The only account that may be chosen: its appid
    #[arg(long, value_name = "APPID")]
    pub(crate) only: Option<AccountId>,

    /// Where the browser is sent in the end; the configuration's `return-to` must allow it
    #[arg(long, value_name = "URL")]
    pub(crate) return_to: Option<String>,

    /// For how long the link is good, up to 7d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = config::parse_duration)]
    pub(crate) expires_in: Duration,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Print JSON, with the key by which the business checks what comes back
    #[arg(long)]
    pub(crate) json: bool,
}
