//! Reading a token over HTTP beside nginx giving the same bytes; start-up, memory and size of an idle server.
//!
//! `cargo xtask bench http`, which installs nginx. Linux only, on two cores.

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

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::load::Pace;
use common::nginx::Fixed;
use common::node::{BINARY, Home, ask};
use common::process::{Process, move_beside};
use common::{Contender, Result, Turns, machine, mebibytes, middle, nginx, take_turns};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_secs(2);
/// Far below what any contender can do, so that latency is not queueing.
const CALM: Pace = Pace::PerSecond(2000);
const STARTS: usize = 21;

const NATIVE: &str = "**`GET /v1/accounts/{a}/token`**";
const DROP_IN: &str = "**`GET /cgi-bin/token`**";
/// What is left of the server when nothing is checked or looked up.
const HEALTH: &str = "`GET /healthz`, without key and token";
const NATIVE_PEER: &str = "nginx, the same bytes as natively";
const NATIVE_PEER_AGAIN: &str = "nginx, the same, another process (A/A)";
const DROP_IN_PEER: &str = "nginx, the same bytes as `/cgi-bin/token`";

fn main() {
    println!("{}\n", machine());
    move_beside();
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(&folder.path().join("node"));
    idle(&home);

    let node = home.start();
    let (native, drop_in) = (home.native_request(), home.drop_in_request());
    let health = b"GET /healthz HTTP/1.1\r\nHost: lingpai\r\n\r\n".to_vec();
    let peers = ["a", "b"].map(|name| peer(&folder.path().join(name), &node, &native, &drop_in));
    let contenders = [
        contender(NATIVE_PEER, &peers[0], &native, NATIVE_PEER),
        contender(NATIVE, &node, &native, NATIVE_PEER),
        contender(NATIVE_PEER_AGAIN, &peers[1], &native, NATIVE_PEER),
        contender(HEALTH, &node, &health, NATIVE_PEER),
        contender(DROP_IN, &node, &drop_in, DROP_IN_PEER),
        contender(DROP_IN_PEER, &peers[0], &drop_in, DROP_IN_PEER),
    ];
    let length = |request| ask(node.addr, request).1.len();
    println!("bodies: {} and {} bytes", length(&native), length(&drop_in));
    for pace in [Pace::Saturated, CALM] {
        let turns = Turns { pace, connections: CONNECTIONS, rounds: ROUNDS, each: TURN };
        let results = take_turns(&contenders, turns);
        println!("\n{CONNECTIONS} connections, {pace:?}, {ROUNDS} rounds of {TURN:?}\n");
        print(&results);
    }
    println!("\nmemory after that: {:.1} MiB", mebibytes(node.memory()));
}

fn contender<'a>(
    name: &'static str,
    server: &'a Process,
    request: &[u8],
    against: &'static str,
) -> Contender<'a> {
    let (to, request) = (server.addr, request.to_owned());
    Contender { name, server, to, request, body: 0, upstream: None, against }
}

/// An nginx that gives the answers that the node gives now.
fn peer(folder: &Path, node: &Process, native: &[u8], drop_in: &[u8]) -> Process {
    let own = |request| {
        let (mut headers, body) = ask(node.addr, request);
        // These nginx writes itself.
        let its = |name: &str| ["content-length", "date"].contains(&name);
        headers.retain(|(name, _)| !its(&name.to_ascii_lowercase()));
        (headers, body)
    };
    let (native, drop_in) = (own(native), own(drop_in));
    let path = format!("/v1/accounts/{}/token", lingpai_sandbox::DEMO_APPID);
    let answers = [
        Fixed { path: &path, headers: &native.0, body: &native.1 },
        Fixed { path: "/cgi-bin/token", headers: &drop_in.0, body: &drop_in.1 },
    ];
    nginx::answering(folder, &answers)
}

/// What a server takes that nobody asks.
fn idle(home: &Home) {
    // The first start makes the store and fetches the token.
    drop(home.start());
    let mut times = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let node = home.start();
        ask(node.addr, &home.native_request());
        times.push(started.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(200));
        memory.push(mebibytes(node.memory()));
    }
    let nothing = nothing_at_all();
    println!("| idle | |\n|---|---|");
    println!("| from start to the first token answered, ms | {:.0} |", middle(times.into_iter()));
    println!("| of it: starting a process that does nothing, ms | {nothing:.0} |");
    println!("| resident memory, MiB | {:.1} |", middle(memory.into_iter()));
    let size = std::fs::metadata(BINARY).unwrap().len();
    println!("| binary, MiB | {:.1} |\n", mebibytes(size));
}

/// Milliseconds to start and end a program on the measured core, which is in every start.
fn nothing_at_all() -> f64 {
    let time = |_| {
        let started = Instant::now();
        Command::new("taskset").args(["--cpu-list", "0", "true"]).status().unwrap();
        started.elapsed().as_secs_f64() * 1e3
    };
    middle((0..STARTS).map(time))
}

fn print(results: &[Result]) {
    println!("| | CPU us/request | to its peer | requests/s | p50 us | p99 us | p99 to its peer |");
    println!("|---|---|---|---|---|---|---|");
    for Result { name, figures, ratios } in results {
        println!(
            "| {name} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} | {:.2} |",
            figures.cpu, ratios.cpu, figures.rate, figures.median, figures.p99, ratios.p99
        );
    }
}
