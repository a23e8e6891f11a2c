//! What happened to credentials: the typed stream that people, logs and diagnosis read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::id::{AccountId, CredentialId, Generation, NodeId};
use crate::issuer::Way;
use crate::rotation::Reason;
use crate::time::Timestamp;
use crate::token::Fingerprint;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// To which credential, if to one.
    pub credential: Option<CredentialId>,
    /// On which node.
    pub node: NodeId,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

impl Event {
    /// The account it concerns, if it concerns one.
    pub fn account(&self) -> Option<&AccountId> {
        self.credential.as_ref().map(|credential| &credential.account)
    }
}

/// What can happen. Holds no token and no secret; tokens are named by their fingerprints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
#[non_exhaustive]
pub enum What {
    /// A new token took the place of the one before.
    Rotated {
        /// The new token's generation.
        generation: Generation,
        /// The new token's fingerprint.
        fingerprint: Fingerprint,
        /// Why.
        reason: Reason,
        /// How it was obtained.
        way: Way,
        /// When the new token ends.
        expires_at: Timestamp,
    },
    /// Upstream gave the token that we have already; what is left of its life was taken over.
    Repeated {
        /// The token's generation.
        generation: Generation,
        /// Which call repeated it.
        way: Way,
        /// When the token ends.
        expires_at: Timestamp,
    },
    /// A token could not be had.
    Failed {
        /// Why it was wanted.
        reason: Reason,
        /// How it was tried.
        way: Way,
        /// What went wrong.
        failure: Failure,
        /// When it is tried again, at the earliest.
        retry_after: Duration,
    },
    /// Upstream refused a token that should be good: it had not expired and we did not replace it. Somebody else fetches
    /// tokens for this account.
    RogueRefresher {
        /// The refused token.
        fingerprint: Fingerprint,
        /// Upstream's refusal.
        failure: Failure,
    },
    /// A client called a token invalid that upstream accepts: its call was at fault.
    ReportUnfounded {
        /// The token in question.
        fingerprint: Fingerprint,
    },
    /// A fetch may have replaced the token without our knowing (a crash, a lost answer, a lost lease): one more fetch
    /// follows.
    Suspect {
        /// What is known about the lost fetch.
        cause: String,
    },
    /// Tokens now come from the isolated fallback family.
    FellBack {
        /// Why.
        cause: String,
    },
    /// A token that upstream brings of its own accord has not come for too long. Told once for each such gap; upstream is
    /// asked for it.
    Overdue {
        /// When the last one came, or this process began to wait.
        since: Timestamp,
    },
    /// A rotation was refused because the day's budget is spent down to the reserve.
    BudgetSpent {
        /// How many fetches were made today.
        used: u32,
        /// What had asked for one more.
        reason: Reason,
    },
    /// A client asks for the token again and again, long before it should. It is answered from memory.
    ClientMisuse {
        /// The id of its key.
        key: String,
        /// How often it asked too early within a minute.
        asks: u32,
    },
    /// Somebody changed the account through the server.
    AccountChanged {
        /// What became of it.
        change: AccountChange,
        /// The id of the key that asked for it.
        key: String,
    },
    /// WeChat refuses a client's calls of one path because of their token again and again, though the token is good.
    CallsRefused {
        /// The id of the client's key, if it showed one.
        key: Option<String>,
        /// The path.
        path: String,
        /// The errcode of the last refusal.
        errcode: i64,
        /// How many refusals there were within a minute.
        refusals: u32,
        /// What is likely wrong.
        cause: String,
    },
    /// Somebody said that a token has leaked: it is replaced until none of those so far is good any more.
    Compromised,
    /// A token had leaked, and upstream accepts none any more that was issued before that was said.
    CompromiseEnded {
        /// The generation of the token that is good now.
        generation: Generation,
    },
    /// The store cannot be reached or written.
    StoreDegraded {
        /// What it said.
        message: String,
    },
    /// The store works again.
    StoreRestored,
}

impl What {
    /// The name it has in the stream.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Rotated { .. } => "rotated",
            Self::Repeated { .. } => "repeated",
            Self::Failed { .. } => "failed",
            Self::RogueRefresher { .. } => "rogue-refresher",
            Self::ReportUnfounded { .. } => "report-unfounded",
            Self::Suspect { .. } => "suspect",
            Self::FellBack { .. } => "fell-back",
            Self::Overdue { .. } => "overdue",
            Self::BudgetSpent { .. } => "budget-spent",
            Self::ClientMisuse { .. } => "client-misuse",
            Self::AccountChanged { .. } => "account-changed",
            Self::CallsRefused { .. } => "calls-refused",
            Self::Compromised => "compromised",
            Self::CompromiseEnded { .. } => "compromise-ended",
            Self::StoreDegraded { .. } => "store-degraded",
            Self::StoreRestored => "store-restored",
        }
    }
}

/// What became of an account that somebody changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountChange {
    /// It is kept from now on.
    Created,
    /// It is kept in another way.
    Updated,
    /// It has another AppSecret.
    SecretReplaced,
    /// It is no longer kept, and its tokens are gone.
    Removed,
}

impl AccountChange {
    /// All changes.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::SecretReplaced, Self::Removed];

    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::SecretReplaced => "secret-replaced",
            Self::Removed => "removed",
        }
    }
}
