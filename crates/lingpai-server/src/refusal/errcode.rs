//! The codes that the paths which answer as WeChat does can carry.
//!
//! WeChat's own say what was wrong with the caller's request. SDKs answer some codes (40001, 40014, 42001) by fetching
//! once more, some of them without end; those are never answered, and neither is an upstream's code that would blame
//! the caller for what is wrong with the account.

/// The `grant_type` is not `client_credential`.
pub const INVALID_GRANT_TYPE: i64 = 40002;
/// No account of this appid is kept here.
pub const INVALID_APPID: i64 = 40013;
/// The `secret` is no key that may read this account's token.
pub const INVALID_SECRET: i64 = 40125;
/// The `appid` is missing.
pub const APPID_MISSING: i64 = 41002;
/// The `secret` is missing.
pub const SECRET_MISSING: i64 = 41004;
/// It must be a POST.
pub const POST_REQUIRED: i64 = 43002;
/// The body cannot be read.
pub const BAD_BODY: i64 = 47001;
/// Lingpai's own, outside WeChat's: there is no token, for a reason that `errmsg` states.
pub const NO_TOKEN: i64 = 990_001;
/// Lingpai's own: the token is being fetched, and the caller has waited long enough.
pub const TOKEN_PENDING: i64 = 990_002;

/// WeChat's codes on which SDKs fetch once more.
const LOOPED_ON: [i64; 3] = [40001, 40014, 42001];
/// What is answered about the request; from upstream it would be about the account.
const ABOUT_THE_REQUEST: [i64; 7] = [
    INVALID_GRANT_TYPE,
    INVALID_APPID,
    INVALID_SECRET,
    APPID_MISSING,
    SECRET_MISSING,
    POST_REQUIRED,
    BAD_BODY,
];

/// Whether a code from upstream may be answered as it is.
pub(super) fn may_be_passed_on(code: i64) -> bool {
    code != 0 && !LOOPED_ON.contains(&code) && !ABOUT_THE_REQUEST.contains(&code)
}
