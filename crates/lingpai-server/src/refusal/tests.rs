//! Every refusal, as callers of either surface read it.

use std::fmt::Write as _;

use expect_test::expect_file;
use http::Response;
use http_body_util::BodyExt;
use lingpai_core::Keeping;
use lingpai_core::client::Right;
use lingpai_core::rotation::AskDenied;
use lingpai_core::{Class, CredentialId, Instant, StoreErrorKind};

use super::*;
use crate::answer::Body;
use crate::dropin::Call;
use crate::language::Language;

/// One of each, with what differs within it.
fn all() -> Vec<Refusal> {
    let whitelist = || {
        let mut failure =
            Failure::new(Class::NeedsPerson, "invalid ip 203.0.113.7, not in whitelist")
                .with_remedy(
                    "Add 203.0.113.7 to the account's IP whitelist (IP白名单) in WeChat's console.",
                );
        (failure.code, failure.request_id) = (Some(40164), Some("6aac-7ed0-1250".to_owned()));
        failure
    };
    let wrong_secret = || {
        let mut failure = Failure::new(Class::NeedsPerson, "invalid appsecret");
        failure.code = Some(40125);
        failure
    };
    let lost = || Failure::new(Class::Transient, "no answer within 7s");
    let no_token = |failure| {
        let credential = CredentialId::access_token("wx1".parse().unwrap());
        let retry_after = Duration::from_secs(15);
        Refusal::NoToken(Box::new(Unavailable { credential, failure, retry_after }))
    };
    let not_rotated = |error| Refusal::NotRotated(Box::new(error), Duration::from_secs(15));
    let until = Instant::from_millis(60_000);
    vec![
        Refusal::KeyMissing,
        Refusal::KeyUnknown,
        Refusal::Denied(Denied::Revoked),
        Refusal::Denied(Denied::Expired),
        Refusal::Denied(Denied::Right(Right::TokenRead)),
        Refusal::Denied(Denied::Account),
        Refusal::Denied(Denied::Network),
        Refusal::Denied(Denied::Domain),
        Refusal::AgentUnclear,
        Refusal::TicketUnknown,
        Refusal::NoTickets,
        Refusal::AccountUnknown,
        Refusal::PathUnknown,
        Refusal::MethodUnknown("POST"),
        Refusal::BodyTooLarge(65_536),
        Refusal::BodySlow,
        Refusal::BodyUnreadable(Bilingual::fixed(
            "the JSON object {\"access_token\": \"...\"}",
            " JSON 对象 {\"access_token\": \"...\"}",
        )),
        Refusal::QueryUnreadable("limit", Bilingual::fixed("a whole number", "整数")),
        Refusal::ParameterMissing(Parameter::AppId),
        Refusal::ParameterMissing(Parameter::Secret),
        Refusal::ParameterMissing(Parameter::CorpId),
        Refusal::ParameterMissing(Parameter::CorpSecret),
        Refusal::GrantType,
        Refusal::BodyWrong(Bilingual::fixed("`accounts` is empty", "`accounts` 是空的")),
        Refusal::KeyIdUnknown,
        Refusal::SomeAccountsOnly,
        Refusal::NoRandomness,
        Refusal::AccountExists,
        Refusal::AccountConfigured("/etc/lingpai.toml".to_owned()),
        Refusal::SecretRefused(Box::new(wrong_secret())),
        Refusal::AccountsFixed,
        Refusal::ChangePending,
        Refusal::Store(StoreError::new(StoreErrorKind::Unavailable, "the disk is full")),
        not_rotated(RotateError::Denied(AskDenied::NotFetched(Keeping::Paused))),
        not_rotated(RotateError::Denied(AskDenied::TooSoon(until))),
        not_rotated(RotateError::Denied(AskDenied::BudgetSpent { used: 1500, until })),
        not_rotated(RotateError::Failed(whitelist())),
        no_token(whitelist()),
        no_token(wrong_secret()),
        no_token(lost()),
        Refusal::Pending,
        Refusal::PushRefused,
        Refusal::PushNotTaken,
        Refusal::PushUnknown,
        Refusal::AlertUnknown,
        Refusal::SinkUnknown,
        Refusal::NoPlatform,
        Refusal::SessionUnknown,
        Refusal::SessionLimited,
        Refusal::LoginLocked(Duration::from_secs(30)),
    ]
}

/// The status, the headers that say something, and the body.
async fn shown(response: Response<Body>) -> String {
    let (head, body) = response.into_parts();
    let mut text = format!("{}\n", head.status);
    for (name, value) in &head.headers {
        if !["content-type", "cache-control", "vary"].contains(&name.as_str()) {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
    }
    let body = body.collect().await.unwrap().to_bytes();
    text + std::str::from_utf8(&body).unwrap() + "\n"
}

/// They were read; a change is to be read again. `UPDATE_EXPECT=1` writes them anew.
#[tokio::test]
async fn every_refusal_as_callers_read_it() {
    let mut text = String::new();
    for refusal in all() {
        let (english, chinese) = (Language::English, Language::Chinese);
        let (english, chinese) = (refusal.native(english), refusal.native(chinese));
        let (english, chinese) = (shown(english).await, shown(chinese).await);
        let wechat = shown(refusal.wechat()).await;
        writeln!(text, "---- {}\n{english}\n{chinese}\n{wechat}", refusal.code()).unwrap();
        let wecom = shown(refusal.wecom(Call::Gettoken)).await;
        if wecom != wechat {
            writeln!(text, "{wecom}").unwrap();
        }
    }
    expect_file!["../../tests/snapshots/refusals.txt"].assert_eq(&text);
}
