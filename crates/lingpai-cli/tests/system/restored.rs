//! A restored store with a platform's authorizers: WeChat's list is gone through once, before any of them is refreshed, whatever
//! is killed meanwhile, and however many nodes there are.

use std::time::Duration;

use lingpai_sandbox::{DEMO_COMPONENT, Fault, FaultKind};
use lingpai_store::conformance::RedisServer;

use crate::node::{Home, WeChat, appid};
use crate::platforms::{self, deed, push, token, until};

const LIST: &str = "/cgi-bin/component/api_get_authorizer_list";
const INFO: &str = "/cgi-bin/component/api_get_authorizer_info";
const REFRESH: &str = "/cgi-bin/component/api_authorizer_token";
/// Three pages of the list.
const MANY: usize = 420;
/// Has taken its authorisation back since the backup, and authorised since.
const GONE: usize = MANY - 1;
const NEW: usize = MANY;

fn calls(wechat: &WeChat, path: &str) -> u64 {
    wechat.counters().calls_of(path)
}

/// How many refreshes WeChat did not take.
pub(crate) fn refused(wechat: &WeChat) -> u64 {
    let counters = wechat.counters();
    let tally = &counters.paths[REFRESH];
    tally.calls - tally.outcomes.get("0").copied().unwrap_or(0)
}

