//! The configuration from outside; every single mistake is tested beside the code.

use std::fs;

use crate::support::{lingpai, run};

#[test]
fn a_mistake_is_shown_with_its_line_and_ends_with_78() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lingpai.toml"), "store = \"memory:\"\nlisen = \"127.0.0.1:0\"\n")
        .unwrap();
    for command in [&["config", "check"][..], &["serve"], &["key", "list"]] {
        let said = run(lingpai(folder.path(), command));
        assert_eq!(said.code, Some(78));
        assert_eq!(
            said.err,
            "error: the configuration has a mistake. Nothing was started\n\n\
             lingpai.toml:2:1: `lisen` is not a setting. Did you mean `listen`?\n  |\n\
             2 | lisen = \"127.0.0.1:0\"\n  | ^^^^^\n\n"
        );
    }
}

#[test]
fn a_configuration_that_is_fine_is_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[[account]]\nid = \"wx1\"\nsecret = { file = \"wx1.secret\" }\n";
    fs::create_dir(folder.path().join("etc")).unwrap();
    fs::write(folder.path().join("etc/my.toml"), text).unwrap();
    fs::write(folder.path().join("etc/wx1.secret"), "8f5c0de8f5c0de8f5c0de8f5c0de8f5c\n").unwrap();
    let said = run(lingpai(folder.path(), &["config", "check", "--config", "etc/my.toml"]));
    assert_eq!(
        said.out,
        "etc/my.toml is fine\n  listen    http://127.0.0.1:8700\n  store     etc/lingpai.db\n  upstream  WeChat's own hosts\n  \
         accounts  wx1\n",
        "{}",
        said.err
    );
}

#[test]
fn a_configuration_that_is_not_there_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(lingpai(folder.path(), &["serve", "--config", "none.toml"]));
    assert_eq!(said.code, Some(78));
    assert!(
        said.err.contains("none.toml cannot be read. It does not exist: check the path"),
        "{}",
        said.err
    );
    let said = run(lingpai(folder.path(), &["serve"]));
    assert_eq!(said.code, Some(78));
    assert!(said.err.contains("lingpai serve --demo"), "{}", said.err);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was left behind");
}

#[test]
fn init_writes_a_configuration_that_is_fine_and_replaces_none_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lingpai.toml");
    let made = run(lingpai(folder.path(), &["init"]));
    assert_eq!((made.code, made.out.as_str()), (Some(0), ""), "{}", made.err);
    assert!(made.err.contains("lingpai account add"), "{}", made.err);
    let checked = run(lingpai(folder.path(), &["config", "check"]));
    assert!(checked.out.starts_with("lingpai.toml is fine"), "{}", checked.err);

    fs::write(&file, "# mine\n").unwrap();
    let refused = run(lingpai(folder.path(), &["init"]));
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("replace it with --force"), "{}", refused.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");
    assert_eq!(run(lingpai(folder.path(), &["init", "--force", "--lang", "zh"])).code, Some(0));
    assert!(fs::read_to_string(&file).unwrap().contains("监听地址"));

    let nowhere = run(lingpai(folder.path(), &["init", "--config", "none/lingpai.toml"]));
    assert!(nowhere.err.contains("Name a file in a directory that exists"), "{}", nowhere.err);
}

/// The configurations in `deploy/`: as files, and in the manifests of Kubernetes.
fn shipped() -> Vec<(String, String)> {
    let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy");
    [
        "debian/lingpai.toml",
        "container/lingpai.toml",
        "kubernetes/sqlite.yaml",
        "kubernetes/redis.yaml",
    ]
    .map(|name| {
        let text = fs::read_to_string(format!("{deploy}/{name}")).unwrap();
        let text = match text.split_once("  lingpai.toml: |\n") {
            Some((_, block)) => {
                let lines = block.lines().take_while(|line| *line != "---");
                lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
            }
            None => text,
        };
        (name.to_owned(), text)
    })
    .into()
}

#[test]
fn the_configurations_that_are_shipped_are_fine() {
    for (name, text) in shipped() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join("secrets");
        fs::create_dir(&secrets).unwrap();
        for secret in ["wx0123456789abcdef", "master-key", "redis-password"] {
            fs::write(secrets.join(secret), "8f5c0de8f5c0de8f5c0de8f5c0de8f5c0de8f5c0de8=")
                .unwrap();
        }
        // As where it will be used: the accounts that are shown are meant, and the files are there. No Redis is.
        let mut text = text.replace("\n# [[account]]", "\n[[account]]");
        for (shown, meant) in [("# id =", "id ="), ("# secret =", "secret =")] {
            text = text.replace(shown, meant);
        }
        for folder in ["/run/secrets/lingpai/", "/run/secrets/", "/etc/lingpai/secrets/"] {
            text = text.replace(folder, "secrets/");
        }
        let needs_redis = text.contains("redis://");
        let text =
            text.replace("@redis:6379", "@127.0.0.1:1").replace("//redis:6379", "//127.0.0.1:1");
        fs::write(folder.path().join("lingpai.toml"), text).unwrap();
        let said = run(lingpai(folder.path(), &["config", "check"]));
        // A configuration with a mistake does not get so far that its Redis is looked for.
        let (said, expected) = match needs_redis {
            true => (&said.err, "the store redis://127.0.0.1:1 cannot be reached"),
            false => (&said.out, "accounts  wx0123456789abcdef"),
        };
        assert!(said.contains(expected), "{name}: {said}");
    }
}
