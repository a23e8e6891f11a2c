//! The errors that many calls share, and those that a call has besides.

use std::collections::BTreeMap;

use lingpai_wechat::catalogue::Language;
use serde_json::Value;

use super::page::either;

type Named<'a> = BTreeMap<&'a str, u64>;

pub(crate) struct Errors<'a> {
    of_keys: Named<'a>,
    of_accounts: Named<'a>,
    of_bodies: Named<'a>,
    language: Language,
}

impl<'a> Errors<'a> {
    pub(crate) fn of(document: &'a Value, language: Language) -> Self {
        let paths = document["paths"].as_object().unwrap();
        let calls = paths.iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().values().map(move |call| (path.as_str(), call))
        });
        // WeChat's own calls answer 200.
        let calls: Vec<_> = calls.filter(|(_, call)| call["security"].is_array()).collect();
        let shared = |has: &dyn Fn(&str, &Value) -> bool| {
            let mut those = calls.iter().filter(|(path, call)| has(path, call));
            let mut errors = named(those.next().unwrap().1);
            those.for_each(|(_, call)| errors.retain(|name, _| call["x-errors"][*name].is_u64()));
            errors
        };
        let of_keys = shared(&|_, _| true);
        let others = |mut errors: Named<'a>| {
            errors.retain(|name, _| !of_keys.contains_key(name));
            errors
        };
        let of_accounts = others(shared(&|path, _| path.contains("{account}")));
        let of_bodies = others(shared(&|_, call| call["requestBody"].is_object()));
        Self { of_keys, of_accounts, of_bodies, language }
    }

    /// A table of those that many calls share.
    pub(crate) fn shared(&self) -> String {
        let either = |english, chinese| either(self.language, english, chinese);
        let here = either(
            "405 [`method-unknown`](errors.md#method-unknown); 404 [`path-unknown`](errors.md#path-unknown) where this address or this \
             configuration does not have it",
            "405 [`method-unknown`](errors.md#method-unknown)；监听地址或配置没有提供该接口时 404 [`path-unknown`](errors.md#path-unknown)",
        );
        let rows = [
            (either("with a right", "写明权限的接口"), self.told(&self.of_keys)),
            (
                either("for one `{account}`, with a right", "其中针对 `{account}` 的"),
                self.told(&self.of_accounts),
            ),
            (either("with a body", "有正文的接口"), self.told(&self.of_bodies)),
            (either("any", "所有接口"), here.to_owned()),
        ];
        let heading = either("| calls | errors |\n|---|---|\n", "| 接口 | 错误 |\n|---|---|\n");
        let rows = rows.map(|(calls, errors)| format!("| {calls} | {errors} |\n"));
        heading.to_owned() + &rows.concat()
    }

    /// A line with those that a call has besides.
    pub(crate) fn own(&self, path: &str, call: &Value) -> String {
        let has =
            |errors: &Named<'_>, applies: bool, name: &str| applies && errors.contains_key(name);
        let mut own = named(call);
        own.retain(|name, _| {
            !(has(&self.of_keys, call["x-right"].is_string(), name)
                || has(&self.of_accounts, path.contains("{account}"), name)
                || has(&self.of_bodies, call["requestBody"].is_object(), name))
        });
        if own.is_empty() {
            return String::new();
        }
        let title = either(self.language, "**Errors**: ", "**错误**：");
        format!("\n{title}{}\n", self.told(&own))
    }

    /// By status. Where every answer has the same, it is not said.
    fn told(&self, errors: &Named<'_>) -> String {
        let mut by_status: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (name, status) in errors {
            by_status.entry(*status).or_default().push(format!("[`{name}`](errors.md#{name})"));
        }
        let comma = either(self.language, ", ", "、");
        let told = by_status.into_iter().map(|(status, names)| match status {
            200 => names.join(comma),
            _ => format!("{status} {}", names.join(comma)),
        });
        told.collect::<Vec<_>>().join(either(self.language, "; ", "；"))
    }
}

fn named(call: &Value) -> Named<'_> {
    let errors = call["x-errors"].as_object().into_iter().flatten();
    errors.map(|(name, status)| (name.as_str(), status.as_u64().unwrap())).collect()
}
