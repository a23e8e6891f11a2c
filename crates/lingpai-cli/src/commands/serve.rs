//! `lingpai serve`: keep all accounts, answer clients, end in order.

use std::sync::Arc;

use lingpai_server::Server;

use crate::commands::key;
use crate::config::StoreAt;
use crate::error::Error;
use crate::keeping::Keeping;
use crate::reload::{Follower, InForce};
use crate::signals::Hangups;
use crate::{output, signals};

/// Runs until it is asked to end.
pub(crate) async fn run(in_force: InForce) -> Result<(), Error> {
    let config = &in_force.config;
    if config.file.is_none()
        && matches!(&config.store, StoreAt::Sqlite { path, .. } if !path.exists())
    {
        return Err(Error::NothingToKeep);
    }
    let end = signals::asked_to_end()?;
    let hangups = Hangups::catch()?;
    let mut keeping = Keeping::open(&config.store, config.upstream.clone()).await?;
    let outcome = serve(&mut keeping, in_force, hangups, end).await;
    keeping.close().await;
    if outcome.is_ok() {
        tracing::info!("ended in order");
    }
    outcome
}

async fn serve(
    keeping: &mut Keeping,
    in_force: InForce,
    hangups: Hangups,
    end: impl Future<Output = ()>,
) -> Result<(), Error> {
    let config = &in_force.config;
    // Before anything is fetched: a port in use must not cost a token.
    let mut server = Server::new(Arc::clone(&keeping.registry), keeping.store.directory());
    if let Some(gateway) = config.gateway.clone() {
        server = server.with_gateway(gateway);
    }
    keeping.merge(config).await?;
    if let Some(key) = key::first(&*keeping.store.directory(), keeping.clock().now().wall).await? {
        output::tell(&key);
    }
    let bound = server.bind(config.listen).await?;
    keeping.sync().await?;
    let accounts = keeping.count();
    if accounts == 0 {
        tracing::warn!(
            "there are no accounts yet. Add an [[account]] to the configuration, or use `lingpai account add`; it is \
             noticed within seconds"
        );
    }
    tracing::info!(accounts, "listening on http://{}", bound.local_addr());
    let control = bound.gateway();
    tokio::select! {
        () = bound.serve(end) => {}
        never = Follower::new(in_force, keeping, control, hangups).follow() => match never {},
    }
    tracing::info!("ending: no new requests; what is under way is finished");
    Ok(())
}
