//! Authorisations of a platform through a real server that is killed, and a WeChat that does not answer: none is lost, and no
//! code is traded twice.

use std::time::Duration;

use lingpai_sandbox::{DEMO_COMPONENT, Fault, FaultKind, When};
use serde_json::Value;
use tokio::time::sleep;

use crate::node::{Home, WeChat, soaking};
use crate::platforms::{authorize, home, push, token, until};

const QUERY_AUTH: &str = "/cgi-bin/component/api_query_auth";

fn fails(wechat: &WeChat, kind: FaultKind, times: u64) {
    let fault = Fault::new(kind).on(QUERY_AUTH).times(times);
    wechat.world.with(|world, now| world.fault(now, fault).unwrap());
}

async fn traded(wechat: &WeChat, times: u64) {
    until("no code is traded", async || wechat.counters().calls_of(QUERY_AUTH) >= times).await;
}

/// The pushes of the platform that wait or are given up.
async fn waiting(home: &Home) -> Vec<Value> {
    let (_, body) = home.get(&format!("/v1/accounts/{DEMO_COMPONENT}/pushes")).await.unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    answer["pushes"].as_array().unwrap().clone()
}

/// Whether WeChat was told `success` for the authorisation that it has just pushed.
async fn acknowledgement(wechat: &WeChat) -> bool {
    let mut told = Vec::new();
    until("the authorisation was not pushed", async || {
        told.extend(wechat.world.with(|world, _| world.take_pushes()));
        told.retain(|push| push["what"] == "authorized");
        !told.is_empty()
    })
    .await;
    told[0]["tries"].as_array().unwrap().iter().any(|one| one["body"] == "success")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorisation_that_was_acknowledged_survives_a_kill_before_and_after_wechats_answer() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    fails(&wechat, FaultKind::Hang { when: When::Before }, 1);
    authorize(&wechat, 0);
    traded(&wechat, 1).await;
    node.kill();
    let node = home.start().await;
    assert!(wechat.accepts(&token(&home, 0).await));
    // WeChat has answered, and nobody has heard it: the code is spent, and the list has what it brought.
    let before = wechat.counters().calls_of(QUERY_AUTH);
    fails(&wechat, FaultKind::Hang { when: When::After }, 1);
    authorize(&wechat, 1);
    traded(&wechat, before + 1).await;
    node.kill();
    let node = home.start().await;
    assert!(wechat.accepts(&token(&home, 1).await));
    assert_eq!(waiting(&home).await, Vec::<Value>::new(), "nothing is left to do");
    home.assert_nothing_leaked();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorisation_is_acknowledged_while_wechat_fails_and_completed_afterwards() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    fails(&wechat, FaultKind::Errcode { errcode: -1, errmsg: None }, 3);
    authorize(&wechat, 0);
    traded(&wechat, 1).await;
    let listed = waiting(&home).await;
    assert!(listed[0]["id"].as_str().unwrap().starts_with("auth-"), "{listed:?}");
    assert!(wechat.accepts(&token(&home, 0).await));
    assert_eq!(wechat.counters().calls_of(QUERY_AUTH), 4, "it was tried until WeChat took it");
    assert_eq!(waiting(&home).await, Vec::<Value>::new());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_wechat_does_not_take_is_told_and_tried_again_when_a_person_says_so() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    // As if it had expired; and WeChat lists nobody whose code was never traded.
    fails(&wechat, FaultKind::Errcode { errcode: 61010, errmsg: None }, 1);
    authorize(&wechat, 0);
    home.wait_for("an authorisation was lost").await;
    let listed = waiting(&home).await;
    let failure = listed[0]["failure"].as_str().unwrap();
    assert!(failure.contains("61010") && failure.contains("authorise"), "{failure}");
    let id = listed[0]["id"].as_str().unwrap();
    let path = format!("/v1/accounts/{DEMO_COMPONENT}/pushes/{id}/retry");
    assert_eq!(home.call("POST", &path, "").await.0, 204);
    assert!(wechat.accepts(&token(&home, 0).await));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_a_kill_between_a_push_and_its_commit_loses_no_authorisation() {
    let kills = if soaking() { 300 } else { 12 };
    let wechat = WeChat::start(Duration::from_secs(7200), kills).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    node.kill();
    let mut acknowledged = Vec::new();
    for number in 0..kills {
        let node = home.start().await;
        wechat.world.with(|world, _| world.take_pushes());
        authorize(&wechat, number);
        // Before the push is there, while the store commits it, while the code is traded, or after.
        sleep(Duration::from_micros(number as u64 * 7919 % 60_000)).await;
        node.kill();
        if acknowledgement(&wechat).await {
            acknowledged.push(number);
        }
    }
    let node = home.start().await;
    // What was not acknowledged WeChat sends again, three times in all; what was must be here.
    for number in &acknowledged {
        assert!(wechat.accepts(&token(&home, *number).await), "{number}");
    }
    let count = acknowledged.len();
    println!("{kills} kills, {count} of them after WeChat was told `success`");
    assert!(count >= kills / 4 && count < kills, "the kills do not fall around the answer");
    home.assert_nothing_leaked();
    node.end().await;
}
