//! `lingpai serve`: keep all accounts, answer clients, end in order.

use std::sync::Arc;

use lingpai_server::Server;

use crate::commands::key;
use crate::config::{Config, StoreAt};
use crate::error::Error;
use crate::keeping::Keeping;
use crate::{output, signals};

/// Runs until it is asked to end.
pub(crate) async fn run(config: Config) -> Result<(), Error> {
    if config.file.is_none()
        && matches!(&config.store, StoreAt::Sqlite { path, .. } if !path.exists())
    {
        return Err(Error::NothingToKeep);
    }
    let end = signals::asked_to_end()?;
    let keeping = Keeping::open(&config.store, config.upstream.clone()).await?;
    let outcome = serve(&keeping, &config, end).await;
    keeping.close().await;
    if outcome.is_ok() {
        tracing::info!("ended in order");
    }
    outcome
}

async fn serve(
    keeping: &Keeping,
    config: &Config,
    end: impl Future<Output = ()>,
) -> Result<(), Error> {
    // Before anything is fetched: a port in use must not cost a token.
    let server = Server::new(Arc::clone(&keeping.registry), keeping.store.directory());
    let accounts = keeping.accounts(config).await?;
    if let Some(key) = key::first(&*keeping.store.directory(), keeping.clock().now().wall).await? {
        output::tell(&key);
    }
    let bound = server.bind(config.listen).await?;
    for account in &accounts {
        keeping.keep(account);
    }
    if accounts.is_empty() {
        tracing::warn!(
            "there are no accounts yet. Add an [[account]] to the configuration and start again"
        );
    }
    tracing::info!(accounts = accounts.len(), "listening on http://{}", bound.local_addr());
    bound.serve(end).await;
    tracing::info!("ending: no new requests; what is under way is finished");
    Ok(())
}
