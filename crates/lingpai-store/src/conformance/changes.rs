//! Rules about changes of accounts: none is lost.

use std::sync::Arc;

use lingpai_core::{Account, StoreErrorKind, change_account};

use super::*;

/// The account `wx1` with this secret, as it was changed this long after noon.
fn with(secret: &str, after: u64) -> Account {
    let account = Account::new(account("wx1"), Secret::from(secret), NOON);
    Account { updated_at: NOON + seconds(after), ..account }
}

/// A put in the place of `before` is refused, and changes nothing.
async fn refused<S: Subject>(store: &S, put: &Account, before: Option<&Account>) {
    let stood = store.account(&put.id).await.unwrap();
    let error = store.put_account(put, before).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Changed, "{error}");
    assert!(error.to_string().contains("the account wx1 was changed by another process"));
    assert!(error.chinese().is_some_and(|chinese| chinese.contains("账号 wx1")));
    assert_eq!(store.account(&put.id).await.unwrap(), stood);
}

pub async fn an_account_is_put_only_in_the_place_of_what_was_read<S: Subject>(store: Arc<S>) {
    let [first, second, third] = [with("a", 0), with("b", 1), with("c", 2)];
    refused(&*store, &second, Some(&first)).await;
    store.put_account(&first, None).await.unwrap();
    refused(&*store, &second, None).await;
    refused(&*store, &second, Some(&third)).await;
    store.put_account(&second, Some(&first)).await.unwrap();
    assert_eq!(store.account(&second.id).await.unwrap().as_ref(), Some(&second));
    // Who had read what was there before comes too late, also where the times are the same.
    refused(&*store, &third, Some(&first)).await;
    refused(&*store, &third, Some(&with("another", 1))).await;
    // Whose answer was lost puts it once more.
    store.put_account(&second, Some(&first)).await.unwrap();
    store.put_account(&third, Some(&second)).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), [third]);
}

pub async fn a_removed_account_is_not_brought_back_by_a_change<S: Subject>(store: Arc<S>) {
    let [first, second] = [with("a", 0), with("b", 1)];
    store.put_account(&first, None).await.unwrap();
    store.remove_account(&first.id).await.unwrap();
    refused(&*store, &second, Some(&first)).await;
    store.put_account(&second, None).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), [second]);
}

pub async fn an_account_is_removed_as_it_was_read_and_not_as_another_has_changed_it<S: Subject>(
    store: Arc<S>,
) {
    let [first, second] = [with("a", 0), with("b", 1)];
    assert!(!store.remove_as_read(&first).await.unwrap());
    store.put_account(&first, None).await.unwrap();
    store.put_account(&second, Some(&first)).await.unwrap();
    rotate(&*store, 1).await;
    let error = store.remove_as_read(&first).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Changed, "{error}");
    assert_eq!(store.account(&second.id).await.unwrap().as_ref(), Some(&second));
    assert!(store.read(&credential()).await.unwrap().is_some());
    assert!(store.remove_as_read(&second).await.unwrap());
    assert_eq!(store.accounts().await.unwrap(), []);
    assert_eq!(store.read(&credential()).await.unwrap(), None);
    assert!(!store.remove_as_read(&second).await.unwrap());
}

pub async fn of_those_who_add_an_account_at_once_one_does<S: Subject>(store: Arc<S>) {
    let adding = (0..10).map(|number| {
        let store = Arc::clone(&store);
        let account = with(&number.to_string(), 0);
        tokio::spawn(async move { store.put_account(&account, None).await.map(|()| account) })
    });
    let mut added = Vec::new();
    for outcome in adding.collect::<Vec<_>>() {
        match outcome.await.unwrap() {
            Ok(account) => added.push(account),
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Changed, "{error}"),
        }
    }
    assert_eq!(added.len(), 1);
    assert_eq!(store.accounts().await.unwrap(), added);
}

pub async fn of_changes_that_are_made_at_once_none_is_lost<S: Subject>(store: Arc<S>) {
    none_is_lost(&[store]).await;
}

/// The same for several that have one store open: four who change one account again and again, spread over them. Each change
/// leaves a word in the account.
pub async fn none_is_lost<S: Subject>(stores: &[Arc<S>]) {
    const EACH: usize = 15;
    stores[0].put_account(&with("", 0), None).await.unwrap();
    let changing = (0..4).map(|who| {
        let store = Arc::clone(&stores[who % stores.len()]);
        tokio::spawn(async move {
            for number in 0..EACH {
                let word = |stored: Option<&Account>| {
                    let before = stored.cloned().unwrap();
                    let secret = format!("{} {who}-{number}", before.secret.expose()).into();
                    // By a clock that stands still.
                    Ok(Some(Account { secret, ..before }.renewed(stored, NOON)))
                };
                let changed = change_account::<StoreError>(&*store, &account("wx1"), word).await;
                assert!(changed.unwrap().is_some());
            }
        })
    });
    for changed in changing.collect::<Vec<_>>() {
        changed.await.unwrap();
    }
    for store in stores {
        let account = store.account(&account("wx1")).await.unwrap().unwrap();
        let mut words: Vec<_> = account.secret.expose().split_whitespace().collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 4 * EACH, "{words:?}");
        let versions = account.updated_at.since(NOON).as_millis();
        assert_eq!(versions, 4 * EACH as u128, "each change has a time of its own");
    }
}
