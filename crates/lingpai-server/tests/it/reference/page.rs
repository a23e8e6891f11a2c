//! The page: subjects, their calls, and the bodies that several of them share.

use lingpai_wechat::catalogue::Language;
use serde_json::Value;

use super::bodies::{Bodies, Way, default};
use super::errors::Errors;
use super::examples::Example;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

const ENGLISH: &str = "\
# HTTP reference\n\n[中文](zh/http.md)\n\n\
This page is made of what a server answers at `/openapi.json`, which programs may read instead. How the calls go together, with \
examples of answers, is in [the guide](api.md).\n\n\
A call with a right takes the header `Authorization: Bearer KEY`, with [a key](api.md#keys) that has the right. Bodies are JSON, times \
RFC 3339 in UTC, texts for people in the language that `Accept-Language` wants, English or Chinese. A member that *may be absent* is \
left out where there is nothing to say; new members may come with a new version.\n\n";
const CHINESE: &str = "\
# HTTP 接口参考\n\n[English](../http.md)\n\n\
本页由服务器在 `/openapi.json` 的返回生成，程序可以直接读取后者。各接口怎样配合使用、返回的示例，见[指南](api.md)。\n\n\
写明权限的接口需要请求头 `Authorization: Bearer 密钥`，且[密钥](api.md#api-key)有该权限。正文为 JSON，时间为 RFC 3339 格式的 UTC 时间，\
给人看的文字按 `Accept-Language` 使用英文或中文。标明*可能没有*的字段，没有内容时不出现；新版本可能增加字段。\n\n";

/// The whole page.
pub(crate) fn of(document: &Value, examples: &[Example], language: Language) -> String {
    let bodies = Bodies::of(document, language);
    let page =
        Page { document, errors: Errors::of(document, language), examples, bodies, language };
    let mut text = either(language, ENGLISH, CHINESE).to_owned();
    text += page.either("| subject | |\n|---|---|\n", "| 主题 | |\n|---|---|\n");
    for tag in page.tags() {
        let (title, what) = (said(tag, "x-displayName"), said(tag, "description"));
        text += &format!("| {} | {what} |\n", link(title));
    }
    let errors = page.either("Errors that many calls share", "各接口共有的错误");
    let shared = page.either("Shared bodies", "共用的结构");
    for (title, english, chinese) in [
        (errors, "They are not repeated with each call.", "不在各接口下重复列出。"),
        (shared, "What stands in several answers.", "多个接口返回的结构。"),
    ] {
        text += &format!("| {} | {} |\n", link(title), page.either(english, chinese));
    }
    for tag in page.tags() {
        text += &page.subject(tag);
    }
    let body = page.bodies.spelt_out(&document["components"]["schemas"]["Error"], Way::Answered);
    let what = page.either(
        "Every one is explained in [every error](errors.md#lingpais-own-errors). `Retry-After` says when to ask again, where that is known.",
        "每个错误的说明见[全部错误码](errors.md#lingpai-自己的错误)。响应头 `Retry-After` 写明何时可以再试（已知时才有）。",
    );
    text += &format!("\n## {errors}\n\n{what}\n\n{}\n{body}\n## {shared}\n", page.errors.shared());
    for (name, schema) in page.bodies.shared() {
        let table = page.bodies.spelt_out(schema, page.bodies.way(name));
        text += &format!("\n### {name}\n\n{table}");
    }
    text
}

struct Page<'a> {
    document: &'a Value,
    errors: Errors<'a>,
    examples: &'a [Example],
    bodies: Bodies<'a>,
    language: Language,
}

