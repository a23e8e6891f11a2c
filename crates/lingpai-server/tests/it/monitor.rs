//! What monitors and load balancers see, and how a request is found again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::store::Damage;
use lingpai_core::{Class, Failure};
use lingpai_server::Limits;
use serde_json::json;

use crate::house::{House, KEPT, OTHER, Reply, credential, logs, only};

async fn ready(house: &House) -> (u16, String, Vec<String>) {
    // A look is good for a second.
    house.clock.advance(Duration::from_secs(1));
    let reply = house.ask("GET", "/readyz", &[], "").await;
    let causes = serde_json::from_value(reply.json["causes"].clone()).unwrap();
    (reply.status, reply.text("status").to_owned(), causes)
}

fn is(status: u16, word: &str, causes: &[&str]) -> (u16, String, Vec<String>) {
    (status, word.to_owned(), causes.iter().map(|&cause| cause.to_owned()).collect())
}

#[tokio::test]
async fn a_server_with_good_tokens_is_ready() {
    let house = House::open().await;
    assert_eq!(ready(&house).await, is(200, "ready", &[]), "tokens are fetched when asked for");
    house.dropin(&house.key).await;
    assert_eq!(ready(&house).await, is(200, "ready", &[]));
}

#[tokio::test]
async fn a_server_that_waits_for_its_first_token_is_starting() {
    let house = House::open().await;
    assert!(house.registry.forget(&credential(OTHER)));
    house.upstream.hang();
    let (_, state) = tokio::join!(house.dropin(&house.key), async {
        house.upstream.was_called().await;
        let state = ready(&house).await;
        house.upstream.go_on();
        state
    });
    assert_eq!(state, is(503, "starting", &[]));
}

#[tokio::test]
async fn a_server_that_can_serve_some_is_degraded_and_says_how() {
    let house = House::open().await;
    house.dropin(&house.key).await;
    house.upstream.fails_with(Failure::new(Class::NeedsPerson, "no"));
    let admin = house.admin().await;
    house.call(&admin, "GET", &format!("/v1/accounts/{OTHER}/token"), "").await;
    let missing = "1 of 2 have no token, and it cannot be fetched now";
    assert_eq!(ready(&house).await, is(200, "degraded", &[missing]));
    house.directory.down.store(true, Ordering::SeqCst);
    house.call("a stranger", "GET", &format!("/v1/accounts/{OTHER}/token"), "").await;
    let (status, word, causes) = ready(&house).await;
    assert_eq!((status, &*word, causes.len()), (200, "degraded", 2), "served from memory");
    assert!(!causes.concat().contains("wx"), "it is for anybody, so it names no account");
}

#[tokio::test]
async fn what_the_store_has_left_out_is_named_to_who_may_see_all_accounts() {
    let house = House::open().await;
    let (table, record, what) = ("keys", "lp_000000000001".to_owned(), "not JSON".to_owned());
    house.directory.damage.lock().unwrap().push(Damage { table, record, what, newer: false });
    let cause = "damaged records of the store are left out (1); the log names them";
    assert_eq!(ready(&house).await, is(200, "degraded", &[cause]));
    let seen = async |accounts| {
        let viewer = house.directory.add_key(&[Right::StatusRead], accounts).await;
        house.call(&viewer, "GET", "/v1/accounts", "").await.json["damaged"].clone()
    };
    let named = json!([{"table": "keys", "record": "lp_000000000001", "what": "not JSON"}]);
    assert_eq!(seen(Accounts::All).await, named);
    assert_eq!(seen(only(KEPT)).await, json!(null));
}

#[tokio::test]
async fn a_server_with_nothing_to_serve_is_not_ready() {
    let house = House::open().await;
    house.upstream.fails_with(Failure::new(Class::NeedsPerson, "no"));
    house.registry.forget(&credential(OTHER));
    house.dropin(&house.key).await;
    let missing = "1 of 1 have no token, and it cannot be fetched now";
    assert_eq!(ready(&house).await, is(503, "nothing-to-serve", &[missing]));
    house.registry.forget(&credential(KEPT));
    let none = "no account is kept here";
    assert_eq!(ready(&house).await, is(503, "nothing-to-serve", &[none]));
    assert_eq!(house.ask("GET", "/healthz", &[], "").await.status, 200, "but it lives");
}

