//! Traces by OpenTelemetry: what calls, reads and rotations did, sent to a collector over OTLP.
//!
//! Spans are gathered in a bounded queue and sent in batches. Nobody waits for that: what does not fit, and what the collector
//! does not take in time, is dropped and counted in the log. In the attributes stand names, numbers and paths that the catalogue
//! of the gateway's ledger has too; no query, no header, no token.

mod context;
mod otlp;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use lingpai_core::NodeId;
use lingpai_core::span::{Ended, Follower, Origin};
use lingpai_wechat::Error;
use lingpai_wechat::wire::{self, BaseUrl, Connector};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

pub(crate) use self::context::{is_of_traces, origin};
use self::otlp::Resource;
use crate::outbound::{self, Http, unanswered};

/// The names of the spans with which traces begin.
pub(crate) const CALL: &str = "gateway call";
pub(crate) const READ: &str = "token read";

/// How many spans wait to be sent.
const WAITING: usize = 4096;
/// How many are sent at once, and how long it is waited for more.
const BATCH: usize = 512;
const PERIOD: Duration = Duration::from_secs(2);
/// How long the collector may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often a batch is sent that the collector could not take just then, and the first pause before that.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_ANSWER: usize = 64 * 1024;

/// Where traces go, and which.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The collector; `/v1/traces` is added.
    pub endpoint: BaseUrl,
    /// The form in which they are sent.
    pub protocol: Protocol,
    /// Headers that the collector wants, which may be secret.
    pub headers: HeaderMap,
    /// The name of this service.
    pub service: String,
    /// The share of the gateway's calls that is followed, from 0 to 1.
    pub calls: f64,
    /// The share of the reads of tokens.
    pub reads: f64,
    /// By which connections it is reached.
    pub upstream: wire::Settings,
}

/// The form in which traces are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Protocol buffers.
    Protobuf,
    /// JSON.
    Json,
}

impl Protocol {
    /// All of them, by the names that OpenTelemetry has for them.
    pub const NAMED: [(&'static str, Self); 2] =
        [("http/protobuf", Self::Protobuf), ("http/json", Self::Json)];

    const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }
}

/// Takes in spans.
pub(crate) struct Gatherer {
    queue: mpsc::Sender<Ended>,
    dropped: AtomicU64,
    calls: f64,
    reads: f64,
}

/// Sends them.
pub(crate) struct Exporter {
    settings: Settings,
    uri: Uri,
    resource: Resource,
    http: Http,
    gatherer: std::sync::Arc<Gatherer>,
    queue: tokio::sync::Mutex<Queue>,
    state: Mutex<State>,
}

/// What is to be sent.
struct Queue {
    waiting: mpsc::Receiver<Ended>,
    /// What was taken out of it and is not delivered yet.
    batch: Vec<Ended>,
}

#[derive(Default)]
struct State {
    failing: bool,
    dropped: u64,
}

/// Why a batch was not taken.
enum NotTaken {
    /// It may be taken later, not before this much time has passed.
    Yet(String, Option<Duration>),
    Never(String),
}

impl Exporter {
    /// Nothing is sent before something was followed.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed.
    pub(crate) fn new(settings: Settings, node: &NodeId) -> Result<Self, Error> {
        let (sender, waiting) = mpsc::channel(WAITING);
        let queue = Queue { waiting, batch: Vec::new() };
        let Settings { calls, reads, .. } = settings;
        let gatherer = Gatherer { queue: sender, dropped: AtomicU64::new(0), calls, reads };
        let http = outbound::over(Connector::new(&settings.upstream)?, outbound::IDLE);
        let uri = format!("{}/v1/traces", settings.endpoint);
        let uri = uri.parse().unwrap_or_default();
        let resource = Resource { service: settings.service.clone(), node: node.to_string() };
        Ok(Self {
            settings,
            uri,
            resource,
            http,
            gatherer: std::sync::Arc::new(gatherer),
            queue: tokio::sync::Mutex::new(queue),
            state: Mutex::default(),
        })
    }

    /// What spans are told to.
    pub(crate) fn gatherer(&self) -> std::sync::Arc<Gatherer> {
        std::sync::Arc::clone(&self.gatherer)
    }

    /// Sends what was followed, for ever.
    pub(crate) async fn run(&self) -> std::convert::Infallible {
        let mut queue = self.queue.lock().await;
        loop {
            let Queue { waiting, batch } = &mut *queue;
            if batch.is_empty() {
                waiting.recv_many(batch, BATCH).await; // It is never closed: the gatherer is here too.
            }
            let more = async {
                while batch.len() < BATCH {
                    waiting.recv_many(batch, BATCH - batch.len()).await;
                }
            };
            let _ = timeout(PERIOD, more).await; // Then what there is.
            self.deliver(batch, TRIES).await;
            batch.clear();
        }
    }

    /// Sends what is left, once, within this time.
    pub(crate) async fn finish(&self, deadline: Duration) {
        let last = async {
            let Queue { waiting, batch } = &mut *self.queue.lock().await;
            while let Ok(span) = waiting.try_recv() {
                batch.push(span);
            }
            for some in batch.chunks(BATCH) {
                self.deliver(some, 1).await;
            }
        };
        let _ = timeout(deadline, last).await; // What it does not take is lost.
    }

