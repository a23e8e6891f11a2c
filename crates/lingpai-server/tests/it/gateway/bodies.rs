//! Bodies on their way up: kept aside, sent again, or not.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stand_in::{Plan, Seen};
use super::{Answer, Forwarding, OK, REFUSED, refusal, takes_only};
use crate::house::{FakeUpstream, PATIENCE};

/// A body that shows if a part of it is missing or in the wrong place.
fn large(bytes: u32) -> Vec<u8> {
    (0..bytes / 4).flat_map(u32::to_le_bytes).collect()
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let chunk =
        |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    let mut all: Vec<u8> = body.chunks(9_999).flat_map(chunk).collect();
    all.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
    all
}

async fn send_chunked(it: &Forwarding, body: &[u8]) -> Answer {
    let head = format!(
        "POST /cgi-bin/x?access_token={} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        it.token
    );
    it.exchange(&[head.as_bytes(), &chunked(body)].concat()).await
}

/// The first token is revoked.
async fn revoked(change: impl FnOnce(&mut lingpai_server::gateway::Settings)) -> Forwarding {
    let live = Arc::new(AtomicU64::new(2));
    let it = Forwarding::with(takes_only(&live), |settings, _| change(settings)).await;
    it.house.upstream.judges(refusal());
    it
}

#[tokio::test]
async fn a_large_body_is_sent_again_whole() {
    let it = revoked(|_| {}).await;
    let body = large(3_000_000);
    let answer = it.call("POST", "/cgi-bin/media/upload", &body).await;
    assert_eq!((answer.text(), answer.header("x-lingpai-replay")), (OK, Some("done")));
    let seen = it.wechat.seen();
    assert!(seen.len() == 2 && seen.iter().all(|seen| seen.body == body));
    assert_eq!(it.metric("lingpai_gateway_bytes_aside").await, 0);
}

#[tokio::test]
async fn a_body_of_unknown_length_reaches_upstream_with_its_length_and_is_sent_again_too() {
    for size in [0, 10, 60_000, 70_000, 3_000_000] {
        let it = revoked(|_| {}).await;
        let body = large(size);
        assert_eq!(send_chunked(&it, &body).await.text(), OK, "{size}");
        for seen in it.wechat.seen() {
            assert_eq!(seen.header("content-length"), Some(body.len().to_string().as_str()));
            assert!(seen.header("transfer-encoding").is_none() && seen.body == body);
        }
    }
}

#[tokio::test]
async fn a_body_past_the_limit_is_forwarded_without_the_possibility_of_a_replay_and_says_so() {
    let it = revoked(|settings| settings.replay_limit = 100_000).await;
    let body = large(100_004);
    let answer = it.call("POST", "/cgi-bin/x", &body).await;
    assert_eq!((answer.text(), answer.header("x-lingpai-replay")), (REFUSED, Some("impossible")));
    assert!(it.wechat.only().body == body);
    // Its report has had the token replaced all the same.
    let answer = it.call("POST", "/cgi-bin/x", &body).await;
    assert_eq!((answer.text(), answer.header("x-lingpai-replay")), (OK, Some("impossible")));
    let answer = it.call("POST", "/cgi-bin/x", &body[4..]).await;
    assert_eq!((answer.text(), answer.header("x-lingpai-replay")), (OK, None));
}

#[tokio::test]
async fn a_body_of_unknown_length_past_its_limit_is_refused_and_nothing_is_sent() {
    let it = revoked(|settings| settings.unsized_body_limit = 100_000).await;
    let answer = send_chunked(&it, &large(100_004)).await;
    assert_eq!((answer.status, answer.error()), (413, "body-too-large"));
    assert_eq!(it.wechat.connections(), 0);
    assert_eq!(it.metric("lingpai_gateway_bytes_aside").await, 0);
}

#[tokio::test]
async fn a_disk_without_room_costs_the_replay_and_not_the_call() {
    let nowhere = |settings: &mut lingpai_server::gateway::Settings| {
        settings.spool_dir = PathBuf::from("/nowhere/at/all");
    };
    let full = |settings: &mut lingpai_server::gateway::Settings| settings.spool_limit = 1000;
    for it in [revoked(nowhere).await, revoked(full).await] {
        let answer = it.call("POST", "/cgi-bin/x", &large(100_000)).await;
        assert_eq!(
            (answer.text(), answer.header("x-lingpai-replay")),
            (REFUSED, Some("impossible"))
        );
        assert_eq!(send_chunked(&it, &large(100_000)).await.error(), "no-room");
        assert_eq!(it.wechat.seen().len(), 1);
        assert_eq!(send_chunked(&it, &large(10_000)).await.text(), OK, "this one needs no disk");
    }
}

