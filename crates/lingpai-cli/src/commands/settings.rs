//! `lingpai config explain`: what the settings are.

use lingpai_wechat::catalogue::Language;

use crate::config::described::{
    OF_ACCOUNT, OF_ALERT, OF_API_SECURITY, OF_PUSH, OF_SINK, SETTINGS, Setting,
};
use crate::config::{suggestion, variable_of};
use crate::error::Error;
use crate::language::{self, either, say};
use crate::output;

/// What the settings of an account stand in.
const ACCOUNT: &str = "account";
/// And, in there, the tables of its own.
const IN_ACCOUNT: [(&str, &[Setting], &str); 2] = [
    ("push", OF_PUSH, "[account.push]"),
    ("api-security", OF_API_SECURITY, "[account.api-security]"),
];
/// What the settings of an alert stand in.
const ALERT: &str = "alert";
/// And those of a sink.
const SINK: &str = "sink";

/// Explains one setting, those of a table, or all.
pub(crate) fn explain(key: Option<&str>) -> Result<(), Error> {
    let key = key.unwrap_or_default().trim_matches(['[', ']']);
    let is_meant = |setting: &&Setting| {
        let rest = setting.key.strip_prefix(key);
        key.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let of_account = key.strip_prefix("account.").unwrap_or(key);
    let is_meant_of_account =
        |setting: &&Setting| key.is_empty() || key == ACCOUNT || setting.key == of_account;
    let outside = SETTINGS.iter().filter(is_meant).map(|setting| told(setting, None));
    let inside = OF_ACCOUNT.iter().filter(is_meant_of_account);
    let inside = inside.map(|setting| told(setting, Some("[[account]]")));
    let deeper = IN_ACCOUNT.iter().flat_map(|(table, settings, heading)| {
        let rest = of_account.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
        let name = rest.unwrap_or(of_account);
        let is_meant = move |setting: &&Setting| {
            key.is_empty() || key == ACCOUNT || of_account == *table || setting.key == name
        };
        settings.iter().filter(is_meant).map(|setting| told(setting, Some(heading)))
    });
    let of_alert = key.strip_prefix("alert.");
    let is_meant_of_alert =
        |setting: &&Setting| key.is_empty() || key == ALERT || of_alert == Some(setting.key);
    let alerts = OF_ALERT.iter().filter(is_meant_of_alert);
    let alerts = alerts.map(|setting| told(setting, Some("[[alert]]")));
    let of_sink = key.strip_prefix("sink.");
    let is_meant_of_sink =
        |setting: &&Setting| key.is_empty() || key == SINK || of_sink == Some(setting.key);
    let sinks = OF_SINK.iter().filter(is_meant_of_sink);
    let sinks = sinks.map(|setting| told(setting, Some("[[sink]]")));
    let told: Vec<String> =
        outside.chain(inside).chain(deeper).chain(alerts).chain(sinks).collect();
    if told.is_empty() {
        return Err(unknown(key));
    }
    output::print(&told.join("\n"))
}

/// With the table that it stands in, or the variable that overrides it.
fn told(setting: &Setting, table: Option<&str>) -> String {
    let Setting { key, default, meaning } = setting;
    let language = language::current();
    let (default, meaning) = (plain(pick(default, language)), plain(pick(meaning, language)));
    let default = default.replace('`', "");
    match table {
        None => say!(
            "{key}\n  {meaning}\n  default: {default}; overridden by {variable}\n",
            "{key}\n  {meaning}\n  默认值：{default}；可用 {variable} 覆盖\n",
            variable = variable_of(key)
        ),
        Some(table) => say!(
            "{key} ({table})\n  {meaning}\n  default: {default}\n",
            "{key}（{table}）\n  {meaning}\n  默认值：{default}\n"
        ),
    }
}

fn pick(texts: &[&'static str; 2], language: Language) -> &'static str {
    let [english, chinese] = texts;
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// Without the targets of links: `see [gateway](gateway.md)`.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        plain += before;
        match after
            .split_once("](")
            .and_then(|(name, target)| Some((name, target.split_once(')')?)))
        {
            Some((name, (_, after))) if !name.contains(['`', '"']) => {
                plain += name;
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = after;
            }
        }
    }
    plain + rest
}

fn unknown(key: &str) -> Error {
    let deeper = IN_ACCOUNT.iter().flat_map(|(_, settings, _)| *settings);
    let known: Vec<_> =
        SETTINGS.iter().chain(OF_ACCOUNT).chain(deeper).map(|setting| setting.key).collect();
    let advice = match suggestion(key, &known) {
        Some(meant) => say!("Did you mean `{meant}`?", "是不是想写 `{meant}`？"),
        None => either(
            "`lingpai config explain` lists them all",
            "`lingpai config explain` 列出全部设置",
        )
        .to_owned(),
    };
    Error::said(say!("`{key}` is not a setting. {advice}", "没有 `{key}` 这个设置。{advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_shown_by_their_names() {
        let text = "see [below](#x): `[\"10.0.0.0/8\"]` or [gateway](gateway.md).";
        assert_eq!(plain(text), "see below: `[\"10.0.0.0/8\"]` or gateway.");
        assert_eq!(plain("no [link"), "no [link");
    }
}
