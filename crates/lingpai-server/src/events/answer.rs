//! An event as it is shown: the JSON object that is the same in the stream, in the history and in alerts.

use std::borrow::Cow;
use std::net::IpAddr;

use lingpai_core::event::{Event, What};
use lingpai_core::issuer::Way;
use lingpai_core::journal::Position;
use lingpai_core::rotation::Reason;
use lingpai_core::token::Fingerprint;
use lingpai_core::{AccountId, Generation, Timestamp};
use serde::{Serialize, Serializer};

use super::words;
use crate::accounts::FailureAnswer;
use crate::answer;
use crate::language::Language;

/// For whom an event is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// What he reads.
    pub(crate) language: Language,
    /// Whether he is told whence clients call.
    pub(crate) whence: bool,
}

/// An event as the native API shows it. What does not belong to it is absent.
#[derive(Serialize)]
pub(crate) struct EventAnswer<'a> {
    #[serde(serialize_with = "position", skip_serializing_if = "Option::is_none")]
    id: Option<Position>,
    #[serde(serialize_with = "answer::rfc_3339")]
    at: Timestamp,
    event: &'a str,
    severity: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    node: &'a str,
    #[serde(flatten)]
    details: Details<'a>,
}

#[derive(Default, Serialize)]
struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<Way>,
    #[serde(serialize_with = "answer::rfc_3339_if_any", skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureAnswer>,
    /// Whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asks: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusals: Option<u32>,
    #[serde(serialize_with = "answer::rfc_3339_if_any", skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sink: Option<&'a str>,
}

impl<'a> EventAnswer<'a> {
    /// The event at this position, told to such a reader.
    pub(crate) fn new(event: &'a Event, id: Option<Position>, reader: Reader) -> Self {
        Self {
            id,
            at: event.at,
            event: event.what.name(),
            severity: event.what.severity().as_str(),
            text: words::sentence_for(event, reader),
            account: event.account(),
            kind: event.credential.as_ref().map(|credential| credential.kind.as_str()),
            node: event.node.as_str(),
            details: Details::of(&event.what, reader),
        }
    }
}

impl<'a> Details<'a> {
    fn of(what: &'a What, Reader { language, whence }: Reader) -> Self {
        let client_at = |address: &IpAddr| whence.then(|| address.to_string().into());
        let mut details = Self::default();
        match what {
            What::Rotated { generation, fingerprint, reason, way, expires_at } => {
                details.generation = Some(*generation);
                details.fingerprint = Some(*fingerprint);
                details.reason = Some(*reason);
                details.way = Some(*way);
                details.expires_at = Some(*expires_at);
            }
            What::Repeated { generation, way, expires_at } => {
                details.generation = Some(*generation);
                details.way = Some(*way);
                details.expires_at = Some(*expires_at);
            }
            What::Failed { reason, way, failure, retry_after } => {
                details.reason = Some(*reason);
                details.way = Some(*way);
                details.failure = Some(FailureAnswer::new(failure, language));
                details.retry_after = Some(retry_after.as_secs());
            }
            What::RogueRefresher { fingerprint, failure } => {
                details.fingerprint = Some(*fingerprint);
                details.failure = Some(FailureAnswer::new(failure, language));
            }
            What::ReportUnfounded { fingerprint } => details.fingerprint = Some(*fingerprint),
            What::Suspect { cause } | What::FellBack { cause } => details.cause = Some(cause),
            What::Overdue { since } => details.since = Some(*since),
            What::BudgetSpent { used, reason } => {
                details.used = Some(*used);
                details.reason = Some(*reason);
            }
            What::ClientMisuse { key, asks } => {
                details.key = Some(key);
                details.asks = Some(*asks);
            }
            What::AccountChanged { change, key } => {
                details.change = Some(change.as_str());
                details.key = Some(key);
            }
            What::CallsRefused { key, path, errcode, refusals, cause } => {
                details.key = key.as_deref();
                details.path = Some(path);
                details.errcode = Some(*errcode);
                details.refusals = Some(*refusals);
                details.cause = Some(cause);
            }
            What::CompromiseEnded { generation } => details.generation = Some(*generation),
            What::StoreDegraded { message } => details.cause = Some(message),
            What::IpRefused { address, failure } => {
                details.address = address.as_deref().map(Cow::Borrowed);
                details.failure = Some(FailureAnswer::new(failure, language));
            }
            What::QuotaLow { used, budget } => {
                details.used = Some(*used);
                details.budget = Some(*budget);
            }
            What::KeyChanged { change, key, by } => {
                details.change = Some(change.as_str());
                details.key = Some(key);
                details.by = Some(by);
            }
            What::KeyFirstUsed { key, address } => {
                details.key = Some(key);
                details.address = client_at(address);
            }
            What::CertificateChanging { next } => details.next = Some(next),
            What::AuthorizersReconciled { listed, added, renewed, removed } => {
                details.listed = Some(*listed);
                details.added = Some(*added);
                details.renewed = Some(*renewed);
                details.removed = Some(*removed);
            }
            What::SecretShown { key, address, path } => {
                details.key = key.as_deref();
                details.address = client_at(address);
                details.path = Some(path);
            }
            What::PushDead { push, cause } => {
                details.push = Some(push);
                details.cause = Some(cause);
            }
            What::SinkFailed { sink, cause } => {
                details.sink = Some(sink);
                details.cause = Some(cause);
            }
            What::SinkRestored { sink, generation } => {
                details.sink = Some(sink);
                details.generation = Some(*generation);
            }
            _ => {}
        }
        details
    }
}

fn position<S: Serializer>(position: &Option<Position>, serializer: S) -> Result<S::Ok, S::Error> {
    match position {
        Some(position) => serializer.collect_str(position),
        None => serializer.serialize_none(),
    }
}
