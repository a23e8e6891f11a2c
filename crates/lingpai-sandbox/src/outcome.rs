//! What becomes of a call: the act on the wire, and the name under which it is counted and logged.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{Act, fault::FaultKind, refusal::Refusal};

/// WeChat's Content-Type; the odd `encoding` is real.
pub(crate) const JSON: &str = "application/json; encoding=utf-8";

/// What an API answers when it does not refuse.
pub(crate) enum Success {
    Json(Value),
    File { content_type: String, name: &'static str, bytes: Bytes },
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
            Success::File { content_type, name, bytes } => {
                let mut file = response(StatusCode::OK, &content_type, bytes);
                if let Ok(value) = format!("attachment; filename=\"{name}\"").parse() {
                    file.headers_mut().insert(header::CONTENT_DISPOSITION, value);
                }
                file
            }
        };
        Self::answer(answer, "0")
    }

    /// Business errors are HTTP 200 with code, text and rid.
    pub(crate) fn refusal(refusal: &Refusal, rid: &str) -> Self {
        let errmsg = format!("{} rid: {rid}", refusal.text);
        let body = json!({"errcode": refusal.code, "errmsg": errmsg}).to_string();
        Self::answer(response(StatusCode::OK, JSON, body.into()), &refusal.code.to_string())
    }

    pub(crate) fn status(status: StatusCode, body: &str) -> Self {
        let answer = response(status, "text/html", Bytes::from(body.to_owned()));
        Self::answer(answer, &format!("http-{}", status.as_u16()))
    }

    /// Spoils an answer after the call was carried out.
    pub(crate) fn spoiled(self, fault: &FaultKind) -> Self {
        let Self { act: Act::Answer(mut answer), name } = self else { return self };
        let half = answer.body().len() / 2;
        match fault {
            FaultKind::CutBody => {
                Self::named(Act::Truncate { response: answer, bytes: half }, "cut-body")
            }
            FaultKind::TruncatedJson => {
                *answer.body_mut() = answer.body().slice(..half);
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
}

pub(crate) fn response(status: StatusCode, content_type: &str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}
