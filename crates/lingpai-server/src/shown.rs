//! Clients that send an account's real secret where their API key belongs: a leftover of the time before Lingpai, and the reason why
//! a secret cannot be reset without anybody noticing.
//!
//! On the way of a request this is only a look at a refusal. Whether what was sent is the secret is found out behind the client's
//! back, in constant time, and nothing of it is kept or told: only who sent it, in which minute, and to which path.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::KeyHash;
use lingpai_core::event::What;
use lingpai_core::{AccountId, CredentialId, Secret, Timestamp};
use tokio::sync::Notify;

use crate::refusal::Refusal;
use crate::serving::{Caller, Serving};

/// So many wait to be looked at. Whoever comes beyond that comes again.
const WAITING: usize = 256;
/// So many applications of one corp are compared with: WeCom's calls name the corp only.
const OF_CORP: usize = 64;
/// The calls that name one. All keepers are looked through for its applications, which strangers cannot ask for by other calls.
const OF_CORPS: [&str; 2] = ["/gettoken", "/get_corp_token"];
/// So many clients are remembered.
const MOST: usize = 4096;
const MINUTE: Duration = Duration::from_mins(1);
/// A client is told of as an event so often; the audit trail has each minute.
const DAY: Duration = Duration::from_hours(24);

/// What was sent and may be a secret.
#[derive(Default)]
pub(crate) struct ShownSecrets {
    waiting: Mutex<VecDeque<Shown>>,
    due: Notify,
}

struct Shown {
    /// The account, or the corp, that the call named.
    account: String,
    sent: Secret,
    /// Of a client that showed its key elsewhere in the call.
    key: Option<KeyHash>,
    address: IpAddr,
    path: String,
}

/// One client, as far as it can be told from others.
type Who = (AccountId, Option<KeyHash>, IpAddr);

/// When it was last noted in the trail, and told as an event.
type Noted = (Timestamp, Timestamp);

impl ShownSecrets {
    /// Something was sent in the place of a key and is none, or beside one. What looks like a key is nobody's secret.
    pub(crate) fn note(
        &self,
        account: &str,
        sent: &str,
        key: Option<KeyHash>,
        address: IpAddr,
        path: &str,
    ) {
        if sent.is_empty() || sent.starts_with("lp_") {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING {
            let (account, path) = (account.to_owned(), path.to_owned());
            waiting.push_back(Shown { account, sent: Secret::from(sent), key, address, path });
            self.due.notify_one();
        }
    }

    fn next(&self) -> Option<Shown> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Serving {
    /// Notes what an unknown caller has shown for a key of this account, or corp.
    pub(crate) fn refused(
        &self,
        refusal: &Refusal,
        account: &str,
        caller: &Caller<'_>,
        path: &str,
    ) {
        if matches!(refusal, Refusal::KeyUnknown) {
            self.shown.note(account, caller.key, None, caller.peer, path);
        }
    }

    /// Looks at what was sent, for ever.
    pub(crate) async fn look_at_shown(&self) -> Infallible {
        let mut noted: HashMap<Who, Noted> = HashMap::new();
        loop {
            let Some(shown) = self.shown.next() else {
                self.shown.due.notified().await;
                continue;
            };
            let Some(account) = self.whose(&shown).await else { continue };
            let now = self.registry.clock().wall();
            if noted.len() >= MOST {
                noted.retain(|_, (_, told)| now.since(*told) < DAY);
            }
            if noted.len() >= MOST {
                noted.clear();
            }
            let never = (Timestamp::default(), Timestamp::default());
            let who = (account.clone(), shown.key, shown.address);
            let (minute, day) = noted.entry(who).or_insert(never);
            if now.since(*minute) < MINUTE {
                continue;
            }
            *minute = now;
            let credential = CredentialId::access_token(account);
            let key = shown.key.unwrap_or_else(|| KeyHash::of(""));
            let deed = Deed::new(Action::SecretShown).to(&shown.path);
            self.did(&key, shown.address, Some(credential.clone()), deed);
            if now.since(*day) >= DAY {
                *day = now;
                let key = shown.key.map(|key| self.keys.id_of(&key));
                let (address, path) = (shown.address, shown.path);
                self.registry.tell(Some(credential), What::SecretShown { key, address, path });
            }
        }
    }

    /// The account whose secret this is, if it is one.
    async fn whose(&self, shown: &Shown) -> Option<AccountId> {
        let directory = self.keys.directory();
        let named: AccountId = shown.account.parse().ok()?;
        if let Some(account) = directory.account(&named).await.ok()? {
            return is_same(&account.secret, &shown.sent).then_some(named);
        }
        if !OF_CORPS.iter().any(|call| shown.path.ends_with(call)) {
            return None;
        }
        let of_corp =
            |id: &AccountId| id.corp_and_agent().is_some_and(|(corp, _)| corp == shown.account);
        let applications: Vec<_> = self.accounts().filter(of_corp).take(OF_CORP).collect();
        for id in applications {
            if let Ok(Some(account)) = directory.account(&id).await
                && is_same(&account.secret, &shown.sent)
            {
                return Some(id);
            }
        }
        None
    }
}

/// Whether these are the same; the time that it takes says nothing about where they differ.
fn is_same(one: &Secret, other: &Secret) -> bool {
    let hash = |secret: &Secret| blake3::hash(secret.expose().as_bytes());
    // Hashes are compared in constant time.
    !one.expose().is_empty() && hash(one) == hash(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_is_the_secret_and_what_waits_is_bounded() {
        let secret = |text: &str| Secret::from(text);
        assert!(is_same(&secret("abc"), &secret("abc")));
        assert!(!is_same(&secret("abc"), &secret("ab")) && !is_same(&secret(""), &secret("")));
        let shown = ShownSecrets::default();
        for _ in 0..WAITING + 5 {
            shown.note("wx1", "abc", None, [10, 0, 0, 1].into(), "/cgi-bin/token");
        }
        let waiting = std::iter::from_fn(|| shown.next()).count();
        assert_eq!(waiting, WAITING);
    }
}
