//! A key that is revoked: the next request with it is refused, and what it holds open ends.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::node::{Home, WeChat, answer, appid};

/// The longest that another process's revocation may take to be known.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// Reads a stream until something that holds `text` has come.
async fn read_until(stream: &mut TcpStream, text: &str) {
    let mut seen = String::new();
    let mut piece = [0; 4096];
    while !seen.contains(text) {
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "ended after {seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
}

#[tokio::test]
async fn a_key_that_another_process_revokes_is_cut_off_within_two_seconds() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    let rights = ["--right", "token:read", "--right", "status:read"];
    let (key, id) = home.create_key(&rights);
    let token = format!("/v1/accounts/{}/token", appid(0));
    home.token(0).await.unwrap();

    let mut stream = home.ask(&key, "/v1/events").await.unwrap();
    read_until(&mut stream, ": open").await;
    let mut poll = home.ask(&key, &format!("{token}?wait=60s&after=1")).await.unwrap();
    let output = home.command(&["key", "revoke", &id]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let start = Instant::now();
    let (status, body) = timeout(2 * ELSEWHERE, answer(&mut poll)).await.unwrap().unwrap();
    assert!(status == 401 && body.contains("key-revoked"), "{status} {body}");
    let mut rest = Vec::new();
    timeout(2 * ELSEWHERE, stream.read_to_end(&mut rest)).await.expect("the stream ends").unwrap();
    println!("cut off after {:?}", start.elapsed());
    let (status, body) = answer(&mut home.ask(&key, &token).await.unwrap()).await.unwrap();
    assert!(status == 401 && body.contains("key-revoked"), "{status} {body}");
    home.token(0).await.unwrap();
    node.end().await;
    home.assert_nothing_leaked();
}
