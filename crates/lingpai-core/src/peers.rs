//! Who else shares the store, and whose turn a credential is.
//!
//! Every node makes itself known in the store every two seconds, so that one that joins or leaves needs no word to the others.
//! Of the nodes that live, each credential has an order of its own (rendezvous hashing): the first rotates it when it is
//! due, each further one only some seconds later, if it has not heard of a new token by then. That shares the work and
//! nothing else: what is safe is for [`Store::begin`](crate::store::Store::begin) to say, whatever nodes believe of each
//! other.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::timeout;

use crate::id::{CredentialId, NodeId};
use crate::policy::STORE_DEADLINE;
use crate::registry::{Keepers, Shared};
use crate::store::{Peer, Presence, StoreErrorKind};
use crate::time::Timestamp;

/// How often a node makes itself known.
const PULSE: Duration = Duration::from_secs(2);

/// A node that was not seen for so long counts as gone.
const GONE: Duration = Duration::from_secs(7);

/// How many leases a node names: enough to see what is stuck.
const NAMED: usize = 16;

/// Whose turn it is: how many live nodes a credential is rather for, and how many other live nodes there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// How many go first.
    pub after: u32,
    /// How many others there are.
    pub others: u32,
}

/// A node of those that share the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it says of itself.
    pub presence: Presence,
    /// When it last said so.
    pub seen_at: Timestamp,
    /// Whether it counts as alive.
    pub lives: bool,
}

/// What this node knows of the others.
pub(crate) struct Peers {
    own: NodeId,
    /// What this node's name comes down to.
    digest: u64,
    /// What this node says of itself, besides what changes all the time.
    about: Mutex<Presence>,
    leases: Mutex<BTreeSet<CredentialId>>,
    known: ArcSwap<Known>,
    /// Why the store could not be asked the last time.
    trouble: Mutex<Option<StoreErrorKind>>,
}

#[derive(Default)]
struct Known {
    nodes: Vec<Node>,
    /// What the other live nodes' names come down to.
    others: Vec<u64>,
}

impl Peers {
    pub(crate) fn new(own: NodeId, since: Timestamp) -> Self {
        let about = Presence {
            node: own.clone(),
            name: String::new(),
            address: String::new(),
            version: String::new(),
            since,
            credentials: 0,
            leases: Vec::new(),
        };
        let known = ArcSwap::from_pointee(Known::default());
        Self {
            digest: digest(&own),
            own,
            about: Mutex::new(about),
            leases: Mutex::default(),
            known,
            trouble: Mutex::default(),
        }
    }

    /// What this node is called by people, where it listens, and what it runs.
    pub(crate) fn introduce(&self, name: &str, address: &str, version: &str) {
        let mut about = self.about.lock().unwrap_or_else(PoisonError::into_inner);
        (about.name, about.address, about.version) =
            (name.to_owned(), address.to_owned(), version.to_owned());
    }

    /// Takes note that this node holds a lease, or that it no longer does.
    pub(crate) fn hold(&self, credential: &CredentialId, holds: bool) {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        if holds {
            leases.insert(credential.clone());
        } else {
            leases.remove(credential);
        }
    }

    /// Whose turn the credential of this seed is.
    pub(crate) fn turn(&self, seed: u64) -> Turn {
        let known = self.known.load();
        if known.others.is_empty() {
            return Turn::default();
        }
        let own = mixed(seed, self.digest);
        let first = known.others.iter().filter(|other| mixed(seed, **other) > own).count();
        Turn { after: count(first), others: count(known.others.len()) }
    }

