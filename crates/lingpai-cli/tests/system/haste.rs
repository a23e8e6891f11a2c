//! A client in a tight loop on the drop-in path: it costs upstream nothing and others nothing, and it is believed when it
//! is right.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::node::{Home, PATIENCE, WeChat, answer, appid, soaking};

/// What a client that holds a dead token may lose.
const SOON: Duration = Duration::from_secs(5);
/// What a call of an API takes that is refused.
const CALL: Duration = Duration::from_millis(300);

/// An SDK with a key of its own.
struct Sdk<'a> {
    home: &'a Home,
    path: String,
    key_id: String,
}

impl<'a> Sdk<'a> {
    fn new(home: &'a Home) -> Self {
        let (key, key_id) = home.create_key(&[]);
        let call = format!("grant_type=client_credential&appid={}&secret={key}", appid(0));
        Self { home, path: format!("/cgi-bin/token?{call}"), key_id }
    }

    async fn token(&self) -> String {
        let mut stream = self.home.ask("none", &self.path).await.unwrap();
        let (_, body) = answer(&mut stream).await.unwrap();
        let json: Value = serde_json::from_str(&body).unwrap();
        json["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }

    /// Asks for so long without a pause. How often it was answered.
    async fn loops(&self, time: Duration) -> u64 {
        let end = Instant::now() + time;
        let mut asks = 0;
        while Instant::now() < end {
            self.token().await;
            asks += 1;
        }
        asks
    }

    /// Has the token revoked, and asks until there is a good one, each time after so long. How long that took.
    async fn recovers(&self, wechat: &WeChat, pause: Duration) -> Duration {
        wechat.revoke(0);
        let start = Instant::now();
        let good = async {
            sleep(pause).await;
            while !wechat.accepts(&self.token().await) {
                sleep(pause).await;
            }
        };
        timeout(2 * SOON, good).await.expect("it never gets a good token");
        start.elapsed()
    }
}

/// Another client, which reads natively all the time. What its slowest answer took.
async fn slowest_read(home: &Home, time: Duration) -> Duration {
    let end = Instant::now() + time;
    let mut slowest = Duration::ZERO;
    while Instant::now() < end {
        let start = Instant::now();
        home.token(0).await.unwrap();
        slowest = slowest.max(start.elapsed());
        sleep(Duration::from_millis(5)).await;
    }
    slowest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_a_tight_loop_costs_no_fetch_and_few_trials_hurts_nobody_and_is_told_of() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    let sdk = Sdk::new(&home);
    sdk.token().await;
    let taken = sdk.recovers(&wechat, Duration::ZERO).await;
    assert!(taken < SOON, "{taken:?} after a revocation");

    let (fetches, trials) = (wechat.fetches(), wechat.trials());
    let time = Duration::from_secs(if soaking() { 60 } else { 3 });
    let (asks, slowest) = tokio::join!(sdk.loops(time), slowest_read(&home, time));
    println!("{asks} asks in {time:?}, and the slowest answer to another took {slowest:?}");
    assert_eq!(wechat.fetches(), fetches);
    assert!(wechat.trials() - trials <= 2, "{} trials in a minute", wechat.trials() - trials);
    // A second would be a queue; what is left are the whims of a busy machine.
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let told = async {
        while !told_of_misuse(&home, &sdk.key_id).await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, told).await.expect("an event tells of the loop");

    // The client comes to its senses: it calls an API, is refused, and asks again.
    let taken = sdk.recovers(&wechat, CALL).await;
    println!("a token that was revoked after the loop was replaced after {taken:?}");
    assert!(taken < SOON, "{taken:?} after a revocation");
    node.end().await;
    home.assert_nothing_leaked();
}

async fn told_of_misuse(home: &Home, key_id: &str) -> bool {
    let (_, body) = home.get("/v1/events/history").await.unwrap();
    let history: Value = serde_json::from_str(&body).unwrap();
    let mut events = history["events"].as_array().unwrap().iter();
    events.any(|event| event["event"] == "client-misuse" && event["key"] == key_id)
}
