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
use crate::language::{Language, either};

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
    /// The account is WeCom's, and the call goes to another host.
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

    pub(super) fn message(&self, language: Language) -> &'static str {
        let either = |english, chinese| either(language, english, chinese);
        match self {
            Self::CallerUnknown => either(
                "the call says neither by a key nor by a token who makes it",
                "调用既没有携带 API 密钥，也没有携带 access_token，无法得知来自谁",
            ),
            Self::VirtualTokenUnknown => either(
                "this virtual token is not good: its key is unknown here, revoked or expired",
                "这个虚拟 token 不可用：它的 API 密钥在这里不存在、已吊销或已过期",
            ),
            Self::RealToken => either(
                "the access_token is a real one, and the gateway takes virtual ones from you",
                "这是真实的 access_token，而网关只接受你的虚拟 token",
            ),
            Self::WrongKind => either(
                "the access_token is an account's, and this call takes a user's",
                "这是账号的 access_token，而这个接口要用户的网页授权 access_token",
            ),
            Self::AccountUnnamed => either(
                "the API key is for several accounts, and the call names none",
                "这个 API 密钥可用于多个账号，而调用没有指明是哪个",
            ),
            Self::TwoAccounts => either("the call names two accounts", "调用指明了两个不同的账号"),
            Self::WrongHost => either(
                "the account is WeCom's, whose token goes to no other host",
                "这个账号是企业微信的，它的凭据不会发往其他域名",
            ),
            Self::PathForbidden => either(
                "this path may not be called through the gateway by you",
                "你不能通过网关调用这个路径",
            ),
            Self::TokenCall => either(
                "calls for tokens are not forwarded, and this path has none here",
                "获取凭据的调用不会转发，而这个路径在这里没有凭据",
            ),
            Self::GatewayOff => either(
                "calls of WeChat's API are not forwarded by this server",
                "这个服务不转发微信接口调用",
            ),
            Self::PayOff => either(
                "calls of WeChat Pay are not forwarded by this server",
                "这个服务不转发微信支付的调用",
            ),
            Self::CertificateNeeded => either(
                "WeChat Pay wants the merchant's certificate for this call, and Lingpai's connection cannot show it",
                "微信支付的这个接口要求商户 API 证书，而 Lingpai 的连接无法出示证书",
            ),
            Self::TooFast(_) => either(
                "the client makes more calls a minute than it may",
                "客户端每分钟的调用次数超过上限",
            ),
            Self::TooManyAtOnce => either(
                "too many calls of this client are under way",
                "这个客户端同时进行的调用过多",
            ),
            Self::DaySpent(_) => either("the calls of this day are spent", "当天的调用次数已用完"),
        }
    }

    pub(super) fn remedy(&self, language: Language) -> &'static str {
        let either = |english, chinese| either(language, english, chinese);
        match self {
            Self::CallerUnknown => either(
                "Have the SDK fetch its token from this server, or send `Authorization: Bearer KEY` and \
                 `X-Lingpai-Account: APPID`",
                "让 SDK 从这个服务获取 access_token，或发送 `Authorization: Bearer 密钥` 和 `X-Lingpai-Account: APPID`",
            ),
            Self::VirtualTokenUnknown => either(
                "Fetch a token again at /cgi-bin/token, of WeCom at /cgi-bin/gettoken; if the key is at fault, that says so",
                "请重新从 /cgi-bin/token（企业微信是 /cgi-bin/gettoken）获取；如果是密钥的问题，那里会说明",
            ),
            Self::RealToken => either(
                "Have the SDK fetch its token with a key that has the right `gateway` and not `token:read`; or ask the \
                 one who runs this server to accept real tokens from your network (docs/gateway.md)",
                "让 SDK 用有 `gateway` 权限而没有 `token:read` 权限的密钥获取 access_token；或请该服务的管理员允许你所在的网段\
                 使用真实的 access_token（docs/zh/gateway.md）",
            ),
            Self::WrongKind => either(
                "Send the access_token that /sns/oauth2/access_token gave for this user",
                "请发送 /sns/oauth2/access_token 为该用户返回的 access_token",
            ),
            Self::AccountUnnamed => either(
                "Send `X-Lingpai-Account: APPID`, or call /gateway/APPID/... instead",
                "请发送 `X-Lingpai-Account: APPID`，或改为调用 /gateway/APPID/...",
            ),
            Self::TwoAccounts => either(
                "Name the account once: by the token, by `X-Lingpai-Account`, by the path or by `appid`",
                "账号只指明一次：用 access_token、`X-Lingpai-Account`、路径或 `appid` 之一",
            ),
            Self::WrongHost => either("Call the path below /qyapi", "请在 /qyapi 下调用"),
            Self::PathForbidden => either(
                "Ask the one who runs this server for a key that may call it; docs/gateway.md says which paths need a \
                 right of their own",
                "请向该服务的管理员索取可以调用它的密钥；哪些路径需要单独的权限，见 docs/zh/gateway.md",
            ),
            Self::TokenCall => either(
                "Write the paths of tokens as WeChat has them: /cgi-bin/token, /cgi-bin/stable_token, \
                 /cgi-bin/component/api_component_token and api_authorizer_token, of WeCom /cgi-bin/gettoken and \
                 /cgi-bin/service/get_*_token. Codes of authorisations are traded by Lingpai itself, and their tokens are here; \
                 permanent codes and refresh tokens are given to nobody (docs/platform.md, docs/wecom.md)",
                "获取凭据的路径要与微信的写法一致：/cgi-bin/token、/cgi-bin/stable_token、/cgi-bin/component/api_component_token 和 \
                 api_authorizer_token，企业微信为 /cgi-bin/gettoken 和 /cgi-bin/service/get_*_token。授权码由 Lingpai 自己换取，凭据在这里；\
                 永久授权码和 refresh_token 不提供给任何人（docs/zh/platform.md、docs/zh/wecom.md）",
            ),
            Self::GatewayOff => either(
                "Have the SDK call api.weixin.qq.com and fetch only its token here; or ask the one who runs this server \
                 to set `gateway.enabled = true`",
                "让 SDK 直接调用 api.weixin.qq.com，只从这里获取 access_token；或请该服务的管理员设置 `gateway.enabled = true`",
            ),
            Self::PayOff => either(
                "Have the SDK call api.mch.weixin.qq.com; or ask the one who runs this server to set `gateway.pay = true`",
                "让 SDK 直接调用 api.mch.weixin.qq.com；或请该服务的管理员设置 `gateway.pay = true`",
            ),
            Self::CertificateNeeded => either(
                "Call api.mch.weixin.qq.com directly, or use version 3 of its API, which needs no such certificate",
                "请直接调用 api.mch.weixin.qq.com，或改用不需要该证书的 APIv3",
            ),
            Self::TooFast(_) | Self::TooManyAtOnce => either(
                "Wait, and call less often; or ask for a key with wider bounds",
                "请稍候并降低调用频率；或索取上限更高的密钥",
            ),
            Self::DaySpent(_) => either(
                "Wait for the day to end in China, or ask for a key with wider bounds",
                "请等到北京时间次日，或索取上限更高的密钥",
            ),
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
            Self::Forwarding(Trouble::BodyTooLarge(_) | Trouble::TooLargeToSeal(_)) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn gateway_errcode(&self, reads: Reads) -> i64 {
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
            | Self::NoTickets
            | Self::NoQuota => errcode::NOT_ALLOWED,
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
            | Self::UpstreamRefused(_)
            | Self::ChangePending
            | Self::PushRefused
            | Self::PushNotTaken
            | Self::AlertUnknown
            | Self::SinkUnknown
            | Self::NoPlatform
            | Self::PushUnknown
            | Self::SessionUnknown
            | Self::SessionLimited
            | Self::LoginLocked(_) => errcode::NOT_FORWARDABLE,
        }
    }
}

impl From<Barred> for Refusal {
    fn from(why: Barred) -> Self {
        Self::Barred(why)
    }
}
