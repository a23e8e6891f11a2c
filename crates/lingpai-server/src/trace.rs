//! How a request is found again: its id, and its line in the access log.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::HeaderMap;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use lingpai_core::{Clock, Instant, Timestamp};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A caller's id that is longer is not taken over.
const LONGEST: usize = 128;

/// Names requests and writes them down.
pub(crate) struct Trace {
    /// Tells this run's ids from those of others.
    run: u64,
    next: AtomicU64,
    /// Whether every request is logged as information, with the time it took. Otherwise only the debug level has them.
    pub(crate) logs: bool,
}

/// What the log says of a request. Neither its path nor its query: the one can hold anything, the other a key.
pub(crate) struct Line<'a> {
    pub(crate) peer: IpAddr,
    pub(crate) method: &'a Method,
    pub(crate) route: &'static str,
    pub(crate) status: StatusCode,
    /// The name of the refusal, if it was refused.
    pub(crate) error: Option<&'static str>,
    pub(crate) id: Option<&'a HeaderValue>,
}

impl Trace {
    pub(crate) fn new(started_at: Timestamp, logs: bool) -> Self {
        let run = started_at.as_millis().cast_unsigned();
        Self { run, next: AtomicU64::new(1), logs }
    }

    /// When the request came, if that is wanted.
    pub(crate) fn start(&self, clock: &dyn Clock) -> Option<Instant> {
        self.logs.then(|| clock.now().instant)
    }

    /// The caller's id, or one of our own where `needed`: an error must be found in the log, a token that was handed out
    /// need not be.
    pub(crate) fn id(&self, headers: &HeaderMap, needed: bool) -> Option<HeaderValue> {
        let given = headers.get(REQUEST_ID).filter(|id| is_name(id.as_bytes()));
        match given {
            Some(id) => Some(id.clone()),
            None if needed || self.logs => {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                HeaderValue::try_from(format!("{:x}-{number:x}", self.run)).ok()
            }
            None => None,
        }
    }

    pub(crate) fn log(&self, line: &Line<'_>, started: Option<Instant>, clock: &dyn Clock) {
        let Line { peer, method, route, status, error, id } = line;
        let id = id.and_then(|id| id.to_str().ok());
        let status = status.as_u16();
        if let Some(started) = started {
            let millis = clock.now().instant.since(started).as_millis();
            tracing::info!(
                target: "lingpai::access",
                %peer, %method, route, status, error, id, millis, "answered"
            );
        } else {
            tracing::debug!(target: "lingpai::access", %peer, %method, route, status, error, id, "answered");
        }
    }
}

/// Adds the id to an answer.
pub(crate) fn name(headers: &mut HeaderMap, id: Option<HeaderValue>) {
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id);
    }
}

/// Whether an id is one that can stand in a log as it is.
fn is_name(id: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.iter().all(fits)
}
