//! Tokens that nobody here asked for: upstream pushes a ticket, an authorisation brings a token and its companion, a live
//! token is adopted. Each goes the way of a rotation without a fetch: the lease, the commit, the cell.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Keeper;
use crate::failure::{Class, Failure};
use crate::flight::SHORTEST_LIFE;
use crate::id::Generation;
use crate::issuer::{Issued, Verdict, Way};
use crate::policy::STORE_DEADLINE;
use crate::secret::Secret;
use crate::store::{Entry, StoreErrorKind};
use crate::time::Moment;
use crate::token::Token;

/// Why a token that was given was not taken.
#[derive(Clone, Debug, Error)]
pub enum GiveError {
    /// The credential is no longer kept here.
    #[error("it is no longer kept here")]
    NotKept,
    /// The token is no good, for this reason.
    #[error("{0}")]
    Unusable(String),
    /// The store did not say that it has it, so it may be lost: give it again.
    #[error("it could not be stored: {message}")]
    Store {
        /// What sort of trouble it is.
        kind: StoreErrorKind,
        /// What the store said.
        message: String,
    },
}

/// What was given, the first first. Never empty.
pub(super) type Gifts = VecDeque<Gift>;

/// One token that was given, and who waits for what becomes of it.
#[derive(Debug)]
pub(super) struct Gift {
    issued: Issued,
    at: Moment,
    done: oneshot::Sender<Result<(), GiveError>>,
}

impl Keeper {
    /// Takes in a token that was not fetched: it is stored under a lease, with its companion if it has one, and then takes the
    /// place of whatever was there. It is durable when this returns. Nothing is counted.
    ///
    /// The same token again changes nothing, unless it now ends later or has another companion. Its life counts from this
    /// call. Dropping the future does not take it back.
    ///
    /// # Errors
    /// [`GiveError`]. After [`GiveError::Store`] it may be stored all the same.
    pub async fn give(self: &Arc<Self>, issued: Issued) -> Result<(), GiveError> {
        if issued.life < SHORTEST_LIFE || issued.value.expose().is_empty() {
            let what = "it is empty, or good for less than a second";
            return Err(GiveError::Unusable(what.to_owned()));
        }
        let (done, outcome) = oneshot::channel();
        {
            let at = self.shared.clock.now();
            let mut state = self.lock();
            if state.retired {
                return Err(GiveError::NotKept);
            }
            state.gifts.get_or_insert_default().push_back(Gift { issued, at, done });
            self.drive(&mut state, at);
        }
        outcome.await.unwrap_or(Err(GiveError::NotKept))
    }

    /// Tries a value before it is given, with the cheapest call that upstream checks a token on. The call is counted.
    ///
    /// Dropping the future harms nothing.
    pub async fn try_before(&self, value: &Secret) -> Verdict {
        let shared = &self.shared;
        let (issuer, deadline) =
            self.with(|rotation, issuer| (Arc::clone(issuer), rotation.policy().fetch_deadline));
        let now = shared.clock.now();
        let token = Token {
            value: value.clone(),
            generation: Generation::default(),
            issued_at: now.wall,
            expires_at: now.wall,
            full_life: Duration::ZERO,
            way: Way::Primary,
            companion: None,
        };
        let entry = Entry::Trial(self.credential.kind.clone());
        let counted = shared.store.count(&self.credential.account, now.day(), entry, 1);
        if let Ok(Err(error)) = timeout(STORE_DEADLINE, counted).await {
            tracing::warn!(%error, "a trial could not be counted");
        }
        timeout(deadline, issuer.check(&token)).await.unwrap_or_else(|_| {
            let what = "no answer from upstream to a trial of the token";
            Verdict::Inconclusive(Failure::new(Class::Transient, what))
        })
    }

    /// What was given first and is not yet taken in, and when.
    pub(crate) fn first_gift(&self) -> Option<(Issued, Moment)> {
        let state = self.lock();
        state.gifts.as_ref()?.front().map(|gift| (gift.issued.clone(), gift.at))
    }

    /// What becomes of it: nobody waits for it any longer as soon as the outcome is told.
    pub(crate) fn take_gift(&self) -> Option<Taken> {
        let mut state = self.lock();
        let gifts = state.gifts.as_mut()?;
        let gift = gifts.pop_front();
        if gifts.is_empty() {
            state.gifts = None;
        }
        gift.map(|gift| Taken(gift.done))
    }

    /// A keeper that starts no more steps takes nothing in any more.
    pub(crate) fn refuse_gifts(&self) {
        let mut state = self.lock();
        if state.retired {
            state.gifts = None;
        }
    }
}

/// Whoever waits for what becomes of a gift.
pub(crate) struct Taken(oneshot::Sender<Result<(), GiveError>>);

impl Taken {
    /// Tells him. He may have gone away.
    pub(crate) fn tell(self, outcome: Result<(), GiveError>) {
        let _ = self.0.send(outcome);
    }
}
