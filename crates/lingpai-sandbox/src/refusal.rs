//! What WeChat says when it refuses: code and text, word for word where a real sample is known.
//!
//! Sources: the error tables in WeChat's documentation, and answers with their rid that developers
//! have published. Texts marked "wording ours" have no known sample; nobody should match on any of
//! them.

use std::{borrow::Cow, net::IpAddr};

/// A refusal, still without its rid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) text: Cow<'static, str>,
}

const fn refusal(code: i64, text: &'static str) -> Refusal {
    Refusal { code, text: Cow::Borrowed(text) }
}

impl Refusal {
    pub(crate) const SYSTEM_ERROR: Self = refusal(-1, "system error");
    pub(crate) const BAD_TOKEN: Self = refusal(
        40001,
        "invalid credential, access_token is invalid or not latest, could get access_token by \
         getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r",
    );
    /// What `/sns/*` says of a token that is no person's.
    pub(crate) const BAD_USER_TOKEN: Self =
        refusal(40001, "invalid credential, access_token is invalid or not latest");
    pub(crate) const INVALID_GRANT_TYPE: Self = refusal(40002, "invalid grant_type");
    pub(crate) const INVALID_OPENID: Self = refusal(40003, "invalid openid");
    pub(crate) const INVALID_MEDIA_TYPE: Self = refusal(40004, "invalid media type");
    /// Wording ours.
    pub(crate) const INVALID_SIZE: Self = refusal(40006, "invalid bytes");
    pub(crate) const INVALID_MEDIA_ID: Self = refusal(40007, "invalid media_id");
    pub(crate) const INVALID_MESSAGE_TYPE: Self = refusal(40008, "invalid message type");
    pub(crate) const INVALID_APPID: Self = refusal(40013, "invalid appid");
    pub(crate) const INVALID_CODE: Self = refusal(40029, "invalid code");
    pub(crate) const INVALID_REFRESH_TOKEN: Self = refusal(40030, "invalid refresh_token");
    pub(crate) const INVALID_URL: Self = refusal(40066, "invalid url");
    /// Wording of other APIs.
    pub(crate) const INVALID_ARGS: Self = refusal(40097, "invalid args");
    pub(crate) const INVALID_SECRET: Self = refusal(40125, "invalid appsecret");
    pub(crate) const INVALID_SCENE: Self = refusal(40129, "invalid scene");
    pub(crate) const CODE_USED: Self = refusal(40163, "code been used");
    /// Wording ours.
    pub(crate) const INVALID_ACTION: Self = refusal(40202, "invalid action");
    /// Wording ours.
    pub(crate) const INVALID_OPERATOR: Self = refusal(40203, "invalid check_operator");
    /// Of API security; the texts are the guide's names, and which of them is said first is a guess.
    pub(crate) const SEAL_WITHOUT_TIME: Self = refusal(40231, "API_Missing_Wechatmp_Timestamp");
    pub(crate) const SEAL_WITHOUT_SIGNATURE: Self =
        refusal(40232, "API_Missing_Wechatmp_Signature");
    pub(crate) const SEAL_WITHOUT_APPID: Self = refusal(40233, "API_Missing_Wechatmp_Appid");
    pub(crate) const BAD_SIGNATURE: Self = refusal(40234, "API_Invalid_Signature");
    pub(crate) const BAD_SEAL: Self = refusal(40235, "API_Invalid_Encrypt");
    pub(crate) const SEAL_OF_ANOTHER: Self = refusal(40237, "API_Invalid_Wechatmp_Appidmatch");
    pub(crate) const SEAL_WITHOUT_KEY: Self = refusal(40238, "API_NoExist_DevSecretSym");
    pub(crate) const SEAL_TOO_OLD: Self = refusal(40240, "API_Expired_Wechatmp_Timestamp");
    /// Wording ours.
    pub(crate) const SECRET_FROZEN: Self = refusal(40243, "appsecret is frozen");
    pub(crate) const TOKEN_MISSING: Self = refusal(41001, "access_token missing");
    pub(crate) const APPID_MISSING: Self = refusal(41002, "appid missing");
    /// Wording ours.
    pub(crate) const REFRESH_TOKEN_MISSING: Self = refusal(41003, "refresh_token missing");
    pub(crate) const SECRET_MISSING: Self = refusal(41004, "appsecret missing");
    pub(crate) const MEDIA_MISSING: Self = refusal(41005, "media data missing");
    pub(crate) const CODE_MISSING: Self = refusal(41008, "missing code");
    pub(crate) const OPENID_MISSING: Self = refusal(41009, "missing openid");
    pub(crate) const TOKEN_EXPIRED: Self = refusal(42001, "access_token expired");
    pub(crate) const REQUIRE_GET: Self = refusal(43001, "require GET method");
    pub(crate) const REQUIRE_POST: Self = refusal(43002, "require POST method");
    pub(crate) const EMPTY_BODY: Self = refusal(44002, "empty post data");
    pub(crate) const DAILY_QUOTA: Self = refusal(45009, "reach max api daily quota limit");
    pub(crate) const DAILY_QUOTA_CLASSIC: Self = refusal(
        45009,
        "reach max api daily quota limit, could get access_token by getStableAccessToken, more \
         details at https://mmbizurl.cn/s/JtxxFh33r",
    );
    pub(crate) const MINUTE_QUOTA: Self =
        refusal(45011, "api minute-quota reach limit  mustslower  retry next minute");
    pub(crate) const BAD_DATA: Self = refusal(47001, "data format error");
    pub(crate) const API_UNAUTHORISED: Self = refusal(48001, "api unauthorized");
    pub(crate) const CLEARS_USED_UP: Self =
        refusal(48006, "forbid to clear quota because of reaching the limit");
    pub(crate) const USER_LIMITED: Self = refusal(50002, "user limited");
    pub(crate) const TOKEN_FORBIDDEN: Self =
        refusal(50004, "user not allow to use accesstoken, maybe for punishment");
    /// Wording ours.
    pub(crate) const ACCOUNT_FROZEN: Self = refusal(50007, "user is frozen");
    /// Of third-party platforms; wording ours where there is no rid in the sample.
    pub(crate) const COMPONENT_APPID_MISSING: Self = refusal(41018, "missing component_appid");
    pub(crate) const COMPONENT_TOKEN_MISSING: Self =
        refusal(41021, "missing component_access_token");
    pub(crate) const COMPONENT_TOKEN_EXPIRED: Self =
        refusal(42006, "component_access_token expired");
    pub(crate) const PASSWORD_CHANGED: Self =
        refusal(42007, "access_token and refresh_token exception");
    pub(crate) const NOT_AUTHORIZED: Self =
        refusal(61003, "component is not authorized by this account");
    pub(crate) const COMPONENT_TICKET_EXPIRED: Self = refusal(61005, "component ticket is expired");
    pub(crate) const COMPONENT_TICKET_INVALID: Self = refusal(61006, "component ticket is invalid");
    pub(crate) const AUTH_CODE_INVALID: Self = refusal(61009, "code is invalid");
    pub(crate) const AUTH_CODE_EXPIRED: Self = refusal(61010, "code is expired");
    pub(crate) const INVALID_COMPONENT: Self = refusal(61011, "invalid component");
    pub(crate) const WANTS_COMPONENT_TOKEN: Self =
        refusal(61014, "should use component_access_token");
    pub(crate) const WANTS_ACCOUNT_TOKEN: Self = refusal(61015, "should use account access_token");
    pub(crate) const COMPONENT_REFRESH_TOKEN: Self = refusal(61023, "refresh_token is invalid");
    /// Wording ours.
    pub(crate) const COMPONENT_ONLY: Self = refusal(61024, "should use api_component_token");
    pub(crate) const RID_NOT_FOUND: Self = refusal(76001, "rid not found");
    pub(crate) const RID_MALFORMED: Self = refusal(76002, "rid is error");
    pub(crate) const RID_OF_ANOTHER: Self =
        refusal(76003, "could not query this rid,no permission");
    pub(crate) const PATH_UNKNOWN: Self = refusal(76021, "cgi_path not found, please check");
    /// Wording ours, as for the other three of the confirmation flow.
    pub(crate) const CONFIRMATION_PENDING: Self =
        refusal(89501, "this ip is waiting for the administrator to confirm");
    pub(crate) const CONFIRMATION_NEEDED: Self =
        refusal(89503, "this ip needs to be confirmed by the administrator");
    pub(crate) const REFUSED_TWICE: Self =
        refusal(89506, "this ip was refused twice by the administrator, forbidden for 24 hours");
    pub(crate) const REFUSED_ONCE: Self =
        refusal(89507, "this ip was refused by the administrator, forbidden for 1 hour");

