//! What can be typed about the store.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config;

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Give the store another master key. With SQLite, stop the server first; nodes on a Redis go on
    Rekey {
        /// A file that holds the new key, 64 hexadecimal digits [default: a random key, put into the present key file]
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
    },
    /// Copy all of one store into another: accounts, keys, tokens, counts, pushes and events. Stop the servers that use them first
    Copy(StoreCopy),
    /// Write all of the store into a file while the server runs. The master key is not in it
    Backup {
        /// The file, which must not exist yet
        file: PathBuf,
    },
    /// Put a backup in the place of the store. Stop the server first; a Redis has to be empty
    Restore {
        /// The backup, which stays as it is
        file: PathBuf,
        /// For a drill on another machine: nothing is fetched for the accounts of the copy, and no push in it is relayed
        #[arg(long)]
        drill: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StoreCopy {
    /// The store to copy: sqlite:PATH or redis://HOST:PORT
    #[arg(long, value_name = "URL", value_parser = config::StoreUrl::parse)]
    pub(crate) from: config::StoreUrl,

    /// The store to copy into, likewise
    #[arg(long, value_name = "URL", value_parser = config::StoreUrl::parse)]
    pub(crate) to: config::StoreUrl,

    /// A file that holds the master key of the source [default: the configuration's]
    #[arg(long, value_name = "FILE")]
    pub(crate) from_key_file: Option<PathBuf>,

    /// A file that holds the master key of the target [default: the configuration's]
    #[arg(long, value_name = "FILE")]
    pub(crate) to_key_file: Option<PathBuf>,

    /// A file that holds the password of the source [default: the environment variable LINGPAI_STORE_PASSWORD]
    #[arg(long, value_name = "FILE")]
    pub(crate) from_password_file: Option<PathBuf>,

    /// A file that holds the password of the target, likewise
    #[arg(long, value_name = "FILE")]
    pub(crate) to_password_file: Option<PathBuf>,

    /// Copy into a store that holds other data. Of two that differ the later one stays
    #[arg(long)]
    pub(crate) merge: bool,

    /// Copy although servers use one of the stores. What they change meanwhile may be missing: stop them and run it again
    #[arg(long)]
    pub(crate) while_running: bool,
}
