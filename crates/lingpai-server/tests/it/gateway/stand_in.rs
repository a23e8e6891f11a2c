//! An upstream over a raw socket: it does what it is told, and shows every byte that reached it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lingpai_wechat::wire::BaseUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::header;
use crate::house::PATIENCE;

type Script = Arc<dyn Fn(&Seen) -> Plan + Send + Sync>;

/// A running stand-in.
pub(crate) struct StandIn {
    pub(crate) addr: SocketAddr,
    state: Arc<State>,
    running: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    changed: Notify,
}

/// A request as it came. What decides about it sees no body yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// What is done about a request.
pub(crate) struct Plan {
    bytes: Vec<u8>,
    /// Whether the request's body is read before the answer, or only so much of it.
    reads: Option<usize>,
    then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Close,
    Hang,
}

impl Plan {
    /// An answer of 200 with this body.
    pub(crate) fn json(body: &str) -> Self {
        Self::with("Content-Type: application/json; encoding=utf-8\r\n", body.as_bytes())
    }

    /// An answer of 200 with these lines in its head, and this body.
    pub(crate) fn with(lines: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{lines}\r\n", body.len());
        Self::raw([head.as_bytes(), body].concat())
    }

    /// These very bytes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), reads: None, then: Then::GoOn }
    }

    /// The same before more than this of the body was read.
    pub(crate) fn after(self, bytes: usize) -> Self {
        Self { reads: Some(bytes), ..self }
    }

    /// The same, and the connection is closed.
    pub(crate) fn closing(self) -> Self {
        Self { then: Then::Close, ..self }
    }

    /// The same, and nothing after it.
    pub(crate) fn hanging(self) -> Self {
        Self { then: Then::Hang, ..self }
    }
}

impl Seen {
    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The `access_token`, as it stands there.
    pub(crate) fn token(&self) -> Option<&str> {
        let (_, rest) = self.target().split_once("access_token=")?;
        rest.split('&').next()
    }
}

impl StandIn {
    pub(crate) async fn open(script: impl Fn(&Seen) -> Plan + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let script: Script = Arc::new(script);
        let running = tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                let mut connections = JoinSet::new();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    state.connections.fetch_add(1, Ordering::SeqCst);
                    state.open.fetch_add(1, Ordering::SeqCst);
                    let (state, script) = (Arc::clone(&state), Arc::clone(&script));
                    connections.spawn(async move {
                        converse(stream, &state, &script).await;
                        state.open.fetch_sub(1, Ordering::SeqCst);
                        state.changed.notify_waiters();
                    });
                }
            }
        });
        Self { addr, state, running }
    }

    pub(crate) fn base(&self) -> BaseUrl {
        format!("http://{}", self.addr).parse().unwrap()
    }

    /// All requests so far, each with as much of its body as was read.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The only request.
    pub(crate) fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.state.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if is_so(self) {
                    return;
                }
                changed.await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap();
    }

    /// How many connections there are.
    pub(crate) fn open_now(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn converse(mut stream: TcpStream, state: &State, script: &Script) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !matches!(stream.read_buf(&mut buffer).await, Ok(read) if read > 0) {
                return;
            }
        };
        let rest = buffer.split_off(end + 4);
        let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
        buffer = rest;
        let mut seen = Seen { head, body: Vec::new() };
        let plan = script(&seen);
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        let wanted = plan.reads.unwrap_or(length).min(length);
        while buffer.len() < wanted {
            if !matches!(stream.read_buf(&mut buffer).await, Ok(read) if read > 0) {
                break;
            }
        }
        let body = buffer.split_off(buffer.len().min(length));
        seen.body = std::mem::replace(&mut buffer, body);
        let read = seen.body.len();
        state.seen.lock().unwrap().push(seen);
        state.changed.notify_waiters();
        if stream.write_all(&plan.bytes).await.is_err() || plan.then == Then::Close {
            return;
        }
        let mut left = length - read;
        let mut sink = vec![0; 64 * 1024];
        while left > 0 || plan.then == Then::Hang {
            match stream.read(&mut sink).await {
                Ok(read) if read > 0 => left = left.saturating_sub(read),
                _ => return,
            }
        }
    }
}
