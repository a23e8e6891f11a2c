//! The whole engine against the simulated WeChat: what must hold, seen to hold.
//!
//! - In process, on a clock that is driven: `day` (whole days of reading), `clinic` (each cause of a refused token), `causes` (the same
//!   told by commands and a server), `checkup` (the doctor's list), `lies` (an upstream that lies, hangs, fails).
//! - With real processes and real connections (`node`, `load`): all others. Each says at its head what it shows.
//!
//! Tests whose names hold `soak` run longer when `LINGPAI_SOAK` is set.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and the long ones print their figures"
)]

mod accounts;
mod api_security;
mod at_once;
mod attempt;
mod authorisations;
mod authorizer_pushes;
mod backup;
mod blame;
mod by_platform;
mod cable;
mod causes;
mod certificates;
mod chaos;
mod checkup;
mod checkup_redis;
mod clinic;
mod console;
mod crowd;
mod damaged;
mod day;
#[path = "../../../lingpai-server/tests/it/described.rs"]
mod described;
mod doctor;
mod drill;
mod first_minutes;
mod gateway;
mod handover;
mod haste;
mod hostile;
mod imports;
mod keys;
mod kill;
mod kinds;
mod lies;
mod links;
mod listeners;
mod load;
mod mini_programs;
mod newer;
mod node;
mod nodes;
mod openapi;
mod platforms;
mod proxy;
mod pushes;
mod reload;
mod restart;
mod restored;
mod revoked;
mod scaled;
#[path = "../../../lingpai-server/tests/it/schema.rs"]
mod schema;
mod sdk;
mod sdk_refused;
mod secrets;
mod shown;
mod sink_places;
mod sinks;
mod sites;
mod snippets;
mod stand;
mod strain;
mod suites;
mod supervisor;
mod terminal;
mod tickets;
mod trades;
mod unfit;
mod upgrade;
mod wecom;
mod wecom_limits;
