//! `lingpai serve`: keep all accounts, answer clients, end in order.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use lingpai_server::console::Settings as Console;
use lingpai_server::{Limits, Listeners, Server, Tls, alerts, authorize, push};
use tokio::time::{Instant, sleep};

use crate::commands::key;
use crate::config::{Listen, StoreAt, show_duration};
use crate::error::Error;
use crate::keeping::Keeping;
use crate::limits;
use crate::notices::Taker;
use crate::reload::{Follower, InForce};
use crate::signals::Hangups;
use crate::supervisor::{self, Sockets};
use crate::ward::Program;
use crate::{output, signals, sinks};

/// How long a server that is asked to end may still listen, besides the time that it says it is about to.
const LINGERING: Duration = Duration::from_secs(3);
/// How often an address that is in use is tried.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs until it is asked to end.
pub(crate) async fn run(in_force: InForce) -> Result<(), Error> {
    limits::keep_memory_private();
    let config = &in_force.config;
    if config.file.is_none()
        && matches!(&config.store, StoreAt::Sqlite { path, .. } if !path.exists())
    {
        return Err(Error::NothingToKeep);
    }
    let mut end = pin!(signals::asked_to_end()?);
    let hangups = Hangups::catch()?;
    // Before anything else: a port in use must not cost a token, and the server that this one replaces goes on until it
    // lets go of it.
    let tls = config.listen.identity.clone().map(Tls::new);
    let listeners = tokio::select! {
        listeners = open(&config.listen, tls.clone()) => listeners?,
        () = end.as_mut() => return Ok(()),
    };
    let mut keeping = Keeping::open(&config.store, config.upstream.clone()).await?;
    let serving = serve(&mut keeping, in_force, (listeners, tls), hangups, end);
    let outcome = Box::pin(serving).await;
    keeping.close().await;
    if outcome.is_ok() {
        tracing::info!("ended in order");
    }
    outcome
}

/// Opens all listeners but those that a supervisor has opened. Waits for a server that is about to end.
async fn open(listen: &Listen, tls: Option<Tls>) -> Result<Listeners, Error> {
    let patience = listen.drain + LINGERING;
    let until = Instant::now() + patience;
    let mut listeners = Listeners::new(tls);
    let mut given = Sockets::given()?;
    for (address, surface) in &listen.addresses {
        if let Some(socket) = given.take(address) {
            listeners.inherit(socket, address, *surface)?;
            continue;
        }
        let mut is_waiting = false;
        while let Err(error) = listeners.open(address, *surface).await {
            if !error.is_address_in_use() || Instant::now() >= until {
                return Err(error.into());
            }
            if !is_waiting {
                is_waiting = true;
                tracing::info!(
                    "{address} is in use, perhaps by the server that this one replaces: waiting up to {} for it to end",
                    show_duration(patience)
                );
            }
            sleep(PAUSE).await;
        }
    }
    given.are_all_taken()?;
    Ok(listeners)
}

/// Tells the nodes that share the store where this one is found.
fn introduce(keeping: &Keeping, addresses: &str) {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    keeping.registry.introduce(&name, addresses, env!("CARGO_PKG_VERSION"));
}

async fn serve(
    keeping: &mut Keeping,
    in_force: InForce,
    (listeners, tls): (Listeners, Option<Tls>),
    hangups: Hangups,
    end: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), Error> {
    let config = &in_force.config;
    keeping.merge(config).await?;
    keeping.force(config.forced_refresh);
    if let Some(key) = key::first(&*keeping.store.directory(), keeping.clock().now().wall).await? {
        output::tell(&key);
    }
    let server = Server::new(Arc::clone(&keeping.registry), keeping.store.directory())
        .with_limits(Limits { notice: config.listen.drain, ..Limits::default() })
        .behind(config.listen.proxies.clone());
    let server = if config.log.access { server.logging_access() } else { server };
    let server = match config.gateway.clone() {
        Some(gateway) => server.with_gateway(gateway),
        None => server,
    };
    let server = match config.console.clone() {
        Some(console) => {
            let session_key = keeping.store.session_key();
            server.with_console(Console { session_key, ..console })
        }
        None => server,
    };
    let taker = Arc::new(Taker::new(keeping));
    let pushes = push::Settings {
        upstream: config.upstream.clone(),
        outbox: keeping.store.outbox(),
        notices: Some(Arc::clone(&taker) as _),
    };
    let engine = Arc::clone(&keeping.engine);
    let server = server.receiving_pushes(pushes).asking(Arc::new(move || engine.wechat()));
    let server = server.authorizing(authorize::Settings {
        authority: Arc::clone(&taker) as _,
        url: config.authorization.url.clone(),
        return_to: config.authorization.return_to.clone(),
        key: keeping.store.session_key(),
    });
    let alerts = config.alerts.clone();
    let server = server.alerting(alerts::Settings { upstream: config.upstream.clone(), alerts });
    let server = match config.traces.clone() {
        Some(traces) => server.tracing(traces),
        None => server,
    };
    let server = server.delivering(sinks::of(config)?);
    let ward = Program::new(in_force.source.clone(), config);
    let server = server.examined_with(Arc::new(ward));
    let (server, changes) = server.taking_changes();
    let bound = server.listen(listeners).await?;
    keeping.sync().await?;
    let addresses: Vec<_> = bound.addresses().map(ToString::to_string).collect();
    introduce(keeping, &addresses.join(" "));
    let accounts = keeping.count();
    if accounts == 0 {
        tracing::warn!(
            "there are no accounts yet. Add an [[account]] to the configuration, or use `lingpai account add`; it is \
             noticed within seconds"
        );
    }
    for address in bound.addresses() {
        tracing::info!(accounts, "listening on {address}");
    }
    supervisor::is_ready(accounts);
    let control = bound.gateway();
    let follower = Follower::new(in_force, keeping, control, hangups, tls, changes);
    let end = async {
        end.await;
        supervisor::is_ending();
    };
    tokio::select! {
        () = bound.serve(end) => {}
        never = follower.follow() => match never {},
        never = taker.go_on() => match never {},
        never = supervisor::show_life() => match never {},
    }
    tracing::info!("ending: no new requests; what is under way is finished");
    Ok(())
}
