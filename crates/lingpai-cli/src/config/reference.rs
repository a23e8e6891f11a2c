//! The parser, the documentation and the file that `lingpai init` writes know the same settings.

use std::collections::BTreeSet;

use lingpai_core::{AccountKind, Mode, Policy};

use super::described::{
    OF_ACCOUNT, OF_ALERT, OF_API_SECURITY, OF_PUSH, OF_SINK, SETTINGS, Setting,
};
use super::tests::{ACCOUNT, listening, parse};
use super::*;
use crate::commands::init::tests::in_full;

const ENGLISH: &str = include_str!("../../../../docs/configuration.md");
const CHINESE: &str = include_str!("../../../../docs/zh/configuration.md");
const ALERT_ENGLISH: &str = include_str!("../../../../docs/alerts.md");
const ALERT_CHINESE: &str = include_str!("../../../../docs/zh/alerts.md");
const SINK_ENGLISH: &str = include_str!("../../../../docs/sinks.md");
const SINK_CHINESE: &str = include_str!("../../../../docs/zh/sinks.md");
const PUSH_ENGLISH: &str = include_str!("../../../../docs/push.md");
const PUSH_CHINESE: &str = include_str!("../../../../docs/zh/push.md");
const SECURITY_ENGLISH: &str = include_str!("../../../../docs/api-security.md");
const SECURITY_CHINESE: &str = include_str!("../../../../docs/zh/api-security.md");

/// The tables of settings outside the accounts.
const TABLES: [&str; 8] =
    ["tls", "gateway", "console", "authorization", "events", "audit", "traces", "log"];

/// The settings of one table, as the parser names them to somebody who asks for one that is none.
fn known(text: &str) -> BTreeSet<String> {
    let told = parse(text).expect_err(text);
    let (_, list) = told.split_once("is not a setting here. There are ").expect(&told);
    let line = list.lines().next().unwrap();
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every setting that the parser knows: those outside the accounts, and those of an account.
fn all_known() -> (BTreeSet<String>, BTreeSet<String>) {
    let mut settings = known("qqq = 1");
    assert!(settings.remove("account"));
    assert!(settings.remove("alert"));
    assert!(settings.remove("sink"));
    for table in TABLES {
        assert!(settings.remove(table));
        let keys = known(&format!("{table}.qqq = 1"));
        settings.extend(keys.into_iter().map(|key| format!("{table}.{key}")));
    }
    (settings, known(&format!("{ACCOUNT}qqq = 1")))
}

/// The settings of a table, as the documentation shows them.
fn table(settings: &[Setting], language: usize) -> String {
    let heading = ["| setting | default | meaning |", "| 设置 | 默认值 | 含义 |"][language];
    let row = |Setting { key, default, meaning }: &Setting| {
        format!("| `{key}` | {} | {} |\n", default[language], meaning[language])
    };
    let rows: String = settings.iter().map(row).collect();
    format!("{heading}\n|---|---|---|\n{rows}")
}

/// A page with this table between its two marks.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let (before, rest) = page.split_once(&format!("<!-- {name}: ")).expect(name);
    let (mark, rest) = rest.split_once("-->\n").expect(name);
    let (_, after) = rest.split_once(&format!("<!-- /{name} -->")).expect(name);
    format!("{before}<!-- {name}: {mark}-->\n{table}<!-- /{name} -->{after}")
}

#[test]
fn every_setting_that_the_parser_knows_is_described_and_no_other() {
    let (settings, of_an_account) = all_known();
    let of_pushes = known(&format!("{ACCOUNT}[account.push]\nqqq = 1"));
    let of_security = known(&format!("{ACCOUNT}[account.api-security]\nqqq = 1"));
    let of_alerts = known("[[alert]]\nqqq = 1");
    let of_sinks = known("[[sink]]\nqqq = 1");
    for (described, known) in [
        (SETTINGS, settings),
        (OF_ACCOUNT, of_an_account),
        (OF_PUSH, of_pushes),
        (OF_API_SECURITY, of_security),
        (OF_ALERT, of_alerts),
        (OF_SINK, of_sinks),
    ] {
        let keys: BTreeSet<_> = described.iter().map(|setting| setting.key.to_owned()).collect();
        assert_eq!((&keys, described.len()), (&known, known.len()));
    }
}

