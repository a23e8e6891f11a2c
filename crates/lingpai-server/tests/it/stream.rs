//! `/v1/events`: what happens is told as it happens.

use std::time::Duration;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::event::{Event, What};
use lingpai_core::{Class, Clock, Failure, NodeId, Timestamp};
use lingpai_server::Limits;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::house::{House, KEPT, OTHER, PATIENCE, credential, logs, only, read_to_end};

/// An open stream, and what it has said so far.
struct Stream {
    socket: TcpStream,
    said: String,
}

impl Stream {
    async fn open(house: &House, key: &str, path: &str, headers: &str) -> Self {
        let mut socket = house.connect().await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{headers}\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut stream = Self { socket, said: String::new() };
        stream.until(": open").await;
        stream
    }

    /// Reads until this was said.
    async fn until(&mut self, text: &str) {
        while !self.said.contains(text) {
            let mut bytes = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.socket.read(&mut bytes)).await;
            match read.unwrap().unwrap() {
                0 => panic!("ended before {text}: {}", self.said),
                n => self.said += std::str::from_utf8(&bytes[..n]).unwrap(),
            }
        }
    }

    /// The last id that was told.
    fn last_id(&self) -> &str {
        self.said.rsplit_once("\nid: ").unwrap().1.lines().next().unwrap()
    }

    async fn ended(mut self) -> String {
        self.said += &read_to_end(&mut self.socket).await;
        self.said
    }
}

async fn viewer(house: &House, accounts: Accounts) -> String {
    house.key_with(&[Right::StatusRead], accounts, |_| {}).await
}

#[tokio::test]
async fn what_happens_is_told_at_once_without_the_token() {
    let house = House::open().await;
    let key = viewer(&house, Accounts::All).await;
    let mut stream = Stream::open(&house, &key, "/v1/events", "").await;
    assert!(stream.said.contains("text/event-stream"), "{}", stream.said);
    house.dropin(&house.key).await;
    stream.until("event: rotated").await;
    stream.until(&format!("\"account\":\"{KEPT}\"")).await;
    stream.until("\"generation\":1").await;
    assert!(!stream.said.contains("SeCrEtToKeN"));
}

#[tokio::test]
async fn an_address_that_wechat_refuses_is_told_of_with_what_to_do() {
    let house = House::open().await;
    let key = viewer(&house, Accounts::All).await;
    let mut stream =
        Stream::open(&house, &key, "/v1/events?event=ip-refused&language=zh", "").await;
    let message = "invalid ip 203.0.113.7, not in whitelist";
    let failure = Failure { code: Some(40164), ..Failure::new(Class::NeedsPerson, message) };
    house.upstream.fails_with(failure);
    house.dropin(&house.key).await;
    stream.until("event: ip-refused").await;
    stream.until("\"address\":\"203.0.113.7\"").await;
    stream.until("微信拒绝来自 203.0.113.7 的调用：请在公众平台把它加入该账号的 IP 白名单").await;
}

