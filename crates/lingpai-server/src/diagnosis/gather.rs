//! The facts of a diagnosis: what a store holds, and what WeChat says of a token when it is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use lingpai_core::event::{Event, What};
use lingpai_core::store::Record;
use lingpai_core::{
    AccountId, CredentialId, Fingerprint, Kind, Proxy, Secret, Store, StoreError, Timestamp,
    Verdict,
};
use lingpai_wechat::WeChat;
use lingpai_wechat::catalogue::{self, Scope};
use serde_json::{Value, json};

use super::story::Story;
use super::{
    Cause, Current, Diagnosis, Evidence, Facts, Kept, Looks, Pasted, Question, Trial, diagnose,
};
use crate::language::{Language, both};
use crate::readers::{self, Reader};

/// So many events are looked through at most: as many as the gateway knows tokens by.
const MOST: usize = 100_000;
/// Of a caller who names no account, so few accounts are looked at as they are.
const FEW: usize = 20;

/// What somebody asks.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// A token, an error text, or both.
    pub pasted: Pasted,
    /// The errcode, if it is said apart.
    pub errcode: Option<i64>,
    /// The account that the call was for, if that is said.
    pub account: Option<AccountId>,
}

/// Who is asked about a token that is current, or that nobody knows.
#[derive(Clone, Copy)]
pub struct Upstream<'a> {
    /// WeChat.
    pub wechat: &'a WeChat,
    /// What it is reached through for an account, if not by the way of all others.
    pub proxy_of: &'a (dyn Fn(&AccountId) -> Option<Arc<Proxy>> + Sync),
}

/// A diagnosis, and what it took.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The diagnosis.
    pub diagnosis: Diagnosis,
    question: Question,
    asked_wechat: u32,
    events: usize,
    since: Option<Timestamp>,
}

/// Looks into a store, and asks WeChat about the token where that helps and `upstream` is there: once about one that should
/// be good, twice at most about one that is not known. Of what is stored, only the accounts that `may_see` says count.
///
/// Takes as long as WeChat does; give it a deadline. Dropping the future harms nothing.
///
/// # Errors
/// The store's.
pub async fn answer(
    asked: &Asked,
    store: &dyn Store,
    may_see: &(dyn Fn(Option<&AccountId>) -> bool + Sync),
    now: Timestamp,
    upstream: Option<Upstream<'_>>,
) -> Result<Answered, StoreError> {
    let question = asked.pasted.question(asked.errcode, asked.account.clone());
    let mut events = store.events(None, MOST).await?;
    events.retain(|event| may_see(event.account()));
    let fingerprint = question.token.map(|(fingerprint, _)| fingerprint);
    let kept = kept(store, &events, &question, fingerprint, may_see).await?;
    let facts = Facts { now, events: &events, kept: &kept, trial: None };
    let (trial, asked_wechat) = match (upstream, &asked.pasted.token) {
        (Some(upstream), Some(token)) => try_it(&question, &facts, upstream, token).await,
        _ => (None, 0),
    };
    let mut diagnosis = diagnose(&question, &Facts { trial: trial.as_ref(), ..facts });
    if diagnosis.cause == Cause::ReplacedByUs
        && let Some(story) = fingerprint.and_then(|fingerprint| Story::of(fingerprint, &facts))
        && let Some((replaced, _)) = story.replaced
    {
        let readers = readers::of(store, story.account(), now).await;
        let behind = readers.into_values().filter(|reader| reader.last_at < replaced);
        diagnosis.evidence.extend(behind.take(FEW).map(|Reader { name, last_at, .. }| {
            let text = both!(
                "The client {name} read the token for the last time, and has not since it was replaced: it may be the one",
                "客户端 {name} 最后一次读取凭据，更换之后没有再读取：可能就是它",
                name = name
            );
            Evidence { at: Some(last_at), text }
        }));
    }
    let since = events.last().map(|event| event.at);
    Ok(Answered { diagnosis, question, asked_wechat, events: events.len(), since })
}

/// The credentials that matter, as they are: those of the account that is asked for, and of the one whose token it is;
/// where neither is known, of all if they are few.
async fn kept(
    store: &dyn Store,
    events: &[Event],
    question: &Question,
    fingerprint: Option<Fingerprint>,
    may_see: &(dyn Fn(Option<&AccountId>) -> bool + Sync),
) -> Result<Vec<Kept>, StoreError> {
    let issued = |event: &&Event| match event.what {
        What::Rotated { fingerprint: new, .. } => Some(new) == fingerprint,
        _ => false,
    };
    let mut credentials = BTreeSet::new();
    credentials.extend(events.iter().find(issued).and_then(|event| event.credential.clone()));
    credentials.extend(question.account.clone().map(CredentialId::access_token));
    let mut records = Vec::new();
    for credential in &credentials {
        records.extend(
            store
                .read(credential)
                .await?
                .filter(|record| may_see(Some(&record.credential.account))),
        );
    }
    if credentials.is_empty()
        || (fingerprint.is_some() && !records.iter().any(|record| has(record, fingerprint)))
    {
        let all = store.load().await?;
        let mut all: Vec<_> =
            all.into_iter().filter(|record| may_see(Some(&record.credential.account))).collect();
        let is_few = all.len() <= FEW;
        all.retain(|record| {
            has(record, fingerprint)
                || (credentials.is_empty()
                    && is_few
                    && record.credential.kind == Kind::ACCESS_TOKEN)
        });
        records.extend(all);
    }
    Ok(records.into_iter().map(Kept::from).collect())
}

