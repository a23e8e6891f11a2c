//! What 100,000 accounts cost: memory, start-up from SQLite, and a steady 139 rotations a second.
//!
//! `cargo bench -p lingpai-core --bench scale [-- [pairs] ACCOUNTS]`; with `pairs` what as many authorizers of a third-party
//! platform cost, whose tokens come with a companion that upstream gives once. Each figure comes from a process of its own, so that none
//! inherits another's heap. Memory is what a start with the accounts takes above a start with none. Files are written
//! into the temporary directory (`TMPDIR`).

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench measures time, prints, and may fail loudly"
)]

#[allow(dead_code, reason = "each bench uses its part of it")]
mod common;

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use common::{machine, middle, process_cpu};
use lingpai_core::rotation::Rotation;
use lingpai_core::store::{Begun, Claim, Commit, Record};
use lingpai_core::{
    Account, Clock, CredentialId, Directory, Failure, Generation, Issued, Issuer, Keeper, NodeId,
    Policy, Profile, Registry, Renewal, Secret, Store, SystemClock, Timestamp, Token, Verdict, Way,
};
use lingpai_store::{KeySource, MemoryStore, SqliteOptions, SqliteStore};

const ROUNDS: usize = 5;
const WINDOWS: usize = 7;
const WINDOW: Duration = Duration::from_secs(6);

/// An appid, a secret, a token and when it ends.
const PAYLOAD: usize = 18 + 32 + 157 + 8;

/// The life that real tokens have.
const LONG: Duration = Duration::from_secs(7200);

/// A life at which 100,000 accounts are as busy as a million are at the real one: 139 rotations a second, since each
/// token is renewed 719 s after it was issued, its lead taken off.
const SHORT: Duration = Duration::from_secs(741);
const CYCLE: Duration = Duration::from_secs(719);

/// How many bytes of payload an authorizer has besides: its refresh token.
const COMPANION: usize = 64;

/// After how long an authorizer's token is renewed at the latest: its lead is taken off. If ages are even up to this, those
/// past their time are renewed at the start, and as many as that is a share of become due in each minute that follows, for
/// over an hour.
const LATEST: Duration = Duration::from_secs(7200 - 600);

/// Their refreshes are counted by the minute.
const MINUTES: usize = 8;
const MINUTE: Duration = Duration::from_secs(60);

/// So many authorizers that came together are watched at lives of a 120th, for what are twenty-six hours of real ones.
const CAME_TOGETHER: usize = 10_000;
const BRIEF: Duration = Duration::from_secs(60);
const LIVES: usize = 13;
/// Of a life, as ten minutes are of two hours.
const TWELFTHS: usize = 12;

/// Whether the accounts are authorizers.
static PAIRS: AtomicBool = AtomicBool::new(false);

/// How long upstream accepts a token that it has replaced.
const OVERLAP: Duration = Duration::from_secs(300);

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments.first() == Some(&"pairs") {
        arguments.remove(0);
        PAIRS.store(true, Ordering::Relaxed);
    }
    let number = |text: &str| text.parse::<usize>().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match *arguments {
        [] if are_pairs() => authorizers(100_000),
        [accounts] if are_pairs() => authorizers(number(accounts)),
        [] => all(100_000),
        [accounts] => all(number(accounts)),
        ["fill", file, accounts, life] => runtime.block_on(async {
            let store = sqlite(file).await;
            let accounts: Vec<Account> = (0..number(accounts)).map(account).collect();
            store.put_accounts(&accounts).await.unwrap();
            let cycle = (*life == *"spread").then_some(LATEST);
            let life = life.parse().map_or(LONG, Duration::from_secs);
            let cycle = cycle.or((life == SHORT).then_some(CYCLE));
            fill(&store, accounts.len(), life, cycle).await;
            store.close().await;
        }),
        ["strings", accounts] => strings(number(accounts)),
        ["start", file] => runtime.block_on(start(file)),
        ["steady", "sqlite", file] => runtime.block_on(async {
            let store = sqlite(file).await;
            let accounts = store.accounts().await.unwrap();
            steady(store, accounts).await;
        }),
        ["together", file] => runtime.block_on(async {
            let store = sqlite(file).await;
            let accounts = store.accounts().await.unwrap();
            together(store, accounts).await;
        }),
        ["steady", "memory", accounts] => runtime.block_on(async {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let accounts: Vec<Account> = (0..number(accounts)).map(account).collect();
            fill(&store, accounts.len(), SHORT, Some(CYCLE)).await;
            steady(store, accounts).await;
        }),
        _ => panic!("not understood: {arguments:?}"),
    }
}

