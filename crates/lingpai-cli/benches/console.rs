//! Reading a token while fifty consoles are open on a server of 5,000 accounts, beside the same server while they are closed.
//!
//! `cargo xtask bench console`. Linux only, on two cores. A console does here what it does in a browser: it logs in, asks for its page of
//! the overview, follows the events, asks again soon after an event that concerns it, and every quarter minute. Accounts lose their
//! token as often as 5,000 are rotated in two hours; each is reported and fetched anew, which every console shows at once, since it is
//! trouble: more than a schedule gives them to do. While another server has its turn, all of this rests, for it would take that one's core.

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
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use common::load::Pace;
use common::node::{BINARY, Home, ask};
use common::process::{Process, free_addr, move_beside};
use common::{Contender, Figures, Turns, machine, middle, take_turns};
use lingpai_sandbox::DEMO_SECRET;

const ACCOUNTS: usize = 5_000;
const CONSOLES: usize = 50;
/// As `overview.js` has it: how often a console asks anyway, and how soon after an event.
const ROUND: Duration = Duration::from_millis(17_500);
const SOON: Duration = Duration::from_millis(1_100);
const SPREAD: u64 = 900;
/// 5,000 in two hours.
const ROTATIONS: Duration = Duration::from_millis(1440);
const ROUNDS: usize = 9;
const TURNS: Turns =
    Turns { pace: Pace::Saturated, connections: 64, rounds: 1, each: Duration::from_secs(4) };
/// Until the consoles are at work, or at rest.
const SETTLING: Duration = Duration::from_secs(4);

const QUIET: &str = "consoles closed";
const AGAIN: &str = "consoles closed, another process (A/A)";
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
    let stage = Arc::new(Stage::default());
    let watched = nodes[2].addr;
    for number in 0..CONSOLES {
        open_console(watched, &homes[2].key, number as u64, &stage);
    }
    {
        let (key, stage) = (homes[2].key.clone(), Arc::clone(&stage));
        thread::spawn(move || lose_tokens(watched, wechat, &key, &stage));
    }

    let contender = |name, place: usize| Contender {
        name,
        server: &nodes[place],
        to: nodes[place].addr,
        request: homes[place].native_request(),
        body: 0,
        upstream: None,
        against: name,
    };
    let contenders = [(QUIET, 0), (WATCHED, 2), (AGAIN, 1)].map(|(name, at)| contender(name, at));
    let mut taken = [const { Vec::<Figures>::new() }; 3];
    let mut at_work = Duration::ZERO;
    for round in 0..ROUNDS {
        eprintln!("round {} of {ROUNDS}", round + 1);
        for (contender, taken) in contenders.iter().zip(&mut taken) {
            stage.is_open.store(contender.name == WATCHED, Ordering::Relaxed);
            let begun = Instant::now();
            thread::sleep(SETTLING);
            taken.push(take_turns(std::slice::from_ref(contender), TURNS)[0].figures);
            if contender.name == WATCHED {
                at_work += begun.elapsed();
            }
        }
    }
    println!(
        "| `GET /v1/accounts/{{a}}/token` | requests/s | to closed | CPU us/request | to closed | p99 us |"
    );
    println!("|---|---|---|---|---|---|");
    for (contender, own) in contenders.iter().zip(&taken) {
        let of = |part: fn(&Figures) -> f64| middle(own.iter().map(part));
        let ratio = |part: fn(&Figures) -> f64| {
            middle(own.iter().zip(&taken[0]).map(|(own, quiet)| part(own) / part(quiet)))
        };
        println!(
            "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} |",
            contender.name,
            of(|it| it.rate),
            ratio(|it| it.rate),
            of(|it| it.cpu),
            ratio(|it| it.cpu),
            of(|it| it.p99)
        );
    }
    let each = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / at_work.as_secs_f64();
    let [events, pages, rotations] = [&stage.events, &stage.pages, &stage.rotations].map(each);
    println!(
        "\nwith consoles, in a second: {rotations:.2} tokens were replaced, {events:.1} events reached consoles, and these asked \
         for {pages:.1} pages of the overview"
    );
    // A bench in which nothing happens would say that consoles cost nothing.
    assert!(
        rotations > 0.3 && events > CONSOLES as f64 * 0.3 && pages > 5.0,
        "the consoles had nothing to do"
    );
}

