//! `lingpai doctor` and `lingpai explain --token-file` against a real server: what clients use by mistake, and what a local
//! store tells without one.

use std::time::Duration;

use lingpai_sandbox::Scope;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::node::{Home, PATIENCE, WeChat, answer, appid};

/// What a command said in this language: its exit code, and its standard output.
fn says(home: &Home, language: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = home.command(arguments);
    command.env("LINGPAI_LANG", language).env("LINGPAI_KEY", home.key());
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

/// The token of a person who logs in to an account.
async fn persons_token(wechat: &WeChat, home: &Home, account: usize) -> String {
    let id = appid(account);
    let code = wechat.world.with(|world, now| world.log_in(now, &id, "o1", Scope::Base).unwrap());
    let secret = std::fs::read_to_string(home.secret_file(account)).unwrap();
    let mut stream = TcpStream::connect(wechat.addr).await.unwrap();
    let path = format!(
        "/sns/oauth2/access_token?appid={id}&secret={secret}&code={code}&grant_type=authorization_code"
    );
    let request = format!("GET {path} HTTP/1.1\r\nHost: wechat\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (_, body) = answer(&mut stream).await.unwrap();
    let granted: Value = serde_json::from_str(&body).unwrap();
    granted["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_client_uses_which_wrong_token_is_named_by_the_doctor_and_by_explain() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 2, "classic", "", "");
    let node = home.start().await;
    let server = format!("http://127.0.0.1:{}", home.port);
    let (old, others) = (home.token(0).await.unwrap(), home.token(1).await.unwrap());
    let persons = persons_token(&wechat, &home, 0).await;
    // Twice replaced, so that not even an overlap is left of it.
    let rotate = format!("/v1/accounts/{}/token/rotate", appid(0));
    assert_eq!(home.call("POST", &rotate, r#"{"compromised": true}"#).await.0, 202);
    home.wait_for("WeChat accepts no token any more").await;
    for (token, cause, words) in [
        (&old, "replaced-by-us", "已在"),
        (&others, "other-account", "而调用针对的是"),
        (&persons, "user-token", "登录用户的凭据"),
    ] {
        home.report(0, token).await;
        let file = home.file("refused.txt");
        std::fs::write(&file, token).unwrap();
        let explain = |language| {
            let file = file.to_str().unwrap();
            let (account, server) = (appid(0), server.as_str());
            let question =
                ["explain", "--token-file", file, "--account", &account, "--errcode", "40001"];
            says(&home, language, &[&question[..], &["--server", server]].concat())
        };
        let (code, english) = explain("en");
        assert!(code == Some(0) && english.starts_with(cause), "{english}");
        let (_, chinese) = explain("zh");
        assert!(chinese.starts_with(cause) && chinese.contains(words), "{chinese}");
        // The doctor hears of it when WeChat was asked whose it is.
        let path = r#"{"account": "{}"}"#.replace("{}", &appid(0));
        tokio::time::timeout(PATIENCE, async {
            while !home.call("POST", "/v1/doctor", &path).await.1.contains(cause)
                && !says(&home, "zh", &["doctor", &appid(0), "--server", &server]).1.contains(words)
            {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("the doctor does not say {cause}"));
        let (code, chinese) = says(&home, "zh", &["doctor", &appid(0), "--server", &server]);
        assert!(
            code == Some(3) && chinese.contains(words) && chinese.contains("test (lp_"),
            "{chinese}"
        );
    }
    std::fs::remove_file(home.file("refused.txt")).unwrap();
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_the_doctor_looks_at_the_store_and_at_wechat_itself() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let (code, said) = says(&home, "en", &["doctor", "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &said["worst"]), (Some(0), &"passed".into()), "{said:#}");
    let findings = said["findings"].as_array().unwrap();
    for check in ["configuration", "store", "space", "host", "clock", "secret"] {
        let passed = findings.iter().any(|it| it["check"] == check && it["verdict"] == "passed");
        assert!(passed, "{check}: {said:#}");
    }
    // The address is taken off the whitelist.
    let ip = "127.0.0.1".parse().unwrap();
    wechat.world.with(|world, _| world.block_ip(&appid(0), ip).unwrap());
    let (code, said) = says(&home, "zh", &["doctor", &appid(0)]);
    assert!(code == Some(4) && said.contains("[ip-not-allowed]"), "{said}");
    assert!(said.contains("127.0.0.1") && said.contains("IP 白名单"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_wechat_refuses_is_not_stored_unless_that_is_meant() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 2, "classic", "", "");
    home.configure(1);
    let wrong = home.file("wrong");
    std::fs::write(&wrong, "0".repeat(32)).unwrap();
    let (wrong, right) = (wrong.to_str().unwrap(), home.secret_file(1));
    let right = right.to_str().unwrap();
    let account = |arguments: &[&str]| {
        let output = home.command(&[&["account"], arguments].concat()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let id = appid(1);
    let refused = account(&["add", &id, "--secret-file", wrong]);
    assert!(refused.0 == Some(1) && refused.1.contains("40125"), "{}", refused.1);
    assert_eq!(account(&["show", &id]).0, Some(1), "nothing was stored");
    let added = account(&["add", &id, "--mode", "classic", "--secret-file", right]);
    assert!(added.0 == Some(0) && added.1.contains("accepts"), "{}", added.1);
    let refused = account(&["set-secret", &id, "--secret-file", wrong]);
    assert!(refused.0 == Some(1) && refused.1.contains("--untried"), "{}", refused.1);
    let meant = account(&["set-secret", &id, "--secret-file", wrong, "--untried"]);
    assert_eq!(meant.0, Some(0), "{}", meant.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_tells_what_it_will_cost_what_it_looks_at_and_each_finding_and_what_came_of_the_last()
 {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 2, "stable", "", "");
    let (viewer, _) = home.create_key(&["--role", "viewer", "--account", &appid(1)]);
    let (stranger, _) = home.create_key(&["--role", "viewer", "--account", "wxnobody"]);
    let node = home.start().await;
    home.token(0).await.unwrap();
    home.token(1).await.unwrap();
    let (_, nothing) = home.call("GET", "/v1/doctor", "").await;
    assert_eq!(nothing, r#"{"last":null}"#);

    // As a stream: the plan, then each check and what was found, then the sums.
    let more = "\r\nAccept: text/event-stream\r\nAccept-Language: zh";
    let (status, told) = home.send("POST", "/v1/doctor", more, "").await.unwrap();
    assert_eq!(status, 200, "{told}");
    let told: Vec<(&str, Value)> = told
        .split("\n\n")
        .filter_map(|message| message.split_once("\ndata: "))
        .map(|(name, data)| {
            (name.rsplit_once("event: ").unwrap().1, serde_json::from_str(data).unwrap())
        })
        .collect();
    let all = |name| told.iter().filter(move |(of, _)| *of == name).map(|(_, data)| data);
    assert_eq!((told[0].0, told.last().unwrap().0), ("plan", "done"), "{told:#?}");
    let (plan, done) = (&told[0].1, &told.last().unwrap().1);
    assert_eq!((&plan["accounts"], &plan["calls"]), (&2.into(), &10.into()), "{plan}");
    assert!(plan["text"].as_str().unwrap().contains("最多调用微信 10 次"), "{plan}");
    let spent: u64 = all("finding").map(|it| it["calls"].as_u64().unwrap()).sum();
    assert_eq!(done["calls"], spent);
    assert!(all("checking").any(|it| it["title"] == "凭据" && it["account"] == appid(1)));
    for (at, (name, data)) in told.iter().enumerate() {
        if *name == "checking" && data["check"] != "host" {
            let (next, found) = &told[at + 1];
            assert!(*next == "finding" && found["check"] == data["check"], "{data}: {found}");
        }
    }

    // The command shows the same as it comes.
    let server = format!("http://127.0.0.1:{}", home.port);
    for (language, plan, sums) in
        [("en", "Accounts to be looked at: 2.", "passed "), ("zh", "检查 2 个账号", "通过 ")]
    {
        let mut command = home.command(&["doctor", "--server", &server]);
        command.env("LINGPAI_LANG", language).env("LINGPAI_KEY", home.key());
        let output = command.output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        let (first, last) = (err.find(plan), err.rfind(sums));
        assert!(output.status.success() && first < last && first.is_some(), "{err}");
    }

    // What came of the last is there for whoever may see it, and costs nothing.
    let calls = wechat.counters().calls;
    let last = |body: String| serde_json::from_str::<Value>(&body).unwrap()["last"].clone();
    let whole = last(home.call("GET", "/v1/doctor", "").await.1);
    assert_eq!(whole["worst"], "passed", "{whole:#}");
    assert!(whole["at"].is_string() && whole["account"].is_null(), "{whole}");
    let own = last(answer(&mut home.ask(&viewer, "/v1/doctor").await.unwrap()).await.unwrap().1);
    let findings = own["findings"].as_array().unwrap();
    assert!(!findings.is_empty() && findings.iter().all(|it| it["account"] == appid(1)), "{own}");
    let none = answer(&mut home.ask(&stranger, "/v1/doctor").await.unwrap()).await.unwrap().1;
    assert_eq!(none, r#"{"last":null}"#);
    assert_eq!(wechat.counters().calls, calls);
    node.end().await;
    home.assert_nothing_leaked();
}
