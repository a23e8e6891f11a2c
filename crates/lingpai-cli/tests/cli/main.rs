//! The `lingpai` binary as a person and a script meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers are not recognised as tests.

mod api_security;
mod call;
mod commands;
mod config;
mod demo;
mod doctor;
mod messages;
mod noted;
mod older;
mod quota;
mod serve;
mod support;
