//! How a token source is made.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use lingpai_core::{
    Account, AccountKind, Clock, CredentialId, Mode, NodeId, Policy, Registry, Secret, Store,
    SystemClock,
};
use lingpai_store::{KeySource, MemoryStore, SqliteOptions, SqliteStore};
use lingpai_wechat::{WeChat, wire};

use crate::error::Error;
use crate::source::TokenSource;

/// What a [`TokenSource`] is made of. Made by [`TokenSource::stable`], [`TokenSource::classic`] and
/// [`TokenSource::wecom`].
#[derive(Debug)]
#[must_use = "nothing is kept before `build`"]
pub struct Builder {
    appid: String,
    kind: AccountKind,
    secret: Secret,
    mode: Mode,
    policy: Policy,
    store: StoreAt,
    upstream: Option<String>,
    proxy: Option<Secret>,
}

enum StoreAt {
    Memory,
    Sqlite(PathBuf, KeySource),
    Given(Arc<dyn Store>),
}

impl Builder {
    pub(crate) fn new(appid: String, secret: Secret, mode: Mode) -> Self {
        Self {
            appid,
            kind: AccountKind::default(),
            secret,
            mode,
            policy: Policy::default(),
            store: StoreAt::Memory,
            upstream: None,
            proxy: None,
        }
    }

    pub(crate) fn of_kind(mut self, kind: AccountKind) -> Self {
        self.kind = kind;
        self
    }

    /// Keeps the token in a file, sealed, so that a restart costs no fetch. By default it is in memory.
    ///
    /// Processes on one machine may share the file; they then share the token.
    pub fn sqlite(mut self, path: impl Into<PathBuf>, key: KeySource) -> Self {
        self.store = StoreAt::Sqlite(path.into(), key);
        self
    }

    /// Keeps the token in a store that the caller has opened and closes: one for several sources, or one of its own kind.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use lingpai::{Error, MemoryStore, Store, TokenSource};
    /// # async fn example(orders: String, shop: String) -> Result<(), Error> {
    /// let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    /// let orders = TokenSource::stable("wx5a0db0c0ffee0001", orders).store(Arc::clone(&store)).build().await?;
    /// let shop = TokenSource::stable("wx5a0db0c0ffee0002", shop).store(store).build().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = StoreAt::Given(store);
        self
    }

    /// Asks here instead of WeChat's own hosts: a sandbox, or a proxy. `http://127.0.0.1:8900`.
    pub fn upstream(mut self, url: &str) -> Self {
        self.upstream = Some(url.to_owned());
        self
    }

    /// Reaches WeChat through a proxy: `http://user:password@host:3128`, which is asked to `CONNECT`, or
    /// `socks5://host:1080`. The proxy resolves the names. Variables such as `HTTPS_PROXY` are not read.
    pub fn proxy(mut self, url: &str) -> Self {
        self.proxy = Some(Secret::from(url));
        self
    }

    /// How the token is kept: the lead, the budget, what may be done without a token in use.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Opens the store and keeps the token from now on, on the current `tokio` runtime. Does not wait for the first one.
    ///
    /// # Errors
    /// The appid or a URL is none, or the store cannot be opened.
    pub async fn build(self) -> Result<TokenSource, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        if self.secret.expose().is_empty() {
            return Err(Error::SecretMissing);
        }
        let mut account = Account::new(self.appid.parse()?, self.secret, clock.now().wall);
        (account.kind, account.mode) = (self.kind, self.mode);
        let hosts = self.upstream.iter().map(|url| url.parse()).collect::<Result<_, _>>()?;
        let proxy = self.proxy.map(|url| url.expose().parse()).transpose()?;
        let settings = wire::Settings { hosts, proxy, ..wire::Settings::default() };
        let wechat = WeChat::new(wire::Upstream::new(settings)?);
        let (store, node): (Arc<dyn Store>, NodeId) = match self.store {
            StoreAt::Memory => (Arc::new(MemoryStore::new()), unique_node()),
            StoreAt::Given(store) => (store, unique_node()),
            StoreAt::Sqlite(path, key) => {
                let store = SqliteStore::open(SqliteOptions::new(path, key)).await?;
                let node = store.node().clone();
                (Arc::new(store), node)
            }
        };
        let registry = Registry::open(store, clock, node).await?;
        let credential = CredentialId::access_token(account.id.clone());
        let keeper = registry.manage(credential, wechat.issuer(&account), Arc::new(self.policy));
        Ok(TokenSource::new(registry, keeper))
    }
}

/// A name that no other holder of a lease has: two sources of one account may share a store, in one process or in two.
fn unique_node() -> NodeId {
    // Hashers are seeded at random.
    let random = RandomState::new().build_hasher().finish();
    NodeId::new(&format!("in-process-{}-{random:016x}", std::process::id()))
}

impl fmt::Debug for StoreAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::Sqlite(path, _) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Given(_) => f.write_str("Given"),
        }
    }
}
