//! `serve` against `sandbox`: two processes of the real binary.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Running, http, lingpai, run, word_after};

pub(crate) const APPID: &str = "wx5a0db0c0ffee0001";
pub(crate) const SECRET: &str = "5a0db0c0ffee00015a0db0c0ffee0001";

/// A sandbox on a free port, and its URL.
pub(crate) fn sandbox(folder: &Path) -> (Running, String) {
    let mut sandbox = Running::start(lingpai(folder, &["sandbox", "--listen", "127.0.0.1:0"]));
    let line = sandbox.wait_for("answers as WeChat on");
    let url = word_after(&line, "answers as WeChat on").trim_end_matches(';').to_owned();
    (sandbox, url)
}

/// A configuration for that sandbox.
pub(crate) fn configure(folder: &Path, sandbox: &str) {
    let text = format!(
        "listen = \"127.0.0.1:0\"\nupstream = \"{sandbox}\"\n\n[[account]]\nid = \"{APPID}\"\nsecret = {{ env = \"SECRET\" }}\n"
    );
    fs::write(folder.join("lingpai.toml"), text).unwrap();
}

/// A server, and its URL.
pub(crate) fn serve(folder: &Path) -> (Running, String) {
    let mut command = lingpai(folder, &["serve"]);
    command.env("SECRET", SECRET);
    let mut server = Running::start(command);
    let line = server.wait_for("listening on");
    (server, word_after(&line, "listening on"))
}

/// How often WeChat was asked for anything.
fn calls(sandbox: &str) -> serde_json::Value {
    let counters = http("GET", &format!("{sandbox}/__sandbox/counters"), "", "");
    let counters: serde_json::Value = serde_json::from_str(&counters).unwrap();
    counters["calls"].clone()
}

#[test]
fn the_operator_is_told_in_chinese_and_the_log_is_english() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lingpai.toml");
    fs::write(&file, "listen = \"127.0.0.1:0\"\nstore = \"memory:\"\n").unwrap();
    let mut command = lingpai(folder.path(), &["serve"]);
    command.env("LINGPAI_LANG", "zh");
    let mut server = Running::start(command);
    server.until_said("还没有 API 密钥，因此新建了一个");
    server.until_said("listening on");
    fs::write(&file, "lisen = 1\n").unwrap();
    server.wait_for("the configuration has a mistake. The one before it stays in force");
    server.wait_for("`lisen` is not a setting. Did you mean `listen`?");
}

#[test]
fn the_server_hands_out_a_token_that_survives_its_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, upstream) = sandbox(folder.path());
    configure(folder.path(), &upstream);
    let (mut server, url) = serve(folder.path());
    server.until_said("lp_");
    let made = server.seen();
    let key = made.lines().find_map(|line| line.trim().strip_prefix("lp_")).expect("the first key");
    let key = format!("lp_{key}");

    let ask = |url: &str, arguments: &[&str]| {
        let mut command = lingpai(folder.path(), &["token", APPID, "--server", url]);
        command.args(arguments).env("LINGPAI_KEY", &key);
        run(command)
    };
    let first = ask(&url, &[]);
    assert_eq!((first.code, first.err.as_str()), (Some(0), ""));
    assert!(first.out.trim().len() > 100, "{}", first.out);
    assert_eq!(server.terminate(), Some(0));
    assert!(server.seen().contains("ended in order"));

    let (mut server, url) = serve(folder.path());
    assert!(!server.seen().contains("lp_"), "the key is shown once");
    assert_eq!(ask(&url, &[]).out, first.out);
    server.kill();

    let (_server, url) = serve(folder.path());
    assert_eq!(ask(&url, &[]).out, first.out);
    let mut standalone = lingpai(folder.path(), &["token", APPID, "--standalone"]);
    standalone.env("SECRET", SECRET);
    assert_eq!(run(standalone).out, first.out);
    assert_eq!(calls(&upstream), 1);

    let unknown = {
        let mut command = lingpai(folder.path(), &["token", "wx0", "--server", &url]);
        command.env("LINGPAI_KEY", &key);
        run(command)
    };
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(1), ""));
    assert!(unknown.err.starts_with("error: the server refused: "), "{}", unknown.err);
    let mut stranger = lingpai(folder.path(), &["token", APPID, "--server", &url]);
    stranger.env("LINGPAI_KEY", "lp_0_0");
    assert!(run(stranger).err.contains("the server refused"));
}

