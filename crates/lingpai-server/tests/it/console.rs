//! The console's sessions: who is let in, by what, to what, and until when.

use std::time::Duration;

use lingpai_core::Environment;
use lingpai_core::client::{Accounts, Right};
use lingpai_server::{Proxies, Server, Surface, Tell, console};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{House, KEPT, OTHER, PATIENCE, Reply, local, logs, only, read_to_end};
use crate::upstream::FakeUpstream;

const SESSION: &str = "/console/session";
const ACCOUNTS: &str = "/console/v1/accounts";

/// A browser that is logged in.
struct Browser<'a> {
    house: &'a House,
    cookie: String,
    csrf: String,
}

async fn log_in(house: &House, key: &str) -> Reply {
    let body = json!({ "key": key }).to_string();
    house.ask("POST", SESSION, &[("X-Lingpai-CSRF", "login")], &body).await
}

fn cookie_of(reply: &Reply) -> String {
    reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

impl<'a> Browser<'a> {
    async fn open(house: &'a House, key: &str) -> Self {
        let reply = log_in(house, key).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        Self { house, cookie: cookie_of(&reply), csrf: reply.text("csrf").to_owned() }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let proof = [("Cookie", self.cookie.as_str()), ("X-Lingpai-CSRF", &self.csrf)];
        self.house.ask(method, path, &proof, body).await
    }
}

fn refused(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.error())
}

async fn with(change: impl FnOnce(Server) -> Server) -> House {
    House::on(&[(local(), Surface::Whole)], None, change).await
}

#[tokio::test]
async fn an_admin_key_opens_a_session_that_stands_for_it_below_the_console_only() {
    let house = House::open().await;
    let admin = house.admin().await;
    let browser = Browser::open(&house, &admin).await;
    let reply = browser.ask("GET", ACCOUNTS, "").await;
    assert_eq!(reply.json["accounts"].as_array().unwrap().len(), 2, "{reply:?}");
    let told = browser.ask("GET", SESSION, "").await;
    assert_eq!((told.text("csrf"), &told.json["accounts"]), (&*browser.csrf, &json!("all")));
    assert!(!told.body.contains(&admin[20..]), "the key is not seen again");
    let reply = browser.ask("GET", "/v1/accounts", "").await;
    assert_eq!(refused(&reply), (401, "key-missing"), "elsewhere a session is nothing");
    let made = json!({"name": "web", "role": "service", "accounts": "all"}).to_string();
    assert_eq!(browser.ask("POST", "/console/v1/keys", &made).await.status, 201);
    assert!(logs().contains("somebody logged in to the console"));
}

#[tokio::test]
async fn the_cookie_is_for_the_console_of_this_site_and_no_script() {
    let house = House::open().await;
    let reply = log_in(&house, &house.admin().await).await;
    let cookie = reply.header("set-cookie").unwrap();
    let (value, marks) = cookie.split_once("; ").unwrap();
    assert!(value.starts_with("lingpai_session="), "{value}");
    assert_eq!(marks, "Path=/console; HttpOnly; SameSite=Strict; Max-Age=28800");
}

#[tokio::test]
async fn behind_a_proxy_that_encrypts_the_cookie_is_for_encrypted_connections_only() {
    let trusted = vec!["127.0.0.0/8".parse().unwrap()];
    let house = with(|server| server.behind(Proxies::new(trusted, Tell::XForwardedFor))).await;
    let body = json!({"key": house.admin().await}).to_string();
    for (proto, secure) in [("https", true), ("http", false)] {
        let headers = [("X-Lingpai-CSRF", "login"), ("X-Forwarded-Proto", proto)];
        let reply = house.ask("POST", SESSION, &headers, &body).await;
        assert_eq!(reply.header("set-cookie").unwrap().ends_with("; Secure"), secure, "{proto}");
    }
    let stranger = House::open().await;
    let body = json!({"key": stranger.admin().await}).to_string();
    let headers = [("X-Lingpai-CSRF", "login"), ("X-Forwarded-Proto", "https")];
    let reply = stranger.ask("POST", SESSION, &headers, &body).await;
    assert!(!reply.header("set-cookie").unwrap().contains("Secure"), "nobody is believed");
}

