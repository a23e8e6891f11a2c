//! What a path needs besides the right `gateway`: some would let a client go around Lingpai, or spend what is scarce.

use std::borrow::Cow;

use lingpai_core::AccountId;
use lingpai_core::client::Right;
use lingpai_wechat::{Ticket, kinds, protocol};

use super::hosts::{Destination, Host};
use super::trades::{self, Trade};
use crate::refusal::Refusal;

/// What a path needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing else.
    Gateway,
    /// This right too.
    Right(Right),
    /// Lingpai answers it itself, or it is not forwarded at all.
    Nobody,
}

impl Needs {
    /// By the path, whatever the host: one that a host does not have is refused there anyway. Upstream may be less strict
    /// than we are about case and a slash at the end, so they do not count.
    pub(super) fn of(host: Host, path: &str) -> Self {
        // Its paths are others, and nothing of ours is put into its calls.
        if host == Host::Pay {
            return Self::Gateway;
        }
        match &*plain(path) {
            "/cgi-bin/token" | "/cgi-bin/stable_token" | "/cgi-bin/gettoken" => Self::Nobody,
            // Answered from what their codes were traded for.
            path if Trade::at(host, path).is_some() => Self::Gateway,
            // A permanent code is given to nobody, and the tokens are answered from what is kept.
            "/cgi-bin/service/get_corp_token" | trades::OLDER | protocol::PERMANENT_CODE_PATH => {
                Self::Nobody
            }
            path if kinds::ASKED_AT.contains(&path) || NEVER_OF_PLATFORM.contains(&path) => {
                Self::Nobody
            }
            "/cgi-bin/clear_quota"
            | "/cgi-bin/clear_quota/v2"
            | "/cgi-bin/component/clear_quota/v2"
            | "/cgi-bin/openapi/quota/clear" => Self::Right(Right::QuotaClear),
            // It answers with earlier requests as they were sent, the real token in them.
            "/cgi-bin/openapi/rid/get" => Self::Right(Right::TokenRead),
            path if Ticket::asked_at(path, false, None).is_some()
                || Ticket::asked_at(path, true, None).is_some() =>
            {
                Self::Right(Right::Ticket)
            }
            "/sns/jscode2session"
            | "/sns/oauth2/access_token"
            | "/sns/component/jscode2session"
            | "/sns/oauth2/component/access_token" => Self::Right(Right::SecretLogin),
            _ => Self::Gateway,
        }
    }
}

/// A path as upstream may read it: without a slash at its end, and in small letters.
pub(super) fn plain(path: &str) -> Cow<'_, str> {
    let path = path.trim_end_matches('/');
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        path.to_ascii_lowercase().into()
    } else {
        path.into()
    }
}

/// The ticket that a call wants, if it is one that Lingpai keeps and so answers itself. WeCom's paths are no others', so that
/// they may stand at the root too.
pub(super) fn ticket(
    destination: &Destination<'_>,
    account: &AccountId,
) -> Option<Result<Ticket, Refusal>> {
    let of_wecom = match (account.corp_and_agent(), destination.host) {
        (Some(_), Host::Api | Host::WeCom) => true,
        (None, Host::Api) => false,
        _ => return None,
    };
    let query = destination.target.query().unwrap_or_default();
    let of = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "type");
    let of = of.as_ref().map(|(_, of)| &**of);
    let asked = Ticket::asked_at(&plain(destination.path), of_wecom, of)?;
    Some(asked.ok_or(Refusal::TicketUnknown))
}

/// A third-party platform's own calls.
pub(super) const COMPONENT: &[&str] =
    &["/cgi-bin/component/", "/sns/component/", "/sns/oauth2/component/"];
/// Others of them that want the platform's secret, or spend the code of an authorisation, which Lingpai trades: nobody's.
const NEVER_OF_PLATFORM: &[&str] = &[
    "/cgi-bin/component/api_start_push_ticket",
    "/cgi-bin/component/api_authorizer_token",
    "/cgi-bin/component/api_query_auth",
];

pub(super) fn is_under(path: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| path.starts_with(beginning))
}
