//! What a client may call, and how much of it.
//!
//! Some paths need a right of their own (`needs.rs`). The operator and each key can narrow the rest down to some paths. Then
//! come the bounds in number (`meter.rs`): for each client, and for all clients of an account and environment together.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lingpai_core::client::{ApiKey, Denied, KeyHash, Right};
use lingpai_core::event::Event;
use lingpai_core::{
    AccountId, Bounds, CredentialId, Directory, Environment, Keeper, Moment, Network, PathGlob,
    Registry,
};

use super::hosts::Destination;
use super::issued::Issued;
use super::ledger::Ledger;
use super::meter::{Count, Meter, Most, left_of_day};
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
        }
    }
}

/// The gate through which all calls go: the rules, and what each client has called so far.
pub(crate) struct Gate {
    rules: Rules,
    pub(super) directory: Arc<dyn Directory>,
    pub(crate) issued: Issued,
    pub(crate) ledger: Ledger,
    meters: Mutex<HashMap<Client, Arc<Mutex<Meter>>>>,
    days: Mutex<HashMap<AccountId, [Count; Environment::ALL.len()]>>,
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

/// Whether this caller may make this call now.
///
/// # Errors
/// The key is not good for the path, the path is nobody's, or a bound is reached.
pub(crate) fn permit(
    serving: &Serving,
    gate: &Gate,
    calling: &Calling,
    destination: &Destination<'_>,
) -> Result<Permit, Refusal> {
    let account = &calling.account;
    match calling.key {
        Some(key) => by_key(serving, gate, key, Some(account), destination),
        None => {
            let client = Client::Account(account.clone());
            without_key(serving, gate, client, Some(account), destination)
        }
    }
}

/// The same of a call that carries nothing of an account's.
///
/// # Errors
/// As of [`permit`].
pub(crate) fn permit_passing(
    serving: &Serving,
    gate: &Gate,
    key: Option<KeyHash>,
    destination: &Destination<'_>,
) -> Result<Permit, Refusal> {
    match key {
        Some(key) => by_key(serving, gate, key, None, destination),
        None => without_key(serving, gate, Client::Passers, None, destination),
    }
}

fn by_key(
    serving: &Serving,
    gate: &Gate,
    hash: KeyHash,
    account: Option<&AccountId>,
    destination: &Destination<'_>,
) -> Result<Permit, Refusal> {
    let path = written(destination);
    let now = serving.registry.clock().now();
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
        let account = account.map(|account| (account, key.environment));
        Ok(gate.begin(now, Client::Key(hash), most, account)?)
    };
    serving.keys.look_now(&hash, look).ok_or(Refusal::KeyUnknown)?
}

fn without_key(
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
    let account = account.map(|account| (account, Environment::default()));
    Ok(gate.begin(serving.registry.clock().now(), client, most, account)?)
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
            meters: Mutex::default(),
            days: Mutex::default(),
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
            registry.with(credential, Keeper::quota_cleared);
        }
    }

    fn denies(&self, path: &str) -> bool {
        self.rules.denied.iter().any(|glob| glob.matches(path))
    }

    /// Counts a call, if it is within all bounds.
    fn begin(
        &self,
        now: Moment,
        client: Client,
        most: Most,
        account: Option<(&AccountId, Environment)>,
    ) -> Result<Permit, Barred> {
        let meter = Arc::clone(lock(&self.meters).entry(client).or_default());
        let Some((per_day, (account, environment))) = self.rules.per_day.zip(account) else {
            lock(&meter).begin(now, most)?;
            return Ok(Permit(meter));
        };
        let mut days = lock(&self.days);
        let spent = days.entry(account.clone()).or_default();
        if is_spent(spent, environment, per_day, now) {
            return Err(Barred::DaySpent(left_of_day(now)));
        }
        lock(&meter).begin(now, most)?;
        spent[environment as usize].add(now.day());
        drop(days);
        Ok(Permit(meter))
    }
}

/// Whether an account's calls of the day are spent, for clients of this environment.
fn is_spent(
    spent: &[Count; Environment::ALL.len()],
    environment: Environment,
    most: NonZeroU32,
    now: Moment,
) -> bool {
    let of = |count: Count| u64::from(count.on(now.day()));
    let all: u64 = spent.iter().copied().map(of).sum();
    let most = u64::from(most.get());
    all >= most || of(spent[environment as usize]) * 100 >= most * u64::from(environment.share())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave counts between two states.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
