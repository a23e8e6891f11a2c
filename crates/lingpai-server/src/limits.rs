//! What a stranger may cost: sizes, times and numbers.

use std::time::Duration;

/// Bounds on what one caller, and all of them together, can make the server hold or wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Further ones wait in the kernel's queue until one ends. Default 20,000.
    pub connections: usize,
    /// How long the head of a request may take to arrive, and what comes before the first one: a handshake, a word of a
    /// proxy. A connection on which no next request arrives is closed after the same time. Default 10 s.
    pub head_time: Duration,
    /// Bytes of a request's head. Default 16 KiB.
    pub head_bytes: usize,
    /// How long the body of a request may take to arrive. Default 10 s.
    pub body_time: Duration,
    /// Bytes of a request's body. Default 64 KiB.
    pub body_bytes: usize,
    /// How long a client may take nothing of what it is sent. Default 10 s.
    pub write_time: Duration,
    /// How long a caller waits for a token that is being fetched or tried. SDKs give up after 3 to 5 s and retry what
    /// they gave up, so it is better to answer before. Default 4 s.
    pub token_wait: Duration,
    /// The longest `wait` of a long poll. Default 60 s.
    pub poll: Duration,
    /// After this time without an event, a stream of events carries a sign of life. Default 15 s.
    pub heartbeat: Duration,
    /// For how long the server says that it is about to end before it does: `/readyz` says so, and everything is served
    /// on, so that load balancers can send clients elsewhere. Default: not at all.
    pub notice: Duration,
    /// How long requests may take to end when the server ends. Default 10 s.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            head_time: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            body_time: Duration::from_secs(10),
            body_bytes: 64 * 1024,
            write_time: Duration::from_secs(10),
            token_wait: Duration::from_secs(4),
            poll: Duration::from_secs(60),
            heartbeat: Duration::from_secs(15),
            notice: Duration::ZERO,
            grace: Duration::from_secs(10),
        }
    }
}
