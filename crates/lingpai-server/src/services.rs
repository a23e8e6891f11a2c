//! Calls that bring the token of a platform, a suite or a provider, and `/cgi-bin/service/get_corp_token`, for that of a corp which has
//! authorised a suite: read here, and answered by `dropin` from what is kept. They are never forwarded.
//!
//! The client's key stands where the call has its secret: `suite_secret`, `provider_secret`, `permanent_code`. A ticket means
//! nothing here, nor does a suite_access_token that is real; a virtual one stands for the key where a corp's token is asked for. A corp's call names no suite; it is the one that the key is for, or
//! that the path names.

use std::net::IpAddr;

use http::request::Parts;
use hyper::body::Incoming;
use lingpai_core::client::{Accounts, Denied, Right};
use lingpai_core::{AccountId, CredentialId, Kind, Secret, virtual_token};
use lingpai_wechat::kinds::{Asked, Declared, SUITE_ACCESS_TOKEN};

use crate::dropin::Call;
use crate::gateway::{account_named, split_account};
use crate::params::{Fields, TokenCall};
use crate::platforms;
use crate::refusal::{Barred, Parameter, Refusal};
use crate::serving::{Caller, Serving};

/// What stands in answers where WeCom has a permanent code, if no key was shown. It opens nothing, and is the same for all.
const KEPT_HERE: &str = "permanent-code-kept-by-lingpai";

/// What is answered for a permanent code to a client that has shown this for a key.
pub(crate) fn stand_in(shown: &Secret) -> &str {
    platforms::stand_in(shown, KEPT_HERE)
}

/// Reads a call that is declared with its kind of token. What else it carries is of no account.
pub(crate) async fn declared(
    serving: &Serving,
    declared: &Declared,
    asked: &'static Asked,
    head: &Parts,
    body: Incoming,
) -> Result<TokenCall<'static>, Refusal> {
    let fields = Fields::read(serving, &head.method, body).await?;
    let named = fields.text(Parameter::Declared(&asked.account))?;
    let key = fields.text(Parameter::Declared(&asked.secret))?;
    // A stranger may ask for anything, so all keepers are looked through only where that is needed.
    let account = match asked.names_corp {
        true => account_of(serving, &declared.kind, named),
        false => named,
    };
    Ok(TokenCall { appid: account.into(), key: Secret::from(key), forced: false })
}

/// The account that has such a token and is called so; or its corp is: that of a provider is `corpid:` and any word.
fn account_of(serving: &Serving, kind: &Kind, named: String) -> String {
    let is_kept = |account: AccountId| {
        let credential = CredentialId::new(kind.clone(), account);
        serving.registry.get(&credential).is_some()
    };
    if named.parse().is_ok_and(is_kept) {
        return named;
    }
    let keepers = serving.registry.keepers();
    let of_kind = keepers.iter().map(|keeper| keeper.credential()).filter(|id| id.kind == *kind);
    let is_it =
        |id: &&CredentialId| id.account.corp_and_agent().is_some_and(|(corp, _)| corp == named);
    let found = of_kind.into_iter().find(is_it).map(|id| id.account.to_string());
    // Whoever asks for one that is not kept hears that after his key has been looked at.
    found.unwrap_or(named)
}

/// Reads a call for the token of a suite in a corp.
pub(crate) async fn in_corp(
    serving: &Serving,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<TokenCall<'static>, Refusal> {
    let fields = Fields::read(serving, &head.method, body).await?;
    let named = fields.text(Parameter::AuthCorpId)?;
    let shown = fields.find(Parameter::PermanentCode).filter(|shown| shown != KEPT_HERE);
    let key = platforms::key_shown(head, shown, Parameter::PermanentCode)?;
    let mut caller = Caller::new(&key, peer);
    if virtual_token::is_virtual(&key) {
        caller.hash = platforms::behind(serving, &key).await?;
    }
    let account = Box::pin(suite_in(serving, head, &named, caller)).await?;
    Ok(TokenCall { appid: account.into(), key: Secret::from(key), forced: false })
}

/// The account of a suite in this corp.
async fn suite_in(
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
            Self::Declared(wanted) => wanted.declared.kind.clone(),
            _ => Kind::ACCESS_TOKEN,
        }
    }

    /// The right by which its token is given.
    pub(crate) fn right(self) -> Right {
        // Each of these kinds has one.
        lingpai_wechat::kinds::right_to_see(&self.kind()).unwrap_or(Right::Admin)
    }
}
