//! Mini Programs that have authorised a platform have no tickets, and that is known at the price of one call for each, made
//! when it matters.

use std::sync::Arc;
use std::time::Duration;

use lingpai_sandbox::{AppKind, AppSettings, DEMO_COMPONENT, Fault, FaultKind, World};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::node::{Home, WeChat};
use crate::platforms::{home, push, until};

const INFO: &str = "/cgi-bin/component/api_get_authorizer_info";
const GETTICKET: &str = "/cgi-bin/ticket/getticket";

const MINI: [&str; 4] =
    ["wx00000000000000b1", "wx00000000000000b2", "wx00000000000000b3", "wx00000000000000b5"];
const OFFICIAL: &str = "wx00000000000000b4";

fn with_apps(world: &mut World) {
    for appid in MINI {
        world.add_app(AppSettings::new(appid, AppKind::MiniProgram)).unwrap();
    }
    world.add_app(AppSettings::new(OFFICIAL, AppKind::OfficialAccount)).unwrap();
}

async fn kind(home: &Home, appid: &str) -> String {
    let (_, body) = home.get(&format!("/v1/accounts/{appid}")).await.unwrap();
    let told: Value = serde_json::from_str(&body).unwrap();
    told["account_kind"].as_str().unwrap_or_default().to_owned()
}

/// What comes of asking for a ticket: the status, and the code of a refusal.
async fn ticket(home: &Home, appid: &str) -> (u16, String) {
    let (status, body) = home.get(&format!("/v1/accounts/{appid}/tickets/jsapi")).await.unwrap();
    let told: Value = serde_json::from_str(&body).unwrap();
    (status, told["error"]["code"].as_str().unwrap_or_default().to_owned())
}

async fn has_token(home: &Home, appid: &str) {
    let path = format!("/v1/accounts/{appid}/token");
    until("an authorizer has no token", async || home.get(&path).await.unwrap().0 == 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mini_program_that_authorises_a_platform_is_known_as_one_and_has_no_tickets() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    wechat.world.with(|world, _| with_apps(world));
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    for appid in [MINI[0], OFFICIAL] {
        wechat.world.with(|world, now| world.authorize(now, DEMO_COMPONENT, appid).unwrap());
        has_token(&home, appid).await;
    }
    until("it is not known as a Mini Program", async || {
        kind(&home, MINI[0]).await == "authorizer-mini-program"
    })
    .await;
    assert_eq!(kind(&home, OFFICIAL).await, "authorizer");
    let refused = (404, "no-tickets".to_owned());
    assert_eq!(ticket(&home, MINI[0]).await, refused);
    // An SDK's way to it.
    let path = format!("/gateway/{}{GETTICKET}?type=jsapi", MINI[0]);
    let (_, body) = home.get(&path).await.unwrap();
    assert!(body.contains("no such ticket"), "{body}");
    assert_eq!(wechat.counters().calls_of(GETTICKET), 0, "WeChat is not asked in vain");
    assert_eq!(ticket(&home, OFFICIAL).await.0, 200);
    // It authorises the platform again, and stays what it is.
    wechat.world.with(|world, now| world.authorize(now, DEMO_COMPONENT, MINI[0]).unwrap());
    has_token(&home, MINI[0]).await;
    assert_eq!(ticket(&home, MINI[0]).await, refused);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_asks_for_nothing_and_the_first_ticket_that_is_wanted_asks_once() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    wechat.world.with(|world, _| with_apps(world));
    let home = Arc::new(home(&wechat));
    let node = home.start().await;
    push(&wechat, &home).await;
    let refresh = |appid: &str| {
        wechat.world.with(|world, now| {
            world.push_to(now, DEMO_COMPONENT, None).unwrap();
            world.authorize(now, DEMO_COMPONENT, appid).unwrap();
            world.latest_refresh_token((DEMO_COMPONENT, appid)).unwrap().to_owned()
        })
    };
    let row = |appid: &str, kind: &str| format!("{appid},{},{kind}\n", refresh(appid));
    let csv = "account,refresh_token,kind\n".to_owned()
        + &row(MINI[1], "mini-program")
        + &row(MINI[2], "")
        + &row(MINI[3], "")
        + &row(OFFICIAL, "");
    let file = home.file("list.csv");
    std::fs::write(&file, csv).unwrap();
    let import = ["platform", "import", DEMO_COMPONENT, file.to_str().unwrap()];
    let output = home.command(&import).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    // What a later file says of an account that is kept counts too.
    let csv = "account,refresh_token,kind\n".to_owned() + MINI[3] + ",older,mini-program\n";
    std::fs::write(&file, csv).unwrap();
    let output = home.command(&import).env("LINGPAI_LANG", "en").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("1 are known as Mini Programs"), "{said}");
    for appid in MINI[1..].iter().copied().chain([OFFICIAL]) {
        has_token(&home, appid).await;
    }
    assert_eq!(wechat.counters().calls_of(INFO), 0, "not even of those who may be Mini Programs");
    let refused = (404, "no-tickets".to_owned());
    for appid in [MINI[1], MINI[3]] {
        assert_eq!(ticket(&home, appid).await, refused);
    }
    assert_eq!(wechat.counters().calls_of(INFO), 0, "the files have said so");
    let slow = Fault::new(FaultKind::Latency { milliseconds: 300 }).on(INFO);
    wechat.world.with(|world, now| world.fault(now, slow).unwrap());
    let mut together = JoinSet::new();
    for appid in [MINI[2], OFFICIAL].repeat(20) {
        let home = Arc::clone(&home);
        together.spawn(async move { ticket(&home, appid).await });
    }
    together.join_all().await;
    for _ in 0..2 {
        assert_eq!(ticket(&home, MINI[2]).await, refused);
        assert_eq!(ticket(&home, OFFICIAL).await.0, 200);
        assert_eq!(wechat.counters().calls_of(INFO), 2, "once for each");
    }
    assert_eq!(kind(&home, MINI[2]).await, "authorizer-mini-program");
    node.end().await;
}
