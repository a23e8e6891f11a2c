//! A supervisor that holds the socket, wants to hear of readiness and of life, and starts the server again: what systemd does.

use std::process::Command;
use std::time::Duration;

use crate::node::{Home, WeChat};

const SUPERVISED: &[&str] = &["python3", "-c", include_str!("supervisor.py")];

async fn supervised() -> (WeChat, Home) {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "").under(SUPERVISED);
    std::fs::write(home.file("socket"), home.port.to_string()).unwrap();
    (wechat, home)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_a_supervisor_starts_the_server_again() {
    let (wechat, home) = supervised().await;
    let supervisor = home.launch();
    home.wait_for("told READY=1 STATUS=accounts kept: 1").await;
    home.wait_for("told WATCHDOG=1").await;
    home.token(0).await.unwrap();

    let before = home.printed();
    let pid = before.split("started ").nth(1).unwrap().lines().next().unwrap();
    assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
    // Nobody listens now, and nobody notices: the connection waits for the next server.
    home.token(0).await.unwrap();
    home.wait_for_after(before.len(), "ended with -9").await;
    assert_eq!(wechat.fetches(), 1);

    home.wait_for_after(before.len(), "told READY=1").await;
    supervisor.signal("TERM");
    home.wait_for("told STOPPING=1").await;
    home.wait_for("ended with 0").await;
    supervisor.ended().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_the_configuration_does_not_name_is_an_error_and_not_a_silence() {
    let (_wechat, home) = supervised().await;
    home.write(&home.configuration().replace(&format!(":{}\"", home.port), ":0\""));
    home.launch().ended().await;
    let printed = home.printed();
    let said =
        format!("the socket 127.0.0.1:{} was handed over (LISTEN_FDS), and `listen`", home.port);
    assert!(printed.contains(&said), "{printed}");
    assert!(printed.contains("ended with 1"), "{printed}");
}
