//! Who reads tokens: counted by client, account and address, and gathered once a minute.
//!
//! On the way of a read this is one look into a map without locks and one addition; nothing is waited for and nothing allocated,
//! but for the first read of its kind in a minute. Two maps take turns: what is gathered is the one that was put aside a while
//! ago, so that whoever still holds it has long done his addition.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;
use lingpai_core::client::KeyHash;
use lingpai_core::{CredentialId, Timestamp};

/// So many different readings a minute are recorded; of those beyond only their number, in the log.
const MOST: usize = 1 << 14;

/// The counters of a minute.
type Minute = papaya::HashMap<u64, Counter>;

/// Who read what, since it was last gathered.
pub(crate) struct Reads {
    now: ArcSwap<Minute>,
    /// The minute that was put aside.
    before: ArcSwap<Minute>,
    random: RandomState,
    beyond: AtomicU32,
}

struct Counter {
    reading: Reading,
    count: AtomicU32,
}

/// One client's reads of one credential from one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) key: KeyHash,
    pub(crate) credential: CredentialId,
    pub(crate) address: IpAddr,
    /// When the first of them was.
    pub(crate) at: Timestamp,
}

impl Reads {
    pub(crate) fn new() -> Self {
        Self {
            now: ArcSwap::default(),
            before: ArcSwap::default(),
            random: RandomState::new(),
            beyond: AtomicU32::new(0),
        }
    }

    /// Counts a read. `at` is asked for the time of the first one.
    pub(crate) fn add(
        &self,
        key: &KeyHash,
        credential: &CredentialId,
        address: IpAddr,
        at: impl FnOnce() -> Timestamp,
    ) {
        let place = self.random.hash_one((key, credential, address));
        let minute = self.now.load();
        let counters = minute.pin();
        if let Some(counter) = counters.get(&place) {
            counter.count.fetch_add(1, Ordering::Relaxed);
        } else if counters.len() < MOST {
            let reading =
                || Reading { key: *key, credential: credential.clone(), address, at: at() };
            let new = || Counter { reading: reading(), count: AtomicU32::new(0) };
            counters.get_or_insert_with(place, new).count.fetch_add(1, Ordering::Relaxed);
        } else {
            self.beyond.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Puts the current minute aside, and answers with what was read in the one before it, and how many reads were beyond what
    /// can be told apart.
    pub(crate) fn gather(&self) -> (Vec<(Reading, u32)>, u32) {
        let ended = self.before.swap(self.now.swap(Arc::default()));
        let counters = ended.pin();
        let counted = counters
            .values()
            .map(|counter| (counter.reading.clone(), counter.count.load(Ordering::Relaxed)));
        (counted.collect(), self.beyond.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(account: &str) -> CredentialId {
        CredentialId::access_token(account.parse().unwrap())
    }

    #[test]
    fn reads_are_counted_by_client_account_and_address() {
        let reads = Reads::new();
        let (one, two) = (KeyHash::of("one"), KeyHash::of("two"));
        let (here, there) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let noon = || Timestamp::from_millis(7);
        for _ in 0..3 {
            reads.add(&one, &credential("wx1"), here, noon);
        }
        reads.add(&one, &credential("wx1"), there, noon);
        reads.add(&one, &credential("wx2"), here, noon);
        reads.add(&two, &credential("wx1"), here, noon);
        assert_eq!(reads.gather().0, [], "what is put aside may still be added to");
        reads.add(&two, &credential("wx1"), here, noon);
        let mut counts: Vec<_> = reads.gather().0.into_iter().map(|(_, count)| count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 1, 3]);
        assert_eq!(reads.gather().0.len(), 1);
        assert_eq!(reads.gather().0.len(), 0);
    }

    #[test]
    fn what_is_beyond_the_bound_is_counted_together() {
        let reads = Reads::new();
        for n in 0..MOST + 5 {
            let address = IpAddr::from((n as u32).to_be_bytes());
            reads.add(&KeyHash::of("one"), &credential("wx1"), address, Timestamp::default);
        }
        assert_eq!(reads.gather().1, 5);
        assert_eq!(reads.gather().0.len(), MOST);
    }
}
