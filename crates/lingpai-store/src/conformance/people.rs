//! Rules about accounts and keys.

use std::sync::Arc;

use lingpai_core::api_security::NumberedKey;
use lingpai_core::client::{Accounts, ApiKey, NewKey, Right};
use lingpai_core::push::{PushMode, Relay, RelayForm};
use lingpai_core::{
    Account, AccountKind, ApiSecurityKeys, Kind, Mode, Policy, PushSettings, Refresh,
};

use super::*;

fn some_account(name: &str) -> Account {
    Account::new(account(name), Secret::from(format!("secret of {name}")), NOON)
}

fn numbered(serial: &str) -> NumberedKey {
    NumberedKey { serial: serial.into(), key: Secret::from(format!("-----BEGIN\n{serial}")) }
}

fn some_key(byte: u8, accounts: Accounts) -> ApiKey {
    NewKey::from_random([byte; 30], "orders", Right::ALL.into(), accounts, NOON).record
}

pub async fn accounts_come_back_as_they_were_put<S: Subject>(store: Arc<S>) {
    let unusual = Account {
        kind: AccountKind::MiniGame,
        mode: Mode::Classic,
        push: Some(PushSettings {
            token: Secret::from("AAAAA"),
            aes_key: Some(Secret::from("A".repeat(43))),
            previous_aes_key: Some(Secret::from("B".repeat(43))),
            mode: PushMode::Compatible,
            relay: Some(Relay { url: "https://example.com/wx".into(), form: RelayForm::Plain }),
            authorizer_relay: Some(Relay {
                url: "https://example.com/$APPID$".into(),
                form: RelayForm::Raw,
            }),
        }),
        api_security: Some(Arc::new(ApiSecurityKeys {
            symmetric: numbered("1"),
            previous_symmetric: Some(numbered("2")),
            private: numbered("3"),
            platform: numbered("4"),
            other_platform: Some(numbered("5")),
            calls: Some(vec!["/wxa/**".parse().unwrap()]),
        })),
        platform: Some(account("wx00000000000000ff")),
        proxy: Some("socks5://lingpai:hunter2@proxy.example.com".parse().unwrap()),
        policy: Policy {
            refresh: Refresh::IdleAfter(Duration::from_hours(6)),
            alone: true,
            ..Policy::default()
        },
        updated_at: NOON + seconds(1),
        ..some_account("ww1234567890abcdef:1000002")
    };
    let put = [some_account("wx1"), unusual];
    for account in &put {
        store.put_account(account, None).await.unwrap();
    }
    for account in &put {
        assert_eq!(store.account(&account.id).await.unwrap().as_ref(), Some(account));
    }
    assert_eq!(store.account(&account("wx9")).await.unwrap(), None);
    let mut found = store.accounts().await.unwrap();
    found.sort_by(|a, b| b.id.cmp(&a.id));
    assert_eq!(found, put);
    assert_eq!(store.account(&put[1].id).await.unwrap().as_ref(), Some(&put[1]));
    assert_eq!(store.account(&account("wx2")).await.unwrap(), None);
}

pub async fn a_removed_account_takes_its_credentials_along<S: Subject>(store: Arc<S>) {
    store.put_account(&some_account("wx1"), None).await.unwrap();
    store.put_account(&some_account("wx11"), None).await.unwrap();
    rotate(&*store, 1).await;
    let other = CredentialId::access_token(account("wx11"));
    lease(&*store, Claim { credential: other.clone(), ..claim() }).await;
    let ticket = CredentialId::new(Kind::named("jsapi_ticket"), account("wx1"));
    lease(&*store, Claim { credential: ticket.clone(), ..claim() }).await;
    assert!(store.read(&ticket).await.unwrap().is_some());
    assert!(store.remove_account(&account("wx1")).await.unwrap());
    assert!(!store.remove_account(&account("wx1")).await.unwrap());
    assert_eq!(store.accounts().await.unwrap(), [some_account("wx11")]);
    assert_eq!(store.read(&credential()).await.unwrap(), None);
    assert_eq!(store.read(&ticket).await.unwrap(), None);
    assert!(store.read(&other).await.unwrap().is_some());
}

pub async fn keys_come_back_as_they_were_put<S: Subject>(store: Arc<S>) {
    let first = some_key(1, Accounts::All);
    let second = ApiKey {
        expires_at: Some(NOON + seconds(60)),
        ..some_key(2, Accounts::Only([account("wx1"), account("wx2")].into()))
    };
    store.put_key(&first).await.unwrap();
    store.put_key(&second).await.unwrap();
    let revoked = ApiKey { revoked_at: Some(NOON), ..first };
    store.put_key(&revoked).await.unwrap();
    let mut found = store.keys().await.unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found, [revoked, second]);
}

pub async fn one_caller_is_told_that_a_key_was_used_for_the_first_time<S: Subject>(store: Arc<S>) {
    // What looks like the note in a name is none.
    let key = ApiKey { name: "\"first_used_at\":1".to_owned(), ..some_key(1, Accounts::All) };
    store.put_key(&key).await.unwrap();
    let uses = (0..20).map(|number| {
        let (store, id) = (Arc::clone(&store), key.id.clone());
        tokio::spawn(async move { store.first_use(&id, NOON + seconds(number)).await.unwrap() })
    });
    let mut first = 0;
    for told in uses.collect::<Vec<_>>() {
        first += u32::from(told.await.unwrap());
    }
    assert_eq!(first, 1);
    let found = store.keys().await.unwrap().remove(0);
    assert!(found.first_used_at.is_some_and(|at| at >= NOON));
    assert_eq!(ApiKey { first_used_at: None, ..found }, key);
    assert!(!store.first_use("lp_nobody", NOON).await.unwrap());
}
