//! `kill -9` at random moments, again and again, with three hundred accounts that rotate all the time.

use std::collections::HashMap;
use std::time::Duration;

use lingpai_core::{CredentialId, Generation, Store};
use lingpai_sandbox::{Fault, FaultKind};
use lingpai_store::{KeySource, SqliteOptions, SqliteStore};
use tokio::time::{Instant, sleep};

use crate::node::{Home, WeChat, appid, soaking};

const ACCOUNTS: usize = 300;

/// 96 s: the overlap is 4 s and the lead 8 s, so that a restart fits into both as it does at 7200 s.
const LIFE: Duration = Duration::from_secs(96);

/// What the store holds between two lives of the node.
struct Stored {
    generations: HashMap<CredentialId, Generation>,
    unfinished: usize,
}

async fn look_into(home: &Home) -> Stored {
    let store =
        SqliteStore::open(SqliteOptions::new(home.store(), KeySource::Beside)).await.unwrap();
    let records = store.load().await.unwrap();
    let unfinished = records.iter().filter(|record| record.intent.is_some()).count();
    let generations = records.into_iter().map(|record| {
        assert_eq!(record.failure, None, "{} cannot be read", record.credential);
        (record.credential, record.generation)
    });
    let stored = Stored { generations: generations.collect(), unfinished };
    store.close().await;
    stored
}

async fn every_account_has_a_good_token(home: &Home, wechat: &WeChat) {
    for account in 0..ACCOUNTS {
        let mut token = read(home, account).await;
        if !wechat.accepts(&token) {
            // A fetch that repairs a lost one may have been sent between the read and this look, and the token dies with
            // it. Then whoever asks again is made to wait for what it brings; the same token again would be a dead read.
            let dead = std::mem::replace(&mut token, read(home, account).await);
            assert_ne!(token, dead, "account {account}");
        }
        let verdict = wechat.world.verdict(&token);
        assert!(wechat.accepts(&token), "account {account}: {verdict:?}");
    }
}

async fn read(home: &Home, account: usize) -> String {
    home.token(account).await.unwrap_or_else(|body| panic!("no token: {body}"))
}

/// Returns when the node has just begun a fetch.
async fn a_fetch_begins(wechat: &WeChat) {
    let before = wechat.fetches();
    while wechat.fetches() == before {
        sleep(Duration::from_micros(500)).await;
    }
}

async fn survive_kills(mode: &str) {
    let wechat = WeChat::start(LIFE, ACCOUNTS).await;
    wechat.stagger(mode, ACCOUNTS, LIFE, LIFE / 8);
    wechat.world.with(|world, now| {
        let slow = FaultKind::Latency { milliseconds: 15 };
        world.fault(now, Fault::new(slow).on("*token")).unwrap();
    });
    let home =
        Home::new(&wechat, ACCOUNTS, mode, "call-deadline = \"900ms\"", "fetch-deadline = \"1s\"");
    let start = Instant::now();
    let node = home.start().await;
    every_account_has_a_good_token(&home, &wechat).await;
    node.kill();
    let mut known = look_into(&home).await;
    assert_eq!(known.generations.len(), ACCOUNTS);
    let (kills, mut unfinished) = (if soaking() { 300 } else { 25 }, known.unfinished);
    for kill in 0..kills {
        let node = home.start().await;
        every_account_has_a_good_token(&home, &wechat).await;
        a_fetch_begins(&wechat).await;
        // Anywhere in the rotation: while upstream answers, while the store commits, or just after.
        sleep(Duration::from_micros(kill * 7919 % 25_000)).await;
        node.kill();
        let stored = look_into(&home).await;
        for (credential, generation) in &known.generations {
            let now = stored.generations.get(credential);
            assert!(now >= Some(generation), "{credential} fell from {generation} to {now:?}");
        }
        unfinished += stored.unfinished;
        known = stored;
    }
    let node = home.start().await;
    every_account_has_a_good_token(&home, &wechat).await;
    let elapsed = start.elapsed();
    node.end().await;
    // Each account needs one fetch at the start and one a life less its lead; each fetch that a kill cut off, one more.
    let lead = if mode == "classic" { LIFE.mul_f64(0.0917) } else { LIFE / 30 };
    let lives = elapsed.as_secs_f64() / (LIFE - lead).as_secs_f64();
    let needed = (ACCOUNTS as f64 * (1.0 + lives)).ceil() as u64;
    let fetches = wechat.fetches();
    let counted = wechat.counters();
    let repeated: u64 = (0..ACCOUNTS).map(|number| counted.app(&appid(number)).repeated).sum();
    println!(
        "{mode}: {kills} kills, {unfinished} fetches cut off, {fetches} fetches, {needed} needed without kills, {repeated} repeated"
    );
    // The first lives were shortened to stagger the accounts: one more each.
    let allowed = needed + unfinished as u64 + ACCOUNTS as u64;
    assert!(fetches <= allowed, "{fetches} fetches, {allowed} allowed");
    assert!(unfinished as u64 >= kills / 5, "only {unfinished} kills fell into a fetch");
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_kills_lose_no_classic_token_and_cost_one_fetch_each_at_most() {
    survive_kills("classic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_kills_lose_no_stable_token_and_cost_one_fetch_each_at_most() {
    survive_kills("stable").await;
}
