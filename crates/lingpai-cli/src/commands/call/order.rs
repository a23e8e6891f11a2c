//! What was typed: `[METHOD] PATH [key=value ...]`, and where each of it goes.

use std::io::Read;

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};

use super::form;
use super::upload::{Content, Piece};
use crate::args::Call;
use crate::error::{Deed, Error};
use crate::language::{either, say};

/// A call as WeChat is to get it, but for the token.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) content: Option<Content>,
}

impl Order {
    /// Reads the arguments, and opens the files they name.
    ///
    /// # Errors
    /// What cannot be understood, or a file that cannot be read.
    pub(super) fn of(options: &Call) -> Result<Self, Error> {
        let (method, path, fields) = split(&options.request)?;
        let fields: Vec<_> =
            fields.iter().map(|field| Field::parse(field)).collect::<Result<_, _>>()?;
        let content = match (options.json.as_deref(), options.file.as_slice()) {
            (Some(file), _) => Some(json_of(file)?),
            (None, []) => None,
            (None, parts) => Some(form::of(parts)?),
        };
        let method = method.unwrap_or(if content.is_some() { Method::POST } else { Method::GET });
        let (query, content) = match content {
            Some(_) if method == Method::GET => {
                return Err(Error::said(either(
                    "a GET has no body. Write POST, or leave --json and --file out",
                    "GET 没有请求体。请写 POST，或去掉 --json 与 --file",
                )));
            }
            None if method == Method::POST => (Vec::new(), Some(object_of(fields))),
            content => (fields, content),
        };
        Ok(Self { method, target: target(path, &query), content })
    }
}

/// The method if it is said, the path, and the rest.
fn split(words: &[String]) -> Result<(Option<Method>, &str, &[String]), Error> {
    let (method, words) = match words {
        [word, rest @ ..] if word.eq_ignore_ascii_case("GET") => (Some(Method::GET), rest),
        [word, rest @ ..] if word.eq_ignore_ascii_case("POST") => (Some(Method::POST), rest),
        words => (None, words),
    };
    match words {
        [path, fields @ ..] if path.starts_with('/') => Ok((method, path, fields)),
        [other, ..] => Err(Error::said(match path_of_url(other) {
            Some(path) => say!(
                "`{other}` is more than a path of WeChat's API. Leave the host out: {path}",
                "`{other}` 不只是微信接口的路径。请去掉域名：{path}"
            ),
            None => say!(
                "`{other}` is no path of WeChat's API. Write it from the slash after the host on, such as \
                     /cgi-bin/user/info. WeChat knows the methods GET and POST",
                "`{other}` 不是微信接口的路径。请从域名后面的斜杠写起，如 /cgi-bin/user/info。微信只用 GET 与 POST 方法"
            ),
        })),
        [] => Err(Error::said(either(
            "the path is missing. Write it like /cgi-bin/user/info",
            "缺少路径。请写成 /cgi-bin/user/info 的样子",
        ))),
    }
}

/// What stands after the host, for those who paste the whole address.
fn path_of_url(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    rest.find('/').map(|slash| &rest[slash..])
}

/// `key=value`, or `key:=json`.
struct Field {
    name: String,
    value: Value,
}

impl Field {
    fn parse(text: &str) -> Result<Self, Error> {
        let unreadable = |why: &str| {
            Error::said(say!("`{text}` cannot be understood: {why}", "`{text}` 无法理解：{why}"))
        };
        let (name, value) = text.split_once('=').ok_or_else(|| {
            unreadable(either(
                "write key=value for a text, key:=JSON for a number, a list or an object",
                "字符串请写 key=value，数字、列表或对象请写 key:=JSON",
            ))
        })?;
        let (name, value) = match name.strip_suffix(':') {
            None => (name, Value::from(value)),
            Some(name) => {
                let value = serde_json::from_str(value).map_err(|error| {
                    unreadable(&say!(
                        "after := stands JSON, and here is none ({error})",
                        ":= 后面应为 JSON，这里不是（{error}）"
                    ))
                })?;
                (name, value)
            }
        };
        match name {
            "" => Err(unreadable(either("before the = stands a name", "= 前面应有名称"))),
            name => Ok(Self { name: name.to_owned(), value }),
        }
    }
}

