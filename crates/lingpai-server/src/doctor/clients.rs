//! Checks of those who use an account, and of what WeChat pushes for it.

use std::collections::BTreeMap;
use std::time::Duration;

use lingpai_core::event::What;
use lingpai_core::{CredentialId, Kind};
use lingpai_wechat::kinds;

use super::patient::{EVENTS, LATELY, Patient};
use super::words::{self, both, fixed};
use super::{Check, Finding, Verdict};
use crate::diagnosis::{self, Cause, Facts, Question, diagnose, span};
use crate::language::Bilingual;
use crate::readers::{self, Reader};

/// What WeChat pushes, it pushes every ten minutes.
const LATE: Duration = Duration::from_mins(25);
/// Whoever reads it more often than that within a minute reads it in a loop.
const OFTEN: u32 = 600;
/// A token is accepted for so long after it was replaced; and so long after it reads are recorded at the latest.
const OVER: Duration = Duration::from_mins(10);

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
        let readers = readers::of(self.examination.store, &self.account.id, self.now).await;
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
            let read = words::last_read(readers.get(&stray.key).map(|reader| reader.last_at));
            let (read_en, read_zh) = read.texts();
            let text = both!(
                "{client} reported a token that is not the current one ({times} in all, last at {at}). {en} {read_en}",
                "{client} 报告了不是当前凭据的凭据（共 {times} 次，最近 {at}）。{zh}{read_zh}",
                client = client,
                times = times,
                at = at,
                en = en,
                zh = zh,
                read_en = read_en,
                read_zh = read_zh
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
                seen.push((None, text, Some(words::READ_LESS)));
            }
        }
        let mut whence: Vec<Bilingual> = Vec::new();
        for (key, Reader { most: (reads, at, address), .. }) in &readers {
            if *reads >= OFTEN {
                let client = name(key);
                let text = both!(
                    "{client} read the token {reads} times within the minute from {at} on.",
                    "{client} 在 {at} 起的一分钟内读取凭据 {reads} 次。",
                    client = client,
                    reads = reads,
                    at = at
                );
                seen.push((None, text, Some(words::READ_LESS)));
                whence.push(both!(
                    " {client} calls from {address}.",
                    "{client} 来自 {address}。",
                    client = client,
                    address = address
                ));
            }
        }
        let Some((cause, _, remedy)) = seen.first().cloned() else {
            let fine = match self.examination.strays {
                Some(_) => words::CLIENTS_FINE,
                None => words::CLIENTS_UNSEEN,
            };
            let behind = self.behind(&readers, name);
            let (fine, behind) = (fine.texts(), behind.as_ref().map_or(("", ""), Bilingual::texts));
            let text = Bilingual::made(fine.0.to_owned() + behind.0, fine.1.to_owned() + behind.1);
            return Finding::new(Check::Clients, Verdict::Passed, text);
        };
        let (en, zh): (Vec<_>, Vec<_>) = seen.iter().map(|(_, text, _)| text.texts()).unzip();
        let text = Bilingual::made(en.join(" "), zh.join(""));
        let (en, zh): (String, String) = whence.iter().map(Bilingual::texts).unzip();
        let whence = (!whence.is_empty()).then(|| Bilingual::made(en, zh));
        Finding { cause, remedy, whence, ..Finding::new(Check::Clients, Verdict::Warned, text) }
    }

    /// Who has not read the token since it was replaced: if they go on to call WeChat, then with an old one.
    fn behind(
        &self,
        readers: &BTreeMap<String, Reader>,
        name: impl Fn(&str) -> String,
    ) -> Option<Bilingual> {
        let replaced = self.events.iter().find(|event| {
            let is_token =
                event.credential.as_ref().is_some_and(|it| it.kind == Kind::ACCESS_TOKEN);
            is_token && matches!(event.what, What::Rotated { .. })
        })?;
        if self.now.since(replaced.at) < OVER {
            return None;
        }
        let behind = readers.iter().filter(|(_, reader)| reader.last_at < replaced.at);
        let all: Vec<_> =
            behind.map(|(key, reader)| format!("{}: {}", name(key), reader.last_at)).collect();
        (!all.is_empty()).then(|| {
            both!(
                " It was replaced at {at}; these last read it before, and use an old one if they still call WeChat: {all}.",
                "凭据在 {at} 更换；以下客户端最近一次读取早于此时，如果仍在调用微信，用的就是旧凭据：{all}。",
                at = replaced.at,
                all = all.join("; ")
            )
        })
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
