//! The codes that the paths which answer as WeChat does can carry.
//!
//! WeChat's own say what was wrong with the caller's request. SDKs answer some codes (40001, 40014, 42001) by fetching
//! once more, some of them without end; those are answered only to a virtual token that is not good, where fetching once
//! more mends the call or ends in [`INVALID_SECRET`]. An upstream's code that would blame the caller for what is wrong
//! with the account is never answered.
//!
//! Lingpai's own are 990001 to 990199.

/// The `grant_type` is not `client_credential`.
pub const INVALID_GRANT_TYPE: i64 = 40002;
/// No account of this appid is kept here.
pub const INVALID_APPID: i64 = 40013;
/// The `secret` is no key that may read this account's token.
pub const INVALID_SECRET: i64 = 40125;
/// WeCom's: the `corpsecret` is no key that may read a token of this corp.
pub const WECOM_INVALID_SECRET: i64 = 40091;
/// The `appid` is missing, or WeCom's `corpid`.
pub const APPID_MISSING: i64 = 41002;
/// The `secret` is missing; WeCom's too.
pub const SECRET_MISSING: i64 = 41004;
/// It must be a GET.
pub const GET_REQUIRED: i64 = 43001;
/// WeCom: the `permanent_code` is missing.
pub const PERMANENT_CODE_MISSING: i64 = 41025;
/// A platform's call: neither a refresh token, where the key stands, nor a virtual token.
pub const REFRESH_TOKEN_MISSING: i64 = 41003;
/// It must be a POST.
pub const POST_REQUIRED: i64 = 43002;
/// The body cannot be read.
pub const BAD_BODY: i64 = 47001;
/// Lingpai's own, outside WeChat's: there is no token, for a reason that `errmsg` states.
pub const NO_TOKEN: i64 = 990_001;
/// Lingpai's own: the token is being fetched, and the caller has waited long enough.
pub const TOKEN_PENDING: i64 = 990_002;

/// The gateway's: the virtual token is not good. On WeCom's paths it is [`INVALID_ACCESS_TOKEN`].
pub const INVALID_CREDENTIAL: i64 = 40001;
/// The gateway's, on WeCom's paths: the virtual token is not good.
pub const INVALID_ACCESS_TOKEN: i64 = 40014;
/// The gateway's own: the call carries neither a key nor a token.
pub const CALLER_UNKNOWN: i64 = 990_100;
/// The gateway's own: the key is unknown, revoked, expired, or not for the caller's network.
pub const KEY_REFUSED: i64 = 990_101;
/// The gateway's own: the client may not make this call.
pub const NOT_ALLOWED: i64 = 990_102;
/// The gateway's own: no account is named, or two, or one that is not kept here.
pub const ACCOUNT_UNCLEAR: i64 = 990_103;
/// The gateway's own: a real token where only virtual ones are accepted.
pub const REAL_TOKEN: i64 = 990_104;
/// The gateway's own: the client calls too often, or too many of its calls are under way.
pub const TOO_MANY_CALLS: i64 = 990_105;
/// The gateway's own: the day's calls of the client, or of its account and environment, are spent.
pub const DAY_SPENT: i64 = 990_106;
/// The gateway's own: this looks like no call of WeChat's API, or could be read in two ways.
pub const NOT_FORWARDABLE: i64 = 990_107;
/// The gateway's own: the body is too large, too slow, or broke off.
pub const BODY_REFUSED: i64 = 990_108;
/// Lingpai's own: the path is no one of Lingpai's, and calls of WeChat's API are not forwarded here.
pub const GATEWAY_OFF: i64 = 990_109;
/// The gateway's own: too much is under way. Nothing was sent.
pub const BUSY: i64 = 990_110;
/// The gateway's own: WeChat cannot be reached. Nothing was sent.
pub const UPSTREAM_UNREACHABLE: i64 = 990_111;
/// The gateway's own: the connection broke after the call was sent. It may have been carried out.
pub const UPSTREAM_LOST: i64 = 990_112;
/// The gateway's own: WeChat did not answer in time. The call may have been carried out.
pub const UPSTREAM_SLOW: i64 = 990_113;
/// The gateway's own: calls like this one were refused again and again, so this one was not sent.
pub const LOOPING: i64 = 990_114;
/// The gateway's own: the answer to an encrypted call is not proven to be WeChat's. The call may have been carried out.
pub const ANSWER_UNPROVEN: i64 = 990_115;

/// WeChat's codes on which SDKs fetch once more.
const LOOPED_ON: [i64; 3] = [40001, 40014, 42001];
/// What is answered about the request; from upstream it would be about the account.
const ABOUT_THE_REQUEST: [i64; 9] = [
    INVALID_GRANT_TYPE,
    INVALID_APPID,
    INVALID_SECRET,
    WECOM_INVALID_SECRET,
    APPID_MISSING,
    SECRET_MISSING,
    GET_REQUIRED,
    POST_REQUIRED,
    BAD_BODY,
];

/// Whether a code from upstream may be answered as it is.
pub(super) fn may_be_passed_on(code: i64) -> bool {
    code != 0 && !LOOPED_ON.contains(&code) && !ABOUT_THE_REQUEST.contains(&code)
}
