//! The way back to an older program: an account of a kind that it does not know stops nobody, is shown as what it is, and is there
//! when the newer one returns.

use std::process::Command;
use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use serde_json::Value;

use crate::node::{Home, WeChat, appid, secret};
use crate::nodes;
use crate::reload::token_soon;

/// Of what kind a newer program says that the second account is; `None`: of one that is known here.
fn in_file(home: &Home, kind: Option<&str>) {
    let kind = format!("\"{}\"", kind.unwrap_or("official-account"));
    let script = "import sqlite3, sys\nstore = sqlite3.connect(sys.argv[1])\n\
                  store.execute('UPDATE accounts SET kind = ? WHERE id = ?', sys.argv[2:])\nstore.commit()";
    let store = home.store();
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(store).args([&kind, &appid(1)]);
    assert!(python.status().unwrap().success());
}

async fn there_and_back(wechat: &WeChat, home: &Home, of_kind: impl Fn(&Home, Option<&str>)) {
    let node = home.start().await;
    let body = format!(r#"{{"account": "{}", "secret": "{}"}}"#, appid(1), secret(1));
    assert_eq!(home.call("POST", "/v1/accounts", &body).await.0, 201);
    token_soon(home, 0).await;
    token_soon(home, 1).await;
    node.end().await;

    of_kind(home, Some("cloud-app"));
    // Not even where the configuration says something of it.
    home.configure(2);
    let node = home.start().await;
    token_soon(home, 0).await;
    assert!(home.printed().contains("not kept as the configuration says"), "{}", home.printed());
    node.end().await;
    home.configure(1);
    let node = home.start().await;
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("LINGPAI_KEY", home.key());
        command.env("LINGPAI_SERVER", format!("http://127.0.0.1:{}", home.port));
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert!(wechat.accepts(&token_soon(home, 0).await), "the others are served");
    let (_, told) = home.get("/v1/accounts").await.unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let damaged = &told["damaged"][0];
    assert_eq!(
        (&damaged["record"], &damaged["newer"]),
        (&Value::from(appid(1)), &Value::from(true)),
        "{told}"
    );
    let newer = "a newer one has written it";
    for command in [&["status"][..], &["doctor", "--yes"]] {
        let said = run(command);
        assert!(
            said.contains(newer) && said.contains(&appid(1)) && said.contains(&appid(0)),
            "{said}"
        );
    }
    // Nobody writes over it.
    assert_ne!(home.call("POST", "/v1/accounts", &body).await.0, 201);
    node.end().await;
    let listed = run(&["account", "list"]);
    assert!(listed.contains(&appid(0)) && listed.contains(newer), "{listed}");
    for command in [["account", "show", &appid(1)], ["account", "add", &appid(1)]] {
        let said = run(&command);
        assert!(said.contains(newer) && said.contains("left as it is"), "{said}");
    }

    of_kind(home, None);
    let fetches = wechat.fetches();
    let node = home.start().await;
    assert!(wechat.accepts(&token_soon(home, 1).await));
    assert_eq!(wechat.fetches(), fetches, "its token is there too");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_a_kind_from_the_future_stops_nobody_and_is_there_when_the_newer_program_returns()
 {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    there_and_back(&wechat, &home, in_file).await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_a_redis() {
    let (redis, wechat) = (RedisServer::start(), WeChat::start(Duration::from_secs(7200), 2).await);
    let home = nodes::home(&redis, &wechat, "stable", "");
    let of_kind = |_: &Home, kind: Option<&str>| {
        let kind = format!("\"{}\"", kind.unwrap_or("official-account"));
        redis.cli(&["HSET", &format!("lingpai:{{{}}}:account", appid(1)), "kind", &kind]);
    };
    there_and_back(&wechat, &home, of_kind).await;
}
