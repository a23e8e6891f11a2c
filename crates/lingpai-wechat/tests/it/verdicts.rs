//! What a trial of a token finds.

use lingpai_core::{Mode, Verdict};
use lingpai_wechat::wire::TransportError;

use crate::support::{InProcess, token};

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
