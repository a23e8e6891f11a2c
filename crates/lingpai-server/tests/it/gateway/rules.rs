//! What a client may call, and how much of it.

use std::num::NonZeroU32;

use lingpai_core::client::{ApiKey, Right};
use lingpai_core::{Bounds, Environment, virtual_token};
use lingpai_server::{errcode, gateway};

use super::stand_in::Plan;
use super::{Answer, Forwarding, OK};
use crate::house::{House, KEPT, only};

async fn with_rules(change: impl FnOnce(&mut gateway::Rules)) -> Forwarding {
    Forwarding::with(|_| Plan::json(OK), |settings, _| change(&mut settings.rules)).await
}

/// The virtual token of a new key.
async fn token(it: &Forwarding, rights: &[Right], change: impl FnOnce(&mut ApiKey)) -> String {
    let key = it.house.key_with(rights, only(KEPT), change).await;
    virtual_token::make(&key, &KEPT.parse().unwrap()).expose().to_owned()
}

async fn call(it: &Forwarding, token: &str, path: &str) -> Answer {
    let target = format!("{path}?access_token={token}");
    it.exchange(format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
        .await
}

/// How many of so many calls are let through.
async fn let_through(it: &Forwarding, token: &str, calls: usize) -> usize {
    let mut count = 0;
    for _ in 0..calls {
        count += usize::from(call(it, token, "/cgi-bin/x").await.text() == OK);
    }
    count
}

#[tokio::test]
async fn a_path_that_leads_around_lingpai_needs_a_right_of_its_own() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    for (path, right) in [
        ("/cgi-bin/clear_quota", Right::QuotaClear),
        ("/cgi-bin/openapi/quota/clear", Right::QuotaClear),
        ("/cgi-bin/Clear_Quota/", Right::QuotaClear),
        ("/cgi-bin/openapi/rid/get", Right::TokenRead),
        ("/mp/cgi-bin/ticket/getticket", Right::Ticket),
        ("/qyapi/cgi-bin/get_jsapi_ticket", Right::Ticket),
        ("/sns/component/jscode2session", Right::SecretLogin),
        ("/sns/oauth2/component/access_token", Right::SecretLogin),
    ] {
        assert_eq!(call(&it, &it.token, path).await.error(), "right-missing", "{path}");
        let may = token(&it, &[Right::Gateway, right], |_| {}).await;
        assert_eq!(call(&it, &may, path).await.text(), OK, "{path}");
    }
    for path in [
        "/cgi-bin/ticket/getticket",
        "/mp/cgi-bin/ticket/getticket",
        "/qyapi/cgi-bin/get_jsapi_ticket",
    ] {
        let bind = |key: &mut ApiKey| key.domains = vec!["a.cn".parse().unwrap()];
        let bound = token(&it, &[Right::Gateway, Right::Ticket], bind).await;
        assert_eq!(call(&it, &bound, path).await.error(), "domain-forbidden", "{path}");
    }
    for path in [
        "/qyapi/cgi-bin/gettoken/",
        "/mp/cgi-bin/token",
        "/cgi-bin/token/",
        "/CGI-BIN/stable_token",
    ] {
        let admin = token(&it, &[Right::Admin], |_| {}).await;
        let refused = call(&it, &admin, path).await;
        assert_eq!(refused.header("x-lingpai-error"), Some("token-call"), "{path}");
    }
    assert_eq!(it.wechat.seen().len(), 8);
}

