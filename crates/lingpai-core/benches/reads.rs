//! What reading a token costs in process, on one thread and on two, beside the structures it could have been.
//!
//! `cargo bench -p lingpai-core --bench reads`.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench measures time, prints, and may fail loudly"
)]

#[allow(dead_code, reason = "each bench uses its part of it")]
mod common;

use std::sync::{Arc, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use common::{Contender, Taken, machine, take_turns};
use lingpai_core::{
    Clock, CredentialId, Failure, Instant, Issued, Issuer, NodeId, Profile, Registry, Renewal,
    Secret, SystemClock, Token, Verdict, Way,
};
use lingpai_store::MemoryStore;

const ROUNDS: usize = 21;
const TURN: Duration = Duration::from_millis(4);

const GUARD: &str = "`ArcSwap` guard";
const GUARD_AGAIN: &str = "`ArcSwap` guard, again (A/A)";
const GUARD_AND_CLOCK: &str = "`ArcSwap` guard and a look at the clock";
const TOKEN: &str = "**`Keeper::token()`**";
const CACHE: &str = "`arc_swap::Cache`";
const CACHE_AND_CLOCK: &str = "`arc_swap::Cache` and a look at the clock";
const READER: &str = "**`Reader::token()`**";
const LOCK: &str = "`RwLock<Arc>`, cloned";
const MOKA: &str = "moka `get`";
const REGISTRY: &str = "**`Registry::with` and `Keeper::token()`**";
const CLOCK: &str = "the clock alone";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{}\n", machine());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = Arc::new(MemoryStore::new());
    let registry = Registry::open(store, Arc::clone(&clock), NodeId::new("bench")).await.unwrap();
    let credential = CredentialId::access_token("wx5a0db0c0ffee0001".parse().unwrap());
    let keeper = registry.manage(credential.clone(), Arc::new(Upstream), Arc::default());
    let token = Token::clone(&*keeper.fresh().await.unwrap());
    let ends = clock.now().instant + LIFE;

    let swap = ArcSwap::from_pointee(token.clone());
    let swap_until = ArcSwap::from_pointee((token.clone(), ends));
    let lock = RwLock::new(Arc::new(token.clone()));
    let cache = moka::sync::Cache::new(100);
    cache.insert(credential.clone(), Arc::new(token));
    let live = |ends: Instant| clock.coarse() < ends;

    let none = || ();
    let guard = |name| Contender::new(name, none, |()| length(&swap.load()));
    let contenders = [
        guard(GUARD),
        Contender::new(TOKEN, none, |()| length(&keeper.token().unwrap())),
        Contender::new(GUARD_AND_CLOCK, none, |()| {
            let guard = swap_until.load();
            live(guard.1).then(|| length(&guard.0)).unwrap()
        }),
        guard(GUARD_AGAIN),
        Contender::new(CACHE, || arc_swap::Cache::new(&swap), |cache| length(cache.load())),
        Contender::new(READER, || keeper.reader(), |reader| length(reader.token().unwrap())),
        Contender::new(
            CACHE_AND_CLOCK,
            || arc_swap::Cache::new(&swap_until),
            |cache| {
                let (token, ends) = &**cache.load();
                live(*ends).then(|| length(token)).unwrap()
            },
        ),
        Contender::new(LOCK, none, |()| length(&Arc::clone(&lock.read().unwrap()))),
        Contender::new(MOKA, none, |()| length(&cache.get(&credential).unwrap())),
        Contender::new(REGISTRY, none, |()| {
            registry.with(&credential, |keeper| length(&keeper.token().unwrap())).unwrap()
        }),
        Contender::new(CLOCK, none, |()| clock.coarse()),
    ];
    let one = take_turns(&contenders, 1, ROUNDS, TURN);
    let two = take_turns(&contenders, 2, ROUNDS, TURN);
    show(&one, &two);
}

/// What every contender does with the token it has read.
fn length(token: &Token) -> usize {
    token.value.expose().len()
}

fn show(one: &[Taken], two: &[Taken]) {
    let counted = one.iter().chain(two).map(|taken| taken.rounds).min().unwrap_or(0);
    println!("nanoseconds of CPU time a read, median (quartiles); of {ROUNDS} rounds at least");
    println!("{counted} counted, in which every thread had a core\n");
    println!("| read | one thread | two threads | two to one |");
    println!("|---|---|---|---|");
    let cell = |taken: &Taken| {
        let (low, high) = taken.spread;
        format!("{:.1} ({low:.1} to {high:.1})", taken.median)
    };
    for (one, two) in one.iter().zip(two) {
        let flatness = two.median / one.median;
        println!("| {} | {} | {} | {flatness:.2} |", one.name, cell(one), cell(two));
    }
    println!("\n| ratio | one thread | two threads | target |");
    println!("|---|---|---|---|");
    let of = |taken: &[Taken], name| taken.iter().find(|taken| taken.name == name).unwrap().median;
    let pairs = [
        (GUARD_AGAIN, GUARD, "1.0: the noise"),
        (TOKEN, GUARD, "1.2, unless safety costs more"),
        (TOKEN, GUARD_AND_CLOCK, "1.2: the same promise"),
        (READER, CACHE, "1.2"),
        (READER, CACHE_AND_CLOCK, "1.2: the same promise"),
        (TOKEN, LOCK, ""),
        (REGISTRY, MOKA, ""),
    ];
    for (ours, peer, target) in pairs {
        let ratio = |taken| of(taken, ours) / of(taken, peer);
        println!("| {ours} to {peer} | {:.2} | {:.2} | {target} |", ratio(one), ratio(two));
    }
}

const LIFE: Duration = Duration::from_secs(7200);

/// An upstream that answers at once.
#[derive(Debug)]
struct Upstream;

#[async_trait]
impl Issuer for Upstream {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: LIFE,
            primary: Renewal::Surviving,
            forced: None,
            fallback: None,
            daily_budget: 500,
            given_once: false,
        }
    }

    async fn issue(&self, _: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        Ok(Issued::new(Secret::from("t".repeat(157)), LIFE))
    }

    async fn check(&self, _: &Token) -> Verdict {
        Verdict::Accepted
    }
}
