//! Those who have authorised a platform, taken over from another system and found again in WeChat's list, by a server and on its
//! store.

use std::process::Output;
use std::time::Duration;

use lingpai_sandbox::DEMO_COMPONENT;

use crate::node::{Home, WeChat, appid};
use crate::platforms::{authorize, home, push, token, until};

/// Authorises the platform, while nothing is pushed: the refresh token, as another system would have it.
fn elsewhere(wechat: &WeChat, number: usize) -> String {
    authorize(wechat, number);
    let of = (DEMO_COMPONENT, appid(number));
    wechat.world.with(|world, _| world.latest_refresh_token((of.0, &of.1)).unwrap().to_owned())
}

/// Runs a command; with a server if that is said.
fn run(home: &Home, arguments: &[&str], by_server: bool) -> (bool, String) {
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut all = arguments.to_vec();
    if by_server {
        all.extend(["--server", &server]);
    }
    let command =
        home.command(&all).env("LINGPAI_KEY", home.key()).env("LINGPAI_LANG", "en").output();
    let Output { status, stdout, stderr } = command.unwrap();
    let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.success(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_tokens_of_another_system_are_imported_again_and_again_and_no_newer_one_is_lost() {
    let wechat = WeChat::start(Duration::from_secs(7200), 4).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    wechat.world.with(|world, now| world.push_to(now, DEMO_COMPONENT, None).unwrap());
    let tokens: Vec<_> = (0..3).map(|number| elsewhere(&wechat, number)).collect();
    let csv = format!(
        "name,account,refresh_token\nshop,{},{}\nbad,wx 1,x\nnone,{},\nbar,{},{}\n",
        appid(0),
        tokens[0],
        appid(3),
        appid(1),
        tokens[1]
    );
    std::fs::write(home.file("secret-list.csv"), &csv).unwrap();
    let file = home.file("secret-list.csv").display().to_string();
    let import = ["platform", "import", DEMO_COMPONENT, &file];
    // On the store, beside a server that runs on it.
    let (is_fine, said) = run(&home, &import, false);
    assert!(!is_fine && said.contains("line 3: `wx 1` is no appid"), "{said}");
    assert!(said.contains("line 4: ") && said.contains("2 added, 0 unchanged"), "{said}");
    for number in 0..2 {
        assert!(wechat.accepts(&token(&home, number).await));
    }
    // Each has another refresh token by now, which is newer than that of the file.
    let (_, said) = run(&home, &import, true);
    assert!(said.contains("0 added"), "{said}");
    // By the server, as JSON.
    let json = format!(r#"[{{"account":"{}","refresh_token":"{}"}}]"#, appid(2), tokens[2]);
    std::fs::write(home.file("secret-list.json"), json).unwrap();
    let file = home.file("secret-list.json").display().to_string();
    let import = ["platform", "import", DEMO_COMPONENT, &file];
    let (is_fine, said) = run(&home, &import, true);
    assert!(is_fine && said.contains("1 added"), "{said}");
    let third = token(&home, 2).await;
    assert!(wechat.accepts(&third));
    let (is_fine, said) = run(&home, &import, true);
    assert!(is_fine && said.contains("1 unchanged"), "{said}");
    // One that is older is not taken unless that is said, and then it harms nothing: the newer one is tried first.
    let old = format!(r#"[{{"account":"{}","refresh_token":"refreshtoken@@@old"}}]"#, appid(2));
    std::fs::write(home.file("secret-list.json"), old).unwrap();
    let (is_fine, said) = run(&home, &import, true);
    assert!(
        is_fine && said.contains("which stays") && said.contains("1 left as they were"),
        "{said}"
    );
    let replacing = ["platform", "import", DEMO_COMPONENT, &file, "--replace"];
    let (is_fine, said) = run(&home, &replacing, true);
    assert!(is_fine && said.contains("1 with another refresh token"), "{said}");
    wechat.revoke(2);
    home.report(2, &third).await;
    until("the newer refresh token is lost", async || {
        home.token(2).await.is_ok_and(|token| wechat.accepts(&token))
    })
    .await;
    let listed = ["platform", "authorizers", DEMO_COMPONENT, "--json"];
    let (is_fine, said) = run(&home, &listed, true);
    assert!(is_fine && (0..3).all(|number| said.contains(&appid(number))), "{said}");
    assert!(!said.contains("refreshtoken"), "{said}");
    home.assert_nothing_leaked();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_wechat_lists_is_recovered_page_by_page() {
    const MANY: usize = 1100;
    let wechat = WeChat::start(Duration::from_secs(7200), MANY).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    wechat.world.with(|world, now| world.push_to(now, DEMO_COMPONENT, None).unwrap());
    wechat.world.with(|world, now| {
        for number in 0..MANY {
            world.authorize(now, DEMO_COMPONENT, &appid(number)).unwrap();
            world.was_queried((DEMO_COMPONENT, &appid(number)));
        }
    });
    let (is_fine, said) = run(&home, &["platform", "recover", DEMO_COMPONENT], true);
    assert!(is_fine && said.contains("1100 added"), "{said}");
    let pages = "/cgi-bin/component/api_get_authorizer_list";
    assert_eq!(wechat.counters().calls_of(pages), 6);
    assert!(wechat.accepts(&token(&home, MANY - 1).await));
    node.end().await;
    // On the store, while no server runs.
    let (is_fine, said) = run(&home, &["platform", "recover", DEMO_COMPONENT], false);
    assert!(is_fine && said.contains("0 added"), "{said}");
    // Both are on record, each by whoever did it.
    let node = home.start().await;
    let (_, trail) = home.call("GET", &format!("/v1/audit?account={DEMO_COMPONENT}"), "").await;
    let recovered = trail.matches("\"authorizers-recovered\"").count();
    assert!(recovered == 2 && trail.contains("lingpai platform recover"), "{trail}");
    node.end().await;
    let (is_fine, said) = run(&home, &["platform", "recover", &appid(0)], false);
    assert!(!is_fine && said.contains("no third-party platform"), "{said}");
    home.assert_nothing_leaked();
}