#[tokio::test]
async fn answers_are_counted_by_host_and_by_errcode_as_far_as_it_is_known() {
    let it = Forwarding::to(|seen| match seen.target().split('?').next().unwrap() {
        "/cgi-bin/a" => Plan::json(OK),
        "/cgi-bin/b" => Plan::json(r#"{"errcode":48001,"errmsg":"api unauthorized"}"#),
        "/cgi-bin/c" => Plan::json(r#"{"openid":"o"}"#),
        _ => Plan::json(r#"{"errcode":987654321,"errmsg":"?"}"#),
    })
    .await;
    for path in ["/cgi-bin/a", "/cgi-bin/b", "/cgi-bin/c", "/cgi-bin/d", "/qyapi/cgi-bin/e"] {
        it.get(path).await;
    }
    for (host, errcode) in
        [("api", "0"), ("api", "48001"), ("api", "none"), ("api", "other"), ("wecom", "other")]
    {
        let name =
            format!("lingpai_gateway_answers_total{{host=\"{host}\",errcode=\"{errcode}\"}}");
        assert_eq!(it.metric(&name).await, 1, "{name}");
    }
}

#[tokio::test]
async fn a_key_for_some_paths_calls_no_other_and_the_operator_can_close_a_path_for_all() {
    let it =
        with_rules(|rules| rules.denied = vec!["/cgi-bin/user/delete*".parse().unwrap()]).await;
    let paths = ["/cgi-bin/user/**", "/qyapi/cgi-bin/*/get"].map(|glob| glob.parse().unwrap());
    let bounds = Bounds { paths: paths.into(), ..Bounds::default() };
    let some = token(&it, &[Right::Gateway], |key| key.bounds = bounds).await;
    for (path, may) in [
        ("/cgi-bin/user/get", true),
        ("/cgi-bin/user/info/batchget", true),
        ("/qyapi/cgi-bin/user/get", true),
        ("/cgi-bin/message/custom/send", false),
        ("/mp/cgi-bin/user/get", false),
        ("/cgi-bin/user/deleteall", false),
    ] {
        let answer = call(&it, &some, path).await;
        if may {
            assert_eq!(answer.text(), OK, "{path}");
        } else {
            assert_eq!(answer.error(), "path-forbidden", "{path}");
        }
    }
    assert_eq!(call(&it, &it.token, "/cgi-bin/message/custom/send").await.text(), OK);
    assert_eq!(call(&it, &it.token, "/cgi-bin/user/delete").await.error(), "path-forbidden");
}

#[tokio::test]
async fn a_client_in_a_loop_reaches_upstream_no_more_than_it_may_and_disturbs_nobody() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let slow = Bounds { per_minute: NonZeroU32::new(30), ..Bounds::default() };
    let slow = token(&it, &[Right::Gateway], |key| key.bounds = slow).await;
    assert_eq!(let_through(&it, &slow, 20).await, 3);
    let refused = call(&it, &slow, "/cgi-bin/x").await;
    assert_eq!(refused.error(), "too-fast");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(let_through(&it, &it.token, 20).await, 20);
    assert_eq!(it.wechat.seen().len(), 23);
}

#[tokio::test]
async fn so_many_calls_at_once_and_no_more_until_one_has_ended() {
    let it = Forwarding::to(|_| Plan::raw("").hanging()).await;
    let one = Bounds { at_once: NonZeroU32::new(1), ..Bounds::default() };
    let one = token(&it, &[Right::Gateway], |key| key.bounds = one).await;
    let mut first = Box::pin(call(&it, &one, "/cgi-bin/x"));
    tokio::select! {
        answer = &mut first => panic!("{answer:?}"),
        () = it.wechat.until(|wechat| wechat.seen().len() == 1) => {}
    }
    assert_eq!(call(&it, &one, "/cgi-bin/x").await.error(), "too-many-at-once");
    // The client goes away, so its call is over.
    drop(first);
    it.wechat.until(|wechat| wechat.open_now() == 0).await;
    tokio::select! {
        answer = call(&it, &one, "/cgi-bin/x") => panic!("{answer:?}"),
        () = it.wechat.until(|wechat| wechat.seen().len() == 2) => {}
    }
}

#[tokio::test]
async fn test_systems_and_developers_cannot_spend_productions_day() {
    let it = with_rules(|rules| rules.per_day = NonZeroU32::new(50)).await;
    let of = |environment| move |key: &mut ApiKey| key.environment = environment;
    let test = token(&it, &[Right::Gateway], of(Environment::Test)).await;
    let dev = token(&it, &[Right::Gateway], of(Environment::Dev)).await;
    assert_eq!(let_through(&it, &test, 20).await, 10);
    assert_eq!(let_through(&it, &dev, 20).await, 5);
    assert_eq!(let_through(&it, &it.token, 40).await, 35);
    assert_eq!(call(&it, &it.token, "/cgi-bin/x").await.error(), "day-spent");
}

#[tokio::test]
async fn a_day_that_is_spent_is_spent_after_a_restart_and_on_another_node_too() {
    let it = with_rules(|_| {}).await;
    let three = Bounds { per_day: NonZeroU32::new(3), ..Bounds::default() };
    let three = token(&it, &[Right::Gateway], |key| key.bounds = three).await;
    let next = it.house.second_server();
    assert_eq!(let_through(&it, &three, 9).await, 3);
    let mut settings = gateway::Settings::default();
    settings.upstream.hosts = vec![it.wechat.base()];
    let Forwarding { mut house, wechat, token: other, .. } = it;
    house.stop();
    house.ended().await;
    let next = next.with_gateway(settings).bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = next.local_addr();
    let serving = tokio::spawn(next.serve(std::future::pending()));
    let path = |token| format!("/cgi-bin/x?access_token={token}");
    assert_eq!(House::ask_at(addr, &path(three)).await.errcode(), errcode::DAY_SPENT);
    assert_eq!(House::ask_at(addr, &path(other)).await.body, OK, "that is another client");
    assert_eq!(wechat.seen().len(), 4);
    serving.abort();
}

#[tokio::test]
async fn what_was_called_is_seen_and_outlives_the_server() {
    let it = Forwarding::to(|seen| {
        let quota = r#"{"errcode":45009,"errmsg":"reach max api daily quota limit"}"#;
        Plan::json(if seen.target().starts_with("/cgi-bin/m") { quota } else { OK })
    })
    .await;
    for path in ["/cgi-bin/user/get", "/cgi-bin/user/get", "/cgi-bin/menu/get", "/mp/cgi-bin/x"] {
        it.get(path).await;
    }
    call(&it, "nobodys", "/cgi-bin/refused/by/lingpai").await;
    let admin = it.house.admin().await;
    let status = it.house.call(&admin, "GET", &format!("/v1/accounts/{KEPT}"), "").await;
    let expected = serde_json::json!([
        {"path": "/cgi-bin/menu/get", "calls": 1, "errcodes": [{"errcode": 45009, "times": 1}]},
        {"path": "/cgi-bin/user/get", "calls": 2},
        {"path": "/mp/cgi-bin/x", "calls": 1},
    ]);
    assert_eq!(status.json["calls_today"], expected, "{status:?}");
    let Forwarding { mut house, .. } = it;
    let (registry, day) = (std::sync::Arc::clone(&house.registry), house.today());
    house.stop();
    house.ended().await;
    let ledger = registry.store().ledger(&KEPT.parse().unwrap(), day).await.unwrap();
    assert_eq!(ledger["call/cgi-bin/user/get"], 2);
    assert_eq!(ledger["errcode/45009/cgi-bin/menu/get"], 1);
}
