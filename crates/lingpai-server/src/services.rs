//! WeCom's calls for the tokens of suites, of providers, and of corps that have authorised a suite
//! (`/cgi-bin/service/get_*_token`): read here, and answered by `dropin` from what is kept. They are never forwarded.
//!
//! The client's key stands where the call has its secret: `suite_secret`, `provider_secret`, `permanent_code`. The
//! suite_ticket and the suite_access_token that come along mean nothing here. A corp's call names no suite; it is the one
//! that the key is for, or that the path names.

use std::net::IpAddr;

use http::request::Parts;
use hyper::body::Incoming;
use lingpai_core::client::{Accounts, Denied, Right};
use lingpai_core::{AccountId, CredentialId, Kind, Secret};
use lingpai_wechat::kinds::{COMPONENT_TOKEN, PROVIDER_ACCESS_TOKEN, SUITE_ACCESS_TOKEN};

use crate::dropin::Call;
use crate::gateway::{account_named, split_account};
use crate::params::{Fields, TokenCall};
use crate::refusal::{Barred, Parameter, Refusal};
use crate::serving::{Caller, Serving};

/// Reads one of these calls: whose token it wants, and with which key. What else it carries is of no account.
pub(crate) async fn asked(
    serving: &Serving,
    call: Call,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<TokenCall<'static>, Refusal> {
    let fields = Fields::read(serving, &head.method, body).await?;
    let text = |parameter| fields.text(parameter);
    let (named, key) = match call {
        Call::SuiteToken => (text(Parameter::SuiteId)?, text(Parameter::SuiteSecret)?),
        Call::ProviderToken => (text(Parameter::CorpId)?, text(Parameter::ProviderSecret)?),
        _ => (text(Parameter::AuthCorpId)?, text(Parameter::PermanentCode)?),
    };
    let appid = match call {
        Call::SuiteToken => named.clone(),
        Call::ProviderToken => provider(serving, &named),
        _ => Box::pin(in_corp(serving, head, &named, Caller::new(&key, peer))).await?,
    };
    Ok(TokenCall { appid: appid.into(), key: Secret::from(key), forced: false })
}

/// The account of this provider: `corpid:` and any word.
fn provider(serving: &Serving, corpid: &str) -> String {
    let is_it = |id: &CredentialId| {
        id.kind == PROVIDER_ACCESS_TOKEN
            && id.account.corp_and_agent().is_some_and(|(corp, _)| corp == corpid)
    };
    let keepers = serving.registry.keepers();
    let found = keepers.iter().map(|keeper| keeper.credential()).find(|id| is_it(id));
    // Whoever asks for one that is not kept hears that after his key has been looked at.
    found.map_or_else(|| corpid.to_owned(), |id| id.account.as_str().to_owned())
}

/// The account of a suite in this corp.
async fn in_corp(
    serving: &Serving,
    head: &Parts,
    corpid: &str,
    caller: Caller<'_>,
) -> Result<String, Refusal> {
    let path = head.uri.path();
    let path = serving.gateway.as_ref().map_or(path, |gateway| gateway.unmounted(path));
    let is_it = |id: &AccountId| {
        id.corp_and_agent().is_some_and(|(corp, suite)| {
            let suite = suite.parse().map(|suite| CredentialId::new(SUITE_ACCESS_TOKEN, suite));
            corp == corpid && suite.is_ok_and(|suite| serving.registry.get(&suite).is_some())
        })
    };
    let right = crate::dropin::right_of(serving, &caller, Right::TokenRead).await;
    let admitted = serving.admit_somewhere(caller, right).await;
    let refused = |refusal: &_| serving.refused(refusal, corpid, &caller, path);
    let (_, accounts) = admitted.inspect_err(refused)?;
    if let Some(named) = account_named(head, split_account(path).0)? {
        return if is_it(&named) { Ok(named.to_string()) } else { Err(Barred::TwoAccounts.into()) };
    }
    let (mut found, none): (Vec<AccountId>, Refusal) = match accounts {
        Accounts::Only(only) => (only.into_iter().filter(is_it).collect(), Denied::Account.into()),
        Accounts::All => (serving.accounts().filter(is_it).collect(), Refusal::AccountUnknown),
    };
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one.to_string()),
        (Some(_), false) => Err(Refusal::AgentUnclear),
        (None, _) => Err(none),
    }
}

impl Call {
    /// The kind of credential that it is for.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::SuiteToken => SUITE_ACCESS_TOKEN,
            Self::ProviderToken => PROVIDER_ACCESS_TOKEN,
            Self::ComponentToken => COMPONENT_TOKEN,
            _ => Kind::ACCESS_TOKEN,
        }
    }

    /// Whether it is one of those that are read here.
    pub(crate) fn is_of_service(self) -> bool {
        matches!(self, Self::SuiteToken | Self::ProviderToken | Self::CorpToken)
    }

    /// The right by which its token is given.
    pub(crate) fn right(self) -> Right {
        // Each of these kinds has one.
        lingpai_wechat::kinds::right_to_see(&self.kind()).unwrap_or(Right::Admin)
    }
}
