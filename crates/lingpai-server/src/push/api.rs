//! The native API of pushes that wait or are dead: which there are, once more, no more. What they say is not shown.

use std::net::IpAddr;

use http::request::Parts;
use http::{Response, StatusCode};
use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::Right;
use lingpai_core::outbox::{Delivery, MOST_PARCELS, Parcel};
use lingpai_core::{AccountId, Timestamp};
use serde::Serialize;

use crate::answer::{self, Body};
use crate::native::caller;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::{Admitted, Serving};

/// How many are listed, unless asked for fewer or more.
pub(crate) const PAGE: usize = 100;

#[derive(Serialize)]
struct PushesAnswer {
    account: AccountId,
    pushes: Vec<PushAnswer>,
}

#[derive(Serialize)]
struct PushAnswer {
    id: String,
    state: &'static str,
    #[serde(serialize_with = "answer::rfc_3339")]
    received_at: Timestamp,
    attempts: u32,
    #[serde(serialize_with = "answer::rfc_3339_if_any", skip_serializing_if = "Option::is_none")]
    next_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// `GET /v1/accounts/{account}/pushes`.
pub(crate) async fn list(
    serving: &Serving,
    account: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("GET", head, peer)?;
    let account = serving.admit(caller, Right::StatusRead, account).await?.credential.account;
    let pushes = serving.pushes.as_ref().ok_or(Refusal::PathUnknown)?;
    let limit = Query::of(head).limit(PAGE, MOST_PARCELS)?;
    let mut parcels = pushes.outbox.parcels(&account, limit).await?;
    if let Some(notices) = &pushes.notices {
        parcels.retain(|parcel| !notices.is_settled(parcel));
    }
    let pushes = parcels.into_iter().map(PushAnswer::new).collect();
    Ok(answer::json(StatusCode::OK, &PushesAnswer { account, pushes }))
}

/// `POST /v1/accounts/{account}/pushes/{id}/retry`: it is tried at once, a dead one in its old place.
pub(crate) async fn retry(
    serving: &Serving,
    account: &str,
    id: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("POST", head, peer)?;
    let Admitted { credential, key, .. } = serving.admit(caller, Right::Admin, account).await?;
    let account = credential.account.clone();
    let pushes = serving.pushes.as_ref().ok_or(Refusal::PathUnknown)?;
    let is_resumed = match &pushes.notices {
        Some(notices) => notices.again(&account, id).await?,
        None => false,
    };
    if !is_resumed {
        let now = pushes.clock.now().wall;
        let delivery = Delivery { due_at: Some(now), ..Delivery::default() };
        if !pushes.outbox.set_delivery(&account, id, &delivery).await? {
            return Err(Refusal::PushUnknown);
        }
        pushes.due.notify_one();
    }
    serving.did(&key, peer, Some(credential), Deed::new(Action::PushRetried).to(id));
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// `DELETE /v1/accounts/{account}/pushes/{id}`: the business misses it.
pub(crate) async fn remove(
    serving: &Serving,
    account: &str,
    id: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("DELETE", head, peer)?;
    let Admitted { credential, key, .. } = serving.admit(caller, Right::Admin, account).await?;
    let account = credential.account.clone();
    let pushes = serving.pushes.as_ref().ok_or(Refusal::PathUnknown)?;
    if !pushes.outbox.remove_parcel(&account, id).await? {
        return Err(Refusal::PushUnknown);
    }
    serving.did(&key, peer, Some(credential), Deed::new(Action::PushRemoved).to(id));
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

impl PushAnswer {
    fn new(parcel: Parcel) -> Self {
        let Delivery { attempts, due_at, failure } = parcel.delivery;
        Self {
            id: parcel.id,
            state: if due_at.is_some() { "waiting" } else { "dead" },
            received_at: parcel.received_at,
            attempts,
            next_at: due_at,
            failure,
        }
    }
}
