//! Notices to a suite of a WeCom service provider: its tickets, and what corps do with their authorisations.
//!
//! An auth_code is good once, for ten minutes. Only a kill between WeCom's answer and the store can lose a permanent code.
//! Then the code is refused the next time, and that is told, with what a person can do.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::{
    Account, AccountId, AccountKind, CredentialId, Directory, Issued, Keeper, Kind, Secret,
    StoreError, Timestamp, Way,
};
use lingpai_server::push::Taken;
use lingpai_wechat::push::Notice;
use lingpai_wechat::{CorpAuthorization, kinds, protocol};
use tokio::time::timeout;

use super::codes::{Attempt, Code, Insistence};
use super::platform::{change, remove};
use super::unavailable;
use crate::keeping::Engine;

/// WeCom's words for a code that is of no use any more: it was exchanged before, or is none.
const SPENT: [i64; 2] = [40058, 40078];
/// And for a permanent code that the corp has taken back; those of a secret are for suites that develop on behalf of corps.
const WITHDRAWN: [i64; 5] = [40001, 40013, 40084, 40091, 48004];
/// How long a withdrawn authorisation is tried, within the time that a push has.
const TRIAL: Duration = Duration::from_secs(3);

/// What keeps suites and the corps that have authorised them.
pub(super) struct Suites {
    engine: Arc<Engine>,
    directory: Arc<dyn Directory>,
}

impl Suites {
    pub(super) fn new(engine: Arc<Engine>, directory: Arc<dyn Directory>) -> Self {
        Self { engine, directory }
    }

    /// Takes a notice to this suite, verified, but for one with a code. The ticket is for Lingpai alone; the business hears of
    /// the rest.
    ///
    /// # Errors
    /// It could not be made durable.
    pub(super) async fn take(&self, suite: &Account, notice: &Notice) -> Result<Taken, StoreError> {
        match notice {
            Notice::SuiteTicket { suite: of, ticket } if is(suite, of) => {
                self.ticket(suite, ticket).await?;
                Ok(Taken::Kept)
            }
            Notice::CorpUnauthorized { suite: of, corp } if is(suite, of) => {
                self.unauthorized(suite, corp).await?;
                Ok(Taken::PassOn)
            }
            _ => Ok(Taken::PassOn),
        }
    }

    /// Keeps a ticket that was pushed. A token that could not be had for want of it is asked for at once.
    async fn ticket(&self, suite: &Account, ticket: &Secret) -> Result<(), StoreError> {
        let keeper = self.keeper(suite, kinds::SUITE_TICKET)?;
        let issued = Issued::new(ticket.clone(), protocol::SUITE_TICKET_LIFE);
        keeper.give(issued).await.map_err(|error| unavailable(error.to_string()))?;
        let token = self.keeper(suite, kinds::SUITE_ACCESS_TOKEN)?;
        if token.status().failure.is_some() {
            self.engine.keep(suite);
        }
        Ok(())
    }

    fn keeper(&self, suite: &Account, kind: Kind) -> Result<Arc<Keeper>, StoreError> {
        let credential = CredentialId::new(kind, suite.id.clone());
        let registry = &self.engine.registry;
        // An account that was added a moment ago may not be kept yet.
        let found = registry.get(&credential).or_else(|| {
            self.engine.keep(suite);
            registry.get(&credential)
        });
        found.ok_or_else(|| unavailable(format!("{credential} is not kept here")))
    }

    /// Exchanges a code, once, and keeps the corp's account.
    pub(super) async fn trade(&self, suite: &Account, code: &Code) -> Attempt {
        let token = CredentialId::new(kinds::SUITE_ACCESS_TOKEN, suite.id.clone());
        let token = self.engine.registry.parent(&token);
        let failure = match self.engine.wechat().exchange(suite, &token, &code.secret).await {
            Ok(came) => return self.settle(suite, &came).await,
            Err(failure) => failure,
        };
        let is_spent = failure.code.is_some_and(|code| SPENT.contains(&code));
        if !is_spent && self.now() < code.came_at + protocol::AUTH_CODE_LIFE {
            return Attempt::Again(failure);
        }
        Attempt::Lost(format!(
            "the auth_code of a corp is of no use any more ({failure}): if the corp has no account here, have its permanent \
             code fetched anew in the provider's console, or have it authorise the suite again"
        ))
    }

