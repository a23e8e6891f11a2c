//! What commands change in the store directly is noted there as if a server had done it.

use std::fs;

use serde_json::Value;

use crate::serve::serve;
use crate::support::{lingpai, run};

#[test]
fn commands_that_change_the_store_are_on_record_and_told_as_events() {
    const SECRET: &str = "8f5c0de8f5c0de8f5c0de8f5c0de8f5c";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("secret"), SECRET).unwrap();
    fs::write(folder.join("another"), SECRET.replace('8', "9")).unwrap();
    fs::write(
        folder.join("lingpai.toml"),
        "listen = \"127.0.0.1:0\"\nupstream = \"http://127.0.0.1:9\"\n",
    )
    .unwrap();
    let done = |arguments: &[&str]| {
        let said = run(lingpai(folder, arguments));
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
        assert!(!said.err.contains("could not be noted"), "{}", said.err);
        said.out
    };
    let key = done(&["key", "create", "ops", "--admin"]);
    let key = key.trim();
    let orders = done(&["key", "create", "orders", "--right", "token:read"]);
    let (orders, _) = orders.trim().rsplit_once('_').unwrap();
    done(&["key", "revoke", orders]);
    let add = ["account", "add", "wx1", "--untried", "--secret-file", "secret"];
    done(&add);
    done(&["account", "set-secret", "wx1", "--untried", "--secret-file", "another"]);
    done(&["account", "set-proxy", "wx1", "none"]);
    done(&["account", "remove", "wx1"]);
    done(&["store", "rekey"]);
    // What changes nothing is not on record.
    done(&["key", "list"]);

    let (_server, url) = serve(folder);
    let ask = |arguments: &[&str]| {
        let mut command = lingpai(folder, arguments);
        command.args(["--server", &url]).env("LINGPAI_KEY", key);
        let said = run(command);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    };
    let lines = |printed: &str| -> Vec<Value> {
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let printed = ask(&["audit", "--json"]);
    let records = lines(&printed);
    let told: Vec<_> = records
        .iter()
        .filter(|record| record["who"]["command"].is_string())
        .map(|record| {
            (record["action"].as_str().unwrap(), record["who"]["command"].as_str().unwrap())
        })
        .collect();
    let mut expected = [
        ("key-made", "lingpai key create"),
        ("key-made", "lingpai key create"),
        ("key-revoked", "lingpai key revoke"),
        ("account-created", "lingpai account add"),
        ("account-secret-replaced", "lingpai account set-secret"),
        ("account-updated", "lingpai account set-proxy"),
        ("account-removed", "lingpai account remove"),
        ("store-rekeyed", "lingpai store rekey"),
    ];
    if told.first() == Some(&expected[7]) {
        expected.reverse(); // The newest first.
    }
    assert_eq!(told, expected, "{printed}");
    assert!(records.iter().all(|record| record["who"]["user"] != ""), "{printed}");
    assert!(!printed.contains(SECRET) && !printed.contains(key), "{printed}");
    let shown = ask(&["audit", "--account", "wx1"]);
    assert!(shown.contains("with `lingpai account set-secret` replaced the AppSecret"), "{shown}");

    let printed = ask(&["events", "--json", "--event", "account-changed,key-changed"]);
    let events = lines(&printed);
    assert_eq!(events.len(), 7, "{printed}");
    let secret = events.iter().find(|event| event["change"] == "secret-replaced").unwrap();
    assert_eq!((&secret["account"], &secret["key"]), (&"wx1".into(), &"command".into()));
    let revoked = events.iter().find(|event| event["change"] == "revoked").unwrap();
    assert_eq!((&revoked["key"], &revoked["by"]), (&orders.into(), &"command".into()));
    // The key that asked all this was used for the first time.
    let first = ask(&["events", "--event", "key-first-used"]);
    let (id, _) = key.rsplit_once('_').unwrap();
    assert!(first.contains(&format!("the key {id} was used for the first time")), "{first}");
}

