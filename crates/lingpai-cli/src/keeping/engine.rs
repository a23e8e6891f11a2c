//! What keeps accounts: the registry, and the issuers that go with the way to WeChat that is in force.
//!
//! It is shared with whoever learns of accounts by other ways than the store: a push says that somebody has authorised a
//! platform, and is acknowledged only when that is kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lingpai_core::{Account, AccountId, CredentialId, Keeper, Policy, Registry};
use lingpai_wechat::{WeChat, kinds};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::held::Held;

/// The engine with the issuers of accounts.
pub(crate) struct Engine {
    pub(crate) registry: Arc<Registry>,
    wechat: Mutex<WeChat>,
    /// Whether this node may force WeChat to replace a token.
    forces: AtomicBool,
    /// The platforms whose authorizers are not refreshed yet.
    pub(crate) held: Held,
    /// The accounts that somebody is changing.
    turns: Mutex<HashMap<AccountId, Arc<Turn<()>>>>,
}

impl Engine {
    pub(super) fn new(registry: Arc<Registry>, wechat: WeChat) -> Self {
        let (wechat, forces, held) = (Mutex::new(wechat), AtomicBool::new(true), Held::default());
        Self { registry, wechat, forces, held, turns: Mutex::default() }
    }

    /// Whoever reads an account and writes it back whole has this meanwhile, so that no change that this process makes in between
    /// is lost.
    pub(crate) async fn turn(&self, account: &AccountId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(account.clone()).or_default())
        };
        turn.lock_owned().await
    }

    /// WeChat, by the way that is in force.
    pub(crate) fn wechat(&self) -> WeChat {
        self.wechat.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reaches WeChat in another way. Accounts that are kept must be kept anew.
    pub(super) fn reach(&self, wechat: WeChat) {
        *self.wechat.lock().unwrap_or_else(PoisonError::into_inner) = wechat;
    }

    /// Whether this node may force WeChat to replace a token from now on. True if that is another answer than before: then
    /// accounts that are kept must be kept anew.
    pub(super) fn force(&self, forces: bool) -> bool {
        self.forces.swap(forces, Ordering::Relaxed) != forces
    }

    /// Keeps everything from now on that an account has without being asked for: the keeper of what its calls carry.
    pub(crate) fn keep(&self, account: &Account) -> Arc<Keeper> {
        let forced = self.forces.load(Ordering::Relaxed);
        let policy = Arc::new(Policy { forced, ..account.policy.clone() });
        let parent = |credential: &CredentialId| {
            let parent = self.registry.parent(credential);
            match &account.platform {
                Some(platform) if account.kind.is_authorizer() => {
                    self.held.before(platform, parent)
                }
                _ => parent,
            }
        };
        let wechat = self.wechat();
        let manage = |(kind, issuer)| {
            let credential = CredentialId::new(kind, account.id.clone());
            self.registry.manage(credential, issuer, Arc::clone(&policy))
        };
        // What others need first.
        wechat.roots_besides(account, &parent).into_iter().for_each(|root| drop(manage(root)));
        manage(wechat.root(account, &parent))
    }

    /// Refreshes a platform's authorizers from now on, as they are here.
    pub(crate) fn lift(&self, platform: &AccountId, authorizers: &[Account]) {
        let released = self.held.release(platform);
        authorizers.iter().for_each(|account| drop(self.keep(account)));
        // Whoever waited goes on with what is kept now.
        drop(released);
    }

    /// Keeps nothing of an account any more. What the store holds of it stays.
    pub(crate) fn let_go(&self, account: &AccountId) {
        for kind in kinds::roots() {
            self.registry.forget(&CredentialId::new(kind.clone(), account.clone()));
        }
    }
}
