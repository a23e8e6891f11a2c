//! WeCom's service providers: what their issuers send, with what, and what codes mean there.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use lingpai_core::{
    Account, AccountKind, Class, CredentialId, Issuer, Kind, Parent, Renewal, Secret, Timestamp,
    Verdict, Way,
};
use lingpai_wechat::kinds::{PROVIDER_ACCESS_TOKEN, SUITE_ACCESS_TOKEN, SUITE_TICKET};
use serde_json::{Value, json};

use crate::support::{InProcess, TOKEN, token};
use crate::tickets::{Tokens, tokens};

const SECRET: &str = "Zx-8f5c0dea11ce5eed_8f5c0dea11ce5eed0123456";
const HOST: &str = "https://qyapi.weixin.qq.com/cgi-bin";

fn account(name: &str, kind: AccountKind) -> Account {
    let account = Account::new(name.parse().unwrap(), Secret::from(SECRET), Timestamp::default());
    Account { kind, ..account }
}

fn authorized(suite: &str) -> Account {
    let account = account(&format!("ww1234567890abcdef:{suite}"), AccountKind::WeComAuthorized);
    Account { platform: Some(suite.parse().unwrap()), ..account }
}

/// What the account's calls carry, its issuer, and which credential that needs.
fn root(
    wechat: &Arc<InProcess>,
    account: &Account,
    tokens: &Arc<Tokens>,
) -> (Kind, Arc<dyn Issuer>, Vec<CredentialId>) {
    let asked = std::cell::RefCell::new(Vec::new());
    let parent = |credential: &CredentialId| {
        asked.borrow_mut().push(credential.clone());
        Arc::<Tokens>::clone(tokens) as Arc<dyn Parent>
    };
    let (kind, issuer) = wechat.wechat().root(account, &parent);
    (kind, issuer, asked.into_inner())
}

fn sent(wechat: &Arc<InProcess>) -> (String, Value) {
    let request: Request<Bytes> = wechat.seen.lock().unwrap().remove(0);
    (request.uri().to_string(), serde_json::from_slice(request.body()).unwrap_or_default())
}

