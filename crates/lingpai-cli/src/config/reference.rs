//! The parser, the documentation and the file that `lingpai init` writes know the same settings.

use std::collections::BTreeSet;

use lingpai_core::{AccountKind, Mode, Policy};

use super::tests::{ACCOUNT, listening, parse};
use super::*;
use crate::commands::init::tests::in_full;

const ENGLISH: &str = include_str!("../../../../docs/configuration.md");
const CHINESE: &str = include_str!("../../../../docs/zh/configuration.md");

/// The tables of settings outside the accounts.
const TABLES: [&str; 3] = ["tls", "gateway", "log"];

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
    for table in TABLES {
        assert!(settings.remove(table));
        let keys = known(&format!("{table}.qqq = 1"));
        settings.extend(keys.into_iter().map(|key| format!("{table}.{key}")));
    }
    (settings, known(&format!("{ACCOUNT}qqq = 1")))
}

/// The settings in the first column of a table below this heading.
fn documented(page: &str, heading: &str) -> BTreeSet<String> {
    let (_, below) = page.split_once(heading).expect(heading);
    let rows = below.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect()
}

#[test]
fn the_documentation_names_every_setting_and_no_other() {
    let (settings, of_an_account) = all_known();
    for (page, all, accounts) in
        [(ENGLISH, "\n## All settings", "\n## Accounts"), (CHINESE, "\n## 全部设置", "\n## 账号")]
    {
        assert_eq!(documented(page, all), settings);
        assert_eq!(documented(page, accounts), of_an_account);
    }
}

#[test]
fn the_documentation_names_every_variable_that_overrides_a_setting() {
    let variable =
        |key: &String| format!("LINGPAI_{}", key.to_ascii_uppercase().replace(['-', '.'], "_"));
    let (settings, _) = all_known();
    let variables: BTreeSet<_> = settings.iter().map(variable).collect();
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
        let mut mended =
            format!("{before}\n[gateway]\n{after}").replace("extra-ca = \"company-ca.pem\"", "");
        let (before, push) = mended.split_once("\npush = ").unwrap();
        let (_, after) = push.split_once('\n').unwrap();
        mended = format!("{before}\n{after}");
        for file in ["orders.secret", "redis.password", "proxy.password", "orders.proxy-password"] {
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
        let log =
            |config: &Config| (config.log.level.clone(), config.log.format, config.log.access);
        assert_eq!(log(&written), log(&default));
        let account = &written.accounts[0];
        assert_eq!((account.kind, account.mode), (AccountKind::default(), Mode::default()));
        let policy = Policy { daily_budget: None, ..account.policy.clone() };
        assert_eq!(policy, Policy::default());
    }
}
