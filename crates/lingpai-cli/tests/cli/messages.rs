//! Everything that the binary says when something is wrong with what it was given, as people read it, in both languages.
//!
//! What is in `tests/snapshots/` was read; a change there is to be read again. `UPDATE_EXPECT=1` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use expect_test::expect_file;

use crate::support::{Said, lingpai, run};

/// An account that is fine, into which mistakes are put.
const ACCOUNT: &str = "[[account]]\nid = \"wx1\"\nsecret = { file = \"wx1.secret\" }\n";

/// The languages, as `LINGPAI_LANG` names them.
const LANGUAGES: [&str; 2] = ["en", "zh"];

const SECRET: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75e";

/// What the binary says in a language.
fn said_in(language: &str, folder: &Path, arguments: &[&str]) -> Said {
    let mut command = lingpai(folder, arguments);
    command.env("LINGPAI_LANG", language);
    command.env("BLANK", " ").env("WORD", "no-key").env("WORDS", "no key");
    run(command)
}

/// Holds what was said in a language against what is kept.
pub(crate) fn compare(name: &str, language: &str, said: &str) {
    let file = format!("{}/tests/snapshots/{name}.{language}.txt", env!("CARGO_MANIFEST_DIR"));
    expect_file![file].assert_eq(said);
}

/// One setting: the heading it stands under, and its name.
struct Setting {
    heading: String,
    name: String,
}

/// Every setting, from the configuration that `init` writes.
fn settings(folder: &Path) -> Vec<Setting> {
    run(lingpai(folder, &["init", "--lang", "en"]));
    let file = folder.join("lingpai.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(file).unwrap();
    let mut heading = String::new();
    let mut settings = Vec::new();
    for line in text.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if line.starts_with('[') {
            line.clone_into(&mut heading);
        } else if let Some((name, _)) = line.split_once(" = ")
            && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        {
            settings.push(Setting { heading: heading.clone(), name: name.to_owned() });
        }
    }
    settings
}

impl Setting {
    /// A configuration in which it has this value, and everything else is fine.
    fn configured(&self, value: &str) -> String {
        let Self { heading, name } = self;
        match heading.as_str() {
            "" => format!("{name} = {value}\n{ACCOUNT}"),
            "[[account]]" => {
                let others = ACCOUNT.lines().filter(|line| !line.starts_with(&format!("{name} =")));
                let others: Vec<&str> = others.collect();
                format!("{}\n{name} = {value}\n", others.join("\n"))
            }
            _ => format!("{heading}\n{name} = {value}\n{ACCOUNT}"),
        }
    }
}

/// What `config check` finds wrong with this configuration, if anything.
fn wrong_with(language: &str, folder: &Path, configuration: &str) -> Option<String> {
    fs::write(folder.join("lingpai.toml"), configuration).unwrap();
    fs::write(folder.join("wx1.secret"), SECRET).unwrap();
    let said = said_in(language, folder, &["config", "check"]);
    if said.code == Some(0) {
        return None;
    }
    assert_eq!(said.code, Some(78), "{configuration}\n{}", said.err);
    // The same head each time.
    let (_, mistakes) = said.err.split_once("\n\n").unwrap();
    Some(mistakes.trim_end().to_owned() + "\n")
}

#[test]
fn a_wrong_value_of_every_setting() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    for language in LANGUAGES {
        let mut all = String::new();
        for setting in &settings {
            // An empty list is right where a list is wanted, and a file may well be called `?`.
            let wrong = ["[]", "\"?\"", "-1"].map(|value| setting.configured(value));
            let said = wrong.iter().filter_map(|text| wrong_with(language, folder.path(), text));
            let said: Vec<_> = said.collect();
            assert!(!said.is_empty(), "{} takes anything", setting.name);
            for said in said {
                writeln!(all, "{said}").unwrap();
            }
        }
        compare("settings", language, &all);
    }
}

