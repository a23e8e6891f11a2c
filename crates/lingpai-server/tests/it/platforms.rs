//! Third-party platforms: the calls of their SDKs for tokens, answered from what is kept, and no refresh token for anybody.

use std::collections::BTreeSet;
use std::sync::Arc;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::{CredentialId, Issuer, Kind, Policy, Refresh};
use lingpai_server::gateway::Settings;
use lingpai_wechat::kinds::COMPONENT_TOKEN;
use serde_json::{Value, json};

use crate::house::{FakeUpstream, House, Reply, only};

const PLATFORM: &str = "wx5a0db0c0ffee00c0";
const AUTHORIZER: &str = "wx5a0db0c0ffee0001";
const TOKEN: &str = "/cgi-bin/component/api_component_token";
const REFRESH: &str = "/cgi-bin/component/api_authorizer_token";
/// What an SDK is given for a refresh token that it does not get.
const KEPT_HERE: &str = "refreshtoken@@@kept-by-lingpai";

async fn house() -> House {
    let house = House::with_gateway(Settings::default()).await;
    for (kind, account) in [(COMPONENT_TOKEN, PLATFORM), (Kind::ACCESS_TOKEN, AUTHORIZER)] {
        let policy = Policy { refresh: Refresh::OnDemand, ..Policy::default() };
        let issuer: Arc<dyn Issuer> = Arc::clone(&house.upstream) as _;
        let credential = CredentialId::new(kind, account.parse().unwrap());
        house.registry.manage(credential, issuer, Arc::new(policy));
    }
    house
}

async fn key(house: &House, rights: &[Right]) -> String {
    let both: BTreeSet<_> = [PLATFORM, AUTHORIZER].iter().map(|it| it.parse().unwrap()).collect();
    house.key_with(rights, Accounts::Only(both), |_| {}).await
}

async fn ask(house: &House, path: &str, body: Value) -> Reply {
    house.ask("POST", path, &[], &body.to_string()).await
}

fn of_platform(key: &str) -> Value {
    json!({"component_appid": PLATFORM, "component_appsecret": key, "component_verify_ticket": null})
}

fn of_authorizer(shown: &str) -> Value {
    json!({
        "component_appid": PLATFORM, "authorizer_appid": AUTHORIZER, "authorizer_refresh_token": shown,
    })
}

fn refused(reply: &Reply) -> (i64, &str) {
    (reply.errcode(), reply.header("x-lingpai-error").unwrap())
}

#[tokio::test]
async fn who_may_see_tokens_is_given_them_and_keeps_its_key_for_a_refresh_token() {
    let house = house().await;
    let key = key(&house, &[Right::Platform, Right::TokenRead]).await;
    let reply = ask(&house, TOKEN, of_platform(&key)).await;
    assert_eq!(reply.text("component_access_token"), FakeUpstream::token(1));
    assert_eq!((reply.json["expires_in"].as_i64(), reply.json.get("errcode")), (Some(240), None));
    for query in ["", "?component_access_token=85_real", "?access_token=85_real"] {
        let reply = ask(&house, &format!("{REFRESH}{query}"), of_authorizer(&key)).await;
        assert_eq!(reply.text("authorizer_access_token"), FakeUpstream::token(2));
        assert_eq!(reply.text("authorizer_refresh_token"), key, "shown again the next time");
        assert_eq!(
            (reply.json["expires_in"].as_i64(), reply.json.get("errcode")),
            (Some(240), None)
        );
    }
}

