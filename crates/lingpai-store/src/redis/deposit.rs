//! A key in somebody's Redis in which a token is put in clear, for programs that know nothing of Lingpai.
//!
//! Several nodes write to it. A script compares what is there with what is to be put there, in one step: a companion key holds
//! the mark of the last token, in the same slot of a cluster.

use std::time::Duration;

use lingpai_core::mark::Mark;
use lingpai_core::{Secret, StoreError};

use super::address::RedisAddress;
use super::link::{Link, Repeat};
use super::script;

/// What is known of a token is kept this much longer than the token: a node that was away for as long has an older one.
const KNOWN: Duration = Duration::from_hours(24);

/// The way to one Redis in which tokens are put in clear.
pub struct Deposit {
    link: Link,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deposited {
    /// It is there now.
    Written,
    /// It was there already.
    Kept,
    /// A newer one is known there, and nothing was changed.
    Newer,
}

impl Deposit {
    /// Reads the certificates that the address names; connects when it is first used.
    ///
    /// # Errors
    /// If these cannot be read.
    pub fn new(address: &RedisAddress) -> Result<Self, StoreError> {
        Ok(Self { link: Link::new(address)? })
    }

    /// Puts `value`, which holds the token of this mark, under `key`, to be gone after `life`. Never replaces a newer token.
    /// Doing it twice changes nothing. Dropping the future leaves it either done or not done.
    ///
    /// # Errors
    /// If Redis cannot be reached within seconds, or refuses.
    pub async fn put(
        &self,
        key: &str,
        value: &Secret,
        mark: &Mark,
        life: Duration,
    ) -> Result<Deposited, StoreError> {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let call = script::deposit([key.to_owned(), companion(key)])
            .arg(value.expose())
            .arg(mark.generation.0)
            .arg(mark.issued_at.as_millis())
            .arg(mark.expires_at.as_millis())
            .arg(mark.fingerprint.to_string())
            .arg(millis(life).max(1))
            .arg(millis(Mark::CLOCKS))
            .arg(millis(KNOWN));
        let answer: String = self.link.call(&call, Repeat::Harmless).await?;
        Ok(match answer.as_str() {
            "written" => Deposited::Written,
            "kept" => Deposited::Kept,
            _ => Deposited::Newer,
        })
    }

    /// What stands under `key`, whoever put it there, and how long it is kept; no time if it is kept for ever. None if nothing is there.
    ///
    /// # Errors
    /// If Redis cannot be reached within seconds, or refuses.
    pub async fn look(&self, key: &str) -> Result<Option<(Secret, Option<Duration>)>, StoreError> {
        // The time first: what is left is rather less than more.
        let (mut left, mut get) = (redis::cmd("PTTL"), redis::cmd("GET"));
        left.arg(key);
        get.arg(key);
        let left: i64 = self.link.run(&left, Repeat::Harmless).await?;
        let value: Option<String> = self.link.run(&get, Repeat::Harmless).await?;
        let left = u64::try_from(left).ok().map(Duration::from_millis);
        Ok(value.map(|value| (Secret::from(value), left)))
    }

    /// Writes beside `key`, and removes it again.
    ///
    /// # Errors
    /// If Redis cannot be reached within seconds, or refuses.
    pub async fn probe(&self, key: &str) -> Result<(), StoreError> {
        let probe = format!("{}:probe", companion(key));
        let mut set = redis::cmd("SET");
        set.arg(&probe).arg("1").arg("PX").arg(60_000);
        self.link.run::<()>(&set, Repeat::Harmless).await?;
        let mut delete = redis::cmd("DEL");
        delete.arg(&probe);
        self.link.run::<i64>(&delete, Repeat::Harmless).await.map(drop)
    }
}

impl std::fmt::Debug for Deposit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deposit").field("redis", &self.link.name()).finish()
    }
}

/// The key beside it, in the same slot: what stands between the first braces of a key names its slot, or else the whole key. (A
/// closing brace alone leaves no way to name its slot; only a cluster refuses such a key.)
fn companion(key: &str) -> String {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    match tag {
        Some((tag, _)) if !tag.is_empty() => format!("{key}:lingpai"),
        _ => format!("{{{key}}}:lingpai"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_companion_of_a_key_is_in_its_slot() {
        assert_eq!(companion("wx:access_token:wx1"), "{wx:access_token:wx1}:lingpai");
        assert_eq!(companion("wx:{wx1}:token"), "wx:{wx1}:token:lingpai");
    }
}
