//! The native API: proper HTTP statuses, a key in the `Authorization` header, answers that say more than WeChat's.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, ETAG, IF_NONE_MATCH, InvalidHeaderValue};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::{Denied, Right};
use lingpai_core::keeper::{Outcome, RotateError};
use lingpai_core::rotation::AskDenied;
use lingpai_core::span::Sort;
use lingpai_core::{CredentialId, Generation, Kind, Secret, Timestamp, TokenRef};
use lingpai_wechat::kinds;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::answer::{self, Body};
use crate::console::Session;
use crate::language::{self, Bilingual, Language, either};
use crate::refusal::Refusal;
use crate::serving::{Admitted, Caller, Served, Serving};
use crate::{foreseen, leak, object, strays, traces};

/// A token as the native API shows it.
#[derive(Serialize)]
struct TokenAnswer<'a> {
    account: &'a str,
    kind: &'a str,
    access_token: &'a str,
    generation: Generation,
    #[serde(serialize_with = "answer::rfc_3339")]
    issued_at: Timestamp,
    #[serde(serialize_with = "answer::rfc_3339")]
    expires_at: Timestamp,
    /// Whole seconds.
    expires_in: u64,
}

/// What is answered to a report.
#[derive(Serialize)]
struct ReportAnswer<'a> {
    outcome: &'static str,
    explanation: &'static str,
    /// Only for a key that may read tokens too.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    token: Option<TokenAnswer<'a>>,
}

/// A report.
#[derive(Deserialize)]
struct Report {
    access_token: Secret,
}

/// `?wait=30s&after=7`: answer as soon as there is another token than that of generation 7, or when 30 s have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Poll {
    wait: Duration,
    /// Absent where `If-None-Match` says which token the caller has.
    after: Option<Generation>,
}

/// `GET /v1/accounts/{account}/token`.
pub(crate) async fn token(
    serving: &Serving,
    account: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("GET", head, peer)?;
    match give(serving, account, head, caller, (&Kind::ACCESS_TOKEN, Right::TokenRead)).await {
        // A platform has no access_token, and its own token has a right of its own.
        Err(refusal @ (Refusal::AccountUnknown | Refusal::Denied(Denied::Right(_)))) => {
            let other = account.parse().ok().map(|account| serving.carried(account).kind);
            let other = other.filter(|kind| *kind != Kind::ACCESS_TOKEN);
            match other.as_ref().and_then(|kind| Some((kind, kinds::right_to_see(kind)?))) {
                Some(other) => Box::pin(give(serving, account, head, caller, other)).await,
                None => Err(refusal),
            }
        }
        outcome => outcome,
    }
}

