//! What a client may do to the server, and how the server ends.

use std::time::Duration;

use lingpai_server::{Error, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{FakeUpstream, House, KEPT, PATIENCE, bearer, read_to_end};

fn token_request(key: &str) -> String {
    format!(
        "GET /v1/accounts/{KEPT}/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
    )
}

/// Reads until the answer to one request is there.
async fn read_some(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let n = tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8_lossy(&bytes[..n]).into_owned()
}

#[tokio::test]
async fn who_sends_a_head_too_slowly_is_cut_off() {
    let head_time = Duration::from_millis(50);
    let house = House::with_limits(Limits { head_time, ..Limits::default() }).await;
    let mut slow = house.connect().await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHos").await.unwrap();
    assert_eq!(house.get("/healthz").await.status, 200, "others are served meanwhile");
    let answer = read_to_end(&mut slow).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn who_sends_a_body_too_slowly_is_told_and_cut_off() {
    let body_time = Duration::from_millis(50);
    let house = House::with_limits(Limits { body_time, ..Limits::default() }).await;
    let key = bearer(&house.key);
    let head =
        format!("HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: 50\r\n\r\n{{");
    let native = format!("POST /v1/accounts/{KEPT}/token/report-invalid {head}");
    let reply = house.exchange(&native).await;
    assert_eq!((reply.status, reply.error()), (408, "body-slow"));
    let reply = house.exchange(&format!("POST /cgi-bin/stable_token {head}")).await;
    assert_eq!(reply.errcode(), 47001);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let house = House::open().await;
    let long = "x".repeat(20 * 1024);
    let reply = house.ask("GET", "/healthz", &[("X-Long", &long)], "").await;
    assert_eq!(reply.status, 431);
    let many = vec![("X-Many", "1"); 200];
    assert_eq!(house.ask("GET", "/healthz", &many, "").await.status, 431);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_or_not_it_says_so() {
    let house = House::open().await;
    let path = format!("/v1/accounts/{KEPT}/token/report-invalid");
    let key = bearer(&house.key);
    let stated = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: 70000\r\n\r\n"
    );
    let reply = house.exchange(&stated).await;
    assert_eq!((reply.status, reply.error()), (413, "body-too-large"));
    assert_eq!(reply.header("connection"), Some("close"));
    let chunk = format!("11170\r\n{}\r\n0\r\n\r\n", "x".repeat(0x11170));
    let chunked = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"
    );
    assert_eq!(house.exchange(&chunked).await.status, 413);
    let stated = "POST /cgi-bin/token HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n";
    assert_eq!(house.exchange(stated).await.errcode(), 47001);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let house = House::open().await;
    assert_eq!(house.exchange("令牌\r\n\r\n").await.status, 400);
    assert_eq!(house.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_client_beyond_the_most_waits_for_another_to_go() {
    let house = House::with_limits(Limits { connections: 1, ..Limits::default() }).await;
    let request = token_request(&house.key);
    let mut first = house.connect().await;
    first.write_all(request.as_bytes()).await.unwrap();
    assert!(read_some(&mut first).await.contains("200 OK"));
    let mut second = house.connect().await;
    second.write_all(request.as_bytes()).await.unwrap();
    first.write_all(request.as_bytes()).await.unwrap();
    assert!(read_some(&mut first).await.contains("200 OK"));
    let unanswered = second.try_read(&mut [0]);
    assert_eq!(unanswered.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    assert!(read_some(&mut second).await.contains("200 OK"));
}

#[tokio::test]
async fn a_request_under_way_is_finished_when_the_server_ends() {
    let mut house = House::open().await;
    house.upstream.hang();
    let mut waiting = house.connect().await;
    waiting.write_all(token_request(&house.key).as_bytes()).await.unwrap();
    house.upstream.was_called().await;
    house.stop();
    // Ends when the listener is gone.
    while TcpStream::connect(house.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    house.upstream.go_on();
    assert!(read_to_end(&mut waiting).await.contains(&FakeUpstream::token(1)));
    house.ended().await;
}

#[tokio::test]
async fn a_long_poll_does_not_hold_up_the_end() {
    let mut house = House::open().await;
    let token = token_request(&house.key);
    let poll = token.replacen("/token ", "/token?wait=60s&after=1 ", 1);
    let mut polling = house.connect().await;
    polling.write_all(format!("{token}{poll}").as_bytes()).await.unwrap();
    assert!(read_some(&mut polling).await.contains("200 OK"));
    house.stop();
    assert!(read_to_end(&mut polling).await.contains("304 Not Modified"));
    house.ended().await;
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_when_the_time_is_over() {
    let grace = Duration::from_millis(20);
    let mut house = House::with_limits(Limits { grace, ..Limits::default() }).await;
    house.upstream.hang();
    let mut waiting = house.connect().await;
    waiting.write_all(token_request(&house.key).as_bytes()).await.unwrap();
    house.upstream.was_called().await;
    house.stop();
    house.ended().await;
    assert_eq!(read_to_end(&mut waiting).await, "");
}

#[tokio::test]
async fn a_port_in_use_is_said_with_what_to_do() {
    let house = House::open().await;
    let server = house.second_server();
    let error = server.bind(house.addr).await.unwrap_err();
    assert!(matches!(error, Error::Listen { .. }));
    let text = error.to_string();
    assert!(text.contains("in use") && text.contains(&house.addr.port().to_string()), "{text}");
}

#[tokio::test]
async fn an_address_of_another_machine_is_said_with_what_to_do() {
    let house = House::open().await;
    let server = house.second_server();
    // From the range for documentation: nobody has it.
    let error = server.bind(([192, 0, 2, 1], 0).into()).await.unwrap_err().to_string();
    assert!(error.contains("no address 192.0.2.1") && error.contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn without_its_keys_a_server_does_not_start() {
    let house = House::open().await;
    house.directory.down.store(true, std::sync::atomic::Ordering::SeqCst);
    let server = house.second_server();
    let error = server.bind(([127, 0, 0, 1], 0).into()).await.unwrap_err();
    assert!(matches!(error, Error::Keys(_)));
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("away"));
}

#[tokio::test]
async fn who_does_not_read_the_answers_is_cut_off() {
    let limits = Limits {
        connections: 1,
        write_time: Duration::from_millis(300),
        head_time: Duration::from_millis(300),
        ..Limits::default()
    };
    let house = House::with_limits(limits).await;
    let mut deaf = house.connect().await;
    let requests = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    // Until nothing more can be sent, since the answers are not read.
    let full = async { while deaf.write_all(requests.as_bytes()).await.is_ok() {} };
    let _ = tokio::time::timeout(Duration::from_secs(5), full).await;
    let others = tokio::time::timeout(Duration::from_secs(10), house.get("/healthz")).await;
    assert_eq!(others.expect("the others are served").status, 200);
}
