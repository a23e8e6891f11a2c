//! `kill -9` at any moment of a rotation whose companion upstream gives once: the one that is stored works afterwards.
//!
//! The child is an engine on a file; the parent is the upstream, which outlives it. Upstream is at its worst: each answer
//! brings another companion, and the one before is accepted for a grace only. Tokens live a tenth of their nominal life, so
//! the grace is half a minute.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::{
    Class, Clock, Failure, Instant, Issued, Issuer, NodeId, Policy, Profile, Registry, Renewal,
    Secret, Store, SystemClock, Token, Verdict, Way,
};
use tokio::time::sleep;

use crate::support::*;

/// The machine's clock, which the engine goes by.
fn now() -> Instant {
    SystemClock::new().now().instant
}

const CREDENTIALS: usize = 24;

const LIFE: Duration = Duration::from_secs(720);
const GRACE: Duration = Duration::from_secs(30);

/// The first part of a companion: what is looked for where it must not be.
const MARK: &str = "refreshtoken@@@";

/// The port of the upstream, for the child.
const PORT: &str = "LINGPAI_STORE_TEST_UPSTREAM";

/// One credential at the upstream.
#[derive(Default)]
struct Line {
    issued: u64,
    grace: HashMap<u64, Instant>,
}

#[derive(Default)]
struct Upstream {
    lines: Mutex<HashMap<String, Line>>,
    fetches: AtomicU64,
    refused: AtomicU64,
}

impl Upstream {
    /// Takes connections until the test ends: a name and the number of its companion, answered by the next number.
    fn listen() -> (Arc<Self>, u16) {
        let upstream = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = Arc::clone(&upstream);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let upstream = Arc::clone(&serving);
                std::thread::spawn(move || upstream.answer(&connection));
            }
        });
        (upstream, port)
    }

    fn answer(&self, connection: &TcpStream) {
        let mut line = String::new();
        if BufReader::new(connection).read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let Some((name, companion)) = line.trim().split_once(' ') else { return };
        let next = self.next(name, companion.parse().unwrap());
        // The client may be dead by now.
        std::thread::sleep(Duration::from_millis(3));
        let _ = writeln!(&mut &*connection, "{}", next.unwrap_or_default());
    }

    fn next(&self, name: &str, companion: u64) -> Option<u64> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        if !self.accepts(name, companion) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let mut lines = self.lines.lock().unwrap();
        let line = lines.entry(name.to_owned()).or_default();
        let latest = line.issued;
        line.grace.entry(latest).or_insert_with(|| now() + GRACE);
        line.issued += 1;
        Some(line.issued)
    }

    fn accepts(&self, name: &str, companion: u64) -> bool {
        let lines = self.lines.lock().unwrap();
        let Some(line) = lines.get(name) else { return companion == 0 };
        let in_grace = line.grace.get(&companion).is_some_and(|until| now() < *until);
        companion == line.issued || in_grace
    }

    fn latest(&self, name: &str) -> u64 {
        self.lines.lock().unwrap().get(name).map_or(0, |line| line.issued)
    }
}

/// The way to it, for one credential.
#[derive(Debug)]
struct Client {
    name: String,
    port: u16,
}

#[async_trait]
impl Issuer for Client {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: Duration::from_secs(7200),
            // What could be lost is the companion alone.
            primary: Renewal::Repeating,
            forced: None,
            fallback: None,
            daily_budget: 1_000_000,
            given_once: true,
        }
    }

    async fn issue(&self, _way: Way, companion: Option<&Secret>) -> Result<Issued, Failure> {
        let companion = companion.map_or("0", |known| &known.expose()[MARK.len()..]).to_owned();
        let (name, port) = (self.name.clone(), self.port);
        let asked = move || -> std::io::Result<String> {
            let mut connection = TcpStream::connect(("127.0.0.1", port))?;
            writeln!(connection, "{name} {companion}")?;
            let mut answer = String::new();
            BufReader::new(connection).read_line(&mut answer)?;
            Ok(answer.trim().to_owned())
        };
        match tokio::task::spawn_blocking(asked).await.unwrap() {
            Ok(answer) if answer == "0" => {
                Err(Failure::new(Class::NeedsPerson, "refresh_token is invalid"))
            }
            Ok(answer) => Ok(Issued::new(Secret::from(format!("T{answer}")), LIFE)
                .with_companion(Secret::from(format!("{MARK}{answer}")))),
            Err(error) => Err(Failure::new(Class::Transient, error.to_string()).perhaps_reached()),
        }
    }

    async fn check(&self, _token: &Token) -> Verdict {
        Verdict::Accepted
    }
}

