//! What a process measures of its own work, for whoever watches it: how long fetches and the store take, who waits, how
//! often another node held a lease.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::delays::{Delays, Histogram};

/// The measuring. A word of memory each, and no lock.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    /// From a rotation in the store until it is in memory here.
    pub(crate) propagation: Delays,
    /// Calls for a token, from before it was sent until it was answered or given up.
    pub(crate) fetches: Delays,
    /// Calls of the store that a rotation makes.
    pub(crate) store: Delays,
    lease_waits: AtomicU64,
    waiting: AtomicU64,
}

/// What was measured so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How long upstream took to answer when it was asked for a token, whatever the answer.
    pub fetches: Histogram,
    /// How long the store took for the steps of rotations: claims, commits, records of failures.
    pub store: Histogram,
    /// How often a rotation waited because another node held the lease.
    pub lease_waits: u64,
    /// How many callers wait for a token right now.
    pub waiting: u64,
}

/// One caller who waits, as long as this lives.
pub(crate) struct Waiting<'a>(&'a AtomicU64);

impl Measures {
    pub(crate) fn lease_is_held(&self) {
        self.lease_waits.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a caller until the answer is dropped.
    pub(crate) fn waits(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    pub(crate) fn so_far(&self) -> Measured {
        Measured {
            fetches: self.fetches.so_far(),
            store: self.store.so_far(),
            lease_waits: self.lease_waits.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
