//! Answers: JSON that nobody may keep.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use lingpai_core::Timestamp;
use serde::{Serialize, Serializer};
use tokio::sync::mpsc;

use crate::gateway::{Passing, Watched};

/// What most bodies are.
pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// What an answer's body is.
pub(crate) enum Body {
    /// All of it at once.
    Whole(Full<Bytes>),
    /// What comes, until the sender goes.
    Stream(mpsc::Receiver<Bytes>),
    /// What upstream answers.
    Forwarded(Box<Passing>),
    /// The same, if somebody has to see to it that the client takes it.
    Watched(Watched),
}

impl Default for Body {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Stream(pieces) => {
                pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
            }
            Self::Forwarded(body) => Pin::new(&mut **body).poll_frame(context),
            Self::Watched(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Stream(_) => false,
            Self::Forwarded(body) => body.is_end_stream(),
            Self::Watched(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Stream(_) => SizeHint::default(),
            Self::Forwarded(body) => body.size_hint(),
            Self::Watched(body) => body.size_hint(),
        }
    }
}

/// An answer with this value as its JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    text(status, JSON, written(value))
}

/// The same without the head.
pub(crate) fn written(value: &impl Serialize) -> Vec<u8> {
    // Room for a token's answer, so that it need not grow.
    let mut body = Vec::with_capacity(512);
    // Only a map with keys that are no strings, or a failing `Serialize`, could fail; the answers have neither.
    let _ = serde_json::to_writer(&mut body, value);
    body
}

/// An answer with this text, of this type.
pub(crate) fn text(
    status: StatusCode,
    kind: &'static str,
    text: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = empty(status);
    *response.body_mut() = Body::Whole(Full::new(text.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// For fields that hold a time.
pub(crate) fn rfc_3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// For fields that may hold a time.
pub(crate) fn rfc_3339_if_any<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc_3339(time, serializer),
        None => serializer.serialize_none(),
    }
}
