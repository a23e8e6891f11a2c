//! What the Redis store promises beyond the suite that all stores pass, shown on real servers.
//!
//! - `leases`: whose clock counts, and what a Redis that forgets costs.
//! - `opening`: what is found out at the start.
//! - `sealing`: what others read in Redis, and what they can break.
//! - `away`: a Redis that is gone, full, or a replica.
//! - `confirming`: what replicas are to confirm.
//! - `deposit`: a token in clear in somebody's Redis.
//! - `newer`: what Redis 7.2 and later do besides.
//! - `forgetting`: a Redis that comes back empty, or as it was before.
//! - `rekeying`: another master key while nodes run.
//! - `upgrading`: a store of the first layout, and the copy of it that is kept.
//! - `nodes`: how nodes hear of each other; Sentinel and Cluster.
//! - `sharing`: three nodes share the work.

mod away;
mod confirming;
mod deposit;
mod forgetting;
mod leases;
mod nodes;
mod opening;
mod rekeying;
mod sealing;
mod sharing;
mod upgrading;
mod valkey;

use std::time::Duration;

use lingpai_core::store::{Begun, Claim, Commit, Committed, Lease};
use lingpai_core::{NodeId, Store, StoreError};
use lingpai_store::conformance::RedisServer;
use lingpai_store::{MasterKey, RedisOptions, RedisStore};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::support::{claim, key, redis_options as options, token};

async fn open(server: &RedisServer) -> RedisStore {
    RedisStore::open(options(server)).await.unwrap()
}

async fn open_with(server: &RedisServer, byte: u8) -> Result<RedisStore, StoreError> {
    RedisStore::open(RedisOptions { key: key(byte), ..options(server) }).await
}

/// The master key that is [`key`] of this byte.
fn master(byte: u8) -> MasterKey {
    MasterKey::parse(&format!("{byte:02x}").repeat(32)).unwrap()
}

async fn open_at(url: &str) -> Result<RedisStore, StoreError> {
    let options = RedisOptions { address: url.parse()?, ..some_options() };
    RedisStore::open(options).await
}

fn some_options() -> RedisOptions {
    RedisOptions::new("redis://127.0.0.1:1".parse().unwrap(), key(1))
}

/// A claim that knows nothing, of a node of this name.
fn of_node(node: &str) -> Claim {
    claim("wx1", &NodeId::new(node), 0)
}

async fn lease(store: &RedisStore, claim: Claim) -> Lease {
    match store.begin(claim).await.unwrap() {
        Begun::Granted { lease, .. } => lease,
        other => panic!("not granted: {other:?}"),
    }
}

/// Rotates to a token of this generation.
async fn rotate(store: &RedisStore, name: &str, generation: u64) -> Result<(), StoreError> {
    let begun = store.begin(claim(name, store.node(), generation - 1)).await?;
    let Begun::Granted { lease, .. } = begun else { panic!("not granted: {begun:?}") };
    let token = token(name, generation);
    let committed = store.commit(Commit { lease, token, previous_until: None }).await?;
    assert_eq!(committed, Committed::Stored);
    Ok(())
}

/// Bounds a wait, so that a test that fails does so soon.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it takes too long")
}

/// An authority (`ca.pem`), and what a server of this machine shows that it has signed.
fn certificates() -> tempfile::TempDir {
    let mut params = CertificateParams::new(vec![]).unwrap();
    // One with the name of what it signs would count as self-signed.
    params.distinguished_name.push(DnType::CommonName, "an authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name, pem| std::fs::write(folder.path().join(name), pem).unwrap();
    write("ca.pem", authority.pem());
    write("server.pem", certificate.pem());
    write("server.key", key.serialize_pem());
    folder
}
