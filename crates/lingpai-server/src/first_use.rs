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
                        tokio::time::sleep(PAUSE).await;
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
