//! Notices to a suite of a WeCom service provider: its tickets, and what corps do with their authorisations.
//!
//! WeCom wants its answer within a second, and an auth_code is good once, for ten minutes. So a code is stored first and
//! acknowledged then, and exchanged afterwards, as often as it takes; a process that is killed meanwhile goes on with it
//! when it is back. Only a kill between WeCom's answer and the store can lose a permanent code. Then the code is refused the
//! next time, and that is told, with what a person can do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lingpai_core::outbox::{Delivery, MOST_PARCELS, Outbox, Parcel, Put};
use lingpai_core::store::StoreErrorKind;
use lingpai_core::{
    Account, AccountId, AccountKind, CredentialId, Directory, Failure, Fingerprint, Issued, Keeper,
    Kind, Secret, StoreError, Timestamp, Way,
};
use lingpai_server::push::Taken;
use lingpai_wechat::push::Notice;
use lingpai_wechat::{CorpAuthorization, kinds, protocol};
use tokio::time::{sleep, timeout};

use crate::keeping::{Engine, renewed};

/// What a code that is being exchanged is called among the pushes that wait.
const PREFIX: &str = "auth-";
/// What is said of it there.
const UNDER_WAY: &str = "a corp has authorised the suite; its code is being exchanged";
/// WeCom's words for a code that is of no use any more: it was exchanged before, or is none.
const SPENT: [i64; 2] = [40058, 40078];
/// And for a permanent code that the corp has taken back; those of a secret are for suites that develop on behalf of corps.
const WITHDRAWN: [i64; 5] = [40001, 40013, 40084, 40091, 48004];
/// How long a withdrawn authorisation is tried, within the time that a push has.
const TRIAL: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What keeps suites and the corps that have authorised them.
pub(super) struct Suites {
    engine: Arc<Engine>,
    directory: Arc<dyn Directory>,
    outbox: Arc<dyn Outbox>,
    /// The codes that this process is exchanging.
    under_way: Mutex<HashSet<String>>,
}

impl Suites {
    pub(super) fn new(
        engine: Arc<Engine>,
        directory: Arc<dyn Directory>,
        outbox: Arc<dyn Outbox>,
    ) -> Arc<Self> {
        Arc::new(Self { engine, directory, outbox, under_way: Mutex::default() })
    }

    /// Takes a notice to this suite, verified. What carries a secret is for Lingpai alone; the business hears of the rest.
    ///
    /// # Errors
    /// It could not be made durable.
    pub(super) async fn take(
        self: &Arc<Self>,
        suite: &Account,
        notice: &Notice,
    ) -> Result<Taken, StoreError> {
        match notice {
            Notice::SuiteTicket { suite: of, ticket } if is(suite, of) => {
                self.ticket(suite, ticket).await?;
                Ok(Taken::Kept)
            }
            Notice::CorpAuthorized { suite: of, code } if is(suite, of) => {
                self.authorized(suite, code).await?;
                Ok(Taken::Kept)
            }
            Notice::CorpUnauthorized { suite: of, corp } if is(suite, of) => {
                self.unauthorized(suite, corp).await?;
                Ok(Taken::PassOn)
            }
            _ => Ok(Taken::PassOn),
        }
    }

