//! What the issuers send.

use bytes::Bytes;
use http::{Method, Request, header};
use lingpai_core::{Mode, Renewal, Verdict, Way};
use serde_json::{Value, json};

use crate::support::{InProcess, SECRET, Server, TOKEN, issuer_at, start, success, token};

async fn sent(mode: Mode, way: Way) -> Request<Bytes> {
    let transport = InProcess::answering(success());
    let issued = transport.issuer(mode).issue(way, None).await.unwrap();
    assert_eq!(issued.value.expose(), TOKEN);
    transport.seen.lock().unwrap().remove(0)
}

#[tokio::test]
async fn stable_mode_posts_json_with_its_length() {
    for (mode, way, force) in [
        (Mode::Stable, Way::Primary, false),
        (Mode::Stable, Way::Forced, true),
        (Mode::Classic, Way::Fallback, false),
    ] {
        let request = sent(mode, way).await;
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "https://api.weixin.qq.com/cgi-bin/stable_token");
        assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(request.headers()[header::CONTENT_LENGTH], request.body().len().to_string());
        assert_eq!(
            serde_json::from_slice::<Value>(request.body()).unwrap(),
            json!({
                "grant_type": "client_credential",
                "appid": "wx5a0db0c0ffee0001",
                "secret": SECRET,
                "force_refresh": force,
            })
        );
    }
}

#[tokio::test]
async fn classic_mode_gets_with_everything_in_the_query() {
    let request = sent(Mode::Classic, Way::Primary).await;
    assert_eq!(request.method(), Method::GET);
    assert!(request.body().is_empty());
    let query = format!("grant_type=client_credential&appid=wx5a0db0c0ffee0001&secret={SECRET}");
    assert_eq!(request.uri().path_and_query().unwrap(), &*format!("/cgi-bin/token?{query}"));
}

#[tokio::test]
async fn a_trial_carries_the_token_in_the_query() {
    let transport = InProcess::answering(r#"{"ip_list":[]}"#);
    assert_eq!(transport.issuer(Mode::Stable).check(&token()).await, Verdict::Accepted);
    let request = transport.seen.lock().unwrap().remove(0);
    let target = format!("/cgi-bin/getcallbackip?access_token={TOKEN}");
    assert_eq!(request.uri().path_and_query().unwrap(), &*target);
}

#[test]
fn the_families_renew_as_wechat_says() {
    let transport = InProcess::answering("");
    let stable = transport.issuer(Mode::Stable).profile();
    assert!(matches!(stable.primary, Renewal::Windowed { window, .. } if window.as_secs() == 300));
    assert_eq!(
        stable.forced.map(|limits| (limits.spacing.as_secs(), limits.per_day)),
        Some((30, 20))
    );
    assert_eq!(stable.fallback, None);
    let classic = transport.issuer(Mode::Classic).profile();
    assert!(classic.primary.is_minting());
    assert_eq!(classic.primary.overlap().as_secs(), 300);
    assert_eq!(classic.forced, None);
    assert_eq!(classic.fallback, Some(stable.primary));
}

#[tokio::test]
async fn a_base_url_with_a_path_goes_before_every_path() {
    const BODY: &str = r#"{"access_token":"x","expires_in":7200}"#;
    let (base, seen) = start(Server::Answers(BODY)).await;
    let base = format!("{base}/wx/").parse().unwrap();
    issuer_at(vec![base], Default::default()).issue(Way::Primary, None).await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("POST /wx/cgi-bin/stable_token HTTP/1.1\r\n"), "{}", seen[0]);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    const BODY: &str = r#"{"access_token":"x","expires_in":7200}"#;
    let (base, seen) = start(Server::Answers(BODY)).await;
    let issuer = issuer_at(vec![base], Default::default());
    for _ in 0..3 {
        issuer.issue(Way::Primary, None).await.unwrap();
    }
    assert_eq!(seen.lock().unwrap().len(), 3);
}
