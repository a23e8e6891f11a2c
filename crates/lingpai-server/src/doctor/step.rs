//! What is told of an examination while it runs: what it will cost, what is being looked at, what was found.

use lingpai_core::{Account, AccountId, AccountKind, Mode};
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

use super::{Check, Finding, words};
use crate::language::{Language, say};

/// One thing that is told of an examination.
#[derive(Clone, Debug)]
pub enum Step {
    /// What it is going to cost. The first of all.
    Plan(Plan),
    /// What is being looked at now, of which account.
    Checking(Check, Option<AccountId>),
    /// What was found.
    Found(Box<Finding>),
}

/// What an examination may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The accounts that are looked at.
    pub accounts: usize,
    /// At most so many calls of WeChat's are made for them.
    pub calls: u32,
    /// So many of these ask for a token, of which WeChat allows least.
    pub fetches: u32,
}

impl Plan {
    /// What looking at these accounts may cost.
    pub(super) fn of(accounts: &[&Account]) -> Self {
        let each = accounts.iter().map(|account| {
            let has_secret = has_secret(account);
            let calls = match account.mode {
                // The token alone: WeCom tells neither quotas nor addresses.
                _ if account.kind.is_of_wecom() => 1,
                // The token, what is left of two quotas, and two calls that tell the address.
                Mode::Classic if has_secret => 5,
                _ => 4,
            };
            (calls + u32::from(has_secret), u32::from(has_secret))
        });
        let (calls, fetches) = each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Self { accounts: accounts.len(), calls, fetches }
    }

    /// The same in a sentence.
    pub fn text(&self, language: Language) -> String {
        let Self { accounts, calls, fetches } = self;
        say!(
            language,
            "Accounts to be looked at: {accounts}. Calls of WeChat's: {calls} at most; for a token, which counts against a quota of \
             the day: {fetches}. No token in use is replaced, and where little is left of that quota it is not spent.",
            "检查 {accounts} 个账号，最多调用微信 {calls} 次，其中 {fetches} 次是获取凭据的调用，计入当天的额度。使用中的凭据不会被替换；\
             额度所剩无几时不会使用。"
        )
    }
}

/// Whether an account has an AppSecret that can be tried.
pub(super) fn has_secret(account: &Account) -> bool {
    matches!(
        account.kind,
        AccountKind::OfficialAccount
            | AccountKind::MiniProgram
            | AccountKind::MiniGame
            | AccountKind::WeCom
    )
}

impl Step {
    /// Its name and its data, as a server sends it.
    pub fn message(&self, language: Language) -> (&'static str, Value) {
        match self {
            Self::Plan(plan) => ("plan", plan.to_json(language)),
            Self::Checking(check, account) => {
                let mut shown = json!({
                    "check": check.as_str(),
                    "title": words::title(*check).text(language),
                });
                if let Some(account) = account {
                    shown["account"] = account.as_str().into();
                }
                ("checking", shown)
            }
            Self::Found(finding) => ("finding", finding.to_json(language)),
        }
    }
}

impl Plan {
    /// As the native API and `--json` show it.
    pub(super) fn to_json(self, language: Language) -> Value {
        let Self { accounts, calls, fetches } = self;
        let text = self.text(language);
        json!({"accounts": accounts, "calls": calls, "fetches": fetches, "text": text})
    }
}

/// Whoever is told. One who has gone away is not waited for.
pub(super) struct Teller<'a> {
    pub(super) to: &'a Sender<Step>,
    pub(super) account: Option<&'a AccountId>,
}

impl Teller<'_> {
    pub(super) async fn looks_at(&self, check: Check) {
        drop(self.to.send(Step::Checking(check, self.account.cloned())).await);
    }

    pub(super) async fn found(&self, finding: Finding) {
        let account = self.account.cloned().or(finding.account.clone());
        drop(self.to.send(Step::Found(Box::new(Finding { account, ..finding }))).await);
    }
}
