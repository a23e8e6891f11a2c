//! What a store decides: who may rotate, whose commit counts, what a commit changes.
//!
//! [`Standing`] is all that is known of a credential but its token's value. The stores load it, ask it, and save it
//! within one atomic step; they differ only in how.

use std::time::Duration;

use lingpai_core::failure::{Failure, Reached};
use lingpai_core::store::{Claim, Commit, Intent, Lease, Previous, Record, Usage};
use lingpai_core::{
    Account, AccountId, CredentialId, Day, Fence, Fingerprint, Generation, NodeId, StoreError,
    StoreErrorKind, Timestamp, Token, Way,
};
use serde::{Deserialize, Serialize};

/// A lease that was given this much after "now" was given before the clock was set back, and has no meaning any more.
/// Less than this is the scatter between the clock readings of two threads.
const CLOCK_SCATTER: Duration = Duration::from_secs(2);

/// For how many days the ledger is kept.
pub(crate) const LEDGER_DAYS: i32 = 40;

/// All that a store knows of a credential, but the value of its token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) generation: Generation,
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) previous: Option<Previous>,
    pub(crate) intent: Option<Intent>,
    pub(crate) fence: Fence,
    pub(crate) hold: Option<Hold>,
    pub(crate) last_forced_at: Option<Timestamp>,
    pub(crate) failure: Option<Failure>,
    pub(crate) usage: Usage,
}

/// A lease that was granted and not given back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) node: NodeId,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// The process that granted it, where a store can tell whether that is alive.
    pub(crate) process: Option<Process>,
}

/// A process that has a store open: a place among them, and a name that tells it from others that had the place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) slot: i64,
    pub(crate) incarnation: String,
}

/// Why a claim is not granted.
#[derive(Debug)]
pub(crate) enum Refusal {
    Newer,
    Held { by: NodeId, until: Timestamp },
    Unfinished(Intent),
}

impl Standing {
    /// What stands against a claim, if anything does. `ended` tells whether the process that granted a lease is known to
    /// have ended; it is asked only about an unexpired lease of another node.
    pub(crate) fn refusal(
        &self,
        claim: &Claim,
        ended: impl FnOnce(&Process) -> bool,
    ) -> Option<Refusal> {
        if self.generation > claim.known {
            return Some(Refusal::Newer);
        }
        if let Some(hold) = &self.hold
            && hold.node != claim.node
            && !hold.is_over(claim.at)
            && !hold.process.as_ref().is_some_and(ended)
        {
            return Some(Refusal::Held { by: hold.node.clone(), until: hold.until });
        }
        match self.intent {
            Some(intent) if claim.way.is_some() && claim.settles != Some(intent.fence) => {
                Some(Refusal::Unfinished(intent))
            }
            _ => None,
        }
    }

    /// Grants a claim that nothing stands against. `fence` is above every earlier one; `counted` is what the ledger has
    /// of the claim's day so far.
    pub(crate) fn grant(
        &mut self,
        claim: &Claim,
        fence: Fence,
        process: Option<Process>,
        counted: Usage,
    ) -> Lease {
        let until = claim.at + claim.lease;
        self.usage = counted;
        self.fence = fence;
        self.hold = Some(Hold { node: claim.node.clone(), from: claim.at, until, process });
        if let Some(way) = claim.way {
            self.usage.fetches = self.usage.fetches.saturating_add(1);
            if way == Way::Forced {
                self.usage.forced = self.usage.forced.saturating_add(1);
                self.last_forced_at = Some(claim.at);
            }
            self.intent = Some(Intent {
                fence,
                way,
                at: claim.at,
                deadline: claim.deadline,
                lost: self.intent.map_or(0, |unfinished| unfinished.lost.saturating_add(1)),
            });
        }
        Lease { credential: claim.credential.clone(), node: claim.node.clone(), fence, until }
    }

    /// Whether a later lease was granted than this one.
    pub(crate) fn fences_off(&self, lease: &Lease) -> bool {
        self.fence != lease.fence
    }

