//! Histograms that are counted without a lock, in the buckets of [`Delays`]: those that the engine keeps, and how long WeChat
//! takes to answer the calls of the gateway.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lingpai_core::delays::{BOUNDS_MS, Delays, Histogram};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::gateway::Host;

/// A histogram that somebody else keeps, as it was at the last look.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<Histogram>>);

/// How long WeChat's hosts take to answer.
#[derive(Clone, Debug, Default)]
pub(super) struct ByHost(Arc<[Delays; Host::ALL.len()]>);

impl Kept {
    pub(super) fn set(&self, histogram: Histogram) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = histogram;
    }
}

impl ByHost {
    pub(super) fn count(&self, host: Host, time: Duration) {
        self.0[host as usize].count(time);
    }
}

impl EncodeMetric for Kept {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        write(encoder, &self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl EncodeMetric for ByHost {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for host in Host::ALL {
            write(
                encoder.encode_family(&[("host", host.as_str())])?,
                &self.0[host as usize].so_far(),
            )?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

fn write(mut encoder: MetricEncoder<'_>, histogram: &Histogram) -> fmt::Result {
    let bounds = BOUNDS_MS.into_iter().map(|bound| bound as f64 / 1000.0).chain([f64::MAX]);
    let buckets: Vec<_> = bounds.zip(histogram.buckets).collect();
    let (sum, count) = (histogram.sum.as_secs_f64(), histogram.count());
    encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}
