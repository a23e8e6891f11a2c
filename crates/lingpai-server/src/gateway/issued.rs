//! Which tokens Lingpai has issued, by their fingerprints.
//!
//! Many SDK processes keep the first token they got for days, and only the token tells which account is meant. So the
//! fingerprints outlive the tokens, bounded by age and number. The stream of events is where they are kept: it has every
//! rotation in it and outlives a restart; a leak that was ended strikes off all that the account had before.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use lingpai_core::event::{Event, What};
use lingpai_core::{AccountId, CredentialId, Fingerprint, Moment, Registry, StoreError, Timestamp};
use lingpai_wechat::kinds;

/// A token that was issued longer ago is not known any more.
const AGE: Duration = Duration::from_hours(7 * 24);
/// So many are known at most, of all accounts together.
const MOST: usize = 100_000;

/// Another process on the same store may have issued one that is not known here: so often it is looked for.
const PAUSE: Duration = Duration::from_secs(10);

/// The fingerprints, and whose they are.
#[derive(Debug, Default)]
pub(crate) struct Issued {
    known: RwLock<Known>,
    /// When the store may be read again because of one that is not known, in milliseconds.
    read_at: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    whose: HashMap<Fingerprint, (Timestamp, AccountId)>,
    /// In the order in which they were issued.
    at: VecDeque<(Timestamp, Fingerprint)>,
}

impl Issued {
    /// Takes in which tokens are current, and what the stored events say of those before.
    ///
    /// # Errors
    /// The store does not give its events.
    pub(crate) async fn read(&self, registry: &Registry) -> Result<(), StoreError> {
        let events = registry.store().events(None, MOST).await;
        events.iter().flatten().rev().for_each(|event| self.take(event));
        // The latest events may not be stored yet.
        let mut known = self.lock();
        for keeper in registry.keepers() {
            if !is_token(keeper.credential()) {
                continue;
            }
            if let Some(token) = keeper.token() {
                let account = &keeper.credential().account;
                known.add(token.issued_at, token.fingerprint(), account);
            }
        }
        events.map(drop)
    }

    /// Takes in what happened.
    pub(crate) fn take(&self, event: &Event) {
        let Some(CredentialId { account, .. }) =
            event.credential.as_ref().filter(|credential| is_token(credential))
        else {
            return;
        };
        let mut known = self.lock();
        match event.what {
            What::Rotated { fingerprint, .. } => known.add(event.at, fingerprint, account),
            What::Compromised => known.strike(account),
            _ => {}
        }
    }

    /// Whose token this is. Waits for the store only where that is not known.
    pub(crate) async fn find(
        &self,
        registry: &Registry,
        fingerprint: Fingerprint,
    ) -> Option<AccountId> {
        let Moment { instant, wall } = registry.clock().now();
        let found = self.whose(fingerprint, wall);
        let due = self.read_at.load(Ordering::Relaxed);
        let next = (instant + PAUSE).as_millis();
        let claim =
            || self.read_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed);
        if found.is_some() || instant.as_millis() < due || claim().is_err() {
            return found;
        }
        // Without the events, at least the current ones are known now.
        let _ = self.read(registry).await;
        self.whose(fingerprint, wall)
    }

    fn whose(&self, fingerprint: Fingerprint, now: Timestamp) -> Option<AccountId> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (at, account) = known.whose.get(&fingerprint)?;
        (now.since(*at) < AGE).then(|| account.clone())
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A ticket says whose it is too, and is no token: who holds one may not call.
fn is_token(credential: &CredentialId) -> bool {
    kinds::carried().any(|(kind, _)| *kind == credential.kind)
}

impl Known {
    fn add(&mut self, at: Timestamp, fingerprint: Fingerprint, account: &AccountId) {
        let is_old = |(old, _): &(Timestamp, Fingerprint)| at.since(*old) >= AGE;
        while self.at.len() >= MOST || self.at.front().is_some_and(is_old) {
            let Some((_, oldest)) = self.at.pop_front() else { break };
            self.whose.remove(&oldest);
        }
        if self.whose.insert(fingerprint, (at, account.clone())).is_none() {
            self.at.push_back((at, fingerprint));
        }
    }

    fn strike(&mut self, account: &AccountId) {
        self.whose.retain(|_, (_, of)| of != account);
        self.at.retain(|(_, fingerprint)| self.whose.contains_key(fingerprint));
    }
}

#[cfg(test)]
mod tests {
    use lingpai_core::rotation::Reason;
    use lingpai_core::{Generation, Kind, NodeId, Way};

    use super::*;

    fn event(second: i64, account: &str, what: What) -> Event {
        let credential = Some(CredentialId::access_token(account.parse().unwrap()));
        let at = Timestamp::from_millis(second * 1000);
        Event { at, credential, node: NodeId::new("n"), what }
    }

    fn rotated(token: &str) -> What {
        What::Rotated {
            generation: Generation(1),
            fingerprint: Fingerprint::of(token),
            reason: Reason::Scheduled,
            way: Way::Primary,
            expires_at: Timestamp::default(),
        }
    }

    fn whose(issued: &Issued, token: &str, second: i64) -> Option<String> {
        let found = issued.whose(Fingerprint::of(token), Timestamp::from_millis(second * 1000));
        found.map(|account| account.to_string())
    }

    #[test]
    fn a_token_says_for_days_whose_it_is_and_not_for_ever() {
        let issued = Issued::default();
        issued.take(&event(0, "wx1", rotated("A")));
        issued.take(&event(9, "wx2", rotated("B")));
        assert_eq!(whose(&issued, "A", 6 * 86_400).as_deref(), Some("wx1"));
        assert_eq!(whose(&issued, "B", 9).as_deref(), Some("wx2"));
        assert_eq!(whose(&issued, "C", 9), None);
        assert_eq!(whose(&issued, "A", 7 * 86_400), None);
        issued.take(&event(7 * 86_400, "wx2", rotated("C")));
        assert_eq!(issued.known.read().unwrap().whose.len(), 2, "the oldest is gone");
    }

    #[test]
    fn so_many_tokens_are_known_and_the_oldest_makes_room() {
        let issued = Issued::default();
        for number in 0..=MOST {
            issued.take(&event(1, "wx1", rotated(&number.to_string())));
        }
        assert_eq!(whose(&issued, "0", 2), None);
        assert!(whose(&issued, "1", 2).is_some() && whose(&issued, &MOST.to_string(), 2).is_some());
        let known = issued.known.read().unwrap();
        assert_eq!((known.whose.len(), known.at.len()), (MOST, MOST));
    }

    #[test]
    fn a_ticket_is_no_token() {
        let issued = Issued::default();
        let ticket = CredentialId::new(Kind::named("jsapi_ticket"), "wx1".parse().unwrap());
        issued.take(&Event { credential: Some(ticket), ..event(0, "wx1", rotated("A")) });
        assert_eq!(whose(&issued, "A", 1), None);
    }

    #[test]
    fn a_leak_strikes_off_what_its_account_had_and_nothing_else() {
        let issued = Issued::default();
        issued.take(&event(0, "wx1", rotated("A")));
        issued.take(&event(0, "wx2", rotated("B")));
        issued.take(&event(1, "wx1", What::Compromised));
        issued.take(&event(2, "wx1", rotated("C")));
        assert_eq!(whose(&issued, "A", 3), None);
        assert!(whose(&issued, "B", 3).is_some() && whose(&issued, "C", 3).is_some());
    }
}
