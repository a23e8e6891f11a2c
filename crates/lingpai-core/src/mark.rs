//! Which of two tokens is the newer one, for places outside of a store to which several nodes deliver.
//!
//! In one store generations decide, and nothing else. A place outside may be written to by nodes of different stores, or of a
//! store that was restored from a backup and counts anew: there the time of issue decides, unless the two times are so near
//! that the clocks of two machines could be the reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::Generation;
use crate::time::Timestamp;
use crate::token::{Fingerprint, Token};

/// What tells a token from another, and the newer from the older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its generation in the store that it comes from.
    pub generation: Generation,
    /// When it was asked for.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its value, so to speak.
    pub fingerprint: Fingerprint,
}

impl Mark {
    /// By how much the clocks of two nodes may differ; the doctor calls it a failure from here on.
    pub const CLOCKS: Duration = Duration::from_mins(5);

    /// Of this token.
    pub fn of(token: &Token) -> Self {
        Self {
            generation: token.generation,
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            fingerprint: token.fingerprint(),
        }
    }

    /// Whether it is an older token than this one. A token is not older than itself, whoever counted it.
    pub fn is_older_than(&self, other: &Self) -> bool {
        if self.fingerprint == other.fingerprint {
            return false;
        }
        let later = self.issued_at.as_millis().saturating_sub(other.issued_at.as_millis());
        let clocks = i64::try_from(Self::CLOCKS.as_millis()).unwrap_or(i64::MAX);
        match later {
            _ if later < -clocks => true,
            _ if later > clocks => false,
            _ if self.generation == other.generation => later < 0,
            _ => self.generation < other.generation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn mark(generation: u64, issued_at: i64, value: &str) -> Mark {
        let issued_at = Timestamp::from_millis(issued_at);
        let expires_at = issued_at + Duration::from_hours(2);
        let fingerprint = Fingerprint::of(value);
        Mark { generation: Generation(generation), issued_at, expires_at, fingerprint }
    }

    #[test]
    fn near_each_other_the_generation_decides_whatever_the_clocks_say() {
        let (old, new) = (mark(5, HOUR + 200_000, "a"), mark(6, HOUR, "b"));
        assert!(old.is_older_than(&new) && !new.is_older_than(&old));
    }

    #[test]
    fn a_store_that_counts_anew_is_not_taken_for_an_older_one() {
        let (before, restored) = (mark(57, HOUR, "a"), mark(3, 2 * HOUR, "b"));
        assert!(before.is_older_than(&restored) && !restored.is_older_than(&before));
    }

    #[test]
    fn of_two_stores_that_count_alike_the_later_one_is_the_newer() {
        let (first, second) = (mark(4, HOUR, "a"), mark(4, HOUR + 1, "b"));
        assert!(first.is_older_than(&second) && !second.is_older_than(&first));
    }

    #[test]
    fn the_same_token_is_never_older_than_itself() {
        assert!(!mark(1, 0, "a").is_older_than(&mark(9, 9 * HOUR, "a")));
    }
}