    /// WeCom's: the code of a bad token there.
    pub(crate) const INVALID_TOKEN: Self = refusal(40014, "invalid access_token");
    pub(crate) const WRONG_CORPSECRET: Self = refusal(40001, "invalid credential");
    pub(crate) const INVALID_CORPID: Self = refusal(40013, "invalid corpid");
    pub(crate) const INVALID_AUTH_CODE: Self = refusal(40078, "invalid auth_code");
    pub(crate) const SHORT_AUTH_CODE: Self =
        refusal(40058, "auth_code exceed min length 64. Invalid input invalid Request Parameter");
    /// WeCom's typing error.
    pub(crate) const INVALID_SUITE_TOKEN: Self =
        refusal(40082, "invalid suite_acccess_token or provider_access_token");
    pub(crate) const INVALID_SUITE_ID: Self = refusal(40083, "invalid suite_id");
    pub(crate) const INVALID_PERMANENT_CODE: Self = refusal(40084, "invalid permanent_code");
    pub(crate) const INVALID_SUITE_TICKET: Self = refusal(40085, "invalid suite ticket");
    /// Wording ours.
    pub(crate) const INVALID_SUITE_SECRET: Self = refusal(40091, "invalid suite_secret");
    /// Wording ours, as for the six that follow.
    pub(crate) const INVALID_PRE_AUTH_CODE: Self = refusal(40058, "invalid pre_auth_code");
    pub(crate) const SUITE_TOKEN_MISSING: Self = refusal(41021, "suite_access_token missing");
    pub(crate) const SUITE_ID_MISSING: Self = refusal(41022, "suite_id missing");
    pub(crate) const SUITE_TICKET_MISSING: Self = refusal(41023, "suite_ticket missing");
    pub(crate) const SUITE_SECRET_MISSING: Self = refusal(41024, "suite_secret missing");
    pub(crate) const PERMANENT_CODE_MISSING: Self = refusal(41025, "permanent_code missing");
    pub(crate) const PROVIDER_SECRET_MISSING: Self = refusal(41004, "provider_secret missing");
    /// Nobody's password has changed: in WeCom it is this.
    pub(crate) const PRE_AUTH_CODE_EXPIRED: Self = refusal(42007, "pre_auth_code expired");
    pub(crate) const SUITE_TOKEN_EXPIRED: Self = refusal(42009, "suite_access_token expired");
    pub(crate) const CORPID_MISSING: Self = refusal(41002, "corpid missing");
    pub(crate) const CORPSECRET_MISSING: Self = refusal(41004, "corpsecret missing");
    pub(crate) const INVALID_PARAMETER: Self = refusal(40058, "invalid Request Parameter");
    pub(crate) const USERID_MISSING: Self = refusal(41009, "missing userid");
    pub(crate) const USERID_UNKNOWN: Self = refusal(60111, "userid not found");
    pub(crate) const TOO_FREQUENT: Self = refusal(45009, "api freq out of limit");
    pub(crate) const UNTRUSTED_IP: Self = refusal(60020, "not allow to access from your ip");
    pub(crate) const ANOTHER_AGENT: Self =
        refusal(301_002, "not allow operate another agent with this accesstoken");

