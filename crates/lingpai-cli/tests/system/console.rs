//! The console in a real Chromium: its main ways, live, accessible, in both languages, on a phone, and with hostile texts in
//! every place that somebody else can fill. What is done there is `tests/console/story.mjs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lingpai_sandbox::{DEMO_COMPONENT, Fault, FaultKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

use crate::node::{Home, WeChat, appid, secret};
use crate::platforms;

/// Short enough for a token to be replaced soon after another.
const LIFE: Duration = Duration::from_secs(90);
/// Kept by the node.
const ACCOUNTS: usize = 8;
/// Whose token cannot be had, by a refusal whose words are hostile.
const FAILING: usize = 2;
/// Kept beside them, and set up over HTTP, so that it can be changed there too.
const STORED: usize = ACCOUNTS;
/// Those that authorise a platform, where there is one.
const AUTHORIZERS: std::ops::Range<usize> = ACCOUNTS + 1..ACCOUNTS + 13;
/// How long a browser may take for one story.
const PATIENCE: Duration = Duration::from_mins(5);
/// Markup that would run a script.
const HOSTILE: &str = "<img src=x onerror=alert(1)>";

/// A server whose accounts stand in different ways, with tokens that live so long, and whose alert is answered like this.
async fn stage(life: Duration, refused: &str, robot: &str, console: &str) -> (WeChat, Home) {
    let wechat = WeChat::start(life, AUTHORIZERS.end).await;
    let home = Home::new(&wechat, ACCOUNTS, "classic", "private-networks = [\"127.0.0.0/8\"]", "");
    std::fs::write(home.file("robot"), receiver(robot).await).unwrap();
    let alert = "[[alert]]\nname = \"ops\"\nrobot = \"dingtalk\"\nurl = { file = \"robot\" }\n";
    home.write(&format!("{}\n{alert}[console]\n{console}\n", home.configuration()));
    for (errcode, errmsg, account) in
        [(40164, refused, FAILING), (45009, "reach max api daily quota limit", 5)]
    {
        let fault = FaultKind::Errcode { errcode, errmsg: Some(errmsg.to_owned()) };
        let fault = Fault::new(fault).on("*token").of(&appid(account));
        wechat.world.with(|world, now| world.fault(now, fault).unwrap());
    }
    (wechat, home)
}

/// The URL of a robot that answers everything like this.
pub(crate) async fn receiver(body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/robot", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                // The messages are short, and come in one piece.
                let mut message = vec![0; 65_536];
                let _ = stream.read(&mut message).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
                while matches!(stream.read(&mut message).await, Ok(1..)) {}
            });
        }
    });
    url
}

