//! The listener: it lets connections in, keeps them within their limits, and ends in order.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lingpai_core::registry::EventStream;
use lingpai_core::{Directory, Registry};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::Error;
use crate::gateway::{self, Gateway};
use crate::given::Given;
use crate::keyring::KeyRing;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::monitor::Monitor;
use crate::patient::Patient;
use crate::routes;
use crate::serving::Serving;
use crate::tape::Tape;
use crate::trace::Trace;

/// How many connections the kernel may have taken that we have not: a fleet that starts at once comes at once.
const BACKLOG: u32 = 4096;
/// The pause after a failed accept, which mostly means that file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that does not listen yet.
pub struct Server {
    registry: Arc<Registry>,
    directory: Arc<dyn Directory>,
    limits: Limits,
    logs_access: bool,
    gateway: Option<gateway::Settings>,
}

/// A server that listens: connections are taken by the kernel, and answered from [`Bound::serve`] on.
pub struct Bound {
    listener: TcpListener,
    local_addr: SocketAddr,
    serving: Arc<Serving>,
    events: EventStream,
    stop: watch::Sender<bool>,
}

impl Server {
    /// A server of what `registry` keeps, for those who hold a key in `directory`, within the default [`Limits`].
    pub fn new(registry: Arc<Registry>, directory: Arc<dyn Directory>) -> Self {
        Self { registry, directory, limits: Limits::default(), logs_access: false, gateway: None }
    }

    /// The same with other limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same, and every request is logged as information under the target `lingpai::access`, with the time it took.
    pub fn logging_access(mut self) -> Self {
        self.logs_access = true;
        self
    }

    /// The same, and calls to WeChat are forwarded.
    pub fn with_gateway(mut self, gateway: gateway::Settings) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Reads the keys and listens on `addr`; port 0 is any free one.
    ///
    /// # Errors
    /// [`Error::Listen`] if the address cannot be had, [`Error::Keys`] if the keys cannot be read.
    pub async fn bind(self, addr: SocketAddr) -> Result<Bound, Error> {
        let listener = listener_on(addr).map_err(|source| Error::Listen { addr, source })?;
        self.listen(listener).await
    }

    /// Reads the keys and uses a listener that somebody else has bound.
    ///
    /// # Errors
    /// [`Error::Listener`] if it is of no use, [`Error::Keys`] if the keys cannot be read.
    pub async fn listen(self, listener: TcpListener) -> Result<Bound, Error> {
        let local_addr = listener.local_addr().map_err(Error::Listener)?;
        let clock = Arc::clone(self.registry.clock());
        let directory = Arc::clone(&self.directory);
        let gateway = self.gateway.map(|settings| Gateway::new(settings, directory)).transpose();
        let gateway = gateway.map_err(Error::Gateway)?;
        let keys = KeyRing::open(self.directory, clock).await.map_err(Error::Keys)?;
        let (stop, stopping) = watch::channel(false);
        let Self { registry, limits, logs_access, .. } = self;
        let now = registry.clock().now().wall;
        let events = registry.events();
        if let Some(gateway) = &gateway {
            gateway.gate.recall(&registry).await;
        }
        let serving = Arc::new(Serving {
            registry,
            keys,
            given: Given::new(),
            gateway,
            tape: Tape::new(now),
            monitor: Monitor::default(),
            metrics: Metrics::new(),
            trace: Trace::new(now, logs_access),
            limits,
            leaving: AtomicBool::new(false),
            stopping,
        });
        Ok(Bound { listener, local_addr, serving, events, stop })
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Bound {
    /// Where it listens; with the true port if 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What can be changed of the gateway while it serves.
    pub fn gateway(&self) -> gateway::Control {
        gateway::Control(Arc::clone(&self.serving))
    }

    /// Answers until `shutdown` is done, and [`Limits::notice`] after it. Then nothing new is accepted, long polls are answered at once, and other
    /// requests under way have [`Limits::grace`] to end; what has not ended by then is cut.
    ///
    /// Dropping the future cuts everything at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, serving, events, stop, .. } = self;
        let mut connections = JoinSet::new();
        let asked_to_end = async {
            shutdown.await;
            serving.leaving.store(true, Ordering::Relaxed);
            tokio::time::sleep(serving.limits.notice).await;
        };
        tokio::select! {
            () = asked_to_end => {}
            never = accept(&listener, &serving, &mut connections) => match never {},
            () = serving.keys.keep_current() => {}
            () = serving.tape.run(events, |event| serving.noticed(event)) => {}
            () = serving.keep_storing() => {}
        }
        drop(listener);
        stop.send_replace(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        if timeout(serving.limits.grace, ended).await.is_err() {
            tracing::warn!(
                connections = connections.len(),
                "requests were still under way when their time to end was over; they are cut"
            );
        }
        serving.store_last().await;
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

/// Like [`TcpListener::bind`], with a longer queue.
fn listener_on(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a server that has just ended does not hold the port. Elsewhere it would let two servers share it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Lets connections in for ever, while there is room.
async fn accept(
    listener: &TcpListener,
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
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, peer)) => {
                    failing = false;
                    connections.spawn(converse(Arc::clone(serving), stream, peer.ip()));
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

/// Serves one connection until it ends, or its current request if the server is to end.
async fn converse(serving: Arc<Serving>, stream: TcpStream, peer: IpAddr) {
    // Without it a pipelining client waits 40 ms for each answer. It fails only on a connection that is gone.
    let _ = stream.set_nodelay(true);
    let limits = serving.limits;
    let mut stopping = serving.stopping.clone();
    let stopped = async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let service = service_fn(move |request| {
        let serving = Arc::clone(&serving);
        async move { Ok::<_, Infallible>(routes::answer(&serving, request, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_header_size(limits.head_bytes)
        .serve_connection(TokioIo::new(Patient::new(stream, limits.write_time)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients come and go; hyper's errors name no header and no body.
        tracing::trace!(%error, "a connection ended early");
    }
}
