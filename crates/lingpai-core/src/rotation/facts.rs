//! What the machine can learn: the facts, and what they carry.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::id::{Fence, Generation};
use crate::issuer::{Profile, Verdict, Way};
use crate::policy::Policy;
use crate::store::{Intent, Record, Usage};
use crate::time::{Instant, Moment, Timestamp};
use crate::token::Fingerprint;

/// Why a token is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// A fetch may have replaced the token without our knowing.
    Suspect,
    /// A token has leaked.
    Compromised,
    /// Upstream refused the current token on trial.
    Refused,
    /// A person asked for it.
    Manual,
    /// There is none, and somebody asks or it is kept eagerly.
    Missing,
    /// The current token nears its end.
    Scheduled,
    /// The current token is of the fallback family, and the primary one may be usable again.
    Probe,
    /// Nobody asked: it was brought from outside ([`Keeper::give`](crate::Keeper::give)).
    Given,
    /// Upstream brings it of its own accord, and has not done so for too long.
    Overdue,
}

impl Reason {
    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::Compromised => "compromised",
            Self::Refused => "refused",
            Self::Manual => "manual",
            Self::Missing => "missing",
            Self::Scheduled => "scheduled",
            Self::Probe => "probe",
            Self::Given => "given",
            Self::Overdue => "overdue",
        }
    }
}

/// What the engine learns, and tells the machine by [`Rotation::apply`](super::Rotation::apply).
#[derive(Clone, Debug)]
pub enum Fact {
    /// Somebody found no token to read and waits for one.
    Wanted,
    /// The token was last read at this time.
    Used(Instant),
    /// The step that [`Rotation::next`](super::Rotation::next) named is now being done.
    Started,
    /// The store granted the right to fetch, and says how many fetches were made today, this one included.
    Granted(Usage),
    /// Another node holds the right, until this time at most.
    Held(Instant),
    /// The rotation that was started is not due any more, and nothing was done.
    Overtaken,
    /// A fetch was begun under this intent and nobody knows what came of it.
    Unfinished(Intent),
    /// The store holds this: read at the start, or committed by another node.
    Stored(Box<Record>),
    /// The store holds this, as it was told or looked for: taken over if it is later than what is known, and a store that has
    /// less is given what it lacks.
    Told(Box<Record>),
    /// Of the token that we have and one that the store had instead nobody knows which was issued last.
    Undecided,
    /// The store holds nothing.
    Lost,
    /// At this time the store was found to have lost some of what it had acknowledged. A fetch that was begun before may have
    /// replaced the token without a trace.
    Forgotten(Timestamp),
    /// The store holds this, and it is newer than what the fetch that was just begun set out to replace.
    Newer(Box<Record>),
    /// Upstream gave a token, which was admitted so.
    Issued {
        /// What [`Rotation::admit`](super::Rotation::admit) made of it.
        admission: Admission,
        /// How it was asked for.
        way: Way,
        /// Why it was asked for.
        reason: Reason,
        /// Whether the store has it.
        saved: Saved,
        /// The fence of the lease it was fetched under; none if there was no lease.
        fence: Option<Fence>,
    },
    /// The lease was lost while the token was being fetched: the store refused it and holds this instead.
    Fenced(Box<Record>),
    /// No token came of a fetch.
    Failed {
        /// Why.
        failure: Failure,
        /// How it was asked for.
        way: Way,
        /// Why it was asked for.
        reason: Reason,
        /// The fence of the lease it was asked for under; none if there was no lease.
        fence: Option<Fence>,
    },
    /// What was given is what we have: there was nothing to do.
    Unchanged,
    /// The store could not take what a fetch brought, and said this; the flight tries again.
    Delayed(String),
    /// The store has the current token.
    Saved,
    /// The store could not do what the step needed, and said this.
    StoreDown(String),
    /// A trial of this token ended.
    Tried(Fingerprint, Verdict),
    /// The account was changed: another secret, another mode, another policy.
    Reconfigured(Profile, Arc<Policy>),
    /// A token has leaked, and none of those so far may stay good.
    Compromised,
    /// The same, and it was told before: by a process that ended before it was done with it.
    StillCompromised,
    /// A person cleared the upstream quota.
    QuotaCleared,
}

/// Whether the store has a token that was just issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It has.
    Yes,
    /// It was not asked, since it was down.
    NotYet,
    /// It could not take it, and said this.
    Refused(String),
}

/// What becomes of a token that upstream gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its generation: a new one, or the current one if upstream repeated the current token.
    pub generation: Generation,
    /// When it was asked for.
    pub issued_at: Moment,
    /// When it ends.
    pub ends: Moment,
    /// How long a token of this credential lives when new.
    pub full_life: Duration,
    /// Until when the token that it replaces is accepted, if it still is.
    pub previous_until: Option<Timestamp>,
}