#[test]
fn a_configuration_that_does_not_hang_together() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wx1.secret"), SECRET).unwrap();
    let all_wrong = [
        "",
        "listen = ",
        "listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n",
        "lisen = \"127.0.0.1:1\"\n",
        "[logs]\n",
        "[account]\nid = \"wx1\"\n",
        "[[account]]\n",
        "[[account]]\nid = \"wx1\"\n",
        "[[account]]\nid = \"wx1\"\nsecret = \"5ec2e75ec2e75ec2e75ec2e75ec2e75e\"\n",
        "[[account]]\nid = \"wx1\"\nsecret = { file = \"none\" }\n",
        "[[account]]\nid = \"wx1\"\nsecret = { env = \"NONE\" }\n",
        "[[account]]\nid = \"wx1\"\nsecret = { vault = \"x\" }\n",
        "[[account]]\nid = \"wx1\"\nsecret = {}\n",
        &format!("{ACCOUNT}{ACCOUNT}"),
        &format!("{ACCOUNT}lead = \"3h\"\n"),
        &format!("{ACCOUNT}fetch-deadline = \"1s\"\n"),
        &format!("listen = \"0.0.0.0:8700\"\n{ACCOUNT}"),
        &format!("store = \"mysql://localhost\"\n{ACCOUNT}"),
        "log = \"info\"\n",
        "listen = [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n",
        "client-address = \"forwarded\"\n",
        "listen = \"https://0.0.0.0:8443\"\n",
        "[tls]\ncertificate = \"wx1.secret\"\nkey = \"wx1.secret\"\n",
        "listen = \"https://[::]:8443\"\n[tls]\ncertificate = \"wx1.secret\"\nkey = \"wx1.secret\"\n",
        "master-key = { env = \"NONE\" }\n",
        "master-key = { env = \"WORD\" }\n",
        "master-key = { env = \"BLANK\" }\n",
        "master-key = { env = \"WORDS\" }\n",
        "master-key = { env = \"A\", file = \"b\" }\n",
        "proxy = \"http://lingpai:5ec2e7@proxy:3128\"\n",
        "proxy-password = { file = \"wx1.secret\" }\n",
        "proxy = \"http://proxy:3128\"\nproxy-password = { file = \"wx1.secret\" }\n",
        "extra-ca = \"wx1.secret\"\n",
        &format!("{ACCOUNT}proxy = \"http://10.2.3.4:3128\"\n"),
        &format!("{ACCOUNT}proxy = \"http://169.254.169.254:3128\"\n"),
        &format!("{ACCOUNT}refresh = {{}}\n"),
    ];
    for language in LANGUAGES {
        let mut all = String::new();
        for wrong in all_wrong {
            fs::write(folder.path().join("lingpai.toml"), wrong).unwrap();
            let said = said_in(language, folder.path(), &["config", "check"]);
            writeln!(all, "----\n{wrong}\n----\n{}", shown(&said)).unwrap();
        }
        compare("configurations", language, &all);
    }
}

#[test]
fn bad_input_of_every_command() {
    for language in LANGUAGES {
        compare("commands", language, &said_of_bad_input(language));
    }
}