/// Every figure, one after the other.
fn all(accounts: usize) {
    println!("{}, {accounts} accounts of {PAYLOAD} B of payload\n", machine());
    sizes();

    let directory = tempfile::tempdir().unwrap();
    let file = |name| directory.path().join(name).to_str().unwrap().to_owned();
    let (none, long, short) = (file("none.db"), file("long.db"), file("short.db"));
    let count = accounts.to_string();

    part(&["fill", &none, "0", &LONG.as_secs().to_string()]);
    part(&["fill", &long, &count, &LONG.as_secs().to_string()]);
    let (mut strings, mut starts, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let above = |with: f64, without: f64| (with - without) / accounts as f64 - PAYLOAD as f64;
        let (kept, nothing) = (part(&["strings", &count]), part(&["strings", "0"]));
        strings.push(vec![above(kept[0][0], nothing[0][0])]);
        let (kept, nothing) = (part(&["start", &long]), part(&["start", &none]));
        memory.push(vec![above(kept[0][6], nothing[0][6])]);
        starts.extend(kept);
    }
    println!("median of {ROUNDS} starts, and of {WINDOWS} windows of {} s\n", WINDOW.as_secs());
    println!("| what | median | quartiles | target |");
    println!("|---|---|---|---|");
    row("start-up from SQLite: file opened", &starts, 0, "s", 3, "");
    row("accounts read", &starts, 1, "s", 3, "");
    row("tokens read", &starts, 2, "s", 3, "");
    row("all kept", &starts, 3, "s", 3, "");
    row("**start-up in all**", &starts, 4, "s", 2, "under 2 s");
    row("of it CPU", &starts, 5, "s", 2, "");
    row("**memory an account above the payload**", &memory, 0, "B", 0, "under 600 B");
    row("the same of a `HashMap` of plain strings", &strings, 0, "B", 0, "");
    row("nothing due: CPU, share of one core", &starts, 7, "%", 3, "");

    part(&["fill", &short, &count, &SHORT.as_secs().to_string()]);
    for (name, arguments) in
        [("memory", ["steady", "memory", &count]), ("SQLite", ["steady", "sqlite", &short])]
    {
        let windows = part(&arguments);
        row(&format!("steady on the {name} store: rotations a second"), &windows, 0, "", 0, "");
        row("CPU for each rotation", &windows, 1, "us", 0, "");
        row("**CPU, share of one core**", &windows, 2, "%", 1, "");
    }
}

/// What authorizers cost: their memory, and their refreshes at the life that they have.
fn authorizers(accounts: usize) {
    let payload = PAYLOAD + COMPANION;
    println!("{}, {accounts} authorizers of {payload} B of payload\n", machine());
    let directory = tempfile::tempdir().unwrap();
    let file = |name| directory.path().join(name).to_str().unwrap().to_owned();
    let (none, long, spread) = (file("none.db"), file("long.db"), file("spread.db"));
    let count = accounts.to_string();
    let life = LONG.as_secs().to_string();
    part(&["pairs", "fill", &none, "0", &life]);
    part(&["pairs", "fill", &long, &count, &life]);
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (kept, nothing) = (part(&["pairs", "start", &long]), part(&["pairs", "start", &none]));
        let above = (kept[0][6] - nothing[0][6]) / accounts as f64;
        memory.push(vec![above, above - payload as f64]);
        starts.extend(kept);
    }
    part(&["pairs", "fill", &spread, &count, "spread"]);
    let windows = part(&["pairs", "steady", "sqlite", &spread]);
    println!("| what | median | quartiles | target |");
    println!("|---|---|---|---|");
    row("start-up from SQLite", &starts, 4, "s", 2, "");
    row("memory an authorizer", &memory, 0, "B", 0, "");
    row("the same above the payload", &memory, 1, "B", 0, "");
    row("nothing due: CPU, share of one core", &starts, 7, "%", 3, "");
    row("refreshes a second", &windows, 0, "", 1, "");
    row("CPU for each", &windows, 1, "us", 0, "");
    row("CPU, share of one core", &windows, 2, "%", 2, "");
    let minutes: Vec<_> =
        windows.iter().map(|window| (window[0] * MINUTE.as_secs_f64()).round()).collect();
    println!("\nrefreshes in each of {MINUTES} minutes: {minutes:?}");

    let together = file("together.db");
    let count = CAME_TOGETHER.to_string();
    part(&["pairs", "fill", &together, &count, &BRIEF.as_secs().to_string()]);
    println!(
        "\n{count} that came together, lives of {} s: refreshes in each twelfth of a life",
        BRIEF.as_secs()
    );
    for (name, twelfths) in
        ["the first", "the thirteenth"].iter().zip(part(&["pairs", "together", &together]))
    {
        println!("{name}: {twelfths:?}");
    }
}

