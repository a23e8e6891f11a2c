//! The sandbox proves its own rules: on the pure world, where time is driven, and over real HTTP.

// Clippy knows only the functions marked #[test] as tests, not their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod api_security;
mod business;
mod control;
mod diagnostics;
mod faults;
mod http_server;
mod login;
mod operate;
mod platform;
mod push;
mod quotas;
mod refusals;
mod restarts;
mod sky;
mod suites;
mod tickets;
mod tokens;
mod wecom;
mod wire;
