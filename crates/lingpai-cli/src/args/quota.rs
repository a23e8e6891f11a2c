//! What can be typed about quotas, and about the rids of requests.

use clap::{Args, Subcommand};
use lingpai_core::AccountId;

use super::Asked;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Quota {
    #[command(subcommand)]
    pub(crate) deed: Option<QuotaDeed>,

    /// The appid
    #[arg(required = true)]
    pub(crate) account: Option<AccountId>,

    /// Ask WeChat about this path, such as /cgi-bin/message/custom/send [default: what Lingpai has counted today]
    pub(crate) path: Option<String>,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Ask no server: open the configuration's store, and call WeChat from here
    #[arg(long, conflicts_with = "key_file")]
    pub(crate) standalone: bool,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Quota {
    /// Whether no server is to be asked.
    pub(crate) fn is_standalone(&self) -> bool {
        match &self.deed {
            Some(QuotaDeed::Clear(options)) => options.standalone,
            None => self.standalone,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuotaDeed {
    /// Have WeChat set an account's call counters to zero: ten times a month
    Clear(QuotaClear),
}

#[derive(Debug, Args)]
pub(crate) struct QuotaClear {
    /// The appid
    pub(crate) account: AccountId,

    /// Do not ask whether it is meant
    #[arg(long)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Ask no server: open the configuration's store, and call WeChat from here
    #[arg(long, conflicts_with = "key_file")]
    pub(crate) standalone: bool,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rid {
    /// The rid in WeChat's error text, such as 61725984-6126f6f9-040f19c4
    pub(crate) rid: String,

    /// The appid whose request it was [default: whichever of up to ten accounts knows it]
    #[arg(required_if_eq("standalone", "true"))]
    pub(crate) account: Option<AccountId>,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Ask no server: open the configuration's store, and call WeChat from here
    #[arg(long, conflicts_with = "key_file")]
    pub(crate) standalone: bool,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