#[tokio::test]
async fn nothing_is_done_for_a_cookie_alone() {
    let house = House::open().await;
    let browser = Browser::open(&house, &house.admin().await).await;
    let other = Browser::open(&house, &house.admin().await).await;
    for proof in [None, Some(""), Some("login"), Some(other.csrf.as_str())] {
        for (method, path) in [("GET", ACCOUNTS), ("POST", "/console/v1/keys"), ("DELETE", SESSION)]
        {
            let mut headers = vec![("Cookie", browser.cookie.as_str())];
            headers.extend(proof.map(|proof| ("X-Lingpai-CSRF", proof)));
            let reply = house.ask(method, path, &headers, "").await;
            assert_eq!(refused(&reply), (401, "session-unknown"), "{method} {path} {proof:?}");
        }
    }
    let headers = [
        ("Cookie", browser.cookie.as_str()),
        ("X-Lingpai-CSRF", &browser.csrf),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    let reply = house.ask("GET", ACCOUNTS, &headers, "").await;
    assert_eq!(refused(&reply), (401, "session-unknown"), "from another site");
    let reply = house.ask("GET", SESSION, &headers, "").await;
    assert_eq!(refused(&reply), (401, "session-unknown"), "from another site");
    let body = json!({"key": house.admin().await}).to_string();
    let reply = house.ask("POST", SESSION, &[], &body).await;
    assert_eq!(refused(&reply), (400, "body-unreadable"), "no other site logs anybody in");
}

#[tokio::test]
async fn who_may_not_manage_is_not_let_in() {
    let house = House::open().await;
    let all = || Accounts::All;
    let viewer = house.key_with(&[Right::StatusRead, Right::TokenRotate], all(), |_| {}).await;
    assert_eq!(refused(&log_in(&house, &viewer).await), (403, "right-missing"));
    let of_tests =
        house.key_with(&[Right::Admin], all(), |key| key.environment = Environment::Test).await;
    assert_eq!(refused(&log_in(&house, &of_tests).await), (403, "right-missing"));
    let elsewhere = house.key_with(&[Right::Admin], all(), |key| {
        key.networks = vec!["10.0.0.0/8".parse().unwrap()];
    });
    assert_eq!(refused(&log_in(&house, &elsewhere.await).await), (403, "network-forbidden"));
    let reply = log_in(&house, "lp_wrong").await;
    assert_eq!(refused(&reply), (401, "key-unknown"));
    assert!(reply.header("set-cookie").is_none() && !reply.body.contains("lp_wrong"), "{reply:?}");
}

#[tokio::test]
async fn an_admin_of_some_accounts_sees_those() {
    let house = House::open().await;
    let key = house.key_with(&[Right::Admin], only(KEPT), |_| {}).await;
    let browser = Browser::open(&house, &key).await;
    let accounts = browser.ask("GET", ACCOUNTS, "").await;
    assert_eq!(accounts.json["accounts"].as_array().unwrap().len(), 1);
    let reply = browser.ask("GET", &format!("{ACCOUNTS}/{OTHER}"), "").await;
    assert_eq!(refused(&reply), (403, "account-forbidden"));
    assert_eq!(
        refused(&browser.ask("GET", "/console/v1/keys", "").await),
        (403, "accounts-limited")
    );
}

#[tokio::test]
async fn who_fails_too_often_waits_and_whoever_is_logged_in_does_not() {
    let house = House::open().await;
    let admin = house.admin().await;
    let browser = Browser::open(&house, &admin).await;
    for _ in 0..5 {
        assert_eq!(log_in(&house, "lp_wrong").await.error(), "key-unknown");
    }
    let reply = log_in(&house, &admin).await;
    assert_eq!(refused(&reply), (429, "login-locked"), "even with the right key");
    assert_eq!(reply.header("retry-after"), Some("30"));
    let message = reply.json["error"]["message"].as_str().unwrap();
    assert!(message.contains("30 s"), "{message}");
    assert_eq!(browser.ask("GET", ACCOUNTS, "").await.status, 200);
    house.clock.advance(Duration::from_secs(31));
    assert_eq!(log_in(&house, &admin).await.status, 200);
}

#[tokio::test]
async fn a_session_ends_with_its_key_its_time_or_the_log_out() {
    let house = House::open().await;
    let (admin, other) = (house.admin().await, house.admin().await);
    let ended = async |browser: &Browser<'_>| {
        for (path, method) in [(ACCOUNTS, "GET"), (SESSION, "GET"), ("/console/v1/keys", "POST")] {
            let reply = browser.ask(method, path, "").await;
            assert_eq!(refused(&reply), (401, "session-unknown"), "{method} {path}");
        }
    };
    let browser = Browser::open(&house, &admin).await;
    let reply = browser.ask("DELETE", SESSION, "").await;
    assert_eq!(reply.status, 204, "{reply:?}");
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
    ended(&browser).await;

    let (browser, revoker) =
        (Browser::open(&house, &admin).await, Browser::open(&house, &other).await);
    let id = browser.ask("GET", SESSION, "").await.json["key"]["id"].as_str().unwrap().to_owned();
    assert_eq!(revoker.ask("DELETE", &format!("/console/v1/keys/{id}"), "").await.status, 200);
    ended(&browser).await;

    house.clock.advance(Duration::from_hours(8) - Duration::from_secs(1));
    assert_eq!(revoker.ask("GET", ACCOUNTS, "").await.status, 200);
    house.clock.advance(Duration::from_secs(1));
    ended(&revoker).await;
}

