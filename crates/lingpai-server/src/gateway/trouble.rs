//! What can go wrong between a client and WeChat while a call is forwarded, and how it is said.

use std::borrow::Cow;

use http::StatusCode;

use lingpai_wechat::api_security::{Unacceptable, Unsealable};

use crate::language::{Language, either, say};
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
    /// The account's calls of this path are encrypted, and this one has more bytes than these.
    TooLargeToSeal(usize),
    /// The account's calls of this path are encrypted, and this one cannot be.
    Unsealable(Unsealable),
    /// WeChat's answer to an encrypted call is not proven to be WeChat's.
    Unproven(Unacceptable),
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
            Self::TooLargeToSeal(_) | Self::Unsealable(_) => "not-encryptable",
            Self::Unproven(_) => "answer-unproven",
        }
    }

    /// What it is in WeChat's shape.
    pub(crate) fn errcode(self) -> i64 {
        match self {
            Self::AbsoluteForm | Self::PathUnclear | Self::TokensDiffer => errcode::NOT_FORWARDABLE,
            Self::BodyTooLarge(_)
            | Self::BodySlow
            | Self::BodyBroken
            | Self::TooLargeToSeal(_)
            | Self::Unsealable(_) => errcode::BODY_REFUSED,
            Self::Unproven(_) => errcode::ANSWER_UNPROVEN,
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
            Self::BodyTooLarge(_) | Self::TooLargeToSeal(_) => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::OK,
        }
    }

    /// Whether the rest of the request's body is not worth waiting for.
    pub(crate) fn leaves_a_body(self) -> bool {
        matches!(
            self,
            Self::BodyTooLarge(_)
                | Self::BodySlow
                | Self::BodyBroken
                | Self::NoRoom
                | Self::TooLargeToSeal(_)
        )
    }

    /// What happened, and why.
    pub(crate) fn message(self, language: Language) -> Cow<'static, str> {
        let either = |english, chinese| either(language, english, chinese).into();
        match self {
            Self::AbsoluteForm => either(
                "the request was sent as if Lingpai were an HTTP proxy, and it is none",
                "请求把 Lingpai 当成了 HTTP 代理，而它不是",
            ),
            Self::PathUnclear => either(
                "the path holds `..`, an escape, an empty part or a sign that no path of WeChat's API has",
                "路径中有 `..`、转义、空的一段，或微信接口路径中没有的字符",
            ),
            Self::TokensDiffer => either(
                "the query holds two different access_tokens",
                "查询参数中有两个不同的 access_token",
            ),
            Self::BodyTooLarge(most) => say!(
                language,
                "the body does not state its length and is larger than {most} bytes",
                "请求体没有声明长度，并且超过 {most} 字节"
            )
            .into(),
            Self::BodySlow => either("the body did not arrive in time", "请求体没有及时到达"),
            Self::BodyBroken => either("the body broke off", "请求体中途断开"),
            Self::NoRoom => either(
                "the body does not state its length, and there is no room to keep it until that is known",
                "请求体没有声明长度，而在得知长度之前没有空间保存它",
            ),
            Self::Busy => {
                either("too many calls to WeChat are under way", "同时进行的微信接口调用过多")
            }
            Self::Unreachable => either(
                "no connection to WeChat could be made; the call was not sent",
                "无法连接微信，调用没有发出",
            ),
            Self::Lost => either(
                "the connection to WeChat broke after the call was sent: it may have been carried out, and was not \
                 sent again",
                "调用发出后，与微信的连接断开：它可能已经执行，因此没有重发",
            ),
            Self::Slow => either(
                "WeChat did not answer in time: the call may have been carried out, and was not sent again",
                "微信没有及时应答：调用可能已经执行，因此没有重发",
            ),
            Self::TooLargeToSeal(most) => say!(
                language,
                "the call is encrypted on its way, and its body is larger than {most} bytes",
                "此调用在途中加密，而请求体超过 {most} 字节"
            )
            .into(),
            Self::Unsealable(Unsealable::Reserved) => either(
                "the call is encrypted on its way, and has one of the fields _n, _appid and _timestamp, which are added then",
                "此调用在途中加密，而请求中已有加密时要加入的字段 _n、_appid 或 _timestamp",
            ),
            Self::Unsealable(Unsealable::Body) => either(
                "the call is encrypted on its way, and its body is no JSON object; uploads cannot be encrypted",
                "此调用在途中加密，而请求体不是 JSON 对象；上传类接口不能加密",
            ),
            Self::Unsealable(_) => either(
                "the call is to be encrypted and signed, and the account's keys do not do it",
                "此调用需要加密并签名，而账号的密钥无法完成",
            ),
            Self::Unproven(Unacceptable::Unsigned) => either(
                "the call was encrypted, and the answer is not signed by WeChat; it was not passed on, and the call may have \
                 been carried out",
                "调用已加密，而应答没有微信的签名，因此没有转给您；调用可能已经执行",
            ),
            Self::Unproven(Unacceptable::UnknownCertificate) => either(
                "the answer is signed with a platform certificate that the account does not have; it was not passed on, and the \
                 call may have been carried out",
                "应答用账号没有的平台证书签名，因此没有转给您；调用可能已经执行",
            ),
            Self::Unproven(Unacceptable::Time) => either(
                "the answer was signed over five minutes from now; it was not passed on, and the call may have been carried out",
                "应答的签名时间与现在相差五分钟以上，因此没有转给您；调用可能已经执行",
            ),
            Self::Unproven(_) => either(
                "the answer is not what WeChat signed and encrypted for this call; it was not passed on, and the call may have \
                 been carried out",
                "应答不是微信为此调用签名并加密的内容，因此没有转给您；调用可能已经执行",
            ),
            Self::Looping(code) => say!(
                language,
                "WeChat refused calls like this one again and again with errcode {code}, though the token is good; it \
                 was not sent once more",
                "微信一再以 errcode {code} 拒绝同样的调用，而凭据是好的；因此没有再次发出"
            )
            .into(),
        }
    }

    /// What the caller, or the one who runs the server, can do.
    pub(crate) fn remedy(self, language: Language) -> &'static str {
        let either = |english, chinese| either(language, english, chinese);
        match self {
            Self::AbsoluteForm => either(
                "Make Lingpai's address the base URL of your SDK (`http://lingpai:8700/cgi-bin/...`), not its proxy",
                "请把 Lingpai 的地址设为 SDK 的接口域名（`http://lingpai:8700/cgi-bin/...`），而不是代理",
            ),
            Self::PathUnclear => {
                either("Send the path as WeChat's documentation has it", "请按微信文档中的路径发送")
            }
            Self::TokensDiffer => either("Send `access_token` once", "`access_token` 只发送一次"),
            Self::BodyTooLarge(_) => either(
                "Send it with a Content-Length, or raise `gateway.unsized-body-limit`",
                "请带上 Content-Length 发送，或调高 `gateway.unsized-body-limit`",
            ),
            Self::BodySlow | Self::BodyBroken => either(
                "Check the connection, and that Content-Length is true",
                "请检查网络，以及 Content-Length 是否属实",
            ),
            Self::NoRoom => either(
                "Send it with a Content-Length; or see to the disk under `gateway.spool-dir` and to `gateway.spool-limit`",
                "请带上 Content-Length 发送；或检查 `gateway.spool-dir` 所在的磁盘和 `gateway.spool-limit`",
            ),
            Self::Busy => either(
                "Try again in a second, with fewer calls at once; or raise `gateway.connections`",
                "请一秒后重试，并减少同时进行的调用；或调高 `gateway.connections`",
            ),
            Self::Unreachable => either(
                "Try again; it is safe. Check the server's way to the internet",
                "可以放心重试。请检查服务器到互联网的网络",
            ),
            Self::Lost => either(
                "Find out whether it was carried out before you send it again",
                "请先查明是否已经执行，再决定是否重发",
            ),
            Self::Slow => either(
                "Find out whether it was carried out before you send it again; `gateway.deadline` says how long is waited",
                "请先查明是否已经执行，再决定是否重发；等待的时长由 `gateway.deadline` 设定",
            ),
            Self::Unsealable(Unsealable::Crypto) => either(
                "Give the account its API security keys again: `lingpai account set-api-security`",
                "请重新设置账号的 API 安全密钥：`lingpai account set-api-security`",
            ),
            Self::TooLargeToSeal(_) | Self::Unsealable(_) => either(
                "Send a JSON object of what the API takes; or leave this path out of `calls` of the account's API security",
                "请发送接口所需的 JSON 对象；或不把此路径写入账号 API 安全的 `calls`",
            ),
            Self::Unproven(Unacceptable::Unsigned) => either(
                "If WeChat does not encrypt this API, leave its path out of `calls` of the account's API security. Otherwise \
                 somebody stands in between: check the way to WeChat",
                "如果微信不支持加密此接口，请不要把它写入账号 API 安全的 `calls`；否则说明途中有人冒充，请检查到微信的网络",
            ),
            Self::Unproven(Unacceptable::UnknownCertificate) => either(
                "Download the present certificate (开放平台证书) from WeChat's console and give it to the account",
                "请从微信后台下载当前的开放平台证书，交给账号",
            ),
            Self::Unproven(Unacceptable::Time) => {
                either("Set the clock of the machine right", "请校准本机的时钟")
            }
            Self::Unproven(_) => either(
                "Compare the symmetric key, the certificate and their numbers with WeChat's console; if they are right, somebody \
                 changes answers on the way",
                "请对照微信后台检查对称密钥、平台证书及其编号；如果都正确，说明有人在途中篡改应答",
            ),
            Self::Looping(_) => either(
                "Stop repeating it: the API may not be open to this account, or wants another kind of token. The event \
                 `calls-refused` names the likely cause. It is forwarded again after a minute",
                "请停止重复：这个接口可能没有对该账号开放，或需要另一种凭据。事件 `calls-refused` 写明可能的原因。\
                 一分钟后恢复转发",
            ),
        }
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::Forwarding(trouble)
    }
}