fn name(number: usize) -> String {
    format!("wx{number}")
}

/// What the store holds of each credential: the companion, and whether a fetch is unfinished.
async fn stored(directory: &tempfile::TempDir) -> HashMap<String, (u64, bool)> {
    let store = open(directory).await.unwrap();
    let records = store.load().await.unwrap();
    let all = records.into_iter().map(|record| {
        assert_eq!(record.failure, None, "{}", record.credential);
        let companion = record.token.and_then(|token| token.companion);
        let companion = companion.map_or(0, |known| known.expose()[MARK.len()..].parse().unwrap());
        (record.credential.account.to_string(), (companion, record.intent.is_some()))
    });
    let all = all.collect();
    store.close().await;
    all
}

#[tokio::test]
async fn the_stored_companion_works_whenever_the_process_is_killed_soak() {
    let kills = if std::env::var_os("LINGPAI_SOAK").is_some() { 400 } else { 25 };
    let directory = directory();
    let (upstream, port) = Upstream::listen();
    let program = std::env::current_exe().unwrap();
    let start = || {
        let mut command =
            child(&program, "once_crash::rotates_until_it_is_killed", directory.path());
        command.env(PORT, port.to_string()).spawn().unwrap()
    };
    let (mut random, mut cut_off) = (7_u32, 0);
    for kill in 0..kills {
        let mut child = start();
        let before = upstream.fetches.load(Ordering::Relaxed);
        while upstream.fetches.load(Ordering::Relaxed) < before + 20 {
            assert_eq!(child.try_wait().unwrap(), None, "the child ended by itself");
            sleep(Duration::from_millis(1)).await;
        }
        // Anywhere in a rotation: while upstream answers, while the store commits, just after.
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        sleep(Duration::from_micros(u64::from(random >> 18))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, (companion, unfinished)) in stored(&directory).await {
            assert!(
                upstream.accepts(&name, companion),
                "{name} after kill {kill}: {companion} is stored, {} is the latest",
                upstream.latest(&name)
            );
            cut_off += u32::from(unfinished);
        }
    }
    // A process that is left alone settles what the killed ones left behind.
    let mut child = start();
    let settled = now() + 2 * GRACE;
    while now() < settled {
        sleep(Duration::from_millis(500)).await;
        assert_eq!(upstream.refused.load(Ordering::Relaxed), 0, "a dead companion was sent");
        if stored(&directory).await.values().all(|(_, unfinished)| !unfinished) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(upstream.refused.load(Ordering::Relaxed), 0, "a dead companion was sent");
    let fetches = upstream.fetches.load(Ordering::Relaxed);
    println!("{kills} kills, {fetches} fetches, {cut_off} found unfinished");
    assert!(cut_off >= kills / 2, "only {cut_off} fetches were cut off");
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let found = bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes());
        assert!(!found, "a companion is stored in clear");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotates_until_it_is_killed() {
    let Some(directory) = childs_directory() else { return };
    let port = std::env::var(PORT).unwrap().parse().unwrap();
    let store = Arc::new(open_in(&directory).await.unwrap());
    let node: NodeId = store.node().clone();
    let clock = Arc::new(SystemClock::new());
    let registry = Registry::open(store, clock, node).await.unwrap();
    let policy = Arc::new(Policy::default());
    let keepers = (0..CREDENTIALS).map(|number| {
        let issuer = Arc::new(Client { name: name(number), port });
        registry.manage(credential(&name(number)), issuer, Arc::clone(&policy))
    });
    let asking = keepers.map(|keeper| {
        tokio::spawn(async move {
            loop {
                // Too soon after the last, most of the time.
                let _ = keeper.rotate().await;
                sleep(Duration::from_millis(50)).await;
            }
        })
    });
    for asking in asking.collect::<Vec<_>>() {
        let _ = asking.await;
    }
}
