//! Forwarding calls beside nginx and HAProxy: CPU time, added latency, uploads, memory.
//!
//! `cargo xtask bench gateway`, which installs both. Linux only, on two cores.

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
use std::time::Duration;

use common::load::Pace;
use common::nginx::Bodies;
use common::node::{Home, ask};
use common::process::{Process, move_beside};
use common::upstream::Upstream;
use common::{Contender, Result, Turns, haproxy, machine, mebibytes, nginx, take_turns};
use lingpai_sandbox::DEMO_APPID;

const FAST: Turns =
    Turns { pace: Pace::Saturated, connections: 64, rounds: 9, each: Duration::from_millis(1500) };
/// Far below what any contender can do, so that latency is not queueing.
const CALM: Turns = Turns { pace: Pace::PerSecond(1000), ..FAST };
const UPLOADS: Turns = Turns { connections: 8, rounds: 7, ..FAST };
/// The size of each body.
const UPLOAD: usize = 50 << 20;

const LINGPAI: &str = "**the gateway**";
const STREAMING: &str = "**the gateway**, `replay-limit = \"0KiB\"`";
const NGINX: &str = "nginx";
const NGINX_AGAIN: &str = "nginx, another process (A/A)";
const KEEPING: &str = "nginx, `proxy_request_buffering on`";
const HAPROXY: &str = "HAProxy";
const DIRECT: &str = "nobody in between";

/// One client that does all of this is within these bounds.
const SETTINGS: &str = "[gateway]\ncalls-per-minute = 1000000000\ncalls-at-once = 1000";

fn main() {
    println!("{}\n", machine());
    move_beside();
    let folder = tempfile::tempdir().unwrap();
    let folder = |name| folder.path().join(name);
    let upstream = Upstream::new(&some_json());
    let forward = |name, bodies| nginx::forwarding(&folder(name), upstream.addr, bodies);
    let [nginx, again] = ["a", "b"].map(|name| forward(name, Bodies::Stream));
    let keeping = forward("c", Bodies::Kept);
    let haproxy = haproxy::forwarding(&folder("d"), upstream.addr);
    let node = Node::start(&folder("e"), &upstream, "");
    let streaming = Node::start(&folder("f"), &upstream, "replay-limit = \"0KiB\"");

    let get = |name, server, token| call(name, server, &upstream, token);
    let contenders = [
        get(HAPROXY, &haproxy, "x"),
        get(LINGPAI, &node.process, &node.token),
        get(NGINX, &nginx, "x"),
        get(NGINX_AGAIN, &again, "x"),
        Contender { to: upstream.addr, ..get(DIRECT, &nginx, "x") },
    ];
    print_calls(&take_turns(&contenders, FAST), FAST);
    print_calls(&take_turns(&contenders, CALM), CALM);

    let post = |name, server, token| upload(name, server, &upstream, token);
    let contenders = [
        post(HAPROXY, &haproxy, "x"),
        post(LINGPAI, &node.process, &node.token),
        post(STREAMING, &streaming.process, &streaming.token),
        post(NGINX, &nginx, "x"),
        post(NGINX_AGAIN, &again, "x"),
        post(KEEPING, &keeping, "x"),
    ];
    let before: Vec<u64> = contenders.iter().map(|contender| contender.server.memory()).collect();
    let results = take_turns(&contenders, UPLOADS);
    print_uploads(&contenders, &results, &before);
}

/// A Lingpai in front of the upstream, and a virtual token for it.
struct Node {
    process: Process,
    token: String,
}

impl Node {
    fn start(folder: &Path, upstream: &Upstream, more: &str) -> Self {
        let settings = format!("{SETTINGS}\n{more}");
        let may = ["--right", "gateway", "--account", DEMO_APPID];
        let home = Home::beside(folder, upstream.addr, &settings, &may);
        let process = home.start();
        let fetch = || ask(process.addr, &home.drop_in_request()).1;
        let said: serde_json::Value = serde_json::from_str(&upstream.serve_during(fetch)).unwrap();
        let token = said["access_token"].as_str().unwrap().to_owned();
        Self { process, token }
    }
}

/// A call without a body.
fn call<'a>(
    name: &'static str,
    server: &'a Process,
    upstream: &'a Upstream,
    token: &str,
) -> Contender<'a> {
    let request = request("GET", "/cgi-bin/user/get", token, "");
    let (to, upstream) = (server.addr, Some(upstream));
    Contender { name, server, to, request, body: 0, upstream, against: NGINX }
}

/// A call with a large one.
fn upload<'a>(
    name: &'static str,
    server: &'a Process,
    upstream: &'a Upstream,
    token: &str,
) -> Contender<'a> {
    let length = format!("Content-Length: {UPLOAD}\r\n");
    let request = request("POST", "/cgi-bin/media/upload", token, &length);
    Contender { request, body: UPLOAD, ..call(name, server, upstream, token) }
}

/// As an SDK writes it.
fn request(method: &str, path: &str, token: &str, headers: &str) -> Vec<u8> {
    let headers = format!(
        "Host: api.weixin.qq.com\r\nUser-Agent: python-requests/2.32.3\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n{headers}"
    );
    format!("{method} {path}?access_token={token} HTTP/1.1\r\n{headers}\r\n").into_bytes()
}

/// A list of users, of 1 KiB.
fn some_json() -> String {
    let users = vec!["\"o6_bmjrPTlm6_2sgVt7hMZOPfL2M\""; 31].join(",");
    format!(r#"{{"total":31,"count":31,"data":{{"openid":[{users}]}},"next_openid":""}}"#)
}

fn print_calls(results: &[Result], turns: Turns) {
    let Turns { pace, connections, rounds, each } = turns;
    let direct = results.iter().find(|result| result.name == DIRECT).unwrap().figures;
    println!("{connections} connections, {pace:?}, {rounds} rounds of {each:?}\n");
    println!(
        "| | CPU us/request | to nginx | requests/s | p50 us | added | p99 us | p99 to nginx |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for Result { name, figures, ratios } in results {
        println!(
            "| {name} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {:.2} |",
            figures.cpu,
            ratios.cpu,
            figures.rate,
            figures.median,
            figures.median - direct.median,
            figures.p99,
            ratios.p99
        );
    }
    println!();
}

fn print_uploads(contenders: &[Contender<'_>], results: &[Result], before: &[u64]) {
    let size = mebibytes(UPLOAD as u64);
    let Turns { connections, rounds, each, .. } = UPLOADS;
    println!("{connections} uploads of {size} MiB at once, {rounds} rounds of {each:?}\n");
    println!("| | MiB/s | to nginx | CPU ms/GiB | to nginx | MiB before | MiB at most |");
    println!("|---|---|---|---|---|---|---|");
    for ((contender, Result { name, figures, ratios }), before) in
        contenders.iter().zip(results).zip(before)
    {
        println!(
            "| {name} | {:.0} | {:.2} | {:.0} | {:.2} | {:.1} | {:.1} |",
            figures.rate * size,
            ratios.rate,
            figures.cpu / 1e3 * 1024.0 / size,
            ratios.cpu,
            mebibytes(*before),
            mebibytes(contender.server.most_memory()),
        );
    }
}
