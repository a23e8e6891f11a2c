//! Clients that go on asking for a token, and notice whatever goes wrong.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::node::{Home, appid};

/// How long a client waits before it repeats a request.
const PAUSE: Duration = Duration::from_millis(100);

/// How a client connects.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// For each request; none may fail.
    Anew,
    /// For each request; one that fails is repeated once.
    AnewPatiently,
    /// As long as the connection holds; a request that fails is repeated once on another.
    KeptAlive,
    /// The same by a Unix socket.
    Socket(PathBuf),
}

/// Clients of the first account that ask until they are told to end. A failure that is none of those they bear with ends
/// the test.
pub(crate) struct Load {
    clients: JoinSet<Told>,
    enough: Arc<AtomicBool>,
}

/// What clients were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) tokens: HashSet<String>,
    pub(crate) answers: u64,
    pub(crate) repeated: u64,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Load {
    /// So many clients of each way.
    pub(crate) fn on(home: &Arc<Home>, ways: &[(Way, usize)]) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for (way, count) in ways {
            for _ in 0..*count {
                clients.spawn(client(Arc::clone(home), way.clone(), Arc::clone(&enough)));
            }
        }
        Self { clients, enough }
    }

    pub(crate) async fn end(self) -> Told {
        self.enough.store(true, Ordering::Relaxed);
        let mut all = Told::default();
        for Told { tokens, answers, repeated } in self.clients.join_all().await {
            all.tokens.extend(tokens);
            all.answers += answers;
            all.repeated += repeated;
        }
        all
    }
}

async fn client(home: Arc<Home>, way: Way, enough: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    let mut kept = None;
    while !enough.load(Ordering::Relaxed) {
        let token = match ask(&home, &way, &mut kept).await {
            Ok(token) => token,
            Err(error) if matches!(way, Way::Anew) => panic!("{error}"),
            Err(first) => {
                told.repeated += 1;
                sleep(PAUSE).await;
                let again = ask(&home, &way, &mut kept).await;
                again.unwrap_or_else(|second| panic!("{way:?}: {first}, and again: {second}"))
            }
        };
        told.answers += 1;
        told.tokens.insert(token);
    }
    told
}

async fn ask(home: &Home, way: &Way, kept: &mut Option<Box<dyn Stream>>) -> Result<String, String> {
    let asked = match way {
        Way::Anew | Way::AnewPatiently => return home.token(0).await,
        Way::KeptAlive => ask_on(home, kept, TcpStream::connect(("127.0.0.1", home.port))).await,
        Way::Socket(path) => ask_on(home, kept, UnixStream::connect(path)).await,
    };
    asked.map_err(|error| error.to_string())
}

/// Asks on the connection that is there, or on a new one; leaves it there for the next time.
async fn ask_on<S: Stream + 'static>(
    home: &Home,
    kept: &mut Option<Box<dyn Stream>>,
    connect: impl Future<Output = io::Result<S>>,
) -> io::Result<String> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => Box::new(connect.await?),
    };
    let path = format!("/v1/accounts/{}/token", appid(0));
    let request = home.request(&path).replace("Connection: close\r\n", "");
    stream.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    let answer = loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let (_, length) = head.split_once("content-length: ").unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if body.len() >= length {
            assert!(head.starts_with("http/1.1 200"), "{text}");
            if !head.contains("connection: close") {
                *kept = Some(stream);
            }
            break body.to_owned();
        }
    };
    let answer: Value = serde_json::from_str(&answer)?;
    Ok(answer["access_token"].as_str().unwrap().to_owned())
}
