//! What a read gives: a token that was current, without a copy and without a count.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::Guard;

use super::Keeper;
use crate::cell::Published;
use crate::time::Instant;
use crate::token::Token;

/// A token that was current when it was read. Cheap; meant to be used and dropped, not kept.
pub struct TokenRef(pub(super) Guard<Option<Arc<Published>>>);

impl TokenRef {
    /// When it stops being served, on the clock of the registry that it comes from.
    pub fn ends(&self) -> Instant {
        self.0.as_ref().map_or(Instant::default(), |published| published.ends)
    }

    /// The [prefix](crate::Fingerprint::prefix) of its fingerprint, without hashing it anew.
    pub fn fingerprint_prefix(&self) -> u32 {
        self.0.as_ref().map_or(0, |published| published.prefix)
    }
}

impl Deref for TokenRef {
    type Target = Token;

    #[inline]
    fn deref(&self) -> &Token {
        match &*self.0 {
            Some(published) => &published.token,
            None => unreachable!("a TokenRef is made from a token only"),
        }
    }
}

impl fmt::Debug for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

/// Reads one credential very often from one thread: remembers the token, and looks again only when another was published.
#[derive(Clone, Debug)]
pub struct Reader {
    keeper: Arc<Keeper>,
    version: u64,
    seen: Option<Arc<Published>>,
}

impl Reader {
    pub(super) fn new(keeper: Arc<Keeper>) -> Self {
        Self { keeper, version: u64::MAX, seen: None }
    }

    /// The current token, if there is a good one; the same answer as [`Keeper::token`], sooner.
    #[inline]
    pub fn token(&mut self) -> Option<&Token> {
        let version = self.keeper.cell.version();
        if version != self.version {
            // The version first: if another token comes in between, the next read looks again.
            self.version = version;
            self.seen.clone_from(&self.keeper.cell.load());
        }
        let now = self.keeper.shared.clock.coarse();
        if self.keeper.notes_use.load(Ordering::Relaxed) {
            self.keeper.note_use(now);
        }
        self.seen.as_deref().filter(|seen| now < seen.ends).map(|seen| &seen.token)
    }
}
