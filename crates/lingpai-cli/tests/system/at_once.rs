//! Two nodes on one Redis, and a command beside them, change one account in the same moments.

use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use serde_json::{Value, json};

use crate::node::{WeChat, appid};
use crate::nodes;

const ROUNDS: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_two_nodes_change_of_one_account_at_once_nothing_is_lost() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let homes = [(); 2].map(|()| nodes::home(&redis, &wechat, "stable", ""));
    homes.iter().for_each(|home| home.configure(0));
    let [a, b] = [homes[0].start().await, homes[1].start().await];
    let secret = std::fs::read_to_string(homes[0].secret_file(0)).unwrap();
    let wanted = json!({"account": appid(0), "secret": secret}).to_string();
    assert_eq!(homes[0].call("POST", "/v1/accounts", &wanted).await.0, 201);
    let path = format!("/v1/accounts/{}", appid(0));
    let patch = async |node: usize, wanted: Value| {
        let (status, body) = homes[node].call("PATCH", &path, &wanted.to_string()).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    let mut lost = Vec::new();
    for round in 1..=ROUNDS {
        let (lead, jitter) = (60 + round, round);
        tokio::join!(patch(0, json!({"lead": lead})), patch(1, json!({"jitter": jitter})));
        let now = patch(0, json!({})).await;
        if (&now["lead"], &now["jitter"]) != (&json!(lead), &json!(jitter)) {
            lost.push(now);
        }
    }
    assert!(lost.is_empty(), "of {ROUNDS} rounds {} have lost a change: {lost:?}", lost.len());

    // A command writes into the store itself.
    let proxy = "http://proxy.example.com:3128";
    let mut command = homes[0].command(&["account", "set-proxy", &appid(0), proxy]);
    let told = tokio::task::spawn_blocking(move || command.output().unwrap());
    let mut rounds = 0;
    while rounds == 0 || !told.is_finished() {
        rounds += 1;
        tokio::join!(patch(0, json!({"lead": rounds})), patch(1, json!({"jitter": rounds})));
    }
    let told = told.await.unwrap();
    assert!(told.status.success(), "{told:?}");
    let now = patch(1, json!({})).await;
    let wanted = json!([rounds, rounds, proxy]);
    assert_eq!(json!([now["lead"], now["jitter"], now["proxy"]]), wanted, "{now}");
    a.end().await;
    b.end().await;
}
