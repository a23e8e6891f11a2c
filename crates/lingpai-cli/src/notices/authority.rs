//! Authorisations that begin at the server: WeChat's page for them, and the codes that browsers bring back.

use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::outbox::{Delivery, MOST_PARCELS, Parcel, Put};
use lingpai_core::{
    Account, AccountId, AccountKind, Class, CredentialId, Failure, Secret, StoreError,
};
use lingpai_server::authorize::{
    Admission, Authority, Authorizer, Completion, Newcomer, NotInvited, Recovered,
};
use lingpai_wechat::{Invitation, kinds};
use tokio::sync::watch;
use tokio::time::timeout;

use super::codes::{ONCE, Outcome, outcome_within};
use super::{Taker, crowd};

/// How long a browser waits for the URL of WeChat's page, the platform's token included if there is none.
const PATIENCE: Duration = Duration::from_secs(9);

#[async_trait]
impl Authority for Taker {
    async fn can_be_authorized(&self, account: &AccountId) -> Result<bool, StoreError> {
        Ok(self.directory.account(account).await?.is_some_and(|account| is_one(&account)))
    }

    async fn invite(
        &self,
        account: &AccountId,
        invitation: &Invitation<'_>,
    ) -> Result<String, NotInvited> {
        let account = self.directory.account(account).await.map_err(NotInvited::Store)?;
        let account = account.filter(is_one).ok_or(NotInvited::NoPlatform)?;
        let kind = match account.kind {
            AccountKind::WeComSuite => kinds::SUITE_ACCESS_TOKEN,
            _ => kinds::COMPONENT_TOKEN,
        };
        let credential = CredentialId::new(kind, account.id.clone());
        if self.engine.registry.get(&credential).is_none() {
            // It was added a moment ago.
            self.engine.keep(&account);
        }
        let token = self.engine.registry.parent(&credential);
        let wechat = self.engine.wechat();
        match timeout(PATIENCE, wechat.invite(&account, token, invitation)).await {
            Ok(invited) => invited.map_err(NotInvited::Refused),
            Err(_) => Err(NotInvited::Refused(Failure::new(
                Class::Transient,
                "WeChat did not answer in time",
            ))),
        }
    }

    async fn complete(
        &self,
        account: &AccountId,
        code: &Secret,
        patience: Duration,
    ) -> Result<Completion, StoreError> {
        let awaited = self.codes.brought(account, code).await?;
        Ok(match outcome_within(awaited, patience).await {
            Some(Outcome::Kept(account)) => Completion::Kept(account),
            Some(Outcome::Lost(why)) => Completion::Lost(why),
            None => Completion::UnderWay,
        })
    }

    async fn is_platform(&self, account: &AccountId) -> Result<bool, StoreError> {
        Ok(self.platform(account).await?.is_some())
    }

    async fn authorizers(&self, platform: &AccountId) -> Result<Vec<Authorizer>, StoreError> {
        self.codes.platforms.authorizers(platform).await
    }

    async fn admit(
        &self,
        platform: &AccountId,
        newcomers: Vec<Newcomer>,
        replace: bool,
    ) -> Result<Vec<(AccountId, Admission)>, StoreError> {
        let Some(platform) = self.platform(platform).await? else { return Ok(Vec::new()) };
        crowd::admit(&self.codes, &platform, newcomers, replace, Some(&self.engine)).await
    }

    async fn learn(&self, account: &AccountId) {
        let mut learnt = {
            let mut learning = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
            learning.retain(|_, learnt| learnt.has_changed().is_ok());
            let begin = || {
                let (under_way, learnt) = watch::channel(());
                let (taker, account) = (self.clone(), account.clone());
                tokio::spawn(async move {
                    taker.ask(&account).await;
                    drop(under_way);
                });
                learnt
            };
            learning.entry(account.clone()).or_insert_with(begin).clone()
        };
        // Nothing is ever said there: it ends.
        let _ = learnt.changed().await;
    }

    async fn recover(&self, platform: &AccountId, offset: u64) -> Result<Recovered, NotInvited> {
        let platform = self.platform(platform).await.map_err(NotInvited::Store)?;
        let platform = platform.ok_or(NotInvited::NoPlatform)?;
        crowd::recover(&self.codes, &self.engine, &platform, offset, true).await
    }

    async fn is_first(
        &self,
        account: &AccountId,
        deed: &str,
        by: &str,
    ) -> Result<bool, StoreError> {
        let parcel = Parcel {
            account: account.clone(),
            id: format!("{}{deed}", ONCE),
            content: by.into(),
            received_at: self.engine.registry.clock().now().wall,
            // Nobody delivers it.
            delivery: Delivery::default(),
        };
        let outbox = &self.outbox;
        match outbox.put_parcel(&parcel).await? {
            Put::Kept => Ok(true),
            Put::Known => {
                let known = outbox.parcels(account, MOST_PARCELS).await?;
                let known = known.into_iter().find(|known| known.id == parcel.id);
                Ok(known.is_some_and(|known| known.content == parcel.content))
            }
            Put::Full => {
                tracing::warn!(%account, "so many authorisations have begun that no more can be noted; the oldest make room with time");
                Ok(false)
            }
        }
    }
}

impl Taker {
    /// Asks WeChat of what sort an account is that has authorised a platform, if that is not known.
    async fn ask(&self, account: &AccountId) {
        let stored = self.directory.account(account).await.ok().flatten();
        let unknown = stored.filter(|account| account.kind == AccountKind::Authorizer);
        let Some(platform) = unknown.and_then(|account| account.platform) else { return };
        if let Ok(Some(platform)) = self.platform(&platform).await {
            self.codes.platforms.learn(&platform, account).await;
        }
    }

    /// The account of this name, if it is a third-party platform.
    async fn platform(&self, account: &AccountId) -> Result<Option<Account>, StoreError> {
        let account = self.directory.account(account).await?;
        Ok(account.filter(|account| account.kind == AccountKind::Platform))
    }
}

fn is_one(account: &Account) -> bool {
    matches!(account.kind, AccountKind::Platform | AccountKind::WeComSuite)
}
