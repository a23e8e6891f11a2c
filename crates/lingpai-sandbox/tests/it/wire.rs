//! A server on a port of its own, and callers that speak raw HTTP to it.

use std::{net::SocketAddr, time::Duration};

use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Fault, FaultKind, Server, Settings, SharedWorld};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::sky::{STABLE, classic_uri, stable_body};

/// Long enough for anything that does happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) world: SharedWorld,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) done: JoinHandle<()>,
}

pub(crate) async fn run() -> Running {
    run_with(Settings::default()).await
}

/// The port of the settings is not used, but any free one.
pub(crate) async fn run_with(settings: Settings) -> Running {
    let addr = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(Settings { addr, ..settings }).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let (addr, world) = (server.addr(), server.world());
    let done = tokio::spawn(server.serve(async move {
        let _ = stopped.await;
    }));
    Running { addr, world, stop, done }
}

impl Running {
    pub(crate) fn fault_once(&self, kind: FaultKind) {
        self.world.with(|world, now| world.fault(now, Fault::new(kind).times(1)).unwrap());
    }

    pub(crate) async fn connect(&self) -> Caller {
        Caller(TcpStream::connect(self.addr).await.unwrap())
    }

    pub(crate) async fn send(&self, request: &str) -> TcpStream {
        let Caller(mut stream) = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub(crate) async fn exchange(&self, request: &str) -> String {
        self.connect().await.exchange(request).await
    }

    pub(crate) async fn exchange_bytes(&self, request: &str) -> Vec<u8> {
        self.connect().await.exchange_bytes(request).await
    }

    /// Ends it as a shutdown does.
    pub(crate) async fn end(self) {
        self.stop.send(()).unwrap();
        timeout(SOON, self.done).await.unwrap().unwrap();
    }

    /// Ends it as `kill -9` does: nothing is done any more.
    pub(crate) async fn kill(self) {
        self.done.abort();
        assert!(self.done.await.unwrap_err().is_cancelled());
    }
}

/// One connection.
pub(crate) struct Caller(TcpStream);

impl Caller {
    /// Everything until the server closes the connection.
    pub(crate) async fn exchange(self, request: &str) -> String {
        String::from_utf8_lossy(&self.exchange_bytes(request).await).into_owned()
    }

    pub(crate) async fn exchange_bytes(self, request: &str) -> Vec<u8> {
        let Self(mut stream) = self;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an end.
        let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
        answer
    }
}

pub(crate) fn get(uri: &str) -> String {
    format!("GET {uri} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

pub(crate) fn post(uri: &str, body: &Value) -> String {
    let (body, head) = (body.to_string(), "Host: x\r\nConnection: close\r\n");
    let length = body.len();
    format!("POST {uri} HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{body}")
}

pub(crate) fn get_token() -> String {
    get(&classic_uri(DEMO_APPID, DEMO_SECRET))
}

pub(crate) fn get_stable() -> String {
    post(STABLE, &stable_body(false))
}

/// The JSON of an answer.
pub(crate) fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no body: {answer}"));
    serde_json::from_str(body).unwrap()
}
