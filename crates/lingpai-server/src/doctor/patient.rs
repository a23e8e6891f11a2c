//! Checks of one account: what WeChat says of it now, and what happened to it within a day.

use std::time::Duration;

use lingpai_core::event::{Event, What};
use lingpai_core::store::{Entry, Record};
use lingpai_core::{
    Account, CredentialId, Failure, Keeping, Kind, Mode, Secret, Timestamp, Verdict as Trial,
};
use lingpai_wechat::{Quota, catalogue, protocol};
use tokio::sync::mpsc::Sender;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::step::{Teller, has_secret};
use super::words::{self, both};
use super::{Check, Examination, Finding, Step, Verdict};
use crate::diagnosis::{self, Cause, Facts, Kept, Looks, Question, diagnose, short, span};
use crate::language::{Bilingual, Language};

/// How long WeChat may take to say all that is asked of it about one account.
const PATIENCE: Duration = Duration::from_secs(10);
/// What happened before is not looked at.
pub(super) const LATELY: Duration = Duration::from_hours(24);
/// So many events of an account are.
pub(super) const EVENTS: usize = 20_000;
/// A stable token that has less left than this may be followed by the next at any call.
const LAST_MINUTES: Duration = Duration::from_secs(protocol::STABLE_WINDOW.as_secs() + 60);
/// A tenth of a quota left is little.
const LITTLE: u64 = 10;
/// And a hundredth is not to be spent unasked.
const SCARCE: u64 = 100;

/// One account, and what is stored of it.
pub(super) struct Patient<'a> {
    pub(super) examination: &'a Examination<'a>,
    pub(super) account: &'a Account,
    record: Option<Record>,
    pub(super) events: Vec<Event>,
    pub(super) now: Timestamp,
    /// WeChat is waited for until then.
    until: Instant,
}

pub(super) async fn examine(examination: &Examination<'_>, account: &Account, tell: &Sender<Step>) {
    let id = &account.id;
    let tell = Teller { to: tell, account: Some(id) };
    let credential = CredentialId::access_token(id.clone());
    let read = examination.store.read(&credential).await;
    let (record, events) = match (read, examination.store.events(Some(id), EVENTS).await) {
        (Ok(record), Ok(events)) => (record, events),
        (Err(error), _) | (_, Err(error)) => {
            let why = Bilingual::of_store(&error);
            let finding = Finding::new(Check::Store, Verdict::Failed, why);
            return tell.found(finding.mended_by(words::STORE_SAYS)).await;
        }
    };
    let now = examination.clock.now().wall;
    let until = Instant::now() + PATIENCE;
    let patient = Patient { examination, account, record, events, now, until };
    tell.looks_at(Check::Token).await;
    let token = patient.token().await;
    let is_good = token.verdict == Verdict::Passed;
    tell.found(token).await;
    // Before anything is spent: what is left of it.
    tell.looks_at(Check::Quota).await;
    let (quota, left) = patient.quota(is_good).await;
    tell.found(quota).await;
    tell.looks_at(Check::Secret).await;
    let (secret, address) = patient.secret(left).await;
    tell.found(secret).await;
    tell.looks_at(Check::Address).await;
    tell.found(patient.address(address, is_good).await).await;
    tell.found(patient.rotations()).await;
    tell.found(patient.clients().await).await;
    if let Some(pushes) = patient.pushes().await {
        tell.found(pushes).await;
    }
}

/// What is left of the calls of `stable_token` today, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Unknown,
    Enough,
    /// So many, which is next to nothing.
    Scarce(u64),
}

impl Left {
    fn of(quota: Quota) -> Self {
        if quota.left <= quota.limit / SCARCE { Self::Scarce(quota.left) } else { Self::Enough }
    }
}

