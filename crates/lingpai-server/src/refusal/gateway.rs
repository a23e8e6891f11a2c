//! Why the gateway lets a caller not through, and how it says whatever it has to say. What can go wrong once a caller was
//! let through is in `gateway/trouble.rs`.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{ALLOW, CONNECTION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use lingpai_core::client::Denied;
use serde::Serialize;

use super::native::whole_seconds;
use super::wechat::{ERROR_HEADER, WeChatError};
use super::{Refusal, errcode};
use crate::answer::{self, Body};
use crate::gateway::Trouble;
use crate::language::Language;

/// Why a caller is not let through. Only the gateway has these.
#[derive(Debug)]
pub(crate) enum Barred {
    /// Nobody says who is calling: no key, and no token.
    CallerUnknown,
    /// A virtual token that no good key stands behind: fetching a token again mends it, or says what is wrong.
    VirtualTokenUnknown,
    /// A real token, where only virtual ones are good.
    RealToken,
    /// A virtual token stands for an account's, and the call takes a user's.
    WrongKind,
    /// The key is for several accounts, and the call names none.
    AccountUnnamed,
    /// The header, the path and the token name two accounts.
    TwoAccounts,
    /// The account is an application of WeCom, and the call goes to another host.
    WrongHost,
    /// Nobody may have this path called through the gateway, or the client's own bounds or the operator's leave it out.
    PathForbidden,
    /// A call for a token that is not answered here.
    TokenCall,
    /// Nothing is forwarded here.
    GatewayOff,
    /// Calls of WeChat Pay are not forwarded here.
    PayOff,
    /// WeChat Pay wants to see the merchant's certificate, which a connection from here cannot show.
    CertificateNeeded,
    /// The client makes more calls a minute than it may; one more is allowed after this time.
    TooFast(Duration),
    /// As many of the client's calls are under way as may be.
    TooManyAtOnce,
    /// The client's calls of the day are spent, or those of its account and environment; the day ends after this time.
    DaySpent(Duration),
}

/// The body of an error of WeChat Pay's version 3.
#[derive(Serialize)]
struct PayError<'a> {
    code: String,
    message: Cow<'a, str>,
}

/// How an SDK that receives a refusal reads its errcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// As of a call with an access_token to `api.weixin.qq.com` and its like.
    Api,
    /// As of a call to WeCom, whose 40001 means the secret.
    WeCom,
    /// As of a call that authenticates with appid and secret.
    Secret,
    /// As of WeChat Pay's version 2: XML.
    PayV2,
    /// As of WeChat Pay's version 3: JSON and the status.
    PayV3,
}

