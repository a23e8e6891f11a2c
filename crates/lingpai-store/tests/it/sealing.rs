//! What must not be read cannot be read, and what was tampered with is named.

use std::fs;
use std::path::PathBuf;

use lingpai_core::{Directory, Generation, Outbox, Store, StoreErrorKind, Token};
use lingpai_store::{Archive, KeySource, MasterKey, SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::*;

/// A closed store with two accounts and a token of each.
async fn sealed() -> TempDir {
    let directory = directory();
    fill(&open(&directory).await.unwrap()).await;
    directory
}

async fn fill(store: &SqliteStore) {
    store.put_accounts(&["wx1", "wx2"].map(account)).await.unwrap();
    for name in ["wx1", "wx2"] {
        rotate(store, name, 1).await.unwrap();
        store.put_parcel(&parcel(name)).await.unwrap();
    }
}

async fn assert_whole(store: &SqliteStore) {
    assert_eq!(store.accounts().await.unwrap(), ["wx1", "wx2"].map(account));
    for name in ["wx1", "wx2"] {
        let record = store.read(&credential(name)).await.unwrap().unwrap();
        assert_eq!(record.token, Some(token(name, 1)));
        let parcels = store.parcels(&name.parse().unwrap(), 9).await.unwrap();
        assert_eq!(parcels, [parcel(name)]);
    }
}

fn tamper(directory: &TempDir, sql: &str) {
    let changed = Connection::open(path(directory)).unwrap().execute(sql, []).unwrap();
    assert_eq!(changed, 1);
}

/// A statement that changes the last byte of a sealed value.
fn last_byte(table: &str, column: &str, record: &str) -> String {
    format!(
        "UPDATE {table} SET {column} = CAST(substr({column}, 1, length({column}) - 1) || \
         CASE WHEN hex(substr({column}, -1)) = '00' THEN x'01' ELSE x'00' END AS BLOB) WHERE {record}"
    )
}

async fn open_beside(directory: &TempDir) -> Result<SqliteStore, lingpai_core::StoreError> {
    SqliteStore::open(SqliteOptions::new(path(directory), KeySource::Beside)).await
}

fn key_file(directory: &TempDir) -> PathBuf {
    directory.path().join("lingpai.key")
}

#[tokio::test]
async fn no_file_holds_a_secret_or_a_token_in_clear() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    fill(&store).await;
    let assert_sealed = |when: &str| {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            for clear in [
                "secret-of-wx",
                "password-of-wx",
                "token-1-of-wx",
                "companion-1-of-wx",
                "token0of0wx",
                "push-of-wx",
                "key-1-of-wx",
            ] {
                let found = bytes.windows(clear.len()).any(|window| window == clear.as_bytes());
                assert!(!found, "{clear} is in {} {when}", path.display());
            }
        }
    };
    assert_sealed("while open");
    drop(store);
    assert_sealed("when closed");
}

#[tokio::test]
async fn another_key_is_refused_with_what_to_do() {
    let directory = sealed().await;
    let other = SqliteOptions { key: key(2), ..options(&directory) };
    let error = SqliteStore::open(other).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Sealed);
    let text = error.to_string();
    assert!(text.contains("LINGPAI_MASTER_KEY is not the one"), "{text}");
    assert!(text.contains("lingpai.db"), "{text}");
    assert_whole(&open(&directory).await.unwrap()).await;
}

#[tokio::test]
async fn a_key_is_generated_on_the_first_run_only_and_said_so() {
    let directory = directory();
    let store = open_beside(&directory).await.unwrap();
    assert_eq!(store.generated_key(), Some(key_file(&directory).as_path()));
    fill(&store).await;
    drop(store);
    let store = open_beside(&directory).await.unwrap();
    assert_eq!(store.generated_key(), None);
    assert_whole(&store).await;
}

#[tokio::test]
async fn a_key_file_that_is_there_is_used_and_not_overwritten() {
    let directory = directory();
    fs::write(key_file(&directory), "01".repeat(32)).unwrap();
    fill(&open_beside(&directory).await.unwrap()).await;
    assert_whole(&open(&directory).await.unwrap()).await;
}

#[tokio::test]
async fn no_key_is_generated_for_a_store_that_was_sealed() {
    let directory = sealed().await;
    let error = open_beside(&directory).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Sealed);
    assert!(error.to_string().contains("lingpai.key is missing"), "{error}");
    assert!(!key_file(&directory).exists());
}

