//! How soon a rotation by one node is in the memory of another, through Redis.
//!
//! `cargo bench -p lingpai-store --bench propagation [-- ROTATIONS]`. Starts a `redis-server` of its own that flushes its log
//! always, in the temporary directory (`TMPDIR`). Measured from the moment the first node serves the token to the moment
//! the second does.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench measures time, prints, and may fail loudly"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lingpai_core::{
    CredentialId, Failure, Generation, Issued, Issuer, Policy, Profile, Refresh, Registry, Renewal,
    Secret, SystemClock, Token, Verdict, Way,
};
use lingpai_store::conformance::RedisServer;
use lingpai_store::{KeySource, MasterKey, RedisOptions, RedisStore};

/// An upstream that answers at once.
#[derive(Debug)]
struct Upstream;

#[async_trait]
impl Issuer for Upstream {
    fn profile(&self) -> Profile {
        Profile {
            nominal_life: Duration::from_secs(7200),
            primary: Renewal::Repeating,
            forced: None,
            fallback: None,
            daily_budget: 2000,
            given_once: false,
        }
    }

    async fn issue(&self, _way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        Ok(Issued::new(Secret::from("a token"), Duration::from_secs(7200)))
    }

    async fn check(&self, _token: &Token) -> Verdict {
        Verdict::Accepted
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let wanted = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let rotations: usize = wanted.unwrap_or(2000);
    let server = RedisServer::start();
    let (one, two) = (node(&server).await, node(&server).await);
    let policy = Arc::new(Policy { refresh: Refresh::OnDemand, ..Policy::default() });
    let mut delays = Vec::with_capacity(rotations);
    for number in 0..rotations {
        let credential = CredentialId::access_token(format!("wx{number}").parse().unwrap());
        let keep = |node: &Registry| {
            node.manage(credential.clone(), Arc::new(Upstream), Arc::clone(&policy))
        };
        let (fetching, hearing) = (keep(&one), keep(&two));
        let heard = tokio::spawn(async move {
            hearing.later_than(Generation(0)).await;
            Instant::now()
        });
        fetching.fresh().await.unwrap();
        let fetched = Instant::now();
        delays.push(heard.await.unwrap().saturating_duration_since(fetched));
    }
    delays.sort_unstable();
    let at = |share: f64| delays[((rotations - 1) as f64 * share) as usize];
    println!(
        "rotation in the memory of another node: {rotations} times, median {:?}, p99 {:?}, longest {:?}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

async fn node(server: &RedisServer) -> Registry {
    let key = MasterKey::parse(&"5e".repeat(32)).unwrap();
    let key = KeySource::Given { key, from: "the bench".to_owned() };
    let options = RedisOptions::new(server.url().parse().unwrap(), key);
    let store = RedisStore::open(options).await.unwrap();
    let node = store.node().clone();
    Registry::open(Arc::new(store), Arc::new(SystemClock::new()), node).await.unwrap()
}
