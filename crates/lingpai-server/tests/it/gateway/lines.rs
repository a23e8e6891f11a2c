//! The connections to upstream and to clients: made, kept, broken, and too many of them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::stand_in::{Plan, StandIn};
use super::{Answer, Forwarding, OK};
use crate::house::PATIENCE;

/// An address at which nobody listens, and nobody will for as long as this process lives.
fn nowhere() -> lingpai_wechat::wire::BaseUrl {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    format!("http://{address}").parse().unwrap()
}

#[tokio::test]
async fn where_no_connection_can_be_made_the_next_host_is_asked() {
    let it = Forwarding::with(
        |_| Plan::json(OK),
        |settings, _| settings.upstream.hosts.insert(0, nowhere()),
    )
    .await;
    let body = vec![7; 200_000];
    assert_eq!(it.call("POST", "/cgi-bin/x", &body).await.text(), OK);
    assert_eq!(it.call("POST", "/cgi-bin/x", b"").await.text(), OK);
    assert_eq!(it.wechat.seen()[0].body, body);
}

#[tokio::test]
async fn the_way_to_upstream_can_change_while_calls_are_made() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    assert_eq!(it.get("/cgi-bin/x").await.text(), OK);
    let other = StandIn::open(|_| Plan::json("{}")).await;
    let mut way = lingpai_wechat::wire::Settings::default();
    way.hosts.push(other.base());
    it.house.gateway.reach(&way).unwrap();
    assert_eq!(it.get("/cgi-bin/x").await.text(), "{}");
    assert_eq!((it.wechat.seen().len(), other.seen().len()), (1, 1));
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_told_of_as_such() {
    let it = Forwarding::with(
        |_| Plan::json(OK),
        |settings, _| settings.upstream.hosts = vec![nowhere(), nowhere()],
    )
    .await;
    assert_eq!(it.get("/cgi-bin/x").await.error(), "upstream-unreachable");
}

#[tokio::test]
async fn a_call_that_was_sent_is_never_sent_twice() {
    let it = Forwarding::to(|_| Plan::raw("").closing()).await;
    assert_eq!(
        it.call("POST", "/cgi-bin/message/custom/send", b"{}").await.error(),
        "upstream-lost"
    );
    assert_eq!(it.wechat.seen().len(), 1);
    // Neither is one on a connection that was kept, which upstream closes as the call arrives.
    let it = Forwarding::to(|seen| {
        if seen.target().starts_with("/first") { Plan::json(OK) } else { Plan::raw("").closing() }
    })
    .await;
    assert_eq!(it.get("/first").await.text(), OK);
    assert_eq!(it.get("/second").await.error(), "upstream-lost");
    assert_eq!((it.wechat.seen().len(), it.wechat.connections()), (2, 1));
}