/// Has one more account kept, by the API.
async fn keep_one_more(home: &Home) {
    let (account, secret) = (appid(STORED), secret(STORED));
    let body = format!(r#"{{"account": "{account}", "secret": "{secret}", "mode": "classic"}}"#);
    let (status, answer) = home.call("POST", "/v1/accounts", &body).await;
    assert_eq!(status, 201, "{answer}");
}

fn node(home: &Home, script: &str) -> Command {
    let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools/console");
    assert!(modules.exists(), "the browser's driver is missing: `cargo xtask test` installs it");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
    let accounts: Vec<_> = (0..ACCOUNTS).map(appid).collect();
    let mut command = Command::new("node");
    command.arg(scripts.join(script)).env("CONSOLE_MODULES", modules);
    command.env("CONSOLE_URL", format!("http://127.0.0.1:{}", home.port));
    command.env("CONSOLE_KEY", &home.key).env("CONSOLE_ACCOUNTS", accounts.join(","));
    command.env("CONSOLE_STORED", appid(STORED)).env("CONSOLE_HOSTILE", HOSTILE);
    command.env("NO_PROXY", "127.0.0.1").kill_on_drop(true);
    command
}

async fn run(mut command: Command) {
    let output = timeout(PATIENCE, command.output()).await.expect("it takes too long").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_looks_in_a_browser_sees_it_live_and_does_what_is_to_be_done() {
    let refused = "invalid ip 203.0.113.7, not in whitelist";
    let robot = r#"{"errcode": 310000, "errmsg": "sign not match"}"#;
    let (_wechat, home) = stage(LIFE, refused, robot, "").await;
    let node_ = home.start().await;
    keep_one_more(&home).await;
    home.token(0).await.unwrap();
    run(node(&home, "story.mjs")).await;
    node_.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_has_its_authorizers_in_pages_and_makes_links_for_more() {
    const MANY: usize = 60;
    let wechat = WeChat::start(Duration::from_secs(7200), MANY).await;
    let home = platforms::home(&wechat);
    let node_ = home.start().await;
    platforms::push(&wechat, &home).await;
    (0..MANY).for_each(|number| platforms::authorize(&wechat, number));
    platforms::until("they do not come", async || {
        let path = format!("/v1/overview?platform={DEMO_COMPONENT}&state=good");
        home.call("GET", &path, "").await.1.contains(&format!("\"found\":{MANY}"))
    })
    .await;
    platforms::token(&home, 0).await;
    let mut command = node(&home, "platform.mjs");
    command.env("CONSOLE_PLATFORM", DEMO_COMPONENT).env("CONSOLE_MANY", MANY.to_string());
    run(command).await;
    node_.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_in_the_language_that_was_chosen_and_in_no_other() {
    let refused = "invalid ip 203.0.113.7, not in whitelist";
    let robot = r#"{"errcode": 310000, "errmsg": "sign not match"}"#;
    let (wechat, home) = stage(LIFE, refused, robot, "reveal = true").await;
    platforms::keep_platform(&home);
    let node_ = home.start().await;
    platforms::push(&wechat, &home).await;
    keep_one_more(&home).await;
    home.token(0).await.unwrap();
    let mut command = node(&home, "words.mjs");
    command.env("CONSOLE_PLATFORM", DEMO_COMPONENT);
    run(command).await;
    node_.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_strangers_say_is_shown_as_text() {
    let refused = format!("invalid ip 203.0.113.7 {HOSTILE} `{HOSTILE}`, not in whitelist");
    let robot = format!(r#"{{"errcode": 310000, "errmsg": "{HOSTILE}"}}"#);
    let (_wechat, home) = stage(LIFE, &refused, &robot, "reveal = true").await;
    let node_ = home.start().await;
    keep_one_more(&home).await;
    home.token(0).await.unwrap();
    run(node(&home, "hostile.mjs")).await;
    node_.end().await;
    home.assert_nothing_leaked();
}

/// Pictures for the documentation, in the folder that `cargo xtask screenshots` names.
#[ignore = "it proves nothing: `cargo xtask screenshots` runs it"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_page_has_its_picture_in_both_languages() {
    let folder = PathBuf::from(std::env::var_os("LINGPAI_SCREENSHOTS").expect("a folder"));
    let life = Duration::from_secs(10);
    let refused = "invalid ip 203.0.113.7, not in whitelist";
    let robot = r#"{"errcode": 0, "errmsg": "ok"}"#;
    let (wechat, home) = stage(life, refused, robot, "").await;
    wechat.stagger("classic", ACCOUNTS, life, life / 4);
    platforms::keep_platform(&home);
    let node_ = home.start().await;
    platforms::push(&wechat, &home).await;
    AUTHORIZERS.for_each(|number| platforms::authorize(&wechat, number));
    for (name, role) in [("orders", "service"), ("grafana", "viewer"), ("night shift", "operator")]
    {
        let body = format!(r#"{{"name": "{name}", "role": "{role}", "accounts": "all"}}"#);
        assert_eq!(home.call("POST", "/v1/keys", &body).await.0, 201);
    }
    // Somebody else refreshes once, and an account has a bad minute: so that there is something to see.
    tokio::time::sleep(life * 2).await;
    wechat.revoke(0);
    let refused = home.token(0).await.unwrap();
    home.report(0, &refused).await;
    let trouble = Fault::new(FaultKind::Errcode { errcode: -1, errmsg: None }).on("*token");
    let trouble = trouble.of(&appid(1)).times(2);
    wechat.world.with(|world, now| world.fault(now, trouble).unwrap());
    for _ in 0..5 {
        home.call("GET", &format!("/gateway/{}/cgi-bin/user/info?openid=o1", appid(0)), "").await;
    }
    home.call("GET", &format!("/gateway/{}/cgi-bin/getcallbackip", appid(0)), "").await;
    tokio::time::sleep(life * 2).await;
    let mut command = node(&home, "screenshots.mjs");
    command
        .env("LINGPAI_SCREENSHOTS", folder)
        .env("CONSOLE_PLATFORM", DEMO_COMPONENT)
        .env("CONSOLE_PACE", (7200 / life.as_secs()).to_string());
    run(command).await;
    node_.end().await;
}
