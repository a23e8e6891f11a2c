//! The API keys in memory: one lookup by the hash of the whole key.
//!
//! Finding a key by its hash tells a stranger nothing by the time it takes: to come near a stored hash he would have to
//! know a key. The ring is read from the store again and again, since another process (`lingpai key create`) writes
//! there; while the store is down, the ring stays as it was.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use lingpai_core::client::{ApiKey, KeyHash};
use lingpai_core::{Clock, Directory, Instant, StoreError, StoreErrorKind};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How old the ring may be.
const AGE: Duration = Duration::from_secs(2);
/// At which distance unknown keys make it look into the store.
const SPACING: Duration = Duration::from_secs(1);
/// How long the store may take.
const DEADLINE: Duration = Duration::from_secs(2);

/// All keys that the store holds.
pub(crate) struct KeyRing {
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    keys: ArcSwap<HashMap<KeyHash, ApiKey>>,
    /// When an unknown key last made it look into the store.
    looked_at: Mutex<Option<Instant>>,
    /// Whether the last reading failed, so that it is said once.
    failing: AtomicBool,
}

impl KeyRing {
    /// Reads the store.
    pub(crate) async fn open(
        directory: Arc<dyn Directory>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let ring = Self {
            directory,
            keys: ArcSwap::default(),
            clock,
            looked_at: Mutex::default(),
            failing: AtomicBool::new(false),
        };
        ring.keys.store(Arc::new(ring.stored().await?));
        Ok(ring)
    }

    /// Looks at the record of a key, if it is known. Waits for the store only where it is not.
    pub(crate) async fn look<T>(&self, key: &str, look: impl Fn(&ApiKey) -> T) -> Option<T> {
        let hash = KeyHash::of(key);
        if let Some(found) = self.keys.load().get(&hash) {
            return Some(look(found));
        }
        // It may have been made a moment ago. Whoever comes while the store is being read waits for that.
        self.read_for_a_stranger().await;
        self.keys.load().get(&hash).map(look)
    }

    /// Reads the store every two seconds, for ever.
    pub(crate) async fn keep_current(&self) {
        loop {
            tokio::time::sleep(AGE).await;
            // One reading at a time, so that an older one cannot undo a newer.
            let _alone = self.looked_at.lock().await;
            self.read().await;
        }
    }

    /// Reads the store, unless an unknown key has made it do so a moment ago: strangers must not keep the store busy.
    async fn read_for_a_stranger(&self) {
        let mut looked_at = self.looked_at.lock().await;
        let now = self.clock.coarse();
        if looked_at.is_none_or(|at| now.since(at) >= SPACING) {
            // Noted before the reading, so that it counts when the caller goes away meanwhile; and after it, so that
            // those who waited for a store that hangs do not each wait for it once more.
            *looked_at = Some(now);
            self.read().await;
            *looked_at = Some(self.clock.coarse());
        }
    }

    async fn read(&self) {
        match self.stored().await {
            Ok(keys) => {
                self.keys.store(Arc::new(keys));
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the API keys can be read again");
                }
            }
            Err(error) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the API keys cannot be read; those known go on working");
                }
            }
        }
    }

    async fn stored(&self) -> Result<HashMap<KeyHash, ApiKey>, StoreError> {
        let keys = timeout(DEADLINE, self.directory.keys()).await.map_err(|_| {
            StoreError::new(
                StoreErrorKind::Unavailable,
                "the store did not answer in time. Check the disk, and what else uses the file",
            )
        })??;
        Ok(keys.into_iter().map(|key| (key.hash, key)).collect())
    }
}