#[tokio::test]
async fn connections_are_kept_and_one_that_upstream_has_closed_is_not_used() {
    let it = Forwarding::to(|seen| {
        let plan = Plan::json(OK);
        if seen.target().starts_with("/last") { plan.closing() } else { plan }
    })
    .await;
    for path in ["/a", "/b", "/last"] {
        assert_eq!(it.get(path).await.text(), OK);
    }
    assert_eq!(it.wechat.connections(), 1);
    it.wechat.until(|wechat| wechat.open_now() == 0).await;
    let body = vec![7; 200_000];
    assert_eq!(it.call("POST", "/next", &body).await.text(), OK);
    assert_eq!(it.wechat.connections(), 2);
    assert_eq!(it.wechat.seen()[3].body, body);
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_time_is_told_of_as_such() {
    let it = Forwarding::with(
        |_| Plan::raw("").hanging(),
        |settings, _| settings.deadline = Duration::from_millis(50),
    )
    .await;
    assert_eq!(it.get("/cgi-bin/x").await.error(), "upstream-slow");
    assert_eq!(it.call("POST", "/cgi-bin/x", &vec![7; 100_000]).await.error(), "upstream-slow");
    it.wechat.until(|wechat| wechat.open_now() == 0).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf";
    let it = Forwarding::to(move |_| Plan::raw(half).closing()).await;
    let answer = it.get("/cgi-bin/media/get").await;
    assert_eq!((answer.header("content-length"), answer.text()), (Some("1000000"), "half"));
    // One that was to be looked at has not begun for the client.
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"errcode\":0";
    let it = Forwarding::to(move |_| Plan::raw(half).closing()).await;
    assert_eq!(it.get("/cgi-bin/x").await.error(), "upstream-lost");
}

#[tokio::test]
async fn too_many_calls_at_once_are_shed_and_the_others_are_served() {
    let it = Forwarding::with(
        |seen| {
            let plan = Plan::json(OK);
            if seen.target().starts_with("/slow") { Plan::raw("").hanging() } else { plan }
        },
        |settings, _| {
            (settings.connections, settings.queue) = (1, 1);
            settings.queue_time = Duration::from_millis(50);
        },
    )
    .await;
    let mut stream = TcpStream::connect(it.house.addr).await.unwrap();
    let request = format!("GET /slow?access_token={} HTTP/1.1\r\nHost: a\r\n\r\n", it.token);
    stream.write_all(request.as_bytes()).await.unwrap();
    it.wechat.until(|wechat| wechat.seen().len() == 1).await;
    assert_eq!(it.get("/quick").await.error(), "busy");
    drop(stream);
    it.wechat.until(|wechat| wechat.open_now() == 0).await;
    assert_eq!(it.get("/quick").await.text(), OK);
}

#[tokio::test]
async fn a_client_that_stops_reading_or_goes_away_ties_up_nothing() {
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\n";
    let it = Forwarding::with(
        move |_| Plan::raw([endless.as_bytes(), &vec![7; 30_000_000]].concat()).hanging(),
        |settings, limits| {
            settings.connections = 1;
            limits.write_time = Duration::from_millis(100);
        },
    )
    .await;
    let request =
        format!("GET /cgi-bin/media/get?access_token={} HTTP/1.1\r\nHost: a\r\n\r\n", it.token);
    for stays in [true, false] {
        let mut stream = TcpStream::connect(it.house.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut some = [0; 1000];
        timeout(PATIENCE, stream.read_exact(&mut some)).await.unwrap().unwrap();
        let kept = stays.then_some(stream);
        it.wechat.until(|wechat| wechat.connections() > 0 && wechat.open_now() == 0).await;
        drop(kept);
    }
}

#[tokio::test]
async fn a_client_that_reads_a_byte_at_a_time_ties_up_nothing() {
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n";
    let it = Forwarding::with(
        move |_| Plan::raw([large.as_bytes(), &vec![7; 40_000_000]].concat()),
        |settings, limits| {
            settings.connections = 1;
            limits.write_time = Duration::from_millis(200);
        },
    )
    .await;
    let mut stream = TcpStream::connect(it.house.addr).await.unwrap();
    let request =
        format!("GET /cgi-bin/media/get?access_token={} HTTP/1.1\r\nHost: a\r\n\r\n", it.token);
    stream.write_all(request.as_bytes()).await.unwrap();
    it.wechat.until(|wechat| wechat.connections() == 1).await;
    let reading = tokio::spawn(async move {
        while stream.read_u8().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    it.wechat.until(|wechat| wechat.open_now() == 0).await;
    reading.abort();
    assert_eq!(it.metric("lingpai_gateway_bytes_aside").await, 0);
}

#[tokio::test]
async fn an_http_1_0_client_is_answered_in_its_own_way() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let it = Forwarding::to(move |_| Plan::raw(chunked)).await;
    let answer =
        it.exchange(format!("GET /x?access_token={} HTTP/1.0\r\n\r\n", it.token).as_bytes()).await;
    assert!(answer.head.starts_with("HTTP/1.0 200"), "{answer:?}");
    assert_eq!((answer.header("transfer-encoding"), answer.text()), (None, "abc"));
    assert!(
        it.wechat.only().head.starts_with("GET /x?") && it.wechat.only().head.contains(" HTTP/1.1")
    );
}

#[tokio::test]
async fn calls_on_one_connection_follow_each_other() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let call =
        |end: &str| format!("GET /x?access_token={} HTTP/1.1\r\nHost: a\r\n{end}\r\n", it.token);
    let both = format!("{}{}", call(""), call("Connection: close\r\n"));
    let answer = it.exchange(both.as_bytes()).await;
    let second = answer.text().strip_prefix(OK).unwrap();
    assert_eq!(Answer::parse(second.as_bytes()).text(), OK);
    assert_eq!((it.wechat.seen().len(), it.wechat.connections()), (2, 1));
}