#[tokio::test]
async fn a_stream_that_was_interrupted_goes_on_where_it_was() {
    let house = House::open().await;
    let key = viewer(&house, Accounts::All).await;
    let stream = Stream::open(&house, &key, "/v1/events", "").await;
    let id = stream.last_id().to_owned();
    drop(stream);
    house.dropin(&house.key).await;
    let header = format!("Last-Event-ID: {id}\r\n");
    let mut stream = Stream::open(&house, &key, "/v1/events", &header).await;
    stream.until("event: rotated").await;
    assert!(!stream.said.contains("event: gap"));
    assert_ne!(stream.last_id(), id);
    let header = "Last-Event-ID: 5-17\r\n";
    let mut stream = Stream::open(&house, &key, "/v1/events", header).await;
    stream.until("event: gap").await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_let_go_and_comes_back_for_the_rest() {
    let write_time = Duration::from_millis(50);
    let house = House::with_limits(Limits { write_time, ..Limits::default() }).await;
    let key = viewer(&house, Accounts::All).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(house.addr).await.unwrap();
    let request =
        format!("GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let let_go = async {
        while !logs().contains("a connection ended early") {
            for _ in 0..1000 {
                house.registry.tell(None, What::StoreDegraded { message: "x".repeat(150) });
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, let_go).await.unwrap();
    house.registry.tell(None, What::StoreRestored);
    let said = read_to_end(&mut socket).await;
    assert!(!said.contains("store-restored"), "it has seen some of it only");
    let (_, id) = said.rsplit_once("id: ").unwrap().0.rsplit_once("id: ").unwrap();
    let id = id.lines().next().unwrap();
    let header = format!("Last-Event-ID: {id}\r\n");
    let mut again = Stream::open(&house, &key, "/v1/events", &header).await;
    again.until("event: store-restored").await;
    assert!(!again.said.contains("event: gap"));
}

#[tokio::test]
async fn a_stream_tells_of_the_accounts_that_the_key_is_for_and_that_were_asked_for() {
    let house = House::open().await;
    let limited = viewer(&house, only(OTHER)).await;
    let all = viewer(&house, Accounts::All).await;
    let mut limited = Stream::open(&house, &limited, "/v1/events", "").await;
    let path = format!("/v1/events?account={OTHER}");
    let mut asked = Stream::open(&house, &all, &path, "").await;
    house.dropin(&house.key).await;
    let token = format!("/v1/accounts/{OTHER}/token");
    house.call(&house.admin().await, "GET", &token, "").await;
    for stream in [&mut limited, &mut asked] {
        stream.until(OTHER).await;
        assert!(!stream.said.contains(KEPT), "{}", stream.said);
    }
}

#[tokio::test]
async fn whence_a_client_calls_is_told_to_admins_only_as_it_happens_and_afterwards() {
    let house = House::open().await;
    let (viewer, admin) = (viewer(&house, Accounts::All).await, house.admin().await);
    let open = async |key| Stream::open(&house, key, "/v1/events", "").await;
    let (mut viewers, mut admins) = (open(&viewer).await, open(&admin).await);
    let (key, address) = (Some("lp_1".to_owned()), "192.0.2.7".parse().unwrap());
    let path = "/cgi-bin/token".to_owned();
    house.registry.tell(Some(credential(KEPT)), What::SecretShown { key, address, path });
    house.registry.tell(None, What::StoreRestored);
    for (key, stream, is_told) in [(&viewer, &mut viewers, false), (&admin, &mut admins, true)] {
        stream.until("event: store-restored").await;
        house.events_are_stored().await;
        let page = house.call(key, "GET", "/v1/events/history", "").await;
        for said in [&stream.said, &page.body] {
            assert!(said.contains("secret-shown") && said.contains("lp_1"), "{said}");
            assert_eq!(said.contains("192.0.2.7"), is_told, "{said}");
        }
    }
}

#[tokio::test]
async fn what_another_node_tells_is_told_here_too() {
    let house = House::open().await;
    let key = viewer(&house, Accounts::All).await;
    let mut stream = Stream::open(&house, &key, "/v1/events", "").await;
    let event = |at: Timestamp, what| Event { at, credential: None, node: NodeId::new("b"), what };
    let now = house.clock.now().wall;
    house.registry.store().record(&[event(now, What::StoreRestored)]).await.unwrap();
    stream.until("\"node\":\"b\"").await;
}

#[tokio::test]
async fn a_stream_tells_what_was_asked_for_in_the_language_that_was_asked_for() {
    let house = House::open().await;
    let key = viewer(&house, Accounts::All).await;
    let store = house.registry.store();
    let message = || "full".to_owned();
    let event = |at: Timestamp, what| Event { at, credential: None, node: NodeId::new("b"), what };
    let now = house.clock.now().wall;
    let hour = Duration::from_secs(3600);
    let long_ago = event(now - hour * 3, What::StoreDegraded { message: message() });
    let lately = event(now - hour, What::StoreDegraded { message: message() });
    store.record(&[long_ago, lately, event(now, What::StoreRestored)]).await.unwrap();
    let path = "/v1/events?since=2h&severity=error&language=zh";
    let mut stream = Stream::open(&house, &key, path, "").await;
    stream.until("存储不可用").await;
    assert!(!stream.said.contains("id: 1-0\nevent"), "{}", stream.said);
    let mut stream =
        Stream::open(&house, &key, "/v1/events?after=1-0&event=store-restored", "").await;
    stream.until("the store works again").await;
    assert!(!stream.said.contains("event: store-degraded"), "{}", stream.said);
    let admin = house.admin().await;
    for (query, texts) in [
        ("severity=error&limit=1", 1),
        ("severity=warning", 2),
        ("since=30m", 1),
        ("after=2-0", 1),
        ("before=2-0", 1),
        ("event=rotated,store-restored", 1),
    ] {
        let path = format!("/v1/events/history?{query}");
        let history = house.call(&admin, "GET", &path, "").await;
        assert_eq!(history.json["events"].as_array().unwrap().len(), texts, "{query}");
    }
    let first = house.call(&admin, "GET", "/v1/events/history?limit=2", "").await;
    let next = first.json["next"].as_str().unwrap();
    let path = format!("/v1/events/history?before={next}");
    let rest = house.call(&admin, "GET", &path, "").await;
    assert_eq!(
        (rest.json["events"][0]["id"].as_str(), &rest.json["next"]),
        (Some("1-0"), &Value::Null)
    );
    for wrong in ["since=soon", "severity=bad", "after=x", "language=fr"] {
        let path = format!("/v1/events/history?{wrong}");
        assert_eq!(
            house.call(&admin, "GET", &path, "").await.error(),
            "query-unreadable",
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked_and_no_other_does() {
    let house = House::open().await;
    let (key, other) = (viewer(&house, Accounts::All).await, viewer(&house, Accounts::All).await);
    let stream = Stream::open(&house, &key, "/v1/events", "").await;
    let mut stays = Stream::open(&house, &other, "/v1/events", "").await;
    let id = key.rsplit_once('_').unwrap().0;
    let admin = house.admin().await;
    house.call(&admin, "DELETE", &format!("/v1/keys/{id}"), "").await;
    stream.ended().await;
    house.dropin(&house.key).await;
    stays.until("event: rotated").await;
}

#[tokio::test]
async fn a_long_poll_ends_when_its_key_is_revoked() {
    let house = House::open().await;
    house.dropin(&house.key).await;
    let id = house.key.rsplit_once('_').unwrap().0;
    let admin = house.admin().await;
    let path = format!("/v1/accounts/{KEPT}/token?wait=60s&after=1");
    let (poll, _) = tokio::join!(house.get(&path), async {
        tokio::task::yield_now().await;
        house.call(&admin, "DELETE", &format!("/v1/keys/{id}"), "").await
    });
    assert_eq!((poll.status, poll.error()), (401, "key-revoked"));
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives_and_ends_with_the_server() {
    let heartbeat = Duration::from_millis(10);
    let mut house = House::with_limits(Limits { heartbeat, ..Limits::default() }).await;
    let key = viewer(&house, Accounts::All).await;
    let mut stream = Stream::open(&house, &key, "/v1/events", "").await;
    stream.until(": alive").await;
    house.stop();
    let said = stream.ended().await;
    assert!(said.ends_with("0\r\n\r\n"), "in order: {said}");
    house.ended().await;
}

#[tokio::test]
async fn the_history_has_the_newest_first() {
    let house = House::open().await;
    let admin = house.admin().await;
    house.dropin(&house.key).await;
    house.call(&admin, "GET", &format!("/v1/accounts/{OTHER}/token"), "").await;
    let limited = viewer(&house, only(KEPT)).await;
    // Events reach the store a moment after they happened.
    let history = loop {
        let reply = house.call(&admin, "GET", "/v1/events/history", "").await;
        if reply.json["events"].as_array().unwrap().len() == 2 {
            break reply;
        }
    };
    assert_eq!(history.json["events"][0]["account"], OTHER);
    assert_eq!(history.json["events"][1]["event"], "rotated");
    let one = house.call(&admin, "GET", "/v1/events/history?limit=1", "").await;
    assert_eq!(one.json["events"].as_array().unwrap().len(), 1);
    let mine = house.call(&limited, "GET", "/v1/events/history", "").await;
    assert_eq!(mine.json["events"].as_array().unwrap().len(), 1);
    assert_eq!(mine.json["events"][0]["account"], KEPT);
    let other = format!("/v1/events/history?account={OTHER}");
    assert_eq!(house.call(&limited, "GET", &other, "").await.error(), "account-forbidden");
}
