//! `POST /v1/doctor`: looks at the house and the accounts of a key, and says what is wrong.
//!
//! It costs calls of WeChat's, so the key needs the right to have tokens replaced, and one is done at a time. `GET /v1/doctor`: what
//! came of the last ones, which costs nothing.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::client::{Accounts, Denied, Right};
use lingpai_core::{AccountId, CredentialId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Examination, Finding, Plan, Step, summary};
use crate::answer::{self, Body};
use crate::language::{self, Language};
use crate::native::caller;
use crate::object;
use crate::refusal::Refusal;
use crate::serving::Serving;
use crate::whence;

/// How many findings wait for a reader that is slow.
const BEHIND: usize = 64;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    account: Option<AccountId>,
    /// Whether calls are made even where little is left of their quota.
    #[serde(default)]
    spend_scarce: bool,
}

/// `POST /v1/doctor`: JSON at the end, or each step when it is made (server-sent events). `GET /v1/doctor`: what came of the last.
pub(crate) async fn answer(
    serving: &Arc<Serving>,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    match head.method {
        Method::GET => return last(serving, head, peer).await,
        Method::POST => {}
        _ => return Err(Refusal::MethodUnknown("GET, POST")),
    }
    let caller = caller("POST", head, peer)?;
    let (_, allowed) = serving.admit_somewhere(caller, Right::TokenRotate).await?;
    let whence = whence::is_told_to(serving, caller).await;
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
    let (tell, mut steps) = mpsc::channel(BEHIND);
    let serving = Arc::clone(serving);
    // In a task of its own; it ends when nobody listens any more.
    tokio::spawn(async move {
        tokio::select! {
            () = examine(&serving, wanted, allowed, whence, &tell) => {}
            () = tell.closed() => {}
        }
    });
    if !streams {
        let (mut plan, mut all) = (Plan::default(), Vec::new());
        while let Some(step) = steps.recv().await {
            match step {
                Step::Plan(told) => plan = told,
                Step::Checking(..) => {}
                Step::Found(finding) => all.push(*finding),
            }
        }
        let mut whole = whole(&all, language);
        whole["plan"] = plan.to_json(language);
        return Ok(language::said(language, StatusCode::OK, &whole));
    }
    let (pieces, body) = mpsc::channel(BEHIND);
    tokio::spawn(stream(steps, pieces, language));
    let mut response = answer::empty(StatusCode::OK);
    *response.body_mut() = Body::Stream(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

/// What came of the last ones, as far as the caller may see it.
async fn last(serving: &Serving, head: &Parts, peer: IpAddr) -> Result<Response<Body>, Refusal> {
    let caller = caller("GET", head, peer)?;
    let (_, allowed) = serving.admit_somewhere(caller, Right::StatusRead).await?;
    let whence = whence::is_told_to(serving, caller).await;
    let language = language::wanted(&head.headers);
    let seen = {
        let kept = serving.examined.lock().unwrap_or_else(PoisonError::into_inner);
        kept.seen_by(&allowed)
    };
    let last = seen.iter().map(|(at, _)| *at).max();
    let (times, findings): (Vec<_>, Vec<_>) = seen
        .into_iter()
        .map(|(at, mut finding)| {
            finding.whence = finding.whence.filter(|_| whence);
            (at, finding)
        })
        .unzip();
    let shown = last.map(|at| {
        let mut shown = whole(&findings, language);
        shown["at"] = at.to_string().into();
        for (finding, at) in shown["findings"].as_array_mut().into_iter().flatten().zip(times) {
            finding["at"] = at.to_string().into();
        }
        // All of them may be of one account, which was looked at alone.
        if let Some(account) = findings.first().and_then(|first| first.account.as_ref())
            && findings.iter().all(|finding| finding.account.as_ref() == Some(account))
        {
            shown["account"] = account.as_str().into();
        }
        shown
    });
    Ok(language::said(language, StatusCode::OK, &json!({"last": shown})))
}

/// All findings and what they come to.
fn whole(findings: &[Finding], language: Language) -> Value {
    let mut whole = summary(findings);
    whole["findings"] = findings.iter().map(|finding| finding.to_json(language)).collect();
    whole
}

async fn stream(mut steps: mpsc::Receiver<Step>, pieces: mpsc::Sender<Bytes>, language: Language) {
    let mut all = Vec::new();
    loop {
        let step = tokio::select! {
            step = steps.recv() => step,
            () = pieces.closed() => return,
        };
        let Some(step) = step else { break };
        let (name, data) = step.message(language);
        if let Step::Found(finding) = step {
            all.push(*finding);
        }
        if pieces.send(format!("event: {name}\ndata: {data}\n\n").into()).await.is_err() {
            return;
        }
    }
    let _ = pieces.send(format!("event: done\ndata: {}\n\n", summary(&all)).into()).await;
}

async fn examine(
    serving: &Serving,
    wanted: Wanted,
    allowed: Accounts,
    whence: bool,
    tell: &mpsc::Sender<Step>,
) {
    let _one_at_a_time = serving.examining.lock().await;
    let Some(wechat) = serving.wechat.as_ref().map(|wechat| wechat()) else { return };
    let Wanted { account, spend_scarce } = wanted;
    let is_for_all = matches!(allowed, Accounts::All);
    let house = match &serving.ward {
        Some(ward) if is_for_all && account.is_none() => Some(ward.look().await),
        _ => None,
    };
    let registry = &serving.registry;
    let examination = Examination {
        house: house.as_ref(),
        store: &**registry.store(),
        directory: serving.keys.directory(),
        wechat: &wechat,
        clock: &**registry.clock(),
        account: account.as_ref(),
        spends_scarce: spend_scarce,
        may_see: &|account| allowed.contains(account),
        strays: Some(&serving.strays),
    };
    let (told, mut steps) = mpsc::channel(1);
    let mut findings = Vec::new();
    let passing_on = async {
        while let Some(mut step) = steps.recv().await {
            if let Step::Found(finding) = &mut step {
                findings.push(Finding::clone(finding));
                finding.whence = finding.whence.take().filter(|_| whence);
            }
            if tell.send(step).await.is_err() {
                return false;
            }
        }
        true
    };
    let (left_out, is_told) = tokio::join!(examination.run(told), passing_on);
    if is_told {
        let at = registry.clock().now().wall;
        let mut kept = serving.examined.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take(at, account.as_ref(), (&allowed, left_out.as_ref()), findings);
    }
}
