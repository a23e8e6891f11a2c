//! How a token source is made.

use std::path::PathBuf;
use std::sync::Arc;

use lingpai_core::{
    Account, Clock, CredentialId, Mode, NodeId, Policy, Registry, Secret, Store, SystemClock,
};
use lingpai_store::{KeySource, MemoryStore, SqliteOptions, SqliteStore};
use lingpai_wechat::{WeChat, wire};

use crate::error::Error;
use crate::source::TokenSource;

/// What a [`TokenSource`] is made of. Made by [`TokenSource::stable`] and [`TokenSource::classic`].
#[derive(Debug)]
#[must_use = "nothing is kept before `build`"]
pub struct Builder {
    appid: String,
    secret: Secret,
    mode: Mode,
    policy: Policy,
    store: StoreAt,
    upstream: Option<String>,
}

#[derive(Debug)]
enum StoreAt {
    Memory,
    Sqlite(PathBuf, KeySource),
}

impl Builder {
    pub(crate) fn new(appid: String, secret: Secret, mode: Mode) -> Self {
        Self {
            appid,
            secret,
            mode,
            policy: Policy::default(),
            store: StoreAt::Memory,
            upstream: None,
        }
    }

    /// Keeps the token in a file, sealed, so that a restart costs no fetch. By default it is in memory.
    ///
    /// Processes on one machine may share the file; they then share the token.
    pub fn sqlite(mut self, path: impl Into<PathBuf>, key: KeySource) -> Self {
        self.store = StoreAt::Sqlite(path.into(), key);
        self
    }

    /// Asks here instead of WeChat's own hosts: a sandbox, or a proxy. `http://127.0.0.1:8900`.
    pub fn upstream(mut self, url: &str) -> Self {
        self.upstream = Some(url.to_owned());
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
    /// The appid or the URL is none, or the store cannot be opened.
    pub async fn build(self) -> Result<TokenSource, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        if self.secret.expose().is_empty() {
            return Err(Error::SecretMissing);
        }
        let mut account = Account::new(self.appid.parse()?, self.secret, clock.now().wall);
        account.mode = self.mode;
        let hosts = self.upstream.iter().map(|url| url.parse()).collect::<Result<_, _>>()?;
        let settings = wire::Settings { hosts, ..wire::Settings::default() };
        let wechat = WeChat::new(wire::Upstream::new(settings)?);
        let (store, node): (Arc<dyn Store>, NodeId) = match self.store {
            StoreAt::Memory => (Arc::new(MemoryStore::new()), NodeId::new("in-process")),
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
