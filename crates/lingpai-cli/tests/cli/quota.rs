//! `quota` and `rid`: against a sandbox, through a server and without one, as people read them in both languages.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::messages::compare;
use crate::serve::{APPID, SECRET, configure, sandbox, serve};
use crate::support::{Running, Said, http, lingpai, run};

const SEND: &str = "/cgi-bin/message/custom/send";

/// Without a server.
fn said(folder: &Path, language: &str, arguments: &[&str]) -> Said {
    let mut command = lingpai(folder, arguments);
    command.arg("--standalone").env("SECRET", SECRET).env("LINGPAI_LANG", language);
    run(command)
}

fn stand() -> (tempfile::TempDir, Running, String) {
    let folder = tempfile::tempdir().unwrap();
    let (sandbox, upstream) = sandbox(folder.path());
    configure(folder.path(), &upstream);
    (folder, sandbox, upstream)
}

/// The rid of a call that WeChat refuses.
fn refused_rid(folder: &Path) -> String {
    let refused = said(folder, "en", &["call", APPID, "/cgi-bin/user/info"]);
    let answer: Value = serde_json::from_str(&refused.out).unwrap();
    answer["errmsg"].as_str().unwrap().rsplit_once("rid: ").unwrap().1.to_owned()
}

/// What differs from run to run: days, months and times.
fn dates_blotted(text: &str) -> String {
    let is_date = |rest: &str, shape: &str| {
        rest.len() >= shape.len()
            && rest.bytes().zip(shape.bytes()).all(|(byte, of)| match of {
                b'0' => byte.is_ascii_digit(),
                _ => byte == of,
            })
    };
    let shapes = ["0000-00-00T00:00:00Z", "0000-00-00", "0000-00"];
    let (mut rest, mut blotted) = (text, String::new());
    while let Some(first) = rest.chars().next() {
        let shape = shapes.iter().find(|shape| is_date(rest, shape));
        let length = shape.map_or(first.len_utf8(), |shape| shape.len());
        blotted.push_str(shape.copied().unwrap_or(&rest[..length]));
        rest = &rest[length..];
    }
    blotted
}

#[test]
fn what_is_told_of_quotas_and_rids() {
    for language in ["en", "zh"] {
        let (folder, _sandbox, _) = stand();
        let folder = folder.path();
        let rid = refused_rid(folder);
        let mut all = String::new();
        for arguments in [
            &["quota", APPID][..],
            &["quota", APPID, SEND],
            &["quota", APPID, "/cgi-bin/nowhere"],
            &["quota", "clear", APPID],
            &["quota", "clear", APPID, "--yes"],
            &["quota", APPID],
            &["rid", &rid, APPID],
            &["rid", "1-2-3", APPID],
            &["rid", &rid],
            &["quota"],
            &["quota", "wx1"],
        ] {
            let said = said(folder, language, arguments);
            let Said { code, out, err } = &said;
            writeln!(all, "$ lingpai {}\n{out}{err}exit code {code:?}\n", arguments.join(" "))
                .unwrap();
        }
        let all = dates_blotted(&all.replace(&rid, "RID"));
        // Each refusal of the sandbox has a rid of its own.
        let all = all.lines().map(|line| line.split(" rid: ").next().unwrap().to_owned() + "\n");
        compare("quota", language, &all.collect::<String>());
    }
}

#[test]
fn through_a_server_ten_clearings_a_month_are_counted_and_the_eleventh_is_refused() {
    let (folder, _sandbox, upstream) = stand();
    let (mut server, url) = serve(folder.path());
    let key = |role: &str| {
        let arguments = ["key", "create", "ops", "--role", role, "--account", APPID];
        let mut command = lingpai(folder.path(), &arguments);
        command.env("SECRET", SECRET);
        run(command).out
    };
    let (operator, viewer) = (key("operator"), key("viewer"));
    let ask = |url: &str, key: &str, arguments: &[&str]| {
        let mut command = lingpai(folder.path(), arguments);
        command.args(["--server", url, "--json"]).env("LINGPAI_KEY", key.trim());
        run(command)
    };
    let clear = ["quota", "clear", APPID, "--yes"];
    for number in 1..=10 {
        // Of the last ones, no token is to be had.
        if number == 8 {
            let revoke = format!("{upstream}/__sandbox/apps/{APPID}/revoke");
            http("POST", &revoke, "", &json!({"family": "stable"}).to_string());
            let exhaust = format!("{upstream}/__sandbox/apps/{APPID}/exhaust");
            http("POST", &exhaust, "", &json!({"quota": "stable-day"}).to_string());
        }
        let cleared = ask(&url, &operator, &clear);
        assert_eq!(cleared.code, Some(0), "{}", cleared.err);
        let cleared: Value = serde_json::from_str(&cleared.out).unwrap();
        assert_eq!(cleared["clearings"]["used"], number);
    }
    let refused = ask(&url, &operator, &clear);
    assert!(refused.err.contains("48006"), "{}", refused.err);
    let forbidden = ask(&url, &viewer, &clear);
    assert!(forbidden.err.contains("lacks the right `quota:clear`"), "{}", forbidden.err);

    // The store keeps the count.
    server.terminate();
    let (_server, url) = serve(folder.path());
    let told = ask(&url, &viewer, &["quota", APPID]);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["clearings"]["used"], 10, "{told}");
}
