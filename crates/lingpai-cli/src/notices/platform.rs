//! Notices to a third-party platform: its tickets, and what owners do with their authorisations.
//!
//! An authorization code is good once. It is traded before the notice is acknowledged, and what it brought is stored; if this
//! process dies in between, WeChat sends the notice again, the code is refused, and WeChat's list has what it brought.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::{AccountChange, What};
use lingpai_core::store::StoreErrorKind;
use lingpai_core::{
    Account, AccountId, AccountKind, CredentialId, Directory, Failure, Issued, Keeper, Kind,
    Parent, Secret, StoreError,
};
use lingpai_server::push::Taken;
use lingpai_wechat::push::{Authorization, Notice};
use lingpai_wechat::{Authorized, kinds, protocol};
use tokio::time::timeout;

use crate::keeping::{Engine, renewed};

/// WeChat's words for a code that is of no use any more.
const SPENT: [i64; 2] = [61009, 61010];
/// WeChat's word for an authorisation that does not stand.
const NOT_AUTHORIZED: i64 = 61003;
/// How long it is asked whether an authorisation stands, within the time that a push has.
const TRIAL: Duration = Duration::from_secs(2);
/// Who is said to have changed an account that an owner has.
const OWNER: &str = "authorization";

/// What keeps platforms and the accounts that have authorised them.
pub(crate) struct Platforms {
    engine: Arc<Engine>,
    directory: Arc<dyn Directory>,
}

impl Platforms {
    pub(crate) fn new(engine: Arc<Engine>, directory: Arc<dyn Directory>) -> Self {
        Self { engine, directory }
    }

    /// Takes a notice to this platform, verified. A ticket is for Lingpai alone; the business hears of the rest.
    ///
    /// # Errors
    /// It could not be made durable.
    pub(super) async fn take(
        &self,
        platform: &Account,
        notice: &Notice,
    ) -> Result<Taken, StoreError> {
        let is_its = |component: &str| component == platform.id.as_str();
        match notice {
            Notice::ComponentTicket { component, ticket } if is_its(component) => {
                self.ticket(platform, ticket).await?;
                Ok(Taken::Kept)
            }
            Notice::Authorized(given) | Notice::AuthorizationUpdated(given)
                if is_its(&given.component) =>
            {
                self.authorized(platform, given).await?;
                Ok(Taken::PassOn)
            }
            Notice::Unauthorized { component, authorizer } if is_its(component) => {
                if let Ok(authorizer) = authorizer.parse() {
                    self.unauthorized(platform, &authorizer).await?;
                }
                Ok(Taken::PassOn)
            }
            _ => Ok(Taken::PassOn),
        }
    }

    /// Keeps a ticket. A token that could not be had for want of it is asked for at once.
    async fn ticket(&self, platform: &Account, ticket: &Secret) -> Result<(), StoreError> {
        let keeper = self.keeper(platform, kinds::COMPONENT_TICKET)?;
        let issued = Issued::new(ticket.clone(), protocol::COMPONENT_TICKET_LIFE);
        keeper.give(issued).await.map_err(|error| unavailable(error.to_string()))?;
        let token = self.keeper(platform, kinds::COMPONENT_TOKEN)?;
        if token.status().failure.is_some() {
            self.engine.keep(platform);
        }
        Ok(())
    }

    fn keeper(&self, account: &Account, kind: Kind) -> Result<Arc<Keeper>, StoreError> {
        let credential = CredentialId::new(kind, account.id.clone());
        let registry = &self.engine.registry;
        // An account that was added a moment ago may not be kept yet.
        let found = registry.get(&credential).or_else(|| {
            self.engine.keep(account);
            registry.get(&credential)
        });
        found.ok_or_else(|| unavailable(format!("{credential} is not kept here")))
    }

    /// The platform's token, as those who need it see it.
    pub(crate) fn token(&self, platform: &Account) -> Arc<dyn Parent> {
        let token = CredentialId::new(kinds::COMPONENT_TOKEN, platform.id.clone());
        self.engine.registry.parent(&token)
    }

    async fn authorized(
        &self,
        platform: &Account,
        given: &Authorization,
    ) -> Result<(), StoreError> {
        match self.trade(platform, &given.code).await {
            Ok(()) => Ok(()),
            Err(Untraded::Store(error)) => Err(error),
            Err(Untraded::Refused(failure))
                if failure.code.is_some_and(|code| SPENT.contains(&code)) =>
            {
                self.is_kept_or_listed(platform, given, &failure).await
            }
            Err(Untraded::Refused(failure)) => Err(unavailable(failure.to_string())),
        }
    }

    /// Trades an authorization code, and keeps who has given it.
    pub(crate) async fn trade(&self, platform: &Account, code: &Secret) -> Result<(), Untraded> {
        let traded = self.engine.wechat().query_auth(platform, self.token(platform), code).await;
        let Authorized { authorizer, issued } = traded.map_err(Untraded::Refused)?;
        let refresh = issued.companion.clone().unwrap_or_default();
        let credential = CredentialId::access_token(authorizer.clone());
        let is_its = self.directory.account(&authorizer).await?.is_some_and(|it| of(&it, platform));
        // One that is new fetches as soon as it is kept, with the refresh token. To give it this token too would put that
        // refresh token in the place of the one that the fetch brought.
        if is_its && let Some(keeper) = self.engine.registry.get(&credential) {
            keeper.give(issued).await.map_err(|error| unavailable(error.to_string()))?;
        }
        if let Some(account) = self.put(platform, &authorizer, refresh).await? {
            self.engine.keep(&account);
        }
        Ok(())
    }

