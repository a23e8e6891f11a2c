//! The server: it lets connections in, keeps their number within its limit, and ends in order.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lingpai_core::registry::EventStream;
use lingpai_core::{Directory, Registry};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::alerts::{self, Alerts};
use crate::audit::Trail;
use crate::authorize::{self, Authorizing};
use crate::change::{Changes, Desk};
use crate::connection::converse;
use crate::console::{self, Console};
use crate::doctor::SharedWard;
use crate::error::Error;
use crate::events::refused::Refused;
use crate::first_use::FirstUses;
use crate::gateway::{self, Gateway};
use crate::given::Given;
use crate::keyring::KeyRing;
use crate::leak;
use crate::limits::Limits;
use crate::listen::{Address, Listeners, Surface};
use crate::metrics::Metrics;
use crate::monitor::Monitor;
use crate::overview::Overview;
use crate::proxies::Proxies;
use crate::push::{self, Pushes};
use crate::serving::{Serving, WayToWeChat};
use crate::shown::ShownSecrets;
use crate::sinks::{self, Sink, Sinks};
use crate::strays::Strays;
use crate::tape::Tape;
use crate::trace::Trace;
use crate::traces::{self, Exporter};

/// The pause after a failed accept, which mostly means that file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that does not listen yet.
pub struct Server {
    registry: Arc<Registry>,
    directory: Arc<dyn Directory>,
    limits: Limits,
    proxies: Proxies,
    logs_access: bool,
    changes: Option<Desk>,
    gateway: Option<gateway::Settings>,
    console: Option<console::Settings>,
    authorizing: Option<authorize::Settings>,
    pushes: Option<push::Settings>,
    alerts: Option<alerts::Settings>,
    traces: Option<traces::Settings>,
    sinks: Vec<Sink>,
    wechat: Option<WayToWeChat>,
    ward: Option<SharedWard>,
}

/// A server that listens: connections are taken by the kernel, and answered from [`Bound::serve`] on.
pub struct Bound {
    listeners: Listeners,
    serving: Arc<Serving>,
    events: EventStream,
    stop: watch::Sender<bool>,
}

impl Server {
    /// A server of what `registry` keeps, for those who hold a key in `directory`, within the default [`Limits`].
    pub fn new(registry: Arc<Registry>, directory: Arc<dyn Directory>) -> Self {
        Self {
            registry,
            directory,
            limits: Limits::default(),
            proxies: Proxies::default(),
            logs_access: false,
            changes: None,
            gateway: None,
            console: None,
            authorizing: None,
            pushes: None,
            alerts: None,
            traces: None,
            sinks: Vec::new(),
            wechat: None,
            ward: None,
        }
    }

