//! How much a refused call is believed: enough that a killed token is replaced at once, and so little that calls which no
//! token mends cost next to no trials.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lingpai_core::client::Right;
use lingpai_core::{AccountId, Clock, Verdict, virtual_token};

use super::stand_in::{Plan, Seen};
use super::{Answer, Forwarding, OK, REFUSED, refusal, takes_only};
use crate::house::{FakeUpstream, KEPT, only};

/// Calls with the token of another client than the house's.
async fn get_as(it: &Forwarding, key: &str, path: &str) -> Answer {
    let account: AccountId = KEPT.parse().unwrap();
    let token = virtual_token::make(key, &account);
    let line = format!("GET {path}?access_token={} HTTP/1.1\r\n", token.expose());
    it.exchange(format!("{line}Host: a\r\nConnection: close\r\n\r\n").as_bytes()).await
}

/// A house whose token was found good on trial a second ago, because a client asked for one too early, and is killed now.
async fn killed_after_a_trial(before: &[&str]) -> Forwarding {
    let live = Arc::new(AtomicU64::new(1));
    let it = Forwarding::to(takes_only(&live)).await;
    for path in before {
        assert_eq!(it.get(path).await.text(), OK);
    }
    for _ in 0..2 {
        assert_eq!(
            it.house.dropin(&it.house.key).await.text("access_token"),
            FakeUpstream::token(1)
        );
        it.house.clock.advance(Duration::from_millis(500));
    }
    assert_eq!(
        it.house.upstream.trials(),
        1,
        "two processes of one service look like one that suspects something"
    );
    it.house.clock.advance(Duration::from_millis(500));
    live.store(2, Ordering::SeqCst);
    it.house.upstream.judges(refusal());
    it
}

#[tokio::test]
async fn a_token_that_is_killed_a_second_after_a_trial_is_replaced_for_a_call_that_used_to_go_through()
 {
    let it = killed_after_a_trial(&["/cgi-bin/x"]).await;
    let answer = it.get("/cgi-bin/x").await;
    assert_eq!((answer.text(), answer.header("x-lingpai-replay")), (OK, Some("done")));
    assert_eq!((it.house.upstream.trials(), it.house.upstream.calls()), (2, 2));
}

#[tokio::test]
async fn a_call_that_never_went_through_is_believed_half_a_minute_after_the_trial() {
    let it = killed_after_a_trial(&[]).await;
    assert_eq!(it.get("/cgi-bin/x").await.text(), REFUSED);
    assert_eq!((it.house.upstream.trials(), it.house.upstream.calls()), (1, 1));
    it.house.clock.advance(Duration::from_secs(30));
    assert_eq!(it.get("/cgi-bin/x").await.text(), OK);
    assert_eq!((it.house.upstream.trials(), it.house.upstream.calls()), (2, 2));
}

#[tokio::test]
async fn apis_that_always_refuse_cost_one_trial_in_30_seconds_however_many_clients_call_them() {
    let script = |seen: &Seen| match seen.target().starts_with("/wxa/") {
        true => Plan::json(REFUSED),
        false => Plan::json(OK),
    };
    let it = Forwarding::to(script).await;
    let other = it.house.key_with(&[Right::Gateway], only(KEPT), |_| {}).await;
    let begun = it.house.clock.coarse();
    for second in 0..100 {
        assert_eq!(it.get("/cgi-bin/x").await.text(), OK, "others go on");
        for path in ["/wxa/a", "/wxa/b"] {
            it.get(path).await;
            get_as(&it, &other, path).await;
        }
        // On a busy machine the calls themselves take a while.
        let passed = it.house.clock.coarse().since(begun).as_secs();
        assert!(it.house.upstream.trials() <= 1 + passed / 30, "in second {second}");
        it.house.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(it.house.upstream.calls(), 1, "and no token is fetched");
}

/// A house in which an API that has worked refuses what `refuses` says, though the token is good.
async fn with_an_api_that_stops_working(
    refuses: impl Fn(u64) -> bool + Send + Sync + 'static,
) -> Forwarding {
    let (works, calls) = (AtomicBool::new(true), AtomicU64::new(0));
    let it = Forwarding::to(move |_| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        if works.swap(false, Ordering::SeqCst) || !refuses(call) {
            Plan::json(OK)
        } else {
            Plan::json(REFUSED)
        }
    })
    .await;
    it.house.upstream.judges(Verdict::Accepted);
    assert_eq!(it.get("/cgi-bin/x").await.text(), OK);
    it
}

#[tokio::test]
async fn an_api_that_stops_working_while_the_token_is_good_costs_one_trial_in_30_seconds() {
    let it = with_an_api_that_stops_working(|_| true).await;
    for trials in 1..4 {
        for _ in 0..5 {
            assert_eq!(it.get("/cgi-bin/x").await.text(), REFUSED);
        }
        assert_eq!(it.house.upstream.trials(), trials);
        it.house.clock.advance(Duration::from_mins(1));
    }
    assert_eq!(it.house.upstream.calls(), 1);
}

#[tokio::test]
async fn one_that_works_every_other_time_costs_ten_trials_a_minute_for_one_client() {
    let it = with_an_api_that_stops_working(|call| call % 2 == 1).await;
    for _ in 0..100 {
        it.get("/cgi-bin/x").await;
        it.house.clock.advance(Duration::from_millis(500));
    }
    let trials = it.house.upstream.trials();
    assert!((1..=10).contains(&trials), "{trials}");
    assert_eq!((it.house.upstream.calls(), it.wechat.seen().len()), (1, 101), "all reach upstream");
}
