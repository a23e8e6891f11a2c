//! Reading a token while fifty consoles are open on a server of 5,000 accounts, beside the same server with none open.
//!
//! `cargo xtask bench console`. Linux only, on two cores. A console does here what it does in a browser: it logs in, asks for every
//! account, follows the events, asks again for each account that it hears of, and for all of them every minute or so. Accounts are
//! rotated as often as 5,000 are in two hours.

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
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::load::Pace;
use common::node::{BINARY, Home, ask};
use common::process::{Process, free_addr, move_beside};
use common::{Contender, Turns, machine, take_turns};
use lingpai_sandbox::DEMO_SECRET;

const ACCOUNTS: usize = 5_000;
const CONSOLES: usize = 50;
/// As `overview.js` has it.
const ROUND: Duration = Duration::from_secs(60);
/// 5,000 in two hours.
const ROTATIONS: Duration = Duration::from_millis(1440);
const TURNS: Turns =
    Turns { pace: Pace::Saturated, connections: 64, rounds: 9, each: Duration::from_secs(2) };

const QUIET: &str = "no console";
const AGAIN: &str = "no console, another process (A/A)";
const WATCHED: &str = "**50 consoles**";

fn appid(number: usize) -> String {
    format!("wxbe{number:014x}")
}

fn main() {
    println!("{}\n{ACCOUNTS} accounts, {CONSOLES} consoles\n", machine());
    move_beside();
    let folder = tempfile::tempdir().unwrap();
    let wechat = free_addr();
    let mut sandbox = std::process::Command::new(BINARY);
    sandbox.current_dir(folder.path()).args(["sandbox", "--listen", &wechat.to_string()]);
    let _sandbox = Process::start(sandbox, wechat);
    let mut accounts = String::new();
    for number in 0..ACCOUNTS {
        let id = appid(number);
        let app = format!(
            r#"{{"appid":"{id}","kind":"official-account","secret":"{DEMO_SECRET}","whitelist":["127.0.0.1"]}}"#
        );
        http(wechat, "POST", "/__sandbox/apps", "", &app);
        accounts += &format!("[[account]]\nid = \"{id}\"\nsecret = {{ file = \"secret\" }}\n");
    }
    let homes = ["quiet", "again", "watched"]
        .map(|name| Home::beside(&folder.path().join(name), wechat, &accounts, &["--admin"]));
    let nodes = homes.each_ref().map(|home| {
        let node = home.start();
        until_all_are_good(node.addr, &home.key);
        ask(node.addr, &home.native_request());
        node
    });

    let seen = Arc::new(Seen::default());
    let consoles: Vec<_> = (0..CONSOLES)
        .map(|_| Console::open(nodes[2].addr, &homes[2].key, Arc::clone(&seen)))
        .collect();
    let rotating = {
        let (addr, key, seen) = (nodes[2].addr, homes[2].key.clone(), Arc::clone(&seen));
        thread::spawn(move || rotate(addr, &key, &seen))
    };
    let contenders = [(QUIET, 0), (WATCHED, 2), (AGAIN, 1)].map(|(name, place)| Contender {
        name,
        server: &nodes[place],
        to: nodes[place].addr,
        request: homes[place].native_request(),
        body: 0,
        upstream: None,
        against: QUIET,
    });
    let begun = Instant::now();
    let results = take_turns(&contenders, TURNS);
    let seconds = begun.elapsed().as_secs_f64();
    seen.over.store(true, Ordering::Relaxed);
    println!(
        "| `GET /v1/accounts/{{a}}/token` | requests/s | to none | CPU us/request | to none | p99 us |"
    );
    println!("|---|---|---|---|---|---|");
    for result in &results {
        let (own, ratio) = (&result.figures, &result.ratios);
        println!(
            "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} |",
            result.name, own.rate, ratio.rate, own.cpu, ratio.cpu, own.p99
        );
    }
    let each = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / seconds;
    println!(
        "\nmeanwhile, in a second: {:.1} events reached consoles, {:.1} accounts and {:.1} pages of 1,000 were asked for",
        each(&seen.events),
        each(&seen.accounts),
        each(&seen.pages)
    );
    rotating.join().unwrap();
    drop(consoles);
}

/// What all consoles did.
#[derive(Default)]
struct Seen {
    over: AtomicBool,
    events: AtomicU64,
    accounts: AtomicU64,
    pages: AtomicU64,
}

/// An open console: its threads end with the process.
struct Console;

impl Console {
    fn open(addr: SocketAddr, key: &str, seen: Arc<Seen>) -> Self {
        let login = format!(r#"{{"key":"{key}"}}"#);
        let answer = http(addr, "POST", "/console/session", "X-Lingpai-CSRF: login\r\n", &login);
        let after = |mark: &str, end: char| {
            let rest = answer.split_once(mark).unwrap().1;
            rest.split(end).next().unwrap().to_owned()
        };
        let cookie = after("lingpai_session=", ';');
        let csrf = after("\"csrf\":\"", '"');
        let proof = format!("Cookie: lingpai_session={cookie}\r\nX-Lingpai-CSRF: {csrf}\r\n");
        all(addr, &proof, &seen);
        let mut stream = TcpStream::connect(addr).unwrap();
        let head = format!("GET /console/v1/events HTTP/1.1\r\nHost: a\r\n{proof}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let (own, told) = (proof.clone(), Arc::clone(&seen));
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let Some((_, rest)) = line.split_once("\"account\":\"") else { continue };
                told.events.fetch_add(1, Ordering::Relaxed);
                let account = rest.split('"').next().unwrap();
                http(addr, "GET", &format!("/console/v1/accounts/{account}"), &own, "");
                told.accounts.fetch_add(1, Ordering::Relaxed);
            }
        });
        thread::spawn(move || {
            while !seen.over.load(Ordering::Relaxed) {
                thread::sleep(ROUND);
                all(addr, &proof, &seen);
            }
        });
        // Not all of them are opened in the same moment, so their rounds are not either.
        thread::sleep(ROUND / CONSOLES as u32 / 4);
        Self
    }
}

/// Asks for every account, page by page.
fn all(addr: SocketAddr, proof: &str, seen: &Seen) {
    let mut after = String::new();
    loop {
        let path = format!("/console/v1/accounts?limit=1000{after}");
        let answer = http(addr, "GET", &path, proof, "");
        seen.pages.fetch_add(1, Ordering::Relaxed);
        match answer.rsplit_once("\"next\":\"") {
            Some((_, next)) => after = format!("&after={}", next.split('"').next().unwrap()),
            None => return,
        }
    }
}

/// Rotates one account after the other, as often as their lives would have it.
fn rotate(addr: SocketAddr, key: &str, seen: &Seen) {
    let bearer = format!("Authorization: Bearer {key}\r\n");
    for number in (0..ACCOUNTS).cycle() {
        if seen.over.load(Ordering::Relaxed) {
            return;
        }
        let path = format!("/v1/accounts/{}/token/rotate", appid(number));
        http(addr, "POST", &path, &bearer, "{}");
        thread::sleep(ROTATIONS);
    }
}

fn until_all_are_good(addr: SocketAddr, key: &str) {
    let bearer = format!("Authorization: Bearer {key}\r\n");
    for number in 0..ACCOUNTS {
        let path = format!("/v1/accounts/{}", appid(number));
        while !http(addr, "GET", &path, &bearer, "").contains("\"state\":\"good\"") {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// One request on a connection of its own: the whole answer.
fn http(addr: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
