//! Bodies as tables: what a schema says in words.

use std::collections::{BTreeMap, BTreeSet};

use lingpai_wechat::catalogue::Language;
use serde_json::{Map, Value};

use super::page::{cell, either, link};

const SCHEMAS: &str = "#/components/schemas/";

/// The schemas of a description, and which of them have a place of their own on the page.
pub(crate) struct Bodies<'a> {
    schemas: &'a Map<String, Value>,
    uses: BTreeMap<&'a str, usize>,
    /// Those that are only sent.
    sent: BTreeSet<&'a str>,
    language: Language,
}

/// Whether a table is of what is sent or of what is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Sent,
    Answered,
}

impl<'a> Bodies<'a> {
    pub(crate) fn of(document: &'a Value, language: Language) -> Self {
        let mut uses = BTreeMap::new();
        count(document, &mut uses);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let paths = document["paths"].as_object().unwrap().values();
        let calls: Vec<_> = paths.flat_map(|it| it.as_object().unwrap().values()).collect();
        let within = |part| {
            let mut found = BTreeSet::new();
            calls.iter().for_each(|call| reached(&call[part], schemas, &mut found));
            found
        };
        let answered = within("responses");
        let sent = within("requestBody").difference(&answered).copied().collect();
        Self { schemas, uses, sent, language }
    }

    /// Those that stand in several places, so that each has one of its own.
    pub(crate) fn shared(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let shared = self.schemas.iter().filter(|(name, _)| self.is_shared(name));
        shared.map(|(name, schema)| (name.as_str(), schema))
    }

    fn is_shared(&self, name: &str) -> bool {
        self.uses.get(name).is_some_and(|uses| *uses > 1)
    }

    /// The schema that is meant, and its name if it has one.
    fn meant(&self, schema: &'a Value) -> (Option<&'a str>, &'a Value) {
        let name = schema["$ref"].as_str().and_then(|place| place.strip_prefix(SCHEMAS));
        (name, name.map_or(schema, |name| &self.schemas[name]))
    }

    /// What a body looks like: tables, or links to where they are.
    pub(crate) fn told(&self, schema: &'a Value, way: Way) -> String {
        match self.meant(schema) {
            (Some(name), _) if self.is_shared(name) => format!("{}\n", link(name)),
            (_, schema) => self.spelt_out(schema, way),
        }
    }

    /// Whether this one is sent, or answered.
    pub(crate) fn way(&self, name: &str) -> Way {
        if self.sent.contains(name) { Way::Sent } else { Way::Answered }
    }

    pub(crate) fn spelt_out(&self, schema: &'a Value, way: Way) -> String {
        if let Some(choices) = schema["anyOf"].as_array() {
            let told = |choice| {
                let what = self.meant(choice).1["description"].as_str();
                let what = what.map(|what| format!("{what}\n\n")).unwrap_or_default();
                what + &self.told(choice, way)
            };
            let choices: Vec<_> = choices.iter().map(told).collect();
            let or = "\n";
            let is_short = choices.iter().all(|choice| choice.lines().count() == 1);
            let or = if is_short { either(self.language, " or ", " 或 ") } else { or };
            let text: Vec<_> = match is_short {
                true => choices.iter().map(|choice| choice.trim_end()).collect(),
                false => choices.iter().map(String::as_str).collect(),
            };
            return text.join(or) + if is_short { "\n" } else { "" };
        }
        let mut rows = Vec::new();
        self.members("", schema, way, &mut rows);
        if rows.is_empty() {
            return format!("{}\n", self.kind(schema));
        }
        let language = self.language;
        let heading = match way {
            Way::Sent => either(
                language,
                "| member | type | default | meaning |\n|---|---|---|---|\n",
                "| 字段 | 类型 | 默认值 | 含义 |\n|---|---|---|---|\n",
            ),
            Way::Answered => either(
                language,
                "| member | type | meaning |\n|---|---|---|\n",
                "| 字段 | 类型 | 含义 |\n|---|---|---|\n",
            ),
        };
        heading.to_owned() + &rows.concat()
    }

    /// A row for each member, and for those of members that have no place of their own. What is needed comes first.
    fn members(&self, prefix: &str, schema: &'a Value, way: Way, rows: &mut Vec<String>) {
        let Some(members) = schema["properties"].as_object() else { return };
        let needed = schema["required"].as_array();
        let is_needed = |name: &str| needed.is_some_and(|all| all.iter().any(|it| it == name));
        let (first, rest): (Vec<_>, Vec<_>) = members.iter().partition(|(name, _)| is_needed(name));
        for (name, member) in first.into_iter().chain(rest) {
            let what = cell(member["description"].as_str().unwrap_or_default());
            let kind = self.kind(member);
            let language = self.language;
            rows.push(match (way, is_needed(name)) {
                (Way::Sent, true) => {
                    let needed = either(language, "required", "必填");
                    format!("| `{prefix}{name}` | {kind} | {needed} | {what} |\n")
                }
                (Way::Sent, false) => {
                    format!("| `{prefix}{name}` | {kind} | {} | {what} |\n", default(member))
                }
                (Way::Answered, true) => format!("| `{prefix}{name}` | {kind} | {what} |\n"),
                (Way::Answered, false) => {
                    let maybe = either(language, "*may be absent.*", "*可能没有。*");
                    format!("| `{prefix}{name}` | {kind} | {what} {maybe} |\n")
                }
            });
            if let Some((mark, inner)) = self.inner(member) {
                self.members(&format!("{prefix}{name}{mark}."), inner, way, rows);
            }
        }
    }

