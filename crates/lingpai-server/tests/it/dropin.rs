//! `/cgi-bin`: what SDKs send, and what they must be answered.

use std::time::Duration;

use lingpai_core::{Class, Failure};
use lingpai_server::{Limits, errcode};

use crate::house::{FakeUpstream, House, KEPT, Reply, bearer};

type Headers<'a> = &'a [(&'a str, &'a str)];

const JSON: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn assert_token(reply: &Reply) {
    assert_eq!(reply.status, 200, "{reply:?}");
    let members: Vec<_> = reply.json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in"], "and no errcode");
    assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
    assert_eq!(reply.json["expires_in"], 240);
    assert!(reply.header("content-type").unwrap().starts_with("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn every_way_in_which_sdks_ask_is_answered_with_the_one_current_token() {
    let house = House::open().await;
    let key = &house.key;
    let query = format!("grant_type=client_credential&appid={KEPT}&secret={key}");
    let mixed = format!("x=1&secret={key}&timestamp=5&appid={KEPT}&grant_type=client_credential&");
    let json = format!(r#"{{"grant_type":"client_credential","appid":"{KEPT}","secret":"{key}"}}"#);
    let forced = format!(
        "\r\n{{\"force_refresh\":true,\"secret\":\"{key}\",\"appid\":\"{KEPT}\",\"nonce\":{{\"a\":[1]}},\
         \"grant_type\":\"client_credential\"}}"
    );
    let half = format!("grant_type=client_credential&appid={KEPT}");
    let other_half = format!(r#"{{"secret":"{key}"}}"#);
    let charset = ("Content-Type", "application/json; charset=utf-8");
    let calls: [(&str, String, Headers<'_>, &str); 12] = [
        ("GET", format!("/cgi-bin/token?{query}"), &[], ""),
        ("GET", format!("/cgi-bin/token?{mixed}"), &[], ""),
        ("POST", format!("/cgi-bin/token?{query}"), &[], ""),
        ("POST", "/cgi-bin/token".into(), &[FORM], &query),
        ("POST", "/cgi-bin/token".into(), &[FORM], &mixed),
        ("POST", "/cgi-bin/token".into(), &[JSON], &json),
        ("POST", "/cgi-bin/token".into(), &[], &json),
        ("POST", format!("/cgi-bin/token?{half}"), &[JSON], &other_half),
        ("POST", "/cgi-bin/stable_token".into(), &[JSON], &json),
        ("POST", "/cgi-bin/stable_token".into(), &[], &forced),
        ("POST", "/cgi-bin/stable_token".into(), &[charset], &forced),
        ("POST", format!("/cgi-bin/stable_token?{query}"), &[FORM], &mixed),
    ];
    for (method, path, headers, body) in calls {
        assert_token(&house.ask(method, &path, headers, body).await);
    }
    let native = house.get(&format!("/v1/accounts/{KEPT}/token")).await;
    assert_eq!(native.text("access_token"), FakeUpstream::token(1));
    assert_eq!(house.upstream.calls(), 1, "force_refresh included");
}

#[tokio::test]
async fn a_call_that_is_not_right_is_refused_in_wechats_words() {
    let house = House::open().await;
    let key = &house.key;
    let grant = "grant_type=client_credential";
    let refused = [
        (format!("{grant}&secret={key}"), 41002, "appid missing"),
        (format!("{grant}&secret={key}&appid="), 41002, "appid missing"),
        (format!("{grant}&appid={KEPT}"), 41004, "appsecret missing"),
        (format!("appid={KEPT}&secret={key}"), 40002, "invalid grant_type"),
        (format!("grant_type=refresh&appid={KEPT}&secret={key}"), 40002, "invalid grant_type"),
        (format!("{grant}&appid={KEPT}&secret=x"), 40125, "invalid appsecret"),
        (format!("{grant}&appid=wxnobody&secret={key}"), 40125, "invalid appsecret"),
    ];
    for (query, code, words) in refused {
        let get = house.ask("GET", &format!("/cgi-bin/token?{query}"), &[], "").await;
        let post = house.ask("POST", "/cgi-bin/stable_token", &[FORM], &query).await;
        for reply in [get, post] {
            assert_eq!(reply.errcode(), code, "{reply:?}");
            assert!(reply.text("errmsg").starts_with(words), "{reply:?}");
            assert!(reply.text("errmsg").contains(", lingpai: "), "{reply:?}");
        }
    }
    assert_eq!(house.upstream.calls(), 0);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_a_data_format_error() {
    let house = House::open().await;
    for body in [r#"{"appid":"#, r#"{"appid":5}"#, "[]", "\"x\""] {
        let reply = house.ask("POST", "/cgi-bin/stable_token", &[JSON], body).await;
        assert_eq!(
            (reply.errcode(), reply.header("x-lingpai-error")),
            (47001, Some("body-unreadable"))
        );
    }
}

#[tokio::test]
async fn the_stable_call_is_a_post() {
    let house = House::open().await;
    let reply = house.ask("GET", "/cgi-bin/stable_token?appid=x", &[], "").await;
    assert_eq!(reply.errcode(), 43002);
    assert!(reply.text("errmsg").starts_with("require POST method"));
}

/// Asks the drop-in path of a house whose upstream fails so.
async fn failing_with(code: Option<i64>) -> Reply {
    let house = House::open().await;
    let mut failure = Failure::new(Class::NeedsPerson, "words of upstream rid: 6aac0063");
    failure.code = code;
    failure.request_id = Some("6aac0063".to_owned());
    house.upstream.fails_with(failure);
    let query = format!("grant_type=client_credential&appid={KEPT}&secret={}", house.key);
    house.ask("GET", &format!("/cgi-bin/token?{query}"), &[], "").await
}

#[tokio::test]
async fn upstreams_own_error_reaches_the_sdk_as_it_is() {
    for code in [-1, 40164, 40243, 45009, 45011, 50004, 89503] {
        let reply = failing_with(Some(code)).await;
        assert_eq!(reply.errcode(), code);
        assert_eq!(reply.text("errmsg"), "words of upstream rid: 6aac0063");
        assert_eq!(reply.header("x-lingpai-error"), Some("no-token"));
    }
}

#[tokio::test]
async fn an_error_on_which_sdks_loop_or_that_would_blame_the_caller_becomes_our_own() {
    for code in [40001, 40014, 42001, 40013, 40125, 40002, 41002, 41004, 43002, 47001] {
        let reply = failing_with(Some(code)).await;
        assert_eq!(reply.errcode(), errcode::NO_TOKEN);
        assert!(reply.text("errmsg").starts_with("lingpai: "), "{reply:?}");
        assert!(reply.text("errmsg").contains(&code.to_string()), "the cause is not kept back");
    }
    let unanswered = failing_with(None).await;
    assert_eq!(unanswered.errcode(), errcode::NO_TOKEN);
}

#[tokio::test]
async fn an_sdk_is_answered_before_it_gives_up() {
    let wait = Duration::from_millis(20);
    let house = House::with_limits(Limits { token_wait: wait, ..Limits::default() }).await;
    house.upstream.hang();
    let query = format!("grant_type=client_credential&appid={KEPT}&secret={}", house.key);
    let reply = house.ask("GET", &format!("/cgi-bin/token?{query}"), &[], "").await;
    assert_eq!(reply.errcode(), errcode::TOKEN_PENDING);
    assert!(reply.text("errmsg").starts_with("lingpai: "));
}

#[tokio::test]
async fn the_authorization_header_is_no_key_here() {
    let house = House::open().await;
    let query = format!("grant_type=client_credential&appid={KEPT}");
    let headers = [("Authorization", &*bearer(&house.key))];
    let reply = house.ask("GET", &format!("/cgi-bin/token?{query}"), &headers, "").await;
    assert_eq!(reply.errcode(), 41004);
}
