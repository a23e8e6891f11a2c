//! One connection, from its first byte to its last: who is at the other end, TLS if it is wanted, then HTTP/1.1 or HTTP/2.

use std::future::{pending, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::{sleep, timeout};

use crate::alarm::Alarm;
use crate::limits::Limits;
use crate::listen::{Accepted, Patient, Stream, Tls, stated_client};
use crate::proxies::Origin;
use crate::routes;
use crate::serving::Serving;

/// What a connection begins with on which HTTP/2 is spoken (RFC 9113, section 3.4). No method begins like it.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// When the server ends, who has just come has this long to begin with a request.
const LAST_CALL: Duration = Duration::from_millis(500);
/// Requests at once on a connection of HTTP/2.
const STREAMS: u32 = 128;

/// A connection that is ready for requests.
struct Open {
    io: TokioIo<Box<dyn Stream>>,
    origin: Origin,
    version: Version,
}

enum Version {
    Http1,
    Http2,
}

/// Serves one connection until it ends, or its current requests if the server is to end.
pub(crate) async fn converse(serving: Arc<Serving>, accepted: Accepted) {
    let ended = match open(&serving, accepted).await {
        Ok(Open { io, origin, version: Version::Http1 }) => http1(&serving, io, origin).await,
        // What is rare must not make every connection larger.
        Ok(Open { io, origin, version: Version::Http2 }) => {
            Box::pin(http2(&serving, io, origin)).await
        }
        Err(error) => Err(error.into()),
    };
    if let Err(error) = ended {
        // Clients come and go; neither hyper's errors nor rustls' name what was sent.
        tracing::trace!(error, "a connection ended early");
    }
}

/// Everything before the first request. Takes no longer than the head of a request may.
async fn open(serving: &Serving, accepted: Accepted) -> io::Result<Open> {
    let Limits { head_time, write_time, .. } = serving.limits;
    let Accepted { stream, peer, surface, tls } = accepted;
    let mut stream = Patient::new(stream, write_time);
    let is_encrypted = tls.is_some();
    let opening = async {
        let address = introduced(serving, &mut stream, peer).await?;
        let (io, version) = match tls {
            None => plain(stream).await,
            Some(tls) => Box::pin(encrypted(tls, stream)).await.inspect_err(|error| {
                // What a client makes of our certificate, or we of its.
                tracing::debug!(%peer, %error, "no handshake");
            }),
        }?;
        let is_proxy = serving.proxies.tells_in_headers(peer);
        let origin = Origin { address, is_proxy, is_encrypted, surface };
        Ok(Open { io: TokioIo::new(io), origin, version })
    };
    let last_call = async {
        stopped(serving).await;
        sleep(LAST_CALL).await;
    };
    tokio::select! {
        opened = timeout(head_time, opening) => opened?,
        () = last_call => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// The client behind a proxy that must say for whom it stands; or else the other end.
async fn introduced(serving: &Serving, stream: &mut Patient, peer: IpAddr) -> io::Result<IpAddr> {
    if !serving.proxies.must_introduce(peer) {
        return Ok(peer);
    }
    let stated = stated_client(stream).await;
    if stated.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidData)
        && !serving.complained.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            %peer,
            "a trusted proxy does not speak the PROXY protocol, so its connections are cut. Turn it on there (nginx: \
             `proxy_protocol on`, HAProxy: `send-proxy-v2`), or say otherwise in `client-address`; this is said once"
        );
    }
    Ok(stated?.unwrap_or(peer))
}

async fn plain(mut stream: Patient) -> io::Result<(Box<dyn Stream>, Version)> {
    let is_http2 = stream.begins_with(PREFACE).await?;
    Ok((Box::new(stream), if is_http2 { Version::Http2 } else { Version::Http1 }))
}

async fn encrypted(tls: Tls, stream: Patient) -> io::Result<(Box<dyn Stream>, Version)> {
    let stream = tls.accept(stream).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok((Box::new(stream), if is_http2 { Version::Http2 } else { Version::Http1 }))
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn http1(serving: &Arc<Serving>, io: TokioIo<Box<dyn Stream>>, origin: Origin) -> Ended {
    let limits = &serving.limits;
    let service = service_fn(|request| routes::answer(serving, request, &origin));
    let connection = http1::Builder::new()
        .timer(Alarm::new())
        .header_read_timeout(limits.head_time)
        .max_header_size(limits.head_bytes)
        // Answers are small: one piece is cheaper to send than two.
        .writev(false)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    if let Some(ended) = before_stop(serving, connection.as_mut()).await {
        return Ok(ended?);
    }
    connection.as_mut().graceful_shutdown();
    Ok(connection.await?)
}

/// The end of `connection`, if it comes before the server's.
///
/// As [`stopped`] beside it in a `select!`, but who waits for the server's end is entered there once, and not seen to again
/// with every request.
async fn before_stop<C: Future>(
    serving: &Serving,
    mut connection: Pin<&mut C>,
) -> Option<C::Output> {
    let mut stopped = pin!(stopped(serving));
    let mut entered: Option<Waker> = None;
    poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        let is_entered = entered.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_entered && matches!(serving.stopping.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        entered = Some(cx.waker().clone());
        stopped.as_mut().poll(cx).map(|()| None)
    })
    .await
}

async fn http2(serving: &Arc<Serving>, io: TokioIo<Box<dyn Stream>>, origin: Origin) -> Ended {
    let limits = serving.limits;
    let begun = Arc::new(AtomicU64::new(0));
    let service = service_fn({
        let (serving, begun) = (Arc::clone(serving), Arc::clone(&begun));
        move |request| {
            begun.fetch_add(1, Ordering::Relaxed);
            let serving = Arc::clone(&serving);
            async move { routes::answer(&serving, request, &origin).await }
        }
    });
    let window = u32::try_from(limits.body_bytes).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(window)
        .initial_connection_window_size(window.saturating_mul(4))
        .max_send_buf_size(limits.body_bytes)
        // Whoever is gone without a word is found out.
        .keep_alive_interval(limits.head_time)
        .keep_alive_timeout(limits.write_time)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return Ok(ended?),
        // Requests and streams under way go on; the next one comes on another connection.
        () = stopped(serving) => connection.as_mut().graceful_shutdown(),
        () = idle(&begun, limits.head_time) => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

/// Returns when no request has begun for this long.
async fn idle(begun: &AtomicU64, most: Duration) {
    let mut before = 0;
    loop {
        sleep(most).await;
        let now = begun.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}

/// Returns when the server ends.
async fn stopped(serving: &Serving) {
    let mut stopping = serving.stopping.clone();
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        pending::<()>().await; // Nobody is left to say so.
    }
}