/// Answers with the token of this kind to who has this right.
async fn give(
    serving: &Serving,
    account: &str,
    head: &Parts,
    caller: Caller<'_>,
    (kind, right): (&Kind, Right),
) -> Result<Response<Body>, Refusal> {
    let Admitted { mut credential, key, .. } = serving.admit(caller, right, account).await?;
    credential.kind = kind.clone();
    let mut span = serving.follow(traces::READ, &head.headers);
    span.is_about(&credential);
    span.set("lingpai.key", || serving.keys.id_of(&key));
    let tags = head.headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let poll = Poll::read(head.uri.query(), tags.is_some())?;
    let known = Known { tags, after: poll.and_then(|poll| poll.after) };
    let mut served = span.within("token", Sort::Internal, serving.current(&credential)).await?;
    if let Some(poll) = poll
        && known.includes(Tag::of(&served.token))
    {
        let generation = served.token.generation;
        drop(served);
        Box::pin(wait(serving, caller, &credential, generation, poll.wait)).await?;
        // The key may have been revoked meanwhile.
        serving.admit(caller, right, account).await?;
        served = serving.current(&credential).await?;
    }
    let mut response = if known.includes(Tag::of(&served.token)) {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        serving.trail.read(&serving.registry, caller, &credential);
        answer::json(StatusCode::OK, &TokenAnswer::new(&credential, &served))
    };
    if let Ok(tag) = Tag::of(&served.token).quoted() {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

/// `POST /v1/accounts/{account}/token/report-invalid`.
pub(crate) async fn report_invalid(
    serving: &Arc<Serving>,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    const EXPECTED: Bilingual = Bilingual::fixed(
        "the JSON object {\"access_token\": \"...\"} with the token that was refused",
        " JSON 对象 {\"access_token\": \"...\"}，其中是被拒绝的凭据",
    );
    let caller = caller("POST", head, peer)?;
    let admitted = serving.admit(caller, Right::TokenReport, account).await?;
    let credential = &serving.carried(admitted.credential.account);
    let may_read = admitted.may_read && credential.kind == Kind::ACCESS_TOKEN;
    let keeper = serving.keeper(credential)?;
    let body = serving.body(body).await?;
    let report: Report = object::read(&body).map_err(|_| Refusal::BodyUnreadable(EXPECTED))?;
    let waited =
        timeout(serving.limits.token_wait, keeper.report_invalid(report.access_token.expose()));
    let reported = waited.await.map_err(|_| Refusal::Pending)??;
    if reported.outcome == Outcome::Replaced {
        strays::noticed(serving, &admitted.key, &credential.account, report.access_token);
    }
    let served = serving.served(reported.token);
    let language = language::wanted(&head.headers);
    let (outcome, explanation) = told(reported.outcome, language);
    let token = may_read.then(|| TokenAnswer::new(credential, &served));
    Ok(language::said(language, StatusCode::OK, &ReportAnswer { outcome, explanation, token }))
}

/// `POST /v1/accounts/{account}/token/rotate`.
pub(crate) async fn rotate(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("POST", head, peer)?;
    let admitted = serving.admit(caller, Right::TokenRotate, account).await?;
    let credential = serving.carried(admitted.credential.account);
    let may_read = admitted.may_read && credential.kind == Kind::ACCESS_TOKEN;
    let keeper = serving.keeper(&credential)?;
    let wanted = leak::Wanted::read(&serving.body(body).await?)?;
    let language = language::wanted(&head.headers);
    let did = |action| serving.did(&caller.hash, peer, Some(credential.clone()), Deed::new(action));
    if wanted.compromised {
        let answer = leak::answer(serving, &keeper, &wanted, language)?;
        if !wanted.dry_run {
            did(Action::TokensEnded);
        }
        return Ok(answer);
    }
    let not_rotated = |error| {
        let now = serving.registry.clock().now().instant;
        let retry_after = match error {
            RotateError::Denied(AskDenied::TooSoon(at)) => at.since(now),
            RotateError::Denied(AskDenied::BudgetSpent { until, .. }) => until.since(now),
            RotateError::Denied(AskDenied::NotFetched(_)) | RotateError::Failed(_) => {
                Duration::ZERO
            }
        };
        Refusal::NotRotated(Box::new(error), retry_after)
    };
    if wanted.dry_run {
        let foresight = keeper.foresee().map_err(not_rotated)?;
        return Ok(foreseen::answer(&keeper, foresight, language));
    }
    let before = keeper.token().map(|token| token.generation);
    let rotated = timeout(serving.limits.token_wait, keeper.rotate()).await;
    let token = rotated.map_err(|_| Refusal::Pending)?.map_err(not_rotated)?;
    did(Action::TokenRotated);
    let served = serving.served(token);
    let token = may_read.then(|| TokenAnswer::new(&credential, &served));
    let either = |english, chinese| either(language, english, chinese);
    let (outcome, explanation) = if before == Some(served.token.generation) {
        (
            "repeated",
            either(
                "WeChat gave the same token again: in stable mode it does so until the last five minutes. If it is refused, \
                 report it as invalid.",
                "微信返回的仍是同一个凭据：稳定版(stable)模式下，最后五分钟之前都是如此。如果它被拒绝，请报告它失效。",
            ),
        )
    } else {
        (
            "rotated",
            either("The token was replaced. Use the new one.", "凭据已更换，请使用新的凭据。"),
        )
    };
    Ok(language::said(language, StatusCode::OK, &ReportAnswer { outcome, explanation, token }))
}

/// Waits for a later generation than this, at most for the time that was asked for. Ends early when the server does, and
/// when the key is not good any more.
async fn wait(
    serving: &Serving,
    caller: Caller<'_>,
    credential: &CredentialId,
    known: Generation,
    time: Duration,
) -> Result<(), Refusal> {
    let keeper = serving.keeper(credential)?;
    let mut stopping = serving.stopping.clone();
    let mut keys = serving.keys.changes();
    let revoked = async {
        let account = credential.account.as_str();
        while keys.changed().await.is_ok() {
            serving.admit(caller, Right::TokenRead, account).await?;
        }
        Ok::<_, Refusal>(())
    };
    tokio::select! {
        token = keeper.later_than(known) => drop(token),
        _ = stopping.wait_for(|stopping| *stopping) => {}
        () = tokio::time::sleep(time.min(serving.limits.poll)) => {}
        outcome = revoked => outcome?,
    }
    Ok(())
}

impl<'a> TokenAnswer<'a> {
    fn new(credential: &'a CredentialId, served: &'a Served) -> Self {
        let token = &served.token;
        Self {
            account: credential.account.as_str(),
            kind: credential.kind.as_str(),
            access_token: token.value.expose(),
            generation: token.generation,
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            expires_in: served.left.as_secs(),
        }
    }
}

impl Poll {
    /// What the query asks for, if it asks to wait. Which token the caller has must be said, here or in `If-None-Match`.
    fn read(query: Option<&str>, has_tags: bool) -> Result<Option<Self>, Refusal> {
        const WAIT: Refusal = Refusal::QueryUnreadable(
            "wait",
            Bilingual::fixed(
                "a whole number of seconds, such as `wait=30s`",
                "整数秒，如 `wait=30s`",
            ),
        );
        const AFTER: Refusal = Refusal::QueryUnreadable(
            "after",
            Bilingual::fixed(
                "the `generation` that you have, a whole number, whenever you send `wait` without If-None-Match",
                "你手上凭据的 `generation`，为整数；有 `wait` 而没有 If-None-Match 时必须给出",
            ),
        );
        let (mut wait, mut after) = (None, None);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "wait" => {
                    let seconds = value.strip_suffix('s').unwrap_or(&value).parse();
                    wait = Some(seconds.map(Duration::from_secs).map_err(|_| WAIT)?);
                }
                "after" => after = Some(value.parse().map(Generation).map_err(|_| AFTER)?),
                _ => {}
            }
        }
        match (wait, after) {
            (None, _) => Ok(None),
            (Some(_), None) if !has_tags => Err(AFTER),
            (Some(wait), after) => Ok(Some(Self { wait, after })),
        }
    }
}

