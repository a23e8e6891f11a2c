//! Every kind of credential that is declared, whichever: given to who may see it, answered where SDKs ask WeChat for it, carried
//! by calls under its name. A new kind is proved here without a line.

use std::sync::Arc;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::{CredentialId, Issuer, Kind, Policy, Refresh};
use lingpai_wechat::kinds::{self, Carried, Declared};
use lingpai_wechat::{Ticket, protocol};
use serde_json::json;

use super::Forwarding;
use super::stand_in::Plan;
use crate::house::{FakeUpstream, House};
use crate::upstream::fake_ticket;

/// An account of WeCom's, and one that is not.
const AGENT: &str = "ww1234567890abcdef:1000002";
const APP: &str = "wx5a0db0c0ffee00c0";

fn keep(house: &House, kind: &Kind, account: &str) {
    let policy = Policy { refresh: Refresh::OnDemand, ..Policy::default() };
    let issuer: Arc<dyn Issuer> = Arc::clone(&house.upstream) as _;
    let credential = CredentialId::new(kind.clone(), account.parse().unwrap());
    house.registry.manage(credential, issuer, Arc::new(policy));
}

fn account(of_wecom: bool) -> &'static str {
    if of_wecom { AGENT } else { APP }
}

fn carried() -> impl Iterator<Item = (&'static Declared, &'static Carried)> {
    kinds::ALL.iter().copied().filter_map(|declared| Some((declared, declared.carried.as_ref()?)))
}

#[tokio::test]
async fn what_calls_carry_is_read_by_who_may_see_it_and_put_into_calls_under_its_name() {
    for (declared, carried) in carried() {
        let it = Forwarding::to(|_| Plan::json(super::OK)).await;
        let account = account(carried.of_wecom);
        keep(&it.house, &declared.kind, account);
        let right = declared.right.expect("it is of use to somebody");
        let key = it.house.key_with(&[right], Accounts::All, |_| {}).await;
        let path = format!("/v1/accounts/{account}/token");
        let reply = it.house.call(&key, "GET", &path, "").await;
        let token = reply.json.get(declared.kind.as_str()).or(reply.json.get("access_token"));
        assert_eq!(token.unwrap(), &json!(FakeUpstream::token(1)), "{reply:?}");
        let other = it.house.key_with(&[Right::StatusRead], Accounts::All, |_| {}).await;
        assert_eq!(it.house.call(&other, "GET", &path, "").await.error(), "right-missing");

        let prefix = if carried.of_wecom { protocol::WECOM_PREFIX } else { "" };
        let below = carried.under.first().unwrap_or(&"/any/");
        let target = format!("{prefix}{below}call");
        let key = it.house.key_with(&[Right::Gateway], crate::house::only(account), |_| {}).await;
        let call = format!(
            "POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
             Content-Length: 2\r\n\r\n{{}}"
        );
        assert_eq!(it.exchange(call.as_bytes()).await.text(), super::OK);
        let expected = format!("{target}?{}={}", carried.name, FakeUpstream::token(1));
        assert_eq!(it.wechat.seen().last().unwrap().target(), expected);
    }
}

#[tokio::test]
async fn a_call_for_a_token_with_a_secret_is_answered_here_and_never_forwarded() {
    for wanted in kinds::asked() {
        let (declared, asked) = (wanted.declared, wanted.asked);
        let it = Forwarding::to(|_| Plan::json(super::OK)).await;
        let account = account(wanted.is_of_wecom());
        keep(&it.house, &declared.kind, account);
        let key = it.house.key_with(&[declared.right.unwrap()], Accounts::All, |_| {}).await;
        let corp = account.split(':').next().unwrap();
        let mut said = vec![];
        let names = if asked.names_corp { vec![account, corp] } else { vec![account] };
        for named in names {
            let body = json!({asked.account.name: named, asked.secret.name: key});
            said.push(it.house.ask("POST", asked.path, &[], &body.to_string()).await);
        }
        for reply in &said {
            assert_eq!(reply.text(declared.kind.as_str()), FakeUpstream::token(1), "{reply:?}");
            let errcode = reply.json.get("errcode").map(|code| code.as_i64());
            assert_eq!(errcode, wanted.is_of_wecom().then_some(Some(0)));
        }
        for (fields, expected) in [
            (json!({asked.secret.name: key}), asked.account.missing),
            (json!({asked.account.name: account}), asked.secret.missing),
        ] {
            let reply = it.house.ask("POST", asked.path, &[], &fields.to_string()).await;
            assert_eq!(reply.errcode(), expected.0);
            assert!(reply.text("errmsg").starts_with(expected.1), "{reply:?}");
        }
        let beyond = format!("/gateway/{account}{}/", asked.path);
        let beyond = it.house.call(&key, "POST", &beyond, "{}").await;
        assert!(beyond.errcode() != 0, "{beyond:?}");
        assert!(it.wechat.seen().is_empty());
    }
}

#[tokio::test]
async fn a_ticket_is_given_by_its_name_and_answered_where_wechat_has_it() {
    for ticket in Ticket::all() {
        let declared = kinds::find(&ticket.kind()).unwrap();
        for at in declared.endpoints() {
            let it = Forwarding::to(|_| Plan::json(super::OK)).await;
            let account = account(at.of_wecom);
            keep(&it.house, &Kind::ACCESS_TOKEN, account);
            let rights = [declared.right.unwrap(), Right::Gateway];
            let key = it.house.key_with(&rights, Accounts::All, |_| {}).await;
            let path = format!("/v1/accounts/{account}/tickets/{ticket}");
            let reply = it.house.call(&key, "GET", &path, "").await;
            assert_eq!(reply.text("ticket"), fake_ticket(&ticket.kind()));
            let prefix = if at.of_wecom { protocol::WECOM_PREFIX } else { "" };
            let of = at.of_type.map(|of| format!("?type={of}")).unwrap_or_default();
            let path = format!("/gateway/{account}{prefix}{}{of}", at.path);
            let reply = it.house.call(&key, "GET", &path, "").await;
            assert_eq!(reply.text("ticket"), fake_ticket(&ticket.kind()), "{path}");
            assert!(it.wechat.seen().is_empty());
        }
    }
}

#[tokio::test]
async fn what_no_right_shows_is_shown_to_nobody() {
    for declared in kinds::ALL.iter().copied().filter(|declared| declared.right.is_none()) {
        let it = Forwarding::to(|_| Plan::json(super::OK)).await;
        keep(&it.house, &declared.kind, APP);
        let key = it.house.key_with(&Right::ALL, Accounts::All, |_| {}).await;
        let reply = it.house.call(&key, "GET", &format!("/v1/accounts/{APP}/token"), "").await;
        assert_eq!(reply.error(), "account-unknown", "{declared:?}");
        assert_eq!(it.house.upstream.calls(), 0);
    }
}
