//! Notices about credentials that come by push: who takes which.
//!
//! A notice is acknowledged when this returns, and WeChat forgets it then: whatever matters of it is durable by that time.

use std::sync::Arc;

use async_trait::async_trait;
use lingpai_core::{AccountId, Directory, StoreError};
use lingpai_server::push::{Notices, Taken};
use lingpai_wechat::push::Notice;

use crate::keeping::{Engine, Keeping};

/// Takes the notices of all accounts.
pub(crate) struct Taker {
    engine: Arc<Engine>,
    directory: Arc<dyn Directory>,
}

impl Taker {
    pub(crate) fn new(keeping: &Keeping) -> Self {
        Self { engine: Arc::clone(&keeping.engine), directory: keeping.store.directory() }
    }
}

#[async_trait]
impl Notices for Taker {
    async fn take(&self, account: &AccountId, notice: &Notice) -> Result<Taken, StoreError> {
        let Some(account) = self.directory.account(account).await? else {
            return Ok(Taken::PassOn);
        };
        let keeps = self.engine.registry.node();
        let (account, kind) = (&account.id, account.kind);
        tracing::debug!(%account, ?kind, ?notice, node = keeps.as_str(), "a notice for the business");
        Ok(Taken::PassOn)
    }
}
