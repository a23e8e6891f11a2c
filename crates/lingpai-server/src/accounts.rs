//! The native API of accounts: which there are, and how they stand. No token is seen here.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{Response, StatusCode};
use lingpai_core::client::{Accounts, Right};
use lingpai_core::keeper::Status;
use lingpai_core::store::Damage;
use lingpai_core::{
    Account, AccountId, AccountKind, Class, CredentialId, Failure, Generation, Keeper, Keeping,
    Kind, Mode, Timestamp,
};
use lingpai_wechat::catalogue;
use lingpai_wechat::kinds;
use serde::Serialize;

use crate::answer::{self, Body};
use crate::failures;
use crate::gateway::{BY_TOKEN, Called, ForClient};
use crate::language::{self, Language};
use crate::native::caller;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// How many accounts one answer has at most.
pub(crate) const PAGE: usize = 1000;

/// A page of accounts, in the order of their names.
#[derive(Serialize)]
struct AccountsAnswer {
    accounts: Vec<AccountAnswer>,
    /// The `after` that asks for the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<AccountId>,
    /// What the store has left out, told to whoever may see all accounts, on the first page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<Damage>,
}

#[derive(Serialize)]
pub(crate) struct AccountAnswer {
    account: AccountId,
    /// Told where it is not `managed`.
    #[serde(skip_serializing_if = "Keeping::fetches")]
    keeping: Keeping,
    /// How the account was set up; told of one account only, and if the store can be read.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    setup: Option<Setup>,
    credentials: Vec<CredentialAnswer>,
    /// What was called through the gateway on this day in China; told of one account only.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls_today: Option<Vec<Called>>,
    /// For whom; told likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    clients_today: Option<Vec<ClientAnswer>>,
}

/// A client for which calls were forwarded.
#[derive(Serialize)]
struct ClientAnswer {
    /// The id of its key; none if it has shown the token itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The name of its key, as long as there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    calls: u32,
}

/// How an account was set up.
#[derive(Serialize)]
struct Setup {
    account_kind: AccountKind,
    mode: Mode,
    /// Whom it has authorised.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<AccountId>,
    /// When its settings were changed last, its AppSecret among them.
    #[serde(serialize_with = "answer::rfc_3339")]
    updated_at: Timestamp,
}

/// How it stands with one credential.
#[derive(Serialize)]
struct CredentialAnswer {
    kind: String,
    state: &'static str,
    generation: Generation,
    /// Whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    /// Of the current token, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<u64>,
    /// When the current token began.
    #[serde(serialize_with = "answer::rfc_3339_if_any", skip_serializing_if = "Option::is_none")]
    issued_at: Option<Timestamp>,
    /// Until when WeChat accepts the one before it.
    #[serde(serialize_with = "answer::rfc_3339_if_any", skip_serializing_if = "Option::is_none")]
    previous_until: Option<Timestamp>,
    /// On this day in China, by this node.
    fetches_today: u32,
    daily_budget: u32,
    rotating: bool,
    /// How many more tokens are to be issued until one that leaked has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    compromised: Option<u8>,
    #[serde(serialize_with = "answer::rfc_3339_if_any", skip_serializing_if = "Option::is_none")]
    next_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureAnswer>,
    #[serde(serialize_with = "answer::rfc_3339_if_any", skip_serializing_if = "Option::is_none")]
    failing_since: Option<Timestamp>,
}

/// Why a token could not be had.
#[derive(Serialize)]
pub(crate) struct FailureAnswer {
    class: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<String>,
}

/// `GET /v1/accounts`: those that the key is for.
pub(crate) async fn list(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("GET", head, peer)?;
    let (_, allowed) = serving.admit_somewhere(caller, Right::StatusRead).await?;
    let query = Query::of(head);
    let limit = query.limit(PAGE, PAGE)?;
    let after = query.account("after")?;
    let mut found: BTreeMap<AccountId, Vec<Arc<Keeper>>> = BTreeMap::new();
    for keeper in serving.registry.keepers() {
        let account = &keeper.credential().account;
        if allowed.contains(account) && after.as_ref().is_none_or(|after| account > after) {
            found.entry(account.clone()).or_default().push(keeper);
        }
    }
    let more = found.len() > limit;
    let language = language::wanted(&head.headers);
    let found = found.into_iter().take(limit);
    let accounts: Vec<_> = found.map(|account| AccountAnswer::new(account, language)).collect();
    let next = accounts.last().filter(|_| more).map(|last| last.account.clone());
    let damaged = match (allowed, after) {
        (Accounts::All, None) => serving.keys.damage(),
        _ => Vec::new(),
    };
    Ok(answer::json(StatusCode::OK, &AccountsAnswer { accounts, next, damaged }))
}