/// `UPDATE_EXPECT=1` writes them anew.
#[test]
fn the_tables_of_the_documentation_are_made_of_the_descriptions() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    let all = [("settings", SETTINGS), ("account", OF_ACCOUNT)];
    let of_push = [("push", OF_PUSH)];
    let of_security = [("api-security", OF_API_SECURITY)];
    let of_alert = [("alert", OF_ALERT)];
    let of_sink = [("sink", OF_SINK)];
    for (page, file, language, tables) in [
        (ENGLISH, "configuration.md", 0, &all[..]),
        (CHINESE, "zh/configuration.md", 1, &all),
        (PUSH_ENGLISH, "push.md", 0, &of_push),
        (PUSH_CHINESE, "zh/push.md", 1, &of_push),
        (SECURITY_ENGLISH, "api-security.md", 0, &of_security),
        (SECURITY_CHINESE, "zh/api-security.md", 1, &of_security),
        (ALERT_ENGLISH, "alerts.md", 0, &of_alert),
        (ALERT_CHINESE, "zh/alerts.md", 1, &of_alert),
        (SINK_ENGLISH, "sinks.md", 0, &of_sink),
        (SINK_CHINESE, "zh/sinks.md", 1, &of_sink),
    ] {
        let mut renewed = page.to_owned();
        for (name, settings) in tables {
            renewed = with_table(&renewed, name, &table(settings, language));
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(format!("{root}/{file}"), &renewed).unwrap();
        } else {
            assert_eq!(page, renewed, "{file}: UPDATE_EXPECT=1 writes its tables anew");
        }
    }
}

#[test]
fn the_documentation_names_every_variable_that_overrides_a_setting() {
    let variables: BTreeSet<_> = SETTINGS.iter().map(|setting| variable_of(setting.key)).collect();
    for page in [ENGLISH, CHINESE] {
        let named: BTreeSet<_> = page
            .split('`')
            .filter(|word| word.starts_with("LINGPAI_") && word.len() > "LINGPAI_".len())
            .filter(|word| *word != "LINGPAI_CONFIG")
            .map(str::to_owned)
            .collect();
        assert_eq!(named, variables);
    }
}

#[test]
fn the_file_of_init_shows_every_setting_with_its_default() {
    let (settings, of_an_account) = all_known();
    for text in in_full() {
        let (outside, account) = text.split_once("\n[[account]]").unwrap();
        let keys = |text: &str, prefix: &str| -> BTreeSet<String> {
            let key = |line: &str| {
                (!line.starts_with('#'))
                    .then(|| line.split_once(" = "))
                    .flatten()
                    .map(|(key, _)| key.to_owned())
            };
            text.lines().filter_map(key).map(|key| format!("{prefix}{key}")).collect()
        };
        let mut tables = outside.split("\n[");
        let mut shown = keys(tables.next().unwrap(), "");
        for table in tables {
            let (name, _) = table.split_once(']').unwrap();
            shown.extend(keys(table, &format!("{name}.")));
        }
        assert_eq!(shown, settings);
        assert_eq!(keys(account, ""), of_an_account);

        // Files that are not there, which are examples and no defaults.
        let (before, tls) = text.split_once("\n[tls]\n").unwrap();
        let (_, after) = tls.split_once("\n[gateway]\n").unwrap();
        let mut mended = format!("{before}\n[gateway]\n{after}")
            .replace("extra-ca = \"company-ca.pem\"", "")
            .replace("headers = { file = \"collector.headers\" }", "");
        for key in ["push", "api-security"] {
            let (before, value) = mended.split_once(&format!("\n{key} = ")).unwrap();
            let (_, after) = value.split_once('\n').unwrap();
            mended = format!("{before}\n{after}");
        }
        for file in [
            "orders.secret",
            "redis.password",
            "sentinel.password",
            "proxy.password",
            "orders.proxy-password",
        ] {
            mended = mended.replace(&format!("{{ file = \"{file}\" }}"), "{ env = \"WX1\" }");
        }
        let (written, default) = (parse(&mended).unwrap(), parse("").unwrap());
        assert_eq!(listening(&written)[0], listening(&default)[0]);
        assert!(matches!((&written.store, &default.store),
            (StoreAt::Sqlite { path, .. }, StoreAt::Sqlite { path: other, .. }) if path == other));
        assert_eq!(written.upstream.deadlines, default.upstream.deadlines);
        assert_eq!(written.listen.drain, default.listen.drain);
        let (mut gateway, default_gateway) =
            (written.gateway.clone().unwrap(), default.gateway.clone().unwrap());
        gateway.upstream = default_gateway.upstream.clone();
        // Examples, since by default nothing is there.
        assert!(!gateway.mounts.is_empty() && !gateway.rules.denied.is_empty());
        gateway.mounts.clear();
        gateway.rules.denied.clear();
        gateway.rules.real_tokens_from.clear();
        (gateway.rules.per_day, gateway.rules.bounds.per_day) = (None, None);
        gateway.spool_dir.clone_from(&default_gateway.spool_dir);
        assert_eq!(gateway, default_gateway);
        assert_eq!(written.console, default.console);
        assert!(
            written
                .traces
                .as_ref()
                .is_some_and(|traces| (traces.calls, traces.reads) == (0.05, 0.001))
        );
        let log =
            |config: &Config| (config.log.level.clone(), config.log.format, config.log.access);
        assert_eq!(log(&written), log(&default));
        let account = &written.accounts[0];
        assert_eq!((account.kind, account.mode), (AccountKind::default(), Mode::default()));
        let policy = Policy { daily_budget: None, ..account.policy.clone() };
        assert_eq!(policy, Policy::default());
    }
}
