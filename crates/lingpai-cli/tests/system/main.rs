//! The whole engine against the simulated WeChat: what must hold, seen to hold.
//!
//! - In process, on a clock that is driven: `day` (whole days of reading), `lies` (an upstream that lies, hangs, fails).
//! - With real processes: `crowd` (thousands of callers at once), `kill` (`kill -9` at random moments),
//!   `nodes` (three nodes on one Redis), `reload` (a configuration that changes under load), `scaled` (a day in minutes).
//!
//! Tests whose names hold `soak` run longer when `LINGPAI_SOAK` is set.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and the long ones print their figures"
)]

mod crowd;
mod day;
mod kill;
mod lies;
mod node;
mod nodes;
mod reload;
mod scaled;
mod stand;
