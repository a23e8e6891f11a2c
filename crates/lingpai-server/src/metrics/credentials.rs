//! How it stands with single credentials. There may be a hundred thousand, and each takes several lines: so many are told of as
//! were asked for, those in trouble first, and how many were left out.

use std::cmp::Reverse;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use lingpai_core::Registry as Engine;
use lingpai_core::keeper::Status;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use crate::accounts::State;

/// How many a scrape tells of that says nothing of it.
pub(crate) const USUAL: usize = 200;
/// And how many at most.
pub(crate) const MOST: usize = 20_000;

/// What the next scrape tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials(Arc<Mutex<Listed>>);

#[derive(Debug, Default)]
struct Listed {
    told: Vec<Told>,
    left_out: usize,
}

#[derive(Debug)]
struct Told {
    labels: [(&'static str, String); 2],
    state: State,
    /// Seconds since 1970.
    issued_at: Option<f64>,
    expires_at: Option<f64>,
    fetches: u32,
    budget: u32,
}

/// A gauge of one credential: its name, what it tells, and its value if there is one.
type Gauge = (&'static str, &'static str, fn(&Told) -> Option<f64>);

const GAUGES: [Gauge; 5] = [
    (
        "credential_up",
        "Whether there is a token of this credential that WeChat has not refused",
        |told| Some(f64::from(u8::from(matches!(told.state, State::Good | State::Failing)))),
    ),
    (
        "token_issued_timestamp_seconds",
        "When the current token was asked for, in seconds since 1970",
        |told| told.issued_at,
    ),
    (
        "token_expires_timestamp_seconds",
        "Until when the current token is good, in seconds since 1970",
        |told| told.expires_at,
    ),
    (
        "credential_fetches_today",
        "Fetches on this day in China, whatever their way and outcome",
        |told| Some(told.fetches.into()),
    ),
    (
        "credential_fetches_budget",
        "How many fetches Lingpai makes in a day at most; the last quarter only for scheduled rotations",
        |told| Some(told.budget.into()),
    ),
];

impl Credentials {
    /// Looks at all, and keeps so many for the next scrape.
    pub(super) fn look(&self, engine: &Engine, most: usize) {
        let now = engine.clock().now().wall.as_millis() as f64 / 1000.0;
        let mut all: Vec<_> = engine.keepers().iter().map(|keeper| keeper.status()).collect();
        // What needs somebody comes first, and what was told stays told: the order is that of the names.
        all.sort_by_cached_key(|status| {
            let is_bad =
                matches!(State::of(status), State::Failing | State::Refused | State::Missing);
            (Reverse(is_bad), status.credential.to_string())
        });
        let left_out = all.len().saturating_sub(most);
        let told = all.into_iter().take(most).map(|status| Told::of(status, now)).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Listed { told, left_out };
    }
}

impl Told {
    fn of(status: Status, now: f64) -> Self {
        Self {
            state: State::of(&status),
            issued_at: status.issued_at.map(|at| at.as_millis() as f64 / 1000.0),
            expires_at: status.expires_in.map(|left| now + left.as_secs_f64()),
            fetches: status.fetches_today,
            budget: status.daily_budget,
            labels: [
                ("account", status.credential.account.to_string()),
                ("kind", status.credential.kind.as_str().to_owned()),
            ],
        }
    }
}

impl Collector for Credentials {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, help, value) in GAUGES {
            let some = ConstGauge::new(0.0);
            let mut family = encoder.encode_descriptor(name, help, None, some.metric_type())?;
            for told in &listed.told {
                let Some(value) = value(told) else { continue };
                ConstGauge::new(value).encode(family.encode_family(&told.labels)?)?;
            }
        }
        let help = "Credentials that this scrape tells nothing of; `?credentials=` says of how many it does";
        let left_out = ConstGauge::new(u64::try_from(listed.left_out).unwrap_or(u64::MAX));
        let metric = encoder.encode_descriptor(
            "credentials_left_out",
            help,
            None,
            left_out.metric_type(),
        )?;
        left_out.encode(metric)
    }
}
