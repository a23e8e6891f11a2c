//! The assembly: a store, a registry on top of it, and an issuer for every account.
//!
//! `serve`, `serve --demo` and `token --standalone` are all made of this.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::{
    Account, Clock, CredentialId, Directory, Keeper, NodeId, Registry, Store, StoreError,
    SystemClock,
};
use lingpai_store::{MemoryStore, SqliteOptions, SqliteStore};
use lingpai_wechat::{WeChat, wire};

use crate::config::{Config, StoreAt};
use crate::error::Error;

/// How long rotations under way may take when the program ends: longer than one fetch.
const GRACE: Duration = Duration::from_secs(10);

/// An open store, whatever its kind.
pub(crate) enum OpenStore {
    /// In memory.
    Memory(Arc<MemoryStore>),
    /// In a file.
    Sqlite(Arc<SqliteStore>),
}

impl OpenStore {
    /// Opens the store of a configuration, and says so if a master key was made for it.
    pub(crate) async fn open(at: &StoreAt) -> Result<Self, StoreError> {
        let StoreAt::Sqlite { path, key } = at else {
            return Ok(Self::Memory(Arc::new(MemoryStore::new())));
        };
        let store = SqliteStore::open(SqliteOptions::new(path, key.clone())).await?;
        if let Some(file) = store.generated_key() {
            tracing::info!(
                file = %file.display(),
                "a master key was made, which seals secrets and tokens in the store. Keep a copy of it, away from the \
                 store: without it the store cannot be read"
            );
        }
        Ok(Self::Sqlite(Arc::new(store)))
    }

    /// What the engine needs of it.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::<MemoryStore>::clone(store),
            Self::Sqlite(store) => Arc::<SqliteStore>::clone(store),
        }
    }

    /// What people manage in it.
    pub(crate) fn directory(&self) -> Arc<dyn Directory> {
        match self {
            Self::Memory(store) => Arc::<MemoryStore>::clone(store),
            Self::Sqlite(store) => Arc::<SqliteStore>::clone(store),
        }
    }

    /// Every account that can be read; those that cannot are told of in the log and bring nobody else down.
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let store = match self {
            Self::Memory(store) => return store.accounts().await,
            Self::Sqlite(store) => store,
        };
        let (accounts, damage) = store.accounts_and_damage().await?;
        for damage in damage {
            tracing::error!(account = damage.record, "{}", damage.what);
        }
        Ok(accounts)
    }

    /// Finishes what was asked, and lets go of the file.
    pub(crate) async fn close(self) {
        if let Self::Sqlite(store) = self {
            store.close().await;
        }
    }

    fn node(&self) -> NodeId {
        match self {
            Self::Memory(_) => NodeId::new(&format!("node-{}", std::process::id())),
            Self::Sqlite(store) => store.node().clone(),
        }
    }
}

/// An engine that is ready to keep accounts.
pub(crate) struct Keeping {
    pub(crate) store: OpenStore,
    pub(crate) registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    wechat: WeChat,
}

impl Keeping {
    /// Opens the store and starts the engine. Nothing is fetched before [`Keeping::keep`].
    pub(crate) async fn open(at: &StoreAt, upstream: wire::Settings) -> Result<Self, Error> {
        let wechat = WeChat::new(wire::Upstream::new(upstream)?);
        let store = OpenStore::open(at).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let registry = Registry::open(store.store(), Arc::clone(&clock), store.node()).await?;
        Ok(Self { store, registry: Arc::new(registry), clock, wechat })
    }

    /// The clock that everything here runs on.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Every account of the configuration and of the store. What the configuration says of an account is put into the
    /// store where it differs.
    pub(crate) async fn accounts(&self, config: &Config) -> Result<Vec<Account>, StoreError> {
        let mut accounts = self.store.accounts().await?;
        let directory = self.store.directory();
        let now = self.clock.now().wall;
        for configured in &config.accounts {
            let stored = accounts.iter().position(|account| account.id == configured.id);
            let created_at = stored.map_or(now, |at| accounts[at].created_at);
            let account = Account { created_at, updated_at: now, ..configured.clone() };
            match stored {
                Some(at) if is_as_configured(&accounts[at], &account) => continue,
                Some(at) => accounts[at] = account.clone(),
                None => accounts.push(account.clone()),
            }
            directory.put_account(&account).await?;
        }
        Ok(accounts)
    }

    /// Keeps an account's access_token from now on.
    pub(crate) fn keep(&self, account: &Account) -> Arc<Keeper> {
        let credential = CredentialId::access_token(account.id.clone());
        let policy = Arc::new(account.policy.clone());
        self.registry.manage(credential, self.wechat.issuer(account), policy)
    }

    /// Ends in order: rotations under way and everything that is to be stored.
    pub(crate) async fn close(self) {
        self.registry.close(GRACE).await;
        self.store.close().await;
    }
}

/// Whether nothing but the times differs.
fn is_as_configured(stored: &Account, configured: &Account) -> bool {
    let Account { created_at, updated_at, .. } = *stored;
    *stored == Account { created_at, updated_at, ..configured.clone() }
}