/// The token that the caller says it has.
#[derive(Clone, Copy)]
struct Known<'a> {
    /// The tags in `If-None-Match`, which say more than a generation.
    tags: Option<&'a str>,
    after: Option<Generation>,
}

impl Known<'_> {
    fn includes(&self, current: Tag) -> bool {
        let Some(tags) = self.tags else { return self.after == Some(current.generation) };
        let current = current.to_string();
        tags.split(',').map(str::trim).any(|tag| {
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == current
        })
    }
}

/// What tells a token from every other. Its generation alone does not: when a store was lost, they begin anew.
#[derive(Clone, Copy)]
struct Tag {
    generation: Generation,
    fingerprint: u32,
}

impl Tag {
    fn of(token: &TokenRef) -> Self {
        Self { generation: token.generation, fingerprint: token.fingerprint_prefix() }
    }
}

impl Tag {
    /// As it stands in a header. Digit by digit, as this is in every answer.
    fn quoted(self) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut text = *b"\"00000000000000000000-00000000\"";
        let mut start = 21;
        let mut rest = self.generation.0;
        loop {
            start -= 1;
            text[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        for (place, digit) in text[22..30].iter_mut().rev().enumerate() {
            *digit = b"0123456789abcdef"[(self.fingerprint >> (4 * place)) as usize % 16];
        }
        start -= 1;
        text[start] = b'"';
        HeaderValue::from_bytes(&text[start..])
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}", self.generation, self.fingerprint)
    }
}

/// Whoever calls a route that knows one method only.
pub(crate) fn caller<'a>(
    method: &'static str,
    head: &'a Parts,
    peer: IpAddr,
) -> Result<Caller<'a>, Refusal> {
    if head.method != method {
        return Err(Refusal::MethodUnknown(method));
    }
    bearer(head, peer)
}

