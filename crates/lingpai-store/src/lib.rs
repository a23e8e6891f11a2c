//! Where tokens, accounts, keys and events are kept: SQLite, Redis and memory.
//!
//! Here live the implementations of [`lingpai_core::Store`] and [`lingpai_core::Directory`], the sealing of what must not
//! be read from a disk, and the conformance suite that every implementation passes. When a token is fetched, and by whom,
//! is decided in `lingpai-core`; this crate only answers who may.
//!
//! - [`MemoryStore`] forgets everything when it is dropped: for tests, demos and embedded use. Shortest to read.
//! - [`SqliteStore`] is one file, durable and sealed: the default of the server.
//! - `RedisStore` (a feature, `redis`) is for several nodes: each step of a rotation is a script inside Redis.
//! - `Deposit` (likewise) puts a token in clear into somebody's Redis, and never an older one than is there.
//! - [`MasterKey`] and [`KeySource`] say where the key comes from that opens the secrets of either.
//! - [`copy`] brings all of one store into another: any [`Archive`] into any other. [`make_outdated`] is for one that is a
//!   backup.
//! - `conformance` (a feature of this name) holds the rules of a store as tests.
//!
//! Start with `rules.rs`: what a store decides about leases, intents and generations is there, once, for SQLite and
//! memory; the scripts in `redis/scripts` say the same.

mod archive;
#[cfg(feature = "conformance")]
pub mod conformance;
mod copy;
mod damage;
mod keys;
mod memory;
mod outdated;
#[cfg(feature = "redis")]
mod redis;
mod rules;
mod seal;
mod sqlite;

use std::time::Duration;

use lingpai_core::journal::Series;

pub use archive::{Archive, Kept};
pub use copy::{Copied, Copying, Far, Section, Written, copy};
pub use keys::{KeySource, MasterKey};
pub use memory::MemoryStore;
pub use outdated::make_outdated;
#[cfg(feature = "redis")]
pub use redis::{
    Deposit, Deposited, LeaseClock, Part, RedisAddress, RedisOptions, RedisStore, Wanting,
};
pub use sqlite::{Damage, SqliteOptions, SqliteStore};

/// How much of each journal is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Journals {
    /// Of the events.
    pub events: JournalBounds,
    /// Of the audit trail.
    pub audit: JournalBounds,
}

impl Journals {
    /// The same for every journal.
    pub const fn both(bounds: JournalBounds) -> Self {
        Self { events: bounds, audit: bounds }
    }

    const fn of(self, series: Series) -> JournalBounds {
        match series {
            Series::Events => self.events,
            Series::Audit => self.audit,
        }
    }
}

/// How much of a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalBounds {
    /// At most this many. Default 100,000.
    pub count: u32,
    /// None that is older than this when a new one arrives. Default 90 days.
    pub age: Duration,
}

impl Default for JournalBounds {
    fn default() -> Self {
        Self { count: 100_000, age: Duration::from_hours(90 * 24) }
    }
}
