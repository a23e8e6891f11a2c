//! Numbers for Prometheus.
//!
//! Labels are bounded: routes, statuses, names of refusals, kinds, ways, reasons and classes, never keys; of WeChat's errcodes
//! those in the catalogue, of accounts as many as a scrape asks for.
//! A request costs one atomic increment; the engine's numbers come from its events, the states from a look at scrape time.

mod credentials;
mod times;

use std::array;
use std::borrow::Cow;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::StatusCode;
use lingpai_core::Registry as Engine;
use lingpai_core::event::{Event, What};
use lingpai_core::measures::Measured;
use lingpai_wechat::catalogue;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use self::credentials::Credentials;
pub(crate) use self::credentials::{MOST, USUAL};
use self::times::{ByHost, Kept};
use crate::accounts::{State, class_name};
use crate::gateway::{Host, Outcome, Proof};
use crate::monitor::Standing;
use crate::routes::Route;

/// The `Content-Type` of what is answered.
pub(crate) const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// All numbers.
pub(crate) struct Metrics {
    all: Registry,
    requests: [[Counter; CLASSES.len()]; Route::NAMES.len()],
    refusals: Family<Refused, Counter>,
    rotations: Family<Rotated, Counter>,
    failures: Family<Failed, Counter>,
    events: Family<Happened, Counter>,
    credentials: Family<InState, Gauge>,
    least_left: Gauge,
    answers: Family<Answered, Counter>,
    /// Of these, by host, those without an errcode and those with that of success: nearly all.
    usual_answers: [[Counter; 2]; Host::ALL.len()],
    repairs: Family<Repaired, Counter>,
    sealed: Family<Sealed, Counter>,
    bytes_aside: Gauge,
    nodes: Family<Alive, Gauge>,
    leases: Family<Holder, Gauge>,
    propagation: Kept,
    fetch_times: Kept,
    store_times: Kept,
    lease_waits: Counter,
    waiting: Gauge<u64, AtomicU64>,
    upstream_times: ByHost,
    single: Credentials,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    error: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rotated {
    kind: String,
    way: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    kind: String,
    way: String,
    class: &'static str,
    errcode: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Happened {
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    host: &'static str,
    errcode: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sealed {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Repaired {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Alive {
    alive: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Holder {
    node: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    kind: String,
    state: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let requests = Family::<Request, Counter>::default();
        let counted = |route: usize, class: usize| {
            let labels = Request { route: Route::NAMES[route], status: CLASSES[class] };
            requests.get_or_create(&labels).clone()
        };
        let answers = Family::<Answered, Counter>::default();
        let usual = |host: Host, errcode: &'static str| {
            let labels = Answered { host: host.as_str(), errcode: errcode.into() };
            answers.get_or_create(&labels).clone()
        };
        let metrics = Self {
            usual_answers: Host::ALL.map(|host| [usual(host, "none"), usual(host, "0")]),
            requests: array::from_fn(|route| array::from_fn(|class| counted(route, class))),
            all: Registry::with_prefix("lingpai"),
            refusals: Family::default(),
            rotations: Family::default(),
            failures: Family::default(),
            events: Family::default(),
            credentials: Family::default(),
            least_left: Gauge::default(),
            answers: answers.clone(),
            repairs: Family::default(),
            sealed: Family::default(),
            bytes_aside: Gauge::default(),
            nodes: Family::default(),
            leases: Family::default(),
            propagation: Kept::default(),
            fetch_times: Kept::default(),
            store_times: Kept::default(),
            lease_waits: Counter::default(),
            waiting: Gauge::default(),
            upstream_times: ByHost::default(),
            single: Credentials::default(),
        };
        // A counter that is there from the start is seen to increase with its first count.
        for outcome in Outcome::ALL {
            drop(metrics.repairs.get_or_create(&Repaired { outcome: outcome.as_str() }));
        }
        for proof in Proof::ALL {
            drop(metrics.sealed.get_or_create(&Sealed { outcome: proof.as_str() }));
        }
        metrics.registered(requests)
    }

    fn registered(mut self, requests: Family<Request, Counter>) -> Self {
        let all = &mut self.all;
        all.register("http_requests", "Answers, by route and status", requests);
        let help = "Requests that were refused, by the name of the error; on both surfaces";
        all.register("refusals", help, self.refusals.clone());
        let help = "Tokens that took the place of another, by kind, way and reason";
        all.register("rotations", help, self.rotations.clone());
        let help = "Fetches that brought no token, by kind, way and class of the failure";
        all.register("fetch_failures", help, self.failures.clone());
        all.register("events", "Events, by name", self.events.clone());
        let help = "Credentials, by kind and the state they are in";
        all.register("credentials", help, self.credentials.clone());
        let help = "Seconds that the token with the least left is still good";
        all.register("token_least_left_seconds", help, self.least_left.clone());
        let help = "Answers of WeChat to calls of the gateway, by host and errcode";
        all.register("gateway_answers", help, self.answers.clone());
        let help =
            "Calls of the gateway that were refused because of their token, by what came of them";
        all.register("gateway_repairs", help, self.repairs.clone());
        let help = "Answers to calls that were encrypted and signed, by whether they are WeChat's";
        all.register("gateway_sealed", help, self.sealed.clone());
        let help = "Bytes of bodies that the gateway keeps aside in files";
        all.register("gateway_bytes_aside", help, self.bytes_aside.clone());
        let help = "Nodes that share the store, by whether they were seen within the last seconds";
        all.register("nodes", help, self.nodes.clone());
        let help = "Leases that each node holds, as it was last seen; 16 at most are told of";
        all.register("node_leases", help, self.leases.clone());
        let help = "Seconds until a token that another node stored was in the memory of this one";
        all.register("propagation_seconds", help, self.propagation.clone());
        let help = "Seconds until WeChat answered a call for a token, whatever it answered";
        all.register("fetch_seconds", help, self.fetch_times.clone());
        let help = "Seconds that the store took for a step of a rotation";
        all.register("store_seconds", help, self.store_times.clone());
        let help =
            "How often a rotation waited because another node held the lease, since the start";
        all.register("lease_waits", help, self.lease_waits.clone());
        let help = "Callers that wait for a token now";
        all.register("waiting", help, self.waiting.clone());
        let help = "Seconds until WeChat answered a call of the gateway, by host";
        all.register("gateway_upstream_seconds", help, self.upstream_times.clone());
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        all.register("build", "The version that runs", Info::new(version));
        all.register_collector(Box::new(self.single.clone()));
        self
    }

    /// Tells at each scrape what somebody else counts.
    pub(crate) fn collect(&mut self, numbers: impl Collector) {
        self.all.register_collector(Box::new(numbers));
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, route: Route<'_>, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        self.requests[route.number()][class].inc();
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, error: &'static str) {
        self.refusals.get_or_create(&Refused { error }).inc();
    }

    /// Counts an answer of WeChat to a call of the gateway, which took so long.
    pub(crate) fn heard(&self, host: Host, errcode: Option<i64>, time: Duration) {
        self.upstream_times.count(host, time);
        let [without, success] = &self.usual_answers[host as usize];
        let errcode = match errcode {
            None => {
                without.inc();
                return;
            }
            Some(0) => {
                success.inc();
                return;
            }
            Some(code) => bounded(code),
        };
        self.answers.get_or_create(&Answered { host: host.as_str(), errcode }).inc();
    }

    /// Counts a call that was refused because of its token.
    pub(crate) fn repaired(&self, outcome: &'static str) {
        self.repairs.get_or_create(&Repaired { outcome }).inc();
    }

    /// Counts an answer to a call that was encrypted and signed.
    pub(crate) fn sealed(&self, proof: Proof) {
        self.sealed.get_or_create(&Sealed { outcome: proof.as_str() }).inc();
    }

    /// Counts what happened in the engine.
    pub(crate) fn happened(&self, event: &Event) {
        // What another version told has no name of its own here: names are labels.
        let name = event.what.name();
        let event_name =
            What::NAMES.iter().copied().find(|known| *known == name).unwrap_or("other");
        self.events.get_or_create(&Happened { event: event_name }).inc();
        let Some(credential) = &event.credential else { return };
        let kind = credential.kind.as_str().to_owned();
        match &event.what {
            What::Rotated { reason, way, .. } => {
                let (way, reason) = (way.to_string(), format!("{reason:?}").to_lowercase());
                self.rotations.get_or_create(&Rotated { kind, way, reason }).inc();
            }
            What::Failed { way, failure, .. } => {
                let (way, class) = (way.to_string(), class_name(failure.class));
                let errcode = failure.code.map_or("none".into(), bounded);
                self.failures.get_or_create(&Failed { kind, way, class, errcode }).inc();
            }
            _ => {}
        }
    }

    /// The text that Prometheus reads, with so many single credentials at most.
    pub(crate) fn text(
        &self,
        standing: &Standing,
        bytes_aside: u64,
        engine: &Engine,
        most: usize,
    ) -> String {
        let nodes = engine.nodes();
        for (alive, name) in [(true, "yes"), (false, "no")] {
            let count = nodes.iter().filter(|node| node.lives == alive).count();
            let count = count.try_into().unwrap_or(i64::MAX);
            self.nodes.get_or_create(&Alive { alive: name }).set(count);
        }
        // Those that are gone are told of no more.
        self.leases.clear();
        for node in nodes.iter().filter(|node| node.lives) {
            let node = &node.presence;
            let labels = Holder { node: format!("{}/{}", node.name, node.address) };
            let held = node.leases.len().try_into().unwrap_or(i64::MAX);
            self.leases.get_or_create(&labels).set(held);
        }
        self.propagation.set(engine.propagation());
        let Measured { fetches, store, lease_waits, waiting } = engine.measured();
        self.fetch_times.set(fetches);
        self.store_times.set(store);
        self.lease_waits.inc_by(lease_waits.saturating_sub(self.lease_waits.get()));
        self.waiting.set(waiting);
        self.single.look(engine, most);
        self.bytes_aside.set(bytes_aside.try_into().unwrap_or(i64::MAX));
        for (kind, counts) in &standing.by_kind {
            for (state, count) in State::ALL.into_iter().zip(counts) {
                let labels = InState { kind: kind.to_string(), state: state.as_str() };
                let count = (*count).try_into().unwrap_or(i64::MAX);
                self.credentials.get_or_create(&labels).set(count);
            }
        }
        let least = standing.least_left.map_or(0, |left| left.as_secs().cast_signed());
        self.least_left.set(least);
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.all);
        text
    }
}

/// An errcode as a label: of those that nobody knows there could be any number.
fn bounded(code: i64) -> Cow<'static, str> {
    match catalogue::all().any(|entry| entry.code == code) {
        true => code.to_string().into(),
        false => "other".into(),
    }
}
