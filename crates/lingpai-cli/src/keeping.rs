//! The assembly: a store, a registry on top of it, and an issuer for every account.
//!
//! `serve`, `serve --demo` and `token --standalone` are all made of this.

mod engine;
pub(crate) mod held;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lingpai_core::{
    Account, AccountId, AccountKind, Clock, Directory, Keeper, NodeId, Outbox, Registry, Store,
    StoreError, StoreErrorKind, SystemClock, Timestamp, change_account,
};
use lingpai_server::console::SessionKey;
use lingpai_store::{Damage, MemoryStore, RedisOptions, RedisStore, SqliteOptions, SqliteStore};
use lingpai_wechat::{WeChat, wire};

pub(crate) use self::engine::Engine;
use crate::config::{Config, StoreAt};
use crate::error::Error;

/// An open store, whatever its kind.
pub(crate) enum OpenStore {
    /// In memory.
    Memory(Arc<MemoryStore>),
    /// In a file.
    Sqlite(Arc<SqliteStore>),
    /// In a Redis.
    Redis(Arc<RedisStore>),
}

impl OpenStore {
    /// Opens the store of a configuration, and says so if a master key was made for it.
    pub(crate) async fn open(at: &StoreAt) -> Result<Self, StoreError> {
        let (path, key, journals) = match at {
            StoreAt::Memory => return Ok(Self::Memory(Arc::new(MemoryStore::new()))),
            StoreAt::Sqlite { path, key, journals } => (path, key, *journals),
            StoreAt::Redis { address, key, journals } => {
                let options = RedisOptions::new(address.clone(), key.clone());
                let options = RedisOptions { journals: *journals, ..options };
                let store = RedisStore::open(options).await?;
                for wanting in store.wanting() {
                    tracing::warn!("{wanting}");
                }
                return Ok(Self::Redis(Arc::new(store)));
            }
        };
        let options = SqliteOptions { journals, ..SqliteOptions::new(path, key.clone()) };
        let store = SqliteStore::open(options).await?;
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
            Self::Redis(store) => Arc::<RedisStore>::clone(store),
        }
    }

    /// What people manage in it.
    pub(crate) fn directory(&self) -> Arc<dyn Directory> {
        match self {
            Self::Memory(store) => Arc::<MemoryStore>::clone(store),
            Self::Sqlite(store) => Arc::<SqliteStore>::clone(store),
            Self::Redis(store) => Arc::<RedisStore>::clone(store),
        }
    }

    /// What signs the sessions of people, where whoever opens it has the same.
    pub(crate) fn session_key(&self) -> Option<SessionKey> {
        match self {
            Self::Memory(_) => None,
            Self::Sqlite(store) => Some(store.session_key().into()),
            Self::Redis(store) => Some(store.session_key().into()),
        }
    }

    /// Where pushes wait in it.
    pub(crate) fn outbox(&self) -> Arc<dyn Outbox> {
        match self {
            Self::Memory(store) => Arc::<MemoryStore>::clone(store),
            Self::Sqlite(store) => Arc::<SqliteStore>::clone(store),
            Self::Redis(store) => Arc::<RedisStore>::clone(store),
        }
    }

    /// Every account that can be read; those that cannot are told of in the log and bring nobody else down.
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.accounts_and_damaged().await?.0)
    }

    /// The same, and the names of those that cannot be read.
    async fn accounts_and_damaged(&self) -> Result<(Vec<Account>, HashSet<String>), StoreError> {
        let (accounts, damage): (_, Vec<Damage>) = match self {
            Self::Memory(store) => (store.accounts().await?, Vec::new()),
            Self::Sqlite(store) => store.accounts_and_damage().await?,
            Self::Redis(store) => store.accounts_and_damage().await?,
        };
        for damage in &damage {
            tracing::error!(account = damage.record, "{}", damage.what);
        }
        Ok((accounts, damage.into_iter().map(|damage| damage.record).collect()))
    }

    /// Whether an account of this name stands in the way of a new one. One that cannot be read does not, and is replaced: nothing
    /// else brings it back.
    pub(crate) async fn has(&self, id: &AccountId) -> Result<bool, StoreError> {
        match self.directory().account(id).await {
            Err(error) if error.kind == StoreErrorKind::Sealed => Ok(false),
            stored => Ok(stored?.is_some()),
        }
    }

    /// What differs after any change of an account.
    async fn revision(&self) -> Result<i64, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.accounts_revision()),
            Self::Sqlite(store) => store.accounts_revision().await,
            Self::Redis(store) => store.accounts_revision().await,
        }
    }

    /// Finishes what was asked, and lets go of the file.
    pub(crate) async fn close(self) {
        match self {
            Self::Memory(_) => {}
            Self::Sqlite(store) => store.close().await,
            Self::Redis(store) => store.close(),
        }
    }

    /// The name under which this process is known in it.
    pub(crate) fn node(&self) -> NodeId {
        match self {
            Self::Memory(_) => NodeId::new(&format!("node-{}", std::process::id())),
            Self::Sqlite(store) => store.node().clone(),
            Self::Redis(store) => store.node().clone(),
        }
    }
}

