//! `lingpai try`: what is said of an account whose address is not let in at first, whose secret is wrong, who is fine.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use lingpai_sandbox::{AppKind, AppSettings, Decision, Fault, FaultKind, Quotas, When};
use tokio::time::{Instant, sleep};

use crate::node::{Home, PATIENCE, WeChat, appid};
use crate::proxy::Proxy;
use crate::terminal::at_terminal;

const HERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// In an empty folder, with the secret in a file.
fn attempt(home: &Home, wechat: &WeChat, arguments: &[&str]) -> Command {
    let mut command = home.command(&["try", &appid(0)]);
    let secret = home.secret_file(0);
    command.args(["--upstream", &format!("http://{}", wechat.addr), "--secret-file"]).arg(secret);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_listed_during_the_watch_is_noticed_and_the_rest_is_told() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    wechat.world.with(|world, _| world.block_ip(&appid(0), HERE).unwrap());
    let files = || std::fs::read_dir(home.file("")).unwrap().count();
    let before = files();
    let child = attempt(&home, &wechat, &["--every", "1s", "--sdk", "wechatpy"]).spawn().unwrap();
    let until = Instant::now() + PATIENCE;
    while wechat.counters().calls_of("/cgi-bin/stable_token") < 2 {
        assert!(Instant::now() < until, "it does not look again");
        sleep(Duration::from_millis(20)).await;
    }
    wechat.world.with(|world, _| world.allow_ip(&appid(0), HERE).unwrap());
    let output = child.wait_with_output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for part in [
        "WeChat sees this machine as 127.0.0.1 and does not let it in (errcode 40164)",
        "API IP白名单",
        "Looking again in 1s",
        "ok AppSecret: right",
        "WeChat sees this machine as 127.0.0.1, and lets it in",
        "calls for a token a day",
        "drop-in, API, sink only from addresses that are listed too",
        "client = WeChatClient(",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(said.matches("FAILED").count(), 1, "said once: {said}");
    // Nothing was forced, nothing of the other family was asked for, and nothing is stored.
    assert_eq!(wechat.counters().calls_of("/cgi-bin/token"), 0);
    let counted = wechat.counters().app(&appid(0));
    assert_eq!((counted.minted.stable, counted.forced), (1, 0));
    assert_eq!(files(), before);
    let secret = std::fs::read_to_string(home.secret_file(0)).unwrap();
    assert!(!said.contains(&secret));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_use_survives_a_try_and_a_wrong_secret_is_named() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    let token = home.token(0).await.unwrap();
    let started = Instant::now();
    let output = attempt(&home, &wechat, &["--once"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(wechat.accepts(&token) && home.token(0).await.unwrap() == token);
    assert!(!said(&output).contains(&token), "no token is printed");
    node.end().await;

    std::fs::write(home.secret_file(0), "5ec2e7ffffffffffffffffffffffffff").unwrap();
    let output = attempt(&home, &wechat, &["--once"]).output().unwrap();
    let told = said(&output);
    assert!(!output.status.success() && told.contains("errcode 40125"), "{told}");
    let output = home.command(&["try", "--sandbox"]).output().unwrap();
    let told = said(&output);
    assert!(output.status.success() && told.contains("simulated WeChat"), "{told}");
    assert!(told.contains("ok AppSecret") && told.contains("curl -sS"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_asked_for_appid_and_secret_and_the_secret_is_not_shown() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let secret = std::fs::read_to_string(home.secret_file(0)).unwrap();
    let mut command =
        home.command(&["try", "--once", "--upstream", &format!("http://{}", wechat.addr)]);
    command.env("LINGPAI_LANG", "en");
    let (ok, shown) = at_terminal(&command, &[("appid:", &appid(0)), ("(not shown): ", &secret)]);
    assert!(ok && shown.contains("AppSecret: right"), "{shown}");
    assert!(shown.contains(&appid(0)) && !shown.contains(&secret), "{shown}");
}

/// The next line of what it says that has this in it.
fn line_with(said: &mut impl BufRead, part: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended without `{part}`");
        if line.contains(part) {
            return line;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_is_not_pressed_and_a_ban_is_waited_for() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let calls = || wechat.counters().calls_of("/cgi-bin/stable_token");
    wechat.world.with(|world, _| world.require_confirmation(&appid(0), HERE).unwrap());
    let mut asked = attempt(&home, &wechat, &["--every", "1s"]);
    let mut child = asked.env("LINGPAI_LANG", "en").spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    assert!(line_with(&mut said, "Looking again in").contains("in 1m,"));
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(calls(), 1, "the administrator was asked a moment ago");
    child.kill().unwrap();
    let told = said_by(child);
    assert!(told.contains("errcode 89503") && told.contains("have it accepted"), "{told}");

    wechat.world.with(|world, now| world.decide(now, &appid(0), HERE, Decision::Refuse).unwrap());
    let mut asked = attempt(&home, &wechat, &["--every", "1s"]);
    let mut child = asked.env("LINGPAI_LANG", "en").spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let pause = line_with(&mut said, "Looking again in");
    assert!(pause.contains("in 1h,"), "{pause}");
    child.kill().unwrap();
    let told = said_by(child);
    assert!(told.contains("errcode 89507") && told.contains("banned for a while"), "{told}");
    assert_eq!(calls(), 2);
}

/// What a child that was killed has printed.
fn said_by(child: std::process::Child) -> String {
    said(&child.wait_with_output().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_is_used_up_is_told_with_what_to_do() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = Home::new(&wechat, 0, "stable", "", "");
    let quotas = Quotas { stable_per_day: 1, ..Quotas::default() };
    let app = AppSettings { quotas, ..AppSettings::new(&appid(0), AppKind::OfficialAccount) };
    let secret = wechat.world.with(|world, _| {
        world.add_app(app).unwrap();
        world.secret(&appid(0)).unwrap().expose().to_owned()
    });
    std::fs::write(home.secret_file(0), secret).unwrap();
    let mut once = attempt(&home, &wechat, &["--once"]);
    let told = said(&once.env("LINGPAI_LANG", "en").output().unwrap());
    for part in ["FAILED quota: of 1 calls for a token a day, 0 are left", "midnight in China"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_behind_a_proxy_is_tried_through_it() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let proxy = Proxy::start(&wechat).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let mut command =
        home.command(&["try", &appid(0), "--once", "--upstream", "http://wechat.invalid"]);
    command.arg("--secret-file").arg(home.secret_file(0)).env("LINGPAI_LANG", "en");
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let output = command.args(["--proxy", &url]).output().unwrap();
    let told = said(&output);
    assert!(output.status.success(), "{told}");
    for part in ["WeChat sees the proxy as 127.0.0.1, and lets it in", &format!("--proxy {url}")] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(proxy.asked().iter().all(|head| head.contains("CONNECT wechat.invalid:80")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wechat_that_hangs_is_told_within_ten_seconds() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let hang = Fault::new(FaultKind::Hang { when: When::Before });
    wechat.world.with(|world, now| world.fault(now, hang).unwrap());
    let begun = Instant::now();
    let output = attempt(&home, &wechat, &[]).output().unwrap();
    assert!(!output.status.success() && !said(&output).is_empty());
    assert!(begun.elapsed() < Duration::from_millis(10_500), "{:?}", begun.elapsed());
}
