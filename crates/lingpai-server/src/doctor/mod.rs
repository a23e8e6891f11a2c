//! The doctor: a list of checks, each with what was seen and what to do about it.
//!
//! Nothing that it does brings or replaces a token that is in use, and each finding says how many calls of WeChat's it cost.
//! It looks at the store and asks WeChat itself, so that it works beside a running server and without one.
//!
//! - `house`: checks of the program around the accounts; what only the program knows of itself comes as a [`House`].
//! - `patient`: checks of one account; `clients`: of those who use it. `words`: all that is said.
//! - `step`: what is told while it runs.
//! - `api`: the same over HTTP; `kept`: what came of the last ones there.

pub(crate) mod api;
mod clients;
mod house;
mod kept;
mod patient;
mod step;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use lingpai_core::{Account, AccountId, Clock, Directory, Failure, Store, Timestamp};
use lingpai_wechat::{WeChat, wire};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::diagnosis::Cause;
use crate::language::{Bilingual, Language};
use crate::strays::Strays;
pub(crate) use kept::Kept;
use step::Teller;
pub use step::{Plan, Step};

/// Without an account's name, so many are looked at.
const MOST_LOOKED_AT: usize = 50;

/// What only the program knows that keeps the accounts: its configuration, its store, its certificates.
#[async_trait]
pub trait Ward: Send + Sync {
    /// How it stands with them now.
    async fn look(&self) -> House;
}

/// The program around the accounts.
#[derive(Debug)]
pub struct House {
    /// The file of the configuration, if there is one; or all that is wrong with it.
    pub configuration: Result<Option<String>, Bilingual>,
    /// The store, by its name for people.
    pub store: String,
    /// Whether what it acknowledges survives a loss of power.
    pub is_durable: bool,
    /// Whether it is a Redis, and what it lacks to be relied on.
    pub redis: Option<Vec<Bilingual>>,
    /// How many bytes are free where it is, and how many it has.
    pub space: Option<(u64, u64)>,
    /// The certificates that are shown: of what, and when they end if that can be read.
    pub certificates: Vec<(String, Option<Timestamp>)>,
    /// How WeChat is reached.
    pub upstream: wire::Settings,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The configuration.
    Configuration,
    /// The store: written and read.
    Store,
    /// The room where the store is.
    Space,
    /// What a Redis must be like.
    Redis,
    /// The way to one host of WeChat's.
    Host,
    /// The clock of this machine.
    Clock,
    /// A certificate that is shown.
    Certificate,
    /// The AppSecret.
    Secret,
    /// The address that WeChat sees, and its whitelist.
    Address,
    /// The token.
    Token,
    /// What is left of the quota.
    Quota,
    /// The rotations of the last day.
    Rotations,
    /// The clients that use the account.
    Clients,
    /// Tickets that WeChat pushes.
    Pushes,
}

impl Check {
    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Store => "store",
            Self::Space => "space",
            Self::Redis => "redis",
            Self::Host => "host",
            Self::Clock => "clock",
            Self::Certificate => "certificate",
            Self::Secret => "secret",
            Self::Address => "address",
            Self::Token => "token",
            Self::Quota => "quota",
            Self::Rotations => "rotations",
            Self::Clients => "clients",
            Self::Pushes => "pushes",
        }
    }
}

/// What came of a check, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It could not be looked at, or does not apply now.
    Skipped,
    /// All is well.
    Passed,
    /// Somebody should look at it.
    Warned,
    /// Something does not work.
    Failed,
}

impl Verdict {
    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
        }
    }
}

/// One line of the list.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// Of which account, if of one.
    pub account: Option<AccountId>,
    /// Which of several: a host, a file.
    pub subject: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: Bilingual,
    /// Whence clients call. It is told by the audit trail, so it is for those only who may read that.
    pub whence: Option<Bilingual>,
    /// What a person can do.
    pub remedy: Option<Bilingual>,
    /// The cause, where it is one that a refused token can have.
    pub cause: Option<Cause>,
    /// WeChat's code.
    pub errcode: Option<i64>,
    /// How many calls of WeChat's it cost.
    pub calls: u32,
}

impl Finding {
    fn new(check: Check, verdict: Verdict, evidence: Bilingual) -> Self {
        let (account, subject, whence, remedy, cause, errcode, calls) = Default::default();
        Self { check, account, subject, verdict, evidence, whence, remedy, cause, errcode, calls }
    }

    /// The configuration alone: what else there is to look at stands in it.
    pub fn of_configuration(configuration: &Result<Option<String>, Bilingual>) -> Self {
        house::of_configuration(configuration)
    }

    /// A store that cannot be opened, and why: then nothing can be found out about the accounts.
    pub fn of_unopened_store(why: Bilingual) -> Self {
        Self::new(Check::Store, Verdict::Failed, why).mended_by(words::OPEN_STORE)
    }

    fn mended_by(self, remedy: Bilingual) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// With the first thing to do about a cause.
    fn caused_by(self, cause: Cause) -> Self {
        Self { cause: Some(cause), remedy: cause.remedy().into_iter().next(), ..self }
    }

