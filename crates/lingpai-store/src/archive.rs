//! What a store must do so that all of it can be copied into another.

use async_trait::async_trait;
use lingpai_core::store::{Ledger, Record};
use lingpai_core::{AccountId, Day, Directory, Fence, Outbox, Store, StoreError, Timestamp};

/// A store that can be copied, and copied into. What must never go back does not: generations and fencing numbers.
#[async_trait]
pub trait Archive: Store + Directory + Outbox {
    /// What people call it.
    fn called(&self) -> String;

    /// How many other processes are known to use it.
    async fn others(&self) -> Result<usize, StoreError>;

    /// The accounts that are known to have been removed, and when. A store may forget them.
    async fn removed(&self) -> Result<Vec<(AccountId, Timestamp)>, StoreError>;

    /// Whether it remembers which accounts were removed.
    fn remembers_removed(&self) -> bool;

    /// Removes an account that was removed at this time elsewhere, unless it was changed since, and remembers it where it can.
    async fn bury(&self, account: &AccountId, at: Timestamp) -> Result<(), StoreError>;

    /// Every credential with its fencing number.
    async fn kept(&self) -> Result<Vec<Kept>, StoreError>;

    /// Puts a credential, without a lease, in the place of what is there, unless that is of a later generation. The fencing
    /// numbers that are given out from now on are above its own and above what was there.
    async fn keep(&self, kept: &Kept) -> Result<(), StoreError>;

    /// The accounts and days of which there is a ledger; `today` is the last.
    async fn ledgers(&self, today: Day) -> Result<Vec<(AccountId, Day)>, StoreError>;

    /// Raises the lines of a ledger to these.
    async fn raise_ledger(
        &self,
        account: &AccountId,
        day: Day,
        ledger: &Ledger,
    ) -> Result<(), StoreError>;

    /// The accounts that have parcels, and how many each, with those that cannot be read.
    async fn outboxes(&self) -> Result<Vec<(AccountId, usize)>, StoreError>;
}

/// A credential as an archive keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// All that the engine is told of it.
    pub record: Record,
    /// The highest fencing number that was given out for it.
    pub fence: Fence,
}