/// An engine that is ready to keep accounts.
pub(crate) struct Keeping {
    pub(crate) store: OpenStore,
    pub(crate) registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    pub(crate) engine: Arc<Engine>,
    /// WeChat is to be reached in another way than the issuers know.
    reaches_anew: bool,
    /// What the accounts were like when they were last read from the store.
    revision: Option<i64>,
    /// The accounts kept by [`Keeping::sync`], and when each was changed.
    kept: HashMap<AccountId, Timestamp>,
    /// The accounts that others have brought to the engine, to be looked at by the next [`Keeping::sync`].
    brought: HashSet<AccountId>,
    /// The platforms of which it is known whether they are marked.
    looked_at: HashSet<AccountId>,
}

impl Keeping {
    /// Opens the store and starts the engine. Nothing is fetched before [`Keeping::keep`].
    pub(crate) async fn open(at: &StoreAt, upstream: wire::Settings) -> Result<Self, Error> {
        let wechat = WeChat::new(wire::Upstream::new(upstream)?);
        let store = OpenStore::open(at).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let registry = Registry::open(store.store(), Arc::clone(&clock), store.node()).await?;
        let registry = Arc::new(registry);
        let engine = Arc::new(Engine::new(Arc::clone(&registry), wechat));
        let (kept, brought, looked_at) = Default::default();
        Ok(Self {
            store,
            registry,
            clock,
            engine,
            reaches_anew: false,
            revision: None,
            kept,
            brought,
            looked_at,
        })
    }

