//! WeCom's service providers: the calls of their SDKs for tokens, answered from what is kept and never forwarded.

use std::collections::BTreeSet;
use std::sync::Arc;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::{CredentialId, Issuer, Kind, Policy, Refresh};
use lingpai_server::gateway::Settings;
use lingpai_wechat::kinds::{PROVIDER_ACCESS_TOKEN, SUITE_ACCESS_TOKEN};
use serde_json::{Value, json};

use crate::house::{FakeUpstream, House, Reply, only};

const CORP: &str = "ww1234567890abcdef";
const SUITE: &str = "ww5a0db0c0ffee5001";
const OTHER_SUITE: &str = "ww5a0db0c0ffee5002";
const PROVIDER: &str = "ww5a0db0c0ffee9001:provider";
const IN_CORP: &str = "ww1234567890abcdef:ww5a0db0c0ffee5001";
const OTHER_IN_CORP: &str = "ww1234567890abcdef:ww5a0db0c0ffee5002";
/// An application of the corp's own, which is no suite.
const OWN: &str = "ww1234567890abcdef:1000002";

async fn house() -> House {
    let house = House::with_gateway(Settings::default()).await;
    let keep = |kind: Kind, account: &str| {
        let policy = Policy { refresh: Refresh::OnDemand, ..Policy::default() };
        let issuer: Arc<dyn Issuer> = Arc::clone(&house.upstream) as _;
        let credential = CredentialId::new(kind, account.parse().unwrap());
        house.registry.manage(credential, issuer, Arc::new(policy));
    };
    keep(SUITE_ACCESS_TOKEN, SUITE);
    keep(SUITE_ACCESS_TOKEN, OTHER_SUITE);
    keep(PROVIDER_ACCESS_TOKEN, PROVIDER);
    [IN_CORP, OTHER_IN_CORP, OWN].iter().for_each(|account| keep(Kind::ACCESS_TOKEN, account));
    house
}

async fn ask(house: &House, path: &str, body: Value) -> Reply {
    house.ask("POST", path, &[], &body.to_string()).await
}

fn refused(reply: &Reply) -> (i64, &str) {
    (reply.errcode(), reply.header("x-lingpai-error").unwrap())
}

fn suite_call(key: &str) -> Value {
    json!({"suite_id": SUITE, "suite_secret": key, "suite_ticket": "whatever"})
}

#[tokio::test]
async fn a_key_with_the_right_platform_is_given_the_tokens_of_the_suite_and_the_provider() {
    let house = house().await;
    let all: BTreeSet<_> = [SUITE, PROVIDER].iter().map(|it| it.parse().unwrap()).collect();
    let key = house.key_with(&[Right::Platform], Accounts::Only(all), |_| {}).await;
    for prefix in ["", "/qyapi"] {
        let path = format!("{prefix}/cgi-bin/service/get_suite_token");
        let reply = ask(&house, &path, suite_call(&key)).await;
        assert_eq!(reply.text("suite_access_token"), FakeUpstream::token(1));
        assert_eq!(
            (reply.json["errcode"].as_i64(), reply.json["expires_in"].as_i64()),
            (Some(0), Some(240))
        );
        assert!(reply.json.get("access_token").is_none());
        let call = json!({"corpid": "ww5a0db0c0ffee9001", "provider_secret": key});
        let path = format!("{prefix}/cgi-bin/service/get_provider_token");
        let reply = ask(&house, &path, call).await;
        assert_eq!(reply.text("provider_access_token"), FakeUpstream::token(2));
    }
}

#[tokio::test]
async fn who_may_use_the_gateway_only_is_given_virtual_tokens() {
    let house = house().await;
    let all: BTreeSet<_> = [SUITE, PROVIDER].iter().map(|it| it.parse().unwrap()).collect();
    let key = house.key_with(&[Right::Gateway], Accounts::Only(all), |_| {}).await;
    let reply = ask(&house, "/cgi-bin/service/get_suite_token", suite_call(&key)).await;
    let token = reply.text("suite_access_token");
    assert!(token.starts_with("lpv_") && token.ends_with(SUITE), "{token}");
    let call = json!({"corpid": "ww5a0db0c0ffee9001", "provider_secret": key});
    let reply = ask(&house, "/cgi-bin/service/get_provider_token", call).await;
    assert!(reply.text("provider_access_token").ends_with(PROVIDER), "{reply:?}");
    assert_eq!(house.upstream.calls(), 0);
}

