//! What a client may call, and how much of it.
//!
//! Some paths need a right of their own (`needs.rs`). The operator and each key can narrow the rest down to some paths. Then
//! come the bounds in number: how fast each client calls on this node (`meter.rs`), and how much it and all clients of an
//! account and environment call on a day, on all nodes (`budget.rs`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingpai_core::client::{ApiKey, Denied, KeyHash, Right};
use lingpai_core::event::Event;
use lingpai_core::store::Entry;
use lingpai_core::{
    AccountId, Bounds, CredentialId, Day, Directory, Environment, Keeper, Network, PathGlob,
    Registry, StoreError,
};

use super::budget::{Budgets, Charge, Share};
use super::hosts::Destination;
use super::issued::Issued;
use super::ledger::{BY_TOKEN, Ledger};
use super::meter::{Meter, Most};
use super::needs::Needs;
use super::who::Calling;
use crate::refusal::{Barred, Refusal};
use crate::serving::Serving;

/// What holds for all clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The bounds of a client that has none of its own.
    pub bounds: Bounds,
    /// Paths that nobody may call, as the client writes them: with the prefix of the host.
    pub denied: Vec<PathGlob>,
    /// How many calls a day all clients of an account may make together. Clients of test systems and developers have
    /// their [share](Environment::share) of it only.
    pub per_day: Option<NonZeroU32>,
    /// From where a real token that Lingpai has issued is accepted in place of a virtual one. Default: from nowhere.
    pub real_tokens_from: Vec<Network>,
    /// From where calls pass without a key that carry nothing of an account's, such as `/sns/userinfo` with a user's token.
    /// Default: from private networks and this machine.
    pub passers_from: Vec<Network>,
    /// Whether calls of WeChat Pay are forwarded, as they are. Default: no.
    pub pay: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let private =
            ["127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
        Self {
            bounds: Bounds {
                paths: Vec::new(),
                per_minute: NonZeroU32::new(12_000),
                at_once: NonZeroU32::new(256),
                per_day: None,
            },
            denied: Vec::new(),
            per_day: None,
            real_tokens_from: Vec::new(),
            passers_from: private.iter().filter_map(|network| network.parse().ok()).collect(),
            pay: false,
        }
    }
}

/// In whose ledger the calls are counted of all who pass without a key.
const PASSERS: &str = "passers";
/// How often counts go into the store, and those of other nodes are read.
const PAUSE: Duration = Duration::from_secs(10);

/// The gate through which all calls go: the rules, and what each client has called so far.
pub(crate) struct Gate {
    rules: Rules,
    pub(super) directory: Arc<dyn Directory>,
    pub(crate) issued: Issued,
    pub(crate) ledger: Ledger,
    budgets: Budgets,
    meters: Mutex<HashMap<Client, Arc<Mutex<Meter>>>>,
}

/// One whose calls are bounded together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Client {
    /// All who use this key.
    Key(KeyHash),
    /// All who show a real token of this account.
    Account(AccountId),
    /// All who pass without a key.
    Passers,
}

/// One call that may be made. Dropping it says that the call has ended.
#[must_use]
pub(crate) struct Permit(Arc<Mutex<Meter>>);

