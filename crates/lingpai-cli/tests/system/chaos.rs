//! Three nodes on one Redis, and everything that can be broken, at random, while clients call WeChat all the time.
//!
//! What is broken is decided by a seed, which is printed: `LINGPAI_SEED=N` breaks the same again. `docs/reliability.md` has
//! the figures of the last long runs, and the bounds.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lingpai_sandbox::{Fault, FaultKind};
use lingpai_store::conformance::RedisServer;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{Instant, sleep, timeout};

use crate::cable::{Cable, Passage};
use crate::node::{Home, Node, WeChat, answer, appid, soaking};

const ACCOUNTS: usize = 120;
const NODES: usize = 3;

/// 360 s: of a real token's life the twentieth, so that its overlap (15 s) is longer than the lease (8 s), as it is in real life.
const LIFE: Duration = Duration::from_secs(360);

/// How long a node is stopped: longer than the lease.
const STOPPED: Duration = Duration::from_secs(10);

/// After how long a client turns to another node.
const PATIENCE: Duration = Duration::from_millis(700);

/// How long at most it takes a client that tries again at once to get a token that WeChat accepts: the bound that
/// `docs/reliability.md` states.
const REPAIRED: Duration = Duration::from_secs(3);

/// For how long after it is whole again a node may not have heard what it has missed. With what it does not know of, it may
/// give out a token that was replaced more than an overlap ago: the other bound.
const HEARS: Duration = Duration::from_secs(5);

/// Dice that a seed repeats.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides
    }

    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        least + Duration::from_millis(self.throw((most - least).as_millis() as u64 + 1))
    }
}

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Breakage {
    NodeKilled,
    NodeStopped,
    RedisKilled,
    RedisStopped,
    RedisFlushed,
    /// A replica takes over that has missed the last seconds.
    Failover,
    CableCut,
    CableBlocked,
    CableRefused,
    CableSlow,
}

use Breakage as B;

impl Breakage {
    const ALL: [Self; 10] = [
        B::NodeKilled,
        B::NodeStopped,
        B::RedisKilled,
        B::RedisStopped,
        B::RedisFlushed,
        B::Failover,
        B::CableCut,
        B::CableBlocked,
        B::CableRefused,
        B::CableSlow,
    ];

    fn is_of_redis(self) -> bool {
        matches!(self, B::RedisKilled | B::RedisStopped | B::RedisFlushed | B::Failover)
    }

    fn is_of_a_node(self) -> bool {
        matches!(self, B::NodeKilled | B::NodeStopped)
    }

    /// Whether a node does not hear what others store meanwhile, this one or all.
    fn deafens(self) -> bool {
        self.is_of_redis() || !matches!(self, B::NodeKilled)
    }
}

/// What is broken, since when and until when.
struct Broken {
    what: Breakage,
    node: usize,
    since: Instant,
    until: Instant,
}

impl Broken {
    /// Whether that is why this node gave out a dead token at this time.
    fn explains(&self, refusal: &Refusal) -> bool {
        let concerns = self.what.is_of_redis() || self.node == refusal.node;
        self.what.deafens()
            && concerns
            && self.since <= refusal.at
            && refusal.at <= self.until + HEARS
    }
}

/// A token that a node gave out and WeChat refused.
#[derive(Debug)]
struct Refusal {
    at: Instant,
    node: usize,
    token: String,
    what: String,
}

struct Chaos<'a> {
    homes: &'a [Arc<Home>],
    nodes: Vec<Option<Node<'a>>>,
    cables: &'a [Cable],
    /// The master and the replica.
    redis: [RedisServer; 2],
    broken: Vec<Broken>,
    /// The nodes that were killed and do not answer again yet.
    starting: [bool; NODES],
    counts: BTreeMap<Breakage, u32>,
    /// What was broken and is mended.
    mended: Vec<Broken>,
}

