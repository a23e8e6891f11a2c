//! Every mistake as a person sees it.

use std::time::Duration;

use lingpai_core::{AccountKind, Mode, Refresh};

use super::*;

/// An account that is right, to which mistakes can be added.
pub(super) const ACCOUNT: &str = "[[account]]\nid = \"wx1\"\nsecret = { env = \"WX1\" }\n";

fn environment(name: &str) -> Option<String> {
    match name {
        "WX1" => Some("8f5c0de8f5c0de8f5c0de8f5c0de8f5c\n".to_owned()),
        "BLANK" => Some("  ".to_owned()),
        "TWO" => Some("8f5c0de 8f5c0de".to_owned()),
        _ => None,
    }
}

pub(super) fn parse(text: &str) -> Result<Config, String> {
    parse_in(text, &environment)
}

pub(super) fn parse_in(text: &str, environment: Environment<'_>) -> Result<Config, String> {
    parse_with(text, "/etc/lingpai", None, environment).map_err(|error| error.to_string())
}

fn parse_with(
    text: &str,
    base: &str,
    listen: Option<SocketAddr>,
    environment: Environment<'_>,
) -> Result<Config, Error> {
    let files = &mut Files::default();
    Config::parse(text, "lingpai.toml", Path::new(base), listen, environment, files)
}

/// Where a server would listen.
pub(super) fn listening(config: &Config) -> Vec<String> {
    config.listen.addresses.iter().map(|(address, _)| address.to_string()).collect()
}

/// The mistakes of a text: place and words, without the lines shown below.
pub(super) fn mistakes(text: &str) -> Vec<String> {
    let shown = parse(text).expect_err(text);
    let is_mistake =
        |line: &&str| line.starts_with("lingpai.toml:") || line.starts_with("the environment");
    shown.lines().filter(is_mistake).map(str::to_owned).collect()
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = parse("").unwrap();
    assert_eq!(listening(&config), ["http://127.0.0.1:8700"]);
    assert!(matches!(config.store, StoreAt::Sqlite { path, key: KeySource::Beside, .. }
        if path == Path::new("/etc/lingpai/lingpai.db")));
    assert!(config.upstream.hosts.is_empty() && config.accounts.is_empty());
}

#[test]
fn every_setting_is_read() {
    let config = parse(
        r#"
        listen = "0.0.0.0:80"
        allow-plain-text = true
        store = "sqlite:/var/lib/lingpai/lingpai.db"
        master-key = { file = "master.key" }
        upstream = "http://127.0.0.1:8900"
        connect-deadline = "1s"
        call-deadline = "3s"
        proxy = "socks5://lingpai@proxy.example.com:1080"
        proxy-password = { env = "WX1" }
        no-proxy = ["example.com", "10.0.0.0/8"]
        private-networks = ["10.2.0.0/16"]
        log = { level = "debug", format = "json" }

        [[account]]
        id = "wx1"
        secret = { env = "WX1" }
        kind = "mini-program"
        mode = "classic"
        proxy = "http://10.2.3.4:3128"
        refresh = { idle-after = "6h" }
        lead = "5m"
        jitter = "0s"
        daily-budget = 100
        fallback = false
        alone = true
        fetch-deadline = "5s"
        "#,
    )
    .unwrap();
    assert_eq!(listening(&config), ["http://0.0.0.0:80"]);
    assert!(matches!(&config.store, StoreAt::Sqlite { key: KeySource::File(file), .. }
        if file == Path::new("/etc/lingpai/master.key")));
    assert_eq!(config.upstream.hosts[0].to_string(), "http://127.0.0.1:8900");
    assert_eq!(config.upstream.deadlines.call, Duration::from_secs(3));
    let proxy = config.upstream.proxy.unwrap();
    assert_eq!(proxy.to_string(), "socks5://lingpai@proxy.example.com:1080");
    assert_eq!(proxy.login().unwrap().password.expose(), "8f5c0de8f5c0de8f5c0de8f5c0de8f5c");
    assert_eq!((config.upstream.no_proxy.len(), config.upstream.private_networks.len()), (2, 1));
    assert_eq!((config.log.level.as_str(), config.log.format), ("debug", LogFormat::Json));
    let account = &config.accounts[0];
    assert_eq!((account.kind, account.mode), (AccountKind::MiniProgram, Mode::Classic));
    assert_eq!(account.secret.expose(), "8f5c0de8f5c0de8f5c0de8f5c0de8f5c");
    assert_eq!(account.proxy.as_ref().unwrap().to_string(), "http://10.2.3.4:3128");
    assert_eq!(account.policy.refresh, Refresh::IdleAfter(Duration::from_hours(6)));
    assert_eq!(account.policy.lead, Duration::from_mins(5));
    assert_eq!(account.policy.daily_budget, Some(100));
    assert!(!account.policy.fallback && account.policy.alone);
}

