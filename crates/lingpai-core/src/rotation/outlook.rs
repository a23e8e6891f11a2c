//! What people want to see of a credential besides whether it is good: how far its life has gone, until when the one before it
//! is accepted, and what of the day's fetches is left.

use std::time::Duration;

use super::Rotation;
use super::plan::per_day;
use crate::time::{Moment, Timestamp};

/// How far things have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// How long the current token lives in all, if there is one.
    pub life: Option<Duration>,
    /// When the current token began, if there is one.
    pub issued_at: Option<Timestamp>,
    /// Until when upstream accepts the token before the current one, if it still does.
    pub previous_until: Option<Timestamp>,
    /// Fetches on this day in China, as far as this node knows.
    pub fetches_today: u32,
    /// How many there may be.
    pub daily_budget: u32,
}

impl Rotation {
    /// How far things have gone.
    pub fn outlook(&self, at: Moment) -> Outlook {
        let previous = self.previous.filter(|(_, until)| at.instant < *until);
        let budget = self.policy.daily_budget.unwrap_or(self.profile.daily_budget);
        Outlook {
            life: self.current.map(|held| held.ends.since(held.issued)),
            issued_at: self.current.map(|held| at.wall_at(held.issued)),
            previous_until: previous.map(|(_, until)| at.wall_at(until)),
            fetches_today: self.fetches(at),
            daily_budget: per_day(budget, self.share()),
        }
    }
}