impl Barred {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::CallerUnknown => "caller-unknown",
            Self::VirtualTokenUnknown => "virtual-token-unknown",
            Self::RealToken => "real-token",
            Self::WrongKind => "wrong-kind",
            Self::AccountUnnamed => "account-unnamed",
            Self::TwoAccounts => "two-accounts",
            Self::WrongHost => "wrong-host",
            Self::PathForbidden => "path-forbidden",
            Self::TokenCall => "token-call",
            Self::GatewayOff => "gateway-off",
            Self::PayOff => "pay-off",
            Self::CertificateNeeded => "certificate-needed",
            Self::TooFast(_) => "too-fast",
            Self::TooManyAtOnce => "too-many-at-once",
            Self::DaySpent(_) => "day-spent",
        }
    }

    pub(super) fn message(&self) -> &'static str {
        match self {
            Self::CallerUnknown => "the call says neither by a key nor by a token who makes it",
            Self::VirtualTokenUnknown => {
                "this virtual token is not good: its key is unknown here, revoked or expired"
            }
            Self::RealToken => {
                "the access_token is a real one, and the gateway takes virtual ones from you"
            }
            Self::WrongKind => "the access_token is an account's, and this call takes a user's",
            Self::AccountUnnamed => "the API key is for several accounts, and the call names none",
            Self::TwoAccounts => "the call names two accounts",
            Self::WrongHost => {
                "the account is an application of WeCom, whose token goes to no other host"
            }
            Self::PathForbidden => "this path may not be called through the gateway by you",
            Self::TokenCall => "calls for tokens are not forwarded, and this path has none here",
            Self::GatewayOff => "calls of WeChat's API are not forwarded by this server",
            Self::PayOff => "calls of WeChat Pay are not forwarded by this server",
            Self::CertificateNeeded => {
                "WeChat Pay wants the merchant's certificate for this call, and Lingpai's connection cannot show it"
            }
            Self::TooFast(_) => "the client makes more calls a minute than it may",
            Self::TooManyAtOnce => "too many calls of this client are under way",
            Self::DaySpent(_) => "the calls of this day are spent",
        }
    }

    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::CallerUnknown => {
                "Have the SDK fetch its token from this server, or send `Authorization: Bearer KEY` and \
                 `X-Lingpai-Account: APPID`"
            }
            Self::VirtualTokenUnknown => {
                "Fetch a token again at /cgi-bin/token, of WeCom at /cgi-bin/gettoken; if the key is at fault, that says so"
            }
            Self::RealToken => {
                "Have the SDK fetch its token with a key that has the right `gateway` and not `token:read`; or ask the \
                 one who runs this server to accept real tokens from your network (docs/gateway.md)"
            }
            Self::WrongKind => {
                "Send the access_token that /sns/oauth2/access_token gave for this user"
            }
            Self::AccountUnnamed => {
                "Send `X-Lingpai-Account: APPID`, or call /gateway/APPID/... instead"
            }
            Self::TwoAccounts => {
                "Name the account once: by the token, by `X-Lingpai-Account`, by the path or by `appid`"
            }
            Self::WrongHost => "Call the path below /qyapi",
            Self::PathForbidden => {
                "Ask the one who runs this server for a key that may call it; docs/gateway.md says which paths need a \
                 right of their own"
            }
            Self::TokenCall => {
                "Fetch the token at /cgi-bin/token or /cgi-bin/stable_token, of WeCom at /cgi-bin/gettoken, written like \
                 this"
            }
            Self::GatewayOff => {
                "Have the SDK call api.weixin.qq.com and fetch only its token here; or ask the one who runs this server \
                 to set `gateway.enabled = true`"
            }
            Self::PayOff => {
                "Have the SDK call api.mch.weixin.qq.com; or ask the one who runs this server to set `gateway.pay = true`"
            }
            Self::CertificateNeeded => {
                "Call api.mch.weixin.qq.com directly, or use version 3 of its API, which needs no such certificate"
            }
            Self::TooFast(_) | Self::TooManyAtOnce => {
                "Wait, and call less often; or ask for a key with wider bounds"
            }
            Self::DaySpent(_) => {
                "Wait for the day to end in China, or ask for a key with wider bounds"
            }
        }
    }

    fn errcode(&self, reads: Reads) -> i64 {
        match self {
            Self::CallerUnknown => errcode::CALLER_UNKNOWN,
            Self::VirtualTokenUnknown if reads == Reads::WeCom => errcode::INVALID_ACCESS_TOKEN,
            Self::VirtualTokenUnknown => errcode::INVALID_CREDENTIAL,
            Self::RealToken => errcode::REAL_TOKEN,
            Self::AccountUnnamed | Self::TwoAccounts => errcode::ACCOUNT_UNCLEAR,
            // WeCom's 40001 makes its SDKs fetch again.
            Self::TokenCall if reads == Reads::WeCom => errcode::WECOM_INVALID_SECRET,
            Self::PathForbidden
            | Self::WrongKind
            | Self::WrongHost
            | Self::TokenCall
            | Self::PayOff
            | Self::CertificateNeeded => errcode::NOT_ALLOWED,
            Self::GatewayOff => errcode::GATEWAY_OFF,
            Self::TooFast(_) | Self::TooManyAtOnce => errcode::TOO_MANY_CALLS,
            Self::DaySpent(_) => errcode::DAY_SPENT,
        }
    }
}

