//! The audit trail: who read which token, and who changed what, durably and in batches.
//!
//! Reads are counted in memory and written once a minute, so a server that is killed loses those of the last two minutes.
//! What an admin did is written at once. While the store is down, both wait.

mod api;
mod reads;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lingpai_core::audit::{Action, Deed, Note, Who};
use lingpai_core::client::KeyHash;
use lingpai_core::{CredentialId, Registry};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

pub(crate) use self::api::{LARGEST_PAGE, PAGE, list};
use self::reads::Reads;
use crate::keyring::KeyRing;
use crate::serving::Caller;

/// How often reads are gathered.
const PERIOD: Duration = Duration::from_secs(60);
/// How many notes wait for a store that is down. Beyond that the oldest are given up.
const WAITING: usize = 20_000;
/// How many are written in one step.
const BATCH: usize = 500;

/// What is to be written into the trail.
pub(crate) struct Trail {
    reads: Reads,
    waiting: Mutex<Vec<Note>>,
    due: Notify,
}

impl Trail {
    pub(crate) fn new() -> Self {
        Self { reads: Reads::new(), waiting: Mutex::default(), due: Notify::new() }
    }

    /// Somebody was given a token.
    pub(crate) fn read(&self, registry: &Registry, caller: Caller<'_>, credential: &CredentialId) {
        self.reads.add(&caller.hash, credential, caller.peer, || registry.clock().wall());
    }

    /// Somebody did something.
    pub(crate) fn did(
        &self,
        (registry, keys): (&Registry, &KeyRing),
        (key, address): (&KeyHash, IpAddr),
        credential: Option<CredentialId>,
        deed: Deed,
    ) {
        let at = registry.clock().wall();
        self.add([note(registry, keys, at, (key, address), credential, deed)]);
        self.due.notify_one();
    }

    /// Writes what there is to write, for ever.
    pub(crate) async fn keep(&self, registry: &Registry, keys: &KeyRing) -> Infallible {
        let mut minutes = interval_at(Instant::now() + PERIOD, PERIOD);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = minutes.tick() => self.gather(registry, keys),
                () = self.due.notified() => {}
            }
            self.write(registry).await;
        }
    }

    /// Writes the last of it.
    pub(crate) async fn finish(&self, registry: &Registry, keys: &KeyRing, deadline: Duration) {
        // Nobody reads any more, so the minute that runs can be gathered too.
        for _ in 0..2 {
            self.gather(registry, keys);
        }
        if timeout(deadline, self.write(registry)).await.is_err() {
            tracing::warn!("the last records of the audit trail could not be stored");
        }
    }

    fn gather(&self, registry: &Registry, keys: &KeyRing) {
        let (readings, beyond) = self.reads.gather();
        if beyond > 0 {
            tracing::warn!(
                beyond,
                "too many different readers within a minute: some reads have no record"
            );
        }
        let mut notes: Vec<_> = readings
            .into_iter()
            .map(|(reading, count)| {
                let deed = Deed { count, ..Deed::new(Action::TokenRead) };
                let who = (&reading.key, reading.address);
                note(registry, keys, reading.at, who, Some(reading.credential), deed)
            })
            .collect();
        notes.sort_by_key(|note| note.at);
        self.add(notes);
    }

    fn add(&self, notes: impl IntoIterator<Item = Note>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(notes);
        let over = waiting.len().saturating_sub(WAITING);
        if over > 0 {
            tracing::warn!(
                lost = over,
                "records of the audit trail are lost: the store does not take them"
            );
            waiting.drain(..over);
        }
    }

    async fn write(&self, registry: &Registry) {
        loop {
            let batch: Vec<Note> = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let most = waiting.len().min(BATCH);
                waiting.drain(..most).collect()
            };
            if batch.is_empty() {
                return;
            }
            if let Err(error) = registry.store().note(&batch).await {
                tracing::debug!(%error, "records of the audit trail wait for the store");
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.splice(..0, batch);
                return;
            }
        }
    }
}

fn note(
    registry: &Registry,
    keys: &KeyRing,
    at: lingpai_core::Timestamp,
    (key, address): (&KeyHash, IpAddr),
    credential: Option<CredentialId>,
    deed: Deed,
) -> Note {
    let named = keys.look_now(key, |key| (key.id.clone(), key.name.clone()));
    let (key, name) = named.unwrap_or_default();
    let who = Who::Client { key, name, address };
    Note { at, node: registry.node().clone(), who, credential, deed }
}
