//! How a call is described.

use std::collections::BTreeSet;

use http::StatusCode;
use lingpai_core::client::Right;
use serde_json::{Map, Value, json};

use super::words::{text, words};
use crate::language::Bilingual;
use crate::refusal;

pub(super) const JSON: &str = "application/json";
/// What [`AccountId`](lingpai_core::AccountId) takes for a name.
const ACCOUNT_NAME: &str = "^[A-Za-z0-9_.:@-]{1,128}$";

/// What one method of one path does.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    described: Value,
    /// The right that it needs, and whatever else is to be known, in sentences.
    notes: Vec<Bilingual>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
    /// The names of the errors that it can be refused with.
    errors: BTreeSet<&'static str>,
    is_refused: bool,
}

/// The errors of every call with a key.
pub(super) const OF_KEYS: [&str; 6] = [
    "key-missing",
    "key-unknown",
    "key-revoked",
    "key-expired",
    "network-forbidden",
    "right-missing",
];
/// Of a call that is about one account.
pub(super) const OF_ACCOUNTS: [&str; 2] = ["account-unknown", "account-forbidden"];
/// Of one that needs a token or a ticket.
pub(super) const OF_TOKENS: [&str; 2] = ["no-token", "token-pending"];
/// Of one with a body.
pub(super) const OF_BODIES: [&str; 3] = ["body-too-large", "body-slow", "body-unreadable"];

impl Operation {
    /// One that anybody may call, with a key among the parameters or without. `id` names it in clients that are generated.
    pub(super) fn new(
        (method, path): (&'static str, &'static str),
        id: &str,
        what: &Bilingual,
    ) -> Self {
        Self {
            method,
            path,
            described: json!({"operationId": id, "summary": text(what)}),
            notes: Vec::new(),
            parameters: Vec::new(),
            responses: Map::new(),
            errors: BTreeSet::new(),
            is_refused: true,
        }
    }

    /// For keys with this right, in the header or as a session of the console.
    pub(super) fn needs(mut self, right: Right) -> Self {
        self.described["security"] = json!([{"key": []}]);
        let said = both(right.as_str(), "Right: `{}`.", "权限：`{}`。");
        let about_one = self.path.contains("{account}");
        let of_account = OF_ACCOUNTS.into_iter().filter(|_| about_one);
        self.needs_one(right, said).refuses(of_account).refuses(OF_KEYS)
    }

    /// For keys with this right on all accounts.
    pub(super) fn needs_all(mut self, right: Right) -> Self {
        self.described["security"] = json!([{"key": []}]);
        let said = both(
            right.as_str(),
            "Right: `{}`, with a key for all accounts.",
            "权限：`{}`，且密钥可用于所有账号。",
        );
        self.needs_one(right, said).refuses(["accounts-limited"]).refuses(OF_KEYS)
    }

    /// For keys with this right, which come in the place of a secret.
    pub(super) fn needs_in_place_of(self, secret: &str, right: Right) -> Self {
        let name = right.as_str();
        let english = format!("`{secret}` is an API key with the right `{name}`.");
        let chinese = format!("`{secret}` 填写 API 密钥，需要权限 `{name}`。");
        let [_, of_keys @ ..] = OF_KEYS;
        let call = self.needs_one(right, Bilingual::made(english, chinese)).refuses(of_keys);
        let call = call.refuses(OF_ACCOUNTS).refuses(OF_TOKENS).refuses(["parameter-missing"]);
        call.never_refused()
    }

    fn needs_one(mut self, right: Right, said: Bilingual) -> Self {
        self.described["x-right"] = right.as_str().into();
        self.notes.push(said);
        self
    }

    /// It can be refused with these errors too.
    pub(super) fn refuses(mut self, errors: impl IntoIterator<Item = &'static str>) -> Self {
        self.errors.extend(errors);
        self
    }

    /// What else is to be known of it.
    pub(super) fn noted(mut self, english: &'static str, chinese: &'static str) -> Self {
        self.notes.push(words(english, chinese));
        self
    }

    pub(super) fn takes(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        for parameter in parameters {
            // What is any text can always be read.
            if parameter["in"] == "query" && parameter["schema"] != json!({"type": "string"}) {
                self.errors.insert("query-unreadable");
            }
            self.parameters.push(parameter);
        }
        self
    }

    pub(super) fn reads(self, schema: &str) -> Self {
        let call = self.refuses(["body-wrong"]);
        call.reads_this(json!({"required": true, "content": {JSON: {"schema": reference(schema)}}}))
    }

    /// Its body may as well be empty.
    pub(super) fn may_read(self, schema: &str) -> Self {
        let call = self.refuses(["body-wrong"]);
        call.reads_this(json!({"content": {JSON: {"schema": reference(schema)}}}))
    }

    pub(super) fn reads_this(mut self, body: Value) -> Self {
        self.described["requestBody"] = body;
        self.refuses(OF_BODIES)
    }