impl Refusal {
    /// The answer of the gateway, in WeChat's shape: HTTP 200 but for a body that is too large, `errmsg` in Lingpai's own
    /// words, and a code on which no SDK loops.
    pub(crate) fn gateway(&self, reads: Reads) -> Response<Body> {
        let (message, remedy) = (self.message(Language::English), self.remedy(Language::English));
        let errmsg: Cow<'_, str> = format!("lingpai: {message}. {remedy}").into();
        let (status, leaves_a_body) = match self {
            Self::Forwarding(trouble) => (trouble.status(), trouble.leaves_a_body()),
            Self::BodyTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, true),
            _ => (StatusCode::OK, false),
        };
        let mut response = match reads {
            Reads::PayV2 => {
                let (code, said) = ("<return_code><![CDATA[FAIL]]></return_code>", errmsg);
                let xml = format!("<xml>{code}<return_msg><![CDATA[{said}]]></return_msg></xml>");
                answer::text(StatusCode::OK, "text/xml; charset=utf-8", xml)
            }
            Reads::PayV3 => {
                let code = format!("LINGPAI_{}", self.code().replace('-', "_").to_uppercase());
                answer::json(self.pay_status(), &PayError { code, message: errmsg })
            }
            Reads::Api | Reads::WeCom | Reads::Secret => {
                let errcode = self.gateway_errcode(reads);
                answer::json(status, &WeChatError { errcode, errmsg })
            }
        };
        let headers = response.headers_mut();
        headers.insert(ERROR_HEADER, HeaderValue::from_static(self.code()));
        if leaves_a_body {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        match self {
            Self::Barred(Barred::TooFast(wait) | Barred::DaySpent(wait)) => {
                headers.insert(RETRY_AFTER, whole_seconds(*wait).into());
            }
            Self::NoToken(unavailable) => {
                headers.insert(RETRY_AFTER, whole_seconds(unavailable.retry_after).into());
            }
            Self::MethodUnknown(known) => {
                headers.insert(ALLOW, HeaderValue::from_static(known));
            }
            _ => {}
        }
        response
    }

    /// In version 3 of WeChat Pay's API the status says whether the call may have been carried out: from 500 on.
    fn pay_status(&self) -> StatusCode {
        match self {
            Self::KeyMissing
            | Self::KeyUnknown
            | Self::Denied(Denied::Revoked | Denied::Expired | Denied::Network) => {
                StatusCode::UNAUTHORIZED
            }
            Self::Barred(Barred::TooFast(_) | Barred::TooManyAtOnce | Barred::DaySpent(_)) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Barred(_) | Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Forwarding(Trouble::Lost | Trouble::Slow) => StatusCode::BAD_GATEWAY,
            Self::Forwarding(Trouble::Unreachable | Trouble::Busy | Trouble::NoRoom)
            | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Forwarding(Trouble::BodyTooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn gateway_errcode(&self, reads: Reads) -> i64 {
        match self {
            Self::Barred(why) => why.errcode(reads),
            Self::Forwarding(trouble) => trouble.errcode(),
            // The key stands where the secret does, so it is the secret that is wrong.
            Self::KeyUnknown | Self::Denied(Denied::Revoked | Denied::Expired)
                if reads == Reads::Secret =>
            {
                errcode::INVALID_SECRET
            }
            Self::KeyMissing | Self::ParameterMissing(_) => errcode::CALLER_UNKNOWN,
            Self::KeyUnknown
            | Self::Denied(Denied::Revoked | Denied::Expired | Denied::Network) => {
                errcode::KEY_REFUSED
            }
            Self::Denied(Denied::Right(_) | Denied::Account | Denied::Domain)
            | Self::SomeAccountsOnly
            | Self::NoTickets => errcode::NOT_ALLOWED,
            Self::AccountUnknown | Self::AgentUnclear => errcode::ACCOUNT_UNCLEAR,
            Self::Pending => errcode::TOKEN_PENDING,
            Self::NoToken(_) | Self::Store(_) | Self::NotRotated(..) | Self::NoRandomness => {
                errcode::NO_TOKEN
            }
            Self::PathUnknown
            | Self::TicketUnknown
            | Self::MethodUnknown(_)
            | Self::BodyTooLarge(_)
            | Self::BodySlow
            | Self::BodyUnreadable(_)
            | Self::BodyWrong(_)
            | Self::QueryUnreadable(..)
            | Self::GrantType
            | Self::KeyIdUnknown
            | Self::AccountExists
            | Self::AccountConfigured(_)
            | Self::AccountsFixed
            | Self::SecretRefused(_)
            | Self::ChangePending
            | Self::PushRefused
            | Self::PushNotTaken
            | Self::PushUnknown => errcode::NOT_FORWARDABLE,
        }
    }
}

impl From<Barred> for Refusal {
    fn from(why: Barred) -> Self {
        Self::Barred(why)
    }
}