impl Permit {
    /// One for a call of Lingpai's own, which is within no client's bounds.
    pub(super) fn for_us() -> Self {
        Self(Arc::default())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.0).end();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

/// Whether this caller may make this call now. Waits for the store only where a budget of the day is used for the first time.
///
/// # Errors
/// The key is not good for the path, the path is nobody's, or a bound is reached.
pub(crate) async fn permit(
    serving: &Serving,
    gate: &Gate,
    calling: &Calling,
    destination: &Destination<'_>,
) -> Result<Permit, Refusal> {
    let account = &calling.account;
    match calling.key {
        Some(key) => by_key(serving, gate, key, Some(account), destination).await,
        None => {
            let client = Client::Account(account.clone());
            without_key(serving, gate, client, Some(account), destination).await
        }
    }
}

/// The same of a call that carries nothing of an account's.
///
/// # Errors
/// As of [`permit`].
pub(crate) async fn permit_passing(
    serving: &Serving,
    gate: &Gate,
    key: Option<KeyHash>,
    destination: &Destination<'_>,
) -> Result<Permit, Refusal> {
    match key {
        Some(key) => by_key(serving, gate, key, None, destination).await,
        None => without_key(serving, gate, Client::Passers, None, destination).await,
    }
}

async fn by_key(
    serving: &Serving,
    gate: &Gate,
    hash: KeyHash,
    account: Option<&AccountId>,
    destination: &Destination<'_>,
) -> Result<Permit, Refusal> {
    let path = written(destination);
    let look = |key: &ApiKey| {
        match destination.needs {
            Needs::Nobody => return Err(Refusal::from(Barred::PathForbidden)),
            Needs::Right(right) if !key.has(right) => return Err(Denied::Right(right).into()),
            Needs::Right(Right::Ticket) => key.sees_tickets()?,
            Needs::Right(_) | Needs::Gateway => {}
        }
        if !key.bounds.allow_path(&path) || gate.denies(&path) {
            return Err(Barred::PathForbidden.into());
        }
        let most = Most::of(Some(&key.bounds), &gate.rules.bounds);
        let owner = most.per_day.map(|_| owner(&key.id)).transpose()?;
        Ok((most, owner, key.environment))
    };
    let looked = serving.keys.look_now(&hash, look).ok_or(Refusal::KeyUnknown)?;
    let (most, owner, environment) = looked?;
    let account = account.map(|account| (account, environment));
    Ok(gate.begin(serving, Client::Key(hash), most, owner, account).await?)
}

async fn without_key(
    serving: &Serving,
    gate: &Gate,
    client: Client,
    account: Option<&AccountId>,
    destination: &Destination<'_>,
) -> Result<Permit, Refusal> {
    if destination.needs != Needs::Gateway || gate.denies(&written(destination)) {
        return Err(Barred::PathForbidden.into());
    }
    let most = Most::of(None, &gate.rules.bounds);
    let owner = || account.map_or_else(|| owner(PASSERS), |account| Ok(account.clone()));
    let owner = most.per_day.map(|_| owner()).transpose()?;
    let account = account.map(|account| (account, Environment::default()));
    Ok(gate.begin(serving, client, most, owner, account).await?)
}

/// What is counted of an account on the first day of a month: each clearing of its quota in that month.
fn clearing() -> Entry {
    Entry::Spent("clearings")
}

/// In whose ledger a client's calls are counted that is no account.
fn owner(name: &str) -> Result<AccountId, Refusal> {
    name.parse().map_err(|_| Refusal::AccountUnknown)
}

/// The path as the client writes it: with the prefix of the host.
fn written<'a>(destination: &Destination<'a>) -> Cow<'a, str> {
    match destination.host.prefix() {
        "" => destination.path.into(),
        prefix => format!("{prefix}{}", destination.path).into(),
    }
}

impl Gate {
    pub(crate) fn new(rules: Rules, directory: Arc<dyn Directory>) -> Self {
        Self {
            rules,
            directory,
            issued: Issued::default(),
            ledger: Ledger::default(),
            budgets: Budgets::default(),
            meters: Mutex::default(),
        }
    }

    /// Whether a real token is accepted from there.
    pub(crate) fn accepts_real_tokens(&self, peer: IpAddr) -> bool {
        self.rules.real_tokens_from.iter().any(|network| network.contains(peer))
    }

    /// Whether real tokens are accepted from anywhere.
    pub(crate) fn has_real_tokens(&self) -> bool {
        !self.rules.real_tokens_from.is_empty()
    }

    /// Takes in which tokens were issued before, if real ones are accepted from anywhere.
    pub(crate) async fn recall(&self, registry: &Registry) {
        if !self.has_real_tokens() {
            return;
        }
        if let Err(error) = self.issued.read(registry).await {
            tracing::warn!(
                %error,
                "the gateway cannot read which tokens were issued before: of real ones it accepts the current ones only"
            );
        }
    }

    /// Takes in what happened in the engine.
    pub(crate) fn noticed(&self, event: &Event) {
        if self.has_real_tokens() {
            self.issued.take(event);
        }
    }

    /// Whether calls that carry nothing of an account's pass from there without a key.
    pub(super) fn lets_pass(&self, peer: IpAddr) -> bool {
        self.rules.passers_from.iter().any(|network| network.contains(peer))
    }

    /// Takes in that upstream answered a call of this account, and with which errcode.
    pub(super) fn heard(
        &self,
        registry: &Registry,
        credential: &CredentialId,
        destination: &Destination<'_>,
        errcode: Option<i64>,
    ) {
        let today = registry.clock().now().day();
        self.ledger.count(&credential.account, today, &written(destination), errcode);
        if errcode == Some(0) && destination.needs == Needs::Right(Right::QuotaClear) {
            self.ledger.add(&credential.account, today.first_of_month(), clearing());
            let Some(keeper) = registry.get(credential) else { return };
            keeper.quota_cleared();
            for kind in keeper.dependents() {
                let dependent = CredentialId::new(kind.clone(), credential.account.clone());
                registry.with(&dependent, Keeper::quota_cleared);
            }
        }
    }

