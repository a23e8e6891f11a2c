//! The names of routes, by which they are counted and logged.

use lingpai_wechat::kinds;

use super::Route;
use crate::authorize;
use crate::dropin::Call;

/// Of all but those that are declared with their kinds of tokens.
const OWN: &[&str] = &[
    "/v1/accounts/{account}/token",
    "/cgi-bin/token",
    "/cgi-bin/stable_token",
    "/v1/accounts/{account}/token/report-invalid",
    "/v1/accounts/{account}/token/rotate",
    "/v1/accounts",
    "/v1/accounts/{account}",
    "/v1/accounts/{account}/secret",
    "/v1/events",
    "/v1/events/history",
    "/v1/keys",
    "/v1/keys/{id}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "unknown",
    "gateway",
    "/v1/accounts/{account}/tickets/{type}",
    "/v1/accounts/{account}/js-config",
    "/v1/accounts/{account}/card-signature",
    "/push/{account}",
    "/v1/accounts/{account}/pushes",
    "/v1/accounts/{account}/pushes/{id}",
    "/v1/accounts/{account}/pushes/{id}/retry",
    "/v1/nodes",
    "/cgi-bin/gettoken",
    "/console/session",
    "console",
    "/v1/diagnose",
    "/v1/accounts/{account}/quota",
    "/v1/accounts/{account}/quota/clear",
    "/v1/rids/{rid}",
    "/v1/doctor",
    "/cgi-bin/service/get_corp_token",
    "/v1/audit",
    "/v1/alerts",
    "/v1/alerts/{name}/test",
    "/v1/accounts/{account}/token/adopt",
    "/cgi-bin/component/api_authorizer_token",
    "/v1/overview",
    "/v1/sinks",
    "/v1/sinks/{name}/test",
    "/v1/sinks/{name}/sync",
    authorize::Part::NAMES[0],
    authorize::Part::NAMES[1],
    authorize::Part::NAMES[2],
    authorize::Part::NAMES[3],
    authorize::Part::NAMES[4],
    "/push/{account}/{authorizer}",
];

impl Route<'_> {
    /// The names of routes: the path without what differs. In the order of [`Route::number`].
    pub(crate) const NAMES: [&'static str; OWN.len() + kinds::ASKED_AT.len()] = {
        let mut names = [""; OWN.len() + kinds::ASKED_AT.len()];
        let (own, declared) = names.split_at_mut(OWN.len());
        own.copy_from_slice(OWN);
        declared.copy_from_slice(&kinds::ASKED_AT);
        names
    };

    /// Its place among the names.
    pub(crate) fn number(self) -> usize {
        match self {
            Self::Token(_) => 0,
            Self::DropIn(Call::Token) => 1,
            Self::DropIn(Call::StableToken) => 2,
            Self::ReportInvalid(_) => 3,
            Self::Rotate(_) => 4,
            Self::Accounts => 5,
            Self::Account(_) => 6,
            Self::Secret(_) => 7,
            Self::Events => 8,
            Self::History => 9,
            Self::Keys => 10,
            Self::Key(_) => 11,
            Self::Health => 12,
            Self::Ready => 13,
            Self::Metrics => 14,
            Self::OpenApi => 15,
            Self::Unknown => 16,
            Self::Forward(_) => 17,
            Self::Ticket(..) => 18,
            Self::JsConfig(_) => 19,
            Self::CardSignature(_) => 20,
            Self::Push(_) => 21,
            Self::Pushes(_) => 22,
            Self::PushOf(..) => 23,
            Self::PushRetry(..) => 24,
            Self::Nodes => 25,
            Self::DropIn(Call::Gettoken) => 26,
            Self::Session => 27,
            Self::Console(_) => 28,
            Self::Diagnose => 29,
            Self::Quota(_) => 30,
            Self::QuotaClear(_) => 31,
            Self::Rid(_) => 32,
            Self::Doctor => 33,
            Self::DropIn(Call::CorpToken) => 34,
            Self::Audit => 35,
            Self::Alerts => 36,
            Self::AlertTest(_) => 37,
            Self::Adopt(_) => 38,
            Self::DropIn(Call::AuthorizerToken) => 39,
            Self::Overview => 40,
            Self::Sinks => 41,
            Self::SinkTest(_) => 42,
            Self::SinkSync(_) => 43,
            Self::Authorization(part) => 44 + part.number(),
            Self::PushOfAuthorizer(..) => 49,
            Self::DropIn(Call::Declared(wanted)) => {
                OWN.len() + kinds::asked().take_while(|other| *other != wanted).count()
            }
        }
    }
}