    /// The object that a member is, or a list of, unless that has a place of its own.
    fn inner(&self, member: &'a Value) -> Option<(&'static str, &'a Value)> {
        let (name, schema) = self.meant(member);
        if name.is_some_and(|name| self.is_shared(name)) {
            return None;
        }
        if schema["items"].is_object() {
            return self.inner(&schema["items"]).map(|(_, inner)| ("[]", inner));
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            return choices.iter().find_map(|choice| self.inner(choice));
        }
        schema["properties"].is_object().then_some(("", schema))
    }

    /// What sort of value it is, and within which bounds.
    pub(crate) fn kind(&self, schema: &'a Value) -> String {
        let language = self.language;
        let or = either(language, " or ", " 或 ");
        let (name, meant) = self.meant(schema);
        if let Some(name) = name.filter(|name| self.is_shared(name)) {
            return link(name);
        }
        if let Some(choices) = meant["anyOf"].as_array() {
            let choices: Vec<_> = choices.iter().map(|choice| self.kind(choice)).collect();
            return choices.join(or);
        }
        if let Some(values) = meant["enum"].as_array() {
            let values: Vec<_> = values.iter().map(in_code).collect();
            return values.join(either(language, ", ", "、"));
        }
        let kinds: Vec<_> = match &meant["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect(),
        };
        let kinds: Vec<_> = kinds.into_iter().map(|kind| self.one_kind(kind, meant)).collect();
        kinds.join(or)
    }

    fn one_kind(&self, kind: &str, schema: &'a Value) -> String {
        let either = |english, chinese| either(self.language, english, chinese).to_owned();
        match kind {
            "string" if schema["format"] == "date-time" => either("time", "时间"),
            "string" => {
                let text = either("text", "文本");
                match schema["maxLength"].as_u64() {
                    Some(most) => format!("{text}{}", self.at_most(most)),
                    None => text,
                }
            }
            "integer" => either("number", "整数") + &self.range(schema),
            "boolean" => either("`true` or `false`", "`true` 或 `false`"),
            "object" => either("object", "对象"),
            "array" => {
                let item = self.kind(&schema["items"]);
                let list = format!("{}{item}", either("list of ", "列表："));
                let most = schema["maxItems"].as_u64().map(|most| self.at_most(most));
                list + &most.unwrap_or_default()
            }
            "null" => "`null`".to_owned(),
            other => panic!("this page does not know the type `{other}`"),
        }
    }

    fn at_most(&self, most: u64) -> String {
        match self.language {
            Language::English => format!(", {most} at most"),
            Language::Chinese => format!("，最多 {most}"),
        }
    }

    fn range(&self, schema: &Value) -> String {
        // What a number of 32 or 64 bits holds says nothing.
        let most = schema["maximum"].as_u64().filter(|most| *most < u64::from(u32::MAX));
        let least = schema["minimum"].as_u64().unwrap_or_default();
        match (self.language, least, most) {
            (_, 0, None) => String::new(),
            (Language::English, least, None) => format!(", from {least} on"),
            (Language::Chinese, least, None) => format!("，不小于 {least}"),
            (_, 0, Some(0)) => " 0".to_owned(),
            (Language::English, least, Some(most)) => format!(", {least} to {most}"),
            (Language::Chinese, least, Some(most)) => format!("，{least} 到 {most}"),
        }
    }
}

/// What is so if nothing is said.
pub(crate) fn default(schema: &Value) -> String {
    schema.get("default").map(in_code).unwrap_or_default()
}

fn in_code(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// The names of the schemas that a value points at, and of those that these do.
fn reached<'a>(value: &'a Value, schemas: &'a Map<String, Value>, found: &mut BTreeSet<&'a str>) {
    let mut uses = BTreeMap::new();
    count(value, &mut uses);
    for name in uses.into_keys() {
        if found.insert(name) {
            reached(&schemas[name], schemas, found);
        }
    }
}

/// How often each schema is pointed at.
fn count<'a>(value: &'a Value, uses: &mut BTreeMap<&'a str, usize>) {
    match value {
        Value::Object(members) => {
            let place = members.get("$ref").and_then(Value::as_str);
            if let Some(name) = place.and_then(|place| place.strip_prefix(SCHEMAS)) {
                *uses.entry(name).or_default() += 1;
            }
            members.values().for_each(|member| count(member, uses));
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, uses)),
        _ => {}
    }
}