/// `GET /v1/accounts/{account}`.
pub(crate) async fn status(
    serving: &Serving,
    account: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("GET", head, peer)?;
    let admitted = serving.admit(caller, Right::StatusRead, account).await?;
    let account = admitted.credential.account;
    let kept =
        |kind: &Kind| serving.registry.get(&CredentialId::new(kind.clone(), account.clone()));
    let roots: Vec<_> = kinds::roots().filter_map(kept).collect();
    let dependents = roots.iter().flat_map(|root| root.dependents()).filter_map(kept);
    let keepers: Vec<_> = dependents.chain(roots.iter().cloned()).collect();
    if keepers.is_empty() {
        return Err(Refusal::AccountUnknown);
    }
    let (calls_today, clients) = serving.called_today(&account).await?.unzip();
    let clients_today = clients.map(|clients| named(serving, clients));
    let language = language::wanted(&head.headers);
    // Beside the point for whoever asks how it stands: a store that is away is told of elsewhere.
    let known = serving.keys.directory().account(&account).await.ok().flatten();
    let setup = known.map(Setup::of);
    let answer = AccountAnswer::new((account, keepers), language);
    let answer = AccountAnswer { calls_today, clients_today, setup, ..answer };
    Ok(answer::json(StatusCode::OK, &answer))
}

/// Clients with the names that their keys have now.
fn named(serving: &Serving, clients: Vec<ForClient>) -> Vec<ClientAnswer> {
    let keys = serving.keys.all();
    let names: HashMap<_, _> = keys.values().map(|key| (key.id.as_str(), &key.name)).collect();
    let told = |ForClient { key, calls }| {
        let name = names.get(key.as_str()).map(|name| (*name).clone());
        ClientAnswer { key: Some(key).filter(|key| key != BY_TOKEN), name, calls }
    };
    clients.into_iter().map(told).collect()
}

impl AccountAnswer {
    fn new((account, keepers): (AccountId, Vec<Arc<Keeper>>), language: Language) -> Self {
        let statuses = keepers.iter().map(|keeper| keeper.status()).collect();
        Self::of(account, statuses, language)
    }

    /// The answer for an account whose credentials stand like this.
    pub(crate) fn of(account: AccountId, statuses: Vec<Status>, language: Language) -> Self {
        let of_one = statuses.iter().map(|status| status.keeping).find(|it| !it.fetches());
        let credentials = statuses.into_iter();
        let credentials = credentials.map(|status| CredentialAnswer::new(status, language));
        let mut credentials: Vec<_> = credentials.collect();
        credentials.sort_by(|a, b| a.kind.cmp(&b.kind));
        let keeping = of_one.unwrap_or_default();
        Self { account, keeping, setup: None, credentials, calls_today: None, clients_today: None }
    }
}

impl Setup {
    fn of(account: Account) -> Self {
        let Account { kind, mode, platform, updated_at, .. } = account;
        Self { account_kind: kind, mode, platform, updated_at }
    }
}

impl CredentialAnswer {
    fn new(status: Status, language: Language) -> Self {
        Self {
            kind: status.credential.kind.as_str().to_owned(),
            state: State::of(&status).as_str(),
            generation: status.generation,
            expires_in: status.expires_in.map(|left| left.as_secs()),
            life: status
                .outlook
                .life
                .filter(|_| status.expires_in.is_some())
                .map(|it| it.as_secs()),
            issued_at: status.outlook.issued_at.filter(|_| status.expires_in.is_some()),
            previous_until: status.outlook.previous_until,
            fetches_today: status.outlook.fetches_today,
            daily_budget: status.outlook.daily_budget,
            rotating: status.rotating,
            compromised: Some(status.compromised).filter(|more| *more > 0),
            next_at: status.next_at,
            failure: status.failure.map(|failure| FailureAnswer::new(&failure, language)),
            failing_since: status.failing_since,
        }
    }
}

impl FailureAnswer {
    pub(crate) fn new(failure: &Failure, language: Language) -> Self {
        Self {
            class: class_name(failure.class),
            message: failures::message(failure, language).into_owned(),
            remedy: catalogue::remedy(failure, language).map(Cow::into_owned),
            errcode: failure.code,
            rid: failure.request_id.clone(),
        }
    }
}

/// How it stands with a credential, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is a good token.
    Good,
    /// There is a good token, and the last fetch failed.
    Failing,
    /// There is a token that upstream refuses.
    Refused,
    /// There is no token, and the last fetch failed.
    Missing,
    /// There is no token, and nobody has needed one yet; or it is on its way.
    Idle,
}

impl State {
    /// In the order of their declaration.
    pub(crate) const ALL: [Self; 5] =
        [Self::Good, Self::Failing, Self::Refused, Self::Missing, Self::Idle];

    pub(crate) fn of(status: &Status) -> Self {
        match (status.expires_in, &status.failure) {
            (Some(_), _) if status.refused => Self::Refused,
            (Some(_), None) => Self::Good,
            (Some(_), Some(_)) => Self::Failing,
            (None, Some(_)) => Self::Missing,
            (None, None) => Self::Idle,
        }
    }

    /// How soon somebody should look at it: 0 is not at all.
    pub(crate) const fn urgency(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Idle => 1,
            Self::Failing => 2,
            Self::Refused => 3,
            Self::Missing => 4,
        }
    }

    /// Whether somebody is needed.
    pub(crate) const fn is_trouble(self) -> bool {
        self.urgency() > 1
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Failing => "failing",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::Idle => "idle",
        }
    }
}

pub(crate) fn class_name(class: Class) -> &'static str {
    match class {
        Class::RateLimited(_) => "rate-limited",
        Class::Quota => "quota",
        Class::NeedsPerson => "needs-person",
        Class::Awaited(_) => "awaited",
        _ => "transient",
    }
}