    pub(super) fn answers(self, status: u16, schema: &str) -> Self {
        self.answers_this(status, &reference(schema))
    }

    pub(super) fn answers_this(self, status: u16, schema: &Value) -> Self {
        self.answers_as(status, JSON, schema)
    }

    pub(super) fn answers_as(mut self, status: u16, kind: &str, schema: &Value) -> Self {
        let why = words("As asked for.", "请求成功。");
        let answer = self.responses.entry(status.to_string());
        let answer = answer.or_insert_with(|| content(&why, kind, schema));
        answer["content"][kind] = json!({"schema": schema});
        self
    }

    /// An answer with this status always has this header.
    pub(super) fn with_header(mut self, status: u16, name: &str, what: &Bilingual) -> Self {
        let header = json!({
            "required": true, "description": text(what), "schema": {"type": "string"},
        });
        self.responses[&status.to_string()]["headers"] = json!({ name: header });
        self
    }

    /// A page for people.
    pub(super) fn answers_page(mut self, status: u16, why: &Bilingual) -> Self {
        let page = content(why, "text/html", &json!({"type": "string"}));
        self.responses.insert(status.to_string(), page);
        self
    }

    pub(super) fn answers_nothing(mut self, status: u16, why: &Bilingual) -> Self {
        self.responses.insert(status.to_string(), json!({"description": text(why)}));
        self
    }

    /// It has no other answers than those named.
    pub(super) fn never_refused(mut self) -> Self {
        self.is_refused = false;
        self
    }

    /// The description, as part of this subject.
    pub(super) fn done(mut self, subject: &str) -> Value {
        let of_wechat = u16::from(StatusCode::OK);
        let status = |name: &&str| match self.is_refused {
            true => refusal::status_of(name).map_or(0, u16::from),
            false => of_wechat,
        };
        let errors: Map<_, _> =
            self.errors.iter().map(|name| ((*name).to_owned(), status(name).into())).collect();
        if self.is_refused {
            let error = json!({"$ref": "#/components/responses/error"});
            self.responses.insert("default".to_owned(), error);
        }
        if !errors.is_empty() {
            self.described["x-errors"] = errors.into();
        }
        if !self.notes.is_empty() {
            let (english, chinese): (Vec<_>, Vec<_>) =
                self.notes.iter().map(Bilingual::texts).unzip();
            let notes = Bilingual::made(english.join(" "), chinese.concat());
            self.described["description"] = text(&notes);
        }
        self.described["tags"] = json!([subject]);
        self.described["parameters"] = self.parameters.into();
        self.described["responses"] = self.responses.into();
        self.described
    }
}

/// A text in both languages with this name in it.
fn both(name: &str, english: &str, chinese: &str) -> Bilingual {
    Bilingual::made(english.replace("{}", name), chinese.replace("{}", name))
}

pub(super) fn content(why: &Bilingual, kind: &str, schema: &Value) -> Value {
    json!({"description": text(why), "content": {kind: {"schema": schema}}})
}

pub(super) fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

pub(super) fn account_name() -> Value {
    json!({"type": "string", "pattern": ACCOUNT_NAME})
}

/// The account that a path names.
pub(super) fn account() -> Value {
    in_path(
        "account",
        &words(
            "The account: its appid; of an application of WeCom `CORPID:AGENTID`.",
            "账号：appid；企业微信应用为 `企业ID:AgentId`。",
        ),
    )
}

pub(super) fn in_path(name: &str, what: &Bilingual) -> Value {
    let kind = json!({"type": "string"});
    json!({"name": name, "in": "path", "required": true, "description": text(what), "schema": kind})
}

pub(super) fn in_query(name: &str, schema: &Value, what: &Bilingual) -> Value {
    json!({"name": name, "in": "query", "description": text(what), "schema": schema})
}

pub(super) fn in_header(name: &str, what: &Bilingual) -> Value {
    let kind = json!({"type": "string"});
    json!({"name": name, "in": "header", "description": text(what), "schema": kind})
}

/// How many of something are answered: so many if nothing is said, and never more than the most.
pub(super) fn limit(default: usize, most: usize) -> Value {
    let number = json!({"type": "integer", "minimum": 1, "maximum": u32::MAX, "default": default});
    let english = format!("How many at most. No answer has more than {most}.");
    let chinese = format!("最多返回多少条，一次不超过 {most} 条。");
    in_query("limit", &number, &Bilingual::made(english, chinese))
}

/// Where a page of names begins.
pub(super) fn after_name() -> Value {
    let english = "Those whose names come after this: the `next` of the page before.";
    in_query("after", &account_name(), &words(english, "名称排在它之后的：填上一页的 `next`。"))
}

/// In which language a member is.
pub(super) fn language(member: &str) -> Value {
    let english =
        format!("In which language `{member}` is. By default as `Accept-Language` wants.");
    let chinese = format!("`{member}` 用哪种语言。默认按 `Accept-Language`。");
    in_query("language", &json!({"enum": ["en", "zh"]}), &Bilingual::made(english, chinese))
}
