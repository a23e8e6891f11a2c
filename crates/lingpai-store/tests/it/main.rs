//! What the stores promise, shown on real files and servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod backup;
mod conformance;
mod copying;
mod crash;
mod once_crash;
mod redis;
mod sealing;
mod sharing;
mod support;
mod trouble;