#[tokio::test]
async fn a_suites_token_is_asked_for_with_its_secret_and_the_ticket_that_was_pushed() {
    let suite = account("ww5a0db0c0ffee5001", AccountKind::WeComSuite);
    let wechat =
        InProcess::answering(format!(r#"{{"suite_access_token":"{TOKEN}","expires_in":7200}}"#));
    let (kind, issuer, needs) = root(&wechat, &suite, &tokens("unused"));
    assert_eq!((&kind, issuer.depth()), (&SUITE_ACCESS_TOKEN, 1));
    assert_eq!(needs, [CredentialId::new(SUITE_TICKET, suite.id.clone())]);
    let issued = issuer.issue(Way::Primary, None).await.unwrap();
    assert_eq!((issued.value.expose(), issued.life.as_secs()), (TOKEN, 7200));
    let (uri, body) = sent(&wechat);
    assert_eq!(uri, format!("{HOST}/service/get_suite_token"));
    let expected =
        json!({"suite_id": suite.id.as_str(), "suite_secret": SECRET, "suite_ticket": TOKEN});
    assert_eq!(body, expected);
    assert!(matches!(issuer.profile().primary, Renewal::Repeating));
}

#[tokio::test]
async fn a_suites_ticket_is_pushed_and_no_call_asks_for_one() {
    let suite = account("ww5a0db0c0ffee5001", AccountKind::WeComSuite);
    let wechat = InProcess::answering("{}");
    let parent = |_: &CredentialId| tokens("unused") as Arc<dyn Parent>;
    let besides = wechat.wechat().roots_besides(&suite, &parent);
    let [(kind, issuer)] = &besides[..] else { panic!("{besides:?}") };
    assert_eq!(*kind, SUITE_TICKET);
    assert!(matches!(issuer.profile().primary, Renewal::Pushed { .. }));
    let failure = issuer.issue(Way::Primary, None).await.unwrap_err();
    assert!(matches!(failure.class, Class::Awaited(_)), "{failure}");
    assert!(failure.remedy.unwrap().contains("console") && wechat.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_providers_token_is_asked_for_with_its_corpid() {
    let provider = account("ww5a0db0c0ffee9001:provider", AccountKind::WeComProvider);
    let wechat = InProcess::answering(format!(
        r#"{{"errcode":0,"errmsg":"ok","provider_access_token":"{TOKEN}","expires_in":7200}}"#
    ));
    let (kind, issuer, needs) = root(&wechat, &provider, &tokens("unused"));
    assert_eq!((kind, needs.len()), (PROVIDER_ACCESS_TOKEN, 0));
    issuer.issue(Way::Primary, None).await.unwrap();
    let (uri, body) = sent(&wechat);
    assert_eq!(uri, format!("{HOST}/service/get_provider_token"));
    assert_eq!(body, json!({"corpid": "ww5a0db0c0ffee9001", "provider_secret": SECRET}));
}

#[tokio::test]
async fn a_corps_token_is_asked_for_with_its_permanent_code_and_a_better_suite_token_if_need_be() {
    for (code, calls) in [(40082, 2), (42009, 2), (40084, 1), (40001, 1), (60020, 1)] {
        let wechat = InProcess::answering(format!(r#"{{"errcode":{code},"errmsg":"x {SECRET}"}}"#));
        let better = tokens("71_better");
        let (kind, issuer, needs) = root(&wechat, &authorized("ww5a0db0c0ffee5001"), &better);
        assert_eq!((kind, issuer.depth()), (Kind::ACCESS_TOKEN, 2));
        let suite = "ww5a0db0c0ffee5001".parse().unwrap();
        assert_eq!(needs, [CredentialId::new(SUITE_ACCESS_TOKEN, suite)]);
        let failure = issuer.issue(Way::Primary, None).await.unwrap_err();
        assert_eq!(failure.code, Some(code));
        assert!(!failure.to_string().contains(SECRET), "{failure}");
        assert_eq!(wechat.seen.lock().unwrap().len(), calls, "{code}");
        let (uri, body) = sent(&wechat);
        assert_eq!(uri, format!("{HOST}/service/get_corp_token?suite_access_token={TOKEN}"));
        assert_eq!(body, json!({"auth_corpid": "ww1234567890abcdef", "permanent_code": SECRET}));
        if calls == 2 {
            assert!(sent(&wechat).0.ends_with("suite_access_token=71_better"));
        }
    }
}

#[tokio::test]
async fn a_suite_that_develops_on_behalf_of_corps_uses_the_permanent_code_as_a_secret() {
    let wechat = InProcess::answering(format!(
        r#"{{"errcode":0,"errmsg":"ok","access_token":"{TOKEN}","expires_in":7200}}"#
    ));
    let (_, issuer, needs) = root(&wechat, &authorized("dk5a0db0c0ffee5001"), &tokens("unused"));
    issuer.issue(Way::Primary, None).await.unwrap();
    let expected = format!("{HOST}/gettoken?corpid=ww1234567890abcdef&corpsecret={SECRET}");
    assert_eq!((sent(&wechat).0, needs.len()), (expected, 0));
}

#[tokio::test]
async fn an_auth_code_is_exchanged_at_the_newer_call_and_told_with_its_corp() {
    let suite = account("ww5a0db0c0ffee5001", AccountKind::WeComSuite);
    let wechat = InProcess::answering(
        r#"{"errcode":0,"permanent_code":"p-1","auth_corp_info":{"corpid":"ww12","corp_name":"x"}}"#,
    );
    let parent: Arc<dyn Parent> = tokens("unused");
    let code = Secret::from("code");
    let came = wechat.wechat().exchange(&suite, &parent, &code).await.unwrap();
    assert_eq!((&*came.corpid, came.permanent_code.expose()), ("ww12", "p-1"));
    let (uri, body) = sent(&wechat);
    assert_eq!(uri, format!("{HOST}/service/v2/get_permanent_code?suite_access_token={TOKEN}"));
    assert_eq!(body, json!({"auth_code": "code"}));
    for answer in [r#"{"errcode":0}"#, r#"{"permanent_code":"p","auth_corp_info":{}}"#] {
        let wechat = InProcess::answering(answer);
        assert!(wechat.wechat().exchange(&suite, &parent, &code).await.is_err(), "{answer}");
    }
}

#[tokio::test]
async fn a_trial_of_a_suites_or_a_providers_token_refuses_what_blames_that_token_only() {
    for (name, kind) in [
        ("ww5a0db0c0ffee5001", AccountKind::WeComSuite),
        ("ww5a0db0c0ffee9001:provider", AccountKind::WeComProvider),
    ] {
        let check = async |code: i64| {
            let wechat = InProcess::answering(format!(r#"{{"errcode":{code},"errmsg":"x"}}"#));
            let (_, issuer, _) = root(&wechat, &account(name, kind), &tokens("unused"));
            issuer.check(&token()).await
        };
        assert_eq!(check(0).await, Verdict::Accepted);
        for code in [40082, 42009, 40014, 42001] {
            assert!(matches!(check(code).await, Verdict::Refused(_)), "{code}");
        }
        for code in [40001, 40084, 60020, -1] {
            assert!(matches!(check(code).await, Verdict::Inconclusive(_)), "{code}");
        }
    }
}