#[tokio::test]
async fn a_corps_token_is_that_of_the_suite_which_the_key_is_for_or_the_path_names() {
    let house = house().await;
    let call = |key: &str| json!({"auth_corpid": CORP, "permanent_code": key});
    let path = "/qyapi/cgi-bin/service/get_corp_token?suite_access_token=x";
    let these: BTreeSet<_> = [IN_CORP, OWN].iter().map(|it| it.parse().unwrap()).collect();
    let one = house.key_with(&[Right::TokenRead], Accounts::Only(these), |_| {}).await;
    let reply = ask(&house, path, call(&one)).await;
    assert_eq!(
        reply.text("access_token"),
        FakeUpstream::token(1),
        "its own application is no suite"
    );
    let all = house.key_with(&[Right::TokenRead], Accounts::All, |_| {}).await;
    assert_eq!(refused(&ask(&house, path, call(&all)).await), (40091, "agent-unclear"));
    let named = format!("/gateway/{OTHER_IN_CORP}{path}");
    let reply = ask(&house, &named, call(&all)).await;
    assert_eq!(reply.text("access_token"), FakeUpstream::token(2));
    let gateway = house.key_with(&[Right::Gateway], only(IN_CORP), |_| {}).await;
    let token = ask(&house, path, call(&gateway)).await;
    assert!(token.text("access_token").starts_with("lpv_"), "{token:?}");
}

#[tokio::test]
async fn what_is_wrong_is_said_in_wecoms_codes_and_nothing_is_asked_of_it() {
    let house = house().await;
    let reads = house.key_with(&[Right::TokenRead], Accounts::All, |_| {}).await;
    let all = house.key_with(&[Right::Platform], Accounts::All, |_| {}).await;
    let other = house.key_with(&[Right::Platform], only(OTHER_SUITE), |_| {}).await;
    let suite = "/cgi-bin/service/get_suite_token";
    let corp = "/cgi-bin/service/get_corp_token";
    let provider = "/cgi-bin/service/get_provider_token";
    for (path, body, expected) in [
        (suite, suite_call("the-real-secret"), (40091, "key-unknown")),
        (suite, suite_call(&reads), (40091, "right-missing")),
        (suite, suite_call(&other), (40091, "account-forbidden")),
        (suite, json!({"suite_id": "ww0", "suite_secret": all}), (40083, "account-unknown")),
        (suite, json!({"suite_secret": reads}), (41022, "parameter-missing")),
        (suite, json!({"suite_id": SUITE}), (41024, "parameter-missing")),
        (corp, json!({"permanent_code": reads}), (41002, "parameter-missing")),
        (corp, json!({"auth_corpid": CORP}), (41025, "parameter-missing")),
        (corp, json!({"auth_corpid": CORP, "permanent_code": "x"}), (40091, "key-unknown")),
        (provider, json!({"corpid": "ww0", "provider_secret": "x"}), (40091, "key-unknown")),
        (provider, json!({"corpid": "ww0"}), (41004, "parameter-missing")),
    ] {
        assert_eq!(refused(&ask(&house, path, body.clone()).await), expected, "{path} {body}");
    }
    let got = house.ask("GET", suite, &[], "").await;
    assert_eq!(refused(&got), (43002, "method-unknown"));
    assert_eq!(house.upstream.calls(), 0);
}

#[tokio::test]
async fn nobody_is_forwarded_to_where_permanent_codes_are_given_out() {
    let house = house().await;
    let key = house.key_with(&[Right::Gateway, Right::Admin], only(IN_CORP), |_| {}).await;
    let bearer = format!("Bearer {key}");
    for path in ["get_permanent_code", "v2/get_permanent_code", "GET_CORP_TOKEN/"] {
        let path = format!("/qyapi/cgi-bin/service/{path}");
        let reply = house.ask("POST", &path, &[("Authorization", &bearer)], "{}").await;
        assert_eq!(reply.header("x-lingpai-error"), Some("token-call"), "{path} {reply:?}");
    }
}
