//! The issuers from outside: over real loopback sockets, and over a transport in process.

// Everything here is a test, helpers too; clippy sees it only of functions that are marked so.
#![allow(clippy::unwrap_used)]

mod failover;
mod fuzz;
mod peer;
mod proxies;
mod proxy;
mod push;
mod requests;
mod sealed;
mod secrets;
mod suites;
mod support;
mod tickets;
mod trust;
mod verdicts;
mod wecom;
