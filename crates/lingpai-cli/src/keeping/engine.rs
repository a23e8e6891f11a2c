//! What keeps accounts: the registry, and the issuers that go with the way to WeChat that is in force.
//!
//! It is shared with whoever learns of accounts by other ways than the store: a push says that somebody has authorised a
//! platform, and is acknowledged only when that is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lingpai_core::{Account, AccountId, CredentialId, Keeper, Policy, Registry};
use lingpai_wechat::{WeChat, kinds};

/// The engine with the issuers of accounts.
pub(crate) struct Engine {
    pub(crate) registry: Arc<Registry>,
    wechat: Mutex<WeChat>,
    /// Whether this node may force WeChat to replace a token.
    forces: AtomicBool,
}

impl Engine {
    pub(super) fn new(registry: Arc<Registry>, wechat: WeChat) -> Self {
        Self { registry, wechat: Mutex::new(wechat), forces: AtomicBool::new(true) }
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
        let parent = |credential: &CredentialId| self.registry.parent(credential);
        let wechat = self.wechat();
        let manage = |(kind, issuer)| {
            let credential = CredentialId::new(kind, account.id.clone());
            self.registry.manage(credential, issuer, Arc::clone(&policy))
        };
        // What others need first.
        wechat.roots_besides(account, &parent).into_iter().for_each(|root| drop(manage(root)));
        manage(wechat.root(account, &parent))
    }

    /// Keeps nothing of an account any more. What the store holds of it stays.
    pub(crate) fn let_go(&self, account: &AccountId) {
        for kind in kinds::roots() {
            self.registry.forget(&CredentialId::new(kind.clone(), account.clone()));
        }
    }
}
