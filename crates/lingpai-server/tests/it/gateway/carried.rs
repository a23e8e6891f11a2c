//! Calls that carry the token of a platform, of a suite or of a provider: put in, repaired, and no refresh token told.

use std::sync::Arc;

use lingpai_core::client::Right;
use lingpai_core::{CredentialId, Issuer, Kind, Policy, Refresh, virtual_token};
use lingpai_wechat::kinds::{COMPONENT_TOKEN, PROVIDER_ACCESS_TOKEN, SUITE_ACCESS_TOKEN};

use super::stand_in::{Plan, Seen};
use super::{Answer, Forwarding, OK, refusal};
use crate::house::{FakeUpstream, local, only};

const PLATFORM: &str = "wx5a0db0c0ffee00c0";
const SUITE: &str = "ww5a0db0c0ffee5001";
const PROVIDER: &str = "ww5a0db0c0ffee9001:provider";
const LIST: &str = "/cgi-bin/component/api_get_authorizer_list";

/// Keeps the token of an account, and gives the virtual token of a key that may use the gateway for it.
async fn keep(it: &Forwarding, kind: Kind, account: &str) -> String {
    let policy = Policy { refresh: Refresh::OnDemand, ..Policy::default() };
    let issuer: Arc<dyn Issuer> = Arc::clone(&it.house.upstream) as _;
    let credential = CredentialId::new(kind, account.parse().unwrap());
    it.house.registry.manage(credential, issuer, Arc::new(policy));
    let key = it.house.key_with(&[Right::Gateway], only(account), |_| {}).await;
    virtual_token::make(&key, &account.parse().unwrap()).expose().to_owned()
}

async fn post(it: &Forwarding, target: &str, lines: &str) -> Answer {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}Content-Length: 2\r\n\r\n{{}}"
    );
    it.exchange(head.as_bytes()).await
}

#[tokio::test]
async fn the_token_stands_where_the_client_wrote_one_or_under_the_name_of_its_kind() {
    let real = FakeUpstream::token(1);
    for (kind, account, path, name) in [
        (
            COMPONENT_TOKEN,
            PLATFORM,
            "/cgi-bin/component/api_create_preauthcode",
            "component_access_token",
        ),
        (COMPONENT_TOKEN, PLATFORM, "/wxa/gettemplatelist", "access_token"),
        (
            SUITE_ACCESS_TOKEN,
            SUITE,
            "/qyapi/cgi-bin/service/get_pre_auth_code",
            "suite_access_token",
        ),
        (
            PROVIDER_ACCESS_TOKEN,
            PROVIDER,
            "/qyapi/cgi-bin/license/list_order",
            "provider_access_token",
        ),
    ] {
        let it = Forwarding::to(|_| Plan::json(OK)).await;
        let token = keep(&it, kind, account).await;
        for written in [name, "access_token"] {
            assert_eq!(post(&it, &format!("{path}?a=1&{written}={token}&b"), "").await.text(), OK);
            let seen = it.wechat.seen();
            assert_eq!(seen.last().unwrap().target(), format!("{path}?a=1&{written}={real}&b"));
        }
        let key = it.house.key_with(&[Right::Gateway], only(account), |_| {}).await;
        let bearer = format!("Authorization: Bearer {key}\r\n");
        assert_eq!(post(&it, path, &bearer).await.text(), OK);
        assert_eq!(it.wechat.seen().last().unwrap().target(), format!("{path}?{name}={real}"));
    }
}

