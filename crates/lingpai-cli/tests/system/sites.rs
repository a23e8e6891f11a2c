//! Two nodes that share no store, for two sites: the same accounts, master key and API keys on both.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use lingpai_sandbox::{Family, Revocation};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::node::{Home, PATIENCE, WeChat, answer, appid};

/// Two sites. The second leaves forced refreshes to the first.
fn sites(wechat: &WeChat) -> [Home; 2] {
    ["", "forced-refresh = false"].map(|more| {
        let lines = format!("master-key = {{ file = \"master.key\" }}\n{more}");
        Home::with_file(wechat, ("master.key", &"5e".repeat(32)), &lines)
    })
}

/// What `key export` prints on one is given to `key import` on the other.
fn hand_over_keys(from: &Home, to: &Home) {
    let exported = from.command(&["key", "export"]).output().unwrap();
    assert!(exported.status.success());
    let mut import = to.command(&["key", "import", "-"]);
    let mut import = import.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(&exported.stdout).unwrap();
    assert!(import.wait().unwrap().success());
}

/// Asks a site with this key, until it knows the key.
async fn asked(home: &Home, key: &str, path: &str, wanted: u16) -> String {
    let asking = async {
        loop {
            let (status, body) = answer(&mut home.ask(key, path).await.unwrap()).await.unwrap();
            if status == wanted {
                break body;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{path}: {}", home.printed()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_unconnected_nodes_serve_the_same_token_to_the_same_clients() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let [one, two] = sites(&wechat);
    let (key, id) = one.create_key(&["--role", "service"]);
    let (virtual_key, _) = one.create_key(&["--right", "gateway"]);
    hand_over_keys(&one, &two);
    let nodes = (one.start().await, two.start().await);
    let token = one.token(0).await.unwrap();
    assert_eq!(two.token(0).await.unwrap(), token, "WeChat repeats it");
    assert_eq!(wechat.fetches(), 2);

    let path = format!("/v1/accounts/{}/token", appid(0));
    for home in [&one, &two] {
        assert!(asked(home, &key, &path, 200).await.contains(&token));
    }
    // What one has given to a client, the gateway of the other takes.
    let ask = format!(
        "/cgi-bin/token?grant_type=client_credential&appid={}&secret={virtual_key}",
        appid(0)
    );
    let given: Value = serde_json::from_str(&asked(&one, "", &ask, 200).await).unwrap();
    let given = given["access_token"].as_str().unwrap();
    assert!(given.starts_with("lpv_"), "{given}");
    for home in [&one, &two] {
        let body = asked(home, "", &format!("/cgi-bin/user/get?access_token={given}"), 200).await;
        assert!(body.contains("openid"), "{body}");
    }
    // A key that is revoked on one is revoked on the other as soon as it is told so.
    assert!(two.command(&["key", "revoke", &id]).output().unwrap().status.success());
    hand_over_keys(&two, &one);
    asked(&one, &key, &path, 401).await;
    hand_over_keys(&one, &two);
    asked(&two, &key, &path, 401).await;

    // One site is gone; the other has everything it needs.
    nodes.0.kill();
    assert_eq!(two.token(0).await.unwrap(), token);
    assert_eq!(wechat.fetches(), 2);
    nodes.1.end().await;
    for home in [&one, &two] {
        home.assert_nothing_leaked();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_unconnected_nodes_one_forces_a_new_token_and_the_other_finds_it() {
    // All times shrink with the life of a token.
    let wechat = WeChat::start(Duration::from_secs(240), 1).await;
    let [one, two] = sites(&wechat);
    let nodes = (one.start().await, two.start().await);
    let token = one.token(0).await.unwrap();
    assert_eq!(two.token(0).await.unwrap(), token);
    // WeChat refuses the token, and hands it out all the same.
    wechat.world.with(|world, now| {
        world.revoke(now, &appid(0), &[Family::Stable], Revocation::Stubborn).unwrap();
    });
    two.report(0, &token).await;
    assert_eq!(wechat.counters().app(&appid(0)).forced, 0, "that is left to the other");
    let replaced = async |home: &Home| {
        loop {
            if let Ok(now) = home.token(0).await
                && now != token
            {
                break now;
            }
            home.report(0, &token).await;
            sleep(Duration::from_millis(100)).await;
        }
    };
    let new =
        timeout(PATIENCE, replaced(&one)).await.unwrap_or_else(|_| panic!("{}", one.printed()));
    assert!(wechat.accepts(&new));
    // A token is tried once in half a minute, however often it is reported.
    let found =
        timeout(2 * PATIENCE, replaced(&two)).await.unwrap_or_else(|_| panic!("{}", two.printed()));
    assert_eq!(found, new);
    assert_eq!(wechat.counters().app(&appid(0)).forced, 1);
    nodes.0.end().await;
    nodes.1.end().await;
}