impl Chaos<'_> {
    /// Breaks something that is whole, if at least one node stays unharmed by it.
    fn break_something(&mut self, dice: &mut Dice) {
        let what = Breakage::ALL[dice.throw(Breakage::ALL.len() as u64) as usize];
        let node = dice.throw(NODES as u64) as usize;
        let seconds = |least, most| (Duration::from_secs(least), Duration::from_secs(most));
        let (least, most) = match what {
            B::NodeKilled => seconds(1, 6),
            B::NodeStopped => (STOPPED, STOPPED + Duration::from_secs(4)),
            B::RedisKilled | B::RedisStopped | B::Failover => seconds(1, 6),
            B::CableBlocked | B::CableRefused | B::CableSlow => seconds(1, 8),
            B::RedisFlushed | B::CableCut => seconds(0, 0),
        };
        let since = Instant::now();
        let until = since + dice.between(least, most);
        let of_redis = self.broken.iter().any(|broken| broken.what.is_of_redis());
        let is_down = |node: usize| {
            let broken = |broken: &Broken| broken.what.is_of_a_node() && broken.node == node;
            self.starting[node] || self.broken.iter().any(broken)
        };
        let down = (0..NODES).filter(|node| is_down(*node)).count();
        let cable = |broken: &Broken| {
            !broken.what.is_of_redis() && !broken.what.is_of_a_node() && broken.node == node
        };
        let already = match what {
            what if what.is_of_redis() => of_redis,
            what if what.is_of_a_node() => is_down(node) || down + 1 == NODES,
            _ => self.broken.iter().any(cable),
        };
        if already {
            return;
        }
        match what {
            B::NodeKilled => {
                self.nodes[node].take().unwrap().kill();
                self.starting[node] = true;
            }
            B::NodeStopped => self.nodes[node].as_ref().unwrap().signal("STOP"),
            B::RedisKilled => block_in_place(|| self.redis[0].kill()),
            B::RedisStopped => self.redis[0].signal("STOP"),
            B::RedisFlushed => drop(block_in_place(|| self.redis[0].cli(&["FLUSHALL"]))),
            // What is written from now on, it misses.
            B::Failover => drop(block_in_place(|| self.redis[1].cli(&["REPLICAOF", "NO", "ONE"]))),
            B::CableCut => self.cables[node].cut(),
            B::CableBlocked => self.cables[node].set(Passage::Blocked),
            B::CableRefused => self.cables[node].set(Passage::Refused),
            B::CableSlow => self.cables[node].delay(Duration::from_millis(20 + dice.throw(400))),
        }
        *self.counts.entry(what).or_default() += 1;
        self.broken.push(Broken { what, node, since, until });
    }

    /// Mends what has been broken long enough.
    async fn mend(&mut self) {
        let now = Instant::now();
        let mended: Vec<Broken> =
            self.broken.extract_if(.., |broken| broken.until <= now).collect();
        for &Broken { what, node, .. } in &mended {
            match what {
                B::NodeKilled => self.nodes[node] = Some(self.homes[node].launch()),
                B::NodeStopped => self.nodes[node].as_ref().unwrap().signal("CONT"),
                B::RedisKilled => block_in_place(|| self.redis[0].start_again()),
                B::RedisStopped => self.redis[0].signal("CONT"),
                B::Failover => self.fail_over(),
                B::CableBlocked | B::CableRefused => self.cables[node].set(Passage::Free),
                B::CableSlow => self.cables[node].delay(Duration::ZERO),
                B::RedisFlushed | B::CableCut => {}
            }
        }
        self.mended.extend(mended);
        for (home, node) in self.homes.iter().zip(&mut self.nodes) {
            // One does not start while Redis is away; whoever runs it has it started again.
            if node.as_mut().is_some_and(Node::has_ended) {
                *node = Some(home.launch());
            }
        }
        for (home, starting) in self.homes.iter().zip(&mut self.starting).filter(|(_, is)| **is) {
            let answer = timeout(Duration::from_millis(100), home.get("/readyz")).await;
            *starting = !matches!(answer, Ok(Ok((200, _))));
        }
    }

    fn fail_over(&mut self) {
        self.redis.swap(0, 1);
        for cable in self.cables {
            cable.plug_into(self.redis[0].port());
        }
        self.replicate();
    }

    fn replicate(&self) {
        let port = self.redis[0].port().to_string();
        block_in_place(|| self.redis[1].cli(&["REPLICAOF", "127.0.0.1", &port]));
    }
}

/// What a client saw.
#[derive(Debug, Default)]
struct Seen {
    calls: u64,
    /// Tokens that WeChat refused whichever node gave them, and so were reported: what a fetch has replaced of which Redis has
    /// lost the trace, by a node that died over it.
    reported: BTreeMap<String, usize>,
    /// Times that no node gave a token.
    none: u64,
    /// The longest from a call that was refused, or had no token, to one that was accepted.
    longest: Duration,
    /// Calls that WeChat refused because of the token.
    refusals: Vec<Refusal>,
    /// What was out of bounds.
    late: Vec<String>,
}