#[tokio::test]
async fn a_key_file_that_was_named_must_exist_and_hold_a_key() {
    let directory = directory();
    let file = directory.path().join("my.key");
    let named = SqliteOptions { key: KeySource::File(file.clone()), ..options(&directory) };
    let error = SqliteStore::open(named.clone()).await.unwrap_err();
    assert!(error.to_string().contains("my.key is missing"), "{error}");
    fs::write(&file, "hunter2").unwrap();
    let error = SqliteStore::open(named.clone()).await.unwrap_err();
    assert!(error.to_string().contains("my.key holds no key"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    fs::write(&file, "01".repeat(32)).unwrap();
    fill(&SqliteStore::open(named).await.unwrap()).await;
    assert_whole(&open(&directory).await.unwrap()).await;
}

#[tokio::test]
async fn a_tampered_secret_is_an_error_that_names_its_account_and_spares_the_others() {
    let directory = sealed().await;
    tamper(&directory, &last_byte("accounts", "secret", "id = 'wx1'"));
    let store = open(&directory).await.unwrap();
    let error = store.account(&"wx1".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Sealed);
    let text = error.to_string();
    assert!(text.contains("account wx1") && text.contains("table accounts"), "{text}");
    let (whole, damage) = store.accounts_and_damage().await.unwrap();
    assert_eq!(whole, [account("wx2")]);
    assert_eq!(damage[0].record, "wx1");
    store.put_account(&account("wx1"), None).await.unwrap();
    assert_whole(&store).await;
}

#[tokio::test]
async fn what_a_newer_version_has_written_is_left_as_it_is_and_spares_the_others() {
    for (column, value) in [
        ("kind", "'\"cloud-app\"'"),
        ("mode", "'\"serverless\"'"),
        ("policy", "'{\"green\":true}'"),
    ] {
        let directory = sealed().await;
        tamper(&directory, &format!("UPDATE accounts SET {column} = {value} WHERE id = 'wx1'"));
        let store = open(&directory).await.unwrap();
        assert_eq!(store.accounts().await.unwrap(), [account("wx2")]);
        let damage = store.damage();
        assert!(damage[0].newer && damage[0].record == "wx1", "{damage:?}");
        assert!(damage[0].what.contains("a newer one has written it"), "{damage:?}");
        let id = "wx1".parse().unwrap();
        assert_eq!(store.account(&id).await.unwrap_err().kind, StoreErrorKind::Newer);
        let put = store.put_account(&account("wx1"), None).await;
        let put = put.unwrap_err();
        assert_eq!(put.kind, StoreErrorKind::Newer, "nobody writes over it");
        assert!(put.chinese().unwrap().contains("账号 wx1"), "{put:?}");
        let removal = store.remove_as_read(&account("wx1")).await;
        assert_eq!(removal.unwrap_err().kind, StoreErrorKind::Newer);
        let burial = store.bury(&id, NOON).await;
        assert_eq!(burial.unwrap_err().kind, StoreErrorKind::Newer);
        drop(store);
        let before = match column {
            "kind" => serde_json::to_string(&account("wx1").kind),
            "mode" => serde_json::to_string(&account("wx1").mode),
            _ => serde_json::to_string(&account("wx1").policy),
        };
        tamper(
            &directory,
            &format!("UPDATE accounts SET {column} = '{}' WHERE id = 'wx1'", before.unwrap()),
        );
        assert_whole(&open(&directory).await.unwrap()).await;
    }
}

#[tokio::test]
async fn an_account_whose_proxy_was_tampered_with_is_not_taken_for_one_without() {
    let directory = sealed().await;
    tamper(&directory, &last_byte("accounts", "proxy", "id = 'wx1'"));
    let (whole, damage) = open(&directory).await.unwrap().accounts_and_damage().await.unwrap();
    assert_eq!(whole, [account("wx2")]);
    assert!(damage[0].what.contains("its proxy cannot be opened"), "{damage:?}");
}

#[tokio::test]
async fn a_tampered_token_is_missing_with_its_cause_and_is_fetched_anew() {
    let directory = sealed().await;
    tamper(&directory, &last_byte("credentials", "token", "account = 'wx1'"));
    let store = open(&directory).await.unwrap();
    let mut records = store.load().await.unwrap();
    records.sort_by(|a, b| a.credential.cmp(&b.credential));
    let [tampered, whole] = &records[..] else { panic!("{records:?}") };
    assert_eq!((tampered.generation, &tampered.token), (Generation(1), &None));
    let failure = tampered.failure.as_ref().unwrap().to_string();
    assert!(failure.contains("wx1/access_token cannot be opened: it was altered"), "{failure}");
    assert_eq!(whole.token, Some(token("wx2", 1)));
    rotate(&store, "wx1", 2).await.unwrap();
    let record = store.read(&credential("wx1")).await.unwrap().unwrap();
    assert_eq!((record.token, record.failure), (Some(token("wx1", 2)), None));
}

#[tokio::test]
async fn a_sealed_value_that_was_moved_does_not_open() {
    let directory = sealed().await;
    let from_other = "(SELECT secret FROM accounts WHERE id = 'wx2')";
    tamper(&directory, &format!("UPDATE accounts SET secret = {from_other} WHERE id = 'wx1'"));
    tamper(
        &directory,
        &format!("UPDATE credentials SET token = {from_other} WHERE account = 'wx2'"),
    );
    let store = open(&directory).await.unwrap();
    assert_eq!(store.accounts_and_damage().await.unwrap().0, [account("wx2")]);
    let record = store.read(&credential("wx2")).await.unwrap().unwrap();
    assert_eq!(record.token, None);
}

#[tokio::test]
async fn a_tampered_key_check_is_named() {
    let directory = sealed().await;
    tamper(&directory, &last_byte("meta", "value", "name = 'key_check'"));
    let error = open(&directory).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Sealed);
    assert!(error.to_string().contains("key_check"), "{error}");
}

#[tokio::test]
async fn after_a_rekey_only_the_new_key_opens_the_store() {
    let directory = sealed().await;
    let new = MasterKey::parse(&"02".repeat(32)).unwrap();
    assert_eq!(open(&directory).await.unwrap().rekey(&new).await.unwrap(), 14);
    assert_eq!(open(&directory).await.unwrap_err().kind, StoreErrorKind::Sealed);
    let options = SqliteOptions { key: key(2), ..options(&directory) };
    assert_whole(&SqliteStore::open(options).await.unwrap()).await;
}

#[tokio::test]
async fn a_rekey_replaces_the_key_file() {
    let directory = directory();
    let store = open_beside(&directory).await.unwrap();
    fill(&store).await;
    let before = fs::read_to_string(key_file(&directory)).unwrap();
    store.rekey(&MasterKey::random().unwrap()).await.unwrap();
    assert_ne!(fs::read_to_string(key_file(&directory)).unwrap(), before);
    assert_whole(&open_beside(&directory).await.unwrap()).await;
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "a key was left behind");
}

