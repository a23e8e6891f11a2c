//! What a keeper answers: what came of a report, how it stands, why there is no token.

use std::time::Duration;

use thiserror::Error;

use super::TokenRef;
use crate::failure::Failure;
use crate::id::{AccountId, CredentialId, Generation};
use crate::policy::Keeping;
use crate::rotation::{AskDenied, Outlook};
use crate::time::Timestamp;

/// What came of a report, and the token to use now.
#[derive(Debug)]
pub struct Reported {
    /// What came of it.
    pub outcome: Outcome,
    /// The current token.
    pub token: TokenRef,
}

/// What came of a report that a token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The token had been replaced before: use the current one.
    Replaced,
    /// Upstream refused it on trial too, and it was replaced.
    Rotated,
    /// Upstream accepts it: the call was at fault, not the token.
    Accepted,
    /// It could not be tried.
    Unknown,
    /// Upstream refused it on trial too, but it could not be replaced yet.
    Refused,
}

/// How it stands with a credential.
#[derive(Clone, Debug)]
pub struct Status {
    /// Which.
    pub credential: CredentialId,
    /// Whom its account has authorised: a platform, a suite.
    pub platform: Option<AccountId>,
    /// The latest generation.
    pub generation: Generation,
    /// Whether anything is fetched for its account.
    pub keeping: Keeping,
    /// How long the current token is still good, if there is one.
    pub expires_in: Option<Duration>,
    /// Whether upstream refused the current token on trial.
    pub refused: bool,
    /// Whether something is under way right now.
    pub rotating: bool,
    /// How many more tokens are to be issued until none that leaked is good; 0 if none leaked.
    pub compromised: u8,
    /// How far its life and the day's fetches have gone.
    pub outlook: Outlook,
    /// When something is planned next.
    pub next_at: Option<Timestamp>,
    /// What stands in the way of a fresh token.
    pub failure: Option<Failure>,
    /// Since when.
    pub failing_since: Option<Timestamp>,
}

/// There is no good token, and why.
#[derive(Clone, Debug, Error)]
#[error("no token of {credential} now: {failure}")]
pub struct Unavailable {
    /// Which credential.
    pub credential: CredentialId,
    /// Why the last fetch failed.
    pub failure: Failure,
    /// After what time it is worth asking again.
    pub retry_after: Duration,
}

/// Why a rotation that a person asked for brought no token.
#[derive(Clone, Debug, Error)]
pub enum RotateError {
    /// It was not tried.
    #[error("{}", denial(.0))]
    Denied(AskDenied),
    /// It was tried.
    #[error("the rotation failed: {0}")]
    Failed(Failure),
}

impl From<AskDenied> for RotateError {
    fn from(denied: AskDenied) -> Self {
        Self::Denied(denied)
    }
}

fn denial(denied: &AskDenied) -> String {
    match denied {
        AskDenied::NotFetched(keeping) => keeping.reason().to_owned(),
        AskDenied::TooSoon(_) => "the token was replaced moments ago; replacing it again would kill the one before it \
                                  while clients still use it. Wait a few minutes, or report the token as invalid"
            .to_owned(),
        AskDenied::BudgetSpent { used, .. } => format!(
            "{used} fetches were made today, and the rest of the budget is kept for scheduled rotations. Raise \
             `daily-budget`, or wait for the day to end in China"
        ),
    }
}