#[tokio::test]
async fn a_code_that_blames_the_token_of_its_kind_has_it_replaced_once_and_the_call_sent_again() {
    for (kind, account, path, code) in [
        (COMPONENT_TOKEN, PLATFORM, "/cgi-bin/component/api_create_preauthcode", 42006),
        (COMPONENT_TOKEN, PLATFORM, "/sns/oauth2/component/refresh_token", 40001),
        (SUITE_ACCESS_TOKEN, SUITE, "/qyapi/cgi-bin/service/get_pre_auth_code", 42009),
        (SUITE_ACCESS_TOKEN, SUITE, "/qyapi/cgi-bin/service/get_pre_auth_code", 40082),
        (PROVIDER_ACCESS_TOKEN, PROVIDER, "/qyapi/cgi-bin/license/list_order", 40082),
    ] {
        let first = FakeUpstream::token(1);
        let refused = format!(r#"{{"errcode":{code},"errmsg":"x"}}"#);
        let it = Forwarding::to(move |seen: &Seen| {
            Plan::json(if seen.target().contains(&first) { &refused } else { OK })
        })
        .await;
        it.house.upstream.judges(refusal());
        let token = keep(&it, kind, account).await;
        let answer = post(&it, &format!("{path}?access_token={token}"), "").await;
        assert_eq!(answer.text(), OK, "{path} {code}");
        assert_eq!(answer.header("x-lingpai-replay"), Some("done"));
        assert_eq!(
            (it.house.upstream.calls(), it.house.upstream.trials()),
            (2, 1),
            "{path} {code}"
        );
    }
}

#[tokio::test]
async fn a_code_that_says_something_else_is_passed_on() {
    for (kind, account, path, code) in [
        (COMPONENT_TOKEN, PLATFORM, "/cgi-bin/component/api_get_authorizer_info", 61003),
        (SUITE_ACCESS_TOKEN, SUITE, "/qyapi/cgi-bin/service/get_auth_info", 40084),
        (SUITE_ACCESS_TOKEN, SUITE, "/qyapi/cgi-bin/service/get_auth_info", 40001),
    ] {
        let said = format!(r#"{{"errcode":{code},"errmsg":"x"}}"#);
        let plan = said.clone();
        let it = Forwarding::to(move |_| Plan::json(&plan)).await;
        let token = keep(&it, kind, account).await;
        assert_eq!(post(&it, &format!("{path}?access_token={token}"), "").await.text(), said);
        assert_eq!((it.house.upstream.calls(), it.house.upstream.trials()), (1, 0), "{path}");
    }
}

#[tokio::test]
async fn no_refresh_token_is_told_however_long_the_list() {
    let each = |number| {
        format!(
            r#"{{"authorizer_appid":"wx{number}","refresh_token":"refreshtoken@@@S{number}","auth_time":1}}"#
        )
    };
    let list: Vec<_> = (0..1000).map(each).collect();
    let list = format!(r#"{{"total_count":1000,"list":[{}]}}"#, list.join(","));
    assert!(list.len() > 64 * 1024);
    let it = Forwarding::to(move |_| Plan::json(&list)).await;
    let token = keep(&it, COMPONENT_TOKEN, PLATFORM).await;
    let gzip = "Accept-Encoding: gzip\r\n";
    let answer = post(&it, &format!("{LIST}?component_access_token={token}"), gzip).await;
    assert_eq!(it.wechat.only().header("accept-encoding"), None, "it is to be read");
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
    let list = told["list"].as_array().unwrap();
    assert_eq!((told["total_count"].as_i64(), list.len()), (Some(1000), 1000));
    for (number, authorizer) in list.iter().enumerate() {
        assert_eq!(authorizer["authorizer_appid"], format!("wx{number}"));
        assert_eq!(authorizer["refresh_token"], "refreshtoken@@@kept-by-lingpai");
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_is_not_passed_on() {
    let cut = r#"{"list":[{"authorizer_appid":"wx1","refresh_token":"refreshtoken@@@S"}"#;
    let it = Forwarding::to(move |_| Plan::json(cut)).await;
    let token = keep(&it, COMPONENT_TOKEN, PLATFORM).await;
    let answer = post(&it, &format!("{LIST}/?access_token={token}"), "").await;
    assert_eq!(answer.error(), "upstream-lost");
    assert!(!answer.text().contains("refreshtoken"));
}

#[tokio::test]
async fn the_token_of_wecoms_suite_or_provider_goes_to_wecom_only() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    for (kind, account) in [(SUITE_ACCESS_TOKEN, SUITE), (PROVIDER_ACCESS_TOKEN, PROVIDER)] {
        let token = keep(&it, kind, account).await;
        let answer = post(&it, &format!("/cgi-bin/service/x?access_token={token}"), "").await;
        assert_eq!(answer.error(), "wrong-host");
    }
    assert_eq!((it.wechat.seen().len(), it.house.upstream.calls()), (0, 0));
}

#[tokio::test]
async fn a_real_token_of_a_platform_names_it_where_real_tokens_are_accepted() {
    let it = Forwarding::on(
        local(),
        None,
        |_| Plan::json(OK),
        |settings, _| {
            settings.rules.real_tokens_from = vec!["127.0.0.0/8".parse().unwrap()];
        },
    )
    .await;
    keep(&it, COMPONENT_TOKEN, PLATFORM).await;
    let key = it.house.key_with(&[Right::Platform], only(PLATFORM), |_| {}).await;
    let body = format!(r#"{{"component_appid":"{PLATFORM}","component_appsecret":"{key}"}}"#);
    let reply = it.house.ask("POST", "/cgi-bin/component/api_component_token", &[], &body).await;
    let token = reply.text("component_access_token").to_owned();
    assert_eq!(token, FakeUpstream::token(1));
    let path = "/cgi-bin/component/api_create_preauthcode";
    let call = format!("{path}?component_access_token={token}");
    assert_eq!(post(&it, &call, "").await.text(), OK);
    let path = "/sns/component/jscode2session";
    let answer = post(&it, &format!("{path}?component_access_token={token}"), "").await;
    assert_eq!(answer.error(), "path-forbidden", "it wants a right, and this is nobody's key");
}
