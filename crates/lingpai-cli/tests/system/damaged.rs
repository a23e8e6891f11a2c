//! An account whose record is damaged is added again, by whoever asks the server and by a command.

use std::time::Duration;

use crate::node::{Home, WeChat, appid, secret};
use crate::reload::token_soon;

/// The AppSecret of the second account does not open any more.
fn damage(home: &Home) {
    let store = rusqlite::Connection::open(home.store()).unwrap();
    let statement = "UPDATE accounts SET secret = x'00' WHERE id = ?1";
    assert_eq!(store.execute(statement, [appid(1)]).unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_account_is_added_again_over_http_and_by_a_command() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let body = format!(r#"{{"account": "{}", "secret": "{}"}}"#, appid(1), secret(1));
    let node = home.start().await;
    assert_eq!(home.call("POST", "/v1/accounts", &body).await.0, 201);
    damage(&home);
    assert_eq!(home.call("POST", "/v1/accounts", &body).await.0, 201);
    assert_ne!(home.call("POST", "/v1/accounts", &body).await.0, 201, "it is there again");
    assert!(wechat.accepts(&token_soon(&home, 1).await));
    node.end().await;

    damage(&home);
    let run = |arguments: &[&str]| {
        let output = home.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (_, listed, told) = run(&["account", "list", "--json"]);
    assert!(!listed.contains(&appid(1)) && told.contains(&appid(1)), "{listed}{told}");
    std::fs::write(home.secret_file(1), secret(1)).unwrap();
    let file = home.secret_file(1);
    let add = ["account", "add", &appid(1), "--secret-file", file.to_str().unwrap()];
    let (is_added, _, told) = run(&add);
    assert!(is_added, "{told}");
    assert!(!run(&add).0, "it is there again");
    let node = home.start().await;
    assert!(wechat.accepts(&token_soon(&home, 1).await));
    node.end().await;
    home.assert_nothing_leaked();
}
