//! The native API of events: as they happen, and those that were.
//!
//! There is one stream for all nodes of a store, and an event's id is where it stands in that. So whoever was away goes on where
//! he was, on any node, after any restart; only what the store has forgotten is a gap.
//!
//! A stream belongs to a key. It ends when the key is no longer good, and within the same moment if it was revoked here.

pub(crate) mod answer;
mod follow;
pub(crate) mod refused;
mod wanted;
pub(crate) mod words;

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use lingpai_core::client::{Accounts, KeyHash, Right};
use lingpai_core::event::Event;
use lingpai_core::journal::{Page, Position, Told};
use serde::Serialize;

use self::answer::{EventAnswer, Reader};
use self::follow::Follower;
pub(crate) use self::follow::Messages;
use self::wanted::Wanted;
use crate::answer::{self as answers, Body};
use crate::native::caller;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::Serving;
use crate::whence;

/// How many events the history answers, unless asked for fewer or more.
pub(crate) const PAGE: usize = 100;
pub(crate) const LARGEST_PAGE: usize = 1000;
/// How many events are read from the store in one step,
const STEP: usize = 500;
/// and how many steps one answer may take: whoever filters for what is rare goes on from there.
const STEPS: usize = 20;

#[derive(Serialize)]
struct HistoryAnswer<'a> {
    events: Vec<EventAnswer<'a>>,
    /// What to send as `before` to go on. Absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /v1/events`: server-sent events.
pub(crate) async fn stream(
    serving: &Arc<Serving>,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let ((key, _, _), wanted) = admit(serving, head, peer).await?;
    let last_seen = head.headers.get("last-event-id").and_then(|id| id.to_str().ok());
    // What is no id is of another program, or of an older version: all that is kept may be new to its reader.
    let last_seen = last_seen.map(|id| id.parse().unwrap_or_default());
    let session = head.extensions.get().copied();
    let body =
        Follower::start(Arc::clone(serving), (key, session), peer, wanted, last_seen).await?;
    let mut response = answers::empty(StatusCode::OK);
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
    let ((_, allowed, whence), wanted) = admit(serving, head, peer).await?;
    let reader = Reader { language: wanted.language, whence };
    let query = Query::of(head);
    let limit = query.limit(PAGE, LARGEST_PAGE)?;
    let before = query.position("before")?;
    let (found, next) = find(serving, &allowed, &wanted, before, limit).await?;
    let events = found.iter().map(|told| shown(told, reader)).collect();
    let next = next.map(|next| next.to_string());
    Ok(answers::json(StatusCode::OK, &HistoryAnswer { events, next }))
}

fn shown(told: &Told<Event>, reader: Reader) -> EventAnswer<'_> {
    EventAnswer::new(&told.what, Some(told.position), reader)
}

/// The newest events that are wanted, and where to go on if there may be more.
async fn find(
    serving: &Serving,
    allowed: &Accounts,
    wanted: &Wanted,
    before: Option<Position>,
    limit: usize,
) -> Result<(Vec<Told<Event>>, Option<Position>), Refusal> {
    let store = serving.registry.store();
    let mut found = Vec::new();
    let mut page = before.map_or(Page::Newest, Page::Before);
    for _ in 0..STEPS {
        let step = STEP.max(limit);
        let listing = store.stream(wanted.account.as_ref(), page, step).await?;
        for told in listing.told {
            if wanted.since.is_some_and(|since| told.what.at < since)
                || wanted.after.is_some_and(|after| told.position <= after)
            {
                return Ok((found, None));
            }
            if wanted.includes(&told.what, allowed) {
                let position = told.position;
                found.push(told);
                if found.len() == limit {
                    return Ok((found, Some(position)));
                }
            }
        }
        match listing.last {
            Some(last) if listing.more => page = Page::Before(last),
            _ => return Ok((found, None)),
        }
    }
    let next = if let Page::Before(next) = page { Some(next) } else { None };
    Ok((found, next))
}

/// The key with the accounts that it is for and whether it is told whence clients call, and what is asked for.
async fn admit(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<((KeyHash, Accounts, bool), Wanted), Refusal> {
    let caller = caller("GET", head, peer)?;
    let (key, allowed) = serving.admit_somewhere(caller, Right::StatusRead).await?;
    let whence = whence::is_told_to(serving, caller).await;
    let wanted = Wanted::read(head, serving.registry.clock().wall())?;
    if let Some(account) = &wanted.account {
        serving.admit(caller, Right::StatusRead, account.as_str()).await?;
    }
    Ok(((key, allowed, whence), wanted))
}