    /// Goes on with codes that a process before did not come to an end with.
    pub(super) async fn resume(self: &Arc<Self>) -> Result<(), StoreError> {
        let accounts = self.directory.accounts().await?;
        for suite in accounts.iter().filter(|it| it.kind == AccountKind::WeComSuite) {
            let parcels = self.outbox.parcels(&suite.id, MOST_PARCELS).await?;
            for parcel in parcels.into_iter().filter(is_under_way) {
                self.begin(parcel);
            }
        }
        Ok(())
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

    /// Stores a code, and exchanges it afterwards.
    async fn authorized(
        self: &Arc<Self>,
        suite: &Account,
        code: &Secret,
    ) -> Result<(), StoreError> {
        let parcel = Parcel {
            account: suite.id.clone(),
            id: format!("{PREFIX}{}", Fingerprint::of(code.expose())),
            content: code.clone(),
            received_at: self.now(),
            // Nobody delivers it.
            delivery: Delivery { attempts: 0, due_at: None, failure: Some(UNDER_WAY.to_owned()) },
        };
        match self.outbox.put_parcel(&parcel).await? {
            Put::Kept => self.begin(parcel),
            // It is a repetition. If it came to nothing, it would again.
            Put::Known => {}
            Put::Full => return Err(unavailable("too many pushes wait")),
        }
        Ok(())
    }

    fn begin(self: &Arc<Self>, parcel: Parcel) {
        if !self.busy(|busy| busy.insert(parcel.id.clone())) {
            return;
        }
        let suites = Arc::clone(self);
        tokio::spawn(async move {
            suites.exchange(&parcel).await;
            suites.busy(|busy| busy.remove(&parcel.id));
        });
    }

    fn busy<T>(&self, deed: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        deed(&mut self.under_way.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Exchanges a code until it has come to an end, and keeps the corp's account.
    async fn exchange(&self, parcel: &Parcel) {
        let suite = &parcel.account;
        let ends = parcel.received_at + protocol::AUTH_CODE_LIFE;
        let mut pause = Duration::from_secs(1);
        let authorization = loop {
            let failure = match self.try_exchange(suite, &parcel.content).await {
                Ok(Ok(authorization)) => break authorization,
                Ok(Err(failure)) => failure,
                Err(error) => Failure::new(lingpai_core::Class::Transient, error.to_string()),
            };
            let is_spent = failure.code.is_some_and(|code| SPENT.contains(&code));
            if is_spent || self.now() >= ends {
                return self.lost(parcel, &failure).await;
            }
            tracing::warn!(%suite, %failure, "a corp's auth_code could not be exchanged; it is tried again");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        // The code is spent now: what it brought is held until the store takes it.
        let mut pause = Duration::from_secs(1);
        while let Err(error) = self.put(suite, &authorization).await {
            tracing::error!(%suite, %error, "a corp's permanent code could not be stored; it is tried again");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if let Err(error) = self.outbox.remove_parcel(suite, &parcel.id).await {
            tracing::warn!(%suite, %error, "a code that has been exchanged is still listed among the pushes");
        }
    }

    async fn try_exchange(
        &self,
        suite: &AccountId,
        code: &Secret,
    ) -> Result<Result<CorpAuthorization, Failure>, StoreError> {
        let gone = || unavailable("the suite's account is gone");
        let account = self.directory.account(suite).await?.ok_or_else(gone)?;
        let token = CredentialId::new(kinds::SUITE_ACCESS_TOKEN, suite.clone());
        let token = self.engine.registry.parent(&token);
        Ok(self.engine.wechat().exchange(&account, &token, code).await)
    }

    /// Keeps the account of a corp that has authorised a suite. It is reached and renewed as the suite is.
    async fn put(&self, suite: &AccountId, came: &CorpAuthorization) -> Result<(), StoreError> {
        let CorpAuthorization { corpid, permanent_code } = came;
        let id: AccountId = format!("{corpid}:{suite}").parse().map_err(|_| {
            unavailable(format!("WeCom calls a corp `{corpid}`, which is no name for an account"))
        })?;
        let stored = self.directory.account(&id).await?;
        let account = match stored.clone() {
            Some(stored) => stored,
            None => {
                let model = self.directory.account(suite).await?;
                let new = Account::new(id, permanent_code.clone(), self.now());
                let policy = model.as_ref().map_or_else(Default::default, |it| it.policy.clone());
                Account { proxy: model.and_then(|model| model.proxy), policy, ..new }
            }
        };
        let account = Account {
            kind: AccountKind::WeComAuthorized,
            secret: permanent_code.clone(),
            platform: Some(suite.clone()),
            ..account
        };
        let account = renewed(stored.as_ref(), account, self.now());
        self.directory.put_account(&account).await?;
        self.engine.keep(&account);
        let account = &account.id;
        tracing::info!(%account, "a corp has authorised the suite");
        Ok(())
    }

    /// A code is of no use any more. It stays among the pushes that nobody takes, where a person finds it.
    async fn lost(&self, parcel: &Parcel, failure: &Failure) {
        let suite = &parcel.account;
        let why = format!(
            "the auth_code of a corp is of no use any more ({failure}): if the corp has no account here, have its permanent \
             code fetched anew in the provider's console, or have it authorise the suite again"
        );
        let delivery = Delivery { attempts: 1, due_at: None, failure: Some(why.clone()) };
        if let Err(error) = self.outbox.set_delivery(suite, &parcel.id, &delivery).await {
            tracing::warn!(%suite, %error, "that an authorisation was lost could not be stored");
        }
        tracing::error!(%suite, why, "an authorisation was lost");
    }

    /// A corp has taken its authorisation back. The notice may be late, and the corp may have authorised again since: so the
    /// permanent code is tried, and the account is removed if it is refused.
    async fn unauthorized(&self, suite: &Account, corp: &str) -> Result<(), StoreError> {
        let Ok(id) = format!("{corp}:{}", suite.id).parse::<AccountId>() else { return Ok(()) };
        let stored = self.directory.account(&id).await?;
        let is_ours = |account: &Account| account.platform.as_ref() == Some(&suite.id);
        let Some(account) = stored.filter(is_ours) else { return Ok(()) };
        let parent = |credential: &CredentialId| self.engine.registry.parent(credential);
        let (_, issuer) = self.engine.wechat().root(&account, &parent);
        let account = &account.id;
        match timeout(TRIAL, issuer.issue(Way::Primary, None)).await {
            Ok(Err(failure)) if failure.code.is_some_and(|code| WITHDRAWN.contains(&code)) => {
                self.directory.remove_account(account).await?;
                self.engine.let_go(account);
                tracing::info!(%account, "the corp has taken back its authorisation; the account is removed");
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
fn is(suite: &Account, of: &str) -> bool {
    suite.kind == AccountKind::WeComSuite && suite.id.as_str() == of
}

fn is_under_way(parcel: &Parcel) -> bool {
    parcel.id.starts_with(PREFIX) && parcel.delivery.failure.as_deref() == Some(UNDER_WAY)
}

fn unavailable(what: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, what)
}
