//! The native API of events: as they happen, and those that were.
//!
//! A stream belongs to a key. It ends when the key is no longer good, and within the same moment if it was revoked here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use lingpai_core::client::{Accounts, KeyHash, Right};
use lingpai_core::event::{Event, What};
use lingpai_core::issuer::Way;
use lingpai_core::rotation::Reason;
use lingpai_core::token::Fingerprint;
use lingpai_core::{AccountId, Generation, Timestamp};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::accounts::FailureAnswer;
use crate::answer::{self, Body};
use crate::console::Session;
use crate::language::Language;
use crate::native::caller;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::Serving;
use crate::tape::Mark;

/// How many events the history answers, unless asked for fewer or more.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;
/// How many pieces wait for a reader that is slow,
const BEHIND: usize = 64;
/// and how long, before the stream ends. The reader comes back and goes on where it was.
const SLOWEST: Duration = Duration::from_secs(10);

/// An event as the native API shows it. What does not belong to it is absent.
#[derive(Serialize)]
struct EventAnswer<'a> {
    #[serde(serialize_with = "answer::rfc_3339")]
    at: Timestamp,
    event: &'static str,
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
}

#[derive(Serialize)]
struct HistoryAnswer<'a> {
    events: Vec<EventAnswer<'a>>,
}

/// A stream that is open.
struct Stream {
    serving: Arc<Serving>,
    key: KeyHash,
    session: Option<Session>,
    peer: IpAddr,
    account: Option<AccountId>,
    mark: Mark,
    pieces: mpsc::Sender<Bytes>,
}

/// `GET /v1/events`: server-sent events.
pub(crate) async fn stream(
    serving: &Arc<Serving>,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let ((key, _), account) = admit(serving, head, peer).await?;
    let last_seen = head.headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let mark = match last_seen {
        Some(id) => Mark::read(id).unwrap_or(Mark::NOWHERE),
        None => serving.tape.end(),
    };
    let (pieces, body) = mpsc::channel(BEHIND);
    let serving = Arc::clone(serving);
    let session = head.extensions.get().copied();
    tokio::spawn(Stream { serving, key, session, peer, account, mark, pieces }.run());
    let mut response = answer::empty(StatusCode::OK);
    *response.body_mut() = Body::Stream(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

/// `GET /v1/events/history`: the newest first.
pub(crate) async fn history(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let ((_, allowed), account) = admit(serving, head, peer).await?;
    let limit = Query::of(head).limit(PAGE, LARGEST_PAGE)?;
    let store = serving.registry.store();
    let events = match (account, allowed) {
        (Some(account), _) => store.events(Some(&account), limit).await?,
        (None, Accounts::All) => store.events(None, limit).await?,
        (None, Accounts::Only(accounts)) => {
            let mut events = Vec::new();
            for account in &accounts {
                events.extend(store.events(Some(account), limit).await?);
            }
            events.sort_by_key(|event| std::cmp::Reverse(event.at));
            events.truncate(limit);
            events
        }
    };
    let events = events.iter().map(EventAnswer::new).collect();
    Ok(answer::json(StatusCode::OK, &HistoryAnswer { events }))
}

/// The key with the accounts that it is for, and the one account that is asked for, if one is.
async fn admit(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<((KeyHash, Accounts), Option<AccountId>), Refusal> {
    let caller = caller("GET", head, peer)?;
    let admitted = serving.admit_somewhere(caller, Right::StatusRead).await?;
    let account = Query::of(head).account("account")?;
    if let Some(account) = &account {
        serving.admit(caller, Right::StatusRead, account.as_str()).await?;
    }
    Ok((admitted, account))
}

impl Stream {
    async fn run(mut self) {
        let mut news = self.serving.tape.changes();
        let mut keys = self.serving.keys.changes();
        let mut stopping = self.serving.stopping.clone();
        let heartbeat = self.serving.limits.heartbeat;
        // So that the reader sees at once that the stream is open, and where it is.
        let mut piece = format!(": open\nretry: 1000\nid: {}\n\n", self.mark);
        loop {
            piece += &match self.news() {
                Some(news) => news,
                None => return,
            };
            if !piece.is_empty() {
                let sent = self.pieces.send(std::mem::take(&mut piece).into());
                if !timeout(SLOWEST, sent).await.is_ok_and(|sent| sent.is_ok()) {
                    return;
                }
            }
            tokio::select! {
                _ = news.changed() => {}
                _ = keys.changed() => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = self.pieces.closed() => return,
                () = tokio::time::sleep(heartbeat) => ": alive\n\n".clone_into(&mut piece),
            }
        }
    }

    /// What the reader has not seen, as it is sent. Nothing if the key is not good any more.
    fn news(&mut self) -> Option<String> {
        let accounts = self.accounts()?;
        let news = self.serving.tape.after(self.mark);
        self.mark = news.mark;
        let mut text = String::new();
        if news.gap {
            text += &format!("id: {}\nevent: gap\ndata: {{}}\n\n", news.mark);
        }
        for (mark, event) in news.events {
            let concerns = match (&self.account, event.account()) {
                (None, None) => matches!(accounts, Accounts::All),
                (None, Some(account)) => accounts.contains(account),
                (Some(wanted), account) => account == Some(wanted),
            };
            if concerns {
                // JSON has no line breaks, so it is one `data` line.
                let data = serde_json::to_string(&EventAnswer::new(&event)).unwrap_or_default();
                text += &format!("id: {mark}\nevent: {}\ndata: {data}\n\n", event.what.name());
            }
        }
        Some(text)
    }

    /// The accounts that the key is for, if it is still good for this.
    fn accounts(&self) -> Option<Accounts> {
        let now = self.serving.registry.clock().now().wall;
        if let (Some(session), Some(console)) = (&self.session, &self.serving.console)
            && !console.holds(session, now)
        {
            return None;
        }
        self.serving.keys.look_now(&self.key, |key| {
            let allowed = key.allows_somewhere(Right::StatusRead, now).is_ok()
                && key.is_open_to(self.peer)
                && self.account.as_ref().is_none_or(|account| key.accounts.contains(account));
            allowed.then(|| key.accounts.clone())
        })?
    }
}

impl<'a> EventAnswer<'a> {
    fn new(event: &'a Event) -> Self {
        Self {
            at: event.at,
            event: event.what.name(),
            account: event.account(),
            kind: event.credential.as_ref().map(|credential| credential.kind.as_str()),
            node: event.node.as_str(),
            details: Details::of(&event.what),
        }
    }
}

impl<'a> Details<'a> {
    fn of(what: &'a What) -> Self {
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
                details.failure = Some(FailureAnswer::new(failure, Language::English));
                details.retry_after = Some(retry_after.as_secs());
            }
            What::RogueRefresher { fingerprint, failure } => {
                details.fingerprint = Some(*fingerprint);
                details.failure = Some(FailureAnswer::new(failure, Language::English));
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
            _ => {}
        }
        details
    }
}
