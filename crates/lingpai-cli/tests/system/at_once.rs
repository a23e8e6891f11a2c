//! Two nodes on one Redis, and commands beside a server, change one account in the same moments.

use std::process::Output;
use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::node::{Home, WeChat, appid};
use crate::nodes;

const ROUNDS: u64 = 60;

/// Adds the account to the store of a node that runs.
async fn add(home: &Home) {
    let secret = std::fs::read_to_string(home.secret_file(0)).unwrap();
    let wanted = json!({"account": appid(0), "secret": secret}).to_string();
    assert_eq!(home.call("POST", "/v1/accounts", &wanted).await.0, 201);
}

/// Has a node change it: what it is like then.
async fn patch(home: &Home, wanted: Value) -> Value {
    let path = format!("/v1/accounts/{}", appid(0));
    let (status, body) = home.call("PATCH", &path, &wanted.to_string()).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A command that writes into the store itself.
fn set_proxy(home: &Home, proxy: &str) -> JoinHandle<Output> {
    let mut command = home.command(&["account", "set-proxy", &appid(0), proxy]);
    spawn_blocking(move || command.output().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_two_nodes_and_a_command_change_of_one_account_at_once_nothing_is_lost() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let homes = [(); 2].map(|()| nodes::home(&redis, &wechat, "stable", ""));
    homes.iter().for_each(|home| home.configure(0));
    let nodes = [homes[0].start().await, homes[1].start().await];
    let [a, b] = &homes;
    add(a).await;
    let mut lost = Vec::new();
    for round in 1..=ROUNDS {
        let (lead, jitter) = (60 + round, round);
        tokio::join!(patch(a, json!({"lead": lead})), patch(b, json!({"jitter": jitter})));
        let now = patch(a, json!({})).await;
        if (&now["lead"], &now["jitter"]) != (&json!(lead), &json!(jitter)) {
            lost.push(now);
        }
    }
    assert!(lost.is_empty(), "of {ROUNDS} rounds {} have lost a change: {lost:?}", lost.len());

    let proxy = "http://proxy.example.com:3128";
    let told = set_proxy(a, proxy);
    let mut rounds = 0;
    while rounds == 0 || !told.is_finished() {
        rounds += 1;
        tokio::join!(patch(a, json!({"lead": rounds})), patch(b, json!({"jitter": rounds})));
    }
    let told = told.await.unwrap();
    assert!(told.status.success(), "{told:?}");
    let now = patch(b, json!({})).await;
    let wanted = json!([rounds, rounds, proxy]);
    assert_eq!(json!([now["lead"], now["jitter"], now["proxy"]]), wanted, "{now}");
    for node in nodes {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_a_server_and_commands_change_at_once_in_one_file_nothing_is_lost() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    home.configure(0);
    let node = home.start().await;
    add(&home).await;
    home.token(0).await.unwrap();
    let mut lead = 0;
    for command in 0..8 {
        let proxy = format!("http://proxy-{command}.example.com:3128");
        let told = set_proxy(&home, &proxy);
        loop {
            lead += 1;
            patch(&home, json!({"lead": lead})).await;
            if told.is_finished() {
                break;
            }
        }
        let told = told.await.unwrap();
        assert!(told.status.success(), "{told:?}");
        let now = patch(&home, json!({})).await;
        assert_eq!(json!([now["lead"], now["proxy"]]), json!([lead, proxy]), "{now}");
    }
    println!("{lead} changes by the server while 8 commands ran");
    node.end().await;
    home.assert_nothing_leaked();
}