#[test]
fn a_key_made_while_the_server_runs_works_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, upstream) = sandbox(folder.path());
    configure(folder.path(), &upstream);
    let (_server, url) = serve(folder.path());
    let mut command = lingpai(folder.path(), &["key", "create", "orders", "--account", APPID]);
    command.env("SECRET", SECRET);
    let made = run(command);
    let answer = http("GET", &format!("{url}/v1/accounts/{APPID}/token"), made.out.trim(), "");
    assert!(answer.contains("\"access_token\""), "{answer}");
}

#[test]
fn an_operator_sees_how_accounts_stand_and_has_a_token_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, upstream) = sandbox(folder.path());
    configure(folder.path(), &upstream);
    let (mut server, url) = serve(folder.path());
    server.until_said("token rotated");
    let made = {
        let create = ["key", "create", "ops", "--role", "operator", "--network", "127.0.0.0/8"];
        let mut command = lingpai(folder.path(), &create);
        command.env("SECRET", SECRET);
        run(command)
    };
    assert_eq!(made.code, Some(0), "{}", made.err);
    let ask = |arguments: &[&str]| {
        let mut command = lingpai(folder.path(), arguments);
        command.env("LINGPAI_KEY", made.out.trim()).env("LINGPAI_SERVER", &url);
        run(command)
    };
    let status = ask(&["status"]);
    let line = status.out.lines().nth(1).unwrap_or_default();
    assert!(
        line.starts_with(&format!("{APPID}  access_token  good")),
        "{}{}",
        status.out,
        status.err
    );
    let status = ask(&["status", APPID, "--json"]).out;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status[0]["credentials"][0]["generation"], 1);
    let unknown = ask(&["status", "wx0"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(1), ""));

    let unasked = ask(&["rotate", APPID]);
    assert_eq!(unasked.code, Some(1));
    assert!(unasked.err.contains("Say --yes if it is meant"), "{}", unasked.err);
    let token = ask(&["token", APPID]).out;
    let planned = ask(&["rotate", APPID, "--dry-run"]);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
    for said in ["- Stable mode:", "the same token again", "1 of 2000 were made so far"] {
        assert!(planned.out.contains(said), "{}", planned.out);
    }
    let calls_before = calls(&upstream);
    let rotated = ask(&["rotate", APPID, "--yes"]);
    // It has just been fetched; a call that repeats it harms nobody.
    assert_eq!(rotated.code, Some(0), "{}", rotated.err);
    assert!(rotated.out.contains("the same token again"), "{}", rotated.out);
    assert_eq!(ask(&["token", APPID]).out, token);
    assert_eq!(calls(&upstream).as_u64(), calls_before.as_u64().map(|calls| calls + 1));
}

#[test]
fn a_port_in_use_is_said_before_anything_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, upstream) = sandbox(folder.path());
    configure(folder.path(), &upstream);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = lingpai(folder.path(), &["serve", "--listen", &address]);
    command.env("SECRET", SECRET);
    let said = run(command);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains(&format!("cannot listen on {address}: port")), "{}", said.err);
    assert!(said.err.contains("choose another port"), "{}", said.err);
    assert_eq!(calls(&upstream), 0);
    let said = run(lingpai(folder.path(), &["sandbox", "--listen", &address]));
    assert_eq!(said.code, Some(1));
}

