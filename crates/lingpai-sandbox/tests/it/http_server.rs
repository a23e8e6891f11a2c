//! The shell over real HTTP: what only a wire can show.

use std::{net::SocketAddr, time::Duration};

use lingpai_sandbox::{DEMO_APPID, Error, Fault, FaultKind, Server, Settings, When};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{
    sky::stable_body,
    wire::{SOON, body, get, get_stable, get_token, run, run_with},
};

#[tokio::test]
async fn a_token_comes_over_http() {
    let server = run().await;
    let answer = server.exchange(&get_token()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"access_token\":\""), "{answer}");
    let index = "GET /__sandbox/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(server.exchange(index).await.contains("curl 'x/__sandbox/counters'"));
    assert_eq!(server.world.counters().fetches(), 1);
}

#[tokio::test]
async fn a_chunked_post_is_412_and_one_with_a_length_is_served() {
    let server = run().await;
    let body = stable_body(false).to_string();
    let head = "POST /cgi-bin/stable_token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let length = body.len();
    let chunked =
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
    let answer = server.exchange(&chunked).await;
    assert!(answer.starts_with("HTTP/1.1 412 "), "{answer}");
    assert!(answer.to_lowercase().contains("content-length: 0\r\n"), "{answer}");
    let sized = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    assert!(server.exchange(&sized).await.contains("access_token"));
}

#[tokio::test]
async fn a_cut_connection_gives_not_a_byte() {
    let server = run().await;
    server.fault_once(FaultKind::Cut { when: When::Before });
    assert_eq!(server.exchange(&get_token()).await, "");
    assert!(server.exchange(&get_token()).await.contains("access_token"));
}

#[tokio::test]
async fn a_cut_body_ends_before_its_stated_length() {
    let server = run().await;
    server.fault_once(FaultKind::CutBody);
    let answer = server.exchange(&get_token()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.to_lowercase();
    let length = length.split_once("content-length: ").unwrap().1;
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    assert!(body.starts_with("{\"access_token\":") && body.len() < length, "{answer}");
}

#[tokio::test]
async fn a_hung_call_blocks_no_other_and_ends_with_the_server() {
    let server = run().await;
    server.fault_once(FaultKind::Hang { when: When::Before });
    let mut hung = server.send(&get_token()).await;
    while server.world.counters().calls == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        assert!(server.exchange(&get_token()).await.contains("access_token"));
    }
    server.stop.send(()).unwrap();
    timeout(SOON, server.done).await.unwrap().unwrap();
    let mut rest = Vec::new();
    let _ = timeout(SOON, hung.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_the_server_from_stopping() {
    let server = run().await;
    let _idle = TcpStream::connect(server.addr).await.unwrap();
    assert!(server.exchange(&get_token()).await.contains("access_token"));
    server.stop.send(()).unwrap();
    timeout(SOON, server.done).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.addr).await.is_err());
}

#[tokio::test]
async fn an_oversized_body_is_413_and_the_world_hears_nothing() {
    let server = run().await;
    let head = "POST /cgi-bin/media/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
    assert!(server.exchange(head).await.starts_with("HTTP/1.1 413 "));
    assert_eq!(server.world.counters().calls, 0);
}