impl Seen {
    fn and(mut self, other: Self) -> Self {
        self.calls += other.calls;
        self.none += other.none;
        self.longest = self.longest.max(other.longest);
        self.refusals.extend(other.refusals);
        self.reported.extend(other.reported);
        self.late.extend(other.late);
        self
    }
}

/// Asks WeChat's token-checking API with a token: the errcode.
async fn call_wechat(wechat: std::net::SocketAddr, token: &str) -> i64 {
    let mut stream = TcpStream::connect(wechat).await.unwrap();
    let path = format!("/cgi-bin/getcallbackip?access_token={token}");
    let head = format!("GET {path} HTTP/1.1\r\nHost: wechat\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (_, body) = answer(&mut stream).await.unwrap();
    serde_json::from_str::<Value>(&body).unwrap()["errcode"].as_i64().unwrap_or(0)
}

/// A client: the token of some account from some node, and a call with it; if that fails, once more at once from the next.
async fn client(
    homes: Arc<[Arc<Home>]>,
    wechat: std::net::SocketAddr,
    enough: Arc<AtomicBool>,
    mut dice: Dice,
    start: Instant,
) -> Seen {
    let mut seen = Seen::default();
    while !enough.load(Ordering::Relaxed) {
        let account = dice.throw(ACCOUNTS as u64) as usize;
        let first = dice.throw(NODES as u64) as usize;
        let begun = Instant::now();
        let mut troubles: Vec<String> = Vec::new();
        let mut refused = String::new();
        for attempt in 0.. {
            let node = (first + attempt) % NODES;
            match timeout(PATIENCE, homes[node].token(account)).await {
                Ok(Ok(token)) => {
                    seen.calls += 1;
                    let errcode = call_wechat(wechat, &token).await;
                    if errcode == 0 {
                        break;
                    }
                    let (at, seconds) = (Instant::now(), start.elapsed().as_secs());
                    let what =
                        format!("after {seconds} s: account {account} of node {node}: {errcode}");
                    troubles.push(what.clone());
                    if token == refused {
                        seen.reported.insert(token.clone(), account);
                        let report = homes[node].try_to_report(account, &token);
                        drop(timeout(PATIENCE, report).await);
                    }
                    refused.clone_from(&token);
                    seen.refusals.push(Refusal { at, node, token, what });
                }
                Ok(Err(why)) => troubles.push(format!("node {node}: {why}")),
                Err(_) => troubles.push(format!("node {node}: no answer")),
            }
            if attempt % NODES == NODES - 1 {
                seen.none += 1;
                sleep(Duration::from_millis(20)).await;
            }
            if begun.elapsed() > 4 * REPAIRED {
                break;
            }
        }
        if !troubles.is_empty() {
            let took = begun.elapsed();
            seen.longest = seen.longest.max(took);
            if took > REPAIRED {
                let at = begun.duration_since(start);
                seen.late.push(format!("at {at:?} account {account} took {took:?}: {troubles:?}"));
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
    seen
}

/// What the nodes logged of an account.
fn story(homes: &[Arc<Home>], account: usize) -> String {
    let mut lines = Vec::new();
    for (node, home) in homes.iter().enumerate() {
        let printed = home.printed();
        let of_account = printed.lines().filter(|line| line.contains(&appid(account)));
        lines.extend(of_account.map(|line| format!("{line} (node {node})")));
    }
    lines.sort();
    lines.join("\n")
}

async fn survive_chaos(mode: &str) {
    let seed = std::env::var("LINGPAI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("{mode}: LINGPAI_SEED={seed}");
    let mut dice = Dice(seed);
    let length = Duration::from_secs(if soaking() { 300 } else { 30 });

    let arguments =
        ["--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"];
    let redis = [(); 2].map(|()| RedisServer::start_with(&arguments));
    let wechat = WeChat::start(LIFE, ACCOUNTS).await;
    wechat.stagger(mode, ACCOUNTS, LIFE, LIFE / 18);
    wechat.world.with(|world, now| {
        let slow = FaultKind::Latency { milliseconds: 40 };
        world.fault(now, Fault::new(slow).on("*token")).unwrap();
    });
    let key = redis[0].directory().join("master.key");
    fs::write(&key, "5e".repeat(32)).unwrap();
    let mut cables = Vec::new();
    let mut homes = Vec::new();
    for _ in 0..NODES {
        let cable = Cable::to(redis[0].port()).await;
        let lines = format!(
            "call-deadline = \"900ms\"\nstore = \"redis://127.0.0.1:{}\"\nmaster-key = {{ file = \"{}\" }}",
            cable.port,
            key.display()
        );
        cables.push(cable);
        let home = block_in_place(|| {
            Home::new(&wechat, ACCOUNTS, mode, &lines, "fetch-deadline = \"1s\"")
        });
        homes.push(Arc::new(home));
    }
    let mut nodes = Vec::new();
    for home in &homes {
        nodes.push(Some(home.start().await));
    }
    let mut chaos = Chaos {
        homes: &homes,
        nodes,
        cables: &cables,
        redis,
        broken: Vec::new(),
        starting: [false; NODES],
        counts: BTreeMap::new(),
        mended: Vec::new(),
    };
    chaos.replicate();
    for home in &homes {
        for account in 0..ACCOUNTS {
            home.token(account).await.unwrap();
        }
    }
    let cold = wechat.fetches();

    let start = Instant::now();
    let enough = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..4 {
        let homes: Arc<[_]> = homes.clone().into();
        clients.spawn(client(homes, wechat.addr, Arc::clone(&enough), Dice(seed ^ number), start));
    }
    let mut next = start + Duration::from_secs(1);
    while start.elapsed() < length {
        if Instant::now() >= next {
            chaos.break_something(&mut dice);
            next =
                Instant::now() + dice.between(Duration::from_millis(300), Duration::from_secs(2));
        }
        chaos.mend().await;
        sleep(Duration::from_millis(50)).await;
    }
    while !chaos.broken.is_empty() || chaos.starting.contains(&true) {
        chaos.mend().await;
        sleep(Duration::from_millis(50)).await;
    }
    // Whoever was started last is given the time to come up, and all to hear of each other.
    sleep(Duration::from_secs(5)).await;
    enough.store(true, Ordering::Relaxed);
    let seen = clients.join_all().await.into_iter().fold(Seen::default(), Seen::and);

    let lasted = start.elapsed();
    let faults: u32 = chaos.counts.values().sum();
    let lead = if mode == "classic" { LIFE.mul_f64(0.0917) } else { LIFE / 30 };
    let lives = lasted.as_secs_f64() / (LIFE - lead).as_secs_f64();
    let needed = (ACCOUNTS as f64 * lives).ceil() as u64;
    let fetches = wechat.fetches() - cold;
    println!("{mode}: {faults} faults in {} s: {:?}", lasted.as_secs(), chaos.counts);
    println!(
        "{mode}: {} calls, {} refused because of the token, {} rounds without a token, longest until repaired {:?}; \
         {} tokens reported; {fetches} fetches, about {needed} needed without faults, {cold} at the start",
        seen.calls,
        seen.refusals.len(),
        seen.none,
        seen.longest,
        seen.reported.len(),
    );
    for account in seen.reported.values() {
        println!("{}", story(&homes, *account));
    }
    assert!(seen.late.is_empty(), "{:#?}", seen.late);
    let unexplained = |refusal: &&Refusal| {
        !seen.reported.contains_key(&refusal.token)
            && !chaos.mended.iter().any(|broken| broken.explains(refusal))
    };
    let unexplained = seen.refusals.iter().filter(unexplained).map(|refusal| &refusal.what);
    let unexplained: Vec<_> = unexplained.collect();
    assert!(unexplained.is_empty(), "from nodes that hear of each other: {unexplained:#?}");
    let allowed = needed + 10 * u64::from(faults);
    assert!(fetches <= allowed, "{fetches} fetches, {allowed} allowed");
    for home in &homes {
        for account in 0..ACCOUNTS {
            let token = home.token(account).await.unwrap_or_else(|body| panic!("no token: {body}"));
            assert!(
                wechat.accepts(&token),
                "account {account}: {:?}",
                wechat.world.verdict(&token)
            );
        }
    }
    for node in chaos.nodes.into_iter().flatten() {
        node.end().await;
    }
    assert!(!chaos.counts.is_empty() && seen.calls > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_chaos_fails_no_classic_call_for_longer_than_the_bound() {
    survive_chaos("classic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_chaos_fails_no_stable_call_for_longer_than_the_bound() {
    survive_chaos("stable").await;
}
