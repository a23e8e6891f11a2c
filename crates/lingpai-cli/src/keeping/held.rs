//! Platforms whose authorizers are not refreshed yet: the store was restored, and WeChat may have given other refresh tokens since
//! the backup. Tokens that live are served meanwhile.
//!
//! The mark of that stands in the store, among the pushes that nobody delivers, so that a crash does not lift it, whatever the
//! store; what has been learnt so far stands beside it. `notices/reconcile.rs` goes through WeChat's list and lifts it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::outbox::{Delivery, MOST_PARCELS, Outbox, Parcel};
use lingpai_core::{AccountId, Class, Failure, Parent, Secret, StoreError, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// What a mark is called, and what the name of what stands beside it begins with.
const MARK: &str = "restored";
/// How long a fetch waits for the mark to be lifted before it says why it cannot be made.
const PATIENCE: Duration = Duration::from_secs(2);
/// When it is tried again, if the mark is not lifted before.
const PAUSE: Duration = Duration::from_secs(10);

/// The mark of a platform whose store was restored at this time.
pub(crate) fn mark(platform: &AccountId, at: Timestamp) -> Parcel {
    beside(platform, MARK.to_owned(), Secret::default(), at)
}

/// What was learnt from the page of WeChat's list that begins at this place.
pub(crate) fn page(platform: &AccountId, offset: u64, learnt: Secret, at: Timestamp) -> Parcel {
    beside(platform, format!("{MARK}-{offset}"), learnt, at)
}

fn beside(platform: &AccountId, id: String, content: Secret, received_at: Timestamp) -> Parcel {
    let failure = "the store was restored: WeChat's list of authorizers is gone through";
    // Nobody delivers it.
    let delivery = Delivery { attempts: 0, due_at: None, failure: Some(failure.to_owned()) };
    Parcel { account: platform.clone(), id, content, received_at, delivery }
}

/// Whether the parcel says that its platform's authorizers are not to be refreshed.
pub(crate) fn is_mark(parcel: &Parcel) -> bool {
    parcel.id.starts_with(MARK)
}

/// The mark of a platform, and what stands beside it.
pub(crate) async fn marks(
    outbox: &dyn Outbox,
    platform: &AccountId,
) -> Result<Vec<Parcel>, StoreError> {
    let mut parcels = outbox.parcels(platform, MOST_PARCELS).await?;
    parcels.retain(is_mark);
    Ok(parcels)
}

/// Removes the mark of a platform, and what stands beside it.
pub(crate) async fn unmark(outbox: &dyn Outbox, platform: &AccountId) -> Result<(), StoreError> {
    for mark in marks(outbox, platform).await? {
        outbox.remove_parcel(platform, &mark.id).await?;
    }
    Ok(())
}

/// The platforms that are marked, as far as this process knows.
#[derive(Default)]
pub(crate) struct Held {
    platforms: Mutex<HashMap<AccountId, watch::Sender<()>>>,
    more: Notify,
}

impl Held {
    /// Holds a platform's authorizers from now on.
    pub(crate) fn hold(&self, platform: &AccountId) {
        self.all().entry(platform.clone()).or_insert_with(|| watch::channel(()).0);
        self.more.notify_one();
    }

    /// Waits until one more is held than when this was waited for the last time. One waits for it, and may be told too often.
    pub(crate) async fn more(&self) {
        self.more.notified().await;
    }

    /// All that are held.
    pub(crate) fn platforms(&self) -> Vec<AccountId> {
        self.all().keys().cloned().collect()
    }

    /// Holds them no longer. Who waits goes on when what this returns is dropped.
    pub(super) fn release(&self, platform: &AccountId) -> Option<impl Send + use<>> {
        self.all().remove(platform)
    }

    /// The platform's token as a refresh of its authorizers sees it.
    pub(super) fn before(&self, platform: &AccountId, token: Arc<dyn Parent>) -> Arc<dyn Parent> {
        match self.all().get(platform).map(watch::Sender::subscribe) {
            Some(held) => Arc::new(Gated { token, held }),
            None => token,
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<AccountId, watch::Sender<()>>> {
        self.platforms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A platform's token, for nobody before the mark is lifted.
struct Gated {
    token: Arc<dyn Parent>,
    held: watch::Receiver<()>,
}

#[async_trait]
impl Parent for Gated {
    async fn value(&self) -> Result<Secret, Failure> {
        let mut held = self.held.clone();
        // Nothing is ever said there: it ends.
        if timeout(PATIENCE, held.changed()).await.is_err() {
            let what = "the store was restored from a backup: WeChat's list of the platform's authorizers is gone through first";
            return Err(Failure::new(Class::Awaited(PAUSE), what));
        }
        self.token.value().await
    }

    async fn instead_of(&self, refused: &Secret) -> Result<Secret, Failure> {
        self.token.instead_of(refused).await
    }
}

impl fmt::Debug for Gated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gated").field(&self.token).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Known;

    #[async_trait]
    impl Parent for Known {
        async fn value(&self) -> Result<Secret, Failure> {
            Ok("token".into())
        }

        async fn instead_of(&self, _: &Secret) -> Result<Secret, Failure> {
            Ok("better".into())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_is_told_why_it_waits_and_goes_on_when_the_mark_is_lifted() {
        let (platform, held): (AccountId, _) = ("wxp".parse().unwrap(), Held::default());
        held.hold(&platform);
        let gated = held.before(&platform, Arc::new(Known));
        let failure = gated.value().await.unwrap_err();
        assert!(matches!(failure.class, Class::Awaited(_)), "{failure}");
        let released = held.release(&platform);
        assert_eq!(
            held.before(&platform, Arc::new(Known)).value().await.unwrap().expose(),
            "token"
        );
        let still = timeout(Duration::from_secs(1), gated.value()).await;
        assert!(still.is_err(), "before all have been told of the newer ones");
        drop(released);
        assert_eq!(gated.value().await.unwrap().expose(), "token");
        assert!(held.platforms().is_empty());
    }
}
