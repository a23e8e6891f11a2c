//! The commands, a file each.

pub(crate) mod account;
pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod shell;
pub(crate) mod store;
pub(crate) mod token;

use crate::config::{Config, StoreAt};
use crate::error::Error;
use crate::keeping::OpenStore;

/// Opens the store of a configuration for a command that would be pointless on one that ends with the command.
async fn durable_store(config: &Config) -> Result<OpenStore, Error> {
    match &config.store {
        StoreAt::Memory => Err(Error::said(
            "the store is `memory:`, which only the running server can see. Use `store = \"sqlite:lingpai.db\"`",
        )),
        at @ (StoreAt::Sqlite { .. } | StoreAt::Redis { .. }) => Ok(OpenStore::open(at).await?),
    }
}
