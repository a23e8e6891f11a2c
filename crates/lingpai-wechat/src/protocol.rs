//! What WeChat's documentation fixes: hosts, paths, times and limits of `api.weixin.qq.com`.
//!
//! Source of each fact: the pages of `developers.weixin.qq.com` on `getAccessToken`,
//! `getStableAccessToken` and the domains of the API.

use std::time::Duration;

/// The hosts that serve every API alike, in the order in which they are tried: the default, the one
/// for disaster recovery, then Shanghai, Shenzhen and Hong Kong. A token is good on all of them.
pub const HOSTS: [&str; 5] = [
    "api.weixin.qq.com",
    "api2.weixin.qq.com",
    "sh.api.weixin.qq.com",
    "sz.api.weixin.qq.com",
    "hk.api.weixin.qq.com",
];

/// The host of WeCom (企业微信), whose paths collide with those of the others.
pub const WECOM_HOST: &str = "qyapi.weixin.qq.com";

/// Where whatever stands in for all of WeChat (a sandbox, a proxy) has WeCom.
pub const WECOM_PREFIX: &str = "/qyapi";

/// `GET`: mints a token of the classic family.
pub const TOKEN_PATH: &str = "/cgi-bin/token";

/// `POST`: brings the token of the stable family.
pub const STABLE_TOKEN_PATH: &str = "/cgi-bin/stable_token";

/// `GET`: the addresses that WeChat pushes from. The cheapest call that checks a token and asks for
/// nothing else.
pub const CALLBACK_IP_PATH: &str = "/cgi-bin/getcallbackip";

/// `GET`: whether a person's token (web authorisation) is good, with their `openid`.
pub const PERSON_PATH: &str = "/sns/auth";

/// `POST`: how much of an API's quota of the day is left.
pub const QUOTA_PATH: &str = "/cgi-bin/openapi/quota/get";

/// `POST`: what WeChat has noted of one request, within seven days.
pub const RID_PATH: &str = "/cgi-bin/openapi/rid/get";

/// Sends a message to a follower who has written within 48 hours (客服消息).
pub const CUSTOM_SEND_PATH: &str = "/cgi-bin/message/custom/send";

/// `GET`: brings a ticket of an Official Account, by its `type`.
pub const TICKET_PATH: &str = "/cgi-bin/ticket/getticket";

/// `GET`, WeCom: brings the token of an application, the same until it expires.
pub const WECOM_TOKEN_PATH: &str = "/cgi-bin/gettoken";

/// `POST`, of a third-party platform: has WeChat push tickets, if it does not.
pub const START_PUSH_PATH: &str = "/cgi-bin/component/api_start_push_ticket";

/// `POST`: mints the token of a platform.
pub const COMPONENT_TOKEN_PATH: &str = "/cgi-bin/component/api_component_token";

/// `POST`: brings the code that an authorisation is begun with.
pub const PREAUTHCODE_PATH: &str = "/cgi-bin/component/api_create_preauthcode";

/// The host of the page on which a platform is authorised on a computer, and the page.
pub const PC_PAGES: &str = "mp.weixin.qq.com";
/// See [`PC_PAGES`].
pub const PC_PAGE: &str = "/cgi-bin/componentloginpage";

/// The host of the page on which a platform is authorised on a telephone, and the page.
pub const H5_PAGES: &str = "open.weixin.qq.com";
/// See [`H5_PAGES`].
pub const H5_PAGE: &str = "/wxaopen/safe/bindcomponent";

/// WeCom: the host of the page on which a suite is authorised, and the page.
pub const WECOM_PAGES: &str = "open.work.weixin.qq.com";
/// See [`WECOM_PAGES`].
pub const INSTALL_PAGE: &str = "/3rdapp/install";

/// `POST`: trades an authorization code for tokens.
pub const QUERY_AUTH_PATH: &str = "/cgi-bin/component/api_query_auth";

/// `POST`: mints the token of an account that has authorised a platform.
pub const AUTHORIZER_TOKEN_PATH: &str = "/cgi-bin/component/api_authorizer_token";

