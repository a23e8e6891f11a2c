//! Those who only cost: they come in thousands and say nothing, or slowly, or too much. What they cost is bounded in memory
//! and in time, and the others are served meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::certificates::{free_port, write_certificate};
use crate::crowd::{CALLERS, TURN, allow_many_connections};
use crate::node::{Home, WeChat, appid};

/// Longer than any limit on a client's time (10 s), and than the machine may be busy with others.
const CUT_OFF: Duration = Duration::from_secs(25);
/// SDKs give up after 3 to 5 s.
const SERVED: Duration = Duration::from_secs(3);
/// What one idle connection may cost, in KiB.
const EACH: u64 = 12;
/// What all the slow and the huge ones may cost together, in KiB.
const ALL: u64 = 64 * 1024;

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// Waits until the server has ended the connection, however it does.
async fn is_cut_off(stream: &mut TcpStream) {
    let end = async { while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {} };
    timeout(CUT_OFF, end).await.expect("the server ends the connection");
}

/// Asks all the while; the longest that any answer took.
async fn served_meanwhile(home: &Home, others: &mut JoinSet<()>) -> Duration {
    let mut longest = Duration::ZERO;
    while !others.is_empty() {
        let asked = Instant::now();
        home.token(0).await.unwrap();
        longest = longest.max(asked.elapsed());
        tokio::select! {
            Some(ended) = others.join_next() => ended.unwrap(),
            () = sleep(Duration::from_millis(20)) => {}
        }
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_cost_little_hold_up_nobody_and_are_ended() {
    let _turn = TURN.lock().await;
    allow_many_connections();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    while home.token(0).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
    let before = node.memory();
    let request = home.request("/healthz").replace("Connection: close\r\n", "");
    let mut idle = Vec::with_capacity(CALLERS);
    for number in 0..CALLERS {
        let mut stream = connect(home.port).await;
        // Every other one has asked once.
        if number % 2 == 0 {
            stream.write_all(request.as_bytes()).await.unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
        }
        idle.push(stream);
    }
    let asked = Instant::now();
    home.token(0).await.unwrap();
    let (took, cost) = (asked.elapsed(), node.memory() - before);
    println!("{CALLERS} idle connections: {cost} KiB, an answer in {took:?}");
    assert!(cost < EACH * CALLERS as u64, "{cost} KiB");
    assert!(took < SERVED, "{took:?}");
    for mut stream in idle {
        is_cut_off(&mut stream).await;
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slow_and_the_huge_are_cut_off_and_hold_up_nobody() {
    let _turn = TURN.lock().await;
    allow_many_connections();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Arc::new(Home::new(&wechat, 1, "stable", "", ""));
    let encrypted = free_port();
    write_certificate(&home);
    home.listen_too(
        &[&format!("https://127.0.0.1:{encrypted}")],
        "tls = { certificate = \"server.pem\", key = \"server.key\" }",
    );
    let node = home.start().await;
    while home.token(0).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
    let before = node.memory();
    let report = home
        .request(&format!("/v1/accounts/{}/token/report-invalid", appid(0)))
        .replace("GET", "POST")
        .replace("Connection: close\r\n\r\n", "");
    let mut strain = JoinSet::new();
    for _ in 0..500 {
        // The beginning of a handshake, and nothing more.
        strain.spawn(trickle(encrypted, "\u{16}\u{3}\u{1}\u{2}", ""));
        strain.spawn(trickle(encrypted, "", ""));
        // A head, and a body, that come byte by byte.
        strain.spawn(trickle(home.port, "GET /healthz HTTP/1.1\r\nX-Slow: ", "x"));
        strain.spawn(trickle(home.port, "PRI * HTTP/2.0\r\n", ""));
        strain.spawn(trickle(home.port, &format!("{report}Content-Length: 9999\r\n\r\n"), "x"));
    }
    for _ in 0..50 {
        strain.spawn(flood(home.port, "GET /healthz HTTP/1.1\r\n", "X-Huge: 0123456789\r\n"));
        strain.spawn(flood(home.port, "GET /healthz HTTP/1.1\r\nX-Huge: ", "0123456789"));
        let chunked = format!("{report}Transfer-Encoding: chunked\r\n\r\n");
        strain.spawn(flood(home.port, &chunked, "a\r\n0123456789\r\n"));
    }
    let longest = served_meanwhile(&home, &mut strain).await;
    let cost = node.memory().saturating_sub(before);
    println!("slow and huge ones: {cost} KiB, the slowest answer in {longest:?}");
    assert!(cost < ALL, "{cost} KiB");
    assert!(longest < SERVED, "{longest:?}");
    node.end().await;
}

/// Sends a beginning, then this again and again, slowly, until it is cut off.
fn trickle(port: u16, beginning: &str, then: &'static str) -> impl Future<Output = ()> + use<> {
    let beginning = beginning.to_owned();
    async move {
        let mut stream = connect(port).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let (mut from, mut to) = stream.split();
        let on_and_on = async {
            while to.write_all(then.as_bytes()).await.is_ok() {
                sleep(Duration::from_millis(400)).await;
            }
        };
        let end = async { while matches!(from.read(&mut [0; 4096]).await, Ok(1..)) {} };
        let either = async {
            tokio::select! {
                () = end => {}
                () = on_and_on => {}
            }
        };
        timeout(CUT_OFF, either).await.expect("the server ends the connection");
    }
}

/// Sends a beginning, then this again and again as fast as it goes, until it is cut off.
fn flood(port: u16, beginning: &str, then: &str) -> impl Future<Output = ()> + use<> {
    let (beginning, then) = (beginning.to_owned(), then.repeat(1000));
    async move {
        let mut stream = connect(port).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        // A hundred times what any request may have.
        for _ in 0..1000 {
            if stream.write_all(then.as_bytes()).await.is_err() {
                return;
            }
        }
        panic!("the server took 10 MB");
    }
}
