//! The HTTP shell: a listener around one [`SharedWorld`]. It only does on the wire what the world
//! says.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    Act, Error, Reply, Settings, SharedWorld, World,
    api::{BULK_UPLOAD, Meter},
    api_security::Wall,
    outcome::response,
    push,
    random::Random,
    state::wall,
};

/// The largest body that is read, but for the one call that only measures it. WeChat's largest
/// upload is 10 MB.
const MAX_BODY: usize = 12 * 1024 * 1024;
/// How long calls under way may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(1);
/// So many connections may wait to be accepted, for tests in which thousands come at once. The
/// operating system may allow fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;
/// Pause after a failed accept, which mostly means that file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A world that listens.
///
/// ```
/// use lingpai_sandbox::{Server, Settings};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Settings { addr: "127.0.0.1:0".parse()?, ..Settings::default() };
/// let server = Server::bind(settings).await?;
/// let (url, world) = (format!("http://{}", server.addr()), server.world());
/// let running = tokio::spawn(server.serve(std::future::pending()));
/// // Point the program under test at `url`, then:
/// assert_eq!(world.counters().fetches(), 0);
/// # running.abort();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    world: SharedWorld,
}

impl Server {
    /// Listens on `settings.addr`, and creates the world or goes on from `settings.state`; its real
    /// time starts now. Reads and writes that file without giving way to other tasks.
    ///
    /// # Errors
    /// If the settings are not valid, the address is not a loopback one although `allow_remote` is
    /// not set, it cannot be listened on, or the file cannot be understood or written.
    pub async fn bind(settings: Settings) -> Result<Self, Error> {
        let addr = settings.addr;
        if !addr.ip().is_loopback() && !settings.allow_remote {
            return Err(Error::NotLoopback { addr });
        }
        // First, so that the file of a sandbox that has this port is left alone.
        let listener = listen(addr).map_err(|source| Error::Listen { addr, source })?;
        Self::at(listener, SharedWorld::open(settings)?)
    }

    /// Listens on a free port of the loopback, and goes on with a world that was driven without a server until `now`, its real
    /// time. No file keeps it.
    ///
    /// # Errors
    /// If the loopback cannot be listened on.
    pub async fn around(world: World, now: Duration) -> Result<Self, Error> {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = listen(addr).map_err(|source| Error::Listen { addr, source })?;
        Self::at(listener, SharedWorld::of(world, now))
    }

    fn at(listener: TcpListener, world: SharedWorld) -> Result<Self, Error> {
        let addr = listener.local_addr();
        let unbound = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let addr = addr.map_err(|source| Error::Listen { addr: unbound, source })?;
        Ok(Self { listener, addr, world })
    }

    /// Where it listens; with the true port if 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The world behind it, to drive and to ask.
    pub fn world(&self) -> SharedWorld {
        self.world.clone()
    }

