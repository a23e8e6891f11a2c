//! `/v1`: tokens, conditional reads, long polls, reports.

use std::time::Duration;

use lingpai_core::client::Right;
use lingpai_core::store::{Record, Usage};
use lingpai_core::{Class, Failure, Generation, Verdict};
use lingpai_server::Limits;

use crate::house::{FakeUpstream, House, KEPT, bearer, credential, only, token_of};

fn token_path() -> String {
    format!("/v1/accounts/{KEPT}/token")
}

/// What another node has stored.
fn record(generation: u64) -> Record {
    let generation = Generation(generation);
    Record {
        credential: credential(KEPT),
        generation,
        token: Some(token_of(generation, &FakeUpstream::token(100 + generation.0))),
        previous: None,
        intent: None,
        last_forced_at: None,
        failure: None,
        usage: Usage::default(),
    }
}

#[tokio::test]
async fn a_token_comes_with_all_that_a_client_needs_to_know() {
    let house = House::open().await;
    let reply = house.get(&token_path()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
    assert_eq!((reply.text("account"), reply.text("kind")), (KEPT, "access_token"));
    assert_eq!(reply.json["generation"], 1);
    assert!((7190..=7200).contains(&reply.json["expires_in"].as_u64().unwrap()));
    for time in ["issued_at", "expires_at"] {
        assert!(reply.text(time).ends_with('Z') && reply.text(time).len() == 20);
    }
    assert!(reply.header("etag").unwrap().starts_with("\"1-"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(reply.header("content-type").unwrap().contains("json"));
}

#[tokio::test]
async fn a_client_that_has_the_token_is_told_so_without_it() {
    let house = House::open().await;
    house.get(&token_path()).await;
    let tag = house.get(&token_path()).await.header("etag").unwrap().to_owned();
    let reply = house.get_with(&token_path(), &[("If-None-Match", &tag)]).await;
    assert_eq!((reply.status, reply.header("etag")), (304, Some(tag.as_str())));
    for other in ["\"1\"", "\"2-0\"", "\"1-0\""] {
        let reply = house.get_with(&token_path(), &[("If-None-Match", other)]).await;
        assert_eq!(reply.status, 200, "{other}");
    }
}

#[tokio::test]
async fn a_long_poll_may_say_by_its_tag_which_token_it_has() {
    let house = House::open().await;
    let tag = house.get(&token_path()).await.header("etag").unwrap().to_owned();
    let path = format!("{}?wait=30s", token_path());
    let other = house.get_with(&path, &[("If-None-Match", "\"1-0\"")]).await;
    assert_eq!(other.status, 200, "one of another store is not waited with");
    let keeper = house.registry.get(&credential(KEPT)).unwrap();
    let headers = [("If-None-Match", tag.as_str())];
    let (reply, ()) = tokio::join!(house.get_with(&path, &headers), async {
        tokio::task::yield_now().await;
        keeper.stored(record(2));
    });
    assert_eq!((reply.status, &reply.json["generation"]), (200, &2.into()), "{reply:?}");
    let path = format!("{}?wait=0s", token_path());
    let tag = reply.header("etag").unwrap().to_owned();
    assert_eq!(house.get_with(&path, &[("If-None-Match", &tag)]).await.status, 304);
}

#[tokio::test]
async fn a_long_poll_is_answered_by_the_next_generation() {
    let house = House::open().await;
    house.get(&token_path()).await;
    let path = format!("{}?wait=30s&after=1", token_path());
    let keeper = house.registry.get(&credential(KEPT)).unwrap();
    let (reply, ()) = tokio::join!(house.get(&path), async {
        tokio::task::yield_now().await;
        keeper.stored(record(2));
    });
    assert_eq!((reply.status, &reply.json["generation"]), (200, &2.into()), "{reply:?}");
    let reply = house.get(&path).await;
    assert_eq!(reply.status, 200, "a generation that is there already is not waited for");
}

#[tokio::test]
async fn a_long_poll_that_nothing_happened_in_says_not_modified() {
    let house = House::open().await;
    house.get(&token_path()).await;
    let reply = house.get(&format!("{}?wait=0s&after=1", token_path())).await;
    assert_eq!(reply.status, 304);
    let reply = house.get(&format!("{}?wait=30s&after=9", token_path())).await;
    assert_eq!(reply.status, 200, "who claims to have what never was is given what there is");
}

#[tokio::test]
async fn a_long_poll_that_cannot_be_read_is_refused() {
    let house = House::open().await;
    let reply = house.get(&format!("{}?wait=soon&after=1", token_path())).await;
    assert_eq!((reply.status, reply.error()), (400, "query-unreadable"));
    assert!(reply.json["error"]["remedy"].as_str().unwrap().contains("wait=30s"));
}

#[tokio::test]
async fn a_report_of_an_old_token_is_answered_with_the_current_one() {
    let house = House::open().await;
    house.get(&token_path()).await;
    let reply = house.report(&house.key, "70_an_old_token").await;
    assert_eq!((reply.status, reply.text("outcome")), (200, "replaced"), "{reply:?}");
    assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
    assert!(!reply.text("explanation").is_empty());
    assert_eq!(house.upstream.calls(), 1);
}

#[tokio::test]
async fn a_report_that_upstream_denies_changes_nothing() {
    let house = House::open().await;
    house.get(&token_path()).await;
    let reply = house.report(&house.key, &FakeUpstream::token(1)).await;
    assert_eq!(reply.text("outcome"), "accepted", "{reply:?}");
    assert_eq!(house.upstream.calls(), 1);
}

#[tokio::test]
async fn a_report_that_upstream_confirms_brings_a_new_token() {
    let house = House::open().await;
    house.get(&token_path()).await;
    let refusal = Failure::new(Class::Transient, "invalid credential");
    house.upstream.judges(Verdict::Refused(refusal));
    let reply = house.report(&house.key, &FakeUpstream::token(1)).await;
    assert_eq!(reply.text("outcome"), "rotated", "{reply:?}");
    assert_eq!(reply.text("access_token"), FakeUpstream::token(2));
    assert_eq!(house.upstream.calls(), 2);
}

#[tokio::test]
async fn who_may_report_but_not_read_is_told_the_outcome_only() {
    let house = House::open().await;
    house.get(&token_path()).await;
    let key = house.directory.add_key(&[Right::TokenReport], only(KEPT)).await;
    let reply = house.report(&key, "70_guess").await;
    assert_eq!((reply.status, reply.text("outcome")), (200, "replaced"));
    assert!(reply.json.get("access_token").is_none(), "{reply:?}");
}

#[tokio::test]
async fn a_report_that_is_no_report_is_refused() {
    let house = House::open().await;
    let path = format!("{}/report-invalid", token_path());
    for body in ["", "{}", "access_token=x", "[1]", r#"{"access_token":5}"#] {
        let reply = house.ask("POST", &path, &[("Authorization", &bearer(&house.key))], body).await;
        assert_eq!((reply.status, reply.error()), (400, "body-unreadable"), "{body}");
    }
}

#[tokio::test]
async fn a_failure_is_passed_on_with_upstreams_words_and_a_remedy() {
    let house = House::open().await;
    let mut failure = Failure::new(Class::NeedsPerson, "invalid ip 1.2.3.4, not in whitelist");
    failure.code = Some(40164);
    failure.request_id = Some("6aac0063-7ed08fb9-1250f724".to_owned());
    house.upstream.fails_with(failure.with_remedy("Add 1.2.3.4 to the whitelist"));
    let reply = house.get(&token_path()).await;
    assert_eq!((reply.status, reply.error()), (503, "no-token"));
    let error = &reply.json["error"];
    assert_eq!(error["upstream"]["errcode"], 40164);
    assert_eq!(error["upstream"]["rid"], "6aac0063-7ed08fb9-1250f724");
    assert_eq!(error["remedy"], "Add 1.2.3.4 to the whitelist");
    assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn a_caller_is_not_kept_waiting_longer_than_an_sdk_waits() {
    let wait = Duration::from_millis(20);
    let house = House::with_limits(Limits { token_wait: wait, ..Limits::default() }).await;
    house.upstream.hang();
    let reply = house.get(&token_path()).await;
    assert_eq!((reply.status, reply.error()), (503, "token-pending"));
    assert_eq!(reply.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_refusal_is_in_the_language_that_the_caller_reads() {
    let house = House::open().await;
    let path = "/v1/accounts/wx1/token";
    for (wanted, tag, message) in [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh", "请求没有携带 API 密钥"),
        ("en-US,en;q=0.9,zh;q=0.8", "en", "the request carries no API key"),
    ] {
        let refused = house.ask("GET", path, &[("accept-language", wanted)], "").await;
        assert_eq!(refused.json["error"]["message"], message, "{refused:?}");
        let header = |name| refused.header(name).unwrap();
        assert_eq!((header("content-language"), refused.error()), (tag, "key-missing"));
        assert_eq!(header("vary"), "accept-language");
        let dropin = house.ask("GET", "/cgi-bin/token", &[("accept-language", wanted)], "").await;
        assert!(dropin.text("errmsg").is_ascii(), "SDKs read it: {dropin:?}");
    }
}

#[tokio::test]
async fn every_other_path_or_method_says_where_to_look() {
    let house = House::open().await;
    let reply = house.get("/v1/token?access_token=x").await;
    assert_eq!((reply.status, reply.error()), (404, "path-unknown"));
    assert!(reply.json["error"]["remedy"].as_str().unwrap().contains("/v1/accounts/{account}"));
    let reply = house.ask("DELETE", &token_path(), &[], "").await;
    assert_eq!((reply.status, reply.error()), (405, "method-unknown"));
    assert_eq!(reply.header("allow"), Some("GET"));
}

#[tokio::test]
async fn health_is_for_everybody() {
    let house = House::open().await;
    let reply = house.ask("GET", "/healthz", &[], "").await;
    assert_eq!((reply.status, reply.text("status")), (200, "ok"));
    assert_eq!(house.ask("HEAD", "/healthz", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_forgotten_account_is_unknown_at_once() {
    let house = House::open().await;
    house.get(&token_path()).await;
    house.registry.forget(&credential(KEPT));
    let reply = house.get(&token_path()).await;
    assert_eq!((reply.status, reply.error()), (404, "account-unknown"));
}

#[tokio::test]
async fn setting_the_wall_clock_makes_no_token_longer_or_shorter() {
    for hours in [-3, 3] {
        let house = House::open().await;
        house.get(&token_path()).await;
        house.clock.jump_wall(hours * 3600);
        let reply = house.get(&token_path()).await;
        let left = reply.json["expires_in"].as_u64().unwrap();
        assert!((7100..=7200).contains(&left), "{left} s after {hours} h");
        assert_eq!(house.upstream.calls(), 1);
    }
}