#[test]
fn every_mistake_of_a_setting_names_the_place_and_the_remedy() {
    for (text, mistake) in [
        ("lisen = 1", "1:1: `lisen` is not a setting. Did you mean `listen`?"),
        (
            "allow_plain_text = true",
            "1:1: `allow_plain_text` is not a setting. Did you mean `allow-plain-text`?",
        ),
        ("port = 80", "1:1: `port` is not a setting. Did you mean `listen`?"),
        (
            "log.colour = true",
            "1:5: `colour` is not a setting here. There are `level`, `format` and `access`",
        ),
        ("listen = 8700", "1:10: `listen` is a text in quotes or a list of them, not a number"),
        (
            "listen = \"8700\"",
            "1:10: `8700` is not an address: write IP:PORT, such as 127.0.0.1:8700, or 0.0.0.0:8700 for all",
        ),
        (
            "listen = \"0.0.0.0:8700\"",
            "1:10: other machines reach 0.0.0.0:8700, and tokens and keys would travel there in plain text. Encrypt it with \
             `https://0.0.0.0:8700` and a certificate in `[tls]`, listen on 127.0.0.1:8700 and put a TLS proxy before it, \
             or say `allow-plain-text = true` if the network is yours",
        ),
        ("allow-plain-text = \"yes\"", "1:20: `allow-plain-text` is true or false, not a text"),
        (
            "store = \"mysql://x\"",
            "1:9: `mysql://x` is not a store: write `sqlite:PATH`, such as `sqlite:lingpai.db`, `redis://HOST:PORT`, or `memory:`",
        ),
        (
            "upstream = \"api.weixin.qq.com\"",
            "1:12: the base URL needs a scheme and a host; write it like https://proxy.example.com or \
             http://127.0.0.1:8080/wx",
        ),
        (
            "call-deadline = \"7\"",
            "1:17: `7` lacks a unit: write a number and a unit, such as 90s, 10m, 2h or 1h 30m",
        ),
        ("call-deadline = \"1h\"", "1:17: `1h` will not do: it must lie between 0.1s and 1m"),
        (
            "log.level = \"loud\"",
            "1:13: `loud` is not a level: write error, warn, info, debug or trace, or a filter such as \
             `info,lingpai_wechat=debug`",
        ),
        ("log.format = \"jsn\"", "1:14: `jsn` is none of `human` and `json`. Did you mean `json`?"),
        (
            "log = \"info\"",
            "1:7: `log` is a table, not a text: write `[log]` and `level = \"info\"` below it",
        ),
        (
            "master-key = { env = \"UNSET\" }",
            "1:14: the environment variable UNSET is not set. Set it where Lingpai is started",
        ),
        (
            "master-key = { env = \"WX1\" }",
            "1:14: the master key is not 32 bytes, written as 64 hexadecimal digits or in base64. Make one with \
             `openssl rand -hex 32`",
        ),
        (
            "account = 1",
            "1:11: `account` is a list of tables: write `[[account]]` before the settings of each account",
        ),
        (
            "account = [1]",
            "1:12: `account` is a list of tables: write `[[account]]` before the settings of each account",
        ),
        ("a = ", "1:5: this is not TOML: string values must be quoted, expected literal string"),
    ] {
        assert_eq!(mistakes(text), [format!("lingpai.toml:{mistake}")], "{text}");
    }
}

