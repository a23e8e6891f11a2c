//! What others read in Redis, and what they can break.

use std::fs;

use lingpai_core::client::{Accounts, ApiKey, NewKey, Right};
use lingpai_core::store::Damage;
use lingpai_core::{Directory, Generation, Outbox, StoreErrorKind, Token};

use super::*;
use crate::support::{NOON, account, credential, parcel};

async fn filled(server: &RedisServer) -> RedisStore {
    let store = open(server).await;
    for name in ["wx1", "wx2"] {
        store.put_account(&account(name), None).await.unwrap();
        store.put_parcel(&parcel(name)).await.unwrap();
        rotate(&store, name, 1).await.unwrap();
    }
    store
}

#[tokio::test]
async fn neither_keys_nor_values_nor_messages_hold_a_secret_or_a_token_in_clear() {
    let server = RedisServer::start();
    filled(&server).await;
    // The log on disk has every command as it was sent.
    let mut found = false;
    for entry in fs::read_dir(server.directory().join("appendonlydir")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        found |= has("lingpai:{wx1}:credential:access_token");
        assert!(!has("secret-of-wx") && !has("token-1-of-wx") && !has("companion-1-of-wx"));
        assert!(!has("token0of0wx") && !has("push-of-wx") && !has("key-1-of-wx"));
    }
    assert!(found, "nothing was written, so the search proves nothing");
}

#[tokio::test]
async fn a_tampered_token_is_missing_with_its_cause_and_is_fetched_anew() {
    let server = RedisServer::start();
    let store = filled(&server).await;
    server.cli(&["HSET", "lingpai:{wx1}:credential:access_token", "token", "x"]);
    let record = store.read(&credential("wx1")).await.unwrap().unwrap();
    assert_eq!((record.generation, record.token), (Generation(1), None));
    let failure = record.failure.unwrap().to_string();
    assert!(failure.contains("wx1/access_token cannot be opened: it was altered"), "{failure}");
    rotate(&store, "wx1", 2).await.unwrap();
    let record = store.read(&credential("wx1")).await.unwrap().unwrap();
    assert_eq!((record.token, record.failure), (Some(token("wx1", 2)), None));
}

#[tokio::test]
async fn a_companion_that_was_moved_is_missing_and_its_token_is_served_on() {
    let server = RedisServer::start();
    let store = filled(&server).await;
    let key = |name: &str| format!("lingpai:{{{name}}}:credential:access_token");
    let move_it =
        "redis.call('HSET', KEYS[1], 'companion', redis.call('HGET', KEYS[2], 'companion'))";
    server.cli(&["EVAL", move_it, "2", &key("wx1"), &key("wx2")]);
    let record = store.read(&credential("wx1")).await.unwrap().unwrap();
    assert_eq!(record.token, Some(Token { companion: None, ..token("wx1", 1) }));
    let failure = record.failure.unwrap().to_string();
    assert!(failure.contains("companion of wx1/access_token cannot be opened"), "{failure}");
}

#[tokio::test]
async fn a_sealed_value_that_was_moved_does_not_open() {
    let server = RedisServer::start();
    let store = filled(&server).await;
    let key = |name: &str| format!("lingpai:{{{name}}}:account");
    server.cli(&["COPY", &key("wx2"), &key("wx1"), "REPLACE"]);
    let error = store.account(&"wx1".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Sealed);
    assert!(error.to_string().contains("account wx1"), "{error}");
    let (whole, damage) = store.accounts_and_damage().await.unwrap();
    assert_eq!(whole, [account("wx2")]);
    assert_eq!(damage[0].record, "wx1");
    assert_eq!(named(&store), [("accounts", "wx1".to_owned())]);
}

#[tokio::test]
async fn what_a_newer_version_has_written_is_left_as_it_is_and_spares_the_others() {
    let server = RedisServer::start();
    let store = filled(&server).await;
    let key = "lingpai:{wx1}:account";
    server.cli(&["HSET", key, "kind", "\"cloud-app\""]);
    let stored = server.cli(&["HGETALL", key]);
    assert_eq!(store.accounts().await.unwrap(), [account("wx2")]);
    let damage = store.damage();
    assert!(damage[0].newer && damage[0].record == "wx1", "{damage:?}");
    for refused in [
        store.account(&"wx1".parse().unwrap()).await.map(drop),
        store.put_account(&account("wx1"), None).await,
        store.remove_as_read(&account("wx1")).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind, StoreErrorKind::Newer);
    }
    assert_eq!(server.cli(&["HGETALL", key]), stored, "nobody writes over it");
    let kind = serde_json::to_string(&account("wx1").kind).unwrap();
    server.cli(&["HSET", key, "kind", &kind]);
    assert_eq!(store.accounts().await.unwrap().len(), 2);
}