impl Patient<'_> {
    /// What WeChat says, if it says it before its time for this account is over.
    async fn in_time<T>(&self, asked: impl Future<Output = T>) -> Result<T, Elapsed> {
        timeout_at(self.until, asked).await
    }

    /// Asks with the secret: what it is worth, and what that says of the address. None there: nothing.
    async fn secret(&self, quota: Left) -> (Finding, Option<Finding>) {
        let check = |verdict, text| Finding::new(Check::Secret, verdict, text);
        if !has_secret(self.account) {
            return (check(Verdict::Skipped, words::NOT_SUCH), None);
        }
        let left = self.token_left();
        let mints = self.account.mode == Mode::Stable && !self.account.kind.is_of_wecom();
        if mints && left.is_some_and(|left| left < LAST_MINUTES) {
            return (check(Verdict::Skipped, words::NOT_NOW), None);
        }
        if let Left::Scarce(left) = quota
            && !self.examination.spends_scarce
        {
            return (check(Verdict::Skipped, words::scarce(left)), None);
        }
        self.count().await;
        let wechat = self.examination.wechat;
        let trial = self.in_time(wechat.try_secret(self.account)).await;
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
        let is_wecom = self.account.kind.is_of_wecom();
        let proxy = self.account.proxy.as_ref();
        let tried = self.examination.wechat.try_value(is_wecom, proxy, &token.value);
        match self.in_time(tried).await {
            Ok(Trial::Accepted) => {
                let left = span(token.expires_at.since(self.now));
                let (en, zh) = left.texts();
                let generation = token.generation;
                let (kept, kept_zh) = match self.account.policy.keeping {
                    Keeping::Managed => ("", ""),
                    Keeping::Observe => (
                        " The account is observed: no other follows.",
                        "账号仅观察：之后没有新的凭据。",
                    ),
                    Keeping::Paused => (
                        " The account is paused: no other follows.",
                        "账号已暂停：之后没有新的凭据。",
                    ),
                };
                let text = both!(
                    "WeChat accepts it; generation {generation}, good for {en}.{kept}",
                    "微信接受它；第 {generation} 代，还有 {zh}。{kept_zh}",
                    generation = generation,
                    en = en,
                    zh = zh,
                    kept = kept,
                    kept_zh = kept_zh
                );
                check(Verdict::Passed, text).costing(1)
            }
            Ok(Trial::Refused(failure)) if self.account.policy.keeping == Keeping::Observe => {
                let finding = check(Verdict::Warned, words::REPLACED_BY_ITS_OWNER);
                finding.mended_by(words::ADOPT_ANEW).coded(&failure).costing(1)
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
        if self.account.kind.is_of_wecom() {
            return check(Verdict::Passed, words::UNSEEN);
        }
        let seen = self.examination.wechat.seen_from(self.account, &token.value);
        match self.in_time(seen).await {
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

    /// What is left of the day's calls for a token, as WeChat counts; and of those that a look at the AppSecret takes.
    async fn quota(&self, has_token: bool) -> (Finding, Left) {
        let check = |verdict, text| Finding::new(Check::Quota, verdict, text);
        if self.account.kind.is_of_wecom() {
            return (check(Verdict::Skipped, words::NO_QUOTA_CALL), Left::Unknown);
        }
        if let Some(failure) =
            self.trouble().filter(|it| Cause::of_failure(it) == Some(Cause::Quota))
        {
            let finding = failed(Check::Quota, failed_for(failure), failure);
            // The call that was refused is the one that would be spent, but for a classic account's.
            let is_same = self.account.mode == Mode::Stable;
            return (finding, if is_same { Left::Scarce(0) } else { Left::Unknown });
        }
        let token = self.record.as_ref().and_then(|record| record.token.as_ref());
        let Some(token) = token.filter(|_| has_token) else {
            return (check(Verdict::Skipped, words::NO_TOKEN_TO_ASK), Left::Unknown);
        };
        let path = match self.account.mode {
            Mode::Stable => protocol::STABLE_TOKEN_PATH,
            Mode::Classic => protocol::TOKEN_PATH,
        };
        let told = self.left_of(path, &token.value).await;
        let (finding, calls) = (self.of_quota(path, &told), 1);
        if self.account.mode == Mode::Stable || !has_secret(self.account) {
            let left = told.map_or(Left::Unknown, Left::of);
            return (finding.costing(calls), left);
        }
        let stable = self.left_of(protocol::STABLE_TOKEN_PATH, &token.value).await;
        (finding.costing(calls + 1), stable.map_or(Left::Unknown, Left::of))
    }

    async fn left_of(&self, path: &str, token: &Secret) -> Result<Quota, Failure> {
        let asked = self.examination.wechat.quota(self.account, token, path);
        self.in_time(asked).await.unwrap_or_else(|_| Err(no_answer()))
    }

    fn of_quota(&self, path: &str, told: &Result<Quota, Failure>) -> Finding {
        let check = |verdict, text| Finding::new(Check::Quota, verdict, text);
        match told {
            Ok(Quota { left, limit, .. }) => {
                let text = both!(
                    "Of {limit} calls of {path} a day, {left} are left.",
                    "{path} 每天 {limit} 次，还剩 {left} 次。",
                    limit = limit,
                    path = path,
                    left = left
                );
                let verdict = match *left {
                    0 => Verdict::Failed,
                    left if left < limit / LITTLE => Verdict::Warned,
                    _ => Verdict::Passed,
                };
                let finding = check(verdict, text);
                if verdict == Verdict::Passed { finding } else { finding.caused_by(Cause::Quota) }
            }
            Err(failure) => {
                let said = short(failure);
                let text =
                    both!("WeChat does not say: {said}", "微信没有给出：{said}", said = said);
                check(Verdict::Skipped, text).coded(failure)
            }
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

    pub(super) fn kept(&self) -> Vec<Kept> {
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
    Failure::new(lingpai_core::Class::Transient, "no answer in time")
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