/// The path with the fields in its query.
fn target(path: &str, fields: &[Field]) -> String {
    if fields.is_empty() {
        return path.to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for Field { name, value } in fields {
        match value {
            Value::String(text) => query.append_pair(name, text),
            other => query.append_pair(name, &other.to_string()),
        };
    }
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}{}", query.finish())
}

fn object_of(fields: Vec<Field>) -> Content {
    let object: Map<_, _> = fields.into_iter().map(|field| (field.name, field.value)).collect();
    Content::json(Value::from(object).to_string().into())
}

/// The JSON in a file, or on standard input, as it is.
fn json_of(file: &std::path::Path) -> Result<Content, Error> {
    let text = if file.as_os_str() == "-" {
        let mut text = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut text);
        read.map_err(Error::standard_input)?;
        text
    } else {
        std::fs::read(file).map_err(|source| Error::File {
            path: file.to_owned(),
            deed: Deed::Read,
            advice: either(
                "Name the file that holds the JSON to send, or - for standard input",
                "请指定存放 JSON 的文件，或写 - 表示标准输入",
            ),
            source,
        })?
    };
    serde_json::from_slice::<Value>(&text).map_err(|error| {
        Error::said(say!(
            "what --json names is not JSON ({error}), and WeChat would refuse it. Nothing was sent",
            "--json 指定的内容不是 JSON（{error}），微信会拒绝它。没有发送任何内容"
        ))
    })?;
    Ok(Content::json(Bytes::from(text)))
}

impl Content {
    fn json(text: Bytes) -> Self {
        Self { content_type: "application/json".to_owned(), pieces: vec![Piece::Bytes(text)] }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Arguments, Command};

    fn order(words: &[&str]) -> Result<(String, String, Option<String>), String> {
        let words = ["lingpai", "call", "wx1"].iter().chain(words);
        let Command::Call(options) = Arguments::parse_from(words).command else { panic!() };
        let order = Order::of(&options).map_err(|error| error.to_string())?;
        let body = order.content.map(|content| match content.pieces.as_slice() {
            [Piece::Bytes(text)] => String::from_utf8(text.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        });
        Ok((order.method.to_string(), order.target, body))
    }

    #[test]
    fn fields_go_to_the_query_of_a_get_and_to_the_body_of_a_post() {
        let get = |target: &str| Ok(("GET".to_owned(), target.to_owned(), None));
        assert_eq!(order(&["/a/b"]), get("/a/b"));
        assert_eq!(order(&["get", "/a", "x=1 &", "y:=[2]"]), get("/a?x=1+%26&y=%5B2%5D"));
        assert_eq!(order(&["/a?z=0", "x=a=b"]), get("/a?z=0&x=a%3Db"));
        let body = r#"{"n":1,"s":"1","o":{"k":null}}"#;
        let posted = order(&["POST", "/a?z=0", "n:=1", "s=1", r#"o:={"k":null}"#]).unwrap();
        assert_eq!((posted.0.as_str(), posted.1.as_str()), ("POST", "/a?z=0"));
        let sent: Value = serde_json::from_str(&posted.2.unwrap()).unwrap();
        assert_eq!(sent, serde_json::from_str::<Value>(body).unwrap());
        assert_eq!(order(&["POST", "/a"]).unwrap().2.as_deref(), Some("{}"));
    }

    #[test]
    fn what_cannot_be_understood_is_named_with_what_to_write() {
        for (words, said) in [
            (&["POST"][..], "the path is missing"),
            (&["PUT", "/a"], "WeChat knows the methods GET and POST"),
            (&["https://api.weixin.qq.com/cgi-bin/user/get"], ": /cgi-bin/user/get"),
            (&["/a", "b"], "write key=value"),
            (&["/a", "=b"], "before the = stands a name"),
            (&["/a", "b:=x"], "after := stands JSON"),
        ] {
            let error = order(words).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
