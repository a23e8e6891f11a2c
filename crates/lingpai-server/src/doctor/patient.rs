//! Checks of one account: what WeChat says of it now, and what happened to it within a day.

use std::collections::BTreeMap;
use std::time::Duration;

use lingpai_core::event::{Event, What};
use lingpai_core::store::{Entry, Record};
use lingpai_core::{
    Account, AccountKind, CredentialId, Failure, Kind, Mode, Timestamp, Verdict as Trial,
};
use lingpai_wechat::{catalogue, kinds, protocol};
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::words::{self, both, fixed};
use super::{Check, Examination, Finding, Verdict};
use crate::diagnosis::{self, Cause, Facts, Kept, Looks, Question, diagnose, short, span};
use crate::language::{Bilingual, Language};

/// How long WeChat may take to say one thing.
const PATIENCE: Duration = Duration::from_secs(8);
/// What happened before is not looked at.
const LATELY: Duration = Duration::from_hours(24);
/// So many events of an account are.
const EVENTS: usize = 20_000;
/// A stable token that has less left than this may be followed by the next at any call.
const LAST_MINUTES: Duration = Duration::from_secs(protocol::STABLE_WINDOW.as_secs() + 60);
/// A tenth of a quota left is little.
const LITTLE: u64 = 10;
/// What WeChat pushes, it pushes every ten minutes.
const LATE: Duration = Duration::from_mins(25);

/// One account, and what is stored of it.
struct Patient<'a> {
    examination: &'a Examination<'a>,
    account: &'a Account,
    record: Option<Record>,
    events: Vec<Event>,
    now: Timestamp,
}

pub(super) async fn examine(
    examination: &Examination<'_>,
    account: &Account,
    tell: &Sender<Finding>,
) {
    let id = &account.id;
    let say = async |finding: Finding| {
        drop(tell.send(Finding { account: Some(id.clone()), ..finding }).await);
    };
    let credential = CredentialId::access_token(id.clone());
    let read = examination.store.read(&credential).await;
    let (record, events) = match (read, examination.store.events(Some(id), EVENTS).await) {
        (Ok(record), Ok(events)) => (record, events),
        (Err(error), _) | (_, Err(error)) => {
            let text = both!("It cannot be read: {error}", "无法读取：{error}", error = error);
            return say(Finding::new(Check::Store, Verdict::Failed, text).mended_by(words::STORE))
                .await;
        }
    };
    let now = examination.clock.now().wall;
    let patient = Patient { examination, account, record, events, now };
    let (secret, address) = patient.secret().await;
    say(secret).await;
    let token = patient.token().await;
    let is_good = token.verdict == Verdict::Passed;
    say(patient.address(address, is_good).await).await;
    say(token).await;
    say(patient.quota(is_good).await).await;
    say(patient.rotations()).await;
    say(patient.clients().await).await;
    if let Some(pushes) = patient.pushes().await {
        say(pushes).await;
    }
}

