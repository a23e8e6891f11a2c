//! Tokens that clients reported and that are not the account's current one: old ones that they kept for too long, those of
//! another account, those of people. The doctor tells whose they are.
//!
//! Bounded, in memory, and forgotten after a day. A token that was replaced a moment ago is nobody's fault and is not noted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingpai_core::client::KeyHash;
use lingpai_core::event::{Event, What};
use lingpai_core::store::Record;
use lingpai_core::{AccountId, CredentialId, Fingerprint, Secret, Timestamp};

use crate::diagnosis::Looks;
use crate::serving::Serving;

/// So many are known at once.
const MOST: usize = 512;
/// So many events are looked through for one that nobody knows.
const EVENTS: usize = 20_000;
const AGE: Duration = Duration::from_hours(24);

/// What was reported.
#[derive(Debug, Default)]
pub(crate) struct Strays(Mutex<VecDeque<Stray>>);

/// One token that one client reported.
#[derive(Clone, Debug)]
pub(crate) struct Stray {
    /// The id of the client's key.
    pub(crate) key: String,
    /// The account that it was reported for.
    pub(crate) account: AccountId,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) looks: Looks,
    /// WeChat has said that it is a person's.
    pub(crate) is_of_person: bool,
    pub(crate) times: u32,
    pub(crate) last_at: Timestamp,
}

/// Takes in that a client reported a token for this account that is not the current one. If nobody here issued it, WeChat is
/// asked once, behind the client's back, whether it is a person's.
pub(crate) fn noticed(serving: &Arc<Serving>, key: &KeyHash, account: &AccountId, token: Secret) {
    let fingerprint = Fingerprint::of(token.expose());
    let now = serving.registry.clock().now().wall;
    let key = serving.keys.id_of(key);
    let serving = Arc::clone(serving);
    let account = account.clone();
    tokio::spawn(async move {
        let credential = CredentialId::access_token(account.clone());
        let store = serving.registry.store();
        let overlaps = match store.read(&credential).await {
            Ok(Some(Record { previous: Some(previous), .. })) => {
                previous.fingerprint == fingerprint && now < previous.until
            }
            _ => false,
        };
        let looks = Looks::of(token.expose());
        let (is_of_person, times, last_at) = (false, 1, now);
        let stray = Stray { key, account, fingerprint, looks, is_of_person, times, last_at };
        if overlaps || !serving.strays.note(stray) || looks != Looks::Token {
            return;
        }
        let Some(wechat) = serving.wechat.as_ref().map(|wechat| wechat()) else { return };
        let issued = |event: &Event| match event.what {
            What::Rotated { fingerprint: issued, .. } => issued == fingerprint,
            _ => false,
        };
        let known = store.events(None, EVENTS).await.is_ok_and(|all| all.iter().any(issued));
        if !known && wechat.is_of_person(None, &token).await {
            serving.strays.is_of_person(fingerprint);
        }
    });
}

impl Strays {
    /// Takes in a report. True if there was none like it.
    pub(crate) fn note(&self, stray: Stray) -> bool {
        let mut all = self.lock();
        all.retain(|known| stray.last_at.since(known.last_at) < AGE);
        let is_it = |known: &&mut Stray| {
            (&known.key, &known.account, known.fingerprint)
                == (&stray.key, &stray.account, stray.fingerprint)
        };
        if let Some(known) = all.iter_mut().find(is_it) {
            known.times = known.times.saturating_add(1);
            known.last_at = stray.last_at;
            return false;
        }
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(stray);
        true
    }

    /// Takes in that WeChat says that a token is a person's.
    pub(crate) fn is_of_person(&self, fingerprint: Fingerprint) {
        for stray in self.lock().iter_mut().filter(|stray| stray.fingerprint == fingerprint) {
            stray.is_of_person = true;
        }
    }

    /// Those of an account.
    pub(crate) fn of(&self, account: &AccountId) -> Vec<Stray> {
        self.lock().iter().filter(|stray| stray.account == *account).cloned().collect()
    }

    /// Who has reported a token, the last first.
    pub(crate) fn who(&self, fingerprint: Fingerprint) -> Vec<Stray> {
        self.lock().iter().rev().filter(|stray| stray.fingerprint == fingerprint).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Stray>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stray(token: &str, second: i64) -> Stray {
        Stray {
            key: "lp_1".to_owned(),
            account: "wx1".parse().unwrap(),
            fingerprint: Fingerprint::of(token),
            looks: Looks::Token,
            is_of_person: false,
            times: 1,
            last_at: Timestamp::from_millis(second * 1000),
        }
    }

    #[test]
    fn a_client_that_reports_the_same_again_is_counted_and_not_told_anew() {
        let strays = Strays::default();
        assert!(strays.note(stray("A", 1)) && !strays.note(stray("A", 2)));
        let known = strays.of(&"wx1".parse().unwrap());
        assert_eq!((known.len(), known[0].times), (1, 2));
        assert_eq!(strays.who(Fingerprint::of("A")).len(), 1);
        assert!(strays.of(&"wx2".parse().unwrap()).is_empty());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let strays = Strays::default();
        for number in 0..MOST + 10 {
            strays.note(stray(&number.to_string(), 1));
        }
        assert_eq!(strays.of(&"wx1".parse().unwrap()).len(), MOST);
        strays.note(stray("late", 86_402));
        assert_eq!(strays.of(&"wx1".parse().unwrap()).len(), 1);
    }
}
