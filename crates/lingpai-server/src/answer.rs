//! Answers: JSON that nobody may keep.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

/// What every answer's body is.
pub(crate) type Body = Full<Bytes>;

/// An answer with this value as its JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Only a map with keys that are no strings, or a failing `Serialize`, could fail; the answers have neither.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = empty(status);
    *response.body_mut() = Full::from(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
