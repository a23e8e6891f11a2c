//! WeCom: the paths of its SDKs, which name a corp where an application is meant, and its calls at the gateway.

use std::collections::BTreeSet;

use lingpai_core::Secret;
use lingpai_core::client::{Accounts, Right};
use lingpai_server::gateway::Settings;
use lingpai_wechat::Ticket;
use lingpai_wechat::sign::{self, Stamp};

use crate::house::{FakeUpstream, House, Reply, fake_ticket, only};

const CORP: &str = "ww1234567890abcdef";
const ONE: &str = "ww1234567890abcdef:1000002";
const OTHER: &str = "ww1234567890abcdef:1000003";
const ELSEWHERE: &str = "ww00000000000000ff:1000002";

async fn house() -> House {
    let house = House::with_gateway(Settings::default()).await;
    [ONE, OTHER, ELSEWHERE].iter().for_each(|account| house.keeps(account));
    house
}

fn these(accounts: &[&str]) -> Accounts {
    Accounts::Only(accounts.iter().map(|account| account.parse().unwrap()).collect::<BTreeSet<_>>())
}

async fn gettoken(house: &House, path: &str, corpid: &str, key: &str) -> Reply {
    let query = format!("corpid={corpid}&corpsecret={key}");
    house.ask("GET", &format!("{path}?{query}"), &[], "").await
}

/// The errcode, and Lingpai's name for the error.
fn refused(reply: &Reply) -> (i64, &str) {
    (reply.errcode(), reply.header("x-lingpai-error").unwrap())
}

#[tokio::test]
async fn an_sdk_is_given_the_token_of_the_one_application_that_its_key_is_for() {
    let house = house().await;
    let key = house.key_with(&[Right::TokenRead], these(&[ONE, ELSEWHERE]), |_| {}).await;
    for path in ["/cgi-bin/gettoken", "/qyapi/cgi-bin/gettoken"] {
        let reply = gettoken(&house, path, CORP, &key).await;
        let members: Vec<_> = reply.json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["access_token", "errcode", "errmsg", "expires_in"]);
        assert_eq!((reply.json["errcode"].as_i64(), reply.text("errmsg")), (Some(0), "ok"));
        assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
        assert_eq!(reply.json["expires_in"], 240);
    }
    // The application of another corp has another token.
    let reply = gettoken(&house, "/cgi-bin/gettoken", "ww00000000000000ff", &key).await;
    assert_eq!(reply.text("access_token"), FakeUpstream::token(2));
}

