//! Requests to hosts that users name: businesses, receivers of alerts and of tokens, collectors of traces.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lingpai_core::Secret;
use lingpai_wechat::Error;
use lingpai_wechat::wire::{self, ConnectError, Connector};

use crate::language::Bilingual;

pub(crate) const JSON: &str = "application/json; charset=utf-8";
const NAME: &str = concat!("lingpai/", env!("CARGO_PKG_VERSION"));
/// How long a connection waits for its next request, unless it is said.
pub(crate) const IDLE: Duration = Duration::from_secs(90);

/// What is said of a connection that ended too soon, where nothing better is known.
pub(crate) const BROKEN: Bilingual =
    Bilingual::fixed("the connection broke before its answer", "还没有收到应答，连接就断开了");

/// What sends them. It follows no redirect.
pub(crate) type Http = legacy::Client<Connector, Full<Bytes>>;

/// Reaches only hosts that may be called.
///
/// # Errors
/// If the machine has no certificates to trust and they are needed.
pub(crate) fn guarded(settings: &wire::Settings) -> Result<Http, Error> {
    Ok(over(Connector::new(settings)?.guarded(), IDLE))
}

/// Reaches what this connector does.
pub(crate) fn over(connector: Connector, idle: Duration) -> Http {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(idle).build(connector)
}

/// A `POST` in Lingpai's name.
pub(crate) fn post(
    uri: Uri,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let body = body.into();
    let length = body.len();
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, length.into());
    request
}

/// The host of a URL, which may be shown; the rest may hold a key.
pub(crate) fn host_of(url: &Secret) -> String {
    let uri: Option<Uri> = url.expose().parse().ok();
    uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
}

/// Why there is no answer; `broken` says it of a connection that there was. The error itself may name the URL, which may hold
/// a key.
pub(crate) fn unanswered(error: &legacy::Error, broken: Bilingual) -> Bilingual {
    match ConnectError::within(error) {
        Some(unconnected) => Bilingual::made(
            format!("{unconnected}. {}", unconnected.remedy()),
            unconnected.in_chinese(),
        ),
        None => broken,
    }
}
