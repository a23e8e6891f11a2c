//! The native API of sinks: how they stand, whether one could be written to, and a delivery now. For an admin of all accounts.

use std::net::IpAddr;

use http::request::Parts;
use http::{Response, StatusCode};
use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::Right;
use lingpai_core::{AccountId, CredentialId, Generation, Timestamp};
use serde::Serialize;

use super::{Courier, Put};
use crate::answer::{self, Body};
use crate::failures;
use crate::language::{self, Language, either, say};
use crate::native::caller;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::Serving;

#[derive(Serialize)]
struct SinksAnswer {
    sinks: Vec<SinkAnswer>,
}

/// How it stands with a sink. Never the token, nor the URL of a webhook, which may hold a key.
#[derive(Serialize)]
struct SinkAnswer {
    name: String,
    account: AccountId,
    kind: &'static str,
    target: String,
    /// `current`, `behind`, `failing`, or `waiting` where there is no token.
    state: &'static str,
    /// For how many seconds it has lacked the newest token.
    lag: u64,
    /// The last token that is known to be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
    #[serde(serialize_with = "answer::rfc_3339_if_any", skip_serializing_if = "Option::is_none")]
    delivered_at: Option<Timestamp>,
    written: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

#[derive(Serialize)]
struct DoneAnswer {
    /// `ready`, `written`, `kept`, `newer`, `waiting` or `failed`.
    outcome: &'static str,
    explanation: String,
}

/// `GET /v1/sinks`.
pub(crate) async fn list(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    serving.admit_everywhere(caller("GET", head, peer)?, Right::Admin).await?;
    let (now, language) = (serving.registry.clock().now().instant, language::wanted(&head.headers));
    let couriers = serving.sinks.all();
    let sinks = couriers.iter().map(|courier| SinkAnswer::new(courier, now, language)).collect();
    Ok(language::said(language, StatusCode::OK, &SinksAnswer { sinks }))
}

/// `POST /v1/sinks/{name}/test`: whether a token could be put there. Puts none there.
pub(crate) async fn test(
    serving: &Serving,
    name: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let by = serving.admit_everywhere(caller("POST", head, peer)?, Right::Admin).await?;
    let courier = serving.sinks.named(name).ok_or(Refusal::SinkUnknown)?;
    let language = Query::of(head).language(head)?;
    serving.did(&by, peer, Some(of(&courier)), Deed::new(Action::SinkTested).to(name));
    let answer = match courier.sink.place.probe().await {
        Ok(()) => DoneAnswer {
            outcome: "ready",
            explanation: either(language, "Tokens can be put there.", "可以投递。").to_owned(),
        },
        Err(why) => failed(language, &why),
    };
    Ok(language::said(language, StatusCode::OK, &answer))
}

/// `POST /v1/sinks/{name}/sync`: delivers the current token now.
pub(crate) async fn sync(
    serving: &Serving,
    name: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let by = serving.admit_everywhere(caller("POST", head, peer)?, Right::Admin).await?;
    let courier = serving.sinks.named(name).ok_or(Refusal::SinkUnknown)?;
    let language = Query::of(head).language(head)?;
    serving.did(&by, peer, Some(of(&courier)), Deed::new(Action::SinkSynced).to(name));
    courier.sink.place.forget();
    let (outcome, explanation) = match courier.deliver(&serving.registry).await {
        Ok(Some(Put::Written)) => {
            ("written", either(language, "The token was put there.", "凭据已投递。"))
        }
        Ok(Some(Put::Kept)) => {
            ("kept", either(language, "The token was there already.", "凭据已经在那里，无需投递。"))
        }
        Ok(Some(Put::Newer)) => (
            "newer",
            either(
                language,
                "A newer token is there, which another node put there. It was left as it is.",
                "那里已有其他节点投递的更新的凭据，保持不变。",
            ),
        ),
        Ok(None) => (
            "waiting",
            either(
                language,
                "There is no token of the account now: see `lingpai status`.",
                "该账号目前没有凭据，见 `lingpai status`。",
            ),
        ),
        Err(why) => {
            let answer = failed(language, &why);
            return Ok(language::said(language, StatusCode::OK, &answer));
        }
    };
    let answer = DoneAnswer { outcome, explanation: explanation.to_owned() };
    Ok(language::said(language, StatusCode::OK, &answer))
}

/// Whose token it is sent.
fn of(courier: &Courier) -> CredentialId {
    CredentialId::access_token(courier.sink.account.clone())
}

fn failed(language: Language, why: &str) -> DoneAnswer {
    let why = failures::cause(why, language);
    let explanation = say!(language, "It does not work: {why}", "失败：{why}");
    DoneAnswer { outcome: "failed", explanation }
}

impl SinkAnswer {
    fn new(courier: &Courier, now: lingpai_core::Instant, language: Language) -> Self {
        let lag = courier.lag(now).as_secs();
        let state = courier.lock().clone();
        let standing = match (&state.failure, state.current) {
            (Some(_), _) => "failing",
            (None, None) => "waiting",
            (None, Some((generation, _))) if state.there == Some(generation) => "current",
            (None, Some(_)) => "behind",
        };
        Self {
            name: courier.sink.name.clone(),
            account: courier.sink.account.clone(),
            kind: courier.sink.place.kind(),
            target: courier.sink.place.target(),
            state: standing,
            lag,
            generation: state.there,
            delivered_at: state.there_at,
            written: state.written,
            failed: state.failed,
            failure: state.failure.map(|why| failures::cause(&why, language).into_owned()),
        }
    }
}
