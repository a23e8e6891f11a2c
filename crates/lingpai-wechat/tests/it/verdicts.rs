//! What a trial of a token finds, and one of a secret.

use lingpai_core::{Mode, Verdict};
use lingpai_wechat::wire::TransportError;

use crate::support::{InProcess, account, success, token};

async fn verdict(body: &str) -> Verdict {
    InProcess::answering(body).issuer(Mode::Stable).check(&token()).await
}

#[tokio::test]
async fn a_list_of_addresses_accepts_the_token() {
    assert_eq!(verdict(r#"{"ip_list":["101.226.103.0/25"]}"#).await, Verdict::Accepted);
}

#[tokio::test]
async fn the_codes_of_a_bad_token_refuse_it() {
    for code in [40001, 40014, 42001] {
        let found = verdict(&format!(r#"{{"errcode":{code},"errmsg":"no"}}"#)).await;
        assert!(
            matches!(&found, Verdict::Refused(failure) if failure.code == Some(code)),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn everything_else_says_nothing_about_the_token() {
    for body in [
        r#"{"errcode":40164,"errmsg":"invalid ip"}"#,
        r#"{"errcode":-1,"errmsg":"system error"}"#,
        r#"{"errcode":45009,"errmsg":"quota"}"#,
        r#"{"errcode":41001,"errmsg":"access_token missing"}"#,
        r#"{"errcode":99999,"errmsg":"new"}"#,
        "<html>",
        "",
        "{}",
    ] {
        let found = verdict(body).await;
        assert!(matches!(found, Verdict::Inconclusive(_)), "{body}: {found:?}");
    }
    let cut = InProcess::new(|_| Some(Err(TransportError::lost("cut"))));
    let found = cut.issuer(Mode::Stable).check(&token()).await;
    assert!(matches!(found, Verdict::Inconclusive(_)), "{found:?}");
}

#[tokio::test]
async fn a_secret_is_tried_in_the_stable_family_and_never_by_force_whatever_the_mode() {
    for mode in [Mode::Stable, Mode::Classic] {
        let wechat = InProcess::answering(success());
        assert_eq!(wechat.wechat().try_secret(&account(mode)).await, Verdict::Accepted);
        let seen = wechat.seen.lock().unwrap();
        let body = String::from_utf8_lossy(seen[0].body()).into_owned();
        assert_eq!((seen.len(), seen[0].uri().path()), (1, "/cgi-bin/stable_token"));
        assert!(body.contains(r#""force_refresh":false"#), "{body}");
    }
}

#[tokio::test]
async fn a_secret_is_refused_by_the_codes_that_blame_it_and_by_no_other() {
    for (code, blames) in
        [(40001, true), (40125, true), (40013, true), (40243, true), (40164, false), (-1, false)]
    {
        let wechat = InProcess::answering(format!(r#"{{"errcode":{code},"errmsg":"no"}}"#));
        let found = wechat.wechat().try_secret(&account(Mode::Classic)).await;
        assert_eq!(matches!(found, Verdict::Refused(_)), blames, "{code}: {found:?}");
        assert_ne!(found, Verdict::Accepted);
    }
}
