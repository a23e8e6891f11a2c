//! `lingpai secret reset`: nobody notices that an AppSecret is reset, and a wrong one changes nothing.

use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use serde_json::json;
use tokio::time::Instant;

use crate::node::{Home, WeChat, appid};
use crate::nodes;

fn reset(home: &Home, secret: &str) -> (bool, String) {
    let file = home.file("secret-new");
    std::fs::write(&file, secret).unwrap();
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(&["secret", "reset", &appid(0), "--server", &server]);
    let output =
        command.env("LINGPAI_KEY", home.key()).arg("--secret-file").arg(file).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_reset_on_all_nodes_while_the_token_goes_on_and_a_wrong_one_changes_nothing() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let homes = [(); 2].map(|()| nodes::home(&redis, &wechat, "stable", ""));
    homes.iter().for_each(|home| home.configure(0));
    let [a, b] = [homes[0].start().await, homes[1].start().await];
    let secret = std::fs::read_to_string(homes[0].secret_file(0)).unwrap();
    let wanted = json!({"account": appid(0), "secret": secret}).to_string();
    assert_eq!(homes[0].call("POST", "/v1/accounts", &wanted).await.0, 201);
    homes[1].wait_for("kept from now on").await;
    let token = homes[0].token(0).await.unwrap();
    let minted = || wechat.counters().app(&appid(0)).minted.stable;
    let before_it = minted();

    let (ok, told) = reset(&homes[0], &"0".repeat(32));
    assert!(!ok && told.contains("Nothing was changed") && told.contains("40125"), "{told}");
    let new = wechat.world.with(|world, _| world.reset_secret(&appid(0), None).unwrap());
    let before = homes[1].printed().len();
    let (ok, told) = reset(&homes[0], new.expose());
    let committed = Instant::now();
    for part in ["1. The token is good for", "2. Within a week nobody", "4. WeChat accepts the new"]
    {
        assert!(ok && told.contains(part), "{part}: {told}");
    }
    homes[1].wait_for_after(before, "kept as it is now").await;
    println!("the other node has it {:?} later", committed.elapsed());
    for home in &homes {
        assert_eq!(home.token(0).await.unwrap(), token);
    }
    assert!(wechat.accepts(&token));
    assert_eq!(minted(), before_it, "the trials mint nothing");
    a.end().await;
    b.end().await;
}
