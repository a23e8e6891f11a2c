//! `lingpai call`: one call of WeChat's API from the shell. The gateway puts the token in, and repairs it if it is refused.
//!
//! `order` reads what was typed, `form` and `upload` make and stream what goes up, `answer` takes what comes down, and
//! `progress` shows both.

mod answer;
mod form;
mod order;
mod progress;
mod upload;

use std::time::Duration;

use http::{Request, Response, header};
use hyper::body::Incoming;
use lingpai_core::{AccountId, Secret};
use tokio::time::timeout;

use self::answer::Receiver;
use self::order::Order;
use self::upload::Upload;
use crate::args::Call;
use crate::client::{self, Way};
use crate::commands::alone::{self, unless_interrupted};
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::language::{self, either};

/// How long nothing at all may move: longer than a gateway waits for WeChat.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the call through a server's gateway.
pub(crate) async fn ask(options: Call, environment: Environment<'_>) -> Result<(), Error> {
    let task = Task::of(&options, environment)?;
    let key = client::key(&options.asked, environment)?;
    unless_interrupted(exchange(task, &options.asked.server, &key)).await
}

/// Makes the call through a gateway in this process, which ends with the call.
pub(crate) async fn standalone(
    options: Call,
    config: Config,
    environment: Environment<'_>,
) -> Result<(), Error> {
    let task = Task::of(&options, environment)?;
    let work = async |url: &str, key: &Secret| exchange(task, url, key).await;
    alone::served(&config, &options.account, work).await
}

/// What is to be done, checked before anything is.
struct Task {
    account: AccountId,
    order: Order,
    receiver: Receiver,
}

impl Task {
    fn of(options: &Call, environment: Environment<'_>) -> Result<Self, Error> {
        let language = language::choose(None, environment);
        Ok(Self {
            account: options.account.clone(),
            order: Order::of(options)?,
            receiver: Receiver::new(options.output.as_deref(), language)?,
        })
    }
}

async fn exchange(task: Task, server: &str, key: &Secret) -> Result<(), Error> {
    let Task { account, order, receiver } = task;
    let way = Way::to(server)?;
    let request = request(&way, &account, key, order)?;
    let answer = answered(&way, request).await?;
    receiver.receive(way.server(), answer).await
}

fn request(
    way: &Way<Upload>,
    account: &AccountId,
    key: &Secret,
    order: Order,
) -> Result<Request<Upload>, Error> {
    let Order { method, target, content } = order;
    // The one sign of a name that the gateway's path cannot hold as it is.
    let account = account.as_str().replace(':', "%3A");
    let mut request = Request::builder()
        .method(method)
        .uri(way.url(&format!("/gateway/{account}{target}")))
        .header(header::AUTHORIZATION, format!("Bearer {}", key.expose()));
    if let Some(content) = &content {
        request = request
            .header(header::CONTENT_TYPE, &content.content_type)
            .header(header::CONTENT_LENGTH, content.length());
    }
    let body = content.map_or_else(Upload::nothing, Upload::of);
    request.body(body).map_err(|_| {
        Error::said(either(
            "this makes no HTTP request: the path or the API key holds signs that none has. Write the path as WeChat's \
             documentation has it",
            "无法组成 HTTP 请求：路径或 API 密钥中有不该有的字符。请照微信文档写路径",
        ))
    })
}

/// Waits for the beginning of the answer, as long as the body moves.
async fn answered(
    way: &Way<Upload>,
    request: Request<Upload>,
) -> Result<Response<Incoming>, Error> {
    let moved = request.body().moved();
    let mut answer = std::pin::pin!(way.send(request));
    let mut before = 0;
    loop {
        match timeout(PATIENCE, answer.as_mut()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => return Err(unanswered(way.server(), error)),
            Err(_) if moved.bytes() > before => before = moved.bytes(),
            Err(_) => {
                return Err(Error::BrokenOff { server: way.server().to_owned(), source: None });
            }
        }
    }
}

fn unanswered(server: &str, error: hyper_util::client::legacy::Error) -> Error {
    let (server, is_connect) = (server.to_owned(), error.is_connect());
    match (is_connect, error.into()) {
        (true, source) => Error::Unreachable { server, source },
        (false, source) => Error::BrokenOff { server, source: Some(source) },
    }
}
