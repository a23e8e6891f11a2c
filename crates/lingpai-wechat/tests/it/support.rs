//! What the tests stand on: an account, a transport in process, and servers that behave badly.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use lingpai_core::{Account, Failure, Issuer, Mode, Secret, Timestamp, Token, Way};
use lingpai_wechat::WeChat;
use lingpai_wechat::wire::{BaseUrl, Deadlines, Settings, Transport, TransportError, Upstream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) const SECRET: &str = "8f5c0dea11ce5eed8f5c0dea11ce5eed";
pub(crate) const TOKEN: &str = "70_GTSJtrFxsfqLhFZVtPFpjI3G6VpKgx-Sn6ed_oYQbJhVE6";

pub(crate) fn account(mode: Mode) -> Account {
    let id = "wx5a0db0c0ffee0001".parse().unwrap();
    Account { mode, ..Account::new(id, Secret::from(SECRET), Timestamp::default()) }
}

pub(crate) fn token() -> Token {
    Token {
        value: Secret::from(TOKEN),
        generation: Default::default(),
        issued_at: Timestamp::default(),
        expires_at: Timestamp::default(),
        full_life: Default::default(),
        way: Way::Primary,
        companion: None,
    }
}

pub(crate) fn success() -> String {
    format!(r#"{{"access_token":"{TOKEN}","expires_in":7200}}"#)
}

/// What the transport does with one request.
pub(crate) type Behaviour =
    Box<dyn Fn(&Request<Bytes>) -> Option<Result<String, TransportError>> + Send + Sync>;

/// A transport in process that remembers what it was asked. A behaviour of `None` never answers.
pub(crate) struct InProcess {
    pub(crate) seen: Mutex<Vec<Request<Bytes>>>,
    behaviour: Behaviour,
}

impl InProcess {
    pub(crate) fn new(
        behaviour: impl Fn(&Request<Bytes>) -> Option<Result<String, TransportError>>
        + Send
        + Sync
        + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { seen: Mutex::default(), behaviour: Box::new(behaviour) })
    }

    pub(crate) fn answering(body: impl Into<String>) -> Arc<Self> {
        let body = body.into();
        Self::new(move |_| Some(Ok(body.clone())))
    }

    pub(crate) fn wechat(self: &Arc<Self>) -> WeChat {
        let transport: Arc<dyn Transport> = Arc::<Self>::clone(self);
        WeChat::new(Upstream::over(transport, Settings::default()))
    }

    pub(crate) fn issuer(self: &Arc<Self>, mode: Mode) -> Arc<dyn Issuer> {
        self.wechat().issuer(&account(mode))
    }

    /// The hosts that were asked, in order.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|request| request.uri().host().unwrap_or_default().to_owned()).collect()
    }
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

#[async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let outcome = (self.behaviour)(&request);
        self.seen.lock().unwrap().push(request);
        match outcome {
            Some(outcome) => outcome.map(|body| Response::new(Bytes::from(body))),
            None => std::future::pending().await,
        }
    }
}

/// What a server over a socket does with a connection, once it has read a request.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    Answers(&'static str),
    Cuts,
    CutsMidway,
    Hangs,
    Redirects,
    Endless,
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Starts a server; returns its base URL, and the requests that it read.
pub(crate) async fn start(server: Server) -> (BaseUrl, Arc<Mutex<Vec<String>>>) {
    start_with(server, None).await
}

/// The same over TLS, if there is some.
pub(crate) async fn start_with(
    server: Server,
    tls: Option<TlsAcceptor>,
) -> (BaseUrl, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = base_of(&listener);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, log) = (tls.clone(), Arc::clone(&log));
            tokio::spawn(async move {
                match tls {
                    None => serve(stream, server, log).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, server, log).await;
                        }
                    }
                }
            });
        }
    });
    (base, seen)
}

/// A base URL at which nothing listens.
pub(crate) async fn closed_port() -> BaseUrl {
    base_of(&TcpListener::bind("127.0.0.1:0").await.unwrap())
}

fn base_of(listener: &TcpListener) -> BaseUrl {
    format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
}

async fn serve(mut stream: impl Stream, server: Server, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        seen.lock().unwrap().push(request);
        let answer = match server {
            Server::Answers(body) => {
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
            Server::Cuts => return,
            Server::CutsMidway => {
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"acc").await;
                return;
            }
            Server::Hangs => std::future::pending().await,
            Server::Redirects => {
                "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_owned()
            }
            Server::Endless => {
                let body = " ".repeat(1 << 20);
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// One request with the body that its Content-Length announces.
async fn read_request(stream: &mut impl Stream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

/// A stable issuer over sockets.
pub(crate) fn issuer_at(hosts: Vec<BaseUrl>, deadlines: Deadlines) -> Arc<dyn Issuer> {
    issuer_with(Settings { hosts, deadlines, ..Settings::default() })
}

pub(crate) fn issuer_with(settings: Settings) -> Arc<dyn Issuer> {
    WeChat::new(Upstream::new(settings).unwrap()).issuer(&account(Mode::Stable))
}

pub(crate) async fn failure_of(issuer: &Arc<dyn Issuer>) -> Failure {
    issuer.issue(Way::Primary, None).await.unwrap_err()
}
