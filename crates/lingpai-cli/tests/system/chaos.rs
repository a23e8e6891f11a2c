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

use crate::blame::{Blame, Breakage, Breakage as B, Broken, Refusal, Stalls};
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
        let mut mended: Vec<Broken> =
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
        // That may have taken longer than was meant.
        mended.iter_mut().for_each(|broken| broken.until = Instant::now());
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
    /// From calls that were refused, or had no token, to one that was accepted.
    waits: Vec<Wait>,
    /// The longest that the simulated WeChat took for a call.
    wechat: Duration,
    /// Calls that WeChat refused because of the token.
    refusals: Vec<Refusal>,
}

/// How a client came by a call that was accepted, not at once.
#[derive(Debug)]
struct Wait {
    account: usize,
    /// From when until when each node was asked.
    asked: Vec<(Instant, Instant)>,
    troubles: Vec<String>,
}

impl Wait {
    /// How long the nodes let it wait.
    fn took(&self, stalls: &Stalls) -> Duration {
        let took = |&(from, until): &(Instant, Instant)| {
            (until - from).saturating_sub(stalls.between(from, until))
        };
        self.asked.iter().map(took).sum()
    }
}

impl Seen {
    fn and(mut self, other: Self) -> Self {
        self.calls += other.calls;
        self.none += other.none;
        self.waits.extend(other.waits);
        self.wechat = self.wechat.max(other.wechat);
        self.refusals.extend(other.refusals);
        self.reported.extend(other.reported);
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
        let (mut asked, mut troubles) = (Vec::new(), Vec::new());
        let mut refused = String::new();
        for attempt in 0.. {
            let node = (first + attempt) % NODES;
            let from = Instant::now();
            let answer = timeout(PATIENCE, homes[node].token(account)).await;
            let given = Instant::now();
            asked.push((from, given));
            match answer {
                Ok(Ok(token)) => {
                    seen.calls += 1;
                    let sent = Instant::now();
                    let errcode = call_wechat(wechat, &token).await;
                    seen.wechat = seen.wechat.max(sent.elapsed());
                    if errcode == 0 {
                        break;
                    }
                    let seconds = start.elapsed().as_secs();
                    let what =
                        format!("after {seconds} s: account {account} of node {node}: {errcode}");
                    troubles.push(what.clone());
                    if token == refused {
                        seen.reported.insert(token.clone(), account);
                        let from = Instant::now();
                        let report = homes[node].try_to_report(account, &token);
                        drop(timeout(PATIENCE, report).await);
                        asked.push((from, Instant::now()));
                    }
                    refused.clone_from(&token);
                    seen.refusals.push(Refusal { account, node, given, token, what });
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
            seen.waits.push(Wait { account, asked, troubles });
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

/// Why the nodes fetched, as they logged it, and how often.
fn causes(homes: &[Arc<Home>]) -> BTreeMap<String, u32> {
    let mut causes = BTreeMap::new();
    for home in homes {
        for line in home.printed().lines() {
            let cause = if line.contains("token rotated") {
                let words = line.split(' ');
                let why =
                    words.filter(|word| word.starts_with("reason=") || word.starts_with("way="));
                why.collect::<Vec<_>>().join(" ")
            } else if let Some((_, cause)) = line.split_once("one more fetch follows") {
                cause.split_once("cause=").map_or_else(String::new, |(_, cause)| cause.to_owned())
            } else {
                continue;
            };
            *causes.entry(cause).or_default() += 1;
        }
    }
    causes
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
    let stalls = Arc::new(Stalls::default());
    let watched = Arc::clone(&stalls);
    let watch = tokio::spawn(async move { watched.watch().await });
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

    watch.abort();

    let lasted = start.elapsed();
    let longest = seen.waits.iter().map(|wait| wait.took(&stalls)).max().unwrap_or_default();
    let faults: u32 = chaos.counts.values().sum();
    let lead = if mode == "classic" { LIFE.mul_f64(0.0917) } else { LIFE / 30 };
    let lives = lasted.as_secs_f64() / (LIFE - lead).as_secs_f64();
    let needed = (ACCOUNTS as f64 * lives).ceil() as u64;
    let fetches = wechat.fetches() - cold;
    println!("{mode}: {faults} faults in {} s: {:?}", lasted.as_secs(), chaos.counts);
    println!(
        "{mode}: {} calls, {} refused because of the token, {} rounds without a token, longest until repaired {longest:?}; \
         {} tokens reported; {fetches} fetches, about {needed} needed without faults, {cold} at the start",
        seen.calls,
        seen.refusals.len(),
        seen.none,
        seen.reported.len(),
    );
    println!(
        "{mode}: the test itself did not run for {:?} at most, and WeChat took {:?} at most",
        stalls.longest(),
        seen.wechat,
    );
    println!("{mode}: {:#?}", causes(&homes));
    for account in seen.reported.values() {
        println!("{}", story(&homes, *account));
    }
    let late = seen.waits.iter().filter(|wait| wait.took(&stalls) > REPAIRED);
    let late: Vec<_> = late
        .map(|Wait { account, asked, troubles }| {
            let (at, until) = (asked[0].0 - start, asked[asked.len() - 1].1 - start);
            format!("account {account} from {at:?} until {until:?}: {troubles:?}")
        })
        .collect();
    assert!(late.is_empty(), "{late:#?}");
    let blame = Blame::of(&wechat, &chaos.mended, &stalls);
    let mut bounds = BTreeMap::new();
    let mut unexplained = Vec::new();
    for refusal in &seen.refusals {
        match blame.lay(refusal) {
            (Some(bound), _) => *bounds.entry(bound).or_insert(0) += 1,
            (None, what) => unexplained.push(what),
        }
    }
    println!("{mode}: refused calls by the bound that explains them: {bounds:?}");
    assert!(unexplained.is_empty(), "no bound explains: {unexplained:#?}");
    // What was fetched before a loss is fetched once more, each credential once in most of an overlap.
    let losses = [B::RedisFlushed, B::Failover].iter().filter_map(|what| chaos.counts.get(what));
    let lost: u32 = if mode == "classic" { losses.sum() } else { 0 };
    let allowed = needed + 10 * u64::from(faults) + ACCOUNTS as u64 * u64::from(lost);
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
