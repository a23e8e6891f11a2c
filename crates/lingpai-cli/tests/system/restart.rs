//! A server that replaces another on the same store, under load.

use std::sync::Arc;
use std::time::Duration;

use lingpai_sandbox::{Fault, FaultKind};
use tokio::time::sleep;

use crate::load::{Load, Way};
use crate::node::{Home, Node, WeChat, appid};

const ACCOUNTS: usize = 3;
const RESTARTS: usize = 3;

async fn all_have_a_token(home: &Home, accounts: usize) {
    for account in 0..accounts {
        while home.token(account).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Asks a node to end, and starts another at once.
async fn replaced<'a>(home: &'a Home, old: Node<'a>) -> Node<'a> {
    let before = home.printed().len();
    old.signal("TERM");
    // The old one still answers.
    let new = home.start().await;
    home.wait_for_after(before, "waiting up to").await;
    home.wait_for_after(before, "listening on").await;
    old.ended().await;
    new
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request_that_is_repeated_once_and_fetches_nothing() {
    assert_restarts_fail_nothing(|home| home).await;
}

/// Where everything runs on one thread.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_core_a_rolling_restart_fails_and_fetches_as_little() {
    assert_restarts_fail_nothing(Home::on_one_core).await;
}

async fn assert_restarts_fail_nothing(placed: fn(Home) -> Home) {
    let wechat = WeChat::start(Duration::from_secs(7200), ACCOUNTS).await;
    // Where every fetch replaces the token, so that one too many would show.
    let home = Home::new(&wechat, ACCOUNTS, "classic", "drain = \"1s\"", "");
    let home = Arc::new(placed(home));
    let socket = home.file("lingpai.sock");
    home.listen_too(&["unix:lingpai.sock"], "");
    let mut node = home.start().await;
    all_have_a_token(&home, ACCOUNTS).await;
    let ways = [(Way::AnewPatiently, 3), (Way::KeptAlive, 3), (Way::Socket(socket.clone()), 2)];
    let load = Load::on(&home, &ways);
    for _ in 0..RESTARTS {
        node = replaced(&home, node).await;
    }
    sleep(Duration::from_millis(300)).await;
    let told = load.end().await;
    println!("{RESTARTS} restarts: {} answers, {} repeated", told.answers, told.repeated);
    assert_eq!(told.tokens.len(), 1, "the token stays");
    assert!(told.answers > 1000, "{} answers are no load", told.answers);
    // Each of the 8 clients about once a restart.
    assert!(told.repeated <= (2 * 8 * RESTARTS) as u64, "{} repeated", told.repeated);
    assert_eq!(wechat.fetches(), ACCOUNTS as u64);
    node.end().await;
    assert!(!socket.exists());
    home.assert_nothing_leaked();
}

/// Accounts of which some rotate at any moment of the test below.
const ROTATING: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_in_the_middle_of_rotations_fetches_no_token_twice() {
    let wechat = WeChat::start(Duration::from_secs(96), ROTATING).await;
    wechat.world.with(|world, now| {
        for number in 0..ROTATING {
            let value = (5 + number * 12 / ROTATING).into();
            let first = Fault::new(FaultKind::ExpiresIn { value }).on("*token").of(&appid(number));
            world.fault(now, first.times(1)).unwrap();
        }
        let slow = FaultKind::Latency { milliseconds: 400 };
        world.fault(now, Fault::new(slow).on("*token")).unwrap();
    });
    let for_all = "drain = \"1s\"\ncall-deadline = \"900ms\"";
    let home =
        Arc::new(Home::new(&wechat, ROTATING, "classic", for_all, "fetch-deadline = \"1s\""));
    let mut node = home.start().await;
    all_have_a_token(&home, ROTATING).await;
    let load = Load::on(&home, &[(Way::AnewPatiently, 2), (Way::KeptAlive, 2)]);
    for _ in 0..2 * RESTARTS {
        node = replaced(&home, node).await;
    }
    load.end().await;
    let counters = wechat.counters();
    let fetched = |number| counters.app(&appid(number)).minted.classic;
    let rotated = (0..ROTATING).filter(|number| fetched(*number) == 2).count();
    println!("{} restarts, {rotated} rotations between and in them", 2 * RESTARTS);
    for number in 0..ROTATING {
        assert!(fetched(number) <= 2, "account {number}: {} fetches", fetched(number));
        assert!(wechat.accepts(&home.token(number).await.unwrap()), "account {number}");
    }
    assert!(rotated > ROTATING / 10, "only {rotated} rotated");
    node.end().await;
    home.assert_nothing_leaked();
}
