//! Notices to a third-party platform: its tickets, and what owners do with their authorisations.
//!
//! An authorization code is good once. If this process dies between WeChat's answer and the store, the code is refused the next
//! time, and WeChat's list has what it brought.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::{AccountChange, What};
use lingpai_core::{
    Account, AccountId, AccountKind, Class, CredentialId, Directory, Failure, Issued, Keeper, Kind,
    Parent, Secret, StoreError, Timestamp, change_account,
};
use lingpai_server::authorize::{Admission, Authorizer, Newcomer, Sort};
use lingpai_server::push::Taken;
use lingpai_wechat::push::Notice;
use lingpai_wechat::{Authorized, kinds, protocol};
use tokio::time::timeout;

use super::codes::{Attempt, Code, Insistence};
use super::reconcile::down;
use super::unavailable;
use crate::keeping::Engine;

/// WeChat's words for a code that is of no use any more.
const SPENT: [i64; 2] = [61009, 61010];
/// WeChat's word for an authorisation that does not stand.
const NOT_AUTHORIZED: i64 = 61003;
/// An authorisation whose code has just come was given at most so long before.
const LATELY: Duration = Duration::from_hours(1);
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
    pub(super) fn new(engine: Arc<Engine>, directory: Arc<dyn Directory>) -> Self {
        Self { engine, directory }
    }

    /// Takes a notice to this platform, verified, but for one with a code. A ticket is for Lingpai alone; the business hears of
    /// the rest.
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

    /// Trades an authorization code, once, and keeps who has given it.
    pub(super) async fn trade(&self, platform: &Account, code: &Code) -> Attempt {
        let token = self.token(platform);
        match self.engine.wechat().query_auth(platform, token, &code.secret).await {
            Ok(came) => {
                let mut insistence = Insistence::default();
                loop {
                    match self.settle(platform, &came).await {
                        Ok(true) => {
                            self.learn(platform, &came.authorizer).await;
                            return Attempt::Kept(came.authorizer);
                        }
                        Ok(false) => return taken(&came.authorizer),
                        Err(error) => insistence.wait(platform, &error).await,
                    }
                }
            }
            Err(failure) if failure.code.is_some_and(|code| SPENT.contains(&code)) => {
                self.spent(platform, code, failure).await
            }
            Err(failure) => Attempt::Again(failure),
        }
    }

    /// Stores what a code brought. False if there is another account of this name.
    async fn settle(&self, platform: &Account, came: &Authorized) -> Result<bool, StoreError> {
        let Authorized { authorizer, issued } = came;
        let refresh = issued.companion.clone().unwrap_or_default();
        let credential = CredentialId::access_token(authorizer.clone());
        let is_its = self.directory.account(authorizer).await?.is_some_and(|it| of(&it, platform));
        // One that is new fetches as soon as it is kept, with the refresh token. To give it this token too would put that
        // refresh token in the place of the one that the fetch brought.
        if is_its && let Some(keeper) = self.engine.registry.get(&credential) {
            keeper.give(issued.clone()).await.map_err(|error| unavailable(error.to_string()))?;
        }
        let account = self.put(platform, authorizer, refresh).await?;
        if let Some(account) = &account {
            self.engine.keep(account);
        }
        Ok(account.is_some())
    }

    /// Asks WeChat whether an account that has authorised this platform is a Mini Program, and keeps it as one then. What cannot
    /// be learnt now is asked again when somebody wants a ticket of it.
    pub(super) async fn learn(&self, platform: &Account, authorizer: &AccountId) {
        let wechat = self.engine.wechat();
        let asked = wechat.is_mini_program(platform, self.token(platform), authorizer);
        if !matches!(timeout(TRIAL, asked).await, Ok(Ok(true))) {
            return;
        }
        match self.classify(platform, authorizer).await {
            Ok(account) => drop(account.map(|account| self.engine.keep(&account))),
            Err(error) => {
                tracing::debug!(account = %authorizer, %error, "that it is a Mini Program could not be stored");
            }
        }
    }

    /// Puts into the store that an account is a Mini Program which has authorised this platform. None if that is known, or it has
    /// not authorised it.
    async fn classify(
        &self,
        platform: &Account,
        authorizer: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        self.change(authorizer, |stored| {
            let before = stored.filter(|it| of(it, platform) && !is_mini_program(it))?;
            Some(as_mini_program(before.clone()))
        })
        .await
    }

    /// Somebody has traded this code before: this program, whose answer was lost, or another; or it is none. What it brought is
    /// kept already, or WeChat lists it.
    async fn spent(&self, platform: &Account, code: &Code, refused: Failure) -> Attempt {
        let again =
            |error: StoreError| Attempt::Again(Failure::new(Class::Transient, error.to_string()));
        if let Some(authorizer) = &code.authorizer {
            match self.directory.account(authorizer).await {
                // Its refresh token may have been replaced; if so, the next fetch asks for the list by itself.
                Ok(Some(account)) if of(&account, platform) => {
                    return Attempt::Kept(account.id);
                }
                Ok(_) => {}
                Err(error) => return again(error),
            }
        }
        // A code that was never sent before is no code of ours.
        if code.authorizer.is_some() || code.is_repeated {
            match self.listed(platform, code).await {
                Ok(Ok(Some(account))) => return Attempt::Kept(account),
                Ok(Ok(None)) => {}
                Ok(Err(failure)) => return Attempt::Again(failure),
                Err(error) => return again(error),
            }
        }
        Attempt::Lost(format!(
            "WeChat does not take the authorization code ({refused}). If the account is not kept here, have its owner authorise \
             the platform again"
        ))
    }

    /// Looks for who has given a code in WeChat's list, and keeps it. Where nobody knows who that was, all are kept who have
    /// authorised lately and are not yet; none of them can be said to be the one.
    async fn listed(
        &self,
        platform: &Account,
        code: &Code,
    ) -> Result<Result<Option<AccountId>, Failure>, StoreError> {
        let (wechat, token) = (self.engine.wechat(), self.token(platform));
        let mut offset = 0;
        loop {
            let page = match wechat.authorizers(platform, Arc::clone(&token), offset).await {
                Ok(page) => page,
                Err(failure) => return Ok(Err(failure)),
            };
            for found in page.found {
                let is_wanted = match &code.authorizer {
                    Some(authorizer) => *authorizer == found.authorizer,
                    None => {
                        let lately = code.came_at - LATELY;
                        found.authorized_at.is_some_and(|at| at >= lately)
                            && self.directory.account(&found.authorizer).await?.is_none()
                    }
                };
                if !is_wanted {
                    continue;
                }
                let (authorizer, refresh) = (&found.authorizer, found.refresh_token);
                let put = self.put(platform, authorizer, refresh).await?;
                if let Some(account) = &put {
                    self.engine.keep(account);
                }
                if code.authorizer.is_some() {
                    return Ok(Ok(put.map(|account| account.id)));
                }
            }
            offset += page.listed;
            if page.listed == 0 || offset >= page.total {
                return Ok(Ok(None));
            }
        }
    }

    /// Puts an account into the store that another system has kept, or WeChat's list names, and tells what came of that. The account
    /// is there if it is to be kept anew.
    pub(crate) async fn admit(
        &self,
        platform: &Account,
        newcomer: &Newcomer,
        replace: bool,
    ) -> Result<(Admission, Option<Account>), StoreError> {
        let Newcomer { account: authorizer, refresh_token: refresh, sort } = newcomer;
        let credential = CredentialId::access_token(authorizer.clone());
        let record = self.engine.registry.store().read(&credential).await?;
        let last = record.and_then(|record| record.token).and_then(|token| token.companion);
        let mut admission = Admission::Taken;
        let admit = |stored: Option<&Account>| {
            let is_same =
                |known: &Account| known.secret == *refresh || last.as_ref() == Some(refresh);
            admission = match stored {
                None => Admission::Added,
                Some(other) if !of(other, platform) => Admission::Taken,
                Some(known) if replace && !is_same(known) => Admission::Replaced,
                Some(known) if *sort == Sort::MiniProgram && !is_mini_program(known) => {
                    Admission::Classified
                }
                Some(known) if is_same(known) => Admission::Unchanged,
                Some(_) => Admission::Kept,
            };
            match admission {
                Admission::Added | Admission::Replaced => authorized(platform, newcomer, stored),
                Admission::Classified => stored.cloned().map(as_mini_program),
                Admission::Taken | Admission::Unchanged | Admission::Kept => None,
            }
        };
        let account = self.change(authorizer, admit).await?;
        Ok((admission, account))
    }

    /// Those who have authorised this platform.
    pub(super) async fn authorizers(
        &self,
        platform: &AccountId,
    ) -> Result<Vec<Authorizer>, StoreError> {
        let accounts = self.directory.accounts().await?;
        let its = accounts.into_iter().filter(|account| {
            account.kind.is_authorizer() && account.platform.as_ref() == Some(platform)
        });
        let told = |account: Account| Authorizer {
            account: account.id,
            added_at: account.created_at,
            changed_at: account.updated_at,
        };
        Ok(its.map(told).collect())
    }

    /// Puts an account into the store that has authorised this platform, as it was if it was there. None if there is another
    /// account of this name, which is left as it is.
    async fn put(
        &self,
        platform: &Account,
        authorizer: &AccountId,
        refresh: Secret,
    ) -> Result<Option<Account>, StoreError> {
        let (account, sort) = (authorizer.clone(), Sort::default());
        let newcomer = Newcomer { account, refresh_token: refresh, sort };
        let put = self.change(authorizer, |stored| authorized(platform, &newcomer, stored)).await?;
        if put.is_none() {
            tracing::error!(account = %authorizer, platform = %platform.id, "it has authorised the platform, and is kept with a secret of its own or for another: remove it first");
        }
        Ok(put)
    }

    async fn change(
        &self,
        authorizer: &AccountId,
        becomes: impl FnMut(Option<&Account>) -> Option<Account>,
    ) -> Result<Option<Account>, StoreError> {
        change(&self.engine, &*self.directory, authorizer, becomes).await
    }

    /// Stops keeping an account that has taken its authorisation back, unless WeChat says that it stands: notices can come
    /// late and out of order.
    async fn unauthorized(
        &self,
        platform: &Account,
        authorizer: &AccountId,
    ) -> Result<(), StoreError> {
        let Some(account) = self.its(platform, authorizer).await? else { return Ok(()) };
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
        self.remove(platform, &account).await
    }

    /// The account of somebody who has authorised this platform, if it is here.
    async fn its(
        &self,
        platform: &Account,
        authorizer: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        Ok(self.directory.account(authorizer).await?.filter(|account| of(account, platform)))
    }

    /// Stops keeping an account if WeChat says that it has not authorised the platform any more. False if WeChat does not say so.
    ///
    /// # Errors
    /// The store cannot do it, or WeChat could not be asked: it is to be tried again.
    pub(super) async fn let_go_if_ended(
        &self,
        platform: &Account,
        authorizer: &AccountId,
    ) -> Result<bool, Failure> {
        let account = self.its(platform, authorizer).await.map_err(down)?;
        let Some(account) = account else { return Ok(false) };
        let wechat = self.engine.wechat();
        match wechat.stands(platform, self.token(platform), authorizer).await {
            Err(failure) if failure.code == Some(NOT_AUTHORIZED) => {
                self.remove(platform, &account).await.map_err(down)?;
                Ok(true)
            }
            Ok(()) => Ok(false),
            // An answer that would be the same the next time must not hold all the others back.
            Err(failure)
                if failure.code.is_some()
                    && matches!(failure.class, Class::NeedsPerson | Class::Quota) =>
            {
                tracing::warn!(account = %authorizer, %failure, "WeChat does not list it, and does not say whether its authorisation stands: it is kept");
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn remove(&self, platform: &Account, account: &Account) -> Result<(), StoreError> {
        if remove(&self.engine, &*self.directory, account).await? {
            let account = &account.id;
            tracing::warn!(%account, platform = %platform.id, "it has taken its authorisation back, and is no longer kept");
        }
        Ok(())
    }
}

/// Changes the account of somebody who has authorised another, or adds it, and tells of it. None if all is to stay as it is.
pub(super) async fn change(
    engine: &Engine,
    directory: &dyn Directory,
    account: &AccountId,
    mut becomes: impl FnMut(Option<&Account>) -> Option<Account>,
) -> Result<Option<Account>, StoreError> {
    let now = engine.registry.clock().now().wall;
    let mut what = AccountChange::Updated;
    let change = |stored: Option<&Account>| {
        what = if stored.is_some() { AccountChange::Updated } else { AccountChange::Created };
        Ok(becomes(stored).map(|account| account.renewed(stored, now)))
    };
    let changed = change_account::<StoreError>(directory, account, change).await?;
    if changed.is_some() {
        tell(engine, account, what);
    }
    Ok(changed)
}

/// Removes the account of somebody who has authorised another, as it was when WeChat was asked: if it has authorised it anew
/// meanwhile, that is an error, and it is asked again. False, and nothing is told, if it was gone already.
pub(super) async fn remove(
    engine: &Engine,
    directory: &dyn Directory,
    account: &Account,
) -> Result<bool, StoreError> {
    let was_there = directory.remove_as_read(account).await?;
    engine.let_go(&account.id);
    if was_there {
        tell(engine, &account.id, AccountChange::Removed);
    }
    Ok(was_there)
}

/// What the account is to be of somebody who has authorised this platform: as it was, if it was there. None if there is another
/// of this name.
fn authorized(
    platform: &Account,
    newcomer: &Newcomer,
    stored: Option<&Account>,
) -> Option<Account> {
    let secret = newcomer.refresh_token.clone();
    let account = match stored {
        Some(before) if !of(before, platform) => return None,
        Some(before) => Account { secret, ..before.clone() },
        None => Account {
            kind: AccountKind::Authorizer,
            platform: Some(platform.id.clone()),
            proxy: platform.proxy.clone(),
            policy: platform.policy.clone(),
            // Its times are set when it is stored.
            ..Account::new(newcomer.account.clone(), secret, Timestamp::default())
        },
    };
    let is_mini_program = newcomer.sort == Sort::MiniProgram;
    Some(if is_mini_program { as_mini_program(account) } else { account })
}

fn as_mini_program(account: Account) -> Account {
    Account { kind: AccountKind::AuthorizerMiniProgram, ..account }
}

/// Tells that an account's owner has changed what is kept of it.
pub(super) fn tell(engine: &Engine, account: &AccountId, change: AccountChange) {
    let credential = CredentialId::access_token(account.clone());
    let what = What::AccountChanged { change, key: OWNER.to_owned() };
    engine.registry.tell(Some(credential), what);
}

fn taken(authorizer: &AccountId) -> Attempt {
    Attempt::Lost(format!(
        "{authorizer} has authorised the platform, and there is an account of this name with a secret of its own, or of \
         another platform. Remove that account, and recover those of the platform: lingpai platform recover"
    ))
}

fn of(account: &Account, platform: &Account) -> bool {
    account.kind.is_authorizer() && account.platform.as_ref() == Some(&platform.id)
}

fn is_mini_program(account: &Account) -> bool {
    account.kind == AccountKind::AuthorizerMiniProgram
}

#[cfg(test)]
mod tests {
    use lingpai_core::store::StoreErrorKind;

    use super::*;
    use crate::keeping::Keeping;

    #[tokio::test]
    async fn who_has_authorised_anew_meanwhile_is_not_removed_for_the_authorisation_that_ended() {
        let keeping = Keeping::out_of_reach().await;
        let directory = keeping.store.directory();
        let platforms = Platforms::new(Arc::clone(&keeping.engine), Arc::clone(&directory));
        let platform = Account::new("wxp".parse().unwrap(), "s".into(), Timestamp::default());
        let authorizer: AccountId = "wx1".parse().unwrap();
        let authorises = async |refresh: &str| {
            let put = platforms.put(&platform, &authorizer, refresh.into()).await;
            let account = put.unwrap().unwrap();
            keeping.engine.keep(&account);
            account
        };
        let (ended, anew) = (authorises("first").await, authorises("second").await);
        let error = platforms.remove(&platform, &ended).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Changed, "{error}");
        assert_eq!(directory.account(&authorizer).await.unwrap().as_ref(), Some(&anew));
        let credential = CredentialId::access_token(authorizer.clone());
        assert!(keeping.registry.get(&credential).is_some());
        platforms.remove(&platform, &anew).await.unwrap();
        assert_eq!(directory.account(&authorizer).await.unwrap(), None);
        assert!(keeping.registry.get(&credential).is_none());
    }
}
