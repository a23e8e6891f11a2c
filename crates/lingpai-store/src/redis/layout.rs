//! What the keys are called. Those of one account share a hash tag, so that a script may touch them together in a
//! cluster. No name holds a secret. `docs/redis.md` shows what is in each.

use lingpai_core::journal::Series;
use lingpai_core::{AccountId, CredentialId, Day};

/// In how many places of a cluster it is looked whether something is lost. Of ten servers that share the keys evenly, one is
/// left out once in eighty clusters.
const MARKS: u32 = 64;

/// The names of a store's keys, all of which begin with its prefix.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    prefix: String,
}

impl Layout {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// What all of them begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A hash: the version of the layout, the sealed data keys, the epoch.
    pub(super) fn meta(&self) -> String {
        self.of_all("meta")
    }

    /// A set: the names of all accounts, removed ones too.
    pub(super) fn accounts(&self) -> String {
        self.of_all("accounts")
    }

    /// A set: all credentials that were ever begun.
    pub(super) fn credentials(&self) -> String {
        self.of_all("credentials")
    }

    /// A number that grows with every change of an account.
    pub(super) fn revision(&self) -> String {
        self.of_all("revision")
    }

    /// A hash: API keys by their ids.
    pub(super) fn keys(&self) -> String {
        self.of_all("keys")
    }

    /// A stream: what happened, or who read and changed what.
    pub(super) fn journal(&self, series: Series) -> String {
        self.of_all(series.as_str())
    }

    /// A set: the accounts for which pushes wait.
    pub(super) fn outboxes(&self) -> String {
        self.of_all("outboxes")
    }

    /// A hash: the nodes, and when each was last seen.
    pub(super) fn nodes(&self) -> String {
        self.of_all("nodes")
    }

    /// A pub/sub channel: what was changed.
    pub(super) fn changes(&self) -> String {
        self.of_all("changes")
    }

    /// A hash: one account, or its tombstone.
    pub(super) fn account(&self, account: &AccountId) -> String {
        self.of_account(account, "account")
    }

    /// A set: the kinds of an account's credentials.
    pub(super) fn kinds(&self, account: &AccountId) -> String {
        self.of_account(account, "kinds")
    }

    /// A number: the highest fence of an account, which outlives it.
    pub(super) fn fence(&self, account: &AccountId) -> String {
        self.of_account(account, "fence")
    }

    /// A hash: what was counted on one day.
    pub(super) fn ledger(&self, account: &AccountId, day: Day) -> String {
        self.of_account(account, &format!("ledger:{}", day.0))
    }

    /// A hash: the pushes of an account that its business was not given yet; sorted sets: the order of those that wait, and of
    /// the dead.
    pub(super) fn outbox(&self, account: &AccountId) -> [String; 3] {
        ["outbox", "outbox:waiting", "outbox:dead"].map(|name| self.of_account(account, name))
    }

    /// A hash: one credential.
    pub(super) fn credential(&self, credential: &CredentialId) -> String {
        self.credential_of(&credential.account, credential.kind.as_str())
    }

    /// The same, where the kind is a name.
    pub(super) fn credential_of(&self, account: &AccountId, kind: &str) -> String {
        self.of_account(account, &format!("credential:{kind}"))
    }

    /// Numbers that only grow. In a cluster there are so many that each server has some.
    pub(super) fn marks(&self, is_cluster: bool) -> Vec<String> {
        let count = if is_cluster { MARKS } else { 1 };
        (0..count).map(|number| format!("{}{{mark-{number}}}", self.prefix)).collect()
    }

    /// Keys that are there for a moment only, to try what is allowed.
    pub(super) fn probes(&self) -> [String; 4] {
        ["hash", "set", "stream", "text"].map(|name| format!("{}{{probe}}:{name}", self.prefix))
    }

    /// The keys of the whole store, and what type each is.
    pub(super) fn types(&self) -> [(String, &'static str); 9] {
        [
            (self.meta(), "hash"),
            (self.accounts(), "set"),
            (self.credentials(), "set"),
            (self.revision(), "string"),
            (self.keys(), "hash"),
            (self.journal(Series::Events), "stream"),
            (self.journal(Series::Audit), "stream"),
            (self.outboxes(), "set"),
            (self.nodes(), "hash"),
        ]
    }

    fn of_all(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn of_account(&self, account: &AccountId, name: &str) -> String {
        format!("{}{{{account}}}:{name}", self.prefix)
    }
}
