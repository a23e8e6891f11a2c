//! A server in this process, for a command that needs one and is to ask none: it lives as long as the command.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::{AccountId, Directory, Secret};
use lingpai_server::{Server, gateway};
use lingpai_store::MemoryStore;
use tokio::sync::oneshot;

use crate::commands::{account_to_keep, key};
use crate::config::Config;
use crate::error::Error;
use crate::keeping::Keeping;
use crate::signals;

/// How long a call may take: a person waits longer than an SDK.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens the configuration's store, serves one of its accounts on this machine only, and does `work` with the server's URL and a
/// key that nobody else has and no store keeps. What was called is counted in the store.
///
/// # Errors
/// The store cannot be opened or does not hold the account; what `work` fails with; Ctrl-C, which ends it.
pub(crate) async fn served<T>(
    config: &Config,
    account: &AccountId,
    work: impl AsyncFnOnce(&str, &Secret) -> Result<T, Error>,
) -> Result<T, Error> {
    let keeping = Keeping::open(&config.store, config.upstream.clone()).await?;
    let outcome = unless_interrupted(Box::pin(serve(&keeping, config, account, work))).await;
    keeping.close().await;
    outcome
}

async fn serve<T>(
    keeping: &Keeping,
    config: &Config,
    account: &AccountId,
    work: impl AsyncFnOnce(&str, &Secret) -> Result<T, Error>,
) -> Result<T, Error> {
    let account = account_to_keep(keeping, config, account).await?;
    keeping.keep(&account);
    let only = Accounts::Only([account.id.clone()].into());
    let new = key::make("this command", [Right::Admin].into(), only, keeping.clock().now().wall)?;
    let directory = Arc::new(MemoryStore::new());
    directory.put_account(&account, None).await?;
    directory.put_key(&new.record).await?;
    let server =
        Server::new(Arc::clone(&keeping.registry), directory).with_gateway(gateway_of(config));
    let bound = server.bind(([127, 0, 0, 1], 0).into()).await?;
    let url = format!("http://{}", bound.local_addr());
    let (end, ended) = oneshot::channel::<()>();
    let serving = bound.serve(async { drop(ended.await) });
    let working = async {
        let outcome = work(&url, &new.key).await;
        drop(end);
        outcome
    };
    // The server goes on until its counts are stored.
    tokio::join!(working, serving).0
}

fn gateway_of(config: &Config) -> gateway::Settings {
    let mut gateway = config.gateway.clone().unwrap_or_default();
    gateway.upstream = config.upstream.clone();
    gateway.repair_deadline = PATIENCE;
    gateway
}

/// Dropped, work leaves nothing behind: no half file.
pub(crate) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let interrupted = signals::asked_to_end()?;
    tokio::select! {
        outcome = work => outcome,
        () = interrupted => Err(Error::Interrupted),
    }
}
