//! A copy of a store that is used, and what it is when it comes back.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::store::{Begun, Claim};
use lingpai_core::{Directory, Fence, Generation, Store, StoreErrorKind, Token, Way};
use lingpai_store::{Archive, SqliteOptions, SqliteStore, make_outdated};

use crate::support::*;

#[tokio::test]
async fn a_backup_under_load_is_whole_and_of_one_moment() {
    let directory = directory();
    let store = Arc::new(open(&directory).await.unwrap());
    store.put_account(&account("wx1"), None).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for generation in 2.. {
                rotate(&store, "wx1", generation).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    for number in 0..10 {
        let before = store.read(&credential("wx1")).await.unwrap().unwrap().generation;
        let to = directory.path().join(format!("backup-{number}.db"));
        SqliteStore::snapshot(&path(&directory), &to).await.unwrap();
        let after = store.read(&credential("wx1")).await.unwrap().unwrap().generation;
        let copy = SqliteStore::open(SqliteOptions::new(&to, key(1))).await.unwrap();
        let copied = copy.read(&credential("wx1")).await.unwrap().unwrap();
        assert!(before <= copied.generation && copied.generation <= after);
        assert_eq!(copied.token.unwrap(), token("wx1", copied.generation.0));
        assert_eq!(copy.accounts().await.unwrap(), [account("wx1")]);
    }
    writing.abort();
}

#[tokio::test]
async fn a_backup_holds_nothing_in_clear_and_opens_with_the_stores_key_only() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    store.put_account(&account("wx1"), None).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
    let to = directory.path().join("backup.db");
    SqliteStore::snapshot(&path(&directory), &to).await.unwrap();
    let bytes = std::fs::read(&to).unwrap();
    for secret in ["secret-of-wx1", "password-of-wx1", "token-1-of-wx1"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let error = SqliteStore::open(SqliteOptions::new(&to, key(2))).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Sealed);
}

#[tokio::test]
async fn a_backup_never_overwrites_and_leaves_nothing_half_done() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    drop(store);
    let to = directory.path().join("backup.db");
    std::fs::write(&to, "precious").unwrap();
    let error = SqliteStore::snapshot(&path(&directory), &to).await.unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "precious");
    let nowhere = directory.path().join("none/backup.db");
    let error = SqliteStore::snapshot(&path(&directory), &nowhere).await.unwrap_err();
    assert!(error.to_string().contains("Choose a folder that exists"), "{error}");
    std::fs::write(directory.path().join("other.txt"), "no database").unwrap();
    let other = directory.path().join("other.txt");
    SqliteStore::snapshot(&other, &directory.path().join("b.db")).await.unwrap_err();
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert!(
        !left.iter().any(|file| {
            file.as_ref().unwrap().file_name().to_string_lossy().ends_with("partial")
        })
    );
}

#[tokio::test]
async fn a_token_in_a_restored_store_is_under_suspicion_and_generations_go_on_above() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    rotate(&store, "wx1", 7).await.unwrap();
    let later = NOON + Duration::from_secs(600);
    let store = Arc::new(store);
    let archive: Arc<dyn Archive> = Arc::<SqliteStore>::clone(&store);
    assert_eq!(make_outdated(&archive, later, &mut |_| ()).await.unwrap(), 1);
    let record = store.read(&credential("wx1")).await.unwrap().unwrap();
    assert!(record.generation > Generation(1000));
    let same = Token { generation: record.generation, ..token("wx1", 7) };
    assert_eq!(record.token.unwrap(), same);
    let intent = record.intent.unwrap();
    assert_eq!((intent.lost, intent.way, intent.deadline), (1, Way::Primary, later));
    // Nobody fetches without having considered it; whoever has, settles it.
    let known = record.generation.0;
    let begun = store.begin(claim("wx1", store.node(), known)).await.unwrap();
    assert_eq!(begun, Begun::Unfinished(intent));
    let settling = Claim { settles: Some(intent.fence), ..claim("wx1", store.node(), known) };
    let Begun::Granted { lease, .. } = store.begin(settling).await.unwrap() else { panic!() };
    assert!(lease.fence > intent.fence && intent.fence > Fence(0));
}

#[tokio::test]
async fn a_store_in_use_is_not_replaced_and_one_that_is_not_is_kept_aside() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
    let (store_path, backup) = (path(&directory), directory.path().join("backup.db"));
    SqliteStore::snapshot(&store_path, &backup).await.unwrap();
    rotate(&store, "wx1", 2).await.unwrap();
    let error = SqliteStore::replace(&store_path, &backup, "before").await.unwrap_err();
    assert!(error.to_string().contains("Stop it first"), "{error}");
    store.close().await;
    drop(store);
    let former = SqliteStore::replace(&store_path, &backup, "before").await.unwrap().unwrap();
    for (file, generation) in [(&store_path, 1), (&former, 2)] {
        let store = SqliteStore::open(SqliteOptions::new(file, key(1))).await.unwrap();
        let record = store.read(&credential("wx1")).await.unwrap().unwrap();
        assert_eq!(record.generation, Generation(generation), "{}", file.display());
    }
}
