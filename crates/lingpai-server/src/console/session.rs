//! Sessions: what stands in the cookie says whose key it is and since when, and is signed, so that none has to be kept.
//!
//! Servers that are given the same key to sign with know each other's. What is kept, by each for itself, is which sessions were ended
//! before their time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lingpai_core::Timestamp;
use lingpai_core::client::KeyHash;

const HASH: usize = 32;
const BEGAN: usize = 8;
const NONCE: usize = 16;
const PAYLOAD: usize = HASH + BEGAN + NONCE;

/// A session that was opened with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// By which its key is found.
    pub(crate) key: KeyHash,
    began: Timestamp,
    nonce: [u8; NONCE],
}

/// What signs sessions.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey([u8; 32]);

impl From<[u8; 32]> for SessionKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl SessionKey {
    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(***)")
    }
}

/// Signs sessions, and knows them again.
pub(super) struct Sessions {
    life: Duration,
    /// Signs what stands in a cookie,
    cookies: [u8; 32],
    /// and what proves that a page of ours asks.
    proofs: [u8; 32],
    /// Those that were ended, and when they would have ended by themselves.
    ended: Mutex<HashMap<[u8; NONCE], Timestamp>>,
}

impl Sessions {
    /// With this key, or one that is made now.
    pub(super) fn new(life: Duration, key: Option<&SessionKey>) -> Result<Self, getrandom::Error> {
        let key = match key {
            Some(SessionKey(key)) => *key,
            None => {
                let mut key = [0; 32];
                getrandom::fill(&mut key)?;
                key
            }
        };
        let cookies = blake3::derive_key("lingpai-server 2026 console cookies", &key);
        let proofs = blake3::derive_key("lingpai-server 2026 console proofs", &key);
        Ok(Self { life, cookies, proofs, ended: Mutex::default() })
    }

    /// A new session, and what stands in its cookie.
    pub(super) fn open(
        &self,
        key: KeyHash,
        now: Timestamp,
    ) -> Result<(Session, String), getrandom::Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let session = Session { key, began: now, nonce };
        let payload = session.payload();
        let signature = blake3::keyed_hash(&self.cookies, &payload);
        Ok((session, hex(&payload) + &hex(signature.as_bytes())))
    }

    /// The session of a cookie, if it was signed here.
    pub(super) fn read(&self, cookie: &str) -> Option<Session> {
        let bytes = unhex(cookie)?;
        let (payload, signature) = bytes.split_first_chunk::<PAYLOAD>()?;
        let signature: [u8; 32] = signature.try_into().ok()?;
        // Compared in constant time.
        let is_ours = blake3::keyed_hash(&self.cookies, payload) == signature;
        is_ours.then(|| Session::of(payload))?
    }

    /// Whether it has not ended, by itself or by somebody.
    pub(super) fn holds(&self, session: &Session, now: Timestamp) -> bool {
        let is_in_time = session.began <= now + Duration::from_mins(5) && now < self.ends(session);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        is_in_time && !ended.contains_key(&session.nonce)
    }

    /// When it ends by itself.
    pub(super) fn ends(&self, session: &Session) -> Timestamp {
        session.began + self.life
    }

    /// Ends it.
    pub(super) fn end(&self, session: &Session, now: Timestamp) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| now < *until);
        ended.insert(session.nonce, self.ends(session));
    }

    /// What a page of ours sends along.
    pub(super) fn proof(&self, session: &Session) -> String {
        hex(blake3::keyed_hash(&self.proofs, &session.payload()).as_bytes())
    }

    pub(super) fn is_proven(&self, session: &Session, sent: Option<&str>) -> bool {
        let sent: Option<[u8; 32]> = sent.and_then(unhex).and_then(|sent| sent.try_into().ok());
        sent.is_some_and(|sent| blake3::keyed_hash(&self.proofs, &session.payload()) == sent)
    }
}

impl Session {
    fn payload(&self) -> [u8; PAYLOAD] {
        let mut payload = [0; PAYLOAD];
        payload[..HASH].copy_from_slice(self.key.as_bytes());
        payload[HASH..HASH + BEGAN].copy_from_slice(&self.began.as_millis().to_be_bytes());
        payload[HASH + BEGAN..].copy_from_slice(&self.nonce);
        payload
    }

    fn of(payload: &[u8; PAYLOAD]) -> Option<Self> {
        let (key, rest) = payload.split_first_chunk::<HASH>()?;
        let (began, nonce) = rest.split_first_chunk::<BEGAN>()?;
        Some(Self {
            key: KeyHash::from_bytes(*key),
            began: Timestamp::from_millis(i64::from_be_bytes(*began)),
            nonce: nonce.try_into().ok()?,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_hours(8);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000 + seconds * 1000)
    }

    #[test]
    fn a_session_ends_after_its_life_or_when_it_is_ended() {
        let sessions = Sessions::new(LIFE, None).unwrap();
        let (session, cookie) = sessions.open(KeyHash::of("lp_a"), at(0)).unwrap();
        assert_eq!(sessions.read(&cookie), Some(session));
        assert!(sessions.holds(&session, at(0)) && sessions.holds(&session, at(8 * 3600 - 1)));
        assert!(!sessions.holds(&session, at(8 * 3600)));
        let (other, _) = sessions.open(KeyHash::of("lp_a"), at(0)).unwrap();
        sessions.end(&session, at(1));
        assert!(!sessions.holds(&session, at(2)), "ended");
        assert!(sessions.holds(&other, at(2)), "another of the same key goes on");
    }

    #[test]
    fn a_cookie_with_one_digit_changed_is_no_session() {
        let sessions = Sessions::new(LIFE, None).unwrap();
        let (_, cookie) = sessions.open(KeyHash::of("lp_a"), at(0)).unwrap();
        for place in 0..cookie.len() {
            let mut changed = cookie.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(sessions.read(str::from_utf8(&changed).unwrap()), None, "{place}");
        }
        for wrong in ["", "0", "zz", &cookie[2..], &format!("{cookie}00"), "é"] {
            assert_eq!(sessions.read(wrong), None, "{wrong}");
        }
        let another = Sessions::new(LIFE, None).unwrap();
        assert_eq!(another.read(&cookie), None, "signed by another server");
    }

    #[test]
    fn the_proof_of_one_session_proves_no_other() {
        let sessions = Sessions::new(LIFE, None).unwrap();
        let (one, _) = sessions.open(KeyHash::of("lp_a"), at(0)).unwrap();
        let (other, _) = sessions.open(KeyHash::of("lp_a"), at(0)).unwrap();
        let proof = sessions.proof(&one);
        assert!(sessions.is_proven(&one, Some(&proof)));
        assert!(!sessions.is_proven(&other, Some(&proof)));
        for wrong in [None, Some(""), Some("login"), Some(&proof[2..])] {
            assert!(!sessions.is_proven(&one, wrong));
        }
    }

    #[test]
    fn servers_with_the_same_key_know_each_others_sessions() {
        let key = || Some(SessionKey::from([7; 32]));
        let [one, other] = [key(), key()].map(|key| Sessions::new(LIFE, key.as_ref()).unwrap());
        let (session, cookie) = one.open(KeyHash::of("lp_a"), at(0)).unwrap();
        assert_eq!(other.read(&cookie), Some(session));
        assert!(other.is_proven(&session, Some(&one.proof(&session))));
        assert_eq!(format!("{:?}", key()), "Some(SessionKey(***))");
    }
}