    /// Answers until `shutdown` is done. Then nothing new is accepted, calls that hang or wait are
    /// cut, the rest has a second to end, and the state is written a last time. Dropping the future
    /// stops accepting at once; connections then end when their callers go.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopping) = watch::channel(());
        let accepting = async {
            loop {
                match self.listener.accept().await {
                    Ok((stream, peer)) => {
                        let world = self.world.clone();
                        tokio::spawn(converse(world, stream, peer.ip(), stopping.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = accepting => {}
            () = push::deliver(self.world.clone()) => {}
        }
        drop((self.listener, stopping));
        stop.send_replace(());
        // Resolves when the last conversation has dropped its end.
        stop.closed().await;
        self.world.save_all().await;
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // On Windows it would let two servers share a port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Serves one connection until it ends, or is told to.
async fn converse(
    world: SharedWorld,
    stream: TcpStream,
    peer: IpAddr,
    mut stopping: watch::Receiver<()>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::trace!(%error, "answers on a connection may be late");
    }
    let told = stopping.clone();
    let service = service_fn(|request| answer(world.clone(), peer, request, told.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

async fn answer(
    world: SharedWorld,
    peer: IpAddr,
    request: Request<Incoming>,
    mut stopping: watch::Receiver<()>,
) -> Result<Response<WireBody>, Cut> {
    let mut request = match received(request).await {
        Ok(request) => request,
        Err(NotReceived::TooLarge) => return Ok(too_large()),
        Err(NotReceived::BrokenOff) => return Err(Cut),
    };
    if request.uri().path() == push::PATH && request.method() == Method::POST {
        let mut random = world.with(|world, _| Random::seeded(world.random.next()));
        // Now and not the world's time, which may run fast: whoever is pushed to goes by his own clock.
        let now = i64::try_from(wall().as_secs()).unwrap_or(i64::MAX);
        let sending = push::answer(request.body(), now, &mut random);
        return tokio::select! {
            (status, told) = sending => {
                let body = Bytes::from(format!("{told:#}\n"));
                Ok(response(status, "application/json", body).map(WireBody::whole))
            }
            _ = stopping.changed() => Err(Cut),
        };
    }
    request.extensions_mut().insert(Wall(wall().as_secs()));
    let (mut reply, asked) = world.handle(peer, &request).await;
    if !asked.is_empty() {
        let mut told = Vec::new();
        for order in asked {
            told.push(push::deliver_here(&world, order).await);
        }
        reply = with_pushes(reply, told);
    }
    let wire = async {
        if !reply.delay.is_zero() {
            sleep(reply.delay).await;
        }
        match reply.act {
            Act::Answer(response) => Ok(response.map(WireBody::whole)),
            Act::Stream { response, stated, sent } => {
                Ok(response.map(|piece| WireBody::repeated(piece, stated, sent)))
            }
            Act::Hang => std::future::pending().await,
            Act::Cut => Err(Cut),
        }
    };
    tokio::select! {
        outcome = wire => outcome,
        _ = stopping.changed() => Err(Cut),
    }
}

/// An answer of the control API, and what came of the pushes that it caused.
fn with_pushes(mut reply: Reply, told: Vec<Value>) -> Reply {
    if let Act::Answer(answer) = &mut reply.act
        && let Ok(Value::Object(mut body)) = serde_json::from_slice(answer.body())
    {
        body.insert("pushes".to_owned(), told.into());
        *answer.body_mut() = format!("{:#}\n", Value::Object(body)).into();
    }
    reply
}

enum NotReceived {
    TooLarge,
    BrokenOff,
}

/// The whole request; or, of a body that is only to be measured, the measure.
async fn received(request: Request<Incoming>) -> Result<Request<Bytes>, NotReceived> {
    let (mut head, mut body) = request.into_parts();
    if head.uri.path() == BULK_UPLOAD {
        let mut meter = Meter::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| NotReceived::BrokenOff)?;
            meter.add(frame.data_ref().map_or(&[], |piece| piece));
        }
        head.extensions.insert(meter.measured());
        return Ok(Request::from_parts(head, Bytes::new()));
    }
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(NotReceived::TooLarge);
    }
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(Request::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(NotReceived::TooLarge),
        Err(_) => Err(NotReceived::BrokenOff),
    }
}

fn too_large() -> Response<WireBody> {
    let mut response = Response::new(WireBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}

/// A body that repeats its piece, and may break off before the length it has stated.
struct WireBody {
    piece: Bytes,
    left: u64,
    stated: u64,
    ending: Ending,
}

enum Ending {
    Whole,
    /// What there is has to be on the wire before the cut: one more turn.
    FlushThenCut,
    Cut,
}

impl WireBody {
    fn whole(body: Bytes) -> Self {
        let length = body.len() as u64;
        Self::repeated(body, length, length)
    }

    fn repeated(piece: Bytes, stated: u64, sent: u64) -> Self {
        let ending = if sent < stated { Ending::FlushThenCut } else { Ending::Whole };
        Self { piece, left: sent, stated, ending }
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.left > 0 && !self.piece.is_empty() {
            let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.piece.len());
            self.left -= length as u64;
            return Poll::Ready(Some(Ok(Frame::data(self.piece.slice(..length)))));
        }
        match self.ending {
            Ending::Whole => Poll::Ready(None),
            Ending::Cut => Poll::Ready(Some(Err(Cut))),
            Ending::FlushThenCut => {
                self.ending = Ending::Cut;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && matches!(self.ending, Ending::Whole)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.stated)
    }
}
