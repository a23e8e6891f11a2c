//! Checks of those who use an account, and of what WeChat pushes for it.

use std::collections::BTreeMap;
use std::time::Duration;

use lingpai_core::CredentialId;
use lingpai_core::event::What;
use lingpai_wechat::kinds;

use super::patient::{EVENTS, LATELY, Patient};
use super::words::{self, both, fixed};
use super::{Check, Finding, Verdict};
use crate::diagnosis::{self, Cause, Facts, Question, diagnose, span};
use crate::language::Bilingual;

/// What WeChat pushes, it pushes every ten minutes.
const LATE: Duration = Duration::from_mins(25);

impl Patient<'_> {
    /// The clients that ask too often, or use what is not the account's current token.
    pub(super) async fn clients(&self) -> Finding {
        let names: BTreeMap<String, String> = match self.examination.directory.keys().await {
            Ok(keys) => keys.into_iter().map(|key| (key.id, key.name)).collect(),
            Err(_) => BTreeMap::new(),
        };
        let name = |key: &str| match names.get(key) {
            Some(name) => format!("{name} ({key})"),
            None => key.to_owned(),
        };
        let mut seen: Vec<(Option<Cause>, Bilingual, Option<Bilingual>)> = Vec::new();
        for stray in
            self.examination.strays.map(|strays| strays.of(&self.account.id)).unwrap_or_default()
        {
            let question = Question {
                token: Some((stray.fingerprint, stray.looks)),
                account: Some(self.account.id.clone()),
                ..Question::default()
            };
            let of_person = stray.is_of_person.then_some(diagnosis::Trial::OfPerson);
            // Another account's token is told of in the events of that one.
            let all = self.examination.store.events(None, EVENTS).await.unwrap_or_default();
            let kept = self.kept();
            let facts =
                Facts { now: self.now, events: &all, kept: &kept, trial: of_person.as_ref() };
            let found = diagnose(&question, &facts);
            let (en, zh) = found.headline.texts();
            let (client, times, at) = (name(&stray.key), stray.times, stray.last_at);
            let text = both!(
                "{client} reported a token that is not the current one ({times} in all, last at {at}). {en}",
                "{client} 报告了不是当前凭据的凭据（共 {times} 次，最近 {at}）。{zh}",
                client = client,
                times = times,
                at = at,
                en = en,
                zh = zh
            );
            seen.push((Some(found.cause), text, found.remedy.into_iter().next()));
        }
        let lately = self.events.iter().take_while(|event| self.now.since(event.at) < LATELY);
        for event in lately {
            let text = match &event.what {
                What::ClientMisuse { key, asks } => both!(
                    "{client} asked for the token {asks} times within a minute.",
                    "{client} 一分钟内请求了 {asks} 次凭据。",
                    client = name(key),
                    asks = asks
                ),
                What::CallsRefused { key, path, errcode, refusals, cause } => both!(
                    "Calls of {client} to {path} were refused {refusals} times within a minute, though the token is good \
                     (errcode {errcode}): {cause}",
                    "{client} 对 {path} 的调用一分钟内被拒绝 {refusals} 次，而凭据有效（errcode {errcode}）：{cause}",
                    client = name(key.as_deref().unwrap_or("?")),
                    path = path,
                    refusals = refusals,
                    errcode = errcode,
                    cause = cause
                ),
                _ => continue,
            };
            if !seen.iter().any(|(_, known, _)| *known == text) {
                seen.push((None, text, Some(fixed(
                    "Have it keep what it is given for as long as `expires_in` says, and see that its calls carry the account's \
                     token.",
                    "请让它按 `expires_in` 缓存凭据，并确认它的调用携带的是该账号的凭据。",
                ))));
            }
        }
        let Some((cause, _, remedy)) = seen.first().cloned() else {
            let fine = match self.examination.strays {
                Some(_) => words::CLIENTS_FINE,
                None => words::CLIENTS_UNSEEN,
            };
            return Finding::new(Check::Clients, Verdict::Passed, fine);
        };
        let (en, zh): (Vec<_>, Vec<_>) = seen
            .iter()
            .map(|(_, text, _)| text.texts())
            .map(|(en, zh)| (en.to_owned(), zh.to_owned()))
            .unzip();
        let text = Bilingual::made(en.join(" "), zh.join(""));
        Finding { cause, remedy, ..Finding::new(Check::Clients, Verdict::Warned, text) }
    }

    /// The tickets that WeChat pushes, if the account lives on some.
    pub(super) async fn pushes(&self) -> Option<Finding> {
        let pushed = |declared: &'static kinds::Declared| Some((&declared.kind, declared.pushed?));
        for (kind, life) in kinds::ALL.iter().copied().filter_map(pushed) {
            let credential = CredentialId::new(kind.clone(), self.account.id.clone());
            let Ok(Some(record)) = self.examination.store.read(&credential).await else { continue };
            let token = record.token?;
            let ago = self.now.since(token.issued_at);
            let shown = span(ago);
            let (en, zh) = shown.texts();
            let text = both!(
                "The last {kind} came {en} ago.",
                "最近一次 {kind} 在 {zh}前收到。",
                kind = kind,
                en = en,
                zh = zh
            );
            let verdict = match ago {
                ago if ago >= life => Verdict::Failed,
                ago if ago >= LATE => Verdict::Warned,
                _ => Verdict::Passed,
            };
            let finding = Finding::new(Check::Pushes, verdict, text);
            return Some(if verdict == Verdict::Passed {
                finding
            } else {
                finding.mended_by(fixed(
                    "WeChat pushes it every ten minutes: check the URL of authorisation events in its console, and that it \
                     reaches this server.",
                    "微信每十分钟推送一次：请检查微信后台的授权事件接收 URL，以及它能否到达本服务。",
                ))
            });
        }
        None
    }
}
