//! Nothing that can be printed holds a secret or a token.

use lingpai_core::{Mode, Way};
use lingpai_wechat::wire::{BaseUrl, Settings, TransportError};

use crate::support::{InProcess, SECRET, TOKEN, success, token};

fn assert_clean(printed: &str) {
    assert!(!printed.contains(SECRET) && !printed.contains(TOKEN), "{printed}");
}

#[tokio::test]
async fn no_failure_holds_a_secret_or_a_token() {
    let echo = format!("{SECRET} {TOKEN}");
    let bodies = [
        format!(r#"{{"errcode":40125,"errmsg":"{echo}"}}"#),
        format!(r#"{{"errcode":-1,"errmsg":"{echo}"}}"#),
        format!(r#"{{"errcode":40001,"errmsg":"{TOKEN}"}}"#),
        format!(r#"{{"errcode":"{SECRET}"}}"#),
        format!(r#"{{"access_token":"{TOKEN}","expires_in":"{SECRET}"}}"#),
        format!(r#"{{"access_token":"{TOKEN}"}}"#),
        success()[..50].to_owned(),
        format!("<html>{echo}</html>"),
        echo.clone(),
    ];
    for body in bodies {
        for mode in [Mode::Stable, Mode::Classic] {
            let issuer = InProcess::answering(&body).issuer(mode);
            assert_clean(&format!("{issuer:?} {:?}", issuer.check(&token()).await));
            // Where the upstream gives away a token that it was not sent, only its shape tells, and
            // this one is too short to have it.
            let failure = issuer.issue(Way::Primary, None).await.unwrap_err();
            assert!(!format!("{failure} {failure:?}").contains(SECRET), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn a_transport_that_repeats_the_request_is_masked() {
    let transport = InProcess::new(|request| {
        let story = format!("cannot send {} {:?}", request.uri(), request.body());
        Some(Err(TransportError::lost("cut").caused_by(story)))
    });
    for mode in [Mode::Stable, Mode::Classic] {
        let issuer = transport.issuer(mode);
        let failure = issuer.issue(Way::Primary, None).await.unwrap_err();
        assert!(failure.message.contains("***"), "{failure}");
        assert_clean(&format!("{failure} {failure:?} {:?}", issuer.check(&token()).await));
    }
}

#[tokio::test]
async fn an_issuer_prints_its_appid_and_no_secret() {
    let issuer = InProcess::answering(success()).issuer(Mode::Stable);
    assert_eq!(
        format!("{issuer:?}"),
        r#"AccessToken { appid: AccountId("wx5a0db0c0ffee0001"), mode: Stable, .. }"#
    );
    let issued = issuer.issue(Way::Primary, None).await.unwrap();
    assert_clean(&format!("{issued:?}"));
}

#[test]
fn a_base_url_that_cannot_be_used_is_refused_without_repeating_it() {
    for (url, why) in [
        ("https://user:hunter2@proxy", "password"),
        ("ftp://hunter2", "must begin with"),
        ("hunter2:80", "scheme"),
        ("https://proxy/?key=hunter2", "before any ?"),
        ("https://proxy/#hunter2", "before any ?"),
        ("https://hunter2 proxy", "not a URL"),
        ("", "not a URL"),
    ] {
        let error = url.parse::<BaseUrl>().unwrap_err().to_string();
        assert!(error.contains(why), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(Settings::default().hosts.is_empty());
}
