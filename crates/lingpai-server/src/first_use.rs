//! The first use of each API key: noted in the store, and told of once, whatever the number of nodes.
//!
//! On the way of a request this is a look at the key's record, which is being looked at anyway. Only a key of which no use is
//! known goes further, until the store knows of it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingpai_core::client::KeyHash;
use lingpai_core::event::What;
use lingpai_core::{Registry, Timestamp};
use tokio::sync::Notify;

use crate::keyring::KeyRing;

/// How long it is waited before a store is asked again that did not take it.
const PAUSE: Duration = Duration::from_secs(2);

/// Uses that the store does not know of.
#[derive(Default)]
pub(crate) struct FirstUses {
    waiting: Mutex<HashMap<KeyHash, Use>>,
    due: Notify,
}

#[derive(Clone, Copy)]
struct Use {
    address: IpAddr,
    at: Timestamp,
}

impl FirstUses {
    /// A key was used of which no use is known.
    #[cold]
    pub(crate) fn note(&self, key: &KeyHash, address: IpAddr, at: Timestamp) {
        let mut waiting = self.lock();
        if !waiting.contains_key(key) {
            waiting.insert(*key, Use { address, at });
            self.due.notify_one();
        }
    }

    /// Takes note of them in the store, for ever, and tells of those that are the first ones of their keys.
    pub(crate) async fn keep(&self, registry: &Registry, keys: &KeyRing) -> Infallible {
        loop {
            self.due.notified().await;
            let waiting: Vec<_> = self.lock().iter().map(|(key, first)| (*key, *first)).collect();
            for (key, Use { address, at }) in waiting {
                match keys.first_use(&key, at).await {
                    Ok(is_first) => {
                        self.lock().remove(&key);
                        if is_first {
                            let key = keys.id_of(&key);
                            registry.tell(None, What::KeyFirstUsed { key, address });
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, "the first use of a key waits for the store");
                        let clock = registry.clock();
                        clock.sleep_until(clock.now().instant + PAUSE).await;
                        self.due.notify_one();
                    }
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyHash, Use>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use lingpai_core::client::{Accounts, ApiKey, NewKey};
    use lingpai_core::clock::TestClock;
    use lingpai_core::store::StoreErrorKind;
    use lingpai_core::{Account, AccountId, Clock, Directory, NodeId, StoreError};
    use lingpai_store::MemoryStore;

    use super::*;

    /// A directory that takes no first use so many times.
    #[derive(Default)]
    struct Shaky {
        inner: MemoryStore,
        refuses: AtomicU32,
        asked: AtomicU32,
    }

    #[async_trait]
    impl Directory for Shaky {
        async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
            self.inner.accounts().await
        }

        async fn account(&self, account: &AccountId) -> Result<Option<Account>, StoreError> {
            self.inner.account(account).await
        }

        async fn put_account(
            &self,
            account: &Account,
            before: Option<&Account>,
        ) -> Result<(), StoreError> {
            self.inner.put_account(account, before).await
        }

        async fn remove_account(&self, account: &AccountId) -> Result<bool, StoreError> {
            self.inner.remove_account(account).await
        }

        async fn remove_as_read(&self, account: &Account) -> Result<bool, StoreError> {
            self.inner.remove_as_read(account).await
        }

        async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
            self.inner.keys().await
        }

        async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError> {
            self.inner.put_key(key).await
        }

        async fn first_use(&self, key: &str, at: Timestamp) -> Result<bool, StoreError> {
            if self.asked.fetch_add(1, Ordering::SeqCst) < self.refuses.load(Ordering::SeqCst) {
                return Err(StoreError::new(StoreErrorKind::Unavailable, "the store is away"));
            }
            self.inner.first_use(key, at).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_use_waits_for_a_store_that_is_down_and_is_told_once() {
        let directory = Arc::new(Shaky { refuses: AtomicU32::new(3), ..Shaky::default() });
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp::default()));
        let began = clock.now().wall;
        let new = NewKey::from_random([7; 30], "orders", [].into(), Accounts::All, began);
        directory.put_key(&new.record).await.unwrap();
        let store = Arc::new(MemoryStore::default());
        let registry = Registry::open(store, Arc::clone(&clock), NodeId::new("n")).await.unwrap();
        let keys = KeyRing::open(Arc::clone(&directory) as _, clock).await.unwrap();
        let mut events = registry.events();
        let uses = FirstUses::default();
        let address = IpAddr::from([10, 0, 0, 7]);
        let told = async {
            uses.note(&new.record.hash, address, began);
            uses.note(&new.record.hash, [10, 0, 0, 8].into(), began + PAUSE);
            let told = events.recv().await.unwrap();
            let expected = What::KeyFirstUsed { key: new.record.id.clone(), address };
            assert_eq!(told.what, expected);
            assert_eq!(told.at.since(began), PAUSE * 3, "it was tried again, and not all the time");
        };
        tokio::select! {
            _ = uses.keep(&registry, &keys) => {}
            () = told => {}
        }
        assert_eq!(directory.asked.load(Ordering::SeqCst), 4);
        let known = directory.keys().await.unwrap();
        assert_eq!(known[0].first_used_at, Some(began), "at the time when it was used");
    }
}