#[tokio::test]
async fn a_stream_of_events_ends_with_its_session() {
    let limits = lingpai_server::Limits {
        heartbeat: Duration::from_millis(20),
        ..lingpai_server::Limits::default()
    };
    let house = House::with_limits(limits).await;
    let browser = Browser::open(&house, &house.admin().await).await;
    let mut socket = house.connect().await;
    let Browser { cookie, csrf, .. } = &browser;
    let request = format!(
        "GET /console/v1/events HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nX-Lingpai-CSRF: {csrf}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    while !said.contains(": open") {
        let mut bytes = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, socket.read(&mut bytes)).await.unwrap().unwrap();
        assert_ne!(read, 0, "{said}");
        said += str::from_utf8(&bytes[..read]).unwrap();
    }
    assert_eq!(browser.ask("DELETE", SESSION, "").await.status, 204);
    read_to_end(&mut socket).await;
}

#[tokio::test]
async fn a_session_sees_no_token_and_has_nothing_signed() {
    let house = House::open().await;
    let browser = Browser::open(&house, &house.admin().await).await;
    let of = |what: &str| format!("{ACCOUNTS}/{KEPT}/{what}");
    let report = json!({"access_token": FakeUpstream::token(1)}).to_string();
    for (method, path, body) in [
        ("GET", of("token"), ""),
        ("GET", of("tickets/jsapi"), ""),
        ("POST", of("js-config"), r#"{"url": "https://a.cn/"}"#),
        ("POST", of("card-signature"), r#"{"values": ["a"]}"#),
        ("POST", of("token/report-invalid"), &report),
    ] {
        let reply = browser.ask(method, &path, body).await;
        assert_eq!(refused(&reply), (403, "session-limited"), "{path}");
    }
    let reply = browser.ask("POST", &of("token/rotate"), "").await;
    assert_eq!((reply.status, reply.text("outcome")), (200, "rotated"));
    assert!(!reply.body.contains(&FakeUpstream::token(1)), "{reply:?}");
}

#[tokio::test]
async fn a_token_is_shown_where_the_operator_says_so_and_each_time_is_logged_and_on_record() {
    let settings = console::Settings { reveal: true, ..console::Settings::default() };
    let house = with(|server| server.with_console(settings)).await;
    let browser = Browser::open(&house, &house.admin().await).await;
    let reply = browser.ask("GET", &format!("{ACCOUNTS}/{OTHER}/token"), "").await;
    assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
    assert!(logs().contains(&format!("a token was revealed in the console account=\"{OTHER}\"")));
    let path = format!("/console/v1/audit?account={OTHER}");
    let on_record = async {
        loop {
            let trail = browser.ask("GET", &path, "").await;
            if let Some(record) = trail.json["records"].get(0) {
                return record.clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let record = tokio::time::timeout(PATIENCE, on_record).await.unwrap();
    assert_eq!(
        (&record["action"], &record["who"]["address"]),
        (&json!("token-revealed"), &json!("127.0.0.1"))
    );
    let unknown = browser.ask("GET", &format!("{ACCOUNTS}/wxunheard/token"), "").await;
    assert_eq!(refused(&unknown), (404, "account-unknown"));
    let trail = browser.ask("GET", "/console/v1/audit", "").await.json;
    let actions: Vec<_> =
        trail["records"].as_array().unwrap().iter().map(|record| &record["action"]).collect();
    assert_eq!(
        actions,
        ["token-revealed", "console-entered"],
        "what was not shown is not on record"
    );
}

#[tokio::test]
async fn a_page_may_do_nothing_but_what_it_is_for() {
    let house = House::open().await;
    let page = house.ask("GET", "/console/", &[], "").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")]
    {
        assert_eq!(page.header(name), Some(value));
    }
    let tag = page.header("etag").unwrap();
    let known = house.ask("GET", "/console/", &[("If-None-Match", tag)], "").await;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let bare = house.ask("GET", "/console", &[], "").await;
    assert_eq!((bare.status, bare.header("location")), (308, Some("/console/")));
    for path in ["/console/no.js", "/console/../Cargo.toml", "/console//", "/console/app.js/"] {
        assert_eq!(
            refused(&house.ask("GET", path, &[], "").await),
            (404, "path-unknown"),
            "{path}"
        );
    }
    let reply = house.ask("POST", "/console/", &[], "").await;
    assert_eq!(refused(&reply), (405, "method-unknown"));
}

#[tokio::test]
async fn there_is_no_console_for_clients_only_nor_where_it_is_off() {
    let clients = House::on(&[(local(), Surface::Clients)], None, |server| server).await;
    let second = clients.second_server().bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = second.local_addr();
    let serving = tokio::spawn(second.serve(std::future::pending()));
    for path in ["/console", "/console/", SESSION, ACCOUNTS] {
        let reply = clients.ask("GET", path, &[], "").await;
        assert_eq!(refused(&reply), (404, "path-unknown"), "{path} for clients");
        let reply = House::ask_at(addr, path).await;
        assert_eq!(refused(&reply), (404, "path-unknown"), "{path} where it is off");
    }
    serving.abort();
}

#[tokio::test]
async fn a_session_is_one_on_every_server_that_signs_with_the_same_key() {
    let settings = |key: u8| console::Settings {
        session_key: Some([key; 32].into()),
        ..console::Settings::default()
    };
    let house = with(|server| server.with_console(settings(1))).await;
    let browser = Browser::open(&house, &house.admin().await).await;
    for (key, status) in [(1, 200), (2, 401)] {
        let second = house.second_server().with_console(settings(key));
        let second = second.bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let addr = second.local_addr();
        let serving = tokio::spawn(second.serve(std::future::pending()));
        let Browser { cookie, csrf, .. } = &browser;
        let request = format!(
            "GET {ACCOUNTS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {cookie}\r\nX-Lingpai-CSRF: {csrf}\r\n\r\n"
        );
        assert_eq!(House::exchange_at(addr, &request).await.status, status, "{key}");
        serving.abort();
    }
}
