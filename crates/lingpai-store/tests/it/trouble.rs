//! Whatever is wrong with the file, the error says so and nothing is lost.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;

use lingpai_core::client::{Accounts, NewKey, Right};
use lingpai_core::store::Commit;
use lingpai_core::{Account, Directory, Store, StoreError, StoreErrorKind};
use lingpai_store::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::*;

async fn refused(directory: &TempDir) -> StoreError {
    open(directory).await.unwrap_err()
}

fn assert_says(error: &StoreError, kind: StoreErrorKind, parts: &[&str]) {
    assert_eq!(error.kind, kind, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// A closed store with enough in it to fill many pages.
async fn large() -> TempDir {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    let accounts: Vec<_> = (0..2000).map(|n| account(&format!("wx{n:04}"))).collect();
    store.put_accounts(&accounts).await.unwrap();
    directory
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = directory();
    let text = "a letter to a friend\n".repeat(500);
    fs::write(path(&directory), &text).unwrap();
    let error = refused(&directory).await;
    assert_says(&error, StoreErrorKind::Corrupt, &["is no SQLite database", "lingpai.db"]);
    assert_eq!(fs::read_to_string(path(&directory)).unwrap(), text);
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let directory = directory();
    let other = Connection::open(path(&directory)).unwrap();
    other.execute_batch("CREATE TABLE cookies (name TEXT)").unwrap();
    let error = refused(&directory).await;
    assert_says(&error, StoreErrorKind::Corrupt, &["a database of another program"]);
    let mode: String = other.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
}

#[tokio::test]
async fn a_newer_store_is_refused_with_what_to_do() {
    let directory = large().await;
    let other = Connection::open(path(&directory)).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);
    let error = refused(&directory).await;
    assert_says(&error, StoreErrorKind::Newer, &["schema is 99", "Run that version"]);
}

const TO_THE_FIRST_SCHEMA: &str = "
    ALTER TABLE accounts DROP COLUMN proxy; ALTER TABLE accounts DROP COLUMN push;
    ALTER TABLE accounts DROP COLUMN platform; ALTER TABLE accounts DROP COLUMN api_security;
    ALTER TABLE credentials DROP COLUMN companion; DROP TABLE outbox; DROP TABLE audit; PRAGMA user_version = 1";

#[tokio::test]
async fn a_store_from_before_accounts_had_proxies_and_pushes_is_brought_up_to_date() {
    let directory = directory();
    let before = Account { proxy: None, push: None, api_security: None, ..account("wx1") };
    open(&directory).await.unwrap().put_account(&before, None).await.unwrap();
    let other = Connection::open(path(&directory)).unwrap();
    other.execute_batch(TO_THE_FIRST_SCHEMA).unwrap();
    drop(other);
    let store = open(&directory).await.unwrap();
    assert_eq!(store.account(&before.id).await.unwrap().as_ref(), Some(&before));
    // The file as the older program knows it is kept: that one refuses the newer.
    let former = Connection::open(directory.path().join("lingpai.db.schema-1")).unwrap();
    let version: i32 = former.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    store.put_account(&account("wx1"), Some(&before)).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), [account("wx1")]);
}

#[tokio::test]
async fn the_file_that_an_upgrade_keeps_is_from_the_moment_before_that_one() {
    let directory = directory();
    open(&directory).await.unwrap();
    let kept = directory.path().join("lingpai.db.schema-1");
    for upgrade in ["the_first", "the_second"] {
        let other = Connection::open(path(&directory)).unwrap();
        // What the former program, to which one went back, has stored before the second.
        let step = format!("CREATE TABLE {upgrade} (x); {TO_THE_FIRST_SCHEMA}");
        other.execute_batch(&step).unwrap();
        drop(other);
        open(&directory).await.unwrap();
        let former = Connection::open(&kept).unwrap();
        assert!(former.table_exists(None, upgrade).unwrap());
    }
}

