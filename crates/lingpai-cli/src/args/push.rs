//! What can be typed about pushes: how an account receives them, and those that a business has not taken.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lingpai_core::AccountId;
use lingpai_core::push::{PushMode, RelayForm};

use super::Asked;
use crate::config;

/// How an account receives pushes. Secrets without a file are asked for: by hidden prompts, or a line of standard input each.
#[derive(Debug, Args)]
pub(crate) struct WantedPush {
    /// safe, compatible or plain, as WeChat's console has it
    #[arg(long, default_value = "safe", value_parser = config::push::parse_mode)]
    pub(crate) mode: PushMode,
    /// The business's URL, where pushes go that are not for Lingpai
    #[arg(long, value_name = "URL")]
    pub(crate) relay: Option<String>,
    /// Of a third-party platform: the business's URL for messages of its authorizers. $APPID$ in it is whose they are
    #[arg(long, value_name = "URL")]
    pub(crate) authorizer_relay: Option<String>,
    /// raw: as WeChat sent it. plain: decrypted; the answer is encrypted on its way back
    #[arg(long, default_value = "raw", value_parser = config::push::parse_form)]
    pub(crate) relay_form: RelayForm,
    /// The file that holds the token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The file that holds the EncodingAESKey
    #[arg(long, value_name = "FILE")]
    pub(crate) aes_key_file: Option<PathBuf>,
    /// The file that holds the EncodingAESKey before it, while it is being replaced
    #[arg(long, value_name = "FILE")]
    pub(crate) previous_aes_key_file: Option<PathBuf>,
    /// Receive no pushes any more
    #[arg(long)]
    pub(crate) remove: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Pushes {
    /// List those that wait and those that are given up
    List {
        /// The appid
        account: AccountId,
        #[command(flatten)]
        asked: Asked,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try one again now
    Retry {
        /// The appid
        account: AccountId,
        /// Its id in the list
        id: String,
        #[command(flatten)]
        asked: Asked,
    },
    /// Drop one: the business misses it
    Remove {
        /// The appid
        account: AccountId,
        /// Its id in the list
        id: String,
        #[command(flatten)]
        asked: Asked,
    },
}
