//! WeCom: what its issuers send, where to, and what its codes mean there.

use std::sync::Arc;

use lingpai_core::{
    Account, AccountKind, Class, Issuer, Parent, Renewal, Secret, Timestamp, Verdict, Way,
};
use lingpai_wechat::wire::{Settings, Transport, Upstream};
use lingpai_wechat::{Ticket, WeChat};

use crate::support::{InProcess, TOKEN, success, token};
use crate::tickets::{Tokens, tokens};

const SECRET: &str = "Zx-8f5c0dea11ce5eed_8f5c0dea11ce5eed0123456";

fn agent(name: &str) -> Account {
    let account = Account::new(name.parse().unwrap(), Secret::from(SECRET), Timestamp::default());
    Account { kind: AccountKind::WeCom, ..account }
}

fn issuer(wechat: &Arc<InProcess>) -> Arc<dyn Issuer> {
    wechat.wechat().issuer(&agent("ww1234567890abcdef:1000002"))
}

#[tokio::test]
async fn a_token_is_asked_for_with_the_corps_id_at_wecoms_own_host() {
    let wechat = InProcess::answering(success());
    let issuer = issuer(&wechat);
    let issued = issuer.issue(Way::Primary, None).await.unwrap();
    assert_eq!((issued.value.expose(), issued.life.as_secs()), (TOKEN, 7200));
    let request = wechat.seen.lock().unwrap().remove(0);
    assert_eq!(
        request.uri().to_string(),
        format!(
            "https://qyapi.weixin.qq.com/cgi-bin/gettoken?corpid=ww1234567890abcdef&corpsecret={SECRET}"
        )
    );
    let profile = issuer.profile();
    assert!(matches!(profile.primary, Renewal::Repeating));
    assert!(profile.forced.is_none() && profile.fallback.is_none());
}

#[tokio::test]
async fn what_stands_in_for_wechat_has_wecom_below_a_prefix() {
    let wechat = InProcess::answering(success());
    let hosts = vec!["http://127.0.0.1:8900/x".parse().unwrap()];
    let transport: Arc<dyn Transport> = Arc::<InProcess>::clone(&wechat);
    let upstream = Upstream::over(transport, Settings { hosts, ..Settings::default() });
    WeChat::new(upstream).issuer(&agent("ww1:2")).issue(Way::Primary, None).await.unwrap();
    let request = wechat.seen.lock().unwrap().remove(0);
    assert_eq!(request.uri().path(), "/x/qyapi/cgi-bin/gettoken");
    assert_eq!(request.uri().authority().unwrap(), "127.0.0.1:8900");
}

#[tokio::test]
async fn a_token_with_nothing_left_of_its_life_is_a_token() {
    let body = format!(r#"{{"errcode":0,"errmsg":"ok","access_token":"{TOKEN}","expires_in":0}}"#);
    let issued = issuer(&InProcess::answering(body)).issue(Way::Primary, None).await.unwrap();
    assert!(issued.life.is_zero());
    let body = format!(r#"{{"errcode":0,"access_token":"{TOKEN}","expires_in":-1}}"#);
    assert!(issuer(&InProcess::answering(body)).issue(Way::Primary, None).await.is_err());
}

#[tokio::test]
async fn refusals_of_a_token_call_have_wecoms_meaning_and_tell_no_secret() {
    for (code, class) in [
        (40001, Class::NeedsPerson),
        (40013, Class::NeedsPerson),
        (40091, Class::NeedsPerson),
        (-1, Class::Transient),
        (45009, Class::RateLimited(std::time::Duration::from_mins(1))),
    ] {
        let body = format!(
            r#"{{"errcode":{code},"errmsg":"invalid credential, hint: [1642406569024700231269230], from ip: 203.0.113.7, {SECRET}"}}"#
        );
        let failure =
            issuer(&InProcess::answering(body)).issue(Way::Primary, None).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (class, Some(code)));
        assert!(!failure.to_string().contains(SECRET), "{failure}");
    }
}

#[tokio::test]
async fn only_what_means_a_bad_token_in_wecom_refuses_it_on_trial() {
    let check = async |code: i64| {
        let wechat = InProcess::answering(format!(r#"{{"errcode":{code},"errmsg":"x"}}"#));
        let verdict = issuer(&wechat).check(&token()).await;
        let request = wechat.seen.lock().unwrap().remove(0);
        let expected =
            format!("https://qyapi.weixin.qq.com/cgi-bin/getcallbackip?access_token={TOKEN}");
        assert_eq!(request.uri().to_string(), expected);
        verdict
    };
    assert_eq!(check(0).await, Verdict::Accepted);
    for code in [40014, 42001] {
        assert!(matches!(check(code).await, Verdict::Refused(_)), "{code}");
    }
    for code in [40001, 60020, 45009, -1, 42007, 40082, 42009] {
        assert!(matches!(check(code).await, Verdict::Inconclusive(_)), "{code}");
    }
}

#[tokio::test]
async fn the_right_secret_is_told_from_a_wrong_one() {
    let tried =
        async |body: &str| InProcess::answering(body).wechat().try_secret(&agent("ww1:2")).await;
    assert_eq!(tried(&success()).await, Verdict::Accepted);
    for code in [40001, 40013, 40091] {
        let verdict = tried(&format!(r#"{{"errcode":{code},"errmsg":"x"}}"#)).await;
        assert!(matches!(verdict, Verdict::Refused(_)), "{code}");
    }
    let busy = tried(r#"{"errcode":-1,"errmsg":"x"}"#).await;
    assert!(matches!(busy, Verdict::Inconclusive(_)));
}

fn ticket(wechat: &Arc<InProcess>, ticket: Ticket, tokens: &Arc<Tokens>) -> Arc<dyn Issuer> {
    let parent: Arc<dyn Parent> = Arc::<Tokens>::clone(tokens);
    issuer(wechat).dependent(&ticket.kind(), parent).unwrap()
}

#[tokio::test]
async fn the_corps_ticket_and_the_agents_come_from_two_paths() {
    for (of, path) in [
        (Ticket::JSAPI, format!("/cgi-bin/get_jsapi_ticket?access_token={TOKEN}")),
        (
            Ticket::AGENT_CONFIG,
            format!("/cgi-bin/ticket/get?access_token={TOKEN}&type=agent_config"),
        ),
    ] {
        let body = r#"{"errcode":0,"errmsg":"ok","ticket":"bxLdikRXVbTPdHSM05e5u5sUoXNKdvsdshFKA","expires_in":7200}"#;
        let wechat = InProcess::answering(body);
        ticket(&wechat, of, &tokens("unused")).issue(Way::Primary, None).await.unwrap();
        let request = wechat.seen.lock().unwrap().remove(0);
        assert_eq!(request.uri().to_string(), format!("https://qyapi.weixin.qq.com{path}"));
    }
}

#[tokio::test]
async fn a_ticket_is_asked_for_with_a_better_token_only_where_wecom_blames_the_token() {
    for (code, reports) in [(40014, 1), (42001, 1), (40001, 0), (60020, 0)] {
        let wechat = InProcess::answering(format!(r#"{{"errcode":{code},"errmsg":"x"}}"#));
        let tokens = tokens("71_better");
        let failure = ticket(&wechat, Ticket::JSAPI, &tokens).issue(Way::Primary, None).await;
        assert_eq!(failure.unwrap_err().code, Some(code));
        assert_eq!(tokens.reported.lock().unwrap().len(), reports, "{code}");
        assert_eq!(wechat.seen.lock().unwrap().len(), 1 + reports, "{code}");
    }
}