    async fn deliver(&self, batch: &[Ended], tries: u32) {
        let (mut pause, mut tried) = (PAUSE, 0);
        let why = loop {
            tried += 1;
            match self.send(batch).await {
                Ok(()) => return self.delivered(None),
                Err(NotTaken::Yet(_, after)) if tried < tries => {
                    sleep(after.unwrap_or(pause).min(LONGEST_PAUSE)).await;
                    pause *= 2;
                }
                Err(NotTaken::Yet(why, _) | NotTaken::Never(why)) => break why,
            }
        };
        self.gatherer.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.delivered(Some(&why));
    }

    /// Says in the log that the collector takes nothing, and that it does again: once each.
    fn delivered(&self, failure: Option<&str>) {
        let dropped = self.gatherer.dropped.load(Ordering::Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            Some(why) if !state.failing => tracing::warn!(
                endpoint = %self.settings.endpoint, why,
                "the collector of traces does not take them; they are dropped until it does"
            ),
            None if state.failing => tracing::info!(
                dropped = dropped - state.dropped,
                "the collector takes traces again; some spans were dropped meanwhile"
            ),
            None if dropped > state.dropped => tracing::warn!(
                dropped = dropped - state.dropped,
                "more was followed than the collector takes in time: lower the share of `traces`"
            ),
            _ => return,
        }
        state.failing = failure.is_some();
        state.dropped = dropped;
    }

    async fn send(&self, batch: &[Ended]) -> Result<(), NotTaken> {
        let body = match self.settings.protocol {
            Protocol::Protobuf => otlp::protobuf(&self.resource, batch),
            Protocol::Json => otlp::json(&self.resource, batch),
        };
        let length = body.len();
        let mut request = Request::post(self.uri.clone())
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| NotTaken::Never(error.to_string()))?;
        let headers = request.headers_mut();
        headers.extend(self.settings.headers.clone());
        headers.insert(CONTENT_TYPE, self.settings.protocol.content_type());
        headers.insert(CONTENT_LENGTH, length.into());
        let answered = async {
            let answer = self
                .http
                .request(request)
                .await
                .map_err(|error| unanswered(&error, outbound::BROKEN).into_english())
                .map_err(|why| NotTaken::Yet(why, None))?;
            let (head, body) = answer.into_parts();
            // Read to its end, so that the connection can be used again.
            let _ = Limited::new(body, LONGEST_ANSWER).collect().await;
            let why = || format!("it answered HTTP {}", head.status.as_u16());
            match head.status {
                status if status.is_success() => Ok(()),
                // Those that the protocol has tried again.
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => {
                    let after = head.headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok());
                    let after = after.and_then(|after| after.parse().ok()).map(Duration::from_secs);
                    Err(NotTaken::Yet(why(), after))
                }
                _ => Err(NotTaken::Never(why())),
            }
        };
        let late = |_| Err(NotTaken::Yet("it did not answer in time".to_owned(), None));
        timeout(DEADLINE, answered).await.unwrap_or_else(late)
    }
}

impl Follower for Gatherer {
    fn follows(&self, name: &'static str, trace: u128, origin: Option<Origin>) -> bool {
        let share = match (origin, name) {
            (Some(origin), _) => return origin.is_followed,
            (None, CALL) => self.calls,
            (None, READ) => self.reads,
            // Rotations are few, and matter.
            (None, _) => return true,
        };
        // Of the last 56 bits, as other samplers do it, so that all of them choose the same traces.
        let point = (trace & ((1 << 56) - 1)) as f64;
        point < share * (1_u64 << 56) as f64
    }

    fn ended(&self, span: Ended) {
        if self.queue.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gatherer")
    }
}

/// Headers as `OTEL_EXPORTER_OTLP_HEADERS` has them: `name=value,name=value`, the values percent-encoded where need be. What they
/// hold is not repeated where it cannot be read.
///
/// # Errors
/// The number of the one that is none, counted from 1.
pub fn headers(text: &str) -> Result<HeaderMap, usize> {
    let mut headers = HeaderMap::new();
    let pairs = text.trim().split(',').filter(|pair| !pair.trim().is_empty());
    for (number, pair) in (1_usize..).zip(pairs) {
        let read = || {
            let (name, value) = pair.split_once('=')?;
            let name: HeaderName = name.trim().parse().ok()?;
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
            let mut value = HeaderValue::try_from(&*value).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        let (name, value) = read().ok_or(number)?;
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_written_as_opentelemetry_writes_them() {
        let read = headers("x-api-key=abc, Authorization=Bearer%20k=1,").unwrap();
        assert_eq!(read["x-api-key"], "abc");
        assert_eq!(read["authorization"], "Bearer k=1");
        assert!(!format!("{read:?}").contains("abc"), "{read:?}");
        assert_eq!((headers("a=1,b"), headers("a b=1")), (Err(2), Err(1)));
    }

    #[test]
    fn a_share_is_followed_unless_the_caller_has_decided() {
        let (queue, _waiting) = mpsc::channel(1);
        let gatherer = Gatherer { queue, dropped: AtomicU64::new(0), calls: 0.25, reads: 0.0 };
        let trace = |part: u128| part << 48;
        let followed = (0..256).filter(|part| gatherer.follows(CALL, trace(*part), None)).count();
        assert_eq!(followed, 64);
        assert!(!gatherer.follows(READ, 0, None) && gatherer.follows("rotation", u128::MAX, None));
        let context = lingpai_core::span::Context { trace: 0, span: 1 };
        for is_followed in [true, false] {
            let origin = Some(Origin { context, is_followed });
            assert_eq!(gatherer.follows(READ, 0, origin), is_followed);
        }
    }
}