    /// Takes over a token that was fetched or given under the latest lease.
    ///
    /// # Errors
    /// If its generation is not a new one, since whoever knows the former would not see it.
    pub(crate) fn commit(&mut self, commit: &Commit) -> Result<(), StoreError> {
        let fingerprint = commit.token.fingerprint();
        let is_other = self.fingerprint != Some(fingerprint);
        let generation = commit.token.generation;
        if generation < self.generation || (is_other && generation == self.generation) {
            return Err(unfit(commit, self.generation));
        }
        if is_other {
            let stored = self.fingerprint.zip(commit.previous_until);
            self.previous = stored.map(|(fingerprint, until)| Previous { fingerprint, until });
        }
        self.generation = generation;
        self.fingerprint = Some(fingerprint);
        self.intent = None;
        self.hold = None;
        self.failure = None;
        Ok(())
    }

    /// Gives back a lease whose fetch brought nothing. Whether anything changed.
    pub(crate) fn abandon(&mut self, lease: &Lease, failure: &Failure) -> bool {
        if self.fences_off(lease) || self.hold.is_none() {
            return false;
        }
        self.hold = None;
        self.failure = Some(failure.clone());
        if failure.reached == Reached::No {
            self.intent = None;
        }
        true
    }

    /// The record as the engine sees it.
    pub(crate) fn record(self, credential: CredentialId, token: Option<Token>) -> Record {
        Record {
            credential,
            generation: self.generation,
            token,
            previous: self.previous,
            intent: self.intent,
            last_forced_at: self.last_forced_at,
            failure: self.failure,
            usage: self.usage,
        }
    }
}

impl Hold {
    fn is_over(&self, at: Timestamp) -> bool {
        at >= self.until || at + CLOCK_SCATTER < self.from
    }
}

/// Whether an account may be put where this one is stored, or none that can be read, by whoever has read `before` there. What
/// stands there already is put by who had no answer the first time.
///
/// # Errors
/// [`StoreErrorKind::Changed`] if something else is stored than was read.
pub(crate) fn may_replace(
    stored: Option<&Account>,
    before: Option<&Account>,
    account: &Account,
) -> Result<(), StoreError> {
    if stored == before || stored == Some(account) {
        return Ok(());
    }
    Err(changed(&account.id))
}

/// Whether the account that is stored here may be removed by whoever has read `read` there.
///
/// # Errors
/// [`StoreErrorKind::Changed`] if something else is stored than was read.
pub(crate) fn may_remove(stored: &Account, read: &Account) -> Result<(), StoreError> {
    may_replace(Some(stored), Some(read), read)
}

/// The error for whoever comes too late to change an account.
pub(crate) fn changed(account: &AccountId) -> StoreError {
    let message = format!(
        "the account {account} was changed by another process meanwhile, so this change was not made. Try again"
    );
    let chinese = format!("账号 {account} 刚刚被其他进程修改，本次修改没有进行。请重试");
    StoreError::new(StoreErrorKind::Changed, message).in_chinese(chinese)
}

/// The error for a token whose generation is not a new one.
pub(crate) fn unfit(commit: &Commit, stored: Generation) -> StoreError {
    StoreError::new(
        StoreErrorKind::Invalid,
        format!(
            "{}: a token of generation {} cannot follow generation {stored}, since generations only \
             grow. This is an error in the program; please report it",
            commit.lease.credential, commit.token.generation
        ),
    )
}

/// What a ledger says of one credential on one day: the sum of its `fetch/` lines.
pub(crate) fn usage<'a>(
    credential: &CredentialId,
    day: Day,
    ledger: impl IntoIterator<Item = (&'a str, u32)>,
) -> Usage {
    let prefix = format!("fetch/{}/", credential.kind);
    let mut usage = Usage { day, ..Usage::default() };
    for (entry, times) in ledger {
        if let Some(way) = entry.strip_prefix(&prefix) {
            usage.fetches = usage.fetches.saturating_add(times);
            if way == Way::Forced.as_str() {
                usage.forced = usage.forced.saturating_add(times);
            }
        }
    }
    usage
}
