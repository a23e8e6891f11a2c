//! The HTTP surfaces of Lingpai: what clients of the server see.
//!
//! Here live the listener with its limits, the check of API keys, the native API and the paths that answer as WeChat
//! does. What a token is, when it is fetched and whether a report is believed is decided in `lingpai-core`; this crate
//! reads from its [`Registry`](lingpai_core::Registry) and turns what it finds into answers. Configuration and signals
//! are the binary's.
//!
//! Where to start reading:
//! - `routes.rs`: every path there is, and who answers it.
//! - `native.rs` and `dropin.rs`: tokens on the two surfaces. Both find the token in `serving.rs`.
//! - `tickets.rs`: tickets, and what is signed with them.
//! - `accounts.rs`, `events.rs`, `keys.rs`, `monitor.rs`: what people and monitors ask for; [`openapi`] describes it all.
//! - `audit/`: who read and changed what. [`alerts`]: what happens, told to robots.
//! - `outbound.rs`: how hosts are reached that users name. [`traces`]: what was done, sent to a collector.
//! - [`authorize`]: links by which owners authorise a platform or a suite. `overview.rs`: all accounts, in pages.
//! - [`sinks`]: tokens, delivered into files, into somebody's Redis, to webhooks.
//! - `manage.rs`: accounts are changed; [`change`] is the seam to the program that makes the changes.
//! - `given.rs` and `life.rs`: how SDKs are brought back in time, and what it means when one comes too soon.
//! - `push/`: what WeChat sends by itself, and how it reaches the business. [`push::Notices`] is the seam to whoever keeps what
//!   lives on pushes.
//! - [`diagnosis`]: why WeChat refused a token, worked out from the events. [`doctor`]: the list of checks; `strays.rs`: what clients
//!   reported that is no current token.
//! - `console/`: the pages for people, and their sessions.
//! - `refusal/`: why a request is not served, and how each surface says so. No other place makes up an error.
//! - `language.rs`: in which of two languages people read it.
//! - [`Server`]: how it is started and ended. `listen/`: where connections come in. `connection.rs`: one of them.
//! - `proxies.rs`: whose address the client's is.

mod accounts;
mod adopt;
mod alarm;
pub mod alerts;
mod answer;
mod audit;
pub mod authorize;
pub mod change;
mod connection;
pub mod console;
pub mod diagnosis;
pub mod doctor;
mod dropin;
mod error;
mod events;
mod failures;
mod first_use;
mod foreseen;
pub mod gateway;
mod given;
mod keyring;
mod keys;
mod language;
mod leak;
mod life;
mod limits;
mod listen;
mod manage;
mod metrics;
mod monitor;
mod native;
mod nodes;
mod object;
pub mod openapi;
mod outbound;
mod overview;
mod params;
mod platforms;
mod proxies;
pub mod push;
mod query;
mod quota;
mod readers;
mod refusal;
mod routes;
mod server;
mod services;
mod serving;
mod settings;
mod shown;
pub mod sinks;
mod strays;
mod tape;
mod tickets;
mod trace;
pub mod traces;
mod whence;

pub use error::Error;
pub use events::words::sentence;
pub use language::Bilingual;
pub use limits::Limits;
pub use listen::{Address, Identity, Inherited, Listeners, Surface, Tls};
pub use proxies::{Proxies, Tell};
pub use refusal::{Explained, Reason, errcode, explain, reasons};
pub use server::{Bound, Server};
pub use serving::WayToWeChat;
