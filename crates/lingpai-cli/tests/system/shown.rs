//! What a terminal shows as it happens: events that are followed, and the overview of `lingpai status --watch`.

use std::process::Stdio;
use std::time::Duration;

use lingpai_sandbox::{Fault, FaultKind};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

use crate::node::{Home, PATIENCE, WeChat, appid};
use crate::reload::token_soon;

/// Two hours.
const LIFE: Duration = Duration::from_secs(7200);

fn command(home: &Home, arguments: &[&str]) -> std::process::Command {
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(&[arguments, &["--server", &server]].concat());
    command.env("LINGPAI_KEY", home.key()).env("LINGPAI_LANG", "en");
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_followed_as_they_happen_and_past_a_restart_of_the_server() {
    let wechat = WeChat::start(LIFE, 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    token_soon(&home, 0).await;
    let mut following = Command::from(command(&home, &["events", "--follow", "--json"]));
    let mut following =
        following.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut until = async |told: &str| {
        let found = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let event: serde_json::Value = serde_json::from_str(&line).unwrap();
                if event["text"].as_str().unwrap().contains(told) {
                    return;
                }
            }
            panic!("it ended before {told}");
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("nothing of {told}"));
    };
    let make = async |name: &str| {
        let body = format!(r#"{{"name": "{name}", "role": "viewer", "accounts": "all"}}"#);
        let (status, made) = home.call("POST", "/v1/keys", &body).await;
        assert_eq!(status, 201, "{made}");
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        format!("the key {} was made by", made["id"].as_str().unwrap())
    };
    // What was is told first, so that nothing is missed between.
    until("good for").await;
    let first = make("one").await;
    until(&first).await;
    node.end().await;
    let node = home.start().await;
    let second = make("two").await;
    until(&second).await;
    node.end().await;
    home.assert_nothing_leaked();
}

/// Reads what a terminal is shown until this is in it.
async fn until(screen: &mut ChildStdout, shown: &mut String, text: &str) {
    let found = async {
        while !shown.contains(text) {
            let mut bytes = [0; 4096];
            let read = screen.read(&mut bytes).await.unwrap_or_default();
            assert!(read > 0, "it ended before {text}: {shown}");
            shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("nothing of {text}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_watches_how_accounts_stand_until_somebody_has_seen_enough() {
    let wechat = WeChat::start(LIFE, 2).await;
    let fault =
        FaultKind::Errcode { errcode: 40164, errmsg: Some("invalid ip 203.0.113.7".to_owned()) };
    let fault = Fault::new(fault).on("*token").of(&appid(1)).times(1);
    wechat.world.with(|world, now| world.fault(now, fault).unwrap());
    let home = Home::new(&wechat, 2, "stable", "", "");
    let node = home.start().await;
    token_soon(&home, 0).await;
    // `script` is a terminal for it.
    let inner = command(&home, &["status", "--watch"]);
    let words = [inner.get_program()].into_iter().chain(inner.get_args());
    let line: Vec<_> = words.map(|word| word.to_str().unwrap()).collect();
    let line = format!("stty rows 24 cols 100; exec {}", line.join(" "));
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).current_dir(inner.get_current_dir().unwrap());
    terminal.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    terminal.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut terminal = terminal.spawn().unwrap();
    let mut screen = terminal.stdout.take().unwrap();
    let mut shown = String::new();
    for text in ["1 of 2 need somebody", "invalid ip 203.0.113.7", &appid(0), "good"] {
        until(&mut screen, &mut shown, text).await;
    }
    // A server that goes away is told of, and seen when it is back, which has mended it here.
    shown.clear();
    node.end().await;
    until(&mut screen, &mut shown, "error: ").await;
    shown.clear();
    let node = home.start().await;
    until(&mut screen, &mut shown, "all is well: 2").await;
    terminal.stdin.take().unwrap().write_all(b"q").await.unwrap();
    let status = timeout(PATIENCE, terminal.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    node.end().await;
    home.assert_nothing_leaked();
}