    /// Somebody has traded this code before: this program, whose answer was lost or which was asked twice, or another. What
    /// it brought is kept already, or WeChat lists it.
    async fn is_kept_or_listed(
        &self,
        platform: &Account,
        given: &Authorization,
        refused: &Failure,
    ) -> Result<(), StoreError> {
        let Ok(authorizer) = given.authorizer.parse::<AccountId>() else { return Ok(()) };
        if self.directory.account(&authorizer).await?.is_some_and(|it| of(&it, platform)) {
            // Its refresh token may have been replaced; if so, the next fetch asks for the list by itself.
            return Ok(());
        }
        let (wechat, token) = (self.engine.wechat(), self.token(platform));
        let mut offset = 0;
        loop {
            let page = wechat.authorizers(platform, Arc::clone(&token), offset).await;
            let page = page.map_err(|failure| unavailable(failure.to_string()))?;
            let mut found = page.found.into_iter();
            if let Some((_, refresh)) = found.find(|(listed, _)| *listed == authorizer) {
                if let Some(account) = self.put(platform, &authorizer, refresh).await? {
                    self.engine.keep(&account);
                }
                return Ok(());
            }
            offset += page.listed;
            if page.listed == 0 || offset >= page.total {
                let platform = &platform.id;
                tracing::error!(%platform, account = %authorizer, %refused, "its authorization code is spent, and WeChat does not list it: it must authorise again");
                return Ok(());
            }
        }
    }

    /// Puts an account into the store that has authorised this platform, as it was if it was there. None if there is another
    /// account of this name, which is left as it is.
    pub(crate) async fn put(
        &self,
        platform: &Account,
        authorizer: &AccountId,
        refresh: Secret,
    ) -> Result<Option<Account>, StoreError> {
        let stored = self.directory.account(authorizer).await?;
        if let Some(other) = stored.as_ref().filter(|it| !of(it, platform)) {
            let (account, kind) = (&other.id, other.kind);
            tracing::error!(%account, ?kind, platform = %platform.id, "it has authorised the platform, and is kept with a secret of its own or for another: remove it first");
            return Ok(None);
        }
        let now = self.engine.registry.clock().now().wall;
        let account = match &stored {
            Some(before) => Account { secret: refresh, ..before.clone() },
            None => Account {
                kind: AccountKind::Authorizer,
                platform: Some(platform.id.clone()),
                proxy: platform.proxy.clone(),
                policy: platform.policy.clone(),
                ..Account::new(authorizer.clone(), refresh, now)
            },
        };
        let account = renewed(stored.as_ref(), account, now);
        self.directory.put_account(&account).await?;
        let is_new = stored.is_none();
        self.tell(authorizer, if is_new { AccountChange::Created } else { AccountChange::Updated });
        Ok(Some(account))
    }

    /// Stops keeping an account that has taken its authorisation back, unless WeChat says that it stands: notices can come
    /// late and out of order.
    async fn unauthorized(
        &self,
        platform: &Account,
        authorizer: &AccountId,
    ) -> Result<(), StoreError> {
        let stored = self.directory.account(authorizer).await?;
        if !stored.is_some_and(|account| of(&account, platform)) {
            return Ok(());
        }
        let wechat = self.engine.wechat();
        let asked = wechat.stands(platform, self.token(platform), authorizer);
        match timeout(TRIAL, asked).await {
            Ok(Ok(())) => {
                tracing::info!(account = %authorizer, "a late notice says that it has taken its authorisation back; it stands");
                return Ok(());
            }
            Ok(Err(failure)) if failure.code == Some(NOT_AUTHORIZED) => {}
            // WeChat has signed the notice.
            _ => {
                tracing::debug!(account = %authorizer, "whether its authorisation stands could not be asked");
            }
        }
        self.directory.remove_account(authorizer).await?;
        self.engine.let_go(authorizer);
        tracing::warn!(account = %authorizer, platform = %platform.id, "it has taken its authorisation back, and is no longer kept");
        self.tell(authorizer, AccountChange::Removed);
        Ok(())
    }

    fn tell(&self, account: &AccountId, change: AccountChange) {
        let credential = CredentialId::access_token(account.clone());
        let what = What::AccountChanged { change, key: OWNER.to_owned() };
        self.engine.registry.tell(Some(credential), what);
    }
}

/// Why a code brought nothing.
pub(crate) enum Untraded {
    /// WeChat did not take it.
    Refused(Failure),
    /// What it brought could not be stored.
    Store(StoreError),
}

impl From<StoreError> for Untraded {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn of(account: &Account, platform: &Account) -> bool {
    account.kind == AccountKind::Authorizer && account.platform.as_ref() == Some(&platform.id)
}

fn unavailable(what: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, what)
}
