//! What can go wrong between a client and WeChat while a call is forwarded, and how it is said.

use std::borrow::Cow;

use http::StatusCode;

use crate::refusal::{Refusal, errcode};

/// Why a call was not forwarded, or brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It was sent as if to a proxy: `GET http://host/path`.
    AbsoluteForm,
    /// The path could mean one thing here and another upstream.
    PathUnclear,
    /// The query holds two tokens.
    TokensDiffer,
    /// The body of unknown length has more bytes than these.
    BodyTooLarge(u64),
    /// The body did not arrive in time.
    BodySlow,
    /// The body broke off.
    BodyBroken,
    /// There is no room to keep a body of unknown length until its length is known.
    NoRoom,
    /// Too many calls are under way, and too many wait for them.
    Busy,
    /// No connection to WeChat could be made: the call was not sent.
    Unreachable,
    /// The connection broke after the call was sent.
    Lost,
    /// WeChat did not answer in time.
    Slow,
    /// Calls like this one were refused again and again, with this errcode, though the token is good.
    Looping(i64),
}

impl Trouble {
    /// The stable name.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::AbsoluteForm => "absolute-form",
            Self::PathUnclear => "path-unclear",
            Self::TokensDiffer => "tokens-differ",
            Self::BodyTooLarge(_) => "body-too-large",
            Self::BodySlow => "body-slow",
            Self::BodyBroken => "body-broken",
            Self::NoRoom => "no-room",
            Self::Busy => "busy",
            Self::Unreachable => "upstream-unreachable",
            Self::Lost => "upstream-lost",
            Self::Slow => "upstream-slow",
            Self::Looping(_) => "looping",
        }
    }

    /// What it is in WeChat's shape.
    pub(crate) fn errcode(self) -> i64 {
        match self {
            Self::AbsoluteForm | Self::PathUnclear | Self::TokensDiffer => errcode::NOT_FORWARDABLE,
            Self::BodyTooLarge(_) | Self::BodySlow | Self::BodyBroken => errcode::BODY_REFUSED,
            Self::NoRoom | Self::Busy => errcode::BUSY,
            Self::Unreachable => errcode::UPSTREAM_UNREACHABLE,
            Self::Lost => errcode::UPSTREAM_LOST,
            Self::Slow => errcode::UPSTREAM_SLOW,
            Self::Looping(_) => errcode::LOOPING,
        }
    }

    /// The status: 200 as WeChat has it, and 413 where a body was cut off.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::OK,
        }
    }

    /// Whether the rest of the request's body is not worth waiting for.
    pub(crate) fn leaves_a_body(self) -> bool {
        matches!(self, Self::BodyTooLarge(_) | Self::BodySlow | Self::BodyBroken | Self::NoRoom)
    }

    /// What happened, and why.
    pub(crate) fn message(self) -> Cow<'static, str> {
        match self {
            Self::AbsoluteForm => {
                "the request was sent as if Lingpai were an HTTP proxy, and it is none".into()
            }
            Self::PathUnclear => {
                "the path holds `..`, an escape, an empty part or a sign that no path of WeChat's API has".into()
            }
            Self::TokensDiffer => "the query holds two different access_tokens".into(),
            Self::BodyTooLarge(most) => {
                format!("the body does not state its length and is larger than {most} bytes").into()
            }
            Self::BodySlow => "the body did not arrive in time".into(),
            Self::BodyBroken => "the body broke off".into(),
            Self::NoRoom => {
                "the body does not state its length, and there is no room to keep it until that is known".into()
            }
            Self::Busy => "too many calls to WeChat are under way".into(),
            Self::Unreachable => "no connection to WeChat could be made; the call was not sent".into(),
            Self::Lost => {
                "the connection to WeChat broke after the call was sent: it may have been carried out, and was not \
                 sent again"
                    .into()
            }
            Self::Slow => {
                "WeChat did not answer in time: the call may have been carried out, and was not sent again".into()
            }
            Self::Looping(code) => format!(
                "WeChat refused calls like this one again and again with errcode {code}, though the token is good; it \
                 was not sent once more"
            )
            .into(),
        }
    }

    /// What the caller, or the one who runs the server, can do.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::AbsoluteForm => {
                "Make Lingpai's address the base URL of your SDK (`http://lingpai:8700/cgi-bin/...`), not its proxy"
            }
            Self::PathUnclear => "Send the path as WeChat's documentation has it",
            Self::TokensDiffer => "Send `access_token` once",
            Self::BodyTooLarge(_) => {
                "Send it with a Content-Length, or raise `gateway.unsized-body-limit`"
            }
            Self::BodySlow | Self::BodyBroken => {
                "Check the connection, and that Content-Length is true"
            }
            Self::NoRoom => {
                "Send it with a Content-Length; or see to the disk under `gateway.spool-dir` and to `gateway.spool-limit`"
            }
            Self::Busy => {
                "Try again in a second, with fewer calls at once; or raise `gateway.connections`"
            }
            Self::Unreachable => "Try again; it is safe. Check the server's way to the internet",
            Self::Lost => "Find out whether it was carried out before you send it again",
            Self::Slow => {
                "Find out whether it was carried out before you send it again; `gateway.deadline` says how long is waited"
            }
            Self::Looping(_) => {
                "Stop repeating it: the API may not be open to this account, or wants another kind of token. The event \
                 `calls-refused` names the likely cause. It is forwarded again after a minute"
            }
        }
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::Forwarding(trouble)
    }
}