impl Patient<'_> {
    /// Asks with the secret: what it is worth, and what that says of the address. None there: nothing.
    async fn secret(&self) -> (Finding, Option<Finding>) {
        let check = |verdict, text| Finding::new(Check::Secret, verdict, text);
        let has_secret = matches!(
            self.account.kind,
            AccountKind::OfficialAccount
                | AccountKind::MiniProgram
                | AccountKind::MiniGame
                | AccountKind::WeCom
        );
        if !has_secret {
            return (check(Verdict::Skipped, words::NOT_SUCH), None);
        }
        let left = self.token_left();
        let mints = self.account.mode == Mode::Stable && self.account.kind != AccountKind::WeCom;
        if mints && left.is_some_and(|left| left < LAST_MINUTES) {
            return (check(Verdict::Skipped, words::NOT_NOW), None);
        }
        self.count().await;
        let wechat = self.examination.wechat;
        let trial = timeout(PATIENCE, wechat.try_secret(self.account)).await;
        let failure = match trial {
            Ok(Trial::Accepted) => {
                return (check(Verdict::Passed, words::SECRET_RIGHT).costing(1), None);
            }
            Ok(Trial::Refused(failure) | Trial::Inconclusive(failure)) => failure,
            Err(_) => no_answer(),
        };
        let cause = Cause::of_failure(&failure).unwrap_or(Cause::Unknown);
        let said = short(&failure);
        let refused = || both!("WeChat refuses it: {said}", "微信拒绝它：{said}", said = said);
        let unknown = || {
            both!(
                "WeChat did not say whether it is right: {said}",
                "微信没有确认它是否正确：{said}",
                said = said
            )
        };
        match cause {
            Cause::IpNotAllowed => {
                let address = failed(Check::Address, refused_address(&failure), &failure);
                (check(Verdict::Skipped, unknown()).costing(1), Some(address))
            }
            Cause::SecretReset | Cause::SecretFrozen | Cause::AccountRestricted => {
                (failed(Check::Secret, refused(), &failure).costing(1), None)
            }
            _ => {
                let finding = check(Verdict::Warned, unknown()).caused_by(cause).coded(&failure);
                (with_remedy_of(finding, &failure).costing(1), None)
            }
        }
    }

    /// Whether WeChat accepts the token; if not, why.
    async fn token(&self) -> Finding {
        let check = |verdict, text| Finding::new(Check::Token, verdict, text);
        let Some(token) = self.record.as_ref().and_then(|record| record.token.as_ref()) else {
            return match self.trouble() {
                Some(failure) => failed(Check::Token, failed_for(failure), failure),
                None => check(Verdict::Skipped, words::NO_TOKEN),
            };
        };
        let question = Question {
            token: Some((token.fingerprint(), Looks::Token)),
            account: Some(self.account.id.clone()),
            ..Question::default()
        };
        if self.token_left().is_none() {
            return self.diagnosed(Check::Token, &question, None);
        }
        self.count().await;
        let is_wecom = self.account.kind == AccountKind::WeCom;
        let proxy = self.account.proxy.as_ref();
        let tried = self.examination.wechat.try_value(is_wecom, proxy, &token.value);
        match timeout(PATIENCE, tried).await {
            Ok(Trial::Accepted) => {
                let left = span(token.expires_at.since(self.now));
                let (en, zh) = left.texts();
                let generation = token.generation;
                let text = both!(
                    "WeChat accepts it; generation {generation}, good for {en}.",
                    "微信接受它；第 {generation} 代，还有 {zh}。",
                    generation = generation,
                    en = en,
                    zh = zh
                );
                check(Verdict::Passed, text).costing(1)
            }
            Ok(Trial::Refused(failure)) => {
                let trial = diagnosis::Trial::Refused(failure.clone());
                self.diagnosed(Check::Token, &question, Some(&trial)).coded(&failure).costing(1)
            }
            Ok(Trial::Inconclusive(failure)) => {
                let said = short(&failure);
                let text = both!(
                    "WeChat did not say whether it is good: {said}",
                    "微信没有确认它是否有效：{said}",
                    said = said
                );
                let cause = Cause::of_failure(&failure).unwrap_or(Cause::Unknown);
                let finding = check(Verdict::Warned, text).caused_by(cause).coded(&failure);
                with_remedy_of(finding, &failure).costing(1)
            }
            Err(_) => check(Verdict::Warned, failed_for(&no_answer()))
                .caused_by(Cause::PlatformTrouble)
                .costing(1),
        }
    }

    /// By which address WeChat sees this machine, and whether it lets it in.
    async fn address(&self, refused: Option<Finding>, has_token: bool) -> Finding {
        if let Some(refused) = refused {
            return refused;
        }
        let check = |verdict, text| Finding::new(Check::Address, verdict, text);
        let token = self.record.as_ref().and_then(|record| record.token.as_ref());
        let Some(token) = token.filter(|_| has_token) else {
            return check(Verdict::Skipped, words::NO_TOKEN_TO_ASK);
        };
        if self.account.kind == AccountKind::WeCom {
            return check(Verdict::Passed, words::UNSEEN);
        }
        let seen = self.examination.wechat.seen_from(self.account, &token.value);
        match timeout(PATIENCE, seen).await {
            Ok(Ok(address)) => {
                let text = both!(
                    "WeChat sees calls come from {address}, and lets them in.",
                    "微信看到的来源地址是 {address}，并接受它。",
                    address = address
                );
                check(Verdict::Passed, text).costing(2)
            }
            Ok(Err(failure)) if Cause::of_failure(&failure) == Some(Cause::IpNotAllowed) => {
                failed(Check::Address, refused_address(&failure), &failure).costing(1)
            }
            _ => check(Verdict::Passed, words::UNSEEN).costing(2),
        }
    }

    /// What is left of the day's calls for a token, as WeChat counts and as Lingpai does.
    async fn quota(&self, has_token: bool) -> Finding {
        let check = |verdict, text| Finding::new(Check::Quota, verdict, text);
        if self.account.kind == AccountKind::WeCom {
            return check(Verdict::Skipped, words::NO_QUOTA_CALL);
        }
        let path = match self.account.mode {
            Mode::Stable => protocol::STABLE_TOKEN_PATH,
            Mode::Classic => protocol::TOKEN_PATH,
        };
        if let Some(failure) =
            self.trouble().filter(|it| Cause::of_failure(it) == Some(Cause::Quota))
        {
            return failed(Check::Quota, failed_for(failure), failure);
        }
        let token = self.record.as_ref().and_then(|record| record.token.as_ref());
        let Some(token) = token.filter(|_| has_token) else {
            return check(Verdict::Skipped, words::NO_TOKEN_TO_ASK);
        };
        let asked = self.examination.wechat.quota(self.account, &token.value, path);
        match timeout(PATIENCE, asked).await {
            Ok(Ok(quota)) => {
                let (left, limit) = (quota.left, quota.limit);
                let text = both!(
                    "Of {limit} calls of {path} a day, {left} are left.",
                    "{path} 每天 {limit} 次，还剩 {left} 次。",
                    limit = limit,
                    path = path,
                    left = left
                );
                let verdict = match left {
                    0 => Verdict::Failed,
                    left if left < limit / LITTLE => Verdict::Warned,
                    _ => Verdict::Passed,
                };
                let finding = check(verdict, text).costing(1);
                if verdict == Verdict::Passed { finding } else { finding.caused_by(Cause::Quota) }
            }
            Ok(Err(failure)) => {
                let said = short(&failure);
                let text =
                    both!("WeChat does not say: {said}", "微信没有给出：{said}", said = said);
                check(Verdict::Skipped, text).coded(&failure).costing(1)
            }
            Err(_) => check(Verdict::Skipped, failed_for(&no_answer())).costing(1),
        }
    }

    /// What became of the rotations of a day.
    fn rotations(&self) -> Finding {
        let lately = || self.events.iter().take_while(|event| self.now.since(event.at) < LATELY);
        let rotated = lately().filter(|event| matches!(event.what, What::Rotated { .. })).count();
        let mut failures: Vec<&Failure> = Vec::new();
        let mut rogue = None;
        for event in lately() {
            match &event.what {
                What::Failed { failure, .. } => failures.push(failure),
                What::RogueRefresher { fingerprint, .. } => _ = rogue.get_or_insert(*fingerprint),
                _ => {}
            }
        }
        let count = failures.len();
        if let Some(failure) = self.trouble() {
            let said = short(failure);
            let text = both!(
                "No token can be had now; failures within a day: {count}, the last: {said}",
                "现在无法获取凭据；最近一天失败 {count} 次，最近一次：{said}",
                count = count,
                said = said
            );
            return failed(Check::Rotations, text, failure);
        }
        if let Some(fingerprint) = rogue {
            let token = Some((fingerprint, Looks::Token));
            let found =
                self.diagnosed(Check::Rotations, &Question { token, ..Question::default() }, None);
            return Finding { verdict: Verdict::Warned, ..found };
        }
        let text = both!(
            "Within a day: rotations {rotated}, failures {count}.",
            "最近一天：更换 {rotated} 次，失败 {count} 次。",
            rotated = rotated,
            count = count
        );
        match failures.first() {
            None => Finding::new(Check::Rotations, Verdict::Passed, text),
            Some(last) => {
                let said = short(last);
                let (en, zh) = text.texts();
                let text = both!(
                    "{en} The last failure: {said}",
                    "{zh}最近一次失败：{said}",
                    en = en,
                    zh = zh,
                    said = said
                );
                let finding = Finding::new(Check::Rotations, Verdict::Warned, text);
                let cause = Cause::of_failure(last).unwrap_or(Cause::Unknown);
                with_remedy_of(finding.caused_by(cause), last).coded(last)
            }
        }
    }

    /// The clients that ask too often, or use what is not the account's current token.
    async fn clients(&self) -> Finding {
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
            return Finding::new(Check::Clients, Verdict::Passed, words::CLIENTS_FINE);
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
    async fn pushes(&self) -> Option<Finding> {
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

    /// What the diagnosis of a token comes to.
    fn diagnosed(
        &self,
        check: Check,
        question: &Question,
        trial: Option<&diagnosis::Trial>,
    ) -> Finding {
        let kept = self.kept();
        let facts = Facts { now: self.now, events: &self.events, kept: &kept, trial };
        let found = diagnose(question, &facts);
        let remedy = found.remedy.into_iter().next();
        let finding = Finding::new(check, Verdict::Failed, found.headline);
        Finding { remedy, cause: Some(found.cause), ..finding }
    }

    fn kept(&self) -> Vec<Kept> {
        self.record.clone().map(Kept::from).into_iter().collect()
    }

    fn token_left(&self) -> Option<Duration> {
        let token = self.record.as_ref()?.token.as_ref()?;
        let left = token.expires_at.since(self.now);
        (!left.is_zero()).then_some(left)
    }

    /// What stands in the way of a token now, by the record or by the events since the last one came.
    fn trouble(&self) -> Option<&Failure> {
        let of_record = self.record.as_ref().and_then(|record| record.failure.as_ref());
        let lately = self.events.iter().find_map(|event| match &event.what {
            What::Rotated { .. } | What::Repeated { .. } => Some(None),
            What::Failed { failure, .. } => Some(Some(failure)),
            _ => None,
        });
        of_record.or(lately.flatten())
    }

    /// A trial is counted before it is made, as those of the engine are.
    async fn count(&self) {
        let day = self.examination.clock.now().day();
        let entry = Entry::Trial(Kind::ACCESS_TOKEN);
        // That the store cannot take it is told by the store's own check.
        let _ = self.examination.store.count(&self.account.id, day, entry, 1).await;
    }
}

fn no_answer() -> Failure {
    let seconds = PATIENCE.as_secs();
    Failure::new(lingpai_core::Class::Transient, format!("no answer within {seconds} s"))
}

fn failed_for(failure: &Failure) -> Bilingual {
    let said = short(failure);
    both!("None can be had: {said}", "无法获取：{said}", said = said)
}

fn refused_address(failure: &Failure) -> Bilingual {
    let said = short(failure);
    let seen = catalogue::explain(&failure.message).map(|it| it.caller_ips).unwrap_or_default();
    match seen.first() {
        Some(address) => both!(
            "WeChat sees this machine as {address}, which is not on the whitelist: {said}",
            "微信看到本机的地址是 {address}，它不在白名单中：{said}",
            address = address,
            said = said
        ),
        None => both!(
            "WeChat does not let this machine's address in: {said}",
            "微信不接受本机的地址：{said}",
            said = said
        ),
    }
}

fn failed(check: Check, text: Bilingual, failure: &Failure) -> Finding {
    let cause = Cause::of_failure(failure).unwrap_or(Cause::Unknown);
    Finding::new(check, Verdict::Failed, text).caused_by(cause).coded(failure)
}

/// The failure's own remedy where it is about the way to WeChat, which the cause says less of.
fn with_remedy_of(finding: Finding, failure: &Failure) -> Finding {
    if failure.code.is_some() || failure.remedy.is_none() {
        return finding;
    }
    let said = |language| catalogue::remedy(failure, language).unwrap_or_default().into_owned();
    finding.mended_by(Bilingual::made(said(Language::English), said(Language::Chinese)))
}
