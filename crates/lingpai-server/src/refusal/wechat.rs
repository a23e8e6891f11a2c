//! How the paths that answer as WeChat does say no.

use std::borrow::Cow;

use http::header::CONNECTION;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use lingpai_core::Failure;
use lingpai_wechat::kinds::Wanted;
use serde::Serialize;

use super::{Barred, Parameter, Refusal, errcode};
use crate::answer::{self, Body};
use crate::dropin::Call;
use crate::language::Language;

/// By which a person who sees an answer in WeChat's shape knows that Lingpai wrote it.
pub(super) const ERROR_HEADER: HeaderName = HeaderName::from_static("x-lingpai-error");

/// The body of an error in WeChat's shape.
#[derive(Serialize)]
pub(super) struct WeChatError<'a> {
    pub(super) errcode: i64,
    pub(super) errmsg: Cow<'a, str>,
}

impl Refusal {
    /// The answer in WeChat's shape: HTTP 200 whatever happened, since most SDKs break on anything else.
    pub(crate) fn wechat(&self) -> Response<Body> {
        self.answered(self.errcode_and_errmsg())
    }

    /// The same for an SDK of WeCom that made this call.
    pub(crate) fn wecom(&self, call: Call) -> Response<Body> {
        let said = |errcode, words| (errcode, self.after(words));
        self.answered(match self {
            Self::KeyUnknown => (
                errcode::WECOM_INVALID_SECRET,
                "invalid secret, lingpai: the `corpsecret`, or what the call has in its place, is not an API key that is known \
                 here. Put the key there, `lp_..._...`, not the secret"
                    .into(),
            ),
            Self::Denied(_) | Self::AgentUnclear => {
                said(errcode::WECOM_INVALID_SECRET, "invalid secret")
            }
            Self::AccountUnknown => match call {
                Call::Declared(Wanted { asked, .. }) => said(asked.unknown.0, asked.unknown.1),
                _ => said(errcode::INVALID_APPID, "invalid corpid"),
            },
            Self::MethodUnknown("POST") => said(errcode::POST_REQUIRED, "require POST method"),
            Self::MethodUnknown(_) => said(errcode::GET_REQUIRED, "require GET method"),
            _ => self.errcode_and_errmsg(),
        })
    }

