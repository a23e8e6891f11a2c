//! The server as its clients meet it: real sockets, a real engine, an upstream that is made up.

// Clippy knows only the functions marked #[test] as tests, not their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod access;
mod accounts;
mod adopt;
mod alerts;
mod audit;
mod authorize;
mod authorizer_pushes;
mod certificates;
mod connections;
mod console;
mod docs;
mod doctor;
mod dropin;
mod early;
mod gateway;
mod herd;
mod house;
mod http2;
mod keys;
mod keys_api;
mod leak;
mod logs;
mod manage;
mod metrics;
mod monitor;
mod native;
mod office;
mod openapi;
mod origins;
mod overview;
mod platforms;
mod push;
mod quota;
mod schema;
mod services;
mod sockets;
mod stream;
mod tickets;
mod tls;
mod traces;
mod upstream;
mod virtual_tokens;
mod wecom;
