//! What becomes of a call: the act on the wire, and the name under which it is counted and logged.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{Act, fault::FaultKind, refusal::Refusal, world::Call};

/// WeChat's Content-Type; the odd `encoding` is real.
pub(crate) const JSON: &str = "application/json; encoding=utf-8";

/// What an API answers when it does not refuse.
pub(crate) enum Success {
    Json(Value),
    /// A web page for a person.
    Page(String),
    /// A person is sent elsewhere.
    Redirect(String),
    File {
        content_type: String,
        name: &'static str,
        bytes: Bytes,
    },
    /// The piece over and over, up to so many bytes.
    Repeated {
        piece: Bytes,
        bytes: u64,
    },
}

impl Success {
    pub(crate) fn ok() -> Self {
        Self::Json(json!({"errcode": 0, "errmsg": "ok"}))
    }
}

/// What is done on the wire, and its name.
pub(crate) struct Outcome {
    pub(crate) act: Act,
    pub(crate) name: String,
}

impl Outcome {
    pub(crate) fn named(act: Act, name: &str) -> Self {
        Self { act, name: name.to_owned() }
    }

    pub(crate) fn answer(response: Response<Bytes>, name: &str) -> Self {
        Self::named(Act::Answer(response), name)
    }

    pub(crate) fn success(success: Success) -> Self {
        let answer = match success {
            Success::Json(body) => response(StatusCode::OK, JSON, body.to_string().into()),
            Success::Page(html) => {
                response(StatusCode::OK, "text/html; charset=utf-8", html.into())
            }
            Success::Redirect(to) => {
                let mut answer = response(StatusCode::FOUND, "text/html", Bytes::new());
                if let Ok(to) = to.parse() {
                    answer.headers_mut().insert(header::LOCATION, to);
                }
                answer
            }
            Success::File { content_type, name, bytes } => {
                let mut file = response(StatusCode::OK, &content_type, bytes);
                if let Ok(value) = format!("attachment; filename=\"{name}\"").parse() {
                    file.headers_mut().insert(header::CONTENT_DISPOSITION, value);
                }
                file
            }
            Success::Repeated { piece, bytes } => {
                let response = response(StatusCode::OK, "application/octet-stream", piece);
                let act = Act::Stream { response, stated: bytes, sent: bytes };
                return Self::named(act, "0");
            }
        };
        Self::answer(answer, "0")
    }

    /// Business errors are HTTP 200 with code, text and rid.
    pub(crate) fn refusal(refusal: &Refusal, call: &Call<'_>, rid: &str) -> Self {
        let errmsg = refusal.errmsg(call.path(), call.caller, rid);
        let body = json!({"errcode": refusal.code, "errmsg": errmsg}).to_string();
        Self::answer(response(StatusCode::OK, JSON, body.into()), &refusal.code.to_string())
    }

    pub(crate) fn status(status: StatusCode, body: &str) -> Self {
        let answer = response(status, "text/html", Bytes::from(body.to_owned()));
        Self::answer(answer, &format!("http-{}", status.as_u16()))
    }

    /// Spoils an answer after the call was carried out.
    pub(crate) fn spoiled(self, fault: &FaultKind) -> Self {
        let Self { act, name } = self;
        let mut answer = match act {
            Act::Answer(answer) => answer,
            Act::Stream { response, stated, .. } if *fault == FaultKind::CutBody => {
                return Self::cut_body(response, stated);
            }
            act => return Self { act, name },
        };
        let length = answer.body().len();
        match fault {
            FaultKind::CutBody => Self::cut_body(answer, length as u64),
            FaultKind::TruncatedJson => {
                *answer.body_mut() = answer.body().slice(..length / 2);
                Self::answer(answer, "truncated-json")
            }
            FaultKind::ExpiresIn { value } => {
                if let Ok(mut body) = serde_json::from_slice::<Value>(answer.body())
                    && let Some(stated) = body.get_mut("expires_in")
                {
                    *stated = value.clone();
                    *answer.body_mut() = body.to_string().into();
                }
                Self::answer(answer, &name)
            }
            _ => Self::answer(answer, &name),
        }
    }

    fn cut_body(response: Response<Bytes>, stated: u64) -> Self {
        Self::named(Act::Stream { response, stated, sent: stated / 2 }, "cut-body")
    }

    /// Compresses an answer for a caller who accepts that.
    pub(crate) fn gzipped(self, caller: &HeaderMap) -> Self {
        match self.act {
            Act::Answer(answer) if accepts_gzip(caller) => {
                Self { act: Act::Answer(gzipped(answer)), name: self.name }
            }
            act => Self { act, name: self.name },
        }
    }
}

fn accepts_gzip(caller: &HeaderMap) -> bool {
    let said = caller.get_all(header::ACCEPT_ENCODING).iter();
    let mut said = said.filter_map(|value| value.to_str().ok()).flat_map(|said| said.split(','));
    said.any(|coding| coding.split(';').next().is_some_and(|name| name.trim() == "gzip"))
}

fn gzipped(answer: Response<Bytes>) -> Response<Bytes> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    match packed.write_all(answer.body()).and_then(|()| packed.finish()) {
        Ok(packed) => {
            let (mut head, _) = answer.into_parts();
            let gzip = HeaderValue::from_static("gzip");
            head.headers.insert(header::CONTENT_ENCODING, gzip);
            Response::from_parts(head, packed.into())
        }
        // A vector always has room.
        Err(_) => answer,
    }
}

pub(crate) fn response(status: StatusCode, content_type: &str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}
