//! The arguments of commands that find out what is wrong.

use std::path::PathBuf;

use clap::Args;
use lingpai_core::AccountId;

use super::Asked;

/// `lingpai doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Doctor {
    /// The appid [default: everything that accounts stand on, and all accounts]
    pub(crate) account: Option<AccountId>,

    #[command(flatten)]
    pub(crate) looking: Looking,

    /// Make a call even where little is left of its quota [default: say that it was left out]
    #[arg(long)]
    pub(crate) yes: bool,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  all is well
  3  something should be looked at
  4  something does not work";

/// The server that looks, where it is not this machine's store that is looked into.
#[derive(Debug, Args)]
pub(crate) struct Looking {
    /// Ask this server [default: look into the store on this machine]
    #[arg(long, value_name = "URL")]
    server: Option<String>,

    /// A file that holds the API key for the server [default: the environment variable LINGPAI_KEY]
    #[arg(long, value_name = "FILE", requires = "server")]
    key_file: Option<PathBuf>,
}

impl Looking {
    /// The server that is to look, if one is.
    pub(crate) fn asked(&self) -> Option<Asked> {
        let server = self.server.clone()?;
        Some(Asked { server, key_file: self.key_file.clone() })
    }
}
