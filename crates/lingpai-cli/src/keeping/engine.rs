//! What keeps accounts: the registry, and the issuers that go with the way to WeChat that is in force.
//!
//! It is shared with whoever learns of accounts by other ways than the store: a push says that somebody has authorised a
//! platform, and is acknowledged only when that is kept.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lingpai_core::{Account, AccountId, CredentialId, Keeper, Policy, Registry};
use lingpai_wechat::{WeChat, kinds};

use super::held::Held;

/// The engine with the issuers of accounts.
pub(crate) struct Engine {
    pub(crate) registry: Arc<Registry>,
    wechat: Mutex<WeChat>,
    /// Whether this node may force WeChat to replace a token.
    forces: AtomicBool,
    /// The platforms whose authorizers are not refreshed yet.
    pub(crate) held: Held,
    /// The accounts that were kept as whoever brought them had them, and that are still to be looked at in the store.
    brought: Mutex<HashSet<AccountId>>,
}

impl Engine {
    pub(super) fn new(registry: Arc<Registry>, wechat: WeChat) -> Self {
        let (wechat, forces, held) = (Mutex::new(wechat), AtomicBool::new(true), Held::default());
        Self { registry, wechat, forces, held, brought: Mutex::default() }
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

    /// Keeps an account as whoever brings it has it: the keeper of what its calls carry. Another may have changed or removed it in
    /// the same moment, so it is looked at in the store once more.
    pub(crate) fn keep(&self, account: &Account) -> Arc<Keeper> {
        let keeper = self.manage(account);
        // Afterwards: a look in between would have come too early.
        self.brought.lock().unwrap_or_else(PoisonError::into_inner).insert(account.id.clone());
        keeper
    }

    /// The accounts that are to be looked at in the store since the last time.
    pub(super) fn take_brought(&self) -> HashSet<AccountId> {
        std::mem::take(&mut *self.brought.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps everything from now on that an account has without being asked for: the keeper of what its calls carry.
    pub(super) fn manage(&self, account: &Account) -> Arc<Keeper> {
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
