//! Seeded randomness (splitmix64) and the two shapes made of it: tokens and rids.
//!
//! Nothing here is secret-grade: the same seed gives the same run, which is what a test wants.

use serde::{Deserialize, Serialize};

use crate::time::Moment;

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Splitmix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A token as WeChat's look: a slowly growing number, `_`, URL-safe characters; 136 to 157 in
    /// all (as in samples of 2022 to 2026) unless a length is asked for.
    pub(crate) fn token(&mut self, now: Moment, length: Option<usize>) -> String {
        // Samples: 53 in January 2022, 70 in July 2023.
        let number = (53 + now.unix_seconds().saturating_sub(1_641_000_000) / 2_900_000).min(99);
        let length = length.unwrap_or_else(|| 136 + (self.next() % 22) as usize);
        let prefix = format!("{number}_");
        let rest = self.url_safe(length.saturating_sub(prefix.len()));
        prefix + &rest
    }

    /// So many characters of the URL-safe base64 alphabet.
    pub(crate) fn url_safe(&mut self, length: usize) -> String {
        (0..length).map(|_| URL_SAFE[(self.next() % 64) as usize] as char).collect()
    }

    /// The request id that ends every `errmsg`: unix seconds in hex and two random groups.
    pub(crate) fn rid(&mut self, now: Moment) -> String {
        let noise = self.next();
        format!("{:08x}-{:08x}-{:08x}", now.unix_seconds() as u32, noise >> 32, noise as u32)
    }

    /// 32 hex digits: the shape of an AppSecret.
    pub(crate) fn secret(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }
}
