//! What is answered to those who want a token, report one as invalid, or ask for a rotation.

use super::{Activity, Rotation, Trouble, pace};
use crate::policy::Keeping;
use crate::time::{Instant, Moment};
use crate::token::Fingerprint;

/// What somebody who wants a token is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The current token is good.
    Serve,
    /// There is none, and one is on its way: wait for what comes of it.
    Wait,
    /// There is none, the last fetch failed, and the next is not before [`Trouble::retry_at`].
    Fail(&'a Trouble),
    /// There is none, and nothing is fetched for this account.
    NotFetched,
}

/// Why somebody calls a token invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Nobody says so: somebody behaves as if it were, and most likely is only careless. Of the two trials that a token is
    /// given in a minute, the second is not for hunches.
    Hunch,
    /// He says so: a call of his was refused, for whatever reason.
    Claim,
    /// A call that was sent at this time was refused, and its like went through before. A trial that was made earlier says
    /// nothing about it: the token may have been killed since.
    Change(Instant),
}

/// What somebody who reports a token as invalid is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// That token is not the current one: take the current one.
    Replaced,
    /// It is being tried, or about to be: wait for the verdict.
    Trying,
    /// Upstream accepted it on a trial a short while ago: the call was at fault.
    Accepted,
    /// A trial a short while ago told nothing, and the next is not due yet.
    Unknown,
    /// Upstream refused it on trial, or there is none: a new one is being fetched, or about to be.
    Rotating,
}

/// Why a rotation that a person asked for is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskDenied {
    /// Nothing is fetched for the account.
    NotFetched(Keeping),
    /// It would come so soon after the last that the token before the last dies in use.
    TooSoon(Instant),
    /// The day's budget is spent down to the reserve for scheduled rotations.
    BudgetSpent {
        /// How many fetches were made today.
        used: u32,
        /// When the day ends.
        until: Instant,
    },
}

impl Rotation {
    /// What somebody who wants a token now is told. Does not start anything; [`Fact::Wanted`](super::Fact::Wanted) does.
    pub fn answer(&self, at: Moment) -> Answer<'_> {
        if self.live(at).is_some() {
            return Answer::Serve;
        }
        if !self.policy.keeping.fetches() && self.activity == Activity::Resting && !self.given {
            return Answer::NotFetched;
        }
        // What is pushed comes when it comes: nothing that is done here is worth waiting for.
        let is_pushed = self.profile.primary.is_pushed();
        match &self.trouble {
            Some(trouble)
                if self.activity == Activity::Resting
                    && (is_pushed || at.instant < trouble.retry_at) =>
            {
                Answer::Fail(trouble)
            }
            _ => Answer::Wait,
        }
    }

    /// Takes in that somebody calls the token with this fingerprint invalid.
    ///
    /// Compare, try, refresh: an old token is no news, and a current one is tried before it is replaced, since 40001 has
    /// many causes that no rotation mends.
    pub fn report(&mut self, at: Moment, reported: Fingerprint, evidence: Evidence) -> Report {
        let Some(held) = self.live(at) else {
            self.wanted = true;
            return Report::Rotating;
        };
        if held.fingerprint != reported {
            return Report::Replaced;
        }
        if self.refused.is_some() {
            return Report::Rotating;
        }
        let within = |of: Option<Instant>, time| of.is_some_and(|of| at.instant.since(of) < time);
        let is_fresh = |trial: &&super::Trial| match evidence {
            Evidence::Hunch => within(Some(trial.at), pace::HUNCH_SPACING),
            Evidence::Claim => {
                // Two trials a minute: one of them may have been a hunch's.
                let after_hunch = within(self.hunch_tried_at, pace::HUNCH_SPACING);
                let spacing = if after_hunch { pace::HUNCH_SPACING } else { pace::TRIAL_SPACING };
                within(self.claim_tried_at, spacing)
            }
            Evidence::Change(sent_at) => trial.at >= sent_at,
        };
        match self.trial.as_ref().filter(is_fresh) {
            Some(trial) if trial.accepted => Report::Accepted,
            Some(_) => Report::Unknown,
            None => {
                if self.trial_at.is_none() {
                    self.trial_at = Some(at.instant);
                    self.is_hunch = evidence == Evidence::Hunch;
                }
                Report::Trying
            }
        }
    }

    /// Takes in that a person asks for a rotation.
    ///
    /// # Errors
    /// [`AskDenied`] if it would harm the tokens in use or the budget; then nothing changes.
    pub fn ask(&mut self, at: Moment) -> Result<(), AskDenied> {
        if !self.policy.keeping.fetches() {
            return Err(AskDenied::NotFetched(self.policy.keeping));
        }
        if self.activity == Activity::Resting && self.live(at).is_some() {
            if at.instant < self.askable_at() {
                return Err(AskDenied::TooSoon(self.askable_at()));
            }
            if !self.may_spend(at) {
                return Err(AskDenied::BudgetSpent {
                    used: self.fetches(at),
                    until: self.day_ends(at),
                });
            }
        }
        self.asked = true;
        // A person who asks may have mended what was wrong.
        self.trouble = None;
        Ok(())
    }

    /// Whether upstream refused the current token on trial.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Whether upstream has a way to end tokens before their time.
    pub fn can_end_tokens(&self) -> bool {
        if !self.policy.keeping.fetches() {
            return false;
        }
        self.forced().is_some() || self.profile.primary.is_minting()
    }

    /// How many more tokens are to be issued until none that leaked is good.
    pub fn compromised(&self) -> u8 {
        self.compromised
    }

    /// Whether a rotation that a person asked for is still to be done.
    pub fn is_asked(&self) -> bool {
        self.asked
    }

    /// Whether something is under way, here or on another node, whose outcome is worth waiting for.
    pub fn is_busy(&self) -> bool {
        self.activity == Activity::Busy || self.held_until.is_some()
    }
}