/// Whether the consoles are open, and what they did.
#[derive(Default)]
struct Stage {
    is_open: AtomicBool,
    rotations: AtomicU64,
    events: AtomicU64,
    pages: AtomicU64,
}

/// Opens a console: its threads end with the process.
fn open_console(addr: SocketAddr, key: &str, number: u64, stage: &Arc<Stage>) {
    let login = format!(r#"{{"key":"{key}"}}"#);
    let answer = http(addr, "POST", "/console/session", "X-Lingpai-CSRF: login\r\n", &login);
    let after = |mark: &str, end: char| {
        let rest = answer.split_once(mark).unwrap().1;
        rest.split(end).next().unwrap().to_owned()
    };
    let cookie = after("lingpai_session=", ';');
    let csrf = after("\"csrf\":\"", '"');
    let proof = format!("Cookie: lingpai_session={cookie}\r\nX-Lingpai-CSRF: {csrf}\r\n");
    let mut stream = TcpStream::connect(addr).unwrap();
    let head = format!("GET /console/v1/events HTTP/1.1\r\nHost: a\r\n{proof}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let (news, heard) = mpsc::channel();
    let told = Arc::clone(stage);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if line.starts_with("data: {\"") && told.is_open.load(Ordering::Relaxed) {
                told.events.fetch_add(1, Ordering::Relaxed);
                if !line.contains("\"severity\":\"info\"") {
                    let _ = news.send(());
                }
            }
        }
    });
    let stage = Arc::clone(stage);
    thread::spawn(move || look_again_and_again(addr, &proof, number, &heard, &stage));
}

/// Asks for the first page of the overview when a browser would, on one connection as a browser does.
fn look_again_and_again(
    addr: SocketAddr,
    proof: &str,
    number: u64,
    heard: &Receiver<()>,
    stage: &Stage,
) {
    let request = format!("GET /console/v1/overview?page=1 HTTP/1.1\r\nHost: a\r\n{proof}\r\n");
    let mut connection = BufReader::new(TcpStream::connect(addr).unwrap());
    loop {
        if heard.recv_timeout(ROUND).is_ok() {
            // Not all of them in the same moment.
            thread::sleep(SOON + Duration::from_millis(number * SPREAD / CONSOLES as u64));
            while heard.try_recv().is_ok() {}
        }
        if !stage.is_open.load(Ordering::Relaxed) {
            continue;
        }
        connection.get_mut().write_all(request.as_bytes()).unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            connection.read_line(&mut line).unwrap();
            if let Some(told) = line.to_lowercase().strip_prefix("content-length: ") {
                length = told.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut page = vec![0; length];
        connection.read_exact(&mut page).unwrap();
        assert!(page.starts_with(b"{\"counts\":{\"all\":"));
        stage.pages.fetch_add(1, Ordering::Relaxed);
    }
}

/// Has WeChat drop one token after the other, and reports each, as often as their lives would have it.
fn lose_tokens(addr: SocketAddr, wechat: SocketAddr, key: &str, stage: &Stage) {
    let bearer = format!("Authorization: Bearer {key}\r\n");
    for number in (0..ACCOUNTS).map(|number| number * 7 % ACCOUNTS).cycle() {
        thread::sleep(ROTATIONS);
        if !stage.is_open.load(Ordering::Relaxed) {
            continue;
        }
        let path = format!("/v1/accounts/{}/token", appid(number));
        let token = http(addr, "GET", &path, &bearer, "");
        let token = token.split_once("\"access_token\":\"").unwrap().1.split('"').next().unwrap();
        http(wechat, "POST", &format!("/__sandbox/apps/{}/revoke", appid(number)), "", "{}");
        let report = format!(r#"{{"access_token":"{token}"}}"#);
        let answer = http(addr, "POST", &format!("{path}/report-invalid"), &bearer, &report);
        assert!(answer.contains("\"outcome\":\"rotated\""), "{answer}");
        stage.rotations.fetch_add(1, Ordering::Relaxed);
    }
}

fn until_all_are_good(addr: SocketAddr, key: &str) {
    let bearer = format!("Authorization: Bearer {key}\r\n");
    let begun = Instant::now();
    // Another one is the demo's.
    let all = format!("\"good\":{}", ACCOUNTS + 1);
    while !http(addr, "GET", "/v1/overview?limit=1", &bearer, "").contains(&all) {
        assert!(begun.elapsed() < Duration::from_mins(5), "not all accounts have a token");
        thread::sleep(Duration::from_millis(250));
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