#[test]
fn accounts_are_listed_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, upstream) = sandbox(folder.path());
    configure(folder.path(), &upstream);
    let (mut server, _) = serve(folder.path());
    server.until_said("token rotated");
    let ask = |arguments: &[&str]| {
        let mut command = lingpai(folder.path(), arguments);
        command.env("SECRET", SECRET);
        run(command)
    };
    let listed = ask(&["account", "list"]).out;
    assert!(listed.contains(&format!("{APPID}  official-account  stable  1")), "{listed}");
    assert!(!listed.contains(SECRET));
    let shown = ask(&["account", "show", APPID, "--json"]).out;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["generation"], 1);
    assert_eq!(ask(&["account", "show", "wx0"]).code, Some(1));
    assert_eq!(server.terminate(), Some(0));
    let refused = ask(&["account", "remove", APPID]);
    assert!(refused.err.contains("stands in lingpai.toml, which wins"), "{}", refused.err);
    fs::write(folder.path().join("lingpai.toml"), "").unwrap();
    assert_eq!(ask(&["account", "remove", APPID]).code, Some(0));
    assert!(ask(&["account", "list"]).err.contains("no accounts yet"));
}

#[test]
fn a_leaked_token_is_ended_once_it_is_known_what_that_breaks() {
    let folder = tempfile::tempdir().unwrap();
    // Everything shrinks with the tokens' lives: between the two refreshes are not 30 s, but 1.5 s.
    let quick = ["sandbox", "--listen", "127.0.0.1:0", "--lifetime", "6m"];
    let mut sandbox = Running::start(lingpai(folder.path(), &quick));
    let line = sandbox.wait_for("answers as WeChat on");
    configure(folder.path(), word_after(&line, "answers as WeChat on").trim_end_matches(';'));
    let (mut server, url) = serve(folder.path());
    server.until_said("token rotated");
    let key = |arguments: &[&str]| {
        let mut command = lingpai(folder.path(), &["key", "create"]);
        command.args(arguments).env("SECRET", SECRET);
        run(command).out.trim().to_owned()
    };
    let (operator, blind) =
        (key(&["ops", "--role", "operator"]), key(&["ci", "--right", "token:rotate"]));
    let rotate = |key: &str, arguments: &[&str]| {
        let mut command = lingpai(folder.path(), &["rotate", APPID, "--compromised"]);
        command.args(arguments).env("LINGPAI_KEY", key).env("LINGPAI_SERVER", &url);
        run(command)
    };
    let planned = rotate(&operator, &["--dry-run"]);
    assert_eq!((planned.code, planned.err.as_str()), (Some(0), ""));
    assert!(planned.out.contains("\n- Whoever holds a real token"), "{}", planned.out);
    let unasked = rotate(&operator, &[]);
    assert!(unasked.err.contains("Say --yes if it is meant"), "{}", unasked.err);

    let ended = rotate(&operator, &["--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("accepts none of the earlier tokens any more"), "{}", ended.out);
    assert!(ended.out.contains("is 3."), "the first, and two more: {}", ended.out);
    assert!(ended.err.contains("still to come: 1"), "{}", ended.err);

    let unseen = rotate(&blind, &["--yes"]);
    assert_eq!(unseen.code, Some(1));
    assert!(unseen.err.contains("it was begun, but how it goes cannot be seen"), "{}", unseen.err);
}

#[cfg(unix)]
#[test]
fn commands_reach_a_server_over_its_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, url) = sandbox(folder.path());
    configure(folder.path(), &url);
    let file = folder.path().join("lingpai.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("127.0.0.1:0", "unix:lingpai.sock")).unwrap();
    let (_server, _) = serve(folder.path());
    let mut make = lingpai(folder.path(), &["key", "create", "me", "--admin"]);
    let key = run({
        make.env("SECRET", SECRET);
        make
    });
    for (arguments, said) in [
        (&["token", APPID][..], "_"),
        (&["status"], "good"),
        (&["call", APPID, "/cgi-bin/user/info", "openid=o1"], "\"openid\":\"o1\""),
    ] {
        let mut command = lingpai(folder.path(), arguments);
        command.args(["--server", "unix:lingpai.sock"]).env("LINGPAI_KEY", key.out.trim());
        let answered = run(command);
        assert!(answered.out.contains(said), "{arguments:?}: {}{}", answered.out, answered.err);
    }
}
