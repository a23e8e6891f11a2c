//! Clients that speak HTTP/2. Upstream sees HTTP/1.1 all the same, and nothing of the other.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lingpai_server::{Address, Tls};
use tokio::time::timeout;

use super::stand_in::{Plan, Seen};
use super::{Forwarding, OK, REFUSED, refusal};
use crate::certificates::{Authority, shake_hands};
use crate::house::{FakeUpstream, PATIENCE};
use crate::http2::client;

fn get(it: &Forwarding, path: &str) -> Request<Full<Bytes>> {
    call(it, "GET", path, Full::default())
}

fn call<B>(it: &Forwarding, method: &str, path: &str, body: B) -> Request<B> {
    let uri = format!("https://lingpai.test{path}?access_token={}", it.token);
    let request = Request::builder().method(method).uri(uri);
    let request = request.header("te", "trailers").header("cookie", "a=1").header("cookie", "b=2");
    request.header("x-kept", "yes").body(body).unwrap()
}

async fn ask<B: Body<Data = Bytes> + Send + Unpin + 'static>(
    sender: &mut SendRequest<B>,
    request: Request<B>,
) -> Response<Incoming>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()
}

async fn text(answer: Response<Incoming>) -> String {
    let body = timeout(PATIENCE, answer.into_body().collect()).await.unwrap().unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// What upstream must see of [`call`].
fn assert_is_http_1(it: &Forwarding, seen: &Seen) {
    let first = seen.head.lines().next().unwrap();
    assert!(first.ends_with(" HTTP/1.1"), "{first}");
    let host = it.wechat.addr.to_string();
    assert_eq!(seen.header("host"), Some(host.as_str()), "not the client's :authority");
    assert_eq!((seen.header("x-kept"), seen.header("te")), (Some("yes"), None));
    assert_eq!(seen.header("cookie"), Some("a=1; b=2"), "one field for all crumbs");
    assert_eq!(seen.header("transfer-encoding"), None);
    assert!(seen.head.lines().all(|line| !line.starts_with(':')), "{}", seen.head);
}

#[tokio::test]
async fn a_call_with_and_without_a_body_reaches_upstream_as_http_1_1_with_its_length() {
    let it = Forwarding::to(|_| {
        Plan::with("Connection: keep-alive\r\nKeep-Alive: 5\r\n", OK.as_bytes())
    })
    .await;
    let (mut sender, _connection) = client(it.house.connect().await).await;
    let answer = ask(&mut sender, get(&it, "/cgi-bin/x")).await;
    assert!(!answer.headers().contains_key("keep-alive"));
    assert_eq!((answer.status().as_u16(), text(answer).await), (200, OK.to_owned()));
    let large = Bytes::from(vec![7; 300_000]);
    for body in [Bytes::from_static(b"{}"), Bytes::new(), large] {
        let request = call(&it, "POST", "/cgi-bin/x", Full::new(body.clone()));
        assert_eq!(text(ask(&mut sender, request).await).await, OK);
        let seen = it.wechat.seen().pop().unwrap();
        assert_eq!(seen.header("content-length"), Some(body.len().to_string().as_str()));
        assert!(seen.body == body);
    }
    let seen = it.wechat.seen();
    assert_eq!(
        (seen[0].header("content-length"), seen[0].token()),
        (None, Some(FakeUpstream::token(1).as_str()))
    );
    for seen in &seen {
        assert_is_http_1(&it, seen);
    }
}

#[tokio::test]
async fn a_body_that_does_not_state_its_length_gets_one() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let io = TokioIo::new(it.house.connect().await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let body = Pieces(["{\"a\":", "12345", "67890", "}"].into());
    assert_eq!(text(ask(&mut sender, call(&it, "POST", "/cgi-bin/x", body)).await).await, OK);
    let seen = it.wechat.only();
    assert_eq!(seen.body, b"{\"a\":1234567890}");
    assert_eq!(seen.header("content-length"), Some("16"));
    assert_is_http_1(&it, &seen);
}

#[tokio::test]
async fn a_refused_call_is_sent_once_more_over_tls_too() {
    let authority = Authority::new("ca");
    let tls = Tls::new(authority.sign().identity(None).unwrap());
    let https = Address::Https(([127, 0, 0, 1], 0).into());
    let first = FakeUpstream::token(1);
    let script = move |seen: &Seen| match seen.token() {
        Some(token) if token == first => Plan::json(REFUSED),
        _ => Plan::json(OK),
    };
    let it = Forwarding::on(https, Some(tls), script, |_, _| {}).await;
    it.house.upstream.judges(refusal());
    let offer = authority.client(&["h2"], None);
    let stream = shake_hands(&offer, it.house.connect().await).await.unwrap();
    let (mut sender, _connection) = client(stream).await;
    let body = Bytes::from(vec![7; 200_000]);
    let request = call(&it, "POST", "/cgi-bin/x", Full::new(body.clone()));
    let answer = ask(&mut sender, request).await;
    assert_eq!(answer.headers()["x-lingpai-replay"], "done");
    assert_eq!(text(answer).await, OK);
    let seen = it.wechat.seen();
    assert_eq!(seen.len(), 2);
    for seen in &seen {
        assert_is_http_1(&it, seen);
    }
    assert!(seen[1].body == body);
}

#[tokio::test]
async fn a_large_answer_reaches_the_client_whole() {
    let large: Vec<u8> = (0..500_000_u32).flat_map(u32::to_be_bytes).collect();
    let sent = large.clone();
    let it = Forwarding::to(move |_| Plan::with("Content-Type: image/jpeg\r\n", &sent)).await;
    let (mut sender, _connection) = client(it.house.connect().await).await;
    let answer = ask(&mut sender, get(&it, "/cgi-bin/media/get")).await;
    assert_eq!(answer.headers()["content-length"], "2000000");
    let body = timeout(PATIENCE, answer.into_body().collect()).await.unwrap().unwrap();
    assert!(body.to_bytes() == large);
}

#[tokio::test]
async fn a_client_that_reads_a_byte_at_a_time_stops_or_goes_away_ties_up_nothing() {
    let it = Forwarding::with(
        |_| Plan::with("Content-Type: image/jpeg\r\n", &vec![7; 2_000_000]),
        |settings, limits| {
            settings.connections = 1;
            limits.write_time = Duration::from_millis(100);
        },
    )
    .await;
    let goes_away = {
        let (mut sender, connection) = sipping(&it).await;
        let answer = ask(&mut sender, get(&it, "/cgi-bin/media/get")).await;
        drop(answer);
        (sender, connection)
    };
    it.wechat.until(|wechat| wechat.connections() == 1 && wechat.open_now() == 0).await;
    let (mut sender, _connection) = sipping(&it).await;
    let stops = ask(&mut sender, get(&it, "/cgi-bin/media/get")).await;
    it.wechat.until(|wechat| wechat.connections() == 2 && wechat.open_now() == 0).await;
    let (mut sender, _connection) = sipping(&it).await;
    let mut sips = ask(&mut sender, get(&it, "/cgi-bin/media/get")).await.into_body();
    let sipping = tokio::spawn(async move {
        while let Some(Ok(_)) = sips.frame().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    it.wechat.until(|wechat| wechat.connections() == 3 && wechat.open_now() == 0).await;
    sipping.abort();
    drop((stops, goes_away));
}

/// A body that comes in these pieces.
struct Pieces(VecDeque<&'static str>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece.into()))))
    }
}

/// A client that is sent a byte, and the next when it has taken that.
async fn sipping(
    it: &Forwarding,
) -> (SendRequest<Full<Bytes>>, tokio::task::JoinHandle<hyper::Result<()>>) {
    let io = TokioIo::new(it.house.connect().await);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.initial_stream_window_size(1).handshake(io).await.unwrap();
    (sender, tokio::spawn(connection))
}
