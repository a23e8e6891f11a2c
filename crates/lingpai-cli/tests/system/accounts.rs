//! Accounts that are changed over HTTP while the server runs.

use std::time::Duration;

use lingpai_sandbox::{Family, Fault, FaultKind, Revocation, When};
use serde_json::{Value, json};

use crate::node::{Home, WeChat, appid};

fn secret(home: &Home, account: usize) -> String {
    std::fs::read_to_string(home.secret_file(account)).unwrap()
}

async fn create(home: &Home, account: usize, mode: &str) -> (u16, String) {
    let wanted = json!({"account": appid(account), "secret": secret(home, account), "mode": mode});
    home.call("POST", "/v1/accounts", &wanted.to_string()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_created_over_http_is_served_at_once_and_after_a_restart_until_it_is_removed() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 2, "stable", "", "");
    home.configure(1);
    let node = home.start().await;
    assert_eq!(create(&home, 1, "classic").await.0, 201);
    let token = home.token(1).await.unwrap();
    assert!(wechat.accepts(&token));
    home.wait_for("the account was changed").await;
    node.end().await;

    let node = home.start().await;
    assert_eq!(home.token(1).await.unwrap(), token);
    let path = format!("/v1/accounts/{}", appid(1));
    assert_eq!(home.call("DELETE", &path, "").await.0, 204);
    assert!(home.token(1).await.unwrap_err().contains("account-unknown"));
    home.token(0).await.unwrap();
    assert_eq!(create(&home, 1, "classic").await.0, 201, "it can come back");
    assert!(wechat.accepts(&home.token(1).await.unwrap()));
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_tried_before_it_replaces_another_and_no_token_dies_of_that() {
    for mode in ["stable", "classic"] {
        let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
        let home = Home::new(&wechat, 2, mode, "", "");
        home.configure(1);
        let node = home.start().await;
        assert_eq!(create(&home, 1, mode).await.0, 201);
        let token = home.token(1).await.unwrap();
        let path = format!("/v1/accounts/{}/secret", appid(1));
        let replace = async |secret: &str| {
            let body = json!({"secret": secret}).to_string();
            let (status, body) = home.call("PUT", &path, &body).await;
            (status, serde_json::from_str::<Value>(&body).unwrap())
        };
        let (status, refused) = replace(&"0".repeat(32)).await;
        assert_eq!(
            (status, &refused["error"]["code"]),
            (422, &json!("secret-refused")),
            "{refused}"
        );
        let reset = wechat.world.with(|world, _| world.reset_secret(&appid(1), None).unwrap());
        let (status, changed) = replace(reset.expose()).await;
        assert_eq!((status, changed.get("warning")), (200, None), "{changed}");
        assert_eq!(home.token(1).await.unwrap(), token, "{mode}");
        assert!(wechat.accepts(&token), "{mode}");

        // And it is the new one that the next token is fetched with.
        wechat.world.with(|world, now| {
            world.revoke(now, &appid(1), Family::ALL, Revocation::default()).unwrap();
        });
        let answer = home.report(1, &token).await;
        assert!(answer.contains("rotated"), "{answer}");
        assert!(wechat.accepts(&home.token(1).await.unwrap()), "{mode}");
        assert!(!home.printed().contains(reset.expose()));
        node.end().await;
        home.assert_nothing_leaked();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_wechat_is_slow_to_judge_holds_up_no_other_account() {
    let wechat = WeChat::start(Duration::from_secs(7200), 3).await;
    let home = Home::new(&wechat, 3, "stable", "", "");
    home.configure(1);
    let node = home.start().await;
    for account in [1, 2] {
        assert_eq!(create(&home, account, "stable").await.0, 201);
        home.token(account).await.unwrap();
    }
    let hangs = Fault::new(FaultKind::Hang { when: When::Before }).of(&appid(1));
    wechat.world.with(|world, now| world.fault(now, hangs).unwrap());
    let path = |account| format!("/v1/accounts/{}", appid(account));
    let body = json!({"secret": secret(&home, 1)}).to_string();
    let (slow_path, lead) = (format!("{}/secret", path(1)), r#"{"lead": 120}"#);
    let slow = home.call("PUT", &slow_path, &body);
    let asked = wechat.fetches();
    let other = async {
        while wechat.fetches() == asked {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        home.call("PATCH", &path(2), lead).await
    };
    let mut slow = std::pin::pin!(slow);
    tokio::select! {
        biased;
        slow = &mut slow => panic!("the trial hung for no time: {slow:?}"),
        (status, body) = other => assert_eq!(status, 200, "{body}"),
    }
    let (status, changed) = slow.await;
    assert!(status == 200 && changed.contains("warning"), "{changed}");
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_the_configuration_is_not_changed_over_http() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    let path = format!("/v1/accounts/{}", appid(0));
    let of_secret = format!("{path}/secret");
    let body = |secret: &str| json!({"secret": secret}).to_string();
    // A secret is tried all the same: whoever is to put it into its file hears of a wrong one beforehand.
    let (status, refused) = home.call("PUT", &of_secret, &body(&"0".repeat(32))).await;
    assert!(status == 422 && refused.contains("secret-refused"), "{refused}");
    let (status, kept) = home.call("PUT", &of_secret, &body(&secret(&home, 0))).await;
    assert_eq!(status, 200, "the one that it has in its file: {kept}");
    let new = wechat.world.with(|world, _| world.reset_secret(&appid(0), None).unwrap());
    for (method, path, body) in [
        ("PATCH", path.clone(), "{}".to_owned()),
        ("DELETE", path.clone(), String::new()),
        ("PUT", of_secret, body(new.expose())),
    ] {
        let (status, body) = home.call(method, &path, &body).await;
        assert!(status == 409 && body.contains("stands in lingpai.toml"), "{method}: {body}");
    }
    assert_eq!(create(&home, 0, "stable").await.0, 409);
    home.token(0).await.unwrap();
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_has_a_server_change_accounts() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 2, "stable", "", "");
    home.configure(1);
    let node = home.start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let server = format!("http://127.0.0.1:{}", home.port);
    let command = |arguments: &[&str]| {
        let mut command = home.command(&["account"]);
        command.current_dir(elsewhere.path()).env("LINGPAI_KEY", home.key());
        let output = command.args(arguments).args(["--server", &server]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let right = home.secret_file(1).display().to_string();
    std::fs::write(home.secret_file(2), "0".repeat(32)).unwrap();
    let wrong = home.secret_file(2).display().to_string();

    let added = command(&["add", &appid(1), "--mode", "classic", "--secret-file", &right]);
    assert_eq!(added.0, Some(0), "{}", added.1);
    let token = home.token(1).await.unwrap();
    let refused = command(&["set-secret", &appid(1), "--secret-file", &wrong]);
    assert!(refused.0 == Some(1) && refused.1.contains("WeChat refuses"), "{}", refused.1);
    let replaced = command(&["set-secret", &appid(1), "--secret-file", &right]);
    assert!(replaced.1.contains("which WeChat accepts"), "{}", replaced.1);
    assert_eq!(home.token(1).await.unwrap(), token);
    assert_eq!(command(&["remove", &appid(1)]).0, Some(0));
    let again = command(&["remove", &appid(1)]);
    assert!(again.0 == Some(1) && again.1.contains("no account of this name"), "{}", again.1);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "no store is made here");
    node.end().await;
    home.assert_nothing_leaked();
}
