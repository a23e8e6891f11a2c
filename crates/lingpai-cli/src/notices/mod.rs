//! Notices about credentials that come by push: who takes which.
//!
//! A notice is acknowledged when this returns, and WeChat forgets it then: whatever matters of it is durable by that time.

mod platform;
mod suite;

use std::sync::Arc;

use async_trait::async_trait;
use lingpai_core::{AccountId, AccountKind, Directory, StoreError};
use lingpai_server::push::{Notices, Taken};
use lingpai_wechat::push::Notice;

pub(crate) use self::platform::Platforms;
use self::suite::Suites;
use crate::keeping::{Engine, Keeping};

/// Takes the notices of all accounts.
pub(crate) struct Taker {
    engine: Arc<Engine>,
    directory: Arc<dyn Directory>,
    platforms: Platforms,
    suites: Arc<Suites>,
}

impl Taker {
    pub(crate) fn new(keeping: &Keeping) -> Self {
        let (engine, directory) = (Arc::clone(&keeping.engine), keeping.store.directory());
        let outbox = keeping.store.outbox();
        let platforms = Platforms::new(Arc::clone(&engine), Arc::clone(&directory));
        let suites = Suites::new(Arc::clone(&engine), Arc::clone(&directory), outbox);
        Self { engine, directory, platforms, suites }
    }

    /// Goes on with what a process before has acknowledged and not come to an end with.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn resume(&self) -> Result<(), StoreError> {
        self.suites.resume().await
    }
}

#[async_trait]
impl Notices for Taker {
    async fn take(&self, account: &AccountId, notice: &Notice) -> Result<Taken, StoreError> {
        let Some(account) = self.directory.account(account).await? else {
            return Ok(Taken::PassOn);
        };
        if account.kind == AccountKind::Platform {
            return self.platforms.take(&account, notice).await;
        }
        if account.kind == AccountKind::WeComSuite {
            return self.suites.take(&account, notice).await;
        }
        let keeps = self.engine.registry.node();
        let (account, kind) = (&account.id, account.kind);
        tracing::debug!(%account, ?kind, ?notice, node = keeps.as_str(), "a notice for the business");
        Ok(Taken::PassOn)
    }
}