impl<'a> Page<'a> {
    fn either(&self, english: &'static str, chinese: &'static str) -> &'static str {
        either(self.language, english, chinese)
    }

    fn tags(&self) -> impl Iterator<Item = &'a Value> {
        self.document["tags"].as_array().unwrap().iter()
    }

    /// The calls of a subject: method, path and description.
    fn calls(&self, subject: &str) -> Vec<(&'static str, &'a str, &'a Value)> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        let calls = paths.flat_map(|(path, methods)| {
            METHODS
                .into_iter()
                .filter_map(move |method| Some((method, path.as_str(), methods.get(method)?)))
        });
        calls.filter(|(_, _, call)| call["tags"][0] == *subject).collect()
    }

    fn subject(&self, tag: &Value) -> String {
        let (title, what) = (said(tag, "x-displayName"), said(tag, "description"));
        let calls = self.calls(said(tag, "name"));
        let mut text = format!("\n## {title}\n\n{what}\n\n");
        text += self
            .either("| call | right | |\n|---|---|---|\n", "| 调用 | 权限 | |\n|---|---|---|\n");
        for (method, path, call) in &calls {
            let heading = heading(method, path);
            let right =
                call["x-right"].as_str().map(|right| format!("`{right}`")).unwrap_or_default();
            text +=
                &format!("| {} | {right} | {} |\n", link(&heading), cell(said(call, "summary")));
        }
        for (method, path, call) in calls {
            text += &self.call(method, path, call);
        }
        text
    }

    fn call(&self, method: &str, path: &str, call: &'a Value) -> String {
        let space = self.either(" ", "");
        let notes =
            call["description"].as_str().map(|notes| format!("{space}{notes}")).unwrap_or_default();
        let mut text =
            format!("\n### {}\n\n{}{notes}\n", heading(method, path), said(call, "summary"));
        if let Some(example) = self.examples.iter().find(|example| example.makes(method, path)) {
            text += &format!("\n```sh\n{}\n```\n", example.command);
        }
        text += &self.parameters(call["parameters"].as_array().unwrap());
        if let Some(body) = call["requestBody"].as_object() {
            let of_json = &body["content"]["application/json"]["schema"];
            let title = match body.get("required").is_some_and(|required| required == true) {
                true => self.either("Body", "正文"),
                false => self.either("Body, which may be empty", "正文，可以为空"),
            };
            text += &self.titled(title, &self.bodies.told(of_json, Way::Sent));
        }
        for (status, answer) in call["responses"].as_object().unwrap() {
            if status != "default" {
                text += &self.answer(status, answer);
            }
        }
        text + &self.errors.own(path, call)
    }

    fn parameters(&self, parameters: &'a [Value]) -> String {
        if parameters.is_empty() {
            return String::new();
        }
        let heading = self.either(
            "\n| parameter | in | type | default | meaning |\n|---|---|---|---|---|\n",
            "\n| 参数 | 位置 | 类型 | 默认值 | 含义 |\n|---|---|---|---|---|\n",
        );
        let row = |parameter: &'a Value| {
            let place = match said(parameter, "in") {
                "path" => self.either("path", "路径"),
                "query" => self.either("query", "查询串"),
                "header" => self.either("header", "请求头"),
                "cookie" => self.either("cookie", "Cookie"),
                other => panic!("this page does not know the place `{other}`"),
            };
            let default = match parameter["required"] == true {
                true => self.either("required", "必填").to_owned(),
                false => default(&parameter["schema"]),
            };
            let (name, what) = (said(parameter, "name"), cell(said(parameter, "description")));
            let kind = self.bodies.kind(&parameter["schema"]);
            format!("| `{name}` | {place} | {kind} | {default} | {what} |\n")
        };
        heading.to_owned() + &parameters.iter().map(row).collect::<String>()
    }

    fn answer(&self, status: &str, answer: &'a Value) -> String {
        let kinds = answer["content"].as_object().into_iter().flatten();
        let kinds =
            kinds.map(|(kind, content)| (kind.split(';').next().unwrap_or_default(), content));
        // What has members is told of by these, and what has none by its kind.
        let (told, others): (Vec<_>, Vec<_>) = kinds
            .map(|(kind, content)| (kind, self.bodies.told(&content["schema"], Way::Answered)))
            .partition(|(_, told)| told.contains("](#") || told.contains('|'));
        let names: Vec<_> = others.iter().map(|(kind, _)| format!("`{kind}`")).collect();
        let names = names.join(self.either(" or ", " 或 "));
        let mut text = match told.as_slice() {
            [(_, told), ..] if others.is_empty() => self.titled(status, told),
            [(_, told), ..] => {
                let or = self.either("Or ", "或 ");
                format!("{}\n{or}{names}\n", self.titled(status, told))
            }
            [] if names.is_empty() || names == "`text/html`" => {
                self.titled(status, &format!("{}\n", said(answer, "description")))
            }
            [] => self.titled(status, &format!("{names}\n")),
        };
        for (name, header) in answer["headers"].as_object().into_iter().flatten() {
            let (title, colon) = (self.either("Header", "响应头"), self.either(": ", "："));
            text += &format!("\n{title} `{name}`{colon}{}\n", said(header, "description"));
        }
        text
    }

    /// What is one line stands beside its title, and a table below it.
    fn titled(&self, title: &str, told: &str) -> String {
        match told.lines().count() {
            1 => format!("\n**{title}**{}{told}", self.either(": ", "：")),
            _ => format!("\n**{title}**\n\n{told}"),
        }
    }
}

/// The one of two texts that is in this language.
pub(crate) fn either<'a>(language: Language, english: &'a str, chinese: &'a str) -> &'a str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

fn heading(method: &str, path: &str) -> String {
    format!("`{} {path}`", method.to_uppercase())
}

fn said<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

/// A text that may stand in a table.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A link to the heading of this text.
pub(crate) fn link(heading: &str) -> String {
    format!("[{heading}](#{})", anchor(heading))
}

/// The anchor that GitHub and the web site give a heading.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