#[tokio::test]
async fn a_key_for_several_applications_of_a_corp_says_which_by_the_path() {
    let house = house().await;
    for accounts in [these(&[ONE, OTHER]), Accounts::All] {
        let key = house.key_with(&[Right::TokenRead], accounts, |_| {}).await;
        let reply = gettoken(&house, "/cgi-bin/gettoken", CORP, &key).await;
        assert_eq!(refused(&reply), (40091, "agent-unclear"));
        assert!(reply.text("errmsg").contains("/gateway/CORPID:AGENT/qyapi"), "{reply:?}");
        for base in
            [format!("/gateway/{OTHER}/qyapi"), "/gateway/ww1234567890abcdef%3A1000003".into()]
        {
            let reply = gettoken(&house, &format!("{base}/cgi-bin/gettoken"), CORP, &key).await;
            assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
        }
        let path = format!("/gateway/{ELSEWHERE}/qyapi/cgi-bin/gettoken");
        let reply = gettoken(&house, &path, CORP, &key).await;
        assert_eq!(reply.header("x-lingpai-error"), Some("two-accounts"));
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_wecoms_codes() {
    let house = house().await;
    let key = house.key_with(&[Right::TokenRead], only(ONE), |_| {}).await;
    let all = house.key_with(&[Right::TokenRead], Accounts::All, |_| {}).await;
    let rightless = house.key_with(&[Right::Ticket], only(ONE), |_| {}).await;
    let path = "/cgi-bin/gettoken";
    for (corpid, key, expected) in [
        (CORP, "the-real-secret", (40091, "key-unknown")),
        (CORP, rightless.as_str(), (40091, "right-missing")),
        ("ww00000000000000ff", key.as_str(), (40091, "account-forbidden")),
        ("ww00000000000000ee", all.as_str(), (40013, "account-unknown")),
        ("", key.as_str(), (41002, "parameter-missing")),
        (CORP, "", (41004, "parameter-missing")),
    ] {
        let reply = gettoken(&house, path, corpid, key).await;
        assert_eq!(refused(&reply), expected, "{corpid} {key}");
    }
    let posted =
        house.ask("POST", &format!("{path}?corpid={CORP}&corpsecret={key}"), &[], "{}").await;
    assert_eq!(refused(&posted), (43001, "method-unknown"));
    assert_eq!(house.upstream.calls(), 0);
}

#[tokio::test]
async fn a_client_of_the_gateway_is_given_a_virtual_token_of_the_application() {
    let house = house().await;
    let key = house.key_with(&[Right::Gateway], only(ONE), |_| {}).await;
    let reply = gettoken(&house, "/qyapi/cgi-bin/gettoken", CORP, &key).await;
    let token = reply.text("access_token");
    assert!(token.starts_with("lpv_") && token.ends_with(ONE), "{token}");
    assert_eq!(
        (reply.json["errcode"].as_i64(), reply.json["expires_in"].as_i64()),
        (Some(0), Some(7200))
    );
    assert_eq!(house.upstream.calls(), 0);
    // Its token goes to no host but WeCom's.
    let reply = house.ask("GET", &format!("/cgi-bin/user/get?access_token={token}"), &[], "").await;
    assert_eq!(reply.header("x-lingpai-error"), Some("wrong-host"));
}

#[tokio::test]
async fn tickets_are_answered_at_the_paths_of_wecom_and_at_these_only() {
    let house = house().await;
    let key = house.key_with(&[Right::Gateway, Right::Ticket], only(ONE), |_| {}).await;
    let token = gettoken(&house, "/cgi-bin/gettoken", CORP, &key).await;
    let token = token.text("access_token");
    for prefix in ["", "/qyapi"] {
        for (path, ticket) in [
            ("get_jsapi_ticket?", Ticket::JSAPI),
            ("ticket/get?type=agent_config&", Ticket::AGENT_CONFIG),
        ] {
            let path = format!("{prefix}/cgi-bin/{path}access_token={token}");
            let reply = house.ask("GET", &path, &[], "").await;
            assert_eq!(reply.json["errcode"], 0, "{reply:?}");
            assert_eq!(reply.text("ticket"), fake_ticket(&ticket.kind()));
        }
        let untyped = format!("{prefix}/cgi-bin/ticket/get?access_token={token}");
        let reply = house.ask("GET", &untyped, &[], "").await;
        assert_eq!(reply.header("x-lingpai-error"), Some("ticket-unknown"));
    }
    let path = format!("/cgi-bin/ticket/getticket?type=jsapi&access_token={token}");
    let reply = house.ask("GET", &path, &[], "").await;
    assert_eq!(reply.header("x-lingpai-error"), Some("wrong-host"));
}

#[tokio::test]
async fn a_page_is_signed_for_the_corp_or_for_the_application() {
    let house = house().await;
    let key = house.key_with(&[Right::Ticket], only(ONE), |_| {}).await;
    let url = "https://shop.example.com/a";
    for (agent, ticket) in [(false, Ticket::JSAPI), (true, Ticket::AGENT_CONFIG)] {
        let body = format!(r#"{{"url": "{url}", "agent": {agent}}}"#);
        let path = format!("/v1/accounts/{ONE}/js-config");
        let reply = house.call(&key, "POST", &path, &body).await;
        let whose = match agent {
            false => ("appId", CORP),
            true => ("corpid", CORP),
        };
        assert_eq!(reply.text(whose.0), whose.1);
        assert_eq!(reply.json["agentid"].as_str(), agent.then_some("1000002"));
        let seconds = reply.json["timestamp"].as_u64().unwrap();
        let stamp = Stamp { nonce: reply.text("nonceStr"), seconds };
        let expected = sign::page(&Secret::from(fake_ticket(&ticket.kind())), stamp, url);
        assert_eq!(reply.text("signature"), expected);
    }
}

#[tokio::test]
async fn the_number_of_an_application_is_told_where_the_accounts_name_does_not_have_it() {
    let house = house().await;
    let of_suite = format!("{CORP}:tjsuite");
    house.keeps(&of_suite);
    let key = house.key_with(&[Right::Ticket], these(&[ONE, &of_suite]), |_| {}).await;
    let asked = async |account: &str, number: &str| {
        let body = format!(r#"{{"url": "https://a.cn/", "agent": true{number}}}"#);
        house.call(&key, "POST", &format!("/v1/accounts/{account}/js-config"), &body).await
    };
    let reply = asked(&of_suite, r#", "agentid": 1000247"#).await;
    assert_eq!((reply.text("corpid"), reply.text("agentid")), (CORP, "1000247"));
    let reply = asked(&of_suite, "").await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("give it as `agentid`"), "{reply:?}");
    assert_eq!(asked(ONE, r#", "agentid": 1000002"#).await.text("agentid"), "1000002");
    assert_eq!(asked(ONE, r#", "agentid": 1000003"#).await.status, 400);
}
