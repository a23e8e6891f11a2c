//! A day in minutes: the real binary, tokens that live seconds, and a client that reads all the time.

use std::time::Duration;

use lingpai_sandbox::{Fault, FaultKind, When};
use tokio::time::{Instant, sleep};

use crate::node::{Home, WeChat, appid, soaking};

const LIFE: Duration = Duration::from_secs(10);

async fn read_without_a_gap(mode: &str) {
    let wechat = WeChat::start(LIFE, 1).await;
    let home = Home::new(&wechat, 1, mode, "", "");
    // A day has twelve lives.
    let lives = if soaking() { 12 } else { 3 };
    let start = Instant::now();
    let mut node = home.start().await;
    let mut reads = 0;
    let mut restarted = false;
    while start.elapsed() < lives * LIFE {
        let token = home.token(0).await.unwrap_or_else(|body| panic!("no token: {body}"));
        let verdict = wechat.world.verdict(&token);
        assert!(wechat.accepts(&token), "after {:?}: {verdict:?}", start.elapsed());
        reads += 1;
        // In the middle of a life, so that no rotation is due meanwhile.
        if !restarted && start.elapsed() > (lives / 2) * LIFE + LIFE / 2 {
            let before = wechat.fetches();
            node.end().await;
            node = home.start().await;
            home.token(0).await.unwrap();
            assert_eq!(wechat.fetches(), before, "the restart cost a fetch");
            restarted = true;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert!(restarted && reads > 100);
    let lead = if mode == "classic" { LIFE.mul_f64(0.0917) } else { LIFE / 30 };
    let fewest = 1 + (start.elapsed().as_secs_f64() / (LIFE - lead).as_secs_f64()) as u64;
    let fetches = wechat.fetches();
    println!("{mode}: {reads} reads, {fetches} fetches, {fewest} are the fewest possible");
    assert!(fetches <= fewest, "{fetches} fetches, {fewest} would do");
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test]
async fn while_upstream_hangs_the_server_answers_at_once_and_says_what_it_waits_for() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 2, "stable", "call-deadline = \"2s\"", "");
    // The first account has a token, the second never gets one.
    wechat.world.with(|world, now| {
        let hang = FaultKind::Hang { when: When::Before };
        world.fault(now, Fault::new(hang).on("*token").of(&appid(1))).unwrap();
    });
    let node = home.start().await;
    home.token(0).await.unwrap();
    let start = Instant::now();
    for _ in 0..200 {
        home.token(0).await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?} for 200 reads", start.elapsed());
    let refusal = home.token(1).await.unwrap_err();
    assert!(refusal.contains("no answer within"), "{refusal}");
    node.end().await;
}

#[tokio::test]
async fn soak_a_day_of_the_real_binary_in_stable_mode_has_no_dead_read_and_the_fewest_fetches() {
    read_without_a_gap("stable").await;
}

#[tokio::test]
async fn soak_a_day_of_the_real_binary_in_classic_mode_has_no_dead_read_and_the_fewest_fetches() {
    read_without_a_gap("classic").await;
}