#[tokio::test]
async fn one_damaged_credential_does_not_stop_the_others() {
    let server = RedisServer::start();
    let store = filled(&server).await;
    server.cli(&["HSET", "lingpai:{wx1}:credential:access_token", "expires_at", "soon"]);
    let error = store.read(&credential("wx1")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("field expires_at of the key lingpai:{wx1}"), "{error}");
    let loaded = store.load().await.unwrap();
    assert_eq!(loaded.len(), 1);
    assert_eq!(loaded[0].token, Some(token("wx2", 1)));
    assert_eq!(named(&store), [("credentials", "wx1/access_token".to_owned())]);
}

fn some_key(byte: u8) -> ApiKey {
    let rights = [Right::TokenRead].into();
    NewKey::from_random([byte; 30], "a service", rights, Accounts::All, NOON).record
}

/// What the last readings have left out: its table and its name.
fn named(store: &RedisStore) -> Vec<(&'static str, String)> {
    store.damage().into_iter().map(|Damage { table, record, .. }| (table, record)).collect()
}

#[tokio::test]
async fn one_damaged_key_spares_the_others_and_is_named() {
    let server = RedisServer::start();
    let store = open(&server).await;
    let (damaged, whole) = (some_key(1), some_key(2));
    for key in [&damaged, &whole] {
        store.put_key(key).await.unwrap();
    }
    for body in ["{", "null", ""] {
        server.cli(&["HSET", "lingpai:keys", &damaged.id, body]);
        assert_eq!(store.keys().await.unwrap(), std::slice::from_ref(&whole), "{body}");
        assert_eq!(named(&store), [("keys", damaged.id.clone())]);
    }
    store.put_key(&damaged).await.unwrap();
    assert_eq!(store.keys().await.unwrap().len(), 2);
    assert_eq!(named(&store), [], "it was mended");
}

#[tokio::test]
async fn a_damaged_key_that_was_seen_whole_is_left_for_a_person_and_what_was_seen_is_not_forgotten()
{
    let server = RedisServer::start();
    let store = open(&server).await;
    let revoked = ApiKey { revoked_at: Some(NOON), ..some_key(1) };
    store.put_key(&revoked).await.unwrap();
    assert_eq!(store.keys().await.unwrap(), std::slice::from_ref(&revoked));
    // It may be what a newer version has written.
    server.cli(&["HSET", "lingpai:keys", &revoked.id, "{}"]);
    assert_eq!(store.keys().await.unwrap(), []);
    assert_eq!(server.cli(&["HGET", "lingpai:keys", &revoked.id]), "{}");
    let body = serde_json::to_string(&ApiKey { revoked_at: None, ..revoked.clone() }).unwrap();
    server.cli(&["HSET", "lingpai:keys", &revoked.id, &body]);
    assert_eq!(store.keys().await.unwrap(), std::slice::from_ref(&revoked), "it was good again");
}

#[tokio::test]
async fn a_removed_account_leaves_a_tombstone_and_nothing_of_its_own() {
    let server = RedisServer::start();
    let store = filled(&server).await;
    store.remove_account(&"wx1".parse().unwrap()).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), [account("wx2")]);
    assert_eq!(server.cli(&["HKEYS", "lingpai:{wx1}:account"]), "removed_at");
    assert_eq!(server.cli(&["EXISTS", "lingpai:{wx1}:credential:access_token"]), "0");
    assert_eq!(
        server.cli(&["EXISTS", "lingpai:{wx1}:outbox", "lingpai:{wx1}:outbox:waiting"]),
        "0"
    );
    assert_eq!(server.cli(&["EXISTS", "lingpai:{wx2}:outbox"]), "1");
    store.put_account(&account("wx1"), None).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), ["wx1", "wx2"].map(account));
}
