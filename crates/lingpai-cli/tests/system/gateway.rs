//! The gateway of a real server: revoked tokens that no client notices, and large bodies that take no memory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lingpai_sandbox::{Family, Revocation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::node::{Home, WeChat, answer, appid, soaking};

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_are_revoked_again_and_again_are_noticed_by_no_client_and_cost_one_fetch_each()
{
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Arc::new(Home::new(&wechat, 1, "stable", "", ""));
    let node = home.start().await;
    home.token(0).await.unwrap();
    assert_eq!(wechat.fetches(), 1);
    for revocations in 1..=10 {
        wechat.world.with(|world, now| {
            world.revoke(now, &appid(0), &[Family::Stable], Revocation::Noticed).unwrap();
        });
        let mut clients = JoinSet::new();
        for _ in 0..20 {
            let home = Arc::clone(&home);
            clients.spawn(async move {
                let path = format!("/gateway/{}/cgi-bin/user/get?next_openid=", appid(0));
                let mut stream = TcpStream::connect(("127.0.0.1", home.port)).await.unwrap();
                stream.write_all(home.request(&path).as_bytes()).await.unwrap();
                answer(&mut stream).await.unwrap()
            });
        }
        for (status, body) in clients.join_all().await {
            assert!(status == 200 && body.contains("openid"), "{revocations}: {body}");
        }
        assert_eq!(wechat.fetches(), 1 + revocations, "one fetch per revocation");
    }
    home.token(0).await.unwrap();
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_large_bodies_take_no_memory_in_either_direction() {
    let size = if soaking() { 1024 * MIB } else { 192 * MIB };
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let (upstream, sink) = large_upstream(size).await;
    let configuration = home.configuration();
    // The token is the sandbox's; everything else goes to an upstream that takes and gives without end.
    home.write(&configuration.replace(&wechat.addr.to_string(), &upstream.to_string()));
    let node = home.start().await;
    assert_eq!(exchange(&home, "POST", "/cgi-bin/media/upload", 1000).await, 1000);
    let before = node.memory();
    let mut most = before;
    let watch = async {
        loop {
            most = most.max(node.memory());
            sleep(Duration::from_millis(20)).await;
        }
    };
    let transfers = async {
        assert_eq!(exchange(&home, "POST", "/cgi-bin/media/upload", size).await, size);
        // One that is kept aside while it is sent.
        assert_eq!(exchange(&home, "POST", "/cgi-bin/media/upload", 60 * MIB).await, 60 * MIB);
        assert_eq!(exchange(&home, "GET", "/cgi-bin/media/get", 0).await, size);
    };
    tokio::select! {
        () = watch => {}
        done = timeout(Duration::from_mins(5), transfers) => done.unwrap(),
    }
    println!(
        "{} MiB each way: resident memory from {} KiB to at most {} KiB",
        size / MIB,
        before,
        most
    );
    assert!(most - before < 16 * 1024, "from {before} to {most} KiB");
    node.end().await;
    sink.abort();
}

/// Sends a call with a body of this size; the size of the answer, or what upstream says it has got.
async fn exchange(home: &Home, method: &str, path: &str, size: u64) -> u64 {
    let request = home.request(&format!("/gateway/{}{path}", appid(0)));
    let head = request.replacen("GET", method, 1);
    let head = head.trim_end();
    let stream = TcpStream::connect(("127.0.0.1", home.port)).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let head = format!("{head}\r\nContent-Length: {size}\r\n\r\n");
    let write = async {
        writing.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![7; 64 * 1024];
        let mut left = size as usize;
        while left > 0 {
            let now = left.min(piece.len());
            writing.write_all(&piece[..now]).await.unwrap();
            left -= now;
        }
    };
    let read = async {
        let mut piece = vec![0; 64 * 1024];
        let (mut beginning, mut bytes) = (Vec::new(), 0);
        while let Ok(read @ 1..) = reading.read(&mut piece).await {
            if beginning.len() < 4096 {
                beginning.extend_from_slice(&piece[..read]);
            }
            bytes += read;
        }
        let end = beginning.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let body = String::from_utf8_lossy(&beginning[end..]).into_owned();
        let said = body.strip_prefix("got ").and_then(|said| said.parse().ok());
        said.unwrap_or((bytes - end) as u64)
    };
    tokio::join!(write, read).1
}

/// Issues one token, takes bodies of any size and says how much it got, and gives `size` bytes to every `GET`.
async fn large_upstream(size: u64) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let running = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, size));
        }
    });
    (addr, running)
}

async fn serve(mut stream: TcpStream, size: u64) -> Option<()> {
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        stream.read_buf(&mut buffer).await.ok().filter(|read| *read > 0)?;
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse::<u64>().unwrap());
    let mut got = (buffer.len() - end) as u64;
    let mut piece = vec![7; 64 * 1024];
    while got < length {
        got += stream.read(&mut piece).await.ok().filter(|read| *read > 0)? as u64;
    }
    let close = "Connection: close\r\n\r\n";
    if head.starts_with("get ") {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n{close}");
        stream.write_all(head.as_bytes()).await.ok()?;
        for _ in 0..size / piece.len() as u64 {
            stream.write_all(&piece).await.ok()?;
        }
        return Some(());
    }
    let body = if head.contains("stable_token") {
        r#"{"access_token":"90_large","expires_in":7200}"#.to_owned()
    } else {
        format!("got {got}")
    };
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}{body}", body.len());
    stream.write_all(answer.as_bytes()).await.ok()
}
