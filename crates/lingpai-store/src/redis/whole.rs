//! What a node knows of its store as a whole, and the watch that notices when the store has lost something.
//!
//! A Redis comes back empty or older when it was flushed, restarted without its log, restored, or replaced by a replica that
//! lagged behind. So marks are set in it that only grow, one after another: a mark below one that was set before says that what
//! was stored since is gone. Whoever notices puts back what is written of the store and begins a new epoch; by that the others
//! know. In a cluster each server forgets for itself, so there are many marks, spread over all.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use lingpai_core::store::Change;
use lingpai_core::{CredentialId, StoreError, StoreErrorKind, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::foundation::{self, Foundation};
use super::layout::Layout;
use super::link::{Link, Repeat};
use super::script;
use crate::MasterKey;

/// How often marks are set and the foundation is looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// What a node knows of its store as a whole.
pub(super) struct Whole {
    link: Arc<Link>,
    layout: Layout,
    foundation: RwLock<Arc<Foundation>>,
    /// The last marks that this node has seen.
    marks: Mutex<Vec<u64>>,
    /// The credentials that are known to be in the list of all.
    listed: Mutex<HashSet<CredentialId>>,
    teller: mpsc::Sender<Change>,
    /// What the engine is still to be told of, since its queue was full.
    untold: Mutex<Option<Timestamp>>,
    /// One look at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Whole {
    /// Of a store that was just opened.
    pub(super) fn new(
        link: Arc<Link>,
        layout: Layout,
        foundation: Foundation,
        teller: mpsc::Sender<Change>,
    ) -> Self {
        let untold = foundation.forgot_at();
        let marks = vec![0; layout.marks(link.is_cluster()).len()];
        Self {
            link,
            layout,
            foundation: RwLock::new(foundation.into()),
            marks: marks.into(),
            listed: Mutex::default(),
            teller,
            untold: Mutex::new(untold),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// What is written of the store, as far as is known.
    pub(super) fn foundation(&self) -> Arc<Foundation> {
        Arc::clone(&self.foundation.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the keys are known that these values were sealed with.
    pub(super) fn knows<'a>(&self, sealed: impl IntoIterator<Item = &'a [u8]>) -> bool {
        let known = self.foundation();
        sealed.into_iter().all(|value| known.ring.knows(value))
    }

    /// Looks whether the store has keys that are not known yet.
    pub(super) async fn look_for_keys(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.look().await
    }

    /// Gives the store another master key.
    pub(super) async fn rekey(&self, new: &MasterKey) -> Result<(), StoreError> {
        let known = self.foundation();
        foundation::rekey(&self.link, &self.layout, &known, new).await
    }

    pub(super) fn listed(&self) -> MutexGuard<'_, HashSet<CredentialId>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the accounts read again by every node.
    pub(super) async fn accounts_changed(&self) -> Result<(), StoreError> {
        // Noted twice it is a change all the same.
        let changed = script::changed([self.layout.revision()]);
        self.link.call::<i64>(&changed, Repeat::Harmless).await.map(drop)
    }

    /// Whether a mark is below one that was set before. Sets it anew.
    async fn marks_are_lost(&self) -> Result<bool, StoreError> {
        let names = self.layout.marks(self.link.is_cluster());
        let mut is_lost = false;
        for (at, name) in names.into_iter().enumerate() {
            let (last, mark): (u64, u64) =
                self.link.call(&script::mark([name]), Repeat::Never).await?;
            let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(seen) = marks.get_mut(at) {
                is_lost |= last < *seen;
                *seen = mark;
            }
        }
        Ok(is_lost)
    }

    /// One look: whether all is there that was, and what others have done. What is missing of the store as a whole is put back.
    pub(super) async fn watch(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.tell();
        if self.marks_are_lost().await? { self.mend().await } else { self.look().await }
    }

    async fn look(&self) -> Result<(), StoreError> {
        match foundation::look_again(&self.link, &self.layout, &self.foundation()).await? {
            Some(now) => self.take_over(now),
            None => return self.mend().await,
        }
        Ok(())
    }

    async fn mend(&self) -> Result<(), StoreError> {
        let now = foundation::mend(&self.link, &self.layout, &self.foundation()).await?;
        self.take_over(now);
        self.accounts_changed().await
    }

    fn take_over(&self, now: Foundation) {
        let forgot = now.forgot_at().filter(|_| now.epoch > self.foundation().epoch);
        *self.foundation.write().unwrap_or_else(PoisonError::into_inner) = now.into();
        if let Some(at) = forgot {
            tracing::warn!(
                "the store {} has lost what was stored last: what this node knows is put back",
                self.link.name()
            );
            self.listed().clear();
            *self.untold.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
            self.tell();
        }
    }

    /// Tells the engine what it is to be told of. If its queue is full, at the next look.
    fn tell(&self) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = *untold
            && self.teller.try_send(Change::Forgotten(at)).is_ok()
        {
            *untold = None;
        }
    }
}

/// Watches until the task is aborted.
pub(super) fn watch(whole: Arc<Whole>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut is_failing = false;
        loop {
            match whole.watch().await {
                Ok(()) => is_failing = false,
                // That it is away is told by whoever needs it.
                Err(error) if !is_failing && error.kind != StoreErrorKind::Unavailable => {
                    is_failing = true;
                    tracing::warn!(%error, "whether the store has lost something is not known");
                }
                Err(_) => {}
            }
            sleep(PERIOD).await;
        }
    })
}
