//! Where readers find the current token: one atomic load, whatever else goes on.
//!
//! The load is `arc-swap`'s, which does not touch the shared reference count and so costs the same on many threads as on
//! one. A release of it before 1.9.5 could, when memory was reused at the wrong moment, return a value that had been
//! stored in another cell. For a server of many accounts that is the one unforgivable error, so every value carries the
//! number of the cell that it belongs to, and a read checks it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwapOption, Guard};

use crate::time::Instant;
use crate::token::Token;

/// A token in a cell.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) token: Token,
    /// When it stops being served, on the process's clock.
    pub(crate) ends: Instant,
    /// The prefix of its fingerprint, found once for all readers.
    pub(crate) prefix: u32,
    owner: u64,
}

/// The place of one credential's current token.
#[derive(Debug)]
pub(crate) struct TokenCell {
    owner: u64,
    slot: ArcSwapOption<Published>,
    /// Grows with every store, so that a reader can see that nothing is new.
    version: AtomicU64,
    /// The value, shown in the slot or held back. For the read that finds a stranger in the slot, too.
    truth: Mutex<Truth>,
}

#[derive(Debug)]
struct Truth {
    value: Option<Arc<Published>>,
    shown: bool,
}

impl Truth {
    fn visible(&self) -> Option<Arc<Published>> {
        self.value.clone().filter(|_| self.shown)
    }
}

impl TokenCell {
    pub(crate) fn new() -> Self {
        static NEXT_OWNER: AtomicU64 = AtomicU64::new(1);
        Self {
            owner: NEXT_OWNER.fetch_add(1, Ordering::Relaxed),
            slot: ArcSwapOption::empty(),
            version: AtomicU64::new(0),
            truth: Mutex::new(Truth { value: None, shown: true }),
        }
    }

    /// Publishes a token, or none.
    pub(crate) fn store(&self, token: Option<(Token, Instant)>) {
        let owner = self.owner;
        let published = token.map(|(token, ends)| {
            let prefix = token.fingerprint().prefix();
            Arc::new(Published { token, ends, prefix, owner })
        });
        let mut truth = self.lock();
        truth.value = published;
        self.publish(&truth);
    }

    /// Shows the token to readers, or holds it back.
    pub(crate) fn show(&self, shown: bool) {
        let mut truth = self.lock();
        if truth.shown != shown {
            truth.shown = shown;
            self.publish(&truth);
        }
    }

    /// The token, shown or not.
    pub(crate) fn kept(&self) -> Option<Arc<Published>> {
        self.lock().value.clone()
    }

    fn publish(&self, truth: &Truth) {
        self.slot.store(truth.visible());
        self.version.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that differs from an earlier one if something was stored in between.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The token that is published. It can only be this cell's own.
    #[inline]
    pub(crate) fn load(&self) -> Guard<Option<Arc<Published>>> {
        let guard = self.slot.load();
        match &*guard {
            Some(published) if published.owner != self.owner => self.load_truth(),
            _ => guard,
        }
    }

    #[cold]
    fn load_truth(&self) -> Guard<Option<Arc<Published>>> {
        tracing::error!("a token cell held another cell's token; the read was answered safely");
        Guard::from_inner(self.lock().visible())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::id::Generation;
    use crate::issuer::Way;
    use crate::secret::Secret;
    use crate::time::Timestamp;

    fn token(value: &str) -> (Token, Instant) {
        let token = Token {
            value: Secret::from(value),
            generation: Generation(1),
            issued_at: Timestamp::default(),
            expires_at: Timestamp::default(),
            full_life: Duration::from_secs(7200),
            way: Way::Primary,
            companion: None,
        };
        (token, Instant::FAR_FUTURE)
    }

    fn read(cell: &TokenCell) -> String {
        cell.load().as_ref().expect("a token").token.value.expose().to_owned()
    }

    #[test]
    fn a_stranger_in_the_slot_is_never_returned() {
        let (mine, other) = (TokenCell::new(), TokenCell::new());
        mine.store(Some(token("mine")));
        other.store(Some(token("another account's")));
        // What the bug in arc-swap did: the slot yields a value stored elsewhere.
        mine.slot.store(other.slot.load_full());
        assert_eq!(read(&mine), "mine");
    }

    #[test]
    fn readers_on_many_threads_only_ever_see_their_own_cell() {
        const CELLS: usize = 8;
        let cells: Vec<_> = (0..CELLS).map(|_| TokenCell::new()).collect();
        std::thread::scope(|scope| {
            for (number, cell) in cells.iter().enumerate() {
                scope.spawn(move || {
                    for turn in 0..20_000 {
                        cell.store(Some(token(&format!("{number}/{turn}"))));
                    }
                });
                scope.spawn(move || {
                    for _ in 0..20_000 {
                        if let Some(published) = &*cell.load() {
                            let value = published.token.value.expose();
                            assert!(value.starts_with(&format!("{number}/")), "{value}");
                        }
                    }
                });
            }
        });
    }
}
