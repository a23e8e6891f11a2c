//! Changes of accounts that clients ask for over HTTP: into the store, and in force before they are answered.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use lingpai_core::store::Entry;
use lingpai_core::{Account, AccountId, Class, Failure, Kind, Secret, StoreErrorKind, Verdict};
use lingpai_server::Bilingual;
use lingpai_server::change::{Change, Changed, Changes, Reply, Unchanged};
use lingpai_wechat::catalogue::Language;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::upstream::forbidden;
use crate::config::{Config, show_duration};
use crate::keeping::Keeping;
use crate::language::within;

/// How long WeChat may take to say whether a secret is right.
const TRIAL: Duration = Duration::from_secs(4);

/// Changes on their way: WeChat is asked about the new secrets of several accounts side by side; those of one account are
/// made in their order.
pub(crate) struct Making {
    asked: Changes,
    /// What waits for the trial of its account.
    waiting: VecDeque<(Change, Reply)>,
    trials: JoinSet<Ready>,
    /// The accounts of those trials.
    tried: HashSet<AccountId>,
}

/// A change that can be made at once.
pub(crate) struct Ready {
    change: Change,
    reply: Reply,
    /// What WeChat says of its new secret, if it has one.
    trial: Option<Result<Option<Failure>, Unchanged>>,
}

impl Making {
    pub(crate) fn new(asked: Changes) -> Self {
        let (waiting, trials, tried) = Default::default();
        Self { asked, waiting, trials, tried }
    }

    /// Makes every change, for a program whose configuration names no accounts. Until the future is dropped.
    pub(crate) async fn make_all(mut self, keeping: &mut Keeping) -> Infallible {
        loop {
            self.next(keeping).await.make(keeping, None).await;
        }
    }

    /// The next change that can be made. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self, keeping: &Keeping) -> Ready {
        loop {
            let is_free = |(change, _): &(Change, Reply)| !self.tried.contains(change.account());
            let free = self.waiting.iter().position(is_free);
            let (change, reply) = match free.and_then(|at| self.waiting.remove(at)) {
                Some(asked) => asked,
                None => tokio::select! {
                    Some(Ok(ready)) = self.trials.join_next() => {
                        self.tried.remove(ready.change.account());
                        return ready;
                    }
                    Some(asked) = self.asked.next() => {
                        self.waiting.push_back(asked);
                        continue;
                    }
                    else => std::future::pending().await,
                },
            };
            let account = change.account().clone();
            match &change {
                // Of an account of the configuration too: whoever is to put it into its file hears of a wrong one beforehand.
                Change::ReplaceSecret(_, secret) => {
                    let trial = trial(keeping, account.clone(), secret.clone());
                    self.tried.insert(account);
                    self.trials.spawn(async move {
                        let trial = Some(trial.await);
                        Ready { change, reply, trial }
                    });
                }
                _ => return Ready { change, reply, trial: None },
            }
        }
    }
}

impl Ready {
    /// Makes it, if the configuration does not say otherwise, and tells whoever asked for it.
    pub(crate) async fn make(self, keeping: &mut Keeping, config: Option<&Config>) {
        let Self { change, reply, trial } = self;
        let outcome = match trial.transpose() {
            Ok(untried) => make(change, untried.flatten(), keeping, config).await,
            Err(unchanged) => Err(unchanged),
        };
        reply.send(outcome);
    }
}

async fn make(
    change: Change,
    untried: Option<Failure>,
    keeping: &mut Keeping,
    config: Option<&Config>,
) -> Result<Changed, Unchanged> {
    let id = change.account().clone();
    if let Err(unchanged) = configured(&id, config) {
        return match (change, keeping.store.directory().account(&id).await?) {
            // What was asked for is so already: somebody has put it into its file. It counts as made, in the audit trail too: what
            // is read from a file leaves no record, and this one says who had it replaced.
            (Change::ReplaceSecret(_, secret), Some(stored)) if stored.secret == secret => {
                Ok(Changed { account: Some(stored), untried })
            }
            _ => Err(unchanged),
        };
    }
    if let Change::Remove(_) = change {
        // Without a look at it: one that cannot be read can be removed all the same.
        return remove(keeping, &id).await;
    }
    let now = keeping.clock().now().wall;
    if let Change::Create(account) = &change {
        if keeping.store.has(&id).await? {
            return Err(Unchanged::Exists);
        }
        if let Some(config) = config {
            check(account, config)?;
        }
        let account = Account::clone(account).renewed(None, now);
        return match keeping.add(&account).await {
            Err(error) if error.kind == StoreErrorKind::Changed => Err(Unchanged::Exists),
            added => Ok(added.map(|()| Changed { account: Some(account), untried })?),
        };
    }
    let is_about_secret = matches!(change, Change::ReplaceSecret(..));
    let changed = keeping.change(&id, |stored| {
        let Some(account) = change.apply(stored)? else { return Ok(None) };
        if let Some(config) = config
            && !is_about_secret
        {
            check(&account, config)?;
        }
        Ok::<_, Unchanged>(Some(account.renewed(stored, now)))
    });
    Ok(Changed { account: changed.await?, untried })
}

/// What the configuration says of an account wins over the store.
fn configured(id: &AccountId, config: Option<&Config>) -> Result<(), Unchanged> {
    match config.and_then(|config| config.file_that_names(id)) {
        Some(file) => Err(Unchanged::Configured(file.display().to_string())),
        None => Ok(()),
    }
}

