//! The commands, a file each.

pub(crate) mod account;
pub(crate) mod alert;
mod alone;
pub(crate) mod attempt;
pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod key;
mod noted;
pub(crate) mod platform;
pub(crate) mod pushes;
pub(crate) mod quota;
pub(crate) mod rid;
pub(crate) mod rotate;
pub(crate) mod sandbox;
pub(crate) mod secret;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod shell;
pub(crate) mod sink;
pub(crate) mod snippet;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod ticket;
pub(crate) mod token;
pub(crate) mod watch;

use std::io::{self, BufRead, IsTerminal};

use lingpai_core::{Account, AccountId};

use crate::config::{Config, StoreAt};
use crate::error::Error;
use crate::keeping::{Keeping, OpenStore};
use crate::language::{either, say};
use crate::output;

/// Opens the store of a configuration for a command that would be pointless on one that ends with the command.
async fn durable_store(config: &Config) -> Result<OpenStore, Error> {
    match &config.store {
        StoreAt::Memory => Err(only_the_server_sees_it()),
        at @ (StoreAt::Sqlite { .. } | StoreAt::Redis { .. }) => Ok(OpenStore::open(at).await?),
    }
}

fn only_the_server_sees_it() -> Error {
    Error::said(either(
        "the store is `memory:`, which only the running server can see. Use `store = \"sqlite:lingpai.db\"`",
        "存储是 `memory:`，只有运行中的服务能看到。请改用 `store = \"sqlite:lingpai.db\"`",
    ))
}

/// One account of the configuration or the store, for a command that asks no server.
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

/// The same for a command that would fetch for it.
async fn account_to_keep(
    keeping: &Keeping,
    config: &Config,
    id: &AccountId,
) -> Result<Account, Error> {
    let account = account_of(keeping, config, id).await?;
    if account.kind.is_authorizer()
        && let Some(platform) = &account.platform
        && keeping.is_marked(platform).await?
    {
        return Err(Error::said(say!(
            "the store was restored from a backup, and the refresh token of {id} may be an old one. Start the server: it goes through \
             WeChat's list of the authorizers of {platform} first",
            "存储是从备份恢复的，{id} 的 refresh_token 可能已经过期。请先启动服务：它会先核对 {platform} 的微信授权方列表"
        )));
    }
    Ok(account)
}

/// Tells a person what is about to be done, and asks whether it is meant. `unasked` is what is said where nobody is there to
/// answer.
fn is_meant(deed: &str, unasked: &str) -> Result<bool, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::said(unasked.to_owned()));
    }
    output::tell(&say!("{deed}\nType yes to go on:", "{deed}\n输入 yes 继续："));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let is_meant = ["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str());
    if !is_meant {
        output::tell(either("Nothing was done.", "什么也没有做。"));
    }
    Ok(is_meant)
}
