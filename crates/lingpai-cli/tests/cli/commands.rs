//! Commands that need no server.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Said, lingpai, run};

const WHITELIST: &str = "{\"errcode\":40164,\"errmsg\":\"invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in \
                         whitelist rid: 6aac0063-7ed08fb9-1250f724\"}";

#[test]
fn the_help_names_every_command_and_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(lingpai(folder.path(), &["--help"]));
    assert_eq!(said.code, Some(0));
    for word in
        ["serve", "sandbox", "token", "explain", "key", "account", "store", "config", "Exit codes"]
    {
        assert!(said.out.contains(word), "{word}");
    }
    assert!(run(lingpai(folder.path(), &["--version"])).out.starts_with("lingpai 0."));
}

#[test]
fn arguments_that_are_not_understood_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["srve"][..],
        &["serve", "--lifetime", "60s"],
        &["serve", "--demo", "--lifetime", "1s"],
        &["sandbox", "--listen", "8700"],
        &["key", "create", "x", "--right", "everything"],
    ] {
        let said = run(lingpai(folder.path(), arguments));
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert!(said.err.starts_with("error: "), "{}", said.err);
    }
}

#[test]
fn an_error_is_explained_in_the_language_of_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    let english = run(lingpai(folder.path(), &["explain", WHITELIST]));
    assert!(
        english.out.contains("Add 203.0.113.7 to the account's IP whitelist"),
        "{}",
        english.out
    );
    let chinese = run(lingpai(folder.path(), &["explain", "--lang", "zh", WHITELIST]));
    assert!(chinese.out.contains("把 203.0.113.7 加入该账号的 IP 白名单"), "{}", chinese.out);
    let mut by_locale = lingpai(folder.path(), &["explain", "40164"]);
    by_locale.env("LC_ALL", "zh_CN.UTF-8");
    assert!(run(by_locale).out.contains("处理办法"));
}

