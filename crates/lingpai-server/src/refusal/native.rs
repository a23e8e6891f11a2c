//! How the native API says no.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use lingpai_core::Failure;
use lingpai_core::client::Denied;
use lingpai_core::keeper::RotateError;
use serde::Serialize;

use super::{Barred, Refusal};
use crate::answer::Body;
use crate::language::{self, Language};

/// The body of a native error.
#[derive(Serialize)]
struct NativeError<'a> {
    error: Said<'a>,
}

#[derive(Serialize)]
struct Said<'a> {
    code: &'static str,
    message: Cow<'a, str>,
    remedy: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<Upstream<'a>>,
}

/// What WeChat said.
#[derive(Serialize)]
struct Upstream<'a> {
    errcode: i64,
    errmsg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<&'a str>,
}

impl Refusal {
    /// The answer of the native API: the HTTP status says the kind, the body what happened and what to do.
    pub(crate) fn native(&self, language: Language) -> Response<Body> {
        let upstream = match self {
            Self::NoToken(unavailable) => Upstream::of(&unavailable.failure),
            Self::NotRotated(error, _) => match &**error {
                RotateError::Failed(failure) => Upstream::of(failure),
                RotateError::Denied(_) => None,
            },
            Self::SecretRefused(failure) | Self::UpstreamRefused(failure) => Upstream::of(failure),
            _ => None,
        };
        let (message, remedy) = (self.message(language), self.remedy(language));
        let said = Said { code: self.code(), message, remedy, upstream };
        let mut response = language::said(language, self.status(), &NativeError { error: said });
        let headers = response.headers_mut();
        match self {
            Self::KeyMissing => {
                headers
                    .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"lingpai\""));
            }
            Self::KeyUnknown | Self::Denied(Denied::Revoked | Denied::Expired) => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"lingpai\", error=\"invalid_token\""),
                );
            }
            Self::MethodUnknown(known) => {
                headers.insert(ALLOW, HeaderValue::from_static(known));
            }
            Self::BodyTooLarge(_) | Self::BodySlow => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Self::NoToken(unavailable) => {
                headers.insert(RETRY_AFTER, whole_seconds(unavailable.retry_after).into());
            }
            Self::NotRotated(_, retry_after) if !retry_after.is_zero() => {
                headers.insert(RETRY_AFTER, whole_seconds(*retry_after).into());
            }
            Self::LoginLocked(wait) => {
                headers.insert(RETRY_AFTER, whole_seconds(*wait).into());
            }
            Self::Pending | Self::ChangePending => {
                headers.insert(RETRY_AFTER, 1_u64.into());
            }
            _ => {}
        }
        response
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::KeyMissing
            | Self::KeyUnknown
            | Self::SessionUnknown
            | Self::Denied(Denied::Revoked | Denied::Expired) => StatusCode::UNAUTHORIZED,
            Self::Denied(Denied::Right(_) | Denied::Account | Denied::Network | Denied::Domain)
            | Self::SomeAccountsOnly
            | Self::SessionLimited
            | Self::PushRefused => StatusCode::FORBIDDEN,
            Self::AccountUnknown
            | Self::PathUnknown
            | Self::KeyIdUnknown
            | Self::PushUnknown
            | Self::AlertUnknown
            | Self::SinkUnknown
            | Self::NoPlatform
            | Self::TicketUnknown
            | Self::NoTickets
            | Self::NoQuota => StatusCode::NOT_FOUND,
            Self::LoginLocked(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::MethodUnknown(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodySlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyUnreadable(_)
            | Self::BodyWrong(_)
            | Self::QueryUnreadable(..)
            | Self::ParameterMissing(_)
            | Self::AgentUnclear
            | Self::GrantType => StatusCode::BAD_REQUEST,
            Self::AccountExists | Self::AccountConfigured(_) => StatusCode::CONFLICT,
            Self::SecretRefused(_) | Self::UpstreamRefused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::AccountsFixed | Self::Barred(Barred::GatewayOff) => StatusCode::NOT_IMPLEMENTED,
            Self::NoRandomness => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotRotated(error, _) => match **error {
                RotateError::Denied(_) => StatusCode::CONFLICT,
                RotateError::Failed(_) => StatusCode::BAD_GATEWAY,
            },
            Self::NoToken(_)
            | Self::Pending
            | Self::ChangePending
            | Self::PushNotTaken
            | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            // The gateway answers in WeChat's shape; what a person asks through it is answered here.
            Self::Barred(_) | Self::Forwarding(_) => StatusCode::BAD_GATEWAY,
        }
    }
}

impl<'a> Upstream<'a> {
    fn of(failure: &'a Failure) -> Option<Self> {
        Some(Self {
            errcode: failure.code?,
            errmsg: &failure.message,
            rid: failure.request_id.as_deref(),
        })
    }
}

/// Whole seconds, rounded up, and at least one: a caller who comes a little too early comes twice.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}
