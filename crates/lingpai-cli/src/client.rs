//! A client of the server's native API, for `lingpai token` and the demo; and the way to a server for whoever speaks to it
//! in another way.

mod messages;
mod way;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use lingpai_core::{AccountId, Secret};
use serde_json::Value;

pub(crate) use self::messages::Messages;
pub(crate) use self::way::Way;
use crate::args::Asked;
use crate::config::Environment;
use crate::error::{Deed, Error};
use crate::harmless;
use crate::language::{either, say};

/// Longer than the server lets anyone wait, for a token or for a change.
const DEADLINE: Duration = Duration::from_secs(15);

/// More than any answer of ours has: a page of accounts that are all in trouble is the longest.
const MOST: usize = 4 * 1024 * 1024;

/// One server, and the key to it.
pub(crate) struct Client {
    way: Way<Full<Bytes>>,
    key: Secret,
}

impl Client {
    /// A client of the server that a command names, with the key from a file or the environment. No connection is made
    /// yet.
    pub(crate) fn of(asked: &Asked, environment: Environment<'_>) -> Result<Self, Error> {
        Self::new(&asked.server, key(asked, environment)?)
    }

    /// A client of the server at `url`. No connection is made yet.
    pub(crate) fn new(url: &str, key: Secret) -> Result<Self, Error> {
        Ok(Self { way: Way::to(url)?, key })
    }

    /// The current token of an account, as the server answers it.
    pub(crate) async fn token(&self, account: &AccountId) -> Result<Value, Error> {
        let token = self.get(&format!("/v1/accounts/{account}/token")).await?;
        if token["access_token"].is_string() { Ok(token) } else { Err(self.is_another()) }
    }

    /// What the server answers at this path.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Error> {
        self.ask(Method::GET, path, None).await
    }

    /// What it answers to this body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// The same for an answer that takes long.
    pub(crate) async fn post_within(
        &self,
        path: &str,
        body: &Value,
        deadline: Duration,
    ) -> Result<Value, Error> {
        self.ask_within(Method::POST, path, Some(body), deadline).await
    }

    /// The same with another method.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Method::PUT, path, Some(body)).await
    }

    /// The same with another method.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    /// Has the server remove what is at this path.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        self.ask(Method::DELETE, path, None).await.map(drop)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        self.ask_within(method, path, body, DEADLINE).await
    }

    async fn ask_within(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        deadline: Duration,
    ) -> Result<Value, Error> {
        let server = self.way.server();
        let request = self.request(method, path, body)?;
        let answer = tokio::time::timeout(deadline, self.send(request)).await.map_err(|_| {
            Error::said(say!(
                "the server {server} did not answer in time. Check what it is doing, and ask again",
                "服务 {server} 没有及时应答。请检查它的状况，然后重试"
            ))
        })?;
        let (status, body) =
            answer.map_err(|source| Error::Unreachable { server: server.to_owned(), source })?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(answer) if status.is_success() && answer.is_object() => Ok(harmless::answer(answer)),
            Err(_) if status == StatusCode::NO_CONTENT => Ok(Value::Null),
            Ok(refusal) if refusal["error"]["message"].is_string() => {
                Err(refused(&harmless::answer(refusal)["error"]))
            }
            _ => Err(self.is_another()),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, Error> {
        Request::builder()
            .method(method)
            .uri(self.way.url(path))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key.expose()))
            // A refusal is shown as the server words it.
            .header(header::ACCEPT_LANGUAGE, either("en", "zh-CN"))
            .body(body.map(|body| Full::from(body.to_string())).unwrap_or_default())
            .map_err(|_| {
                Error::said(either(
                    "the API key holds signs that no key has. Check where it comes from",
                    "API 密钥中有密钥不会有的字符。请检查它的来源",
                ))
            })
    }

    fn is_another(&self) -> Error {
        let server = self.way.server();
        Error::said(say!(
            "{server} does not answer as Lingpai does: it is another server. Check the URL",
            "{server} 的应答不像 Lingpai：它是别的服务。请检查 URL"
        ))
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let answer = self.way.send(request).await?;
        let status = answer.status();
        Ok((status, Limited::new(answer.into_body(), MOST).collect().await?.to_bytes()))
    }
}

/// The API key in the file that a command names, or else in `LINGPAI_KEY`.
pub(crate) fn key(asked: &Asked, environment: Environment<'_>) -> Result<Secret, Error> {
    let text = match &asked.key_file {
        Some(path) => std::fs::read_to_string(path).map_err(|source| Error::File {
            path: path.clone(),
            deed: Deed::Read,
            advice: either("Name the file that holds your API key", "请指定存放 API 密钥的文件"),
            source,
        })?,
        None => environment("LINGPAI_KEY").ok_or_else(|| {
            Error::said(either(
                "there is no API key. Set LINGPAI_KEY, or name its file with --key-file. \
                 `lingpai key create NAME` makes one",
                "没有 API 密钥。请设置环境变量 LINGPAI_KEY，或用 --key-file 指定存放密钥的文件。\
                 新建密钥：`lingpai key create NAME`",
            ))
        })?,
    };
    Ok(Secret::from(text.trim()))
}

/// The server's own words.
pub(crate) fn refused(error: &Value) -> Error {
    let word = |name: &str| error[name].as_str().unwrap_or_default();
    let said = say!(
        "the server refused: {message}. {remedy}",
        "服务拒绝了请求：{message}。{remedy}",
        message = word("message").trim_end_matches('.'),
        remedy = word("remedy")
    );
    Error::Refused { code: word("code").to_owned(), said }
}
