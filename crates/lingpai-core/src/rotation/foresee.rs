//! What a rotation would do now, for a person who is about to ask for one.

use std::time::Duration;

use super::{AskDenied, Rotation, Step};
use crate::issuer::{Renewal, Way};
use crate::time::Moment;

/// What a rotation would do that a person asked for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foresight {
    /// By which call.
    pub way: Way,
    /// How the calls of that way renew.
    pub renewal: Renewal,
    /// Whether the account's mode had a say in that.
    pub has_two_families: bool,
    /// What becomes of the token that clients hold.
    pub outcome: Foreseen,
}

/// What becomes of the token that clients hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreseen {
    /// There is none that is good: one is fetched.
    Missing,
    /// Upstream is asked to bring one of its own accord.
    Pushed,
    /// Upstream replaces it, and accepts it for so long more at least.
    Replaced(Duration),
    /// Upstream replaces it, and may refuse it from then on: it is not known whether others have replaced it already.
    Ended,
    /// The new one does not touch it, which is good to its end, in this time.
    Beside(Duration),
    /// Upstream gives the same one again, and would do so for this time to come.
    Repeated(Duration),
}

impl Rotation {
    /// What a rotation would do that a person asked for now. Nothing changes.
    ///
    /// # Errors
    /// [`AskDenied`] as of [`Rotation::ask`].
    pub fn foresee(&self, at: Moment) -> Result<Foresight, AskDenied> {
        let mut asked = self.clone();
        asked.ask(at)?;
        let way = match asked.rotate_step(at) {
            Some((_, Step::Rotate { way, .. })) => way,
            _ => Way::Primary,
        };
        let renewal = self.profile.renewal(way);
        let outcome = match self.live(at) {
            _ if renewal.is_pushed() => Foreseen::Pushed,
            None => Foreseen::Missing,
            Some(held) => {
                let left = held.ends.since(at.instant);
                let replaced = self
                    .previous_until(at, way)
                    .map_or(Foreseen::Ended, |until| Foreseen::Replaced(until.since(at.instant)));
                match renewal {
                    _ if self.profile.renewal(held.way) != renewal => Foreseen::Beside(left),
                    Renewal::Surviving | Renewal::Pushed { .. } => Foreseen::Beside(left),
                    Renewal::Repeating => Foreseen::Repeated(left),
                    Renewal::Windowed { window, .. } if way != Way::Forced => {
                        let repeated = left.saturating_sub(self.scaled(window));
                        if repeated.is_zero() { replaced } else { Foreseen::Repeated(repeated) }
                    }
                    Renewal::Windowed { .. } | Renewal::Minting { .. } => replaced,
                }
            }
        };
        let has_two_families = self.profile.has_two_families();
        Ok(Foresight { way, renewal, has_two_families, outcome })
    }
}
