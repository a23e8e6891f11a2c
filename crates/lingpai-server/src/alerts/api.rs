//! The native API of alerts: how they stand, and a message to try one. For an admin of all accounts.

use std::net::IpAddr;

use http::request::Parts;
use http::{Response, StatusCode};
use lingpai_core::Timestamp;
use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::Right;
use serde::Serialize;
use serde_json::json;

use super::Courier;
use crate::answer::{self, Body};
use crate::language::{self, Language, either, say};
use crate::native::caller;
use crate::outbound;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::Serving;

#[derive(Serialize)]
struct AlertsAnswer {
    alerts: Vec<AlertAnswer>,
}

/// How it stands with an alert: neither its secret nor its URL, which may hold one.
#[derive(Serialize)]
struct AlertAnswer {
    name: String,
    robot: &'static str,
    host: String,
    /// Problems that were told and are not known to be solved.
    firing: usize,
    /// What waits to be told.
    waiting: usize,
    sent: u64,
    failed: u64,
    #[serde(serialize_with = "answer::rfc_3339_if_any", skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// Whether a message is tried again.
    retrying: bool,
}

#[derive(Serialize)]
struct TestAnswer {
    outcome: &'static str,
    explanation: String,
}

/// `GET /v1/alerts`.
pub(crate) async fn list(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    serving.admit_everywhere(caller("GET", head, peer)?, Right::Admin).await?;
    let language = Query::of(head).language(head)?;
    let couriers = serving.alerts.couriers.load_full();
    let alerts = couriers.iter().map(|courier| AlertAnswer::new(courier, language)).collect();
    Ok(language::said(language, StatusCode::OK, &AlertsAnswer { alerts }))
}

/// `POST /v1/alerts/{name}/test`: sends a message now, and says what came of it.
pub(crate) async fn test(
    serving: &Serving,
    name: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let by = serving.admit_everywhere(caller("POST", head, peer)?, Right::Admin).await?;
    let courier = serving.alerts.named(name).ok_or(Refusal::AlertUnknown)?;
    serving.did(&by, peer, None, Deed::new(Action::AlertTested).to(name));
    let spoken = courier.alert.load().language;
    let told = (
        either(spoken, "Lingpai: a test", "Lingpai：测试").to_owned(),
        say!(
            spoken,
            "This is a test of the alert {name}. Nothing has happened.",
            "这是告警 {name} 的测试消息，没有发生任何问题。"
        ),
        json!([]),
    );
    let now = serving.registry.clock().wall();
    let language = Query::of(head).language(head)?;
    let answer = match courier.send(&told, now).await {
        Ok(()) => TestAnswer {
            outcome: "sent",
            explanation: either(
                language,
                "The receiver took the message.",
                "接收方已接受这条消息。",
            )
            .to_owned(),
        },
        Err(why) => TestAnswer {
            outcome: "failed",
            explanation: say!(
                language,
                "The message was not taken: {why}. Check `url` and `secret` of the alert, and what the robot allows.",
                "消息没有送达：{why}。请检查该告警的 `url` 和 `secret`，以及机器人的安全设置。",
                why = why.text(language)
            ),
        },
    };
    Ok(language::said(language, StatusCode::OK, &answer))
}

impl AlertAnswer {
    fn new(courier: &Courier, language: Language) -> Self {
        let state = courier.lock();
        let (firing, waiting) = state.board.counts();
        let alert = courier.alert.load();
        Self {
            name: alert.name.clone(),
            robot: alert.robot.as_str(),
            host: outbound::host_of(&alert.url),
            firing,
            waiting,
            sent: state.sent,
            failed: state.failed,
            sent_at: state.sent_at,
            failure: state.failure.as_ref().map(|why| why.text(language).to_owned()),
            retrying: state.outgoing.is_some(),
        }
    }
}
