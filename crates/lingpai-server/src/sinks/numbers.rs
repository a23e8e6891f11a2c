//! How sinks stand, for Prometheus: as many series as the configuration names sinks.

use std::fmt;
use std::sync::Arc;

use lingpai_core::Clock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{Courier, Sinks};

/// What a scrape tells of all sinks.
#[derive(Clone)]
pub(crate) struct Numbers {
    sinks: Arc<Sinks>,
    clock: Arc<dyn Clock>,
}

impl Numbers {
    pub(crate) fn of(sinks: Arc<Sinks>, clock: Arc<dyn Clock>) -> Self {
        Self { sinks, clock }
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbers").finish_non_exhaustive()
    }
}

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (now, couriers) = (self.clock.now().instant, self.sinks.all());
        let help = "For how long a sink has lacked the newest token; 0 while it has it";
        let mut lags =
            encoder.encode_descriptor("sink_lag_seconds", help, None, MetricType::Gauge)?;
        for courier in &*couriers {
            let lag = courier.lag(now).as_secs_f64();
            ConstGauge::new(lag).encode(lags.encode_family(&courier.labels())?)?;
        }
        let help = "Deliveries to a sink, by outcome";
        let mut counts =
            encoder.encode_descriptor("sink_deliveries", help, None, MetricType::Counter)?;
        for courier in &*couriers {
            let (written, failed) = {
                let state = courier.lock();
                (state.written, state.failed)
            };
            for (outcome, count) in [("written", written), ("failed", failed)] {
                let [sink, account] = courier.labels();
                let labels = [sink, account, ("outcome", outcome.to_owned())];
                ConstCounter::new(count).encode(counts.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

impl Courier {
    fn labels(&self) -> [(&'static str, String); 2] {
        [("sink", self.sink.name.clone()), ("account", self.sink.account.to_string())]
    }
}