fn row(name: &str, rounds: &[Vec<f64>], index: usize, unit: &str, digits: usize, target: &str) {
    let (median, (low, high)) = middle(rounds.iter().map(|round| round[index]).collect());
    let quartiles = format!("{low:.digits$} to {high:.digits$}");
    println!("| {name} | {median:.digits$} {unit} | {quartiles} | {target} |");
}

/// This program again, for one part. The figures it prints, line by line.
fn part(arguments: &[&str]) -> Vec<Vec<f64>> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{arguments:?} failed");
    let text = String::from_utf8(output.stdout).unwrap();
    let figures = |line: &str| line.split(' ').map(|figure| figure.parse().unwrap()).collect();
    text.lines().map(figures).collect()
}

fn sizes() {
    let sizes = [
        ("Keeper", size_of::<Keeper>()),
        ("Rotation (in it)", size_of::<Rotation>()),
        ("Profile (in it)", size_of::<Profile>()),
        ("Token", size_of::<Token>()),
        ("CredentialId", size_of::<CredentialId>()),
        ("Record (while starting)", size_of::<Record>()),
        ("Policy (shared here)", size_of::<Policy>()),
    ];
    let sizes = sizes.map(|(name, size)| format!("{name} {size} B"));
    println!("sizes: {}\n", sizes.join(", "));
}

/// The least that could be kept: what a small program would do.
fn strings(accounts: usize) {
    let entry = |n| {
        let account = account(n);
        let entry = (account.secret.expose().to_owned(), value(n), n as u64);
        (account.id.as_str().to_owned(), entry)
    };
    let kept: HashMap<String, (String, String, u64)> = (0..accounts).map(entry).collect();
    assert_eq!(black_box(&kept).len(), accounts);
    println!("{}", resident());
}

/// Starts as a server does, and stays for a while with nothing to do.
async fn start(file: &str) {
    let cpu = process_cpu();
    let started = Instant::now();
    let store = sqlite(file).await;
    let opened = started.elapsed();
    let accounts = store.accounts().await.unwrap();
    let listed = started.elapsed();
    let count = accounts.len();
    let registry = open(store).await;
    let loaded = started.elapsed();
    let fetches = manage(&registry, accounts, LONG);
    let kept = started.elapsed();
    let cpu = process_cpu() - cpu;
    let keepers = registry.keepers();
    assert!(keepers.iter().all(|keeper| keeper.token().is_some()));
    assert_eq!((keepers.len(), fetches.load(Ordering::Relaxed)), (count, 0));
    drop(keepers);

    tokio::time::sleep(Duration::from_secs(1)).await;
    let resident = resident() as f64;
    let idle = process_cpu();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let idle = (process_cpu() - idle).as_secs_f64() / 3.0;
    let phases = [opened, listed - opened, loaded - listed, kept - loaded, kept, cpu];
    let mut figures = phases.map(|phase| phase.as_secs_f64()).to_vec();
    figures.extend([resident, idle * 100.0]);
    print_figures(&figures);
}

/// Keeps accounts whose tokens come to their ends evenly spread, and looks at the CPU time that it takes.
async fn steady(store: Arc<dyn Store>, accounts: Vec<Account>) {
    let registry = open(store).await;
    let fetches = manage(&registry, accounts, if are_pairs() { LONG } else { SHORT });
    // What became due while everything was prepared.
    tokio::time::sleep(Duration::from_secs(if are_pairs() { 90 } else { 5 })).await;
    let (windows, window) = if are_pairs() { (MINUTES, MINUTE) } else { (WINDOWS, WINDOW) };
    for _ in 0..windows {
        let (started, cpu, from) = (Instant::now(), process_cpu(), fetches.load(Ordering::Relaxed));
        tokio::time::sleep(window).await;
        let (wall, cpu) = (started.elapsed(), process_cpu() - cpu);
        let rotations = (fetches.load(Ordering::Relaxed) - from) as f64;
        let (wall, cpu) = (wall.as_secs_f64(), cpu.as_secs_f64());
        print_figures(&[rotations / wall, cpu * 1e6 / rotations, cpu / wall * 100.0]);
    }
}

/// Keeps authorizers whose tokens are all of one age, and counts their refreshes in the first and in the last of some lives.
async fn together(store: Arc<dyn Store>, accounts: Vec<Account>) {
    let registry = open(store).await;
    let fetches = manage(&registry, accounts, BRIEF);
    for life in 1..=LIVES {
        let mut twelfths = Vec::new();
        for _ in 0..TWELFTHS {
            let from = fetches.load(Ordering::Relaxed);
            tokio::time::sleep(BRIEF / TWELFTHS as u32).await;
            twelfths.push((fetches.load(Ordering::Relaxed) - from) as f64);
        }
        if [1, LIVES].contains(&life) {
            print_figures(&twelfths);
        }
    }
}

