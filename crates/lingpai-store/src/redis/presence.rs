//! The nodes that share this Redis: each notes that it lives, and sees who else does.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use lingpai_core::store::{Peer, Presence};
use lingpai_core::{NodeId, StoreError, StoreErrorKind, Timestamp};
use redis::cmd;

use super::link::Repeat;
use super::{RedisStore, script};

/// For how long a node that is not seen any more is remembered, for people.
const REMEMBERED: Duration = Duration::from_mins(10);

/// How far the clock of Redis is ahead of this node's, in milliseconds. What is measured with it is off by the way of one
/// message at most.
#[derive(Debug)]
pub(super) struct Ahead(AtomicI64);

impl Default for Ahead {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Ahead {
    fn learn(&self, redis: i64, own: Timestamp) {
        self.0.store(redis - own.as_millis(), Ordering::Relaxed);
    }

    /// A time of Redis on this node's clock, once that is known.
    pub(super) fn own(&self, redis: i64) -> Option<Timestamp> {
        let ahead = self.0.load(Ordering::Relaxed);
        (ahead != i64::MIN).then(|| Timestamp::from_millis(redis - ahead))
    }
}

pub(super) async fn meet(
    store: &RedisStore,
    own: &Presence,
    at: Timestamp,
) -> Result<Vec<Peer>, StoreError> {
    let body = serde_json::to_string(own).map_err(|error| {
        let what = "what this node says of itself cannot be stored";
        StoreError::new(StoreErrorKind::Invalid, what).caused_by(error)
    })?;
    let call = script::meet([store.layout.nodes()])
        .arg(own.node.as_str())
        .arg(body)
        .arg(i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX));
    let seen: Vec<String> = store.link.call(&call, Repeat::Harmless).await?;
    let mut seen = seen.into_iter();
    let now = seen.next().and_then(|now| now.parse().ok()).unwrap_or_else(|| at.as_millis());
    store.ahead.learn(now, at);
    // What a newer version says of itself may not be understood; it shares the work all the same once it says more.
    Ok(seen.filter_map(|entry| peer(&entry, now)).collect())
}

pub(super) async fn leave(store: &RedisStore, node: &NodeId) -> Result<(), StoreError> {
    let mut leave = cmd("HDEL");
    leave.arg(store.layout.nodes()).arg(node.as_str());
    let _: i64 = store.link.run(&leave, Repeat::Harmless).await?;
    Ok(())
}

fn peer(entry: &str, now: i64) -> Option<Peer> {
    let (at, body) = entry.split_once(' ')?;
    let at: i64 = at.parse().ok()?;
    let ago = Duration::from_millis((now - at).max(0).cast_unsigned());
    Some(Peer { presence: serde_json::from_str(body).ok()?, ago })
}
