//! What a kind of credential says of itself, once, beside its issuer. How it renews the engine is told by the issuer
//! ([`Profile`](lingpai_core::Profile)); everything else in Lingpai reads it here: who keeps it, who may see it, how calls
//! carry it, at which of WeChat's calls it is answered.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use lingpai_core::client::Right;
use lingpai_core::{Account, AccountId, AccountKind, CredentialId, Issuer, Kind, Parent};

use super::{Find, WeChat};
use crate::catalogue::Scope;
use crate::kinds;
use crate::wire::Upstream;

/// One kind of credential.
#[derive(Debug)]
pub struct Declared {
    /// Its name, everywhere.
    pub kind: Kind,
    /// For how long a value is good that WeChat pushes. None of what is fetched.
    pub pushed: Option<Duration>,
    /// The right by which a client is given its value. None where nobody ever is.
    pub right: Option<Right>,
    /// How calls carry it, if some do.
    pub carried: Option<Carried>,
    /// The call with which an SDK asks WeChat for it, its secret in hand.
    pub asked: Option<Asked>,
    /// Where it comes from.
    pub(super) origin: Origin,
}

/// How calls carry a token.
#[derive(Debug)]
pub struct Carried {
    /// What it is called in their queries.
    pub name: &'static str,
    /// How the paths of the calls begin that call it so; others call it `access_token`. Empty for all.
    pub under: &'static [&'static str],
    /// Whether its calls go to WeCom, whatever the account is called. A name of a corp and an agent says so itself.
    pub of_wecom: bool,
    /// Whether this `errcode` says that it is bad, as answered by WeCom or by another host.
    pub is_blamed: fn(errcode: i64, of_wecom: bool) -> bool,
}

/// A `POST` of JSON that brings a token for a secret. Lingpai answers it from what it keeps and never forwards it; a client's key
/// stands where WeChat has the secret.
#[derive(Debug)]
pub struct Asked {
    /// Where WeChat has it.
    pub path: &'static str,
    /// What names the account: its whole name, or the corp's.
    pub account: Field,
    /// Whether that is the corp alone, which may have several accounts.
    pub names_corp: bool,
    /// The secret.
    pub secret: Field,
    /// What WeChat says of an account that it does not know, and no SDK takes for a reason to ask again.
    pub unknown: (i64, &'static str),
}

/// A field of such a call.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What WeChat says where it is missing.
    pub missing: (i64, &'static str),
}

/// A `GET` that brings a ticket for the account's token. Lingpai answers it from what it keeps.
#[derive(Debug)]
pub struct Endpoint {
    /// Which accounts have it.
    pub accounts: &'static [AccountKind],
    /// Where WeChat has it.
    pub path: &'static str,
    /// The `type` that stands in its query, if one does.
    pub of_type: Option<&'static str>,
    /// Whether it is WeCom's.
    pub of_wecom: bool,
}

/// Where a credential comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// The account itself, from the first moment on; no issuer where the account has none.
    Account(fn(&Keeping<'_>) -> Option<Arc<dyn Issuer>>),
    /// The account's token, from the first time on that somebody asks.
    Token { at: &'static [Endpoint], issuer: fn(OnToken) -> Arc<dyn Issuer> },
}

/// An account that is to be kept, and what is at hand for that.
pub(super) struct Keeping<'a> {
    pub(super) wechat: &'a WeChat,
    pub(super) account: &'a Account,
    pub(super) parent: Find<'a>,
}

/// A credential that is to be fetched with a token.
pub(super) struct OnToken {
    pub(super) at: &'static Endpoint,
    pub(super) upstream: Arc<Upstream>,
    pub(super) token: Arc<dyn Parent>,
    /// One more than the token's.
    pub(super) depth: usize,
}

impl Declared {
    /// Where clients of WeChat ask for it with a token, by the kinds of accounts.
    pub fn endpoints(&self) -> &'static [Endpoint] {
        match self.origin {
            Origin::Account(_) => &[],
            Origin::Token { at, .. } => at,
        }
    }

    /// Whether it is kept from the first moment on.
    pub fn is_root(&self) -> bool {
        matches!(self.origin, Origin::Account(_))
    }

    /// Its issuer, if it is such a one and this account has it.
    pub(super) fn root(&self, of: &Keeping<'_>) -> Option<(Kind, Arc<dyn Issuer>)> {
        match self.origin {
            Origin::Account(issuer) => Some((self.kind.clone(), issuer(of)?)),
            Origin::Token { .. } => None,
        }
    }

    fn of(&self, account: AccountKind) -> Option<&'static Endpoint> {
        self.endpoints().iter().find(|at| at.accounts.contains(&account))
    }
}

impl Endpoint {
    pub(super) fn scope(&self) -> Scope {
        if self.of_wecom { Scope::WeCom } else { Scope::Api }
    }
}

impl Keeping<'_> {
    pub(super) fn api(&self) -> Arc<Upstream> {
        self.wechat.api.through(self.account.proxy.as_ref())
    }

    pub(super) fn wecom(&self) -> Arc<Upstream> {
        self.wechat.wecom.through(self.account.proxy.as_ref())
    }

    /// Another credential, which this one is fetched with.
    pub(super) fn needs(&self, kind: Kind, account: &AccountId) -> Arc<dyn Parent> {
        (self.parent)(&CredentialId::new(kind, account.clone()))
    }
}

/// What an account of this kind has besides its token.
pub(super) fn dependents(account: AccountKind) -> &'static [Kind] {
    static OF: LazyLock<HashMap<AccountKind, Vec<Kind>>> = LazyLock::new(|| {
        let mut of: HashMap<_, Vec<_>> = HashMap::new();
        for declared in kinds::ALL {
            for account in declared.endpoints().iter().flat_map(|at| at.accounts) {
                of.entry(*account).or_default().push(declared.kind.clone());
            }
        }
        of
    });
    OF.get(&account).map_or(&[], Vec::as_slice)
}

/// The issuer of one of these. `depth` is one more than that of the token's.
pub(super) fn dependent(
    kind: &Kind,
    account: AccountKind,
    upstream: &Arc<Upstream>,
    token: Arc<dyn Parent>,
    depth: usize,
) -> Option<Arc<dyn Issuer>> {
    let declared = kinds::find(kind)?;
    let at = declared.of(account)?;
    match declared.origin {
        Origin::Account(_) => None,
        Origin::Token { issuer, .. } => {
            Some(issuer(OnToken { at, upstream: Arc::clone(upstream), token, depth }))
        }
    }
}
