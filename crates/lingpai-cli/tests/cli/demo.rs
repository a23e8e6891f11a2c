//! `serve --demo`: what the README's first command promises.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::messages::compare;
use crate::support::{Running, http, lingpai, run, word_after};

/// A demo on a free port: its server's URL and its sandbox's.
fn demo(folder: &Path, arguments: &[&str]) -> (Running, String, String) {
    let mut command =
        lingpai(folder, &["serve", "--demo", "--listen", "127.0.0.1:0", "--lifetime", "12s"]);
    command.args(arguments);
    let mut demo = Running::start(command);
    let server = word_after(&demo.wait_for("  server "), "server");
    let sandbox = word_after(&demo.wait_for("  WeChat "), "WeChat");
    (demo, server, sandbox)
}

#[test]
fn a_token_is_fetched_served_rotated_ahead_of_expiry_and_survives_a_restart() {
    for mode in [&[][..], &["--classic"]] {
        let folder = tempfile::tempdir().unwrap();
        let (mut first, ..) = demo(folder.path(), mode);
        first.wait_for("fetched: generation 1");
        first.wait_for("served: a client got generation 1 over HTTP");
        first.wait_for("rotated ahead of expiry, while generation 1 still had");
        first.wait_for("served: a client got generation 2 over HTTP");
        assert_eq!(first.terminate(), Some(0));
        assert!(first.seen().contains("always got a good one"), "{}", first.seen());

        let (mut second, server, sandbox) = demo(folder.path(), mode);
        second.wait_for("found the token of the last run: generation 2");
        // WeChat still takes it: its world has survived too.
        let key = fs::read_to_string(folder.path().join("lingpai-demo/demo.key")).unwrap();
        let answer =
            http("GET", &format!("{server}/v1/accounts/wx5a0db0c0ffee0001/token"), key.trim(), "");
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let token = answer["access_token"].as_str().unwrap();
        let user = http(
            "GET",
            &format!("{sandbox}/cgi-bin/user/info?openid=o1&access_token={token}"),
            "",
            "",
        );
        assert!(user.contains("\"openid\":\"o1\""), "{user}");
        second.wait_for("rotated ahead of expiry, while generation 2 still had");
        second.kill();
    }
}

#[test]
fn every_line_of_the_guide_works_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (mut demo, ..) = demo(folder.path(), &[]);
    demo.wait_for("served: a client got generation 1");
    let seen = demo.seen();
    let lines: Vec<&str> = seen
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| {
            line.starts_with("curl") || line.starts_with("TOKEN=") || line.contains(" explain ")
        })
        .collect();
    let [
        token,
        drop_in,
        call,
        take,
        revoke,
        report,
        take_again,
        report_again,
        fail,
        mend,
        count,
        explain,
    ] = lines[..]
    else {
        panic!("other lines: {lines:#?}");
    };
    let shell = |script: &str| {
        let output =
            Command::new("sh").current_dir(folder.path()).args(["-c", script]).output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(shell(token).contains("\"generation\""));
    assert!(shell(drop_in).contains("\"expires_in\""));
    assert!(shell(call).contains("\"openid\":\"o1\""));
    let repaired = shell(&format!("{take}\n{revoke} >/dev/null\n{report}"));
    assert!(repaired.contains("\"outcome\":\"rotated\""), "{repaired}");
    demo.wait_for("somebody else fetches tokens for this account");
    demo.wait_for("repaired: WeChat refused the token on trial too");
    let accepted = shell(&format!("{take_again}\n{report_again}"));
    assert!(accepted.contains("\"outcome\":\"accepted\""), "{accepted}");
    demo.wait_for("it was tried, WeChat accepts it, nothing was fetched");
    shell(fail);
    demo.wait_for("a fetch failed");
    shell(mend);
    demo.wait_for("generation 3 is good for");
    assert!(shell(count).contains("stable_token"));
    assert!(shell(explain).contains("203.0.113.7"));
    assert_eq!(demo.terminate(), Some(0));
}

#[test]
fn the_guide_and_the_story_are_told_in_the_language_of_the_reader() {
    for (language, server, sandbox, story, fetched) in [
        ("en", "  server ", "  WeChat ", "What happens", "fetched: generation 1 is good for"),
        ("zh", "  服务 ", "  微信 ", "正在发生", "已获取：第 1 代，有效期"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = lingpai(folder.path(), &["serve", "--demo", "--listen", "127.0.0.1:0"]);
        command.env("LINGPAI_LANG", language);
        let mut demo = Running::start(command);
        let server = word_after(&demo.wait_for(server), server);
        let sandbox = word_after(&demo.wait_for(sandbox), sandbox);
        demo.wait_for(story);
        let guide = demo.seen();
        demo.wait_for(fetched);
        let key = fs::read_to_string(folder.path().join("lingpai-demo/demo.key")).unwrap();
        // What differs each time.
        let guide = guide
            .replace(&server, "http://SERVER")
            .replace(&sandbox, "http://SANDBOX")
            .replace(key.trim(), "lp_...")
            .replace(env!("CARGO_BIN_EXE_lingpai"), "lingpai");
        compare("guide", language, &format!("{guide}\n"));
    }
}

/// Through the demo's server, since that needs nothing else.
#[test]
fn a_server_refuses_in_the_language_of_who_sits_at_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let (mut demo, server, _) = demo(folder.path(), &[]);
    demo.wait_for("fetched: generation 1");
    for (language, refusal) in [
        ("en", "the server refused: no account of this name is kept here. Check the appid"),
        ("zh", "服务拒绝了请求：这里没有维护这个账号。请检查 appid"),
    ] {
        let mut command =
            lingpai(folder.path(), &["token", "wx1", "--server", &server, "--key-file"]);
        command.arg("lingpai-demo/demo.key").env("LINGPAI_LANG", language);
        let said = run(command);
        assert!(said.err.contains(refusal), "{}", said.err);
    }
}

#[test]
fn the_demos_key_is_made_once_and_readable_by_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, ..) = demo(folder.path(), &[]);
    let shown = word_after(&first.wait_for("  API key "), "API key");
    let file = folder.path().join("lingpai-demo/demo.key");
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), shown);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    first.kill();
    let (mut second, ..) = demo(folder.path(), &[]);
    second.wait_for("the one of the first run");
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), shown);
}

#[test]
fn a_second_demo_in_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_demo, ..) = demo(folder.path(), &[]);
    let said = run(lingpai(folder.path(), &["serve", "--demo", "--listen", "127.0.0.1:0"]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("another demo runs with the folder lingpai-demo"), "{}", said.err);
}

#[test]
fn the_doctor_looks_at_the_demos_account_too() {
    let folder = tempfile::tempdir().unwrap();
    let (mut demo, server, _) = demo(folder.path(), &[]);
    demo.wait_for("served: a client got generation 1");
    let key = fs::read_to_string(folder.path().join("lingpai-demo/demo.key")).unwrap();
    let answer = http("POST", &format!("{server}/v1/doctor"), key.trim(), "{}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["plan"]["accounts"], 1);
    assert_eq!(answer["failed"], 0, "{answer}");
    assert!(answer["passed"].as_u64().unwrap() >= 2, "{answer}");
    demo.kill();
}