#[test]
fn imports_copies_and_restored_backups_are_on_record_in_the_store_that_they_have_changed() {
    const PLATFORM: &str = "wx5a0db0c0ffee00c0";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (file, text) in [
        ("secret", "8f5c0de8f5c0de8f5c0de8f5c0de8f5c"),
        ("push-token", "pushtoken"),
        ("push-key", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
        ("list.csv", "account,refresh_token\nwx1,refreshtoken@@@one\n"),
        ("none.csv", "account,refresh_token\n"),
    ] {
        fs::write(folder.join(file), text).unwrap();
    }
    let settings = format!(
        "listen = \"127.0.0.1:0\"\nupstream = \"http://127.0.0.1:9\"\n[[account]]\nid = \"{PLATFORM}\"\nkind = \"platform\"\n\
         secret = {{ file = \"secret\" }}\n[account.push]\ntoken = {{ file = \"push-token\" }}\n\
         encoding-aes-key = {{ file = \"push-key\" }}\n"
    );
    fs::write(folder.join("lingpai.toml"), &settings).unwrap();
    let done = |arguments: &[&str]| {
        let said = run(lingpai(folder, arguments));
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
        assert!(!said.err.contains("could not be noted"), "{}", said.err);
        said.out
    };
    let key = done(&["key", "create", "ops", "--admin"]);
    done(&["platform", "import", PLATFORM, "list.csv"]);
    // What changes nothing is not on record.
    done(&["platform", "import", PLATFORM, "none.csv"]);
    done(&["store", "backup", "backup.db"]);
    done(&["store", "restore", "backup.db"]);
    done(&["store", "copy", "--from", "sqlite:lingpai.db", "--to", "sqlite:copy.db"]);
    fs::write(folder.join("lingpai.toml"), format!("store = \"sqlite:copy.db\"\n{settings}"))
        .unwrap();
    let (_server, url) = serve(folder);
    let mut command = lingpai(folder, &["audit", "--json", "--server", &url]);
    command.env("LINGPAI_KEY", key.trim());
    let said = run(command);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let records: Vec<Value> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |action: &str| -> &Value {
        let mut found = records.iter().filter(|record| record["action"] == action);
        let record = found.next().unwrap_or_else(|| panic!("{action}: {}", said.out));
        assert!(found.next().is_none(), "{action} once: {}", said.out);
        record
    };
    let imported = of("authorizers-imported");
    assert_eq!(imported["account"], PLATFORM);
    assert_eq!(imported["who"]["command"], "lingpai platform import");
    let restored = of("backup-restored");
    assert_eq!(restored["who"]["command"], "lingpai store restore");
    assert_eq!(restored["subject"], "backup.db");
    let copied = of("store-copied");
    assert_eq!(copied["who"]["command"], "lingpai store copy");
    assert!(copied["subject"].as_str().unwrap().ends_with("lingpai.db"), "{copied}");
    assert!(
        copied["text"].as_str().unwrap().contains("copied into this store what was in sqlite:")
    );
    assert!(!said.out.contains("refreshtoken"), "{}", said.out);
}

#[test]
fn a_store_keeps_as_much_of_its_journals_as_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text =
        "listen = \"127.0.0.1:0\"\n[events]\nkeep = 2\n[audit]\nkeep = 3\nkeep-for = \"7d\"\n";
    fs::write(folder.join("lingpai.toml"), text).unwrap();
    let mut key = String::new();
    for name in ["a", "b", "c", "d", "e"] {
        key = run(lingpai(folder, &["key", "create", name, "--admin"])).out;
    }
    let (_server, url) = serve(folder);
    let count = |arguments: &[&str]| {
        let mut command = lingpai(folder, arguments);
        command.args(["--json", "--server", &url]).env("LINGPAI_KEY", key.trim());
        run(command).out.lines().count()
    };
    assert_eq!(count(&["audit"]), 3);
    assert_eq!(count(&["events"]), 2);
}