fn has(record: &Record, fingerprint: Option<Fingerprint>) -> bool {
    let current = record.token.as_ref().map(lingpai_core::Token::fingerprint);
    let previous = record.previous.map(|previous| previous.fingerprint);
    fingerprint.is_some() && (current == fingerprint || previous == fingerprint)
}

impl From<Record> for Kept {
    fn from(record: Record) -> Self {
        let current = record.token.as_ref().map(|token| Current {
            fingerprint: token.fingerprint(),
            generation: token.generation,
            issued_at: token.issued_at,
            expires_at: token.expires_at,
        });
        let Record { credential, previous, failure, .. } = record;
        Self { credential, current, previous, failure }
    }
}

/// Asks WeChat about the token where the answer tells causes apart. Also how many calls that took.
async fn try_it(
    question: &Question,
    facts: &Facts<'_>,
    upstream: Upstream<'_>,
    token: &Secret,
) -> (Option<Trial>, u32) {
    let is_of_token = question.errcode.and_then(Cause::of_errcode).is_none() && !question.is_down;
    let Some((fingerprint, Looks::Token)) = question.token.filter(|_| is_of_token) else {
        return (None, 0);
    };
    let story = Story::of(fingerprint, facts);
    let account = story.as_ref().map(Story::account).or(question.account.as_ref());
    let is_wecom = account.is_some_and(is_wecom);
    let proxy = account.and_then(upstream.proxy_of);
    let (wechat, proxy) = (upstream.wechat, proxy.as_deref());
    let asks = match &story {
        Some(story) => {
            story.is_current
                && story.refused.is_none()
                && story.credential.kind == Kind::ACCESS_TOKEN
                && question.account.as_ref().is_none_or(|account| account == story.account())
                && story.expires_at.is_some_and(|end| facts.now < end)
        }
        None => true,
    };
    if !asks {
        return (None, 0);
    }
    let is_strange = story.is_none() && !is_wecom;
    if is_strange && wechat.is_of_person(proxy, token).await {
        return (Some(Trial::OfPerson), 1);
    }
    let trial = match wechat.try_value(is_wecom, proxy, token).await {
        Verdict::Accepted => Trial::Accepted,
        Verdict::Refused(failure) => Trial::Refused(failure),
        Verdict::Inconclusive(failure) => Trial::Inconclusive(failure),
    };
    (Some(trial), 1 + u32::from(is_strange))
}

impl Answered {
    /// The fingerprint of the token, if there was one.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.question.token.map(|(fingerprint, _)| fingerprint)
    }

    /// Adds that a client reported the token.
    pub(crate) fn used_by(&mut self, client: &str, times: u32, at: Timestamp) {
        let text = both!(
            "The client {client} reported it ({times} in all)",
            "客户端 {client} 报告过它（共 {times} 次）",
            client = client,
            times = times
        );
        self.diagnosis.evidence.push(Evidence { at: Some(at), text });
    }

    /// The answer as the native API and `--json` show it.
    pub fn to_json(&self, language: Language) -> Value {
        let Self { diagnosis, question, .. } = self;
        let evidence = diagnosis.evidence.iter().map(|evidence| {
            let mut shown = json!({"text": evidence.text.text(language)});
            if let Some(at) = evidence.at {
                shown["at"] = at.to_string().into();
            }
            shown
        });
        let remedy = diagnosis.remedy.iter().map(|step| step.text(language));
        let mut answer = json!({
            "cause": diagnosis.cause.as_str(),
            "certain": diagnosis.certain,
            "headline": diagnosis.headline.text(language),
            "evidence": evidence.collect::<Vec<_>>(),
            "remedy": remedy.collect::<Vec<_>>(),
            "asked_wechat": self.asked_wechat,
            "looked_at": {"events": self.events},
        });
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                answer[name] = value;
            }
        };
        add("account", diagnosis.account.as_ref().map(|account| account.as_str().into()));
        add("fingerprint", question.token.map(|(fingerprint, _)| fingerprint.to_string().into()));
        add("errcode", question.errcode.map(Into::into));
        let is_wecom = diagnosis.account.as_ref().is_some_and(is_wecom);
        let scope = if is_wecom { Scope::WeCom } else { Scope::Api };
        let entry = question.errcode.and_then(|code| catalogue::find(code, scope));
        add("explained", entry.map(|entry| entry.text(language).meaning.into()));
        add("schedule_minutes", diagnosis.schedule.map(|period| (period.as_secs() / 60).into()));
        if let Some(since) = self.since {
            answer["looked_at"]["since"] = since.to_string().into();
        }
        answer
    }
}

/// Whether an account is an application of WeCom, by its name.
fn is_wecom(account: &AccountId) -> bool {
    account.corp_and_agent().is_some()
}