#[tokio::test]
async fn one_damaged_credential_spares_the_others_and_is_named_to_who_claims_it() {
    for damage in [
        "generation = -1",
        "hold = '{'",
        "kind = 'no-kind'",
        "issued_at = NULL",
        "way = 'by magic'",
    ] {
        let directory = directory();
        let store = open(&directory).await.unwrap();
        for name in ["wx1", "wx2"] {
            rotate(&store, name, 1).await.unwrap();
        }
        drop(store);
        let other = Connection::open(path(&directory)).unwrap();
        let sql = format!("UPDATE credentials SET {damage} WHERE account = 'wx1'");
        assert_eq!(other.execute(&sql, []).unwrap(), 1);
        drop(other);
        let store = open(&directory).await.unwrap();
        let loaded = store.load().await.unwrap();
        let whole: Vec<_> = loaded.iter().map(|record| &record.credential).collect();
        assert_eq!(whole, [&credential("wx2")], "{damage}");
        rotate(&store, "wx2", 2).await.unwrap();
        if !damage.starts_with("kind") {
            let error = rotate(&store, "wx1", 1).await.unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Corrupt, "{damage}");
        }
    }
}

#[tokio::test]
async fn one_damaged_key_spares_the_others_and_is_named() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    let key = |byte| {
        let rights = [Right::TokenRead].into();
        NewKey::from_random([byte; 30], "a service", rights, Accounts::All, NOON).record
    };
    let (damaged, whole) = (key(1), key(2));
    for key in [&damaged, &whole] {
        store.put_key(key).await.unwrap();
    }
    let other = Connection::open(path(&directory)).unwrap();
    for body in ["'{'", "'null'"] {
        let sql = format!("UPDATE keys SET body = {body} WHERE id = ?1");
        assert_eq!(other.execute(&sql, [&damaged.id]).unwrap(), 1);
        assert_eq!(store.keys().await.unwrap(), std::slice::from_ref(&whole), "{body}");
        let found = store.damage();
        assert_eq!((found.len(), found[0].table, &found[0].record), (1, "keys", &damaged.id));
    }
    store.put_key(&damaged).await.unwrap();
    assert_eq!(store.keys().await.unwrap().len(), 2);
    assert_eq!(store.damage(), [], "it was mended");
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let directory = directory();
    let path = directory.path().join("data/lingpai.db");
    let options = SqliteOptions { path, ..options(&directory) };
    let error = SqliteStore::open(options).await.unwrap_err();
    assert_says(&error, StoreErrorKind::Unavailable, &["mkdir -p", "/data"]);
}

#[tokio::test]
async fn a_directory_is_no_store() {
    let directory = directory();
    fs::create_dir(path(&directory)).unwrap();
    let error = refused(&directory).await;
    assert_says(&error, StoreErrorKind::Invalid, &["is a directory"]);
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_called_damaged() {
    let directory = large().await;
    let file = OpenOptions::new().write(true).open(path(&directory)).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    let error = match open(&directory).await {
        Ok(store) => store.accounts().await.unwrap_err(),
        Err(error) => error,
    };
    assert_says(&error, StoreErrorKind::Corrupt, &["is damaged", "backup"]);
}

#[tokio::test]
async fn a_file_that_was_overwritten_inside_is_called_damaged() {
    let directory = large().await;
    let mut file = OpenOptions::new().write(true).open(path(&directory)).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(8192)).unwrap();
    file.write_all(&vec![0xAB; usize::try_from(length).unwrap() - 8192]).unwrap();
    drop(file);
    let error = match open(&directory).await {
        Ok(store) => store.accounts().await.unwrap_err(),
        Err(error) => error,
    };
    assert_says(&error, StoreErrorKind::Corrupt, &["is damaged", "backup"]);
}

#[tokio::test]
async fn a_file_locked_by_another_program_is_said_so_and_tried_again() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    let other = Connection::open(path(&directory)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.put_account(&account("wx1"), None).await.unwrap_err();
    assert_says(&error, StoreErrorKind::Unavailable, &["locked by another program"]);
    assert_eq!(store.accounts().await.unwrap(), []);
    let error = refused(&directory).await;
    assert_says(&error, StoreErrorKind::Unavailable, &["locked by another program"]);
    other.execute_batch("ROLLBACK").unwrap();
    store.put_account(&account("wx1"), None).await.unwrap();
}