    /// The nodes as they were last seen.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        self.known.load().nodes.clone()
    }

    /// Makes this node known, and learns of the others. False if the store cannot tell of any.
    pub(crate) async fn meet(&self, shared: &Shared, credentials: usize) -> bool {
        let (at, own) = (shared.clock.now().wall, self.own(credentials));
        match timeout(STORE_DEADLINE, shared.store.meet(&own, at)).await {
            Ok(Ok(None)) => false,
            Ok(Ok(Some(peers))) => {
                self.learn(peers, at);
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
                true
            }
            failed => {
                let kind = match failed {
                    Ok(Err(error)) => error.kind,
                    _ => StoreErrorKind::Unavailable,
                };
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind);
                // Whoever cannot be met is not waited for.
                let nodes = self.nodes();
                self.known.store(Arc::new(Known { nodes, others: Vec::new() }));
                true
            }
        }
    }

    /// Why the store could not be written to the last time, if it could not.
    pub(crate) fn store_trouble(&self) -> Option<StoreErrorKind> {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own(&self, credentials: usize) -> Presence {
        let about = self.about.lock().unwrap_or_else(PoisonError::into_inner);
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let leases = leases.iter().take(NAMED).cloned().collect();
        Presence { credentials: credentials as u64, leases, ..about.clone() }
    }

    fn learn(&self, peers: Vec<Peer>, now: Timestamp) {
        let node =
            |Peer { presence, ago }| Node { presence, seen_at: now - ago, lives: ago < GONE };
        let nodes: Vec<Node> = peers.into_iter().map(node).collect();
        let others = nodes.iter().filter(|node| node.lives && node.presence.node != self.own);
        let others = others.map(|node| digest(&node.presence.node)).collect();
        self.known.store(Arc::new(Known { nodes, others }));
    }
}

/// Makes this node known until the future is dropped.
pub(crate) async fn run(shared: Arc<Shared>, keepers: Arc<Keepers>) {
    while shared.peers.meet(&shared, keepers.len()).await {
        let next = shared.clock.now().instant + PULSE;
        shared.clock.sleep_until(next).await;
    }
}

fn digest(node: &NodeId) -> u64 {
    let mut digest = [0; 8];
    digest.copy_from_slice(&blake3::hash(node.as_str().as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(digest)
}

/// The finaliser of splitmix64 over both.
fn mixed(seed: u64, node: u64) -> u64 {
    let mut x = seed ^ node.rotate_left(32);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers_of(own: usize, all: usize) -> Peers {
        let name = |number: usize| NodeId::new(&format!("node-{number}"));
        let peers = Peers::new(name(own), Timestamp::default());
        let about = peers.about.lock().unwrap().clone();
        let met = (0..all).map(|number| Peer {
            presence: Presence { node: name(number), ..about.clone() },
            ago: Duration::ZERO,
        });
        peers.learn(met.collect(), Timestamp::default());
        peers
    }

    #[test]
    fn each_credential_has_one_node_that_goes_first_and_all_have_about_as_many() {
        let nodes = [0, 1, 2].map(|own| peers_of(own, 3));
        let mut first = [0; 3];
        for seed in 0..3000u64 {
            let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut turns = nodes.each_ref().map(|node| node.turn(seed).after);
            first[turns.iter().position(|turn| *turn == 0).unwrap()] += 1;
            turns.sort_unstable();
            assert_eq!(turns, [0, 1, 2]);
        }
        assert!(first.iter().all(|count| (900..1100).contains(count)), "{first:?}");
    }

    #[test]
    fn a_node_that_joins_takes_only_what_becomes_its_own() {
        let (before, after) = (peers_of(0, 3), peers_of(0, 4));
        let joined = peers_of(3, 4);
        for seed in 0..1000u64 {
            let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if joined.turn(seed).after > 0 && before.turn(seed).after == 0 {
                assert_eq!(after.turn(seed).after, 0);
            }
        }
    }

    #[test]
    fn who_was_not_seen_for_long_is_not_waited_for() {
        let peers = peers_of(0, 3);
        let mut seen: Vec<Peer> = peers
            .nodes()
            .into_iter()
            .map(|node| Peer { presence: node.presence, ago: Duration::ZERO })
            .collect();
        seen[1].ago = GONE;
        peers.learn(seen, Timestamp::default());
        assert_eq!(peers.turn(1).others, 1);
        assert!(!peers.nodes()[1].lives && peers.nodes()[2].lives);
    }
}
