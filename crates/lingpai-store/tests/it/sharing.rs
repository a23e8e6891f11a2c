//! Several stores on one file, in one process and in several.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;

use lingpai_core::store::{Begun, Claim};
use lingpai_core::{Directory, NodeId, Store};
use lingpai_store::conformance::none_is_lost;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::*;

fn lock_files(directory: &TempDir) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".lock"));
    names.sort();
    names
}

#[tokio::test]
async fn what_one_store_has_written_the_other_reads() {
    let directory = directory();
    let (one, two) = (open(&directory).await.unwrap(), open(&directory).await.unwrap());
    one.put_account(&account("wx1"), None).await.unwrap();
    rotate(&one, "wx1", 1).await.unwrap();
    assert_eq!(two.accounts().await.unwrap(), [account("wx1")]);
    let record = two.read(&credential("wx1")).await.unwrap().unwrap();
    assert_eq!(record.token, Some(token("wx1", 1)));
}

#[tokio::test]
async fn a_change_of_an_account_is_seen_by_the_other_store_and_a_rotation_is_none() {
    let directory = directory();
    let (one, two) = (open(&directory).await.unwrap(), open(&directory).await.unwrap());
    let mut seen = vec![two.accounts_revision().await.unwrap()];
    one.put_account(&account("wx1"), None).await.unwrap();
    seen.push(two.accounts_revision().await.unwrap());
    one.put_accounts(&[account("wx2")]).await.unwrap();
    seen.push(two.accounts_revision().await.unwrap());
    one.remove_account(&account("wx1").id).await.unwrap();
    seen.push(two.accounts_revision().await.unwrap());
    assert!(seen.is_sorted_by(|before, after| before < after), "{seen:?}");
    rotate(&one, "wx2", 1).await.unwrap();
    assert_eq!(two.accounts_revision().await.unwrap(), seen[3]);
}

#[tokio::test]
async fn of_changes_of_an_account_that_are_made_through_two_stores_at_once_none_is_lost() {
    let directory = directory();
    let stores = [open(&directory).await.unwrap(), open(&directory).await.unwrap()].map(Arc::new);
    none_is_lost(&stores).await;
}

#[tokio::test]
async fn of_many_claims_through_two_stores_one_is_granted() {
    let directory = directory();
    let stores = [open(&directory).await.unwrap(), open(&directory).await.unwrap()].map(Arc::new);
    let mut claims = JoinSet::new();
    for n in 0..60 {
        let store = Arc::clone(&stores[n % 2]);
        let claim = claim("wx1", &NodeId::new(&n.to_string()), 0);
        claims.spawn(async move { store.begin(claim).await.unwrap() });
    }
    let begun = claims.join_all().await;
    let granted = begun.iter().filter(|begun| matches!(begun, Begun::Granted { .. }));
    assert_eq!(granted.count(), 1);
}

#[tokio::test]
async fn the_lease_of_a_store_that_was_closed_is_not_waited_for() {
    let directory = directory();
    let (one, two) = (open(&directory).await.unwrap(), open(&directory).await.unwrap());
    let fence = lease(&one, claim("wx1", one.node(), 0)).await.fence;
    let claim = Claim { settles: Some(fence), ..claim("wx1", two.node(), 0) };
    let begun = two.begin(claim.clone()).await.unwrap();
    assert!(matches!(begun, Begun::Held { by, .. } if by == *one.node()));
    one.close().await;
    lease(&two, claim).await;
}

#[tokio::test]
async fn the_lease_of_a_killed_process_is_not_waited_for() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    let program = std::env::current_exe().unwrap();
    let mut child = child(&program, "sharing::holds_a_lease_until_it_is_killed", directory.path())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    assert!(output.lines().map_while(Result::ok).any(|line| line == "held"));
    let intent = store.read(&credential("wx1")).await.unwrap().unwrap().intent.unwrap();
    let claim = Claim { settles: Some(intent.fence), ..claim("wx1", store.node(), 0) };
    assert!(matches!(store.begin(claim.clone()).await.unwrap(), Begun::Held { .. }));
    child.kill().unwrap();
    child.wait().unwrap();
    lease(&store, claim).await;
}

#[tokio::test]
async fn holds_a_lease_until_it_is_killed() {
    let Some(directory) = childs_directory() else { return };
    let store = open_in(&directory).await.unwrap();
    lease(&store, claim("wx1", store.node(), 0)).await;
    std::io::stdout().lock().write_all(b"\nheld\n").unwrap();
    // Ends with the parent, should that fail before it kills.
    let _ = std::io::stdin().read(&mut [0]);
}

#[tokio::test]
async fn slots_are_used_again_and_vanish_with_the_last_store() {
    let directory = directory();
    let (one, two) = (open(&directory).await.unwrap(), open(&directory).await.unwrap());
    assert_eq!(lock_files(&directory), ["lingpai.db.node-0.lock", "lingpai.db.node-1.lock"]);
    drop(one);
    let three = open(&directory).await.unwrap();
    assert_eq!(lock_files(&directory), ["lingpai.db.node-0.lock", "lingpai.db.node-1.lock"]);
    assert_ne!(two.node(), three.node());
    drop((two, three));
    assert_eq!(lock_files(&directory), [""; 0]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_opened_under_another_name_shares_the_slots() {
    let (directory, elsewhere) = (directory(), directory());
    let one = open(&directory).await.unwrap();
    std::os::unix::fs::symlink(path(&directory), path(&elsewhere)).unwrap();
    let two = open(&elsewhere).await.unwrap();
    let fence = lease(&one, claim("wx1", one.node(), 0)).await.fence;
    let claim = Claim { settles: Some(fence), ..claim("wx1", two.node(), 0) };
    assert!(matches!(two.begin(claim).await.unwrap(), Begun::Held { .. }));
    assert_eq!(lock_files(&elsewhere), [""; 0]);
}

#[tokio::test]
async fn the_last_store_to_close_leaves_one_file() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    rotate(&store, "wx1", 1).await.unwrap();
    store.close().await;
    let files = std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(files, 1);
}

#[tokio::test]
async fn dropping_a_store_finishes_what_was_asked() {
    let directory = directory();
    let store = open(&directory).await.unwrap();
    store.put_accounts(&["wx1", "wx2"].map(account)).await.unwrap();
    drop(store);
    let store = open(&directory).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), ["wx1", "wx2"].map(account));
}
