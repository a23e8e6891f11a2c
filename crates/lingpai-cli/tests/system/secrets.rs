//! `lingpai secret reset`: nobody notices that an AppSecret is reset, and a wrong one changes nothing.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use serde_json::json;
use tokio::time::Instant;

use crate::node::{Home, WeChat, appid, secret};
use crate::nodes;
use crate::platforms::until;
use crate::terminal::at_terminal;

fn reset(home: &Home, secret: &str) -> (bool, String) {
    let file = home.file("secret-new");
    std::fs::write(&file, secret).unwrap();
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(&["secret", "reset", &appid(0), "--server", &server]);
    let output =
        command.env("LINGPAI_KEY", home.key()).arg("--secret-file").arg(file).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_reset_on_all_nodes_while_the_token_goes_on_and_a_wrong_one_changes_nothing() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let homes = [(); 2].map(|()| nodes::home(&redis, &wechat, "stable", ""));
    homes.iter().for_each(|home| home.configure(0));
    let [a, b] = [homes[0].start().await, homes[1].start().await];
    let secret = std::fs::read_to_string(homes[0].secret_file(0)).unwrap();
    let wanted = json!({"account": appid(0), "secret": secret}).to_string();
    assert_eq!(homes[0].call("POST", "/v1/accounts", &wanted).await.0, 201);
    homes[1].wait_for("kept from now on").await;
    let token = homes[0].token(0).await.unwrap();
    let minted = || wechat.counters().app(&appid(0)).minted.stable;

    let (ok, told) = reset(&homes[0], &"0".repeat(32));
    assert!(!ok && told.contains("Nothing was changed") && told.contains("40125"), "{told}");
    // The old one is still there: what comes next is fetched with it.
    wechat.revoke(0);
    assert!(homes[0].report(0, &token).await.contains("\"rotated\""));
    let token = homes[0].token(0).await.unwrap();
    let before_it = minted();
    let new = wechat.world.with(|world, _| world.reset_secret(&appid(0), None).unwrap());
    let before = homes[1].printed().len();
    let (ok, told) = reset(&homes[0], new.expose());
    let committed = Instant::now();
    for part in [
        "1. The token is good for",
        "2. Another system uses the AppSecret",
        "4. WeChat accepts the new",
    ] {
        assert!(ok && told.contains(part), "{part}: {told}");
    }
    homes[1].wait_for_after(before, "kept as it is now").await;
    let later = committed.elapsed();
    println!("the other node has it {later:?} later");
    assert!(later < Duration::from_secs(1), "{later:?}");
    for home in &homes {
        assert_eq!(home.token(0).await.unwrap(), token);
    }
    assert!(wechat.accepts(&token));
    assert_eq!(minted(), before_it, "the trials mint nothing");
    a.end().await;
    b.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_account_of_the_configuration_a_wrong_secret_is_named_and_the_right_one_waited_for() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    let token = home.token(0).await.unwrap();
    let (ok, told) = reset(&home, &"0".repeat(32));
    assert!(!ok && told.contains("Nothing was changed") && told.contains("40125"), "{told}");

    let new = wechat.world.with(|world, _| world.reset_secret(&appid(0), None).unwrap());
    let file = home.file("secret-new");
    std::fs::write(&file, new.expose()).unwrap();
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(&["secret", "reset", &appid(0), "--server", &server]);
    command.env("LINGPAI_KEY", home.key()).env("LINGPAI_LANG", "en").arg("--secret-file").arg(file);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(told.any(|line| line.contains("put the new AppSecret now into the file")));
    std::fs::write(home.secret_file(0), new.expose()).unwrap();
    let rest: Vec<_> = told.collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    assert!(rest.concat().contains("5. The server has the new AppSecret"), "{rest:?}");
    assert_eq!(home.token(0).await.unwrap(), token);
    // It is in force: what is fetched next is fetched with it.
    wechat.revoke(0);
    assert!(home.report(0, &token).await.contains("\"rotated\""));
    let (_, trail) = home.get("/v1/audit?action=account-secret-replaced").await.unwrap();
    assert_eq!(trail.matches("account-secret-replaced").count(), 1, "{trail}");
    node.end().await;
    std::fs::remove_file(home.file("secret-new")).unwrap();
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_with_little_left_is_refreshed_before_the_secret_is_reset() {
    // A life that is shorter than a person may take. Classic, where a second goes by before the next fetch may follow.
    let wechat = WeChat::start(Duration::from_secs(30), 1).await;
    let home = Home::new(&wechat, 0, "classic", "", "");
    let node = home.start().await;
    let wanted = json!({"account": appid(0), "secret": secret(0), "mode": "classic"});
    assert_eq!(home.call("POST", "/v1/accounts", &wanted.to_string()).await.0, 201);
    let token = home.token(0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let fetched = wechat.fetches();
    let (ok, told) = reset(&home, &secret(0));
    assert!(ok && told.contains("it is refreshed first"), "{told}");
    assert!(told.contains("the new AppSecret has to be here by then"), "{told}");
    assert_ne!(home.token(0).await.unwrap(), token);
    assert!(wechat.fetches() > fetched);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_still_send_the_real_secret_are_listed_and_a_person_types_the_new_one_unseen()
{
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 0, "stable", "[gateway]\n", "");
    let node = home.start().await;
    let secret = secret(0);
    let wanted = json!({"account": appid(0), "secret": secret}).to_string();
    assert_eq!(home.call("POST", "/v1/accounts", &wanted).await.0, 201);
    let token = home.token(0).await.unwrap();
    // At the paths that SDKs fetch tokens from, and where a user logs in; one that is wrong is no secret.
    let asked = |path: &str, secret: &str| {
        format!("{path}?grant_type=client_credential&js_code=c&appid={}&secret={secret}", appid(0))
    };
    for (path, secret) in [
        ("/cgi-bin/token", &*secret),
        ("/cgi-bin/token", &*secret),
        ("/sns/jscode2session", &*secret),
        ("/sns/oauth2/access_token", "5ec2e7ffffffffffffffffffffffffff"),
    ] {
        let (_, body) = home.get(&asked(path, secret)).await.unwrap();
        assert!(body.contains("errcode") && !body.contains(&token), "{body}");
    }
    let wanted = json!({"grant_type": "client_credential", "appid": appid(0), "secret": secret});
    // From the same address within the minute: nothing new.
    home.call("POST", "/cgi-bin/stable_token", &wanted.to_string()).await;
    let trail = format!("/v1/audit?account={}&action=secret-shown", appid(0));
    until("what was sent is not noted", async || {
        let (_, trail) = home.get(&trail).await.unwrap();
        trail.contains("/cgi-bin/token") && trail.contains("/sns/jscode2session")
    })
    .await;
    until("an event is missing", async || {
        let (_, events) = home.get("/v1/events/history?event=secret-shown").await.unwrap();
        events.contains("/sns/jscode2session")
    })
    .await;
    let (_, events) = home.get("/v1/events/history?event=secret-shown").await.unwrap();
    assert_eq!(
        events.matches("\"event\":\"secret-shown\"").count(),
        2,
        "once a day for each: {events}"
    );
    let (_, records) = home.get(&trail).await.unwrap();
    assert_eq!(
        records.matches("\"action\":\"secret-shown\"").count(),
        2,
        "once a minute for each: {records}"
    );

    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(&["secret", "reset", &appid(0), "--server", &server]);
    command.env("LINGPAI_KEY", home.key()).env("LINGPAI_LANG", "en");
    // Whoever wants to see to that client first has changed nothing.
    let (_, shown) = at_terminal(&command, &[("Type yes to go on:", "no")]);
    for part in ["127.0.0.1, /cgi-bin/token, the last time at", "Nothing was done."] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let new = wechat.world.with(|world, _| world.reset_secret(&appid(0), None).unwrap());
    let wrong = "5ec2e7eeeeeeeeeeeeeeeeeeeeeeeeee";
    let prompt = "(not shown): ";
    let steps = [("Type yes to go on:", "yes"), (prompt, wrong), (prompt, new.expose())];
    let (ok, shown) = at_terminal(&command, &steps);
    assert!(shown.contains("40125"), "{shown}");
    assert!(ok && shown.contains("4. WeChat accepts the new AppSecret"), "{shown}");
    assert!(!shown.contains(wrong) && !shown.contains(new.expose()), "it is seen: {shown}");
    assert_eq!(home.token(0).await.unwrap(), token);
    node.end().await;
    home.assert_nothing_leaked();
}
