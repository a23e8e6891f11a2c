//! Clients that speak HTTP/2.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lingpai_server::{Address, Limits, Surface, Tls};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::certificates::{Authority, shake_hands};
use crate::house::{House, KEPT, PATIENCE, bearer, read_to_end};

pub(crate) type Connection = JoinHandle<hyper::Result<()>>;

pub(crate) async fn client(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> (SendRequest<Full<Bytes>>, Connection) {
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn request(house: &House, method: &str, path: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("http://lingpai{path}"))
        .header("authorization", bearer(&house.key))
        .body(Full::from(body.to_owned()))
        .unwrap()
}

async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> (StatusCode, String) {
    let answer = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn token(house: &House) -> Request<Full<Bytes>> {
    request(house, "GET", &format!("/v1/accounts/{KEPT}/token"), "")
}

#[tokio::test]
async fn many_requests_at_once_are_answered_on_one_connection() {
    let house = House::open().await;
    let (sender, _connection) = client(house.connect().await).await;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (mut sender, request) = (sender.clone(), token(&house));
        requests.spawn(async move { ask(&mut sender, request).await });
    }
    for (status, body) in requests.join_all().await {
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(house.upstream.calls(), 1);
}

#[tokio::test]
async fn it_is_agreed_on_by_tls() {
    let authority = Authority::new("ca");
    let tls = Tls::new(authority.sign().identity(None).unwrap());
    let https = Address::Https(([127, 0, 0, 1], 0).into());
    let house = House::on(&[(https, Surface::Whole)], Some(tls), |server| server).await;
    let offer = authority.client(&["h2", "http/1.1"], None);
    let stream = shake_hands(&offer, house.connect().await).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, _connection) = client(stream).await;
    assert_eq!(ask(&mut sender, token(&house)).await.0, 200);
}

#[tokio::test]
async fn bodies_have_the_same_limits() {
    let body_time = Duration::from_millis(50);
    let house = House::with_limits(Limits { body_time, ..Limits::default() }).await;
    let (mut sender, _connection) = client(house.connect().await).await;
    let path = format!("/v1/accounts/{KEPT}/token/report-invalid");
    let large = request(&house, "POST", &path, &"x".repeat(70_000));
    assert_eq!(ask(&mut sender, large).await.0, 413);
    let long = "x".repeat(20_000);
    let mut huge = token(&house);
    huge.headers_mut().insert("x-long", long.parse().unwrap());
    assert_eq!(ask(&mut sender, huge).await.0, 431);
    assert_eq!(ask(&mut sender, token(&house)).await.0, 200, "the others go on");
}

#[tokio::test]
async fn an_idle_connection_is_ended() {
    let head_time = Duration::from_millis(100);
    let house = House::with_limits(Limits { head_time, ..Limits::default() }).await;
    let (mut sender, connection) = client(house.connect().await).await;
    assert_eq!(ask(&mut sender, token(&house)).await.0, 200);
    timeout(PATIENCE, connection).await.unwrap().unwrap().unwrap();
    // One that stops in the middle of the first bytes too.
    let mut slow = house.connect().await;
    slow.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    assert_eq!(read_to_end(&mut slow).await, "");
}

#[tokio::test]
async fn a_stream_of_events_outlives_the_end_of_its_idle_connection() {
    let (head_time, heartbeat) = (Duration::from_millis(50), Duration::from_millis(20));
    let house = House::with_limits(Limits { head_time, heartbeat, ..Limits::default() }).await;
    let (mut sender, _connection) = client(house.connect().await).await;
    let mut ask = request(&house, "GET", "/v1/events", "");
    let key = bearer(&house.admin().await);
    ask.headers_mut().insert("authorization", key.parse().unwrap());
    let mut events = sender.send_request(ask).await.unwrap().into_body();
    // Many times as long as the connection may be without a new request.
    for _ in 0..20 {
        timeout(PATIENCE, events.frame()).await.unwrap().unwrap().unwrap();
    }
    assert!(sender.send_request(token(&house)).await.is_err(), "it takes none any more");
    house.dropin(&house.key).await;
    let told = async {
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains("event: rotated") {
            let frame = events.frame().await.unwrap().unwrap();
            said.extend_from_slice(frame.data_ref().unwrap());
        }
    };
    timeout(PATIENCE, told).await.unwrap();
}

#[tokio::test]
async fn who_says_nothing_more_is_cut_off() {
    let short = Duration::from_millis(100);
    let limits = Limits { head_time: short, write_time: short, ..Limits::default() };
    let house = House::with_limits(limits).await;
    let mut silent = house.connect().await;
    // The preface and empty settings; then neither a request, nor an answer to any question whether it is there.
    let opening = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0, 0, 0, 4, 0, 0, 0, 0, 0]];
    silent.write_all(&opening.concat()).await.unwrap();
    let end = async { while matches!(silent.read(&mut [0; 1024]).await, Ok(1..)) {} };
    timeout(PATIENCE, end).await.unwrap();
}

#[tokio::test]
async fn a_request_under_way_is_finished_when_the_server_ends() {
    let mut house = House::open().await;
    let (mut sender, _connection) = client(house.connect().await).await;
    house.upstream.hang();
    let waiting = tokio::spawn({
        let request = token(&house);
        async move { ask(&mut sender, request).await }
    });
    house.upstream.was_called().await;
    house.stop();
    while tokio::net::TcpStream::connect(house.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    house.upstream.go_on();
    assert_eq!(waiting.await.unwrap().0, 200);
    house.ended().await;
}
