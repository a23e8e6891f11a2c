//! The token of a WeCom service provider (服务商) itself. It is repeated until it expires, and nothing overlaps. Source: WeCom's
//! page on get_provider_token.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use lingpai_core::client::Right;
use lingpai_core::{
    Account, AccountId, AccountKind, Failure, Issued, Issuer, Kind, Profile, Proxy, Secret, Token,
    Verdict, Way,
};
use serde_json::json;

use super::declared::{Asked, Carried, Declared, Field, Origin};
use super::suite::{asked, blames_of_service, post, repeating, service_verdict};
use super::{percent_encoded, unanswered};
use crate::answer::{self, Expected};
use crate::catalogue::Scope;
use crate::wire::Upstream;

/// The token of a WeCom service provider itself.
pub const PROVIDER_ACCESS_TOKEN: Kind = Kind::named("provider_access_token");

/// `POST`: brings it, the same until it expires.
const PATH: &str = "/cgi-bin/service/get_provider_token";
/// `POST`: lists orders of licences; good for trying it.
const TRIAL_PATH: &str = "/cgi-bin/license/list_order";

pub(crate) static DECLARED: Declared = Declared {
    kind: PROVIDER_ACCESS_TOKEN,
    pushed: None,
    right: Some(Right::Platform),
    carried: Some(Carried {
        name: "provider_access_token",
        under: &[],
        of_wecom: true,
        is_blamed: blames_of_service,
    }),
    asked: Some(Asked {
        path: PATH,
        account: Field { name: "corpid", missing: (41002, "corpid missing") },
        names_corp: true,
        secret: Field { name: "provider_secret", missing: (41004, "provider_secret missing") },
        unknown: (40013, "invalid corpid"),
    }),
    origin: Origin::Account(|of| {
        let is_one = of.account.kind == AccountKind::WeComProvider;
        is_one.then(|| Arc::new(ProviderToken::new(of.wecom(), of.account)) as _)
    }),
};

/// What a call with a provider's corpid and secret is answered.
const ISSUED: Expected =
    Expected { field: "provider_access_token", scope: Scope::WeCom, may_have_ended: true };

/// `POST /cgi-bin/service/get_provider_token`.
struct ProviderToken {
    upstream: Arc<Upstream>,
    account: AccountId,
    secret: Secret,
}

impl ProviderToken {
    fn new(upstream: Arc<Upstream>, account: &Account) -> Self {
        Self { upstream, account: account.id.clone(), secret: account.secret.clone() }
    }
}

#[async_trait]
impl Issuer for ProviderToken {
    fn profile(&self) -> Profile {
        repeating()
    }

    async fn issue(&self, _way: Way, _companion: Option<&Secret>) -> Result<Issued, Failure> {
        let corpid = self.account.corp_and_agent().map_or(self.account.as_str(), |(corp, _)| corp);
        let body = json!({"corpid": corpid, "provider_secret": self.secret.expose()});
        let call = post(PATH, None, &body);
        asked(&self.upstream, call, ISSUED, &[&self.secret]).await
    }

    /// A list of at most one order of licences, which most providers have none of.
    async fn check(&self, token: &Token) -> Verdict {
        let secrets = [&token.value, &self.secret];
        let query = format!("provider_access_token={}", percent_encoded(token.value.expose()));
        let call = post(TRIAL_PATH, Some(query), &json!({"limit": 1}));
        service_verdict(match self.upstream.send(call).await {
            Ok(answer) => answer::tried(answer.status(), answer.body(), Scope::WeCom, &secrets),
            Err(error) => Err(unanswered(&error, &secrets)),
        })
    }

    fn proxy(&self) -> Option<Arc<Proxy>> {
        self.upstream.proxy().cloned()
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderToken").field("account", &self.account).finish_non_exhaustive()
    }
}