    /// Takes in that upstream answered a call of this account that was made for this client, or for somebody who has shown the
    /// token itself.
    pub(super) fn heard_for(&self, serving: &Serving, account: &AccountId, key: Option<KeyHash>) {
        let today = serving.registry.clock().now().day();
        let key = key.map(|key| serving.keys.id_of(&key));
        let client = Entry::Client(key.as_deref().unwrap_or(BY_TOKEN).into());
        self.ledger.add(account, today, client);
    }

    /// How often an account's quota was cleared from here in the month of this day, and how many calls were let through on the
    /// day under the budget of all clients of the account, if there is one.
    ///
    /// # Errors
    /// As of every method of [`Store`](lingpai_core::Store).
    pub(crate) async fn spent(
        &self,
        registry: &Registry,
        account: &AccountId,
        today: Day,
    ) -> Result<(u32, Option<(u32, NonZeroU32)>), StoreError> {
        let first = today.first_of_month();
        let month = registry.store().ledger(account, first).await?;
        let clearings = month.get(&clearing().name()).copied().unwrap_or_default();
        let clearings = clearings + self.ledger.gathered(account, first, &clearing());
        let Some(most) = self.rules.per_day else { return Ok((clearings, None)) };
        let day = registry.store().ledger(account, today).await?;
        let shares = Environment::ALL.map(|environment| Entry::Spent(environment.as_str()));
        let used = shares.iter().map(|entry| {
            let stored = day.get(&entry.name()).copied().unwrap_or_default();
            stored + self.ledger.gathered(account, today, entry)
        });
        Ok((clearings, Some((used.sum(), most))))
    }

    /// Stores what was counted so far.
    ///
    /// # Errors
    /// The store is away: what was counted is kept.
    pub(crate) async fn store_counts(&self, registry: &Registry) -> Result<(), StoreError> {
        self.ledger.store(registry.store()).await
    }

    fn denies(&self, path: &str) -> bool {
        self.rules.denied.iter().any(|glob| glob.matches(path))
    }

    /// Counts a call, if it is within all bounds. `owner` is in whose ledger the client's calls are.
    async fn begin(
        &self,
        serving: &Serving,
        client: Client,
        most: Most,
        owner: Option<AccountId>,
        account: Option<(&AccountId, Environment)>,
    ) -> Result<Permit, Barred> {
        let (clock, store) = (serving.registry.clock(), &**serving.registry.store());
        let day = clock.now().day();
        let charge =
            |owner, share, most| self.budgets.charge(owner, share, most, day, store, &self.ledger);
        let mut charges = Vec::new();
        if let Some((owner, most)) = owner.zip(most.per_day) {
            charges.push(charge(owner, Share::Client, most).await);
        }
        if let Some((most, (account, environment))) = self.rules.per_day.zip(account) {
            charges.push(charge(account.clone(), Share::Of(environment), most).await);
        }
        let meter = Arc::clone(lock(&self.meters).entry(client).or_default());
        let now = clock.now();
        let take_back = |charges: &[Charge]| charges.iter().for_each(Charge::take_back);
        for (place, charge) in charges.iter().enumerate() {
            charge.spend(now).inspect_err(|_| take_back(&charges[..place]))?;
        }
        lock(&meter).begin(now, most).inspect_err(|_| take_back(&charges))?;
        charges.iter().for_each(|charge| charge.enter(&self.ledger, now.day()));
        Ok(Permit(meter))
    }

    /// Gives the store what was counted, and reads what other nodes have.
    ///
    /// # Errors
    /// The store is away: what was counted is kept, and the budgets are what is known of them.
    async fn exchange(&self, registry: &Registry) -> Result<(), StoreError> {
        self.ledger.store(registry.store()).await?;
        let today = registry.clock().now().day();
        self.budgets.read(registry.store(), &self.ledger, today).await
    }

    /// The same every few seconds, for ever.
    pub(crate) async fn keep_exchanging(&self, registry: &Registry) {
        let mut failing = false;
        loop {
            tokio::time::sleep(PAUSE).await;
            let exchanged = self.exchange(registry).await;
            if let (Err(error), false) = (&exchanged, failing) {
                tracing::warn!(%error, "the calls cannot be counted in the store; they are gathered on");
            }
            failing = exchanged.is_err();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave counts between two states.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
