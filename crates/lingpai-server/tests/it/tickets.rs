//! Tickets, and what is signed with them.

use lingpai_core::Secret;
use lingpai_core::client::{Accounts, Right};
use lingpai_server::gateway::Settings;
use lingpai_wechat::Ticket;
use lingpai_wechat::sign::{self, Stamp};

use crate::house::{House, KEPT, Reply, fake_ticket, only};

fn path(rest: &str) -> String {
    format!("/v1/accounts/{KEPT}/{rest}")
}

async fn ticket_key(house: &House, domains: &[&str]) -> String {
    let domains = domains.iter().map(|domain| domain.parse().unwrap()).collect();
    house.key_with(&[Right::Ticket], only(KEPT), |key| key.domains = domains).await
}

async fn signed(house: &House, key: &str, url: &str) -> Reply {
    let body = format!(r#"{{"url": "{url}", "jsApiList": ["scanQRCode"]}}"#);
    house.call(key, "POST", &path("js-config"), &body).await
}

#[tokio::test]
async fn a_ticket_is_fetched_when_somebody_asks_and_shown_by_its_kind() {
    let house = House::open().await;
    let key = ticket_key(&house, &[]).await;
    assert_eq!(house.registry.keepers().len(), 2, "nothing is kept of what nobody asks for");
    for ticket in Ticket::all() {
        let reply = house.call(&key, "GET", &path(&format!("tickets/{ticket}")), "").await;
        let kind = ticket.kind();
        assert_eq!((reply.status, reply.text("kind")), (200, kind.as_str()));
        assert_eq!(reply.text("ticket"), fake_ticket(&kind));
        assert!((7198..=7200).contains(&reply.json["expires_in"].as_u64().unwrap()), "{reply:?}");
    }
    let unknown = house.call(&key, "GET", &path("tickets/sdk"), "").await;
    assert_eq!((unknown.status, unknown.error()), (404, "ticket-unknown"));
    let admin = house.admin().await;
    let status = house.call(&admin, "GET", &format!("/v1/accounts/{KEPT}"), "").await;
    let kinds: Vec<_> = status.json["credentials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].clone())
        .collect();
    assert_eq!(kinds, ["access_token", "agent_config_ticket", "jsapi_ticket", "wx_card_ticket"]);
}

#[tokio::test]
async fn a_page_is_signed_without_its_fragment() {
    let house = House::open().await;
    let key = ticket_key(&house, &[]).await;
    let reply = signed(&house, &key, "https://shop.example.com/a?b=1#/cart").await;
    assert_eq!((reply.status, reply.text("appId")), (200, KEPT));
    assert_eq!(reply.json["jsApiList"], serde_json::json!(["scanQRCode"]));
    let seconds = reply.json["timestamp"].as_u64().unwrap();
    let stamp = Stamp { nonce: reply.text("nonceStr"), seconds };
    let ticket = Secret::from(fake_ticket(&Ticket::JSAPI.kind()));
    let expected = sign::page(&ticket, stamp, "https://shop.example.com/a?b=1");
    assert_eq!(reply.text("signature"), expected);
    let again = signed(&house, &key, "https://shop.example.com/a?b=1").await;
    assert_ne!(again.text("nonceStr"), reply.text("nonceStr"));
}

#[tokio::test]
async fn a_card_is_signed_with_the_values_it_is_given() {
    let house = House::open().await;
    let key = ticket_key(&house, &[]).await;
    let reply = house
        .call(&key, "POST", &path("card-signature"), r#"{"values": ["card", "openid"]}"#)
        .await;
    let stamp =
        Stamp { nonce: reply.text("nonceStr"), seconds: reply.json["timestamp"].as_u64().unwrap() };
    let ticket = Secret::from(fake_ticket(&Ticket::WX_CARD.kind()));
    let values = ["card", "openid"].map(str::to_owned);
    assert_eq!(reply.text("signature"), sign::card(&ticket, stamp, &values));
}

#[tokio::test]
async fn a_key_that_is_bound_to_domains_signs_for_these_and_sees_no_ticket() {
    let house = House::with_gateway(Settings::default()).await;
    let rights = [Right::Ticket, Right::Gateway];
    let bind = |key: &mut lingpai_core::client::ApiKey| {
        key.domains = vec!["*.example.com".parse().unwrap()];
    };
    let key = house.key_with(&rights, only(KEPT), bind).await;
    assert_eq!(signed(&house, &key, "https://shop.example.com/a").await.status, 200);
    for url in [
        "https://example.com/",
        "https://evil.net/?.example.com",
        "https://shop.example.com.evil.net",
    ] {
        let reply = signed(&house, &key, url).await;
        assert_eq!((reply.status, reply.error()), (403, "domain-forbidden"), "{url}");
    }
    let reply = house.call(&key, "GET", &path("tickets/jsapi"), "").await;
    assert_eq!((reply.status, reply.error()), (403, "domain-forbidden"));
    let reply = house.call(&key, "GET", "/cgi-bin/ticket/getticket?type=jsapi", "").await;
    assert_eq!(reply.header("x-lingpai-error"), Some("domain-forbidden"));
    assert!(!reply.body.contains(&fake_ticket(&Ticket::JSAPI.kind())));
}

#[tokio::test]
async fn the_gateway_answers_a_call_for_a_ticket_by_itself_as_wechat_does() {
    let house = House::with_gateway(Settings::default()).await;
    let key = house.key_with(&[Right::Ticket, Right::Gateway], only(KEPT), |_| {}).await;
    let given = house.dropin(&key).await;
    let virtual_token = given.text("access_token");
    let query = format!("access_token={virtual_token}&type=wx_card");
    for path in ["/cgi-bin/ticket/getticket", "/cgi-bin/ticket/getTicket/"] {
        let reply = house.ask("GET", &format!("{path}?{query}"), &[], "").await;
        assert_eq!((reply.json["errcode"].as_i64(), reply.text("errmsg")), (Some(0), "ok"));
        assert_eq!(reply.text("ticket"), fake_ticket(&Ticket::WX_CARD.kind()));
        assert!((7198..=7200).contains(&reply.json["expires_in"].as_u64().unwrap()), "{reply:?}");
    }
    let untyped = format!("/cgi-bin/ticket/getticket?access_token={virtual_token}");
    let unknown = house.ask("GET", &untyped, &[], "").await;
    assert_eq!(unknown.header("x-lingpai-error"), Some("ticket-unknown"));
    let key = house.key_with(&[Right::Gateway, Right::TokenRead], only(KEPT), |_| {}).await;
    let reply = house.call(&key, "GET", "/cgi-bin/ticket/getticket?type=jsapi", "").await;
    assert_eq!(reply.header("x-lingpai-error"), Some("right-missing"));
}

#[tokio::test]
async fn an_account_without_tickets_says_so() {
    let house = House::open().await;
    house.without_tickets("wx00000000000000c3");
    let key = house.key_with(&[Right::Ticket], Accounts::All, |_| {}).await;
    for (method, rest, body) in [
        ("GET", "tickets/jsapi", ""),
        ("POST", "js-config", r#"{"url": "https://a.cn/"}"#),
        ("POST", "card-signature", r#"{"values": []}"#),
    ] {
        for (account, code) in
            [("wx00000000000000c3", "no-tickets"), ("wx00000000000000d4", "account-unknown")]
        {
            let reply =
                house.call(&key, method, &format!("/v1/accounts/{account}/{rest}"), body).await;
            assert_eq!((reply.status, reply.error()), (404, code), "{method} {rest}");
        }
    }
}