    /// The clock that everything here runs on.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Puts what the configuration says of accounts into the store where it differs.
    pub(crate) async fn merge(&self, config: &Config) -> Result<(), StoreError> {
        if config.accounts.is_empty() {
            return Ok(());
        }
        let stored = self.store.accounts().await?;
        let stored: HashMap<_, _> =
            stored.iter().map(|account| (account.id.clone(), account)).collect();
        let directory = self.store.directory();
        let now = self.clock.now().wall;
        for configured in &config.accounts {
            let due = |stored: Option<&Account>| {
                let differs = stored.is_none_or(|stored| !is_as_configured(stored, configured));
                differs.then(|| configured.clone().renewed(stored, now))
            };
            let stored = stored.get(&configured.id).copied();
            let Some(account) = due(stored) else { continue };
            // One that cannot be read is not among those stored, and is replaced.
            match directory.put_account(&account, stored).await {
                Err(error) if error.kind == StoreErrorKind::Changed => {
                    let change = |stored: Option<&Account>| Ok::<_, StoreError>(due(stored));
                    change_account(&*directory, &configured.id, change).await?;
                }
                // It stops nobody else.
                Err(error) if error.kind == StoreErrorKind::Newer => {
                    tracing::error!(account = %configured.id, "not kept as the configuration says: {error}");
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Keeps every account that the store holds, as the store has it, and no other. Accounts that have not changed are
    /// left alone. Reads nothing if nothing can have changed.
    pub(crate) async fn sync(&mut self) -> Result<(), StoreError> {
        // First, so that what is changed during the reading is seen the next time.
        self.brought.extend(self.engine.take_brought());
        let revision = self.store.revision().await?;
        if self.revision == Some(revision) && !self.reaches_anew && self.brought.is_empty() {
            return Ok(());
        }
        let (accounts, damaged) = self.store.accounts_and_damaged().await?;
        self.hold_restored(&accounts).await?;
        let (mut added, mut changed, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        let mut before = std::mem::take(&mut self.kept);
        let mut brought = std::mem::take(&mut self.brought);
        for account in &accounts {
            let known = before.remove(&account.id);
            let is_brought = brought.remove(&account.id);
            match known {
                None => added.push(&account.id),
                Some(at) if at != account.updated_at => changed.push(&account.id),
                Some(_) if self.reaches_anew || is_brought => {}
                Some(at) => {
                    self.kept.insert(account.id.clone(), at);
                    continue;
                }
            }
            self.keep(account);
            self.kept.insert(account.id.clone(), account.updated_at);
        }
        for (id, at) in before {
            if damaged.contains(id.as_str()) {
                self.kept.insert(id, at);
            } else {
                self.engine.let_go(&id);
                removed.push(id);
            }
        }
        // Those that were removed before they were kept.
        brought.retain(|id| !damaged.contains(id.as_str()));
        brought.iter().for_each(|id| self.engine.let_go(id));
        self.reaches_anew = false;
        if self.revision.replace(revision).is_some() {
            tell("kept from now on", &added);
            tell("kept as it is now", &changed);
            tell("no longer kept", &removed.iter().collect::<Vec<_>>());
        }
        Ok(())
    }

    /// Holds the authorizers of platforms that a restored store marks, before any of them is kept.
    async fn hold_restored(&mut self, accounts: &[Account]) -> Result<(), StoreError> {
        for account in accounts.iter().filter(|account| account.kind == AccountKind::Platform) {
            if !self.looked_at.contains(&account.id) {
                if self.is_marked(&account.id).await? {
                    self.engine.held.hold(&account.id);
                    // Its record may have been damaged until now, and its authorizers kept: they are kept anew, behind the mark.
                    self.reaches_anew |= !self.kept.is_empty();
                }
                self.looked_at.insert(account.id.clone());
            }
        }
        Ok(())
    }

    /// Whether the store was restored, and WeChat's list of this platform's authorizers was not gone through since.
    pub(crate) async fn is_marked(&self, platform: &AccountId) -> Result<bool, StoreError> {
        Ok(!held::marks(&*self.store.outbox(), platform).await?.is_empty())
    }

    /// Reaches WeChat in another way from the next [`Keeping::sync`] on.
    pub(crate) fn reach(&mut self, upstream: wire::Settings) -> Result<(), Error> {
        self.engine.reach(WeChat::new(wire::Upstream::new(upstream)?));
        self.reaches_anew = true;
        Ok(())
    }

    /// Whether this node may force WeChat to replace a token, from the next [`Keeping::sync`] on.
    pub(crate) fn force(&mut self, forces: bool) {
        self.reaches_anew |= self.engine.force(forces);
    }

    /// Adds an account where there is none that can be read, and keeps it from now on.
    pub(crate) async fn add(&mut self, account: &Account) -> Result<(), StoreError> {
        self.store.directory().put_account(account, None).await?;
        self.keep(account);
        self.kept.insert(account.id.clone(), account.updated_at);
        Ok(())
    }

    /// Changes an account in the store, or adds it, as [`change_account`] does, and keeps it so from now on.
    pub(crate) async fn change<E: From<StoreError>>(
        &mut self,
        id: &AccountId,
        change: impl FnMut(Option<&Account>) -> Result<Option<Account>, E>,
    ) -> Result<Option<Account>, E> {
        let changed = change_account(&*self.store.directory(), id, change).await?;
        if let Some(account) = &changed {
            self.keep(account);
            self.kept.insert(account.id.clone(), account.updated_at);
        }
        Ok(changed)
    }

    /// Removes an account and its tokens from the store, and keeps it no longer. False if it was not there.
    pub(crate) async fn remove(&mut self, account: &AccountId) -> Result<bool, StoreError> {
        let was_there = self.store.directory().remove_account(account).await?;
        self.engine.let_go(account);
        self.kept.remove(account);
        Ok(was_there)
    }

    /// Of how many accounts.
    pub(crate) fn count(&self) -> usize {
        self.kept.len()
    }

    /// Keeps an account from now on: the keeper of what its calls carry.
    pub(crate) fn keep(&self, account: &Account) -> Arc<Keeper> {
        self.engine.manage(account)
    }

    /// Ends in order: rotations under way and everything that is to be stored.
    pub(crate) async fn close(self) {
        self.registry.close(self.registry.longest_rotation()).await;
        self.store.close().await;
    }
}

/// Whether nothing but the times differs.
fn is_as_configured(stored: &Account, configured: &Account) -> bool {
    let Account { created_at, updated_at, .. } = *stored;
    *stored == Account { created_at, updated_at, ..configured.clone() }
}

/// Says in the log what has become of some accounts.
fn tell(what: &str, accounts: &[&AccountId]) {
    if !accounts.is_empty() {
        tracing::info!("{what}: {}", some_of(accounts));
    }
}

/// Names accounts, but not thousands of them.
pub(crate) fn some_of(accounts: &[&AccountId]) -> String {
    const NAMED: usize = 10;
    let named: Vec<_> = accounts.iter().take(NAMED).map(|id| id.as_str()).collect();
    match accounts.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lingpai_core::{CredentialId, Policy, Secret, policy};

    use super::*;
    use crate::config::Source;

    impl Keeping {
        /// A store in memory, and a WeChat that nobody reaches.
        pub(crate) async fn out_of_reach() -> Self {
            let upstream = wire::Settings {
                hosts: vec!["http://127.0.0.1:9".parse().unwrap()],
                ..wire::Settings::default()
            };
            Self::open(&StoreAt::Memory, upstream).await.unwrap()
        }
    }

    async fn keeping() -> (Keeping, Config) {
        let config = Source::new(None, None).load(&|_| None).unwrap();
        (Keeping::out_of_reach().await, config)
    }

    fn account(id: &str, secret: &str) -> Account {
        Account::new(id.parse().unwrap(), Secret::from(secret), Timestamp::default())
    }

    fn kept(keeping: &Keeping) -> Vec<String> {
        let keepers = keeping.registry.keepers();
        let mut ids: Vec<_> =
            keepers.iter().map(|keeper| keeper.credential().account.to_string()).collect();
        ids.sort();
        ids
    }

    #[tokio::test]
    async fn the_engine_keeps_what_the_store_holds_and_the_store_what_the_configuration_says() {
        let (mut keeping, mut config) = keeping().await;
        let directory = keeping.store.directory();
        directory.put_account(&account("wx1", "by hand"), None).await.unwrap();
        config.accounts = vec![account("wx2", "a")];
        keeping.merge(&config).await.unwrap();
        keeping.sync().await.unwrap();
        assert_eq!(kept(&keeping), ["wx1", "wx2"]);
        let before = keeping.kept.clone();

        config.accounts = vec![account("wx2", "b"), account("wx3", "c")];
        keeping.merge(&config).await.unwrap();
        directory.remove_account(&"wx1".parse().unwrap()).await.unwrap();
        keeping.sync().await.unwrap();
        assert_eq!(kept(&keeping), ["wx2", "wx3"]);
        let wx2 = "wx2".parse().unwrap();
        assert_ne!(keeping.kept[&wx2], before[&wx2]);

        let before = keeping.kept.clone();
        keeping.merge(&config).await.unwrap();
        keeping.sync().await.unwrap();
        assert_eq!(keeping.kept, before, "what has not changed is left alone");
    }

    #[tokio::test]
    async fn what_others_bring_to_the_engine_is_kept_as_the_store_has_it_in_the_end() {
        let (mut keeping, _) = keeping().await;
        let directory = keeping.store.directory();
        let [old, new] = ["old", "new"].map(|secret| account("wx1", secret));
        let now = keeping.clock().now().wall;
        let policy = Policy { keeping: policy::Keeping::Paused, ..Policy::default() };
        let new = Account { policy, ..new }.renewed(Some(&old), now);
        directory.put_account(&old, None).await.unwrap();
        directory.put_account(&new, Some(&old)).await.unwrap();
        keeping.sync().await.unwrap();
        // Whoever had put the old one comes late with it; the other has been removed meanwhile.
        keeping.engine.keep(&old);
        keeping.engine.keep(&account("wx2", "removed"));
        let is_paused = |keeping: &Keeping| {
            let credential = CredentialId::access_token("wx1".parse().unwrap());
            let keeper = keeping.registry.get(&credential).unwrap();
            keeper.status().keeping == policy::Keeping::Paused
        };
        assert!(!is_paused(&keeping));
        keeping.sync().await.unwrap();
        assert!(is_paused(&keeping));
        assert_eq!(kept(&keeping), ["wx1"]);
    }

    #[tokio::test]
    async fn a_marked_platform_that_is_seen_late_is_held_and_whoever_goes_through_lists_is_told() {
        let (mut keeping, _) = keeping().await;
        keeping.sync().await.unwrap();
        let platform =
            Account { kind: AccountKind::Platform, ..account("wxp", "its record was damaged") };
        keeping.store.directory().put_account(&platform, None).await.unwrap();
        let mark = held::mark(&platform.id, Timestamp::default());
        keeping.store.outbox().put_parcel(&mark).await.unwrap();
        keeping.sync().await.unwrap();
        assert_eq!(keeping.engine.held.platforms(), [platform.id]);
        let told = keeping.engine.held.more();
        tokio::time::timeout(Duration::from_secs(1), told).await.unwrap();
    }
}
