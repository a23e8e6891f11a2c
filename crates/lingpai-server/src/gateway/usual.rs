//! Which calls usually go through: a path that worked for an account and is refused now shows that something happened to the
//! token, which no single refusal does.
//!
//! One mark for each path of each account, in a table of fixed size without a lock. A mark that another one overwrites is a
//! path that counts as unknown: its refusals are believed a little later.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use lingpai_core::AccountId;

/// 32 KiB.
const MARKS: usize = 4096;

/// The paths that work.
pub(super) struct Usual {
    hasher: RandomState,
    marks: Box<[AtomicU64]>,
}

impl Usual {
    pub(super) fn knows(&self, account: &AccountId, path: &str) -> bool {
        let (place, mark) = self.place(account, path);
        place.load(Ordering::Relaxed) == mark
    }

    pub(super) fn note(&self, account: &AccountId, path: &str) {
        let (place, mark) = self.place(account, path);
        // Nearly always it is there, and a cache line that is only read is shared by all cores.
        if place.load(Ordering::Relaxed) != mark {
            place.store(mark, Ordering::Relaxed);
        }
    }

    /// The path was refused though the token is good: what it did before says nothing any more.
    pub(super) fn forget(&self, account: &AccountId, path: &str) {
        let (place, mark) = self.place(account, path);
        let _ = place.compare_exchange(mark, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn place(&self, account: &AccountId, path: &str) -> (&AtomicU64, u64) {
        // Zero marks nothing.
        let mark = self.hasher.hash_one((account, path)).max(1);
        (&self.marks[(mark % MARKS as u64) as usize], mark)
    }
}

impl Default for Usual {
    fn default() -> Self {
        Self { hasher: RandomState::new(), marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_usual_for_the_account_it_worked_for_until_it_is_at_fault() {
        let (usual, one, other) =
            (Usual::default(), "wx1".parse().unwrap(), "wx2".parse().unwrap());
        assert!(!usual.knows(&one, "/x"));
        usual.note(&one, "/x");
        assert!(usual.knows(&one, "/x") && !usual.knows(&other, "/x") && !usual.knows(&one, "/y"));
        usual.forget(&one, "/x");
        assert!(!usual.knows(&one, "/x"));
    }
}
