//! Notices about credentials that come by push: who takes which.
//!
//! A notice is acknowledged when this returns, and WeChat forgets it then: whatever matters of it is durable by that time.

mod platform;

use std::sync::Arc;

use async_trait::async_trait;
use lingpai_core::{AccountId, AccountKind, Directory, StoreError};
use lingpai_server::push::{Notices, Taken};
use lingpai_wechat::push::Notice;

pub(crate) use self::platform::Platforms;
use crate::keeping::{Engine, Keeping};

/// Takes the notices of all accounts.
pub(crate) struct Taker {
    engine: Arc<Engine>,
    directory: Arc<dyn Directory>,
    platforms: Platforms,
}

impl Taker {
    pub(crate) fn new(keeping: &Keeping) -> Self {
        let (engine, directory) = (Arc::clone(&keeping.engine), keeping.store.directory());
        let platforms = Platforms::new(Arc::clone(&engine), Arc::clone(&directory));
        Self { engine, directory, platforms }
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
        let keeps = self.engine.registry.node();
        let (account, kind) = (&account.id, account.kind);
        tracing::debug!(%account, ?kind, ?notice, node = keeps.as_str(), "a notice for the business");
        Ok(Taken::PassOn)
    }
}
