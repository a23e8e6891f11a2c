//! A token in somebody's Redis: never an older one, never longer than it lives, whole again after a loss.

use std::sync::Arc;

use lingpai_core::mark::Mark;
use lingpai_core::{Fingerprint, Generation, Secret};
use lingpai_store::{Deposit, Deposited};
use tokio::task::JoinSet;

use super::*;
use crate::support::NOON;

const KEY: &str = "wx:access_token:wx1";
const LIFE: Duration = Duration::from_hours(2);

fn deposit(server: &RedisServer) -> Arc<Deposit> {
    Arc::new(Deposit::new(&server.url().parse().unwrap()).unwrap())
}

fn value(generation: u64) -> Secret {
    Secret::from(format!("token-{generation}"))
}

fn mark(generation: u64) -> Mark {
    let issued_at = NOON + Duration::from_mins(2) * u32::try_from(generation).unwrap();
    let fingerprint = Fingerprint::of(value(generation).expose());
    Mark {
        generation: Generation(generation),
        issued_at,
        expires_at: issued_at + LIFE,
        fingerprint,
    }
}

async fn put(deposit: &Deposit, generation: u64) -> Deposited {
    deposit.put(KEY, &value(generation), &mark(generation), LIFE).await.unwrap()
}

#[tokio::test]
async fn of_two_nodes_that_put_their_tokens_in_any_order_the_newest_wins_and_no_reader_sees_a_step_back()
 {
    let server = RedisServer::start();
    let nodes = [deposit(&server), deposit(&server)];
    let mut putting = JoinSet::new();
    for number in 0..200 {
        let node = Arc::clone(&nodes[number % 2]);
        // Each number once, in an order that is none.
        let generation = (number as u64 * 73) % 200 + 1;
        putting.spawn(async move { put(&node, generation).await });
    }
    let mut seen = 0;
    while let Some(outcome) = putting.join_next().await {
        assert_ne!(outcome.unwrap(), Deposited::Kept);
        let now = server.cli(&["GET", KEY]);
        let now = now.strip_prefix("token-").unwrap().parse().unwrap();
        assert!(now >= seen, "{now} after {seen}");
        seen = now;
    }
    assert_eq!(seen, 200);
    assert_eq!(put(&nodes[0], 200).await, Deposited::Kept);
    assert_eq!(put(&nodes[1], 199).await, Deposited::Newer);
}

#[tokio::test]
async fn a_token_is_gone_when_its_life_ends_and_what_is_known_of_it_outlives_it() {
    let server = RedisServer::start();
    let node = deposit(&server);
    assert_eq!(put(&node, 3).await, Deposited::Written);
    let left = |key: &str| server.cli(&["PTTL", key]).parse::<u128>().unwrap();
    assert!((LIFE.as_millis() - 60_000..=LIFE.as_millis()).contains(&left(KEY)));
    assert!(left("{wx:access_token:wx1}:lingpai") > LIFE.as_millis());
    // An SDK that believes it to be bad deletes it: an older one does not take its place, and it comes back.
    server.cli(&["DEL", KEY]);
    assert_eq!(put(&node, 2).await, Deposited::Newer);
    assert_eq!(server.cli(&["EXISTS", KEY]), "0");
    assert_eq!(put(&node, 3).await, Deposited::Written);
    // One that another program wrote over is mended.
    server.cli(&["SET", KEY, "somebody else's"]);
    assert_eq!(put(&node, 3).await, Deposited::Written);
    // A Redis that comes back empty.
    server.cli(&["FLUSHALL"]);
    assert_eq!(put(&node, 3).await, Deposited::Written);
    assert_eq!(server.cli(&["GET", KEY]), "token-3");
}

#[tokio::test]
async fn the_same_token_with_more_of_life_is_written_once_more() {
    let server = RedisServer::start();
    let node = deposit(&server);
    let short = Duration::from_mins(1);
    node.put(KEY, &value(1), &Mark { expires_at: NOON, ..mark(1) }, short).await.unwrap();
    assert_eq!(put(&node, 1).await, Deposited::Written);
    // And a node that does not know of it yet does not shorten it.
    let known = Mark { expires_at: NOON, ..mark(1) };
    assert_eq!(node.put(KEY, &value(1), &known, short).await.unwrap(), Deposited::Kept);
    assert!(server.cli(&["PTTL", KEY]).parse::<u128>().unwrap() > short.as_millis());
}

#[tokio::test]
async fn it_works_on_a_cluster_and_a_probe_leaves_nothing() {
    let servers = RedisServer::start_cluster();
    let url = format!("redis+cluster://127.0.0.1:{}", servers[0].port());
    let node = Deposit::new(&url.parse().unwrap()).unwrap();
    for key in [KEY, "a", "shop:{wx1}:token"] {
        node.probe(key).await.unwrap();
        let put = node.put(key, &value(1), &mark(1), LIFE).await.unwrap();
        assert_eq!(put, Deposited::Written, "{key}");
    }
    let keys: usize =
        servers.iter().map(|server| server.cli(&["DBSIZE"]).parse::<usize>().unwrap()).sum();
    assert_eq!(keys, 6);
}
