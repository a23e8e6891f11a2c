//! What monitors and load balancers ask for: whether the server lives, whether it can serve, and its numbers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use lingpai_core::client::Right;
use lingpai_core::{Instant, Kind, Registry, StoreErrorKind};
use serde::Serialize;

use crate::accounts::State;
use crate::answer::{self, Body};
use crate::gateway::Gateway;
use crate::metrics;
use crate::native::bearer;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// A look at all credentials is good for so long: strangers must not make the server look at them all the time.
const AGE: Duration = Duration::from_secs(1);

/// How many credentials are in which state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Of those that depend on no other, in the order of [`State::ALL`].
    counts: [usize; State::ALL.len()],
    /// Of every kind, those that were kept before with zeros.
    pub(crate) by_kind: BTreeMap<Kind, [usize; State::ALL.len()]>,
    /// Those among the idle whose first token is on its way.
    starting: usize,
    /// The token that ends first has so long to live.
    pub(crate) least_left: Option<Duration>,
}

/// The last look.
#[derive(Default)]
pub(crate) struct Monitor {
    last: Mutex<Option<(Instant, Standing)>>,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    causes: Vec<String>,
}

/// `GET /healthz`: the server runs. For anybody.
pub(crate) fn health(head: &Parts) -> Result<Response<Body>, Refusal> {
    is_read(head)?;
    Ok(answer::json(StatusCode::OK, &Health { status: "ok" }))
}

/// `GET /readyz`: whether clients should be sent here. For anybody, so that it names no account.
pub(crate) fn readiness(serving: &Serving, head: &Parts) -> Result<Response<Body>, Refusal> {
    is_read(head)?;
    let standing = serving.monitor.look(&serving.registry);
    let mut causes = standing.causes();
    if serving.keys.is_failing() {
        causes.push("the API keys cannot be read from the store; those known go on working".into());
    }
    let damaged = serving.keys.damage().len();
    if damaged > 0 {
        causes.push(format!(
            "damaged records of the store are left out ({damaged}); the log names them"
        ));
    }
    causes.extend(serving.registry.store_trouble().map(|kind| {
        let what = match kind {
            StoreErrorKind::Full => "has no room left, so that nothing can be stored",
            StoreErrorKind::ReadOnly => "can only be read now, so that nothing can be stored",
            StoreErrorKind::Denied => "does not let this node in, or not do what it must",
            _ => "cannot be reached, or does not answer in time",
        };
        format!("the store {what}; tokens are served from memory, and the log says more")
    }));
    let servable =
        standing.count(State::Good) + standing.count(State::Failing) + standing.count(State::Idle)
            - standing.starting;
    let (code, status) = match servable {
        _ if serving.leaving.load(Ordering::Relaxed) => {
            (StatusCode::SERVICE_UNAVAILABLE, "draining")
        }
        0 if standing.starting > 0 => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        0 => (StatusCode::SERVICE_UNAVAILABLE, "nothing-to-serve"),
        _ if causes.is_empty() => (StatusCode::OK, "ready"),
        _ => (StatusCode::OK, "degraded"),
    };
    Ok(answer::json(code, &Readiness { status, causes }))
}

/// `GET /metrics`: for Prometheus, with a key. They tell of all accounts together, so the key must be for all.
pub(crate) async fn metrics(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    is_read(head)?;
    serving.admit_everywhere(bearer(head, peer)?, Right::StatusRead).await?;
    let most = Query::of(head).how_many("credentials", metrics::USUAL, metrics::MOST)?;
    let standing = serving.monitor.look(&serving.registry);
    let aside = serving.gateway.as_ref().map_or(0, Gateway::bytes_aside);
    let text = serving.metrics.text(&standing, aside, &serving.registry, most);
    Ok(answer::text(StatusCode::OK, metrics::TEXT, text))
}

fn is_read(head: &Parts) -> Result<(), Refusal> {
    match head.method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Refusal::MethodUnknown("GET, HEAD")),
    }
}

impl Monitor {
    fn look(&self, registry: &Registry) -> Standing {
        let now = registry.clock().coarse();
        // Whoever comes meanwhile waits for this look rather than taking another.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds = match &*last {
            Some((at, standing)) if now.since(*at) < AGE => return standing.clone(),
            Some((_, standing)) => standing.by_kind.keys().cloned().collect(),
            None => Vec::new(),
        };
        let standing = Standing::of(registry, kinds);
        *last = Some((now, standing.clone()));
        standing
    }
}

impl Standing {
    fn of(registry: &Registry, kinds: Vec<Kind>) -> Self {
        let by_kind = kinds.into_iter().map(|kind| (kind, <[usize; _]>::default())).collect();
        let mut standing = Self { by_kind, ..Self::default() };
        for keeper in registry.keepers() {
            let status = keeper.status();
            let state = State::of(&status);
            standing.by_kind.entry(status.credential.kind).or_default()[state as usize] += 1;
            // One that nobody asks for runs out, and is as servable as what it depends on.
            if keeper.is_dependent() {
                continue;
            }
            standing.counts[state as usize] += 1;
            standing.starting += usize::from(state == State::Idle && status.rotating);
            if let Some(left) = status.expires_in {
                standing.least_left =
                    Some(standing.least_left.map_or(left, |least| least.min(left)));
            }
        }
        standing
    }

    pub(crate) fn count(&self, state: State) -> usize {
        self.counts[state as usize]
    }

    fn causes(&self) -> Vec<String> {
        let all: usize = self.counts.iter().sum();
        if all == 0 {
            return vec!["no account is kept here".to_owned()];
        }
        let told = [
            (State::Failing, "cannot be renewed now; their tokens are still good"),
            (State::Refused, "have a token that WeChat refuses; another is being fetched"),
            (State::Missing, "have no token, and it cannot be fetched now"),
        ];
        let some = told.into_iter().filter(|(state, _)| self.count(*state) > 0);
        some.map(|(state, what)| format!("{} of {all} {what}", self.count(state))).collect()
    }
}