fn said_of_bad_input(language: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lp.key"), "lp_000000000000_0").unwrap();
    let all_of = |commands: &[&[&str]]| {
        let mut all = String::new();
        for arguments in commands {
            let said = said_in(language, folder.path(), arguments);
            writeln!(all, "$ lingpai {}\n{}", arguments.join(" "), shown(&said)).unwrap();
        }
        all
    };
    // Nothing is there yet.
    let mut all = all_of(&[
        &[],
        &["surve"],
        &["serve"],
        &["serve", "--lisen", "127.0.0.1:0"],
        &["serve", "--listen"],
        &["serve", "--demo", "--demo"],
        &["serve", "--demo=yes"],
        &["serve", "--listen", "here"],
        &["serve", "--listen", "0.0.0.0:0", "--config", "none.toml"],
        &["serve", "--lifetime", "30s"],
        &["serve", "--demo", "--lifetime", "1s"],
        &["serve", "--demo", "--lifetime", "soon"],
        &["init", "--lang", "fr"],
        &["init", "--config", "none/lingpai.toml"],
        &["sandbox", "--listen", "0.0.0.0:0"],
        &["sandbox", "--seed", "x"],
        &["token"],
        &["token", "wx1", "wx2"],
        &["token", "wx 1"],
        &["token", "wx1"],
        &["token", "wx1", "--key-file", "none"],
        &["token", "wx1", "--server", "ftp://x"],
        &["token", "wx1", "--standalone"],
        &["token", "wx1", "--standalone", "--key-file", "k"],
        &["status", "wx 1"],
        &["status"],
        &["status", "--key-file", "lp.key", "--server", "ftp://x"],
        &["status", "--key-file", "lp.key", "--server", "http://127.0.0.1:1"],
        &["rotate"],
        &["rotate", "wx1", "--key-file", "none"],
        &["rotate", "wx1", "--key-file", "lp.key", "--server", "http://127.0.0.1:1"],
        &["quota", "clear"],
        &["quota", "wx1", "--standalone", "--key-file", "k"],
        &["rid"],
        &["rid", "1-2-3", "--standalone"],
        &["call", "wx1"],
        &["call", "wx1", "POST"],
        &["call", "wx1", "https://api.weixin.qq.com/cgi-bin/user/info"],
        &["call", "wx1", "/a", "openid"],
        &["call", "wx1", "/a", "=o1"],
        &["call", "wx1", "/a", "n:=one"],
        &["call", "wx1", "/a", "--json", "none"],
        &["call", "wx1", "/a", "--json", "lp.key"],
        &["call", "wx1", "/a", "--file", "media"],
        &["call", "wx1", "/a", "--file", "=@none"],
        &["call", "wx1", "/a", "--file", "media=@none"],
        &["call", "wx1", "/a", "--file", "media=@."],
        &["call", "wx1", "GET", "/a", "--file", "media=@lp.key"],
        &["call", "wx1", "/a", "-o", "."],
        &["call", "wx1", "/a"],
        &["call", "wx1", "/a", "--key-file", "lp.key", "--server", "http://127.0.0.1:1"],
        &["call", "wx1", "/a", "--standalone", "--key-file", "k"],
        &["explain"],
        &["explain", "nothing known"],
        &["explain", "40164", "--lang", "fr"],
        &["key"],
        &["key", "create"],
        &["key", "create", ""],
        &["key", "create", "a", "--right", "tokens"],
        &["key", "create", "a", "--right", "admin", "--admin"],
        &["key", "create", "a", "--role", "king"],
        &["key", "create", "a", "--environment", "staging"],
        &["key", "create", "a", "--environment", "dev", "--role", "operator"],
        &["key", "create", "a", "--preset", "x"],
        &["key", "create", "a", "--network", "10.0.0.0/99"],
        &["key", "create", "a", "--account", "wx 1"],
        &["key", "create", "a", "--expires-in", "never"],
        &["key", "create", "a", "--path", "cgi-bin/user"],
        &["key", "create", "a", "--per-minute", "0"],
        &["key", "revoke"],
        &["key", "revoke", "lp_000000000000"],
        &["account", "add"],
        &["account", "add", "wx1", "--kind", "shop"],
        &["account", "add", "wx1", "--mode", "fast"],
        &["account", "add", "wx1"],
        &["account", "add", "wx1", "--secret-file", "none"],
        &["account", "set-secret", "wx1", "--secret-file", "none"],
        &["account", "add", "wx1", "--key-file", "lp.key"],
        &["account", "remove", "wx1", "--server", "http://127.0.0.1:1", "--key-file", "none"],
        &["account", "show", "wx1"],
        &["account", "remove", "wx1"],
        &["account", "set-proxy", "wx1"],
        &["account", "set-proxy", "wx1", "none"],
        &["account", "add", "wx1", "--proxy-password-file", "lp.key"],
        &["token", "wx1", "--key-file", "lp.key", "--server", "unix:none.sock"],
        &["token", "wx1", "--key-file", "lp.key", "--server", "unix:"],
        &["config", "explain", "drian"],
        &["config", "explain", "everything"],
        &["store", "rekey", "--new-key-file", "none"],
        &["store", "copy", "--from", "sqlite:a.db"],
        &["store", "copy", "--from", "lingpai.db", "--to", "sqlite:b.db"],
        &["store", "copy", "--from", "sqlite:a.db", "--to", "memory:"],
        &["store", "copy", "--from", "memory:", "--to", "sqlite:b.db"],
        &["store", "copy", "--from", "redis://:pw@127.0.0.1:1", "--to", "sqlite:b.db"],
        &[
            "store",
            "copy",
            "--from",
            "redis://127.0.0.1:1",
            "--to",
            "sqlite:b.db",
            "--from-password-file",
            "none",
        ],
        &["key", "import", "none"],
        &["key", "import", "lp.key"],
        &["config", "check"],
        &["config", "check", "--config", "none.toml"],
        &["completions", "tcsh"],
        &["man", "none"],
    ]);
    fs::write(folder.path().join("lingpai.toml"), "store = \"memory:\"\n").unwrap();
    all += &all_of(&[&["init"], &["key", "list"], &["account", "list"], &["store", "rekey"]]);
    all
}

#[test]
fn what_was_done_and_what_there_is() {
    for language in LANGUAGES {
        compare("deeds", language, &said_of_deeds(language));
    }
}