/// `POST`: says what is known about one of them.
pub const AUTHORIZER_INFO_PATH: &str = "/cgi-bin/component/api_get_authorizer_info";

/// `POST`: lists them, with their refresh tokens.
pub const AUTHORIZER_LIST_PATH: &str = "/cgi-bin/component/api_get_authorizer_list";

/// How many of them are asked for at once. WeChat allows 500; their refresh tokens have no stated length, and no answer is read beyond
/// some size.
pub const AUTHORIZERS_PER_PAGE: u64 = 200;

/// How long a `component_verify_ticket` is good. One is pushed every ten minutes.
pub const COMPONENT_TICKET_LIFE: Duration = Duration::from_hours(12);

/// For how long no ticket may have come until it is asked for: two pushes have failed by then.
pub const TICKET_OVERDUE: Duration = Duration::from_mins(25);

/// `POST`, WeCom: brings the token of a suite, the same until it expires.
pub const SUITE_TOKEN_PATH: &str = "/cgi-bin/service/get_suite_token";

/// `GET`, WeCom: brings a code for the page on which a suite is authorised; good for trying a suite's token.
pub const PRE_AUTH_CODE_PATH: &str = "/cgi-bin/service/get_pre_auth_code";

/// `POST`, WeCom: exchanges an auth_code for the permanent code of a corp, once (2025-05; the older form brings a token too).
pub const PERMANENT_CODE_PATH: &str = "/cgi-bin/service/v2/get_permanent_code";

/// `POST`, WeCom: brings the token of a suite in a corp, the same until it expires.
pub const CORP_TOKEN_PATH: &str = "/cgi-bin/service/get_corp_token";

/// How long a suite_ticket is good.
pub const SUITE_TICKET_LIFE: Duration = Duration::from_mins(30);

/// After how long without a suite_ticket something is wrong: it is pushed every ten minutes.
pub const SUITE_TICKET_OVERDUE: Duration = Duration::from_mins(25);

/// For how long an auth_code is good.
pub const AUTH_CODE_LIFE: Duration = Duration::from_mins(10);

/// How many fetches a day are spent on a WeCom application's token at most, unless it is told otherwise. WeCom limits them
/// by the minute and hour; regular renewal takes 12 to 40.
pub const WECOM_DAILY_BUDGET: u32 = 1000;

/// How many fetches a day are spent on each ticket of an account at most, unless it is told otherwise.
/// WeChat says that few are allowed and not how many; regular renewal takes 40 at most.
pub const TICKET_DAILY_BUDGET: u32 = 100;

/// The only `grant_type` there is.
pub const GRANT_TYPE: &str = "client_credential";

/// How long a new token lives.
pub const NOMINAL_LIFE: Duration = Duration::from_secs(7200);

/// How long a replaced token is still accepted, in both families.
pub const OVERLAP: Duration = Duration::from_secs(300);

/// How long before its end the stable family brings a new token in place of the same one.
pub const STABLE_WINDOW: Duration = Duration::from_secs(300);

/// How far apart two forced refreshes must be; one that comes sooner refreshes nothing.
pub const FORCED_SPACING: Duration = Duration::from_secs(30);

/// How many forced refreshes a day an account has.
pub const FORCED_PER_DAY: u32 = 20;

/// How many fetches a day are spent on a classic account at most, unless it is told otherwise:
/// below the 200 that a test account is allowed (a real one has 2000), and over ten times what
/// regular renewal takes.
pub const CLASSIC_DAILY_BUDGET: u32 = 150;

/// The same for a stable account, which is allowed 500,000.
pub const STABLE_DAILY_BUDGET: u32 = 2000;

/// How long a token may be. WeChat advises to reserve at least this much; tokens of today have
/// about 140 characters.
pub const TOKEN_MAX_CHARS: usize = 512;

/// What `errcode` says of a success, where it is present at all.
pub const OK: i64 = 0;