    /// 61004, with the address that was seen.
    pub(crate) fn component_ip(caller: IpAddr) -> Self {
        let text = format!("access clientip is not registered requestIP: {caller}");
        Self { code: 61004, text: text.into() }
    }

    pub(crate) fn ip_not_listed(caller: IpAddr) -> Self {
        let text = match caller {
            IpAddr::V4(ip) => {
                format!("invalid ip {ip} ipv6 {}, not in whitelist", ip.to_ipv6_mapped())
            }
            IpAddr::V6(ip) => format!("invalid ip {ip} ipv6 {ip}, not in whitelist"),
        };
        Self { code: 40164, text: text.into() }
    }

    /// The text as it goes out. `/sns/*` writes a comma before the rid; of 40030 a sample has none. WeCom has a hint in
    /// place of the rid, and says what address it saw.
    pub(crate) fn errmsg(&self, path: &str, caller: IpAddr, rid: &str) -> String {
        if path.starts_with("/qyapi/") {
            let groups = rid.split('-').filter_map(|group| u32::from_str_radix(group, 16).ok());
            let hint: String = groups.map(|group| group.to_string()).collect();
            let Self { code, text } = self;
            return format!(
                "{text}, hint: [{hint}], from ip: {caller}, more info at \
                 https://open.work.weixin.qq.com/devtool/query?e={code}"
            );
        }
        let comma = if path.starts_with("/sns/") && self.code != 40030 { "," } else { "" };
        format!("{}{comma} rid: {rid}", self.text)
    }

    /// A refusal asked for by code, with WeChat's own words if they are known.
    pub(crate) fn of_code(code: i64, text: Option<&str>) -> Self {
        let known = KNOWN.iter().find(|refusal| refusal.code == code).cloned();
        match text {
            Some(text) => Self { code, text: text.to_owned().into() },
            None => known.unwrap_or(refusal(code, "refused by the sandbox as asked")),
        }
    }
}

const KNOWN: &[Refusal] = &[
    Refusal::SYSTEM_ERROR,
    Refusal::BAD_TOKEN,
    Refusal::INVALID_GRANT_TYPE,
    Refusal::INVALID_APPID,
    Refusal::INVALID_SECRET,
    Refusal::SECRET_FROZEN,
    Refusal::TOKEN_MISSING,
    Refusal::TOKEN_EXPIRED,
    Refusal::DAILY_QUOTA,
    Refusal::MINUTE_QUOTA,
    Refusal::BAD_DATA,
    Refusal::USER_LIMITED,
    Refusal::TOKEN_FORBIDDEN,
    Refusal::ACCOUNT_FROZEN,
    Refusal::COMPONENT_ONLY,
    Refusal::NOT_AUTHORIZED,
    Refusal::PASSWORD_CHANGED,
    Refusal::COMPONENT_TICKET_EXPIRED,
    Refusal::COMPONENT_TICKET_INVALID,
    Refusal::COMPONENT_REFRESH_TOKEN,
    Refusal::CONFIRMATION_PENDING,
    Refusal::CONFIRMATION_NEEDED,
    Refusal::REFUSED_TWICE,
    Refusal::REFUSED_ONCE,
    Refusal::INVALID_SUITE_TOKEN,
    Refusal::INVALID_SUITE_TICKET,
    Refusal::INVALID_PERMANENT_CODE,
    Refusal::SUITE_TOKEN_EXPIRED,
];