#[test]
fn every_mistake_of_an_account_names_the_place_and_the_remedy() {
    const SECRETS: &str = "`secret = { env = \"NAME\" }` or `secret = { file = \"PATH\" }`";
    for (text, mistake) in [
        ("appid = \"wx1\"", "4:1: `appid` is not a setting. Did you mean `id`?".to_owned()),
        ("mode = \"stabel\"", "4:8: `stabel` is none of `stable` and `classic`. Did you mean `stable`?".to_owned()),
        (
            "kind = \"x\"",
            "4:8: `x` is none of `official-account`, `mini-program`, `mini-game`, `wecom`, `platform`, `authorizer`, `authorizer-mini-program`, `wecom-suite`, `wecom-provider` and `wecom-authorized`".to_owned(),
        ),
        (
            "refresh = \"lazy\"",
            "4:11: `lazy` is not a way to refresh: write `\"eager\"`, `\"on-demand\"` or `{ idle-after = \"6h\" }`"
                .to_owned(),
        ),
        (
            "refresh = 6",
            "4:11: `refresh` is not a number: write `\"eager\"`, `\"on-demand\"` or `{ idle-after = \"6h\" }`".to_owned(),
        ),
        ("refresh = { idle-after = \"1s\" }", "4:26: `1s` will not do: it must lie between 1m and 720h".to_owned()),
        ("lead = \"2h\"", "4:8: `2h` will not do: it must lie between 1s and 1h".to_owned()),
        ("daily-budget = 0", "4:16: `daily-budget` is a whole number from 1 to 4294967295".to_owned()),
        (
            "fetch-deadline = \"7s\"",
            "4:18: `fetch-deadline` (7s) must be longer than `call-deadline` (7s), or a slow call is cut off before it can \
             say what happened"
                .to_owned(),
        ),
    ] {
        assert_eq!(mistakes(&format!("{ACCOUNT}{text}")), [format!("lingpai.toml:{mistake}")]);
    }
    for (secret, mistake) in [
        (
            "\"8f5c0de\"",
            format!(
                "a secret must not stand in this file, which is copied, backed up and shown to people. Put it into an \
                 environment variable or into a file that only Lingpai can read, and write {SECRETS}"
            ),
        ),
        ("5", format!("`secret` is not a number: write {SECRETS}")),
        ("{}", format!("say where the secret is: {SECRETS}")),
        ("{ env = \"WX1\", file = \"x\" }", format!("say where the secret is in one way only: {SECRETS}")),
        ("{ env = \"UNSET\" }", "the environment variable UNSET is not set. Set it where Lingpai is started".to_owned()),
        ("{ env = \"BLANK\" }", "the environment variable BLANK is empty. Put the secret into it".to_owned()),
        (
            "{ env = \"TWO\" }",
            "the environment variable TWO holds more than a secret: blanks or line breaks. Leave nothing but the secret \
             in it"
                .to_owned(),
        ),
        (
            "{ file = \"none\" }",
            "the file /etc/lingpai/none cannot be read: No such file or directory (os error 2). Check that it exists and \
             that Lingpai may read it"
                .to_owned(),
        ),
    ] {
        let text = format!("[[account]]\nid = \"wx1\"\nsecret = {secret}\n");
        assert_eq!(mistakes(&text), [format!("lingpai.toml:3:10: {mistake}")]);
    }
}

#[test]
fn an_account_without_id_and_secret_is_told_of_both() {
    assert_eq!(
        mistakes("[[account]]\nmode = \"stable\"\n"),
        [
            "lingpai.toml:1:1: `id` is missing: say the appid: `id = \"wx...\"`",
            "lingpai.toml:1:1: `secret` is missing: say where the AppSecret is: `secret = { env = \"NAME\" }` or \
             `secret = { file = \"PATH\" }`"
        ]
    );
}

#[test]
fn a_call_deadline_that_no_fetch_deadline_covers_is_a_mistake_of_the_account() {
    assert_eq!(
        mistakes(&format!("call-deadline = \"20s\"\n{ACCOUNT}")),
        [
            "lingpai.toml:2:1: `fetch-deadline` (8s) must be longer than `call-deadline` (20s), or a slow call is cut off \
          before it can say what happened"
        ]
    );
}

#[test]
fn the_same_account_twice_is_a_mistake() {
    assert_eq!(
        mistakes(&format!("{ACCOUNT}\n{ACCOUNT}")),
        ["lingpai.toml:6:6: the account wx1 stands in this file twice: remove one of them"]
    );
}

