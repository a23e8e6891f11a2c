//! A server that replaces another on the same store, under load.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::load::{Load, Way};
use crate::node::{Home, WeChat};

const ACCOUNTS: usize = 3;
const RESTARTS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request_that_is_repeated_once_and_fetches_nothing() {
    let wechat = WeChat::start(Duration::from_secs(7200), ACCOUNTS).await;
    // Where every fetch replaces the token, so that one too many would show.
    let home = Arc::new(Home::new(&wechat, ACCOUNTS, "classic", "drain = \"1s\"", ""));
    let socket = home.file("lingpai.sock");
    home.listen_too(&["unix:lingpai.sock"], "");
    let mut node = home.start().await;
    for account in 0..ACCOUNTS {
        while home.token(account).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let ways = [(Way::AnewPatiently, 3), (Way::KeptAlive, 3), (Way::Socket(socket.clone()), 2)];
    let load = Load::on(&home, &ways);
    for _ in 0..RESTARTS {
        let before = home.printed().len();
        node.signal("TERM");
        // The old one still answers.
        let new = home.start().await;
        home.wait_for_after(before, "waiting up to").await;
        home.wait_for_after(before, "listening on unix:").await;
        node.ended().await;
        node = new;
    }
    sleep(Duration::from_millis(300)).await;
    let told = load.end().await;
    assert_eq!(told.tokens.len(), 1, "the token stays");
    assert!(told.answers > 1000, "{} answers are no load", told.answers);
    // Each of the 8 clients at most once a restart: an interrupted connection and one refused are one request.
    assert!(told.repeated <= (8 * RESTARTS) as u64, "{} repeated", told.repeated);
    assert_eq!(wechat.fetches(), ACCOUNTS as u64);
    node.end().await;
    assert!(!socket.exists());
    home.assert_nothing_leaked();
}