async fn remove(keeping: &mut Keeping, id: &AccountId) -> Result<Changed, Unchanged> {
    let was_there = keeping.remove(id).await?;
    was_there.then_some(Changed { account: None, untried: None }).ok_or(Unchanged::Unknown)
}

/// What the configuration demands of accounts beyond what any account must fulfil.
fn check(account: &Account, config: &Config) -> Result<(), Unchanged> {
    let (fetch, call) = (account.policy.fetch_deadline, config.upstream.deadlines.call);
    if let Some(proxy) = &account.proxy {
        let why = |language| within(language, || forbidden(proxy, &config.upstream));
        if let (Some(english), Some(chinese)) = (why(Language::English), why(Language::Chinese)) {
            return Err(Unchanged::Wrong(Bilingual::made(english, chinese)));
        }
    }
    if fetch > call {
        return Ok(());
    }
    let (fetch, call) = (show_duration(fetch), show_duration(call));
    Err(Unchanged::Wrong(Bilingual::made(
        format!(
            "`fetch_deadline` ({fetch}) must be longer than the `call-deadline` of the configuration ({call})"
        ),
        format!("`fetch_deadline`（{fetch}）必须大于配置中的 `call-deadline`（{call}）"),
    )))
}

/// Asks WeChat whether a secret is that of an account. One that is wrong is refused; why it could not be found out is
/// answered.
fn trial(
    keeping: &Keeping,
    id: AccountId,
    secret: Secret,
) -> impl Future<Output = Result<Option<Failure>, Unchanged>> + Send + use<> {
    let (directory, store) = (keeping.store.directory(), keeping.store.store());
    let (wechat, day) = (keeping.engine.wechat(), keeping.clock().now().day());
    async move {
        let stored = directory.account(&id).await?.ok_or(Unchanged::Unknown)?;
        let account = Account { secret, ..stored };
        store.count(&id, day, Entry::Trial(Kind::ACCESS_TOKEN), 1).await?;
        match timeout(TRIAL, wechat.try_secret(&account)).await {
            Ok(Verdict::Accepted) => Ok(None),
            Ok(Verdict::Refused(failure)) => Err(Unchanged::SecretRefused(failure)),
            Ok(Verdict::Inconclusive(failure)) => Ok(Some(failure)),
            Err(_) => {
                let what = format!("no answer within {}", show_duration(TRIAL));
                Ok(Some(Failure::new(Class::Transient, what)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lingpai_core::{CredentialId, Timestamp};

    use super::*;
    use crate::config::Source;

    fn id() -> AccountId {
        "wx1".parse().unwrap()
    }

    fn creation() -> Change {
        Change::Create(Box::new(Account::new(id(), Secret::from("a"), Timestamp::default())))
    }

    /// Makes one change as it is made when nothing else is asked for.
    async fn make(
        change: Change,
        keeping: &mut Keeping,
        config: Option<&Config>,
    ) -> Result<Changed, Unchanged> {
        let trial = match &change {
            Change::ReplaceSecret(id, secret) => trial(keeping, id.clone(), secret.clone()).await?,
            _ => None,
        };
        super::make(change, trial, keeping, config).await
    }

    #[tokio::test]
    async fn a_change_is_stored_and_in_force_when_it_is_answered() {
        let mut keeping = Keeping::out_of_reach().await;
        let credential = CredentialId::access_token(id());
        let created = make(creation(), &mut keeping, None).await.unwrap().account.unwrap();
        assert!(created.created_at > Timestamp::default());
        assert!(keeping.registry.get(&credential).is_some());
        assert!(matches!(make(creation(), &mut keeping, None).await, Err(Unchanged::Exists)));

        let secret = Change::ReplaceSecret(id(), Secret::from("b"));
        let changed = make(secret, &mut keeping, None).await.unwrap();
        assert!(changed.untried.is_some(), "WeChat was not reached, which refuses nothing");
        let stored = keeping.store.directory().account(&id()).await.unwrap();
        assert_eq!(
            (&stored, &stored.as_ref().unwrap().secret),
            (&changed.account, &Secret::from("b"))
        );
        assert!(changed.account.unwrap().updated_at > created.updated_at);

        make(Change::Remove(id()), &mut keeping, None).await.unwrap();
        assert!(keeping.registry.get(&credential).is_none());
        let again = make(Change::Remove(id()), &mut keeping, None).await;
        assert!(matches!(again, Err(Unchanged::Unknown)));
        keeping.sync().await.unwrap();
        assert_eq!(keeping.count(), 0);
    }

    #[tokio::test]
    async fn a_fetch_must_not_be_cut_off_by_its_deadline_before_the_call_is_by_its_own() {
        let mut keeping = Keeping::out_of_reach().await;
        let config = Source::new(None, None).load(&|_| None).unwrap();
        let mut account = Account::new(id(), Secret::from("a"), Timestamp::default());
        account.policy.fetch_deadline = config.upstream.deadlines.call;
        let change = Change::Create(Box::new(account));
        let Err(Unchanged::Wrong(what)) = make(change, &mut keeping, Some(&config)).await else {
            panic!("it was taken")
        };
        let what = what.text(Language::English);
        assert!(what.contains("`call-deadline`"), "{what}");
    }
}