    fn answered(&self, (errcode, errmsg): (i64, Cow<'_, str>)) -> Response<Body> {
        let mut response = answer::json(StatusCode::OK, &WeChatError { errcode, errmsg });
        response.headers_mut().insert(ERROR_HEADER, HeaderValue::from_static(self.code()));
        if matches!(self, Self::BodyTooLarge(_) | Self::BodySlow) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Lingpai's words after WeChat's own.
    fn after(&self, words: &str) -> Cow<'_, str> {
        let (message, remedy) = (self.message(Language::English), self.remedy(Language::English));
        format!("{words}, lingpai: {message}. {remedy}").into()
    }

    /// WeChat's words where it has some for this, and Lingpai's after them.
    pub(super) fn errcode_and_errmsg(&self) -> (i64, Cow<'_, str>) {
        let said = |errcode, words| (errcode, self.after(words));
        match self {
            Self::KeyMissing | Self::ParameterMissing(Parameter::Secret) => {
                let text = "appsecret missing, lingpai: send the API key as the parameter `secret`";
                (errcode::SECRET_MISSING, text.into())
            }
            Self::ParameterMissing(Parameter::AppId) => {
                said(errcode::APPID_MISSING, "appid missing")
            }
            Self::ParameterMissing(Parameter::CorpId) => {
                said(errcode::APPID_MISSING, "corpid missing")
            }
            Self::ParameterMissing(Parameter::CorpSecret) => {
                said(errcode::SECRET_MISSING, "corpsecret missing")
            }
            Self::ParameterMissing(Parameter::AuthCorpId) => {
                said(errcode::APPID_MISSING, "auth_corpid missing")
            }
            Self::ParameterMissing(Parameter::PermanentCode) => {
                said(errcode::PERMANENT_CODE_MISSING, "permanent_code missing")
            }
            Self::ParameterMissing(Parameter::Declared(field)) => {
                let (errcode, words) = field.missing;
                said(errcode, words)
            }
            Self::ParameterMissing(Parameter::AuthorizerAppId) => {
                said(errcode::APPID_MISSING, "authorizer_appid missing")
            }
            Self::ParameterMissing(Parameter::RefreshToken) => {
                let text = "refresh_token missing, lingpai: send the API key as `authorizer_refresh_token`";
                (errcode::REFRESH_TOKEN_MISSING, text.into())
            }
            // Fetching the platform's token again mends it, or says what is wrong with the key.
            Self::Barred(Barred::VirtualTokenUnknown) => {
                said(errcode::INVALID_CREDENTIAL, "invalid credential")
            }
            Self::GrantType => said(errcode::INVALID_GRANT_TYPE, "invalid grant_type"),
            Self::KeyUnknown => (
                errcode::INVALID_SECRET,
                "invalid appsecret, lingpai: the `secret`, or what the call has in its place, is not an API key that is known \
                 here. Put the key there, `lp_..._...`, not the AppSecret"
                    .into(),
            ),
            Self::Denied(_) => said(errcode::INVALID_SECRET, "invalid appsecret"),
            Self::AccountUnknown | Self::PathUnknown => {
                said(errcode::INVALID_APPID, "invalid appid")
            }
            Self::MethodUnknown(_) => said(errcode::POST_REQUIRED, "require POST method"),
            Self::BodyTooLarge(_)
            | Self::BodySlow
            | Self::BodyUnreadable(_)
            | Self::QueryUnreadable(..) => said(errcode::BAD_BODY, "data format error"),
            Self::NoToken(unavailable) => match passed_on(&unavailable.failure) {
                Some(error) => error,
                None => (errcode::NO_TOKEN, self.in_own_words()),
            },
            Self::Pending => (errcode::TOKEN_PENDING, self.in_own_words()),
            // Only the native API and the gateway have these.
            Self::BodyWrong(_)
            | Self::ParameterMissing(Parameter::Account)
            | Self::KeyIdUnknown
            | Self::SomeAccountsOnly
            | Self::AgentUnclear
            | Self::TicketUnknown
            | Self::NoTickets
            | Self::NoQuota
            | Self::UpstreamRefused(_)
            | Self::NoRandomness
            | Self::AccountExists
            | Self::AccountConfigured(_)
            | Self::SecretRefused(_)
            | Self::AccountsFixed
            | Self::ChangePending
            | Self::PushRefused
            | Self::PushNotTaken
            | Self::PushUnknown
            | Self::AlertUnknown
            | Self::SinkUnknown
            | Self::NoPlatform
            | Self::SessionUnknown
            | Self::SessionLimited
            | Self::LoginLocked(_)
            | Self::Store(_)
            | Self::NotRotated(..)
            | Self::Barred(_)
            | Self::Forwarding(_) => (errcode::NO_TOKEN, self.in_own_words()),
        }
    }

    fn in_own_words(&self) -> Cow<'_, str> {
        format!("lingpai: {}. {}", self.message(Language::English), self.remedy(Language::English))
            .into()
    }
}

/// Upstream's own error, where it may reach an SDK.
fn passed_on(failure: &Failure) -> Option<(i64, Cow<'_, str>)> {
    let code = failure.code.filter(|code| errcode::may_be_passed_on(*code))?;
    let rid = failure.request_id.as_deref().filter(|rid| !failure.message.contains(rid));
    let errmsg = match rid {
        Some(rid) => format!("{} rid: {rid}", failure.message).into(),
        None => failure.message.as_str().into(),
    };
    Some((code, errmsg))
}
