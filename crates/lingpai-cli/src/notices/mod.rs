//! Notices about credentials that come by push: who takes which.
//!
//! A notice is acknowledged when this returns, and WeChat forgets it then: whatever matters of it is durable by that time.

mod authority;
mod codes;
mod crowd;
mod platform;
mod reconcile;
mod release;
mod suite;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::outbox::{Outbox, Parcel};
use lingpai_core::store::StoreErrorKind;
use lingpai_core::{Account, AccountId, AccountKind, Directory, Secret, StoreError};
use lingpai_server::authorize::{Admission, Newcomer, NotInvited, Recovered};
use lingpai_server::push::{Notices, Taken};
use lingpai_wechat::push::Notice;
use tokio::sync::watch;

use self::codes::{Codes, outcome_within};
use self::reconcile::Reconciler;
use crate::keeping::{Engine, Keeping, held};

/// How long the business waits to hear of an authorisation, so that the account is mostly there when it does. WeChat waits 5 s.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes the notices of all accounts.
#[derive(Clone)]
pub(crate) struct Taker {
    engine: Arc<Engine>,
    directory: Arc<dyn Directory>,
    outbox: Arc<dyn Outbox>,
    codes: Arc<Codes>,
    /// The accounts of which WeChat is being asked of what sort they are: once, however many want to know.
    learning: Arc<Mutex<HashMap<AccountId, watch::Receiver<()>>>>,
}

impl Taker {
    pub(crate) fn new(keeping: &Keeping) -> Self {
        let (engine, directory) = (Arc::clone(&keeping.engine), keeping.store.directory());
        let outbox = keeping.store.outbox();
        let codes = Codes::new(Arc::clone(&engine), Arc::clone(&directory), Arc::clone(&outbox));
        Self { engine, directory, outbox, codes, learning: Arc::default() }
    }

    /// Takes some over into the store for a command: a server that runs on it notices them.
    ///
    /// # Errors
    /// The store cannot do it; those before it are stored.
    pub(crate) async fn admit_here(
        &self,
        platform: &Account,
        newcomers: Vec<Newcomer>,
        replace: bool,
    ) -> Result<Vec<(AccountId, Admission)>, StoreError> {
        crowd::admit(&self.codes, platform, newcomers, replace, None).await
    }

    /// The same with one page of WeChat's list.
    ///
    /// # Errors
    /// WeChat or the store cannot do it.
    pub(crate) async fn recover_here(
        &self,
        platform: &Account,
        offset: u64,
    ) -> Result<Recovered, NotInvited> {
        crowd::recover(&self.codes, &self.engine, platform, offset, false).await
    }

    /// Goes on with what was acknowledged, by this process or one before, and not come to an end with, and with what a restored
    /// store leaves to be done; never ends.
    pub(crate) async fn go_on(&self) -> Infallible {
        tokio::join!(self.codes.go_on(), self.reconciler().run()).0
    }

    fn reconciler(&self) -> Reconciler {
        Reconciler {
            codes: Arc::clone(&self.codes),
            engine: Arc::clone(&self.engine),
            directory: Arc::clone(&self.directory),
            outbox: Arc::clone(&self.outbox),
        }
    }
}

#[async_trait]
impl Notices for Taker {
    async fn take(&self, account: &AccountId, notice: &Notice) -> Result<Taken, StoreError> {
        let Some(account) = self.directory.account(account).await? else {
            return Ok(Taken::PassOn);
        };
        match (account.kind, notice) {
            (
                AccountKind::Platform,
                Notice::Authorized(given) | Notice::AuthorizationUpdated(given),
            ) if *given.component == *account.id.as_str() => {
                let authorizer = Some(&*given.authorizer);
                let awaited = self.codes.pushed(&account.id, &given.code, authorizer).await?;
                outcome_within(awaited, PATIENCE).await;
                Ok(Taken::PassOn)
            }
            (AccountKind::Platform, _) => self.codes.platforms.take(&account, notice).await,
            // The code is a secret, and nothing else is said in it: it is for Lingpai alone.
            (AccountKind::WeComSuite, Notice::CorpAuthorized { suite, code })
                if **suite == *account.id.as_str() =>
            {
                drop(self.codes.pushed(&account.id, code, None).await?);
                Ok(Taken::Kept)
            }
            (AccountKind::WeComSuite, _) => self.codes.suites.take(&account, notice).await,
            (kind, _) => {
                let (account, node) = (&account.id, self.engine.registry.node().as_str());
                tracing::debug!(%account, ?kind, ?notice, node, "a notice for the business");
                Ok(Taken::PassOn)
            }
        }
    }

    async fn prove(
        &self,
        (platform, authorizer): (&AccountId, &AccountId),
        code: &Secret,
        openid: &str,
    ) -> Result<bool, StoreError> {
        let awaited = self.codes.pushed(platform, code, Some(authorizer.as_str())).await?;
        let (taker, code, openid) = (self.clone(), code.clone(), openid.to_owned());
        tokio::spawn(async move { taker.answer_check(awaited, &code, &openid).await });
        Ok(true)
    }

    async fn again(&self, account: &AccountId, id: &str) -> Result<bool, StoreError> {
        self.codes.again(account, id).await
    }

    fn is_settled(&self, parcel: &Parcel) -> bool {
        codes::is_settled(parcel) || held::is_mark(parcel)
    }
}

/// What is not to be had now: whoever pushed is to push it again.
fn unavailable(what: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, what)
}
