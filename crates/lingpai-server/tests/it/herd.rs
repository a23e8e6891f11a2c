//! Thousands who ask at once.

use std::time::Duration;

use lingpai_core::{Class, Failure};
use lingpai_server::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::house::{FakeUpstream, House, KEPT, read_to_end};

/// Connections at once: client's and server's ends together stay below the usual limit of 1024 descriptors,
/// as long as there is one stampede at a time.
const CONNECTIONS: usize = 400;
/// Requests on each, sent without waiting for answers.
const EACH: usize = 25;

fn patient() -> Limits {
    Limits { token_wait: Duration::from_secs(60), ..Limits::default() }
}

/// Sends all requests while upstream hangs, lets upstream answer, and hands back what each connection got.
async fn stampede(house: &House) -> Vec<String> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let _alone = ALONE.lock().await;
    house.upstream.hang();
    let key = &house.key;
    let native = format!(
        "GET /v1/accounts/{KEPT}/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    );
    let dropin = format!(
        "GET /cgi-bin/token?grant_type=client_credential&appid={KEPT}&secret={key} HTTP/1.1\r\nHost: x\r\n"
    );
    let mut streams: Vec<TcpStream> = Vec::new();
    for n in 0..CONNECTIONS {
        let request = if n % 2 == 0 { &native } else { &dropin };
        let mut requests = format!("{request}\r\n").repeat(EACH - 1);
        requests += &format!("{request}Connection: close\r\n\r\n");
        let mut stream = house.connect().await;
        stream.write_all(requests.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    house.upstream.was_called().await;
    house.upstream.go_on();
    let mut readers = JoinSet::new();
    for mut stream in streams {
        readers.spawn(async move { read_to_end(&mut stream).await });
    }
    readers.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cold_callers_cost_one_fetch() {
    let house = House::with_limits(patient()).await;
    let answers = stampede(&house).await;
    let token = FakeUpstream::token(1);
    let served: usize = answers.iter().map(|answer| answer.matches(&token).count()).sum();
    assert_eq!(served, CONNECTIONS * EACH);
    assert_eq!(house.upstream.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_share_one_failure() {
    let house = House::with_limits(patient()).await;
    let mut failure = Failure::new(Class::NeedsPerson, "not in whitelist");
    failure.code = Some(40164);
    house.upstream.fails_with(failure);
    let answers = stampede(&house).await;
    let told: usize =
        answers.iter().map(|answer| answer.matches("\"errcode\":40164").count()).sum();
    assert_eq!(told, CONNECTIONS * EACH);
    assert_eq!(house.upstream.calls(), 1, "nobody retries for himself");
}
