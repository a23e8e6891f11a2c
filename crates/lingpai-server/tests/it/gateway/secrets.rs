//! Calls that authenticate with appid and secret: the client knows its key, and WeChat gets the AppSecret.

use lingpai_core::client::Right;
use lingpai_core::{Account, Directory, Secret};

use super::stand_in::{Plan, Seen};
use super::{Answer, Forwarding};
use crate::house::{KEPT, OTHER, now, only};

const SESSION: &str = r#"{"session_key":"k","openid":"o"}"#;

/// A house that knows the account's secret, and a key that may log users in.
async fn house() -> (Forwarding, String) {
    house_with(|_| Plan::json(SESSION)).await
}

async fn house_with(
    script: impl Fn(&Seen) -> Plan + Send + Sync + 'static,
) -> (Forwarding, String) {
    let it = Forwarding::to(script).await;
    let account = Account::new(KEPT.parse().unwrap(), Secret::from("ApP+SeCrEt"), now());
    it.house.directory.put_account(&account, None).await.unwrap();
    let key = it.house.key_with(&[Right::Gateway, Right::SecretLogin], only(KEPT), |_| {}).await;
    (it, key)
}

async fn get(it: &Forwarding, target: &str, lines: &str) -> Answer {
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
    it.exchange(head.as_bytes()).await
}

#[tokio::test]
async fn the_app_secret_takes_the_place_of_the_key_and_every_other_byte_stays() {
    let (it, key) = house().await;
    for path in ["/sns/jscode2session", "/sns/oauth2/access_token"] {
        let target =
            format!("{path}?js_code=%30&&secret={key}&appid={KEPT}&grant_type=authorization_code");
        assert_eq!(get(&it, &target, "").await.text(), SESSION);
        let sent = it.wechat.seen().last().unwrap().target().to_owned();
        assert_eq!(sent, target.replace(&key, "ApP%2BSeCrEt"));
    }
    let head = format!("Authorization: Bearer {key}\r\n");
    let target = format!("/sns/jscode2session?appid={KEPT}&secret=&js_code=1");
    assert_eq!(get(&it, &target, &head).await.text(), SESSION);
    assert_eq!(it.house.upstream.calls(), 0, "no token is needed for it");
    assert!(!crate::house::logs().contains("ApP+SeCrEt"));
}

#[tokio::test]
async fn a_redirect_does_not_tell_the_secret() {
    let (it, key) = house_with(|seen| {
        let line = format!("Location: http://elsewhere{}\r\n", seen.target());
        Plan::raw(format!("HTTP/1.1 302 Found\r\n{line}Content-Length: 0\r\n\r\n"))
    })
    .await;
    let answer = get(&it, &format!("/sns/jscode2session?secret={key}&appid={KEPT}"), "").await;
    assert_eq!(answer.status, 302, "and it is not followed");
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("http://elsewhere/sns/jscode2session?secret=&appid={KEPT}"));
    assert_eq!(it.wechat.seen().len(), 1);
}

#[tokio::test]
async fn a_key_that_is_not_good_for_it_is_a_wrong_secret_or_not_allowed() {
    let (it, key) = house().await;
    let of = |appid: &str, secret: &str| {
        format!("/sns/jscode2session?appid={appid}&secret={secret}&js_code=1")
    };
    for (target, errcode, error) in [
        (of(KEPT, "lp_1_nobody"), 40125, "key-unknown"),
        (of(KEPT, "ApP%2BSeCrEt"), 40125, "key-unknown"),
        (of(KEPT, &it.key), 990_102, "right-missing"),
        (of(OTHER, &key), 990_102, "account-forbidden"),
        (format!("/sns/jscode2session?appid={KEPT}"), 990_100, "parameter-missing"),
        (format!("{}&secret=x", of(KEPT, &key)), 990_107, "query-unreadable"),
        (format!("{}&%61ppid={OTHER}", of(KEPT, &key)), 990_107, "query-unreadable"),
    ] {
        let answer = get(&it, &target, "").await;
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (json["errcode"].as_i64(), answer.header("x-lingpai-error")),
            (Some(errcode), Some(error))
        );
    }
    assert!(it.wechat.seen().is_empty());
}

#[tokio::test]
async fn clearing_the_quota_with_the_secret_needs_the_right_to_clear_it() {
    let (it, key) = house().await;
    let target = |key: &str| format!("/cgi-bin/clear_quota/v2?appid={KEPT}&appsecret={key}");
    assert_eq!(get(&it, &target(&key), "").await.error(), "right-missing");
    let may = it.house.key_with(&[Right::Gateway, Right::QuotaClear], only(KEPT), |_| {}).await;
    assert_eq!(get(&it, &target(&may), "").await.text(), SESSION);
    assert!(it.wechat.only().target().ends_with("&appsecret=ApP%2BSeCrEt"));
}

#[tokio::test]
async fn of_clear_quota_appid_and_secret_may_stand_in_the_body_too() {
    let (it, key) = house().await;
    let may = it.house.key_with(&[Right::Gateway, Right::QuotaClear], only(KEPT), |_| {}).await;
    let post = async |body: &str| {
        let head = "POST /cgi-bin/clear_quota/v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
        let length = body.len();
        it.exchange(format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes()).await
    };
    let with = |key: &str| format!(r#"{{"appid":"{KEPT}","appsecret":"{key}"}}"#);
    assert_eq!(post(&with(&may)).await.text(), SESSION);
    let seen = it.wechat.only();
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(sent, serde_json::json!({"appid": KEPT, "appsecret": "ApP+SeCrEt"}));
    assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
    assert_eq!(seen.target(), "/cgi-bin/clear_quota/v2");
    for (body, error) in [
        (with(&key), "right-missing"),
        (with("lp_1_nobody"), "key-unknown"),
        (format!(r#"{{"appid":"{KEPT}"}}"#), "parameter-missing"),
        ("appid".to_owned(), "body-unreadable"),
        (String::new(), "body-unreadable"),
    ] {
        assert_eq!(post(&body).await.header("x-lingpai-error"), Some(error), "{body}");
    }
    assert_eq!(it.wechat.seen().len(), 1);
}
