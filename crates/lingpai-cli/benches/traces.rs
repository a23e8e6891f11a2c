//! What traces cost: the same server without them, with the usual shares, and with everything followed, for reads and calls.
//!
//! `cargo xtask bench traces`. Linux only, on two cores. The collector takes what comes on the client's core, so its work is not
//! the server's; the CPU time of the server counts, in which what is gathered, written and sent is contained.

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

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::load::Pace;
use common::node::{Home, ask};
use common::process::{Process, move_beside};
use common::upstream::Upstream;
use common::{Contender, Result, Turns, machine, take_turns};
use lingpai_sandbox::DEMO_APPID;

const TURNS: Turns =
    Turns { pace: Pace::Saturated, connections: 64, rounds: 9, each: Duration::from_millis(1500) };

const OFF: &str = "off";
const AGAIN: &str = "off, another process (A/A)";
const USUAL: &str = "**on, the usual shares** (5 % of calls, 0.1 % of reads)";
const ALL: &str = "on, everything followed";
const NAMES: [&str; 4] = [OFF, USUAL, AGAIN, ALL];

/// One client that does all of this is within these bounds.
const GATEWAY: &str = "[gateway]\ncalls-per-minute = 1000000000\ncalls-at-once = 1000";

fn main() {
    println!("{}\n", machine());
    move_beside();
    let folder = tempfile::tempdir().unwrap();
    let collected = Arc::new(AtomicU64::new(0));
    let collector = collect(&collected);
    let upstream = Upstream::new(r#"{"total":0,"count":0,"next_openid":""}"#);
    let nodes = NAMES.map(|name| {
        let traces = match name {
            USUAL => format!("[traces]\nendpoint = \"http://{collector}\""),
            ALL => format!(
                "[traces]\nendpoint = \"http://{collector}\"\ncalls = \"100%\"\nreads = \"100%\""
            ),
            _ => String::new(),
        };
        Node::start(
            &folder.path().join(name.split([' ', ',']).collect::<String>()),
            &upstream,
            &traces,
        )
    });
    for (what, request) in [
        ("`GET /v1/accounts/{a}/token`", (|node| node.read.clone()) as fn(&Node) -> Vec<u8>),
        ("a call through the gateway", |node| node.call.clone()),
    ] {
        let all = NAMES.iter().zip(&nodes);
        let contenders: Vec<_> = all
            .map(|(name, node)| Contender {
                name,
                server: &node.process,
                to: node.process.addr,
                request: request(node),
                body: 0,
                upstream: Some(&upstream),
                against: OFF,
            })
            .collect();
        let before = collected.load(Ordering::Relaxed);
        print(what, &take_turns(&contenders, TURNS));
        let sent = collected.load(Ordering::Relaxed) - before;
        println!("the collector was sent {:.1} MiB\n", sent as f64 / f64::from(1 << 20));
        assert!(sent > 0, "nothing was followed");
    }
}

/// A node with these traces, and what it is asked.
struct Node {
    process: Process,
    read: Vec<u8>,
    call: Vec<u8>,
}

impl Node {
    fn start(folder: &Path, upstream: &Upstream, traces: &str) -> Self {
        let settings = format!("private-networks = [\"127.0.0.0/8\"]\n{GATEWAY}\n{traces}");
        let may = ["--right", "gateway", "--right", "token:read", "--account", DEMO_APPID];
        let home = Home::beside(folder, upstream.addr, &settings, &may);
        let process = home.start();
        let read = home.native_request();
        upstream.serve_during(|| ask(process.addr, &read));
        let call = format!(
            "GET /gateway/{DEMO_APPID}/cgi-bin/user/get HTTP/1.1\r\nHost: api.weixin.qq.com\r\n\
             Authorization: Bearer {}\r\n\r\n",
            home.key
        );
        Self { process, read, call: call.into_bytes() }
    }
}

/// A collector that takes everything, and counts the bytes.
fn collect(collected: &Arc<AtomicU64>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let collected = Arc::clone(collected);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let collected = Arc::clone(&collected);
            thread::spawn(move || take(stream, &collected));
        }
    });
    addr
}

/// Takes what one connection sends.
fn take(stream: TcpStream, collected: &AtomicU64) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if !matches!(reader.read_line(&mut line), Ok(1..)) {
                return;
            }
            if let Some(told) = line.to_lowercase().strip_prefix("content-length: ") {
                length = told.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        collected.fetch_add(length as u64, Ordering::Relaxed);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
    }
}

fn print(what: &str, results: &[Result]) {
    println!("| {what} | CPU us/request | to off | requests/s | p50 us | p99 us |");
    println!("|---|---|---|---|---|---|");
    for Result { name, figures, ratios } in results {
        println!(
            "| {name} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} |",
            figures.cpu, ratios.cpu, figures.rate, figures.median, figures.p99
        );
    }
    println!();
}
