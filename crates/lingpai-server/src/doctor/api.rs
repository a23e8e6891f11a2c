//! `POST /v1/doctor`: looks at the house and the accounts of a key, and says what is wrong.
//!
//! It costs calls of WeChat's, so the key needs the right to have tokens replaced, and one is done at a time.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::client::{Accounts, Denied, Right};
use lingpai_core::{AccountId, CredentialId};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Examination, Finding, summary};
use crate::answer::{self, Body};
use crate::language::{self, Language};
use crate::native::caller;
use crate::object;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// How many findings wait for a reader that is slow.
const BEHIND: usize = 64;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    account: Option<AccountId>,
}

/// `POST /v1/doctor`: JSON at the end, or each finding when it is there (server-sent events).
pub(crate) async fn answer(
    serving: &Arc<Serving>,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("POST", head, peer)?;
    let (_, allowed) = serving.admit_somewhere(caller, Right::TokenRotate).await?;
    let body = serving.body(body).await?;
    let is_empty = body.trim_ascii().is_empty();
    let wanted: Wanted = if is_empty { Wanted::default() } else { object::read(&body)? };
    if let Some(account) = &wanted.account {
        if !allowed.contains(account) {
            return Err(Denied::Account.into());
        }
        serving.keeper(&CredentialId::access_token(account.clone()))?;
    }
    let language = language::wanted(&head.headers);
    let accepts = head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let streams = accepts.is_some_and(|accept| accept.contains("text/event-stream"));
    let (tell, mut findings) = mpsc::channel(BEHIND);
    // In a task of its own; it ends when nobody listens any more.
    tokio::spawn(examine(Arc::clone(serving), wanted.account, allowed, tell));
    if !streams {
        let mut all = Vec::new();
        while let Some(finding) = findings.recv().await {
            all.push(finding);
        }
        return Ok(language::said(language, StatusCode::OK, &whole(&all, language)));
    }
    let (pieces, body) = mpsc::channel(BEHIND);
    tokio::spawn(stream(findings, pieces, language));
    let mut response = answer::empty(StatusCode::OK);
    *response.body_mut() = Body::Stream(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

/// All findings and what they come to.
fn whole(findings: &[Finding], language: Language) -> Value {
    let mut whole = summary(findings);
    whole["findings"] = findings.iter().map(|finding| finding.to_json(language)).collect();
    whole
}

async fn stream(
    mut findings: mpsc::Receiver<Finding>,
    pieces: mpsc::Sender<Bytes>,
    language: Language,
) {
    let mut all = Vec::new();
    while let Some(finding) = findings.recv().await {
        let piece = format!("event: finding\ndata: {}\n\n", finding.to_json(language));
        all.push(finding);
        if pieces.send(piece.into()).await.is_err() {
            return;
        }
    }
    let _ = pieces.send(format!("event: done\ndata: {}\n\n", summary(&all)).into()).await;
}

async fn examine(
    serving: Arc<Serving>,
    account: Option<AccountId>,
    allowed: Accounts,
    tell: mpsc::Sender<Finding>,
) {
    let _one_at_a_time = serving.examining.lock().await;
    let (Some(ward), Some(wechat)) =
        (&serving.ward, serving.wechat.as_ref().map(|wechat| wechat()))
    else {
        return;
    };
    let whole_house = matches!(allowed, Accounts::All) && account.is_none();
    let house = if whole_house { Some(ward.look().await) } else { None };
    let registry = &serving.registry;
    let examination = Examination {
        house: house.as_ref(),
        store: &**registry.store(),
        directory: serving.keys.directory(),
        wechat: &wechat,
        clock: &**registry.clock(),
        account: account.as_ref(),
        may_see: &|account| allowed.contains(account),
        strays: Some(&serving.strays),
    };
    let gone = tell.clone();
    tokio::select! {
        () = examination.run(tell) => {}
        () = gone.closed() => {}
    }
}
