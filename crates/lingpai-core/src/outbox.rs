//! Pushes that the business could not be given at once: kept, in their order, until it takes them.

use async_trait::async_trait;

use crate::id::AccountId;
use crate::secret::Secret;
use crate::store::StoreError;
use crate::time::Timestamp;

/// How many parcels of one account are kept, dead ones included. One more is [`Put::Full`].
pub const MOST_PARCELS: usize = 10_000;

/// How many dead parcels of one account are kept; the oldest make room.
pub const MOST_DEAD: usize = 1000;

/// One push that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Whose.
    pub account: AccountId,
    /// What tells it from the account's others: letters and digits, nothing of its content.
    pub id: String,
    /// What is to be passed on. It is between a person and a business: sealed at rest.
    pub content: Secret,
    /// When WeChat sent it.
    pub received_at: Timestamp,
    /// How it stands with it.
    pub delivery: Delivery,
}

/// How it stands with a parcel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How often the business did not take it.
    pub attempts: u32,
    /// When it is tried next; none: nobody tries any more, it is dead.
    pub due_at: Option<Timestamp>,
    /// Why it was not taken the last time.
    pub failure: Option<String>,
}

/// What came of [`Outbox::put_parcel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is kept.
    Kept,
    /// It was kept before; nothing was changed.
    Known,
    /// The account has too many; nothing was changed.
    Full,
}

/// What keeps parcels. Same promises as [`Store`](crate::Store). A removed account takes its parcels along.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Keeps a parcel behind all others of its account, unless there is one of its id.
    async fn put_parcel(&self, parcel: &Parcel) -> Result<Put, StoreError> {
        self.put_parcel_within(parcel, MOST_PARCELS).await
    }

    /// The same, but [`Put::Full`] already where the account has `most`: what comes in numbers leaves room for what must not be
    /// lost.
    async fn put_parcel_within(&self, parcel: &Parcel, most: usize) -> Result<Put, StoreError>;

    /// Of each account the first parcel that is not dead, if it is due: those behind it wait. Each is put off until `until`
    /// in the same step, so that nobody else takes it meanwhile. At most some hundred at once.
    async fn take_due(&self, now: Timestamp, until: Timestamp) -> Result<Vec<Parcel>, StoreError>;

    /// Says how it stands with a parcel now. One that is dead lets those behind it pass; one that is no longer dead has its
    /// place again. False if there is none.
    async fn set_delivery(
        &self,
        account: &AccountId,
        id: &str,
        delivery: &Delivery,
    ) -> Result<bool, StoreError>;

    /// Forgets a parcel. False if there was none.
    async fn remove_parcel(&self, account: &AccountId, id: &str) -> Result<bool, StoreError>;

    /// The parcels of an account in their order, at most `limit`.
    async fn parcels(&self, account: &AccountId, limit: usize) -> Result<Vec<Parcel>, StoreError>;
}