#[test]
fn all_mistakes_are_shown_at_once_in_the_order_of_the_file() {
    let shown =
        parse("store = \"x\"\nlisten = 1\n\n[[account]]\nid = \"a b\"\nsecret = \"8f5c0de\"\n")
            .unwrap_err();
    let places: Vec<_> =
        shown.lines().filter_map(|line| line.strip_prefix("lingpai.toml:")?.get(..1)).collect();
    assert_eq!(places, ["1", "2", "5", "6"]);
    assert!(shown.starts_with("the configuration has 4 mistakes. Nothing was started"));
    assert!(!shown.contains("8f5c0de"), "{shown}");
    assert!(shown.contains("6 | secret = \"*******\"\n  |          ^^^^^^^^^"), "{shown}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let environment = |name: &str| match name {
        "LINGPAI_LISTEN" => Some("localhost:9000".to_owned()),
        "LINGPAI_STORE" => Some("memory:".to_owned()),
        "LINGPAI_LOG_FORMAT" => Some("json".to_owned()),
        "LINGPAI_UPSTREAM" => Some(String::new()),
        _ => None,
    };
    let config =
        parse_in("listen = \"127.0.0.1:1\"\nupstream = \"http://127.0.0.1:2\"\n", &environment)
            .unwrap();
    assert_eq!(listening(&config), ["http://127.0.0.1:9000"]);
    assert!(matches!(config.store, StoreAt::Memory));
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.upstream.hosts.len(), 1, "an empty variable is as good as none");
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let environment = |name: &str| (name == "LINGPAI_LISTEN").then(|| "here".to_owned());
    let shown = parse_in("", &environment).unwrap_err();
    assert!(
        shown.contains("the environment variable LINGPAI_LISTEN: `here` is not an address"),
        "{shown}"
    );
}

#[test]
fn the_master_key_comes_from_its_variable_if_nothing_else_is_said() {
    let environment = |name: &str| (name == "LINGPAI_MASTER_KEY").then(|| "ab".repeat(32));
    let config = parse_in("", &environment).unwrap();
    assert!(matches!(&config.store, StoreAt::Sqlite { key: KeySource::Given { from, .. }, .. }
        if from == "LINGPAI_MASTER_KEY"));
    assert!(!format!("{config:?}").contains("abab"));
}

#[test]
fn a_redis_is_named_by_its_url_and_its_password_by_reference() {
    let text =
        "store = \"rediss://lingpai@redis:7000/1?ca=ca.pem\"\nstore-password = { env = \"WX1\" }\n";
    let config = parse(text).unwrap();
    let StoreAt::Redis { address, key: KeySource::Beside, .. } = &config.store else {
        panic!("{config:?}")
    };
    assert!(address.has_password());
    assert_eq!(address.to_string(), "rediss://redis:7000/1");
    assert!(!format!("{config:?}{}", config.summary()).contains("8f5c0de"));
    assert!(config.store.is(&parse(text).unwrap().store));

    let environment = |name: &str| match name {
        "LINGPAI_STORE" => Some("redis://:8f5c0de@redis".to_owned()),
        _ => None,
    };
    let config = parse_in("", &environment).unwrap();
    assert!(matches!(config.store, StoreAt::Redis { address, .. } if address.has_password()));
}

#[test]
fn a_mistake_in_the_url_of_a_redis_does_not_show_its_password() {
    for (text, mistake) in [
        (
            "store = \"redis://:8f5c0de@redis\"",
            "1:9: a password must not stand in this file, which is copied, backed up and shown to people. Leave it out \
             of the URL, and write `store-password = { env = \"NAME\" }` or `{ file = \"PATH\" }`",
        ),
        (
            "store = \"reddis://:8f5c0de@redis\"",
            "1:9: `***` is not a store: write `sqlite:PATH`, such as `sqlite:lingpai.db`, `redis://HOST:PORT`, or `memory:`",
        ),
        (
            "store = \"redis://:8f5c0de@redis?cluster=1\"",
            "1:9: a Redis URL has no option `cluster`. There are `prefix`, `ca`, `replicas` and `sentinel-user`",
        ),
        (
            "store = \"redis://redis\"\nstore-password = { env = \"NONE\" }",
            "2:18: the environment variable NONE is not set. Set it where Lingpai is started",
        ),
    ] {
        assert_eq!(mistakes(text), [format!("lingpai.toml:{mistake}")]);
        assert!(!parse(text).unwrap_err().contains("8f5c0de"));
    }
}

#[test]
fn an_argument_is_held_to_the_same_rule_as_the_file() {
    let listen = "0.0.0.0:8700".parse().unwrap();
    let parse = |text| parse_with(text, "", Some(listen), &environment);
    let shown = parse("").unwrap_err().to_string();
    assert!(shown.contains("--listen: other machines reach 0.0.0.0:8700"), "{shown}");
    let config = parse("allow-plain-text = true\nlisten = \"127.0.0.1:1\"").unwrap();
    assert_eq!(listening(&config), ["http://0.0.0.0:8700"]);
}