#[tokio::test]
async fn who_may_use_the_gateway_only_is_given_virtual_tokens_and_known_by_them() {
    let house = house().await;
    let key = key(&house, &[Right::Gateway]).await;
    let reply = ask(&house, TOKEN, of_platform(&key)).await;
    let token = reply.text("component_access_token").to_owned();
    assert!(token.starts_with("lpv_") && token.ends_with(PLATFORM), "{token}");
    for (name, shown) in [
        ("component_access_token", KEPT_HERE),
        ("access_token", "whatever stood in its database"),
        ("component_access_token", ""),
    ] {
        let reply = ask(&house, &format!("{REFRESH}?{name}={token}"), of_authorizer(shown)).await;
        let its = reply.text("authorizer_access_token");
        assert!(its.starts_with(&token[..52]) && its.ends_with(AUTHORIZER), "{its}");
        assert_eq!(reply.text("authorizer_refresh_token"), KEPT_HERE);
    }
    let by_key = ask(&house, REFRESH, of_authorizer(&key)).await;
    assert!(by_key.text("authorizer_access_token").starts_with(&token[..52]));
    assert_eq!(house.upstream.calls(), 0);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_wechats_codes_and_nothing_is_asked_of_it() {
    let house = house().await;
    let reads = key(&house, &[Right::TokenRead]).await;
    let elsewhere = house.key_with(&[Right::Platform, Right::TokenRead], only("wx1"), |_| {}).await;
    let gateway = house.key_with(&[Right::Gateway], only(PLATFORM), |_| {}).await;
    let virtual_token = ask(&house, TOKEN, of_platform(&gateway)).await;
    let with = format!("{REFRESH}?component_access_token=");
    let virtual_token = format!("{with}{}", virtual_token.text("component_access_token"));
    let unknown = format!("{with}lpv_{}_{PLATFORM}", "0".repeat(48));
    let real = format!("{with}85_real");
    for (path, body, expected) in [
        (TOKEN, of_platform("the-real-secret"), (40125, "key-unknown")),
        (TOKEN, of_platform(&reads), (40125, "right-missing")),
        (TOKEN, of_platform(&elsewhere), (40125, "account-forbidden")),
        (TOKEN, json!({"component_appsecret": reads}), (41018, "parameter-missing")),
        (TOKEN, json!({"component_appid": PLATFORM}), (41004, "parameter-missing")),
        (REFRESH, of_authorizer("refreshtoken@@@real"), (40125, "key-unknown")),
        (REFRESH, of_authorizer(KEPT_HERE), (41003, "parameter-missing")),
        (REFRESH, json!({"authorizer_refresh_token": reads}), (41002, "parameter-missing")),
        (REFRESH, of_authorizer(&elsewhere), (40125, "account-forbidden")),
        (&real, of_authorizer(KEPT_HERE), (41003, "parameter-missing")),
        (&virtual_token, of_authorizer(KEPT_HERE), (40125, "account-forbidden")),
        (&virtual_token, of_authorizer("lp_1_2"), (40125, "key-unknown")),
        (&unknown, of_authorizer(KEPT_HERE), (40001, "virtual-token-unknown")),
    ] {
        assert_eq!(refused(&ask(&house, path, body.clone()).await), expected, "{path} {body}");
    }
    let got = house.ask("GET", TOKEN, &[], "").await;
    assert_eq!(refused(&got), (43002, "method-unknown"));
    assert_eq!(house.upstream.calls(), 0);
}

#[tokio::test]
async fn a_virtual_token_is_no_key_elsewhere() {
    let house = house().await;
    let key = key(&house, &[Right::Gateway]).await;
    let reply = ask(&house, TOKEN, of_platform(&key)).await;
    let token = reply.text("component_access_token");
    let again = ask(&house, TOKEN, of_platform(token)).await;
    assert_eq!(refused(&again), (40125, "key-unknown"));
    let plain =
        format!("/cgi-bin/token?grant_type=client_credential&appid={AUTHORIZER}&secret={token}");
    assert_eq!(refused(&house.ask("GET", &plain, &[], "").await), (40125, "key-unknown"));
}

#[tokio::test]
async fn nobody_is_forwarded_to_where_secrets_are_wanted_or_codes_are_spent() {
    let house = house().await;
    let key = house.key_with(&[Right::Gateway, Right::Admin], Accounts::All, |_| {}).await;
    let bearer = format!("Bearer {key}");
    for call in ["api_start_push_ticket", "api_component_token/", "API_AUTHORIZER_TOKEN"] {
        for prefix in ["", "/gateway/wx0000000000000001"] {
            let path = format!("{prefix}/cgi-bin/component/{call}?component_access_token=x");
            let reply = house.ask("POST", &path, &[("Authorization", &bearer)], "{}").await;
            assert_eq!(reply.header("x-lingpai-error"), Some("token-call"), "{path} {reply:?}");
        }
    }
    // Nobody trades codes here.
    for call in ["api_query_auth", "API_Query_Auth/"] {
        let path = format!("/gateway/{PLATFORM}/cgi-bin/component/{call}");
        let reply = house.ask("POST", &path, &[("Authorization", &bearer)], "{}").await;
        assert_eq!(reply.header("x-lingpai-error"), Some("token-call"), "{path} {reply:?}");
    }
    assert_eq!(house.upstream.calls(), 0);
}

#[tokio::test]
async fn a_platforms_token_is_read_reported_and_rotated_as_any_and_by_a_right_of_its_own() {
    let house = house().await;
    let path = format!("/v1/accounts/{PLATFORM}/token");
    let reads = key(&house, &[Right::TokenRead, Right::Gateway]).await;
    let reply = house.call(&reads, "GET", &path, "").await;
    assert_eq!((reply.status, reply.error()), (403, "right-missing"));
    let own = key(&house, &[Right::Platform]).await;
    let reply = house.call(&own, "GET", &path, "").await;
    assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
    assert_eq!(reply.text("kind"), "component_access_token");
    // Who has none of these rights, and who is for another account, hears the same as elsewhere.
    let nothing = key(&house, &[Right::Ticket]).await;
    assert_eq!(house.call(&nothing, "GET", &path, "").await.error(), "right-missing");
    let elsewhere = house.key_with(&[Right::Platform], only(AUTHORIZER), |_| {}).await;
    assert_eq!(house.call(&elsewhere, "GET", &path, "").await.status, 403);
    // Whoever may report or rotate is not shown a token that it may not read.
    let both = key(&house, &[Right::TokenRead, Right::TokenReport, Right::TokenRotate]).await;
    let body = format!(r#"{{"access_token":"{}"}}"#, FakeUpstream::token(1));
    let reply = house.call(&both, "POST", &format!("{path}/report-invalid"), &body).await;
    assert!(reply.status == 200 && reply.json["token"].is_null(), "{reply:?}");
    house.clock.advance(std::time::Duration::from_secs(400));
    let reply = house.call(&both, "POST", &format!("{path}/rotate"), "").await;
    assert_eq!((reply.status, reply.text("outcome")), (200, "rotated"));
    assert!(!reply.body.contains("70_"), "{reply:?}");
    let reply = house.call(&own, "GET", &path, "").await;
    assert_eq!(reply.text("access_token"), FakeUpstream::token(2));
}

#[tokio::test]
async fn a_platform_says_that_it_has_no_tickets_and_shows_nobody_its_earlier_calls() {
    let house = house().await;
    let rights = [Right::Ticket, Right::Gateway, Right::TokenRead, Right::StatusRead];
    let key = key(&house, &rights).await;
    let ticket = format!("/v1/accounts/{PLATFORM}/tickets/jsapi");
    assert_eq!(house.call(&key, "GET", &ticket, "").await.error(), "no-tickets");
    let rid = format!("/v1/rids/1-2-3?account={PLATFORM}");
    assert_eq!(house.call(&key, "GET", &rid, "").await.error(), "no-quota");
    let path = format!("/gateway/{PLATFORM}/cgi-bin/openapi/rid/get");
    let reply = house.call(&key, "POST", &path, "{}").await;
    assert_eq!(reply.header("x-lingpai-error"), Some("path-forbidden"));
    assert_eq!(house.upstream.calls(), 0);
}
