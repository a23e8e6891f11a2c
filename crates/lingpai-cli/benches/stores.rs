//! Reading a token over HTTP from a node on Redis beside one on SQLite: the store is not asked, so it makes no difference.
//!
//! `cargo xtask bench stores`. Linux only, on two cores.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures time, prints, and may fail loudly"
)]

mod common;

use std::time::Duration;

use common::load::Pace;
use common::node::Home;
use common::process::move_beside;
use common::{Contender, Result, Turns, machine, take_turns};
use lingpai_store::conformance::RedisServer;

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_secs(2);

const SQLITE: &str = "a node on SQLite";
const SQLITE_AGAIN: &str = "the same, another process (A/A)";
const REDIS: &str = "a node on Redis";

fn main() {
    println!("{}\n", machine());
    move_beside();
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "5e".repeat(32)).unwrap();
    let in_redis = format!(
        "store = \"{}\"\nmaster-key = {{ file = \"{}\" }}",
        redis.url(),
        folder.path().join("key").display()
    );
    let nodes = [("a", SQLITE, ""), ("b", REDIS, &in_redis), ("c", SQLITE_AGAIN, "")].map(
        |(directory, name, store)| {
            let home = Home::with(&folder.path().join(directory), store);
            let (node, request) = (home.start(), home.native_request());
            (name, home, node, request)
        },
    );
    let contenders = nodes.each_ref().map(|(name, _, node, request)| Contender {
        name,
        server: node,
        to: node.addr,
        request: request.clone(),
        body: 0,
        upstream: None,
        against: SQLITE,
    });
    let turns =
        Turns { pace: Pace::Saturated, connections: CONNECTIONS, rounds: ROUNDS, each: TURN };
    println!("{CONNECTIONS} connections, {ROUNDS} rounds of {TURN:?}\n");
    println!("| | CPU us/request | to SQLite | requests/s | to SQLite |\n|---|---|---|---|---|");
    for Result { name, figures, ratios } in take_turns(&contenders, turns) {
        println!(
            "| {name} | {:.2} | {:.2} | {:.0} | {:.2} |",
            figures.cpu, ratios.cpu, figures.rate, ratios.rate
        );
    }
}
