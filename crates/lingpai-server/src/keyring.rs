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
use lingpai_core::store::Damage;
use lingpai_core::{Clock, Directory, Instant, StoreError, StoreErrorKind, Timestamp};
use tokio::sync::{Mutex, watch};
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
    /// Which key stands behind a virtual token, by the hash of what stands in that.
    virtuals: ArcSwap<HashMap<KeyHash, KeyHash>>,
    /// When an unknown key last made it look into the store.
    looked_at: Mutex<Option<Instant>>,
    /// Whether the last reading failed, so that it is said once.
    failing: AtomicBool,
    /// Tells those who stay for long that keys have changed.
    changed: watch::Sender<()>,
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
            virtuals: ArcSwap::default(),
            clock,
            looked_at: Mutex::default(),
            failing: AtomicBool::new(false),
            changed: watch::Sender::new(()),
        };
        ring.publish(ring.stored().await?);
        Ok(ring)
    }

    /// Looks at the record of the key with this hash, if it is known. Waits for the store only where it is not.
    pub(crate) async fn look<T>(&self, key: &KeyHash, look: impl Fn(&ApiKey) -> T) -> Option<T> {
        if let Some(found) = self.look_now(key, &look) {
            return Some(found);
        }
        // It may have been made a moment ago. Whoever comes while the store is being read waits for that.
        self.read_for_a_stranger().await;
        self.look_now(key, look)
    }

    /// Looks at the record of the key that stands behind a virtual token, if it is known. Waits for the store only where
    /// it is not.
    pub(crate) async fn look_by_virtual<T>(
        &self,
        proof: &KeyHash,
        look: impl Fn(&ApiKey) -> T,
    ) -> Option<T> {
        let find = || {
            let key = self.virtuals.load().get(proof).copied()?;
            self.look_now(&key, &look)
        };
        if let Some(found) = find() {
            return Some(found);
        }
        self.read_for_a_stranger().await;
        find()
    }

    /// Looks at the record of a key as it is known now, without asking the store.
    pub(crate) fn look_now<T>(&self, key: &KeyHash, look: impl FnOnce(&ApiKey) -> T) -> Option<T> {
        self.keys.load().get(key).map(look)
    }

    /// The public name of a key that was just looked at.
    pub(crate) fn id_of(&self, key: &KeyHash) -> String {
        self.look_now(key, |key| key.id.clone()).unwrap_or_default()
    }

    /// Every key, revoked ones too.
    pub(crate) fn all(&self) -> Arc<HashMap<KeyHash, ApiKey>> {
        self.keys.load_full()
    }

    /// Says when keys have changed, from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// What people manage in the store.
    pub(crate) fn directory(&self) -> &dyn Directory {
        &*self.directory
    }

    /// What the store has left out because it is damaged.
    pub(crate) fn damage(&self) -> Vec<Damage> {
        self.directory.damage()
    }

    /// Whether the last reading of the store failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Keeps a new key. It works as soon as this returns.
    pub(crate) async fn add(&self, key: ApiKey) -> Result<(), StoreError> {
        let _alone = self.looked_at.lock().await;
        self.put(key).await
    }

    /// Revokes the key of this id, if there is one. It is refused as soon as this returns.
    pub(crate) async fn revoke(
        &self,
        id: &str,
        at: Timestamp,
    ) -> Result<Option<ApiKey>, StoreError> {
        let _alone = self.looked_at.lock().await;
        // Another process may have made or changed it a moment ago.
        let stored = self.stored().await?;
        let Some(mut key) = stored.into_values().find(|key| key.id == id) else { return Ok(None) };
        key.revoked_at.get_or_insert(at);
        self.put(key.clone()).await?;
        Ok(Some(key))
    }

    /// Notes in the store when a key was first used. True if no use of it was known. It is known here when this returns.
    pub(crate) async fn first_use(
        &self,
        hash: &KeyHash,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let _alone = self.looked_at.lock().await;
        let is_known = |key: &ApiKey| (key.id.clone(), key.first_used_at.is_some());
        let Some((id, false)) = self.look_now(hash, is_known) else { return Ok(false) };
        let noted = timeout(DEADLINE, self.directory.first_use(&id, at));
        let is_first = noted.await.map_err(|_| too_slow())??;
        let mut keys = HashMap::clone(&self.keys.load());
        if let Some(key) = keys.get_mut(hash) {
            // If another node was first, the next reading says when.
            key.first_used_at = Some(at);
        }
        self.publish(keys);
        Ok(is_first)
    }

    async fn put(&self, key: ApiKey) -> Result<(), StoreError> {
        timeout(DEADLINE, self.directory.put_key(&key)).await.map_err(|_| too_slow())??;
        let mut keys = HashMap::clone(&self.keys.load());
        keys.insert(key.hash, key);
        self.publish(keys);
        Ok(())
    }

    fn publish(&self, keys: HashMap<KeyHash, ApiKey>) {
        if **self.keys.load() != keys {
            let virtuals = keys.values().filter_map(|key| Some((key.virtual_hash?, key.hash)));
            self.virtuals.store(Arc::new(virtuals.collect()));
            self.keys.store(Arc::new(keys));
            self.changed.send_replace(());
        }
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
                self.publish(keys);
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
        let keys = timeout(DEADLINE, self.directory.keys()).await.map_err(|_| too_slow())??;
        Ok(keys.into_iter().map(|key| (key.hash, key)).collect())
    }
}

fn too_slow() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "the store did not answer in time. Check the disk, and what else uses the file",
    )
}