#[tokio::test]
async fn a_bulk_upload_of_any_size_is_measured_and_not_kept() {
    let server = run().await;
    let token = body(&server.exchange(&get_stable()).await)["access_token"].clone();
    let uri = format!("/bulk/upload?access_token={}", token.as_str().unwrap());
    let piece = [7_u8; 64 * 1024];
    let pieces = 13 * 16;
    let length = piece.len() * pieces;
    let head = format!("POST {uri} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    let mut stream = server.send(&format!("{head}Content-Length: {length}\r\n\r\n")).await;
    for _ in 0..pieces {
        timeout(SOON, stream.write_all(&piece)).await.unwrap().unwrap();
    }
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    // As `head -c 13631488 /dev/zero | tr '\0' '\7' | gzip -c | tail -c8 | xxd` says.
    assert_eq!(body(&answer)["crc32"], "9383ab78");
    assert_eq!(body(&answer)["bytes"], length);
}

#[tokio::test]
async fn a_bulk_download_has_its_length_and_can_break_off() {
    let server = run().await;
    let token = body(&server.exchange(&get_stable()).await)["access_token"].clone();
    let ask =
        get(&format!("/bulk/download?bytes=1000001&access_token={}", token.as_str().unwrap()));
    let answer = server.exchange_bytes(&ask).await;
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let (head, sent) = answer.split_at(at);
    assert!(String::from_utf8_lossy(head).to_lowercase().contains("content-length: 1000001\r\n"));
    assert_eq!(sent.len(), 1_000_001);
    assert!(sent.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 251));
    server.fault_once(FaultKind::CutBody);
    let cut = server.exchange_bytes(&ask).await;
    assert!((at..at + 500_001).contains(&cut.len()), "{}", cut.len());
}

#[tokio::test]
async fn a_caller_who_accepts_gzip_is_answered_in_it_if_asked_for() {
    let server = run().await;
    server.world.with(|world, now| world.fault(now, Fault::new(FaultKind::Gzip)).unwrap());
    assert!(server.exchange(&get_token()).await.contains("access_token"));
    let accepting = get_token().replace("Host: x", "Host: x\r\nAccept-Encoding: br, gzip;q=0.8");
    let answer = server.exchange_bytes(&accepting).await;
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&answer[..at]).to_lowercase();
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    assert!(answer[at..].starts_with(&[0x1f, 0x8b]));
}

#[tokio::test]
async fn an_address_that_others_reach_has_to_be_allowed() {
    let addr = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Server::bind(Settings { addr, ..Settings::default() }).await;
    assert!(matches!(refused, Err(Error::NotLoopback { .. })));
    let allowed = Settings { addr, allow_remote: true, ..Settings::default() };
    assert!(Server::bind(allowed).await.is_ok());
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let server = run().await;
    let second = Server::bind(Settings { addr: server.addr, ..Settings::default() }).await;
    let error = second.unwrap_err();
    assert!(error.to_string().contains(&server.addr.to_string()), "{error}");
}

#[tokio::test]
async fn hundreds_that_ask_at_once_get_the_same_token_although_it_is_kept_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let state = Some(dir.path().join("state.json"));
    let server = run_with(Settings { state, ..Settings::default() }).await;
    // All are connected before the first one asks.
    let mut streams = Vec::new();
    for _ in 0..300 {
        streams.push(server.connect().await);
    }
    let mut calls = JoinSet::new();
    for stream in streams {
        calls.spawn(
            async move { body(&stream.exchange(&get_stable()).await)["access_token"].clone() },
        );
    }
    let tokens = timeout(SOON, calls.join_all()).await.unwrap();
    assert!(tokens[0].is_string() && tokens.iter().all(|token| *token == tokens[0]));
    let counters = server.world.counters().app(DEMO_APPID);
    assert_eq!((counters.minted.stable, counters.repeated), (1, 299));
}

#[tokio::test]
async fn the_time_of_a_server_starts_at_the_present_unless_told_otherwise() {
    let server = run().await;
    let present = std::time::UNIX_EPOCH.elapsed().unwrap();
    let elsewhere = run_with(Settings { start: Some(1_000_000_000), ..Settings::default() }).await;
    for (server, start) in [(server, present), (elsewhere, Duration::from_secs(1_000_000_000))] {
        let said = body(&server.exchange(&get("/cgi-bin/user/info?access_token=x")).await);
        let said = said["errmsg"].as_str().unwrap().to_owned();
        let rid = said.split_once("rid: ").unwrap().1;
        let at = u64::from_str_radix(&rid[..8], 16).unwrap();
        assert!(at.abs_diff(start.as_secs()) <= SOON.as_secs(), "{rid}");
    }
}
