//! The commands, a file each.

pub(crate) mod account;
pub(crate) mod alert;
pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod pushes;
pub(crate) mod rotate;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod shell;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod ticket;
pub(crate) mod token;

use lingpai_core::{Account, AccountId};

use crate::config::{Config, StoreAt};
use crate::error::Error;
use crate::keeping::{Keeping, OpenStore};
use crate::language::{either, say};

/// Opens the store of a configuration for a command that would be pointless on one that ends with the command.
async fn durable_store(config: &Config) -> Result<OpenStore, Error> {
    match &config.store {
        StoreAt::Memory => Err(Error::said(either(
            "the store is `memory:`, which only the running server can see. Use `store = \"sqlite:lingpai.db\"`",
            "存储是 `memory:`，只有运行中的服务能看到。请改用 `store = \"sqlite:lingpai.db\"`",
        ))),
        at @ (StoreAt::Sqlite { .. } | StoreAt::Redis { .. }) => Ok(OpenStore::open(at).await?),
    }
}

/// One account of the configuration or the store, for a command that keeps it by itself.
async fn account_of(keeping: &Keeping, config: &Config, id: &AccountId) -> Result<Account, Error> {
    keeping.merge(config).await?;
    let accounts = keeping.store.accounts().await?;
    accounts.into_iter().find(|account| account.id == *id).ok_or_else(|| {
        Error::said(say!(
            "the account {id} is neither in the configuration nor in the store. `lingpai account list` shows those \
             there are",
            "配置与存储中都没有账号 {id}。`lingpai account list` 列出已有的账号"
        ))
    })
}