#[tokio::test]
async fn an_early_refusal_is_repaired_with_the_whole_body() {
    let first = FakeUpstream::token(1);
    let script = move |seen: &Seen| {
        let refused = seen.token() == Some(first.as_str());
        if refused { Plan::json(REFUSED).after(70_000).hanging() } else { Plan::json(OK) }
    };
    let it = Forwarding::to(script).await;
    it.house.upstream.judges(refusal());
    let body = large(8_000_000);
    assert_eq!(it.call("POST", "/cgi-bin/x", &body).await.text(), OK);
    let seen = it.wechat.seen();
    assert!(seen[1].body == body);
    it.wechat.until(|wechat| wechat.open_now() <= 1).await;
}

#[tokio::test]
async fn an_early_answer_reaches_the_client() {
    let it = Forwarding::to(|_| {
        Plan::raw("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            .after(1000)
            .hanging()
    })
    .await;
    let answer = it.call("POST", "/cgi-bin/x", &large(200_000)).await;
    assert_eq!((answer.status, answer.text()), (413, "no"));
}

#[tokio::test]
async fn an_early_answer_is_heard_of_an_upstream_that_takes_no_more_and_hangs_up() {
    let refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno";
    let it = Forwarding::to(move |_| Plan::raw(refusal).after(1000).closing()).await;
    let body = large(4_000_000);
    // The connection is reset, sooner or later than the answer is read.
    for _ in 0..20 {
        let answer = it.call("POST", "/cgi-bin/x", &body).await;
        assert_eq!((answer.status, answer.text()), (413, "no"));
    }
    assert_eq!(it.wechat.connections(), 20, "none of them is used again");
    assert_eq!(it.metric("lingpai_gateway_bytes_aside").await, 0);
}

#[tokio::test]
async fn a_client_that_stops_or_goes_ties_up_nothing() {
    let it = Forwarding::with(
        |_| Plan::json(OK),
        |_, limits| limits.body_time = Duration::from_millis(50),
    )
    .await;
    let head = |length: usize| {
        format!(
            "POST /x?access_token={} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
            it.token
        )
    };
    for length in [1000, 1_000_000] {
        let answer = it.exchange(&[head(length).as_bytes(), &large(500)].concat()).await;
        assert_eq!(answer.error(), "body-slow", "{length}");
    }
    let mut stream = TcpStream::connect(it.house.addr).await.unwrap();
    stream.write_all(&[head(1_000_000).as_bytes(), &large(500_000)].concat()).await.unwrap();
    it.wechat.until(|wechat| wechat.connections() == 2).await;
    drop(stream);
    it.wechat.until(|wechat| wechat.open_now() == 0).await;
    assert_eq!(it.metric("lingpai_gateway_bytes_aside").await, 0);
}

#[tokio::test]
async fn a_client_that_waits_for_leave_to_send_its_body_is_given_it() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    for size in [1000, 100_000] {
        let mut stream = TcpStream::connect(it.house.addr).await.unwrap();
        let head = format!(
            "POST /x?access_token={} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: {size}\r\n\r\n",
            it.token
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let leave = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut line = vec![0; leave.len()];
        timeout(PATIENCE, stream.read_exact(&mut line)).await.unwrap().unwrap();
        assert_eq!(line, leave);
        stream.write_all(&large(size)).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert_eq!(Answer::parse(&answer).text(), OK);
    }
    assert!(it.wechat.seen().iter().all(|seen| seen.header("expect").is_none()));
    // One that is refused is not given it.
    let head = "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\nConnection: close\r\n\r\n";
    assert_eq!(it.exchange(head.as_bytes()).await.error(), "caller-unknown");
}

#[tokio::test]
async fn a_post_without_a_body_states_so() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let request = format!(
        "POST /x?access_token={} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        it.token
    );
    assert_eq!(it.exchange(request.as_bytes()).await.text(), OK);
    assert_eq!(it.get("/x").await.text(), OK);
    let lengths: Vec<_> = it
        .wechat
        .seen()
        .iter()
        .map(|seen| seen.header("content-length").map(str::to_owned))
        .collect();
    assert_eq!(lengths, [Some("0".to_owned()), None]);
}