#[tokio::test]
async fn a_full_store_can_be_read_and_recovers_when_there_is_room() {
    let directory = directory();
    let limited = SqliteOptions { size_limit: Some(400_000), ..options(&directory) };
    let store = SqliteStore::open(limited).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
    let mut fitting = Vec::new();
    let error = loop {
        let account = account(&format!("wx{}", fitting.len()));
        match store.put_account(&account, None).await {
            Ok(()) => fitting.push(account.id),
            Err(error) => break error,
        }
    };
    assert_says(&error, StoreErrorKind::Full, &["Make room"]);
    assert_eq!(store.accounts().await.unwrap().len(), fitting.len());
    let record = store.read(&credential("wx1")).await.unwrap().unwrap();
    assert_eq!(record.token, Some(token("wx1", 1)));
    // The token of a known credential takes the room of the one before it.
    rotate(&store, "wx1", 2).await.unwrap();
    for account in fitting.iter().skip(2).take(100) {
        assert!(store.remove_account(account).await.unwrap());
    }
    for account in fitting.iter().skip(2).take(50) {
        store.put_account(&self::account(account.as_str()), None).await.unwrap();
    }
    drop(store);
    assert_eq!(open(&directory).await.unwrap().accounts().await.unwrap().len(), fitting.len() - 50);
}

#[tokio::test]
async fn a_request_that_does_not_fit_does_not_fail_its_neighbours() {
    let directory = directory();
    let limited = SqliteOptions { size_limit: Some(400_000), ..options(&directory) };
    let store = Arc::new(SqliteStore::open(limited).await.unwrap());
    let many: Vec<_> = (0..5000).map(|n| account(&format!("many{n}"))).collect();
    for round in 0..5 {
        let (before, after) = (format!("wx{round}"), format!("xw{round}"));
        let (before, after) = (account(&before), account(&after));
        let (one, two, three) = tokio::join!(
            store.put_account(&before, None),
            store.put_accounts(&many),
            store.put_account(&after, None)
        );
        one.unwrap();
        assert_eq!(two.unwrap_err().kind, StoreErrorKind::Full);
        three.unwrap();
    }
    assert_eq!(store.accounts().await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_request_that_is_refused_does_not_fail_its_neighbours() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    for generation in 1..=2 {
        rotate(&store, "wx1", generation).await.unwrap();
    }
    let lease = lease(&store, claim("wx1", store.node(), 2)).await;
    let old = Commit { lease, token: token("wx1", 1), previous_until: None };
    let (account1, account2) = (account("wx1"), account("wx2"));
    let (one, two, three) = tokio::join!(
        store.put_account(&account1, None),
        store.commit(old),
        store.put_account(&account2, None)
    );
    one.unwrap();
    assert_eq!(two.unwrap_err().kind, StoreErrorKind::Invalid);
    three.unwrap();
    assert_eq!(store.accounts().await.unwrap(), [account1, account2]);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    store.close().await;
    store.close().await;
    let error = store.put_account(&account("wx1"), None).await.unwrap_err();
    assert_says(&error, StoreErrorKind::Unavailable, &["the store is closed"]);
    assert_says(&store.load().await.unwrap_err(), StoreErrorKind::Unavailable, &["is closed"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_written_or_read_is_said_to_be_so() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    let allow = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let directory = large().await;
    // In a process of its own that root has given up its power in: nothing is forbidden to root.
    let program = directory.path().join("test-program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    allow(&program, 0o755);
    allow(directory.path(), 0o755);
    for (mode, test) in
        [(0o444, "trouble::sees_a_file_to_read_only"), (0o000, "trouble::sees_no_file")]
    {
        allow(&path(&directory), mode);
        let mut child = child(&program, test, directory.path());
        if OpenOptions::new().write(true).open(path(&directory)).is_ok() {
            child.uid(65534).gid(65534);
        }
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[tokio::test]
async fn sees_a_file_to_read_only() {
    let Some(directory) = childs_directory() else { return };
    let error = open_in(&directory).await.unwrap_err();
    assert_says(&error, StoreErrorKind::ReadOnly, &["right to write", "lingpai.db"]);
}

#[tokio::test]
async fn sees_no_file() {
    let Some(directory) = childs_directory() else { return };
    let error = open_in(&directory).await.unwrap_err();
    assert_says(&error, StoreErrorKind::Unavailable, &["right to read and write", "lingpai.db"]);
}