/// The key in the `Authorization` header, or the session that stands for it, and whence it came.
pub(crate) fn bearer(head: &Parts, peer: IpAddr) -> Result<Caller<'_>, Refusal> {
    if let Some(session) = head.extensions.get::<Session>() {
        return Ok(Caller::of_session(*session, peer));
    }
    let value = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match value.and_then(|value| value.split_at_checked("Bearer ".len())) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("Bearer ") => {
            Ok(Caller::new(key.trim(), peer))
        }
        _ => Err(Refusal::KeyMissing),
    }
}

fn told(outcome: Outcome, language: Language) -> (&'static str, &'static str) {
    let either = |english, chinese| either(language, english, chinese);
    match outcome {
        Outcome::Replaced => (
            "replaced",
            either(
                "That token is not the current one any more. Use the current one.",
                "那个凭据已不是当前凭据，请使用当前凭据。",
            ),
        ),
        Outcome::Rotated => (
            "rotated",
            either(
                "WeChat refused the token on a trial too, so it was replaced. Use the new one.",
                "经验证，微信确实拒绝这个凭据，已更换，请使用新的凭据。",
            ),
        ),
        Outcome::Accepted => (
            "accepted",
            either(
                "WeChat accepts the token, so the call that was refused is at fault: the wrong account, another kind of \
                 token (a user's, a component's), or a truncated value.",
                "经验证，微信接受这个凭据，问题在被拒绝的那次调用：账号不对、用了另一种凭据（如用户的或第三方平台的 \
                 access_token），或凭据被截断。",
            ),
        ),
        Outcome::Unknown => (
            "unknown",
            either(
                "The token could not be tried just now, so it stays. Report it again in half a minute if it is still \
                 refused.",
                "现在无法验证这个凭据，因此没有更换。如果仍被拒绝，请半分钟后再次报告。",
            ),
        ),
        Outcome::Refused => (
            "refused",
            either(
                "WeChat refused the token on a trial too, but it cannot be replaced yet. It is tried again by itself.",
                "经验证，微信确实拒绝这个凭据，但暂时换不到新的，会自动重试。",
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_says_how_long_and_after_what() {
        let poll = Poll { wait: Duration::from_secs(30), after: Some(Generation(7)) };
        assert_eq!(Poll::read(Some("wait=30s&x=1&after=7"), false).unwrap(), Some(poll));
        assert_eq!(Poll::read(Some("after=7&wait=30"), true).unwrap(), Some(poll));
        assert_eq!(Poll::read(Some("after=7"), false).unwrap(), None);
        let tagged = Poll { after: None, ..poll };
        assert_eq!(Poll::read(Some("wait=30s"), true).unwrap(), Some(tagged));
        for bad in ["wait=30s", "wait=x&after=7", "wait=-1&after=7", "wait=1s&after=x"] {
            assert!(Poll::read(Some(bad), false).is_err(), "{bad}");
        }
    }

    fn tag(generation: u64, fingerprint: u32) -> Tag {
        Tag { generation: Generation(generation), fingerprint }
    }

    #[test]
    fn a_tag_is_known_in_every_form_that_http_allows() {
        for tags in ["\"7-0000000a\"", "W/\"7-0000000a\"", "\"3-0\", \"7-0000000a\"", "*"] {
            assert!(Known { tags: Some(tags), after: None }.includes(tag(7, 10)), "{tags}");
        }
        for tags in ["\"77-0000000a\"", "\"7\"", "\"7-0000000b\"", ""] {
            assert!(!Known { tags: Some(tags), after: None }.includes(tag(7, 10)), "{tags}");
        }
    }

    #[test]
    fn a_tag_reads_alike_in_the_header_and_elsewhere() {
        for tag in [tag(0, 0), tag(7, 0x0123_abcd), tag(u64::MAX, u32::MAX), tag(10, 0xf)] {
            assert_eq!(tag.quoted().unwrap(), format!("\"{tag}\""));
        }
    }

    #[test]
    fn a_token_of_a_store_that_began_anew_is_not_taken_for_one_before_it() {
        let before = tag(7, 10).to_string();
        let (tags, after) = (Some(before.as_str()), Some(Generation(7)));
        assert!(Known { tags, after }.includes(tag(7, 10)));
        assert!(!Known { tags, after }.includes(tag(7, 11)));
        assert!(!Known { tags: None, after }.includes(tag(1, 11)));
    }
}