fn said_of_deeds(language: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wx1.secret"), SECRET).unwrap();
    fs::write(folder.path().join("odd.secret"), "odd").unwrap();
    let mut id = String::new();
    let mut all = String::new();
    for arguments in [
        &["init", "--config", "new.toml"][..],
        &["account", "list"],
        &["account", "add", "wx1", "--secret-file", "wx1.secret", "--untried"],
        &["account", "add", "wx1", "--secret-file", "wx1.secret", "--untried"],
        &["account", "set-secret", "wx1", "--secret-file", "wx1.secret", "--untried"],
        &["account", "set-secret", "wx1", "--secret-file", "odd.secret", "--untried"],
        &["account", "list"],
        &["account", "show", "wx1"],
        &["account", "set-proxy", "wx1", "ftp://proxy.example.com"],
        &["account", "set-proxy", "wx1", "http://lingpai:hunter2@proxy.example.com"],
        &[
            "account",
            "set-proxy",
            "wx1",
            "http://proxy.example.com",
            "--password-file",
            "odd.secret",
        ],
        &["account", "set-proxy", "wx1", "http://169.254.169.254:3128"],
        &[
            "account",
            "set-proxy",
            "wx1",
            "socks5://lingpai@proxy.example.com",
            "--password-file",
            "none",
        ],
        &[
            "account",
            "set-proxy",
            "wx1",
            "socks5://lingpai@proxy.example.com",
            "--password-file",
            "odd.secret",
        ],
        &["account", "show", "wx1"],
        &["account", "set-proxy", "wx1", "none"],
        &["account", "remove", "wx1"],
        &["config", "explain", "proxy-password"],
        &["config", "explain", "log"],
        &["key", "list"],
        &["key", "create", "orders", "--role", "service", "--account", "wx1"],
        &["key", "create", "订单", "--environment", "test", "--expires-in", "90d"],
        &["key", "list"],
        &["key", "revoke", "ID"],
        &["key", "list"],
        &["store", "rekey"],
        &["store", "copy", "--from", "sqlite:lingpai.db", "--to", "sqlite:other.db"],
        &["store", "copy", "--from", "sqlite:lingpai.db", "--to", "sqlite:other.db"],
        &["man", "."],
    ] {
        let arguments: Vec<_> =
            arguments.iter().map(|word| if *word == "ID" { id.as_str() } else { word }).collect();
        let said = said_in(language, folder.path(), &arguments);
        let shown = format!("$ lingpai {}\n{}\n", arguments.join(" "), shown(&said));
        all += &covered(&shown);
        if said.out.starts_with("lp_")
            && let Some((first_part, _)) = said.out.rsplit_once('_')
        {
            first_part.clone_into(&mut id);
        }
    }
    all
}

/// What differs each time, keys and times, covered without a change of its length.
fn covered(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-:".contains(c);
    let cover = |piece: &str| {
        let word = piece.trim_end_matches(|c| !is_part(c));
        let is_time = word.starts_with("20") && word.ends_with('Z');
        match word.strip_prefix("lp_") {
            Some(rest) => format!("lp_{}{}", "*".repeat(rest.len()), &piece[word.len()..]),
            None if is_time => format!("{}{}", "*".repeat(word.len()), &piece[word.len()..]),
            None => piece.to_owned(),
        }
    };
    text.split_inclusive(|c| !is_part(c)).map(cover).collect()
}

#[test]
fn the_help_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for (language, commands) in LANGUAGES.into_iter().zip(["Commands:\n", "命令:\n"]) {
        let mut all = String::new();
        let help = Help { language, commands, folder: folder.path() };
        help.add(&[], &mut all);
        compare("help", language, &all);
    }
}

/// The help in one language.
struct Help<'a> {
    language: &'a str,
    /// The heading of the list of commands.
    commands: &'a str,
    folder: &'a Path,
}

impl Help<'_> {
    /// Adds the help of this command, and of those below it.
    fn add(&self, command: &[&str], all: &mut String) {
        let said = said_in(self.language, self.folder, &[command, &["--help"]].concat());
        writeln!(all, "$ lingpai {} --help\n{}", command.join(" "), said.out).unwrap();
        let (_, commands) = said.out.split_once(self.commands).unwrap_or_default();
        for line in commands.lines().take_while(|line| !line.is_empty()) {
            // Longer descriptions go on, further in.
            if let Some(name) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) {
                let name = name.split(' ').next().unwrap();
                self.add(&[command, &[name]].concat(), all);
            }
        }
    }
}

/// What was said, and the exit code, which is part of it.
fn shown(said: &Said) -> String {
    let Said { code, out, err } = said;
    format!("{out}{err}=> {}\n", code.unwrap())
}