    /// The same with other limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same behind proxies that are believed.
    pub fn behind(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// The same, and every request is logged as information under the target `lingpai::access`, with the time it took.
    pub fn logging_access(mut self) -> Self {
        self.logs_access = true;
        self
    }

    /// The same, and clients can change accounts: what they ask for is for the caller to do.
    pub fn taking_changes(mut self) -> (Self, Changes) {
        let (desk, changes) = Changes::channel();
        self.changes = Some(desk);
        (self, changes)
    }

    /// The same, and calls to WeChat are forwarded.
    pub fn with_gateway(mut self, gateway: gateway::Settings) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// The same, and people find pages at `/console`.
    pub fn with_console(mut self, console: console::Settings) -> Self {
        self.console = Some(console);
        self
    }

    /// The same, and what WeChat pushes is received.
    pub fn receiving_pushes(mut self, pushes: push::Settings) -> Self {
        self.pushes = Some(pushes);
        self
    }

    /// The same, and platforms and suites can be authorised by links from here.
    pub fn authorizing(mut self, authorizing: authorize::Settings) -> Self {
        self.authorizing = Some(authorizing);
        self
    }

    /// The same, and people are alerted of what happens.
    pub fn alerting(mut self, alerts: alerts::Settings) -> Self {
        self.alerts = Some(alerts);
        self
    }

    /// The same, and what is done is sent as traces.
    pub fn tracing(mut self, traces: traces::Settings) -> Self {
        self.traces = Some(traces);
        self
    }

    /// The same, and tokens are delivered to these.
    pub fn delivering(mut self, sinks: Vec<Sink>) -> Self {
        self.sinks = sinks;
        self
    }

    /// The same, and WeChat, as it is reached at the time, is asked about tokens that somebody wants to be diagnosed.
    pub fn asking(mut self, wechat: WayToWeChat) -> Self {
        self.wechat = Some(wechat);
        self
    }

    /// The same, and the doctor is told by `ward` how it stands with the program around the accounts.
    pub fn examined_with(mut self, ward: SharedWard) -> Self {
        self.ward = Some(ward);
        self
    }

    /// Reads the keys and listens on `addr`, in plain text; port 0 is any free one.
    ///
    /// # Errors
    /// [`Error::Listen`] if the address cannot be had, [`Error::Keys`] if the keys cannot be read.
    pub async fn bind(self, addr: SocketAddr) -> Result<Bound, Error> {
        let mut listeners = Listeners::new(None);
        listeners.open(&Address::Http(addr), Surface::Whole).await?;
        self.listen(listeners).await
    }

    /// Reads the keys and uses listeners that are open.
    ///
    /// # Errors
    /// [`Error::Keys`] if the keys cannot be read.
    pub async fn listen(self, listeners: Listeners) -> Result<Bound, Error> {
        let clock = Arc::clone(self.registry.clock());
        let directory = Arc::clone(&self.directory);
        let gateway = self.gateway.map(|settings| Gateway::new(settings, directory)).transpose();
        let gateway = gateway.map_err(Error::Gateway)?;
        let directory = Arc::clone(&self.directory);
        let pushes =
            self.pushes.map(|settings| Pushes::new(settings, directory, Arc::clone(&clock)));
        let pushes = pushes.transpose()?.map(Arc::new);
        let node = self.registry.node();
        let exporter = self.traces.map(|traces| Exporter::new(traces, node)).transpose();
        let exporter = exporter.map_err(Error::Gateway)?;
        if let Some(exporter) = &exporter {
            self.registry.spans().follow(exporter.gatherer());
        }
        let authorizing = self.authorizing.map(Authorizing::new).transpose()?;
        let alerts = Alerts::default();
        if let Some(settings) = self.alerts {
            alerts.replace(settings, &self.registry).map_err(Error::Gateway)?;
        }
        let console = self.console.map(Console::new).transpose();
        let console = console.map_err(|_| Error::NoRandomness)?;
        let keys = KeyRing::open(self.directory, clock).await.map_err(Error::Keys)?;
        let (stop, stopping) = watch::channel(false);
        let Self { registry, limits, proxies, logs_access, changes, sinks, wechat, ward, .. } =
            self;
        let now = registry.clock().now().wall;
        let events = registry.events();
        let tape = Tape::default();
        tape.begin(&**registry.store()).await;
        if let Some(gateway) = &gateway {
            gateway.gate.recall(&registry).await;
        }
        let mut metrics = Metrics::new();
        let sinks = Arc::new(Sinks::new(sinks));
        metrics.collect(sinks::Numbers::of(Arc::clone(&sinks), Arc::clone(registry.clock())));
        let serving = Arc::new(Serving {
            registry,
            keys,
            first_uses: FirstUses::default(),
            shown: ShownSecrets::default(),
            given: Given::new(),
            gateway,
            console,
            authorizing,
            pushes,
            overview: Overview::default(),
            tape,
            trail: Trail::new(),
            alerts,
            sinks,
            refused: Refused::default(),
            monitor: Monitor::default(),
            metrics,
            trace: Trace::new(now, logs_access),
            exporter,
            limits,
            proxies,
            complained: AtomicBool::new(false),
            ward,
            examining: tokio::sync::Mutex::default(),
            examined: std::sync::Mutex::default(),
            strays: Strays::default(),
            wechat,
            changes,
            leaving: AtomicBool::new(false),
            stopping,
        });
        Ok(Bound { listeners, serving, events, stop })
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Bound {
    /// Where it listens, with the true ports.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.listeners.addresses()
    }

    /// The first TCP address on which it listens, with the true port; `0.0.0.0:0` if it listens on Unix sockets only.
    pub fn local_addr(&self) -> SocketAddr {
        let none = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        self.listeners.local_addr().unwrap_or(none)
    }

    /// What can be changed of the gateway while it serves.
    pub fn gateway(&self) -> gateway::Control {
        gateway::Control(Arc::clone(&self.serving))
    }

    /// Answers until `shutdown` is done, and [`Limits::notice`] after it. Then nothing new is accepted but what waits
    /// already, long polls are answered at once, and other requests under way have [`Limits::grace`] to end; what has not
    /// ended by then is cut.
    ///
    /// Dropping the future cuts everything at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { listeners, serving, events, stop } = self;
        let mut connections = JoinSet::new();
        let asked_to_end = async {
            shutdown.await;
            serving.leaving.store(true, Ordering::Relaxed);
            tokio::time::sleep(serving.limits.notice).await;
        };
        tokio::select! {
            () = asked_to_end => {}
            never = accept(&listeners, &serving, &mut connections) => match never {},
            () = serving.keys.keep_current() => {}
            () = serving.tape.run(&serving.registry, events, |event| serving.noticed(event)) => {}
            () = Box::pin(serving.keep_storing()) => {}
            never = Box::pin(serving.deliver_pushes()) => match never {},
            never = Box::pin(serving.keep_record()) => match never {},
            never = Box::pin(serving.send_traces()) => match never {},
            never = Box::pin(serving.fill_sinks()) => match never {},
            never = with_what_was_begun(&serving) => match never {},
        }
        while let Some(accepted) = listeners.accept_waiting() {
            connections.spawn(converse(Arc::clone(&serving), accepted));
        }
        drop(listeners);
        stop.send_replace(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        if timeout(serving.limits.grace, ended).await.is_err() {
            tracing::warn!(
                connections = connections.len(),
                "requests were still under way when their time to end was over; they are cut"
            );
        }
        Box::pin(serving.store_last()).await;
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

/// Ends what a server before this one left half done, and then does nothing more.
async fn with_what_was_begun(serving: &Serving) -> Infallible {
    leak::go_on(&serving.registry).await;
    std::future::pending().await
}

/// Lets connections in for ever, while there is room.
async fn accept(
    listeners: &Listeners,
    serving: &Arc<Serving>,
    connections: &mut JoinSet<()>,
) -> Infallible {
    let most = serving.limits.connections.max(1);
    // Said once, and again only after it has been otherwise.
    let (mut full, mut failing) = (false, false);
    loop {
        if connections.len() >= most && !full {
            full = true;
            tracing::warn!(most, "all connections are in use; further clients wait for one to end");
        }
        tokio::select! {
            Some(ended) = connections.join_next() => {
                full = full && connections.len() >= most / 2;
                if ended.is_err_and(|error| error.is_panic()) {
                    tracing::error!("a connection ended in a panic. This is a mistake in Lingpai: please report it");
                }
            }
            accepted = listeners.accept(), if connections.len() < most => match accepted {
                Ok(accepted) => {
                    failing = false;
                    connections.spawn(converse(Arc::clone(serving), accepted));
                }
                Err(error) => {
                    if !failing {
                        failing = true;
                        tracing::warn!(
                            %error,
                            "a connection could not be accepted; trying on. If file descriptors have run out, raise the \
                             limit (`ulimit -n`, LimitNOFILE in systemd)"
                        );
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}