fn print_figures(figures: &[f64]) {
    let figures: Vec<String> = figures.iter().map(f64::to_string).collect();
    println!("{}", figures.join(" "));
}

async fn sqlite(file: &str) -> Arc<SqliteStore> {
    let options = SqliteOptions::new(Path::new(file), KeySource::Beside);
    Arc::new(SqliteStore::open(options).await.unwrap())
}

async fn open(store: Arc<dyn Store>) -> Registry {
    Registry::open(store, Arc::new(SystemClock::new()), NodeId::new("bench")).await.unwrap()
}

/// Keeps every account, and counts the fetches from now on.
fn manage(registry: &Registry, accounts: Vec<Account>, life: Duration) -> Arc<AtomicU64> {
    let fetches = Arc::new(AtomicU64::new(0));
    let policy = Arc::new(Policy::default());
    for account in accounts {
        let credential = CredentialId::access_token(account.id.clone());
        let fetches = Arc::clone(&fetches);
        let issuer = Upstream { _account: account.id, _secret: account.secret, life, fetches };
        registry.manage(credential, Arc::new(issuer), Arc::clone(&policy));
    }
    fetches
}

fn are_pairs() -> bool {
    PAIRS.load(Ordering::Relaxed)
}

/// A companion as long as real ones are.
fn companion() -> Option<Secret> {
    are_pairs().then(|| Secret::from(format!("refreshtoken@@@{}", "q".repeat(COMPANION - 15))))
}

/// Gives the first `count` accounts tokens whose lives began at times spread evenly over a cycle, or just now.
async fn fill<S: Store + ?Sized>(
    store: &Arc<S>,
    count: usize,
    life: Duration,
    cycle: Option<Duration>,
) {
    const TOGETHER: usize = 256;
    let now = SystemClock::new().now().wall;
    let workers = (0..TOGETHER).map(|worker| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for n in (worker..count).step_by(TOGETHER) {
                let age = cycle.unwrap_or_default().mul_f64(n as f64 / count as f64);
                put_token(&*store, n, now - age, life).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}

async fn put_token<S: Store + ?Sized>(store: &S, n: usize, issued_at: Timestamp, life: Duration) {
    let claim = Claim {
        credential: CredentialId::access_token(account(n).id),
        node: NodeId::new("bench"),
        known: Generation(0),
        settles: None,
        way: Some(Way::Primary),
        at: issued_at,
        deadline: issued_at + Duration::from_secs(8),
        lease: Duration::from_secs(10),
    };
    let Begun::Granted { lease, .. } = store.begin(claim).await.unwrap() else {
        panic!("a new store grants every lease");
    };
    let token = Token {
        value: Secret::from(value(n)),
        generation: Generation(1),
        issued_at,
        expires_at: issued_at + life,
        full_life: life,
        way: Way::Primary,
        companion: companion(),
    };
    store.commit(Commit { lease, token, previous_until: None }).await.unwrap();
}

fn account(n: usize) -> Account {
    let id = format!("wx{n:016x}").parse().unwrap();
    Account::new(id, Secret::from(format!("{n:032x}")), Timestamp::default())
}

/// A token as long as real ones are.
fn value(n: usize) -> String {
    format!("75_{n:020}_{}", "q".repeat(133))
}

/// The resident memory of this process, in bytes. Read on Linux only.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes.map_or(0, |kilobytes| kilobytes.parse::<usize>().unwrap() * 1024)
}

/// An upstream that answers at once, as the stable call does in its last minutes.
#[derive(Debug)]
struct Upstream {
    _account: lingpai_core::AccountId,
    _secret: Secret,
    life: Duration,
    fetches: Arc<AtomicU64>,
}

#[async_trait]
impl Issuer for Upstream {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: LONG,
            primary: if are_pairs() {
                Renewal::Minting { overlap: OVERLAP }
            } else {
                Renewal::Windowed { window: OVERLAP, overlap: OVERLAP }
            },
            forced: None,
            fallback: None,
            daily_budget: 500,
            given_once: are_pairs(),
        }
    }

    async fn issue(&self, _: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let number = self.fetches.fetch_add(1, Ordering::Relaxed);
        let value = Secret::from(value(100_000_000 + number as usize));
        Ok(Issued { companion: companion(), ..Issued::new(value, self.life) })
    }

    async fn check(&self, _: &Token) -> Verdict {
        Verdict::Accepted
    }
}