#[tokio::test]
async fn a_rekey_that_was_cut_off_leaves_a_key_that_opens_the_store() {
    let directory = directory();
    let (file, waiting) = (key_file(&directory), directory.path().join("lingpai.key.new"));
    let store = open_beside(&directory).await.unwrap();
    fill(&store).await;
    drop(store);
    let old = fs::read(&file).unwrap();
    // Before the commit: the new key waits, and the store is still sealed with the old.
    fs::write(&waiting, "02".repeat(32)).unwrap();
    let store = open_beside(&directory).await.unwrap();
    assert_whole(&store).await;
    // After the commit, before the file is replaced.
    store.rekey(&MasterKey::random().unwrap()).await.unwrap();
    fs::rename(&file, &waiting).unwrap();
    fs::write(&file, old).unwrap();
    assert_whole(&open_beside(&directory).await.unwrap()).await;
    assert!(!waiting.exists());
    assert_whole(&open_beside(&directory).await.unwrap()).await;
}

#[tokio::test]
async fn a_rekey_is_refused_while_another_process_has_the_store_open() {
    let directory = sealed().await;
    let other = open(&directory).await.unwrap();
    let store = open(&directory).await.unwrap();
    let error = store.rekey(&MasterKey::random().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("Stop Lingpai first"), "{error}");
    assert_whole(&other).await;
}

#[tokio::test]
async fn a_rekey_that_finds_a_damaged_record_names_it_and_changes_nothing() {
    let directory = sealed().await;
    tamper(&directory, &last_byte("credentials", "token", "account = 'wx2'"));
    let store = open(&directory).await.unwrap();
    let error = store.rekey(&MasterKey::random().unwrap()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Sealed);
    assert!(error.to_string().contains("the token of wx2/access_token"), "{error}");
    let store = open(&directory).await.unwrap();
    assert_eq!(store.accounts().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_signs_sessions_is_the_same_for_whoever_opens_the_store() {
    let directory = sealed().await;
    let key = open(&directory).await.unwrap().session_key();
    assert_eq!(open(&directory).await.unwrap().session_key(), key);
}

#[tokio::test]
async fn a_companion_that_was_tampered_with_or_moved_is_missing_and_its_token_is_served_on() {
    let moved = "UPDATE credentials SET companion = \
                 (SELECT companion FROM credentials WHERE account = 'wx2') WHERE account = 'wx1'";
    let exchanged = "UPDATE credentials SET companion = token WHERE account = 'wx1'";
    let damaged = last_byte("credentials", "companion", "account = 'wx1'");
    for sql in [moved, exchanged, &damaged] {
        let directory = sealed().await;
        tamper(&directory, sql);
        let store = open(&directory).await.unwrap();
        let record = store.read(&credential("wx1")).await.unwrap().unwrap();
        assert_eq!(record.token, Some(Token { companion: None, ..token("wx1", 1) }), "{sql}");
        let failure = record.failure.unwrap().to_string();
        assert!(failure.contains("companion of wx1/access_token cannot be opened"), "{failure}");
        rotate(&store, "wx1", 2).await.unwrap();
        let record = store.read(&credential("wx1")).await.unwrap().unwrap();
        assert_eq!((record.token, record.failure), (Some(token("wx1", 2)), None));
    }
}