fn command(home: &Home, arguments: &[&str]) -> String {
    let output = home.command(arguments).env("LINGPAI_LANG", "en").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// Authorises, without a word to anybody.
fn authorize(wechat: &WeChat, number: usize) {
    wechat.world.with(|world, now| {
        world.authorize(now, DEMO_COMPONENT, &appid(number)).unwrap();
        world.was_queried((DEMO_COMPONENT, &appid(number)));
    });
}

/// A backup of a node that keeps so many authorizers, and what has happened since: every third refresh token in it is dead, one
/// authorizer is gone, one is missing. The tokens of the others are the last.
async fn backup(wechat: &WeChat, home: &Home) -> Vec<String> {
    let node = home.start().await;
    push(wechat, home).await;
    wechat.world.with(|world, now| world.push_to(now, DEMO_COMPONENT, None).unwrap());
    (0..MANY).for_each(|number| authorize(wechat, number));
    command(home, &["platform", "recover", DEMO_COMPONENT]);
    let mut tokens = Vec::new();
    for number in 0..MANY {
        tokens.push(token(home, number).await);
    }
    command(home, &["store", "backup", "backup.db"]);
    node.kill();
    for number in (0..MANY).step_by(3) {
        deed(wechat, "lose-refresh-token", number).await;
    }
    deed(wechat, "unauthorize", GONE).await;
    authorize(wechat, NEW);
    tokens
}

/// Waits until each node tells the end of it.
pub(crate) async fn until_lifted(homes: &[&Home]) {
    for home in homes {
        until("the list is not gone through", async || {
            let events = home.get("/v1/events/history?event=authorizers-reconciled").await;
            events.is_ok_and(|(_, body)| body.contains("authorizers-reconciled"))
        })
        .await;
    }
}

/// Every token is one that WeChat takes, and no refresh was asked for with a dead refresh token.
async fn assert_all_is_well(wechat: &WeChat, home: &Home, refused_before: u64) {
    for number in (0..MANY - 1).chain([NEW]) {
        assert!(wechat.accepts(&token(home, number).await), "{}", appid(number));
    }
    for number in [0, 3, GONE - 2, NEW] {
        let token = token(home, number).await;
        wechat.revoke(number);
        assert!(home.report(number, &token).await.contains("\"rotated\""));
    }
    let path = format!("/v1/accounts/{}/token", appid(GONE));
    assert_eq!(home.get(&path).await.unwrap().0, 404);
    assert_eq!(refused(wechat), refused_before, "a refresh token was sent that was dead");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_goes_once_through_wechats_list_before_it_refreshes_whatever_is_killed() {
    let wechat = WeChat::start(Duration::from_secs(7200), MANY + 1).await;
    let home = platforms::home(&wechat);
    let tokens = backup(&wechat, &home).await;
    for file in std::fs::read_dir(home.file("")).unwrap().flatten() {
        if file.file_name().to_string_lossy().starts_with("lingpai.db") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let said = command(&home, &["store", "restore", "backup.db"]);
    assert!(said.contains("goes through WeChat's list before it refreshes"), "{said}");
    // A command that would refresh by itself does not.
    let alone =
        home.command(&["token", "--standalone", &appid(3)]).env("LINGPAI_LANG", "en").output();
    let said = String::from_utf8_lossy(&alone.unwrap().stderr).into_owned();
    assert!(said.contains("the store was restored from a backup"), "{said}");

    let [listed, refreshed, refused_before] =
        [calls(&wechat, LIST), calls(&wechat, REFRESH), refused(&wechat)];
    let slow = FaultKind::Latency { milliseconds: 400 };
    wechat.world.with(|world, now| world.fault(now, Fault::new(slow).on(LIST)).unwrap());
    let node = home.start().await;
    // Tokens that live are served meanwhile.
    for number in [0, 1, GONE - 1] {
        assert_eq!(home.token(number).await.unwrap(), tokens[number]);
    }
    home.wait_for("seen=200").await;
    assert_eq!(calls(&wechat, REFRESH), refreshed, "the list is not at its end");
    node.kill();
    let node = home.start().await;
    until_lifted(&[&home]).await;
    let in_all = calls(&wechat, LIST) - listed;
    // The kill may have come while a page was under way, which is then asked for once more.
    assert!((3..=4).contains(&in_all), "{in_all} calls for three pages");
    assert_all_is_well(&wechat, &home, refused_before).await;
    let (_, told) = home.get("/v1/events/history?event=authorizers-reconciled").await.unwrap();
    let (always, unless_repeated) =
        (["\"listed\":420", "\"removed\":1"], ["\"added\":1", "\"renewed\":140"]);
    // What was stored of a page that is asked for once more is nothing new then.
    let unless_repeated = unless_repeated.iter().filter(|_| in_all == 3);
    for part in always.iter().chain(unless_repeated) {
        assert!(told.contains(part), "{part}: {told}");
    }
    // That was it.
    node.end().await;
    let node = home.start().await;
    token(&home, 0).await;
    assert_eq!(calls(&wechat, LIST) - listed, in_all);
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_nodes_on_one_redis_one_goes_through_the_list_and_none_refreshes_before() {
    let wechat = WeChat::start(Duration::from_secs(7200), MANY + 1).await;
    let first = platforms::home(&wechat);
    backup(&wechat, &first).await;
    let redis = RedisServer::start();
    let mut homes = [platforms::home(&wechat), platforms::home(&wechat)];
    for home in &mut homes {
        home.key.clone_from(&first.key);
        std::fs::copy(first.file("lingpai.key"), home.file("lingpai.key")).unwrap();
        let at =
            format!("store = \"{}\"\nmaster-key = {{ file = \"lingpai.key\" }}\n", redis.url());
        home.write(&format!("{at}{}", home.configuration()));
    }
    std::fs::copy(first.file("backup.db"), homes[0].file("backup.db")).unwrap();
    command(&homes[0], &["store", "restore", "backup.db"]);
    let (listed, refused_before) = (calls(&wechat, LIST), refused(&wechat));
    let slow = FaultKind::Latency { milliseconds: 200 };
    wechat.world.with(|world, now| world.fault(now, Fault::new(slow).on(LIST)).unwrap());
    // Whether who is not listed is gone cannot be asked at first.
    let busy = FaultKind::Errcode { errcode: -1, errmsg: None };
    let busy = Fault::new(busy).on(INFO).times(2);
    wechat.world.with(|world, now| world.fault(now, busy).unwrap());
    let nodes = (homes[0].start().await, homes[1].start().await);
    until_lifted(&[&homes[0], &homes[1]]).await;
    assert_eq!(calls(&wechat, LIST) - listed, 3, "one of them does it, once");
    for home in &homes {
        assert_all_is_well(&wechat, home, refused_before).await;
    }
    nodes.0.end().await;
    nodes.1.end().await;
}
