//! How fast a store starts with 100,000 accounts, and what grouping commits is worth.
//!
//! `cargo bench -p lingpai-store --bench store [-- ACCOUNTS]`. The figures depend on how fast the disk flushes; the
//! store is written into the temporary directory (`TMPDIR`).

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench measures time, prints, and may fail loudly"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use lingpai_core::store::{Begun, Claim, Commit};
use lingpai_core::{
    Account, CredentialId, Directory, Generation, Secret, Store, Timestamp, Token, Way,
};
use lingpai_store::{KeySource, SqliteOptions, SqliteStore};

const AT: Timestamp = Timestamp::from_millis(1_795_406_400_000);
const STARTS: usize = 5;
const ALONE: usize = 2000;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let wanted = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let count: usize = wanted.unwrap_or(100_000);
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(directory.path().join("lingpai.db"), KeySource::Beside);

    let store = Arc::new(SqliteStore::open(options.clone()).await.unwrap());
    let accounts: Vec<Account> = (0..count).map(account).collect();
    let (_, spent) = timed(store.put_accounts(&accounts)).await;
    row("accounts added at once", count, spent);

    let (_, spent) = timed(rotate_together(&store, count, 256)).await;
    row("rotations, 256 at a time (2 commits each)", count, spent);
    let alone = ALONE.min(count);
    for together in [1, 16, 256] {
        let (_, spent) = timed(rotate_together(&store, alone, together)).await;
        row(&format!("rotations, {together} at a time (2 commits each)"), alone, spent);
    }
    store.close().await;
    drop(store);
    println!("file: {} MB", std::fs::metadata(&options.path).unwrap().len() / 1_000_000);

    for _ in 0..STARTS {
        let started = Instant::now();
        let store = SqliteStore::open(options.clone()).await.unwrap();
        let (accounts, records) = (store.accounts().await.unwrap(), store.load().await.unwrap());
        let spent = started.elapsed();
        assert_eq!((accounts.len(), records.len()), (count, count));
        assert!(records.iter().all(|record| record.token.is_some()));
        row("start: opened, all accounts and tokens loaded", count, spent);
        store.close().await;
    }
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    (work.await, started.elapsed())
}

fn row(what: &str, count: usize, spent: Duration) {
    let rate = count as f64 / spent.as_secs_f64();
    println!("{what:<50} {count:>8} in {:>8.3} s {rate:>10.0} /s", spent.as_secs_f64());
}

/// Gives each of the first `count` accounts a new token, `together` of them at a time.
async fn rotate_together(store: &Arc<SqliteStore>, count: usize, together: usize) {
    let workers = (0..together).map(|worker| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for n in (worker..count).step_by(together) {
                rotate(&store, n).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}

async fn rotate(store: &SqliteStore, n: usize) {
    let credential = CredentialId::access_token(account(n).id);
    let claim = |known| Claim {
        credential: credential.clone(),
        node: store.node().clone(),
        known,
        settles: None,
        way: Some(Way::Primary),
        at: AT,
        deadline: AT + Duration::from_secs(8),
        lease: Duration::from_secs(10),
    };
    let mut known = Generation(0);
    let lease = loop {
        match store.begin(claim(known)).await.unwrap() {
            Begun::Granted { lease, .. } => break lease,
            Begun::Newer(record) => known = record.generation,
            other => panic!("{other:?}"),
        }
    };
    let generation = known.next();
    let token = Token {
        value: Secret::from(format!("75_{generation}_{n:08}_{}", "q".repeat(130))),
        generation,
        issued_at: AT,
        expires_at: AT + Duration::from_secs(7200),
        full_life: Duration::from_secs(7200),
        way: Way::Primary,
        companion: None,
    };
    let previous_until = Some(AT + Duration::from_secs(300));
    store.commit(Commit { lease, token, previous_until }).await.unwrap();
}

fn account(n: usize) -> Account {
    let id = format!("wx{n:016x}").parse().unwrap();
    Account::new(id, Secret::from(format!("{n:032x}")), AT)
}