    fn coded(self, failure: &Failure) -> Self {
        Self { errcode: failure.code, ..self }
    }

    fn costing(self, calls: u32) -> Self {
        Self { calls, ..self }
    }

    /// As the native API and `--json` show it.
    pub fn to_json(&self, language: Language) -> Value {
        let whence = self.whence.as_ref().map_or("", |whence| whence.text(language));
        let mut shown = json!({
            "check": self.check.as_str(),
            "title": words::title(self.check).text(language),
            "verdict": self.verdict.as_str(),
            "evidence": self.evidence.text(language).to_owned() + whence,
            "calls": self.calls,
        });
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                shown[name] = value;
            }
        };
        add("account", self.account.as_ref().map(|account| account.as_str().into()));
        add("subject", self.subject.as_deref().map(Into::into));
        add("remedy", self.remedy.as_ref().map(|remedy| remedy.text(language).into()));
        add("cause", self.cause.map(|cause| cause.as_str().into()));
        add("errcode", self.errcode.map(Into::into));
        shown
    }
}

/// What the findings come to.
pub fn summary(findings: &[Finding]) -> Value {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Passed);
    json!({
        "worst": worst.max(Verdict::Passed).as_str(),
        "passed": count(Verdict::Passed),
        "warned": count(Verdict::Warned),
        "failed": count(Verdict::Failed),
        "skipped": count(Verdict::Skipped),
        "calls": findings.iter().map(|finding| finding.calls).sum::<u32>(),
    })
}

/// What there is to look at.
pub struct Examination<'a> {
    /// The program around the accounts; none for a caller who may see some accounts only.
    pub house: Option<&'a House>,
    /// The store.
    pub store: &'a dyn Store,
    /// What people manage in it.
    pub directory: &'a dyn Directory,
    /// WeChat.
    pub wechat: &'a WeChat,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The account that is meant, or all that the caller may see.
    pub account: Option<&'a AccountId>,
    /// Whether a call is made even where little is left of its quota.
    pub spends_scarce: bool,
    /// Whether the caller may see an account.
    pub may_see: &'a (dyn Fn(&AccountId) -> bool + Sync),
    /// What clients were seen to use that is no current token, if a server has noticed.
    pub(crate) strays: Option<&'a Strays>,
}

impl<'a> Examination<'a> {
    /// Of all accounts of a store, beside no server; and of the house, if there is one.
    pub fn of_all(
        house: Option<&'a House>,
        (store, directory): (&'a dyn Store, &'a dyn Directory),
        wechat: &'a WeChat,
        clock: &'a dyn Clock,
    ) -> Self {
        let (account, may_see, strays) = (None, &|_: &AccountId| true, None);
        let spends_scarce = false;
        Self { house, store, directory, wechat, clock, account, spends_scarce, may_see, strays }
    }

    /// The same of one account; of the house only what all accounts stand on.
    pub fn only(self, account: &'a AccountId) -> Self {
        Self { account: Some(account), ..self }
    }

    /// The same, and calls are made even where little is left of their quota, if that is wanted.
    pub fn spending_scarce(self, spends_scarce: bool) -> Self {
        Self { spends_scarce, ..self }
    }

    /// Looks at everything, and tells what it may cost, what it is looking at, and each finding when it is there. WeChat is
    /// waited for ten seconds for the house, and as long for each account; dropping the future harms nothing.
    ///
    /// Answers with the accounts that are there and were left out, since there are too many; none if it is not known which are.
    pub async fn run(&self, tell: mpsc::Sender<Step>) -> Option<BTreeSet<AccountId>> {
        let accounts = self.directory.accounts().await;
        let accounts = accounts.map(|all| {
            let mut all: Vec<_> =
                all.into_iter().filter(|account| (self.may_see)(&account.id)).collect();
            all.sort_by(|one, other| one.id.cmp(&other.id));
            all
        });
        let is_wanted =
            |account: &&Account| self.account.is_none_or(|wanted| *wanted == account.id);
        let wanted: Vec<_> = accounts.iter().flatten().filter(is_wanted).collect();
        let (looked_at, left_out) = wanted.split_at(wanted.len().min(MOST_LOOKED_AT));
        drop(tell.send(Step::Plan(Plan::of(looked_at))).await);
        let teller = Teller { to: &tell, account: None };
        if let Some(house) = self.house {
            let with_wecom = accounts.iter().flatten().any(|account| account.kind.is_of_wecom());
            house::examine(self, house, with_wecom, &teller).await;
        }
        if !left_out.is_empty() {
            teller.found(words::left_out(wanted.len(), MOST_LOOKED_AT)).await;
        }
        for account in looked_at {
            patient::examine(self, account, &tell).await;
        }
        accounts.is_ok().then(|| left_out.iter().map(|account| account.id.clone()).collect())
    }
}

/// What a server needs to have it done: the program's own knowledge.
pub type SharedWard = Arc<dyn Ward>;
