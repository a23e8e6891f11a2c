//! Journals: lines in the order in which a store took them, of which the oldest make room for new ones.
//!
//! A store knows no more of a line than its time, its account and its text. Where a line stands is its [`Position`], by which
//! a reader goes on where it was.

use std::fmt;
use std::str::FromStr;

use crate::id::AccountId;
use crate::time::Timestamp;

/// Which journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Series {
    /// What happened: [`Event`](crate::event::Event)s.
    Events,
    /// Who read and changed what: [`Note`](crate::audit::Note)s.
    Audit,
}

impl Series {
    /// Every journal.
    pub const ALL: [Self; 2] = [Self::Events, Self::Audit];

    /// The name it has in a store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Audit => "audit",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// The account it concerns, if it concerns one.
    pub account: Option<AccountId>,
    /// JSON.
    pub body: String,
}

/// Where a line stands in its journal. Later lines have greater ones; nothing else follows from its numbers. Written `12-0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Compared first.
    pub major: u64,
    /// Compared if the first are equal.
    pub minor: u64,
}

/// Which part of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// From its end backwards.
    Newest,
    /// From before this line backwards.
    Before(Position),
    /// From after this line forwards.
    After(Position),
}

/// Something with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<T> {
    /// Where it stands.
    pub position: Position,
    /// What stands there.
    pub what: T,
}

/// A part of a journal, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// What could be read, in the order that the [`Page`] states.
    pub told: Vec<Told<T>>,
    /// The last line that was looked at, from which the next page goes on; none if there was none.
    pub last: Option<Position>,
    /// Whether there may be more.
    pub more: bool,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.major, self.minor)
    }
}

/// A text that is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position is written as two numbers, such as 12-0")]
pub struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (major, minor) = text.split_once('-').ok_or(InvalidPosition)?;
        // Only as it was printed: no signs.
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().map_err(|_| InvalidPosition),
            false => Err(InvalidPosition),
        };
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

/// Reads lines as what they were written from. What cannot be read is left out: what is told about the past must not stop what
/// is done now.
pub(crate) fn read<T: serde::de::DeserializeOwned>(
    lines: Vec<Told<Line>>,
    limit: usize,
) -> Listing<T> {
    let (last, more) = (lines.last().map(|line| line.position), lines.len() >= limit);
    let read = |Told { position, what }: Told<Line>| match serde_json::from_str(&what.body) {
        Ok(what) => Some(Told { position, what }),
        Err(error) => {
            tracing::error!(%position, %error, "a line of a journal cannot be read and is left out");
            None
        }
    };
    Listing { told: lines.into_iter().filter_map(read).collect(), last, more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_as_it_is_printed_and_nothing_else_does() {
        let position = Position { major: 1_795_406_400_000, minor: 3 };
        assert_eq!(position.to_string().parse(), Ok(position));
        for wrong in ["", "1", "1-", "-1", "+1-0", "1-0-0", "a-0", "99999999999999999999-0"] {
            assert_eq!(wrong.parse::<Position>(), Err(InvalidPosition), "{wrong}");
        }
    }
}