#[test]
fn an_error_may_be_a_negative_code_or_come_on_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(lingpai(folder.path(), &["explain", "-1"])).out.starts_with("-1: "));
    let mut command = lingpai(folder.path(), &["explain", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(WHITELIST.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    let explained: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(explained["code"], 40164);
    assert_eq!(explained["caller_ips"][0], "203.0.113.7");
}

#[test]
fn an_error_of_lingpais_own_is_explained_with_what_wechat_said() {
    let folder = tempfile::tempdir().unwrap();
    let off = run(lingpai(folder.path(), &["explain", "990109"])).out;
    assert!(off.starts_with("990109: gateway-off\n") && off.contains("`gateway.enabled"), "{off}");
    let unknown = run(lingpai(folder.path(), &["explain", "--lang", "zh", "key-unknown"])).out;
    assert!(unknown.contains("这里没有这个 API 密钥") && unknown.contains("处理办法"), "{unknown}");
    let answer = format!(
        r#"{{"errcode":990001,"errmsg":"lingpai: there is no good token now: {WHITELIST}"}}"#
    );
    let both = run(lingpai(folder.path(), &["explain", &answer])).out;
    assert!(both.contains("990001: no-token") && both.contains("40164: "), "{both}");
    let both = run(lingpai(folder.path(), &["explain", "--json", &answer])).out;
    let both: serde_json::Value = serde_json::from_str(&both).unwrap();
    assert_eq!((&both["code"], &both["wechat"]["code"]), (&990_001.into(), &40164.into()));
}

#[test]
fn a_text_without_an_error_is_said_to_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(lingpai(folder.path(), &["explain", "all", "is", "well"]));
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(
        said.err.starts_with("error: no error of WeChat or Lingpai was found in this text."),
        "{}",
        said.err
    );
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = lingpai(folder.path(), &["explain", "40001"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_key_is_shown_once_listed_without_itself_and_can_be_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(lingpai(
        folder.path(),
        &["key", "create", "orders", "--right", "token:read", "--account", "wx1"],
    ));
    let key = made.out.trim();
    let (id, secret) = key.rsplit_once('_').unwrap();
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(made.err.contains("orders: token:read on wx1"), "{}", made.err);

    let listed = run(lingpai(folder.path(), &["key", "list"])).out;
    assert!(listed.contains(id) && listed.contains("good") && !listed.contains(secret), "{listed}");

    // A key that has leaked is at hand as a whole; it is not repeated.
    let revoked = run(lingpai(folder.path(), &["key", "revoke", key]));
    assert!(
        revoked.err.contains(&format!("{id} of orders is revoked"))
            && !revoked.err.contains(secret)
    );
    let listed = run(lingpai(folder.path(), &["key", "list", "--json"])).out;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["good"], false);

    let unknown = run(lingpai(folder.path(), &["key", "revoke", "lp_0"]));
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("`lingpai key list` shows all ids"), "{}", unknown.err);
}

#[test]
fn a_key_is_made_for_an_environment_networks_and_an_sdk() {
    let folder = tempfile::tempdir().unwrap();
    let create = |arguments: &[&str]| {
        let mut command = lingpai(folder.path(), &["key", "create"]);
        command.args(arguments);
        run(command)
    };
    let arguments = [
        "ci",
        "--environment",
        "test",
        "--role",
        "service",
        "--network",
        "10.2.0.0/16",
        "--network",
        "::1",
        "--preset",
        "wechatpy",
        "--expires-in",
        "90d",
        "--json",
    ];
    let made = create(&arguments);
    let made: serde_json::Value = serde_json::from_str(&made.out).unwrap();
    assert_eq!(made["environment"], "test");
    assert_eq!(made["rights"], serde_json::json!(["token:read", "gateway", "ticket"]));
    assert_eq!(made["networks"], serde_json::json!(["10.2.0.0/16", "::1/128"]));
    assert_eq!(made["preset"], "wechatpy");
    let usual = create(&["dev", "--environment", "dev"]);
    assert!(usual.err.contains("The dev key of dev: token:read on all accounts"), "{}", usual.err);
    let listed = run(lingpai(folder.path(), &["key", "list"])).out;
    assert!(listed.contains("10.2.0.0/16 ::1/128  -      wechatpy"), "{listed}");

    for harmful in [&["--role", "operator"][..], &["--right", "token:report"], &["--admin"]] {
        let refused = create(&[&["x", "--environment", "dev"], harmful].concat());
        assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
        assert!(refused.err.contains("of the environment `dev`"), "{}", refused.err);
    }
    for unknown in [
        ["--role", "king"],
        ["--environment", "staging"],
        ["--preset", "x"],
        ["--network", "10.0.0.0/99"],
    ] {
        assert_eq!(create(&[&["x"][..], &unknown].concat()).code, Some(2), "{unknown:?}");
    }
}

#[test]
fn a_key_is_bounded_in_what_it_calls_and_how_often() {
    let folder = tempfile::tempdir().unwrap();
    let create = |arguments: &[&str]| {
        let mut command =
            lingpai(folder.path(), &["key", "create", "orders", "--right", "gateway"]);
        command.args(arguments);
        run(command)
    };
    let bounds = ["--path", "/cgi-bin/message/**", "--path", "/wxa/get*", "--per-minute", "600"];
    let made = create(&[&bounds[..], &["--at-once", "20", "--per-day", "100000"]].concat());
    assert_eq!(made.code, Some(0), "{}", made.err);
    let listed = run(lingpai(folder.path(), &["key", "list"])).out;
    let shown = "/cgi-bin/message/**, /wxa/get*, 600 a minute, 20 at once, 100000 a day  default";
    assert!(listed.contains(shown), "{listed}");
    let listed = run(lingpai(folder.path(), &["key", "list", "--json"])).out;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let paths = ["/cgi-bin/message/**", "/wxa/get*"];
    let bounds =
        serde_json::json!({"paths": paths, "per_minute": 600, "at_once": 20, "per_day": 100_000});
    assert_eq!(listed[0]["bounds"], bounds);
    for wrong in [["--path", "cgi-bin"], ["--per-minute", "0"], ["--at-once", "many"]] {
        assert_eq!(create(&wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn the_store_can_be_given_another_master_key() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("lingpai.key");
    assert_eq!(run(lingpai(folder.path(), &["key", "create", "orders"])).code, Some(0));
    let before = std::fs::read_to_string(&key_file).unwrap();
    let said = run(lingpai(folder.path(), &["store", "rekey"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_ne!(std::fs::read_to_string(&key_file).unwrap(), before);
    assert!(run(lingpai(folder.path(), &["key", "list"])).out.contains("orders"));
}

#[test]
fn a_master_key_that_comes_from_the_environment_is_not_replaced_behind_its_back() {
    let folder = tempfile::tempdir().unwrap();
    let with_key = |arguments: &[&str]| {
        let mut command = lingpai(folder.path(), arguments);
        command.env("LINGPAI_MASTER_KEY", "ab".repeat(32));
        run(command)
    };
    assert_eq!(with_key(&["key", "create", "orders"]).code, Some(0));
    let said = with_key(&["store", "rekey"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("openssl rand -hex 32"), "{}", said.err);
    // Another key is recognised and refused.
    let mut other = lingpai(folder.path(), &["key", "list"]);
    other.env("LINGPAI_MASTER_KEY", "cd".repeat(32));
    let said = run(other);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("LINGPAI_MASTER_KEY") && !said.err.contains("cdcd"), "{}", said.err);
}

#[test]
fn a_token_that_cannot_be_asked_for_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(lingpai(folder.path(), &["token", "wx1"]));
    assert!(said.err.contains("there is no API key. Set LINGPAI_KEY"), "{}", said.err);
    let said = run(lingpai(folder.path(), &["token", "wx1", "--key-file", "none"]));
    assert!(said.err.contains("the file none cannot be read"), "{}", said.err);
    let mut nobody = lingpai(folder.path(), &["token", "wx1", "--server", "http://127.0.0.1:1"]);
    nobody.env("LINGPAI_KEY", "lp_x");
    let said = run(nobody);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("http://127.0.0.1:1 cannot be reached. Check that it runs"),
        "{}",
        said.err
    );
    let said = run(lingpai(folder.path(), &["token", "wx1", "--standalone"]));
    assert!(
        said.err.contains("wx1 is neither in the configuration nor in the store"),
        "{}",
        said.err
    );
}

/// A command that is given this on standard input.
fn run_with_input(mut command: std::process::Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have refused before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Said::of(child.wait_with_output().unwrap())
}

#[test]
fn an_account_is_added_with_its_secret_from_standard_input_or_a_file_and_the_store_is_sealed() {
    const SECRET: &str = "8f5c0de8f5c0de8f5c0de8f5c0de8f5c";
    let folder = tempfile::tempdir().unwrap();
    let add = lingpai(folder.path(), &["account", "add", "wx1", "--mode", "classic", "--untried"]);
    let added = run_with_input(add, &format!("{SECRET}\n"));
    assert_eq!((added.code, added.out.as_str()), (Some(0), ""), "{}", added.err);
    assert!(!added.err.contains("warning") && !added.err.contains(SECRET), "{}", added.err);
    let listed = run(lingpai(folder.path(), &["account", "list"])).out;
    assert!(listed.contains("wx1      official-account  classic  none"), "{listed}");

    std::fs::write(folder.path().join("secret"), "short").unwrap();
    let again = ["account", "add", "wx1", "--secret-file", "secret"];
    let again = run(lingpai(folder.path(), &again));
    assert!(again.err.contains("lingpai account set-secret wx1"), "{}", again.err);
    let changed = ["account", "set-secret", "wx1", "--secret-file", "secret", "--untried"];
    let changed = run(lingpai(folder.path(), &changed));
    assert_eq!(changed.code, Some(0), "{}", changed.err);
    assert!(changed.err.starts_with("warning: this does not look like an AppSecret"));

    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let holds = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!holds, "{}", path.display());
    }
}

#[test]
fn what_is_no_secret_is_refused_and_nothing_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lines"), "8f5c0de\n8f5c0de\n").unwrap();
    let add = |arguments: &[&str]| {
        let mut command = lingpai(folder.path(), &["account", "add", "wx1"]);
        command.args(arguments);
        command
    };
    for (said, reason) in [
        (run_with_input(add(&[]), "\n"), "standard input is empty. Put the secret into it"),
        (run(add(&["--secret-file", "lines"])), "the file lines holds more than a secret"),
        (run(add(&["--secret-file", "none"])), "the file none cannot be read. Name the right file"),
    ] {
        assert_eq!(said.code, Some(1));
        assert!(said.err.contains(reason), "{}", said.err);
        assert!(!said.err.contains("8f5c0de"), "{}", said.err);
    }
    let unknown = run(lingpai(folder.path(), &["account", "set-secret", "wx1"]));
    assert!(unknown.err.contains("the account wx1 is not in the store"), "{}", unknown.err);
    let text = "[[account]]\nid = \"wx1\"\nsecret = { env = \"PATH\" }\n";
    std::fs::write(folder.path().join("lingpai.toml"), text).unwrap();
    let refused = run_with_input(add(&[]), "8f5c0de8f5c0de8f5c0de8f5c0de8f5c");
    assert!(refused.err.contains("stands in lingpai.toml, which wins"), "{}", refused.err);
    assert!(
        run(lingpai(folder.path(), &["account", "add", "wx1", "--mode", "stabel"]))
            .err
            .contains("Did you mean")
    );
}

#[test]
fn every_shell_gets_a_script_that_it_understands() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = run(lingpai(folder.path(), &["completions", shell]));
        assert!(script.out.contains("set-secret"), "{shell}");
        let file = folder.path().join(shell);
        std::fs::write(&file, script.out).unwrap();
        // Where the shell is there: bash is on every machine that builds this.
        match std::process::Command::new(shell).arg(check).arg(&file).status() {
            Ok(status) => assert!(status.success(), "{shell}"),
            Err(error) => assert_ne!(shell, "bash", "{error}"),
        }
    }
    assert_eq!(run(lingpai(folder.path(), &["completions", "cmd"])).code, Some(2));
}

#[test]
fn bash_completes_commands_and_their_options() {
    let folder = tempfile::tempdir().unwrap();
    let script = run(lingpai(folder.path(), &["completions", "bash"])).out;
    std::fs::write(folder.path().join("completions"), script).unwrap();
    let complete = "source ./completions; COMP_WORDS=(lingpai account set-); COMP_CWORD=2; _lingpai lingpai set- account; \
                    echo \"${COMPREPLY[@]}\"";
    let output = std::process::Command::new("bash")
        .current_dir(folder.path())
        .args(["-c", complete])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        "set-secret set-push set-api-security set-proxy set-mode"
    );
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let written = run(lingpai(folder.path(), &["man", "."]));
    assert_eq!(written.code, Some(0), "{}", written.err);
    let read = |page: &str| std::fs::read_to_string(folder.path().join(page)).unwrap();
    assert!(read("lingpai.1").contains("Exit codes"));
    assert!(read("lingpai-account-add.1").contains("secret\\-file"));
    let refused = run(lingpai(folder.path(), &["man", "none"]));
    assert!(
        refused.err.contains("the file none cannot be written. Name a directory"),
        "{}",
        refused.err
    );
}