#[tokio::test]
async fn a_server_that_is_about_to_end_says_so_and_serves_on() {
    let notice = Duration::from_secs(3600);
    let mut house = House::with_limits(Limits { notice, ..Limits::default() }).await;
    house.stop();
    while ready(&house).await != is(503, "draining", &[]) {
        tokio::task::yield_now().await;
    }
    assert!(house.dropin(&house.key).await.json.get("access_token").is_some());
}

#[tokio::test]
async fn the_numbers_tell_what_was_asked_and_what_happened() {
    let house = House::open().await;
    let admin = house.admin().await;
    for _ in 0..3 {
        house.dropin(&house.key).await;
    }
    house.dropin("wrong").await;
    house.upstream.fails_with(Failure::new(Class::Quota, "no more"));
    house.call(&admin, "GET", &format!("/v1/accounts/{OTHER}/token"), "").await;
    house.ask("GET", "/v1/nowhere", &[], "").await;
    // Events are counted a moment after they happened.
    let reply = loop {
        let reply = house.call(&admin, "GET", "/metrics", "").await;
        if reply.body.contains("lingpai_fetch_failures_total{") {
            break reply;
        }
    };
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        r#"lingpai_http_requests_total{route="/cgi-bin/token",status="2xx"} 4"#,
        r#"lingpai_http_requests_total{route="/v1/accounts/{account}/token",status="5xx"} 1"#,
        r#"lingpai_http_requests_total{route="unknown",status="4xx"} 1"#,
        r#"lingpai_refusals_total{error="key-unknown"} 1"#,
        r#"lingpai_refusals_total{error="no-token"} 1"#,
        r#"lingpai_rotations_total{kind="access_token",way="primary",reason="missing"} 1"#,
        r#"lingpai_fetch_failures_total{kind="access_token",way="primary",class="quota",errcode="none"} 1"#,
        r#"lingpai_events_total{event="rotated"} 1"#,
        r#"lingpai_credentials{kind="access_token",state="good"} 1"#,
        r#"lingpai_credentials{kind="access_token",state="missing"} 1"#,
        "lingpai_token_least_left_seconds 71",
    ] {
        assert!(reply.body.contains(line), "{line} in\n{}", reply.body);
    }
    for secret in ["lp_", "SeCrEtToKeN"] {
        assert!(!reply.body.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_request_has_the_id_that_its_sender_gave_it() {
    let house = House::open().await;
    let reply = house.get_with("/healthz", &[("X-Request-Id", "a1b2-7")]).await;
    assert_eq!(reply.header("x-request-id"), Some("a1b2-7"));
    let path = format!("/v1/accounts/{KEPT}/token");
    let reply = house.get_with(&path, &[("X-Request-Id", "5f:x/1")]).await;
    assert_eq!(reply.header("x-request-id"), Some("5f:x/1"));
    for forged in ["a b", "x\" status=200", &"x".repeat(200)] {
        let reply = house.get_with("/nowhere", &[("X-Request-Id", forged)]).await;
        assert_ne!(reply.header("x-request-id"), Some(forged));
    }
}

#[tokio::test]
async fn every_error_has_an_id_by_which_it_is_found_in_the_log() {
    let house = House::open().await;
    let found = |reply: &Reply, error: &str| {
        let id = reply.header("x-request-id").unwrap();
        let logs = logs();
        let line = logs.lines().find(|line| line.contains(id)).unwrap();
        assert!(line.contains(error) && line.contains("127.0.0.1"), "{line}");
    };
    found(&house.dropin("wrong").await, "key-unknown");
    found(&house.ask("GET", "/nowhere", &[], "").await, "gateway-off");
    let good = house.dropin(&house.key).await;
    assert_eq!(good.header("x-request-id"), None);
}

#[tokio::test]
async fn the_access_log_has_every_request_with_its_time() {
    let house = House::open().await;
    let server = house.second_server().logging_access();
    let bound = server.bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let second = bound.local_addr();
    let reply = tokio::select! {
        () = bound.serve(std::future::pending()) => unreachable!("it serves for ever"),
        reply = House::ask_at(second, "/healthz") => reply,
    };
    let id = reply.header("x-request-id").unwrap().to_owned();
    let logs = logs();
    let line = logs.lines().find(|line| line.contains(&id)).unwrap();
    assert!(line.contains("INFO") && line.contains("route=\"/healthz\""), "{line}");
    assert_eq!(reply.json, json!({"status": "ok"}));
}
