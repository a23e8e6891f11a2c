//! Changes of accounts that clients ask for over HTTP: into the store, and in force before they are answered.

use std::convert::Infallible;
use std::time::Duration;

use lingpai_core::store::Entry;
use lingpai_core::{Account, AccountId, Class, Failure, Kind, Verdict};
use lingpai_server::Bilingual;
use lingpai_server::change::{Change, Changed, Changes, Unchanged};
use lingpai_wechat::catalogue::Language;
use tokio::time::timeout;

use crate::config::upstream::forbidden;
use crate::config::{Config, show_duration};
use crate::keeping::{Keeping, renewed};
use crate::language::within;

/// How long WeChat may take to say whether a secret is right.
const TRIAL: Duration = Duration::from_secs(4);

/// Makes every change, for a program whose configuration names no accounts. Until the future is dropped.
pub(crate) async fn make_all(mut changes: Changes, keeping: &mut Keeping) -> Infallible {
    while let Some((change, reply)) = changes.next().await {
        reply.send(make(change, keeping, None).await);
    }
    std::future::pending().await
}

/// Makes one change, if the configuration does not say otherwise.
pub(crate) async fn make(
    change: Change,
    keeping: &mut Keeping,
    config: Option<&Config>,
) -> Result<Changed, Unchanged> {
    let id = change.account().clone();
    if let Some(config) = config
        && let Some(file) = config.file_that_names(&id)
    {
        return Err(Unchanged::Configured(file.display().to_string()));
    }
    if let Change::Remove(_) = change {
        // Without a look at it: one that cannot be read can be removed all the same.
        return remove(keeping, &id).await;
    }
    let stored = keeping.store.directory().account(&id).await?;
    let has_new_secret = matches!(change, Change::ReplaceSecret(..));
    let Some(account) = change.apply(stored.clone())? else { return remove(keeping, &id).await };
    let untried = if has_new_secret {
        try_secret(keeping, &account).await?
    } else {
        config.map_or(Ok(()), |config| check(&account, config))?;
        None
    };
    let account = renewed(stored.as_ref(), account, keeping.clock().now().wall);
    keeping.put(&account).await?;
    Ok(Changed { account: Some(account), untried })
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
        format!("`fetch_deadline` ({fetch}) must be longer than the `call-deadline` of the configuration ({call})"),
        format!("`fetch_deadline`（{fetch}）必须大于配置中的 `call-deadline`（{call}）"),
    )))
}

/// Asks WeChat whether the account's secret is right. One that is wrong is refused; why it could not be found out is
/// answered.
async fn try_secret(keeping: &Keeping, account: &Account) -> Result<Option<Failure>, Unchanged> {
    let (day, trial) = (keeping.clock().now().day(), Entry::Trial(Kind::ACCESS_TOKEN));
    keeping.store.store().count(&account.id, day, trial, 1).await?;
    match timeout(TRIAL, keeping.wechat.try_secret(account)).await {
        Ok(Verdict::Accepted) => Ok(None),
        Ok(Verdict::Refused(failure)) => Err(Unchanged::SecretRefused(failure)),
        Ok(Verdict::Inconclusive(failure)) => Ok(Some(failure)),
        Err(_) => {
            let what = format!("no answer within {}", show_duration(TRIAL));
            Ok(Some(Failure::new(Class::Transient, what)))
        }
    }
}

#[cfg(test)]
mod tests {
    use lingpai_core::{CredentialId, Secret, Timestamp};
    use lingpai_wechat::wire;

    use super::*;
    use crate::config::{Source, StoreAt};

    /// A store in memory, and a WeChat that nobody reaches.
    async fn keeping() -> Keeping {
        let upstream = wire::Settings {
            hosts: vec!["http://127.0.0.1:9".parse().unwrap()],
            ..wire::Settings::default()
        };
        Keeping::open(&StoreAt::Memory, upstream).await.unwrap()
    }

    fn id() -> AccountId {
        "wx1".parse().unwrap()
    }

    fn creation() -> Change {
        Change::Create(Box::new(Account::new(id(), Secret::from("a"), Timestamp::default())))
    }

    #[tokio::test]
    async fn a_change_is_stored_and_in_force_when_it_is_answered() {
        let mut keeping = keeping().await;
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
        let mut keeping = keeping().await;
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