    async fn settle(&self, suite: &Account, came: &CorpAuthorization) -> Attempt {
        let mut insistence = Insistence::default();
        loop {
            match self.put(&suite.id, came).await {
                Ok(Ok(account)) => return Attempt::Kept(account),
                Ok(Err(why)) => return Attempt::Lost(why),
                Err(error) => insistence.wait(suite, &error).await,
            }
        }
    }

    /// Keeps the account of a corp that has authorised a suite. It is reached and renewed as the suite is.
    /// The inner error is one that no repetition mends.
    async fn put(
        &self,
        suite: &AccountId,
        came: &CorpAuthorization,
    ) -> Result<Result<AccountId, String>, StoreError> {
        let CorpAuthorization { corpid, permanent_code } = came;
        let Ok(id) = format!("{corpid}:{suite}").parse::<AccountId>() else {
            let why = format!("WeCom calls a corp `{corpid}`, which is no name for an account");
            return Ok(Err(why));
        };
        let (model, now) = (self.directory.account(suite).await?, self.now());
        let model = model.as_ref();
        let authorized = |stored: Option<&Account>| {
            let new = || Account {
                proxy: model.and_then(|model| model.proxy.clone()),
                policy: model.map_or_else(Default::default, |model| model.policy.clone()),
                ..Account::new(id.clone(), permanent_code.clone(), now)
            };
            Some(Account {
                kind: AccountKind::WeComAuthorized,
                secret: permanent_code.clone(),
                platform: Some(suite.clone()),
                ..stored.cloned().unwrap_or_else(new)
            })
        };
        if let Some(account) = change(&self.engine, &*self.directory, &id, authorized).await? {
            self.engine.keep(&account);
        }
        Ok(Ok(id))
    }

    /// A corp has taken its authorisation back. The notice may be late, and the corp may have authorised again since: so the
    /// permanent code is tried, and the account is removed if it is refused.
    async fn unauthorized(&self, suite: &Account, corp: &str) -> Result<(), StoreError> {
        let Ok(id) = format!("{corp}:{}", suite.id).parse::<AccountId>() else { return Ok(()) };
        let stored = self.directory.account(&id).await?;
        let is_ours = |account: &Account| account.platform.as_ref() == Some(&suite.id);
        let Some(stored) = stored.filter(is_ours) else { return Ok(()) };
        let parent = |credential: &CredentialId| self.engine.registry.parent(credential);
        let (_, issuer) = self.engine.wechat().root(&stored, &parent);
        let account = &stored.id;
        match timeout(TRIAL, issuer.issue(Way::Primary, None)).await {
            Ok(Err(failure)) if failure.code.is_some_and(|code| WITHDRAWN.contains(&code)) => {
                if remove(&self.engine, &*self.directory, &stored).await? {
                    tracing::info!(%account, "the corp has taken back its authorisation; the account is removed");
                }
            }
            Ok(Ok(_)) => {
                tracing::info!(%account, "an authorisation that was taken back, and given again since");
            }
            Ok(Err(failure)) => {
                tracing::warn!(%account, %failure, "an authorisation was taken back, and WeCom did not say whether it still holds; the account stays");
            }
            Err(_) => return Err(unavailable("WeCom did not say in time whether it still holds")),
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.engine.registry.clock().now().wall
    }
}

/// Whether this is the suite that a notice is to.
pub(super) fn is(suite: &Account, of: &str) -> bool {
    suite.kind == AccountKind::WeComSuite && suite.id.as_str() == of
}
