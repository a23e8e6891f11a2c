//! What a link is for, as it stands in the link: signed, so that nothing has to be kept of it.
//!
//! The link that the business is given and the way back from WeChat are two: who has the one cannot make the other, nor what
//! proves to the way back that the browser is the one which has begun.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lingpai_core::{AccountId, Timestamp};
use lingpai_wechat::{Device, Offered};
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::console::SessionKey;

const SIGNATURE: usize = blake3::OUT_LEN;

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Errand {
    /// The platform or suite that is to be authorised.
    pub(super) platform: AccountId,
    /// What tells the link from all others.
    pub(super) nonce: String,
    /// Until when it is good, in milliseconds.
    pub(super) until: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<Device>,
    #[serde(default)]
    pub(super) offered: Offered,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) only: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) return_to: Option<String>,
}

/// Signs errands, and knows them again.
pub(super) struct Signer {
    links: [u8; 32],
    ways_back: [u8; 32],
    browsers: [u8; 32],
    proofs: [u8; 32],
}

impl Signer {
    /// With this key, or one that is made now.
    pub(super) fn new(key: Option<&SessionKey>) -> Result<Self, getrandom::Error> {
        let key = match key {
            Some(key) => key.bytes(),
            None => {
                let mut key = [0; 32];
                getrandom::fill(&mut key)?;
                key
            }
        };
        let derived = |what: &str| {
            blake3::derive_key(&format!("lingpai-server 2026 authorisations: {what}"), &key)
        };
        Ok(Self {
            links: derived("links"),
            ways_back: derived("ways back"),
            browsers: derived("browsers"),
            proofs: derived("proofs"),
        })
    }

    /// What stands in the link.
    pub(super) fn link(&self, errand: &Errand) -> String {
        signed(&self.links, errand)
    }

    /// The errand of a link that was signed here and is still good.
    pub(super) fn of_link(&self, link: &str, now: Timestamp) -> Option<Errand> {
        read(&self.links, link, now)
    }

    /// What stands in the URL that WeChat sends the browser back to.
    pub(super) fn way_back(&self, errand: &Errand) -> String {
        signed(&self.ways_back, errand)
    }

    /// Its errand likewise.
    pub(super) fn of_way_back(&self, way: &str, now: Timestamp) -> Option<Errand> {
        read(&self.ways_back, way, now)
    }

    /// What the browser keeps that has begun the errand.
    pub(super) fn browser(&self, errand: &Errand) -> String {
        keyed(&self.browsers, errand.nonce.as_bytes()).to_hex().to_string()
    }

    /// Whether this is it. Compared in constant time.
    pub(super) fn has_begun(&self, errand: &Errand, kept: &str) -> bool {
        let kept = blake3::Hash::from_hex(kept);
        kept.is_ok_and(|kept| kept == keyed(&self.browsers, errand.nonce.as_bytes()))
    }

    /// What the business checks proofs of this errand with.
    pub(super) fn proof_key(&self, errand: &Errand) -> String {
        keyed(&self.proofs, errand.nonce.as_bytes()).to_hex().to_string()
    }

    /// Proves to the business that this account has authorised the platform by this errand: HMAC-SHA256 of its name, in hex.
    pub(super) fn proof(&self, errand: &Errand, account: &AccountId) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.proof_key(errand).as_bytes());
        let tag = hmac::sign(&key, account.as_str().as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn keyed(key: &[u8; 32], bytes: &[u8]) -> blake3::Hash {
    blake3::keyed_hash(key, bytes)
}

fn signed(key: &[u8; 32], errand: &Errand) -> String {
    // Only a map with keys that are no strings could fail.
    let mut bytes = serde_json::to_vec(errand).unwrap_or_default();
    let signature = keyed(key, &bytes);
    bytes.extend_from_slice(signature.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(key: &[u8; 32], text: &str, now: Timestamp) -> Option<Errand> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let at = bytes.len().checked_sub(SIGNATURE)?;
    let (errand, signature) = bytes.split_at(at);
    let signature: [u8; SIGNATURE] = signature.try_into().ok()?;
    // Compared in constant time.
    if keyed(key, errand) != signature {
        return None;
    }
    let errand: Errand = serde_json::from_slice(errand).ok()?;
    (now.as_millis() < errand.until).then_some(errand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errand() -> Errand {
        Errand {
            platform: "wxc".parse().unwrap(),
            nonce: "n".to_owned(),
            until: 1000,
            device: Some(Device::H5),
            offered: Offered::MiniPrograms,
            only: None,
            return_to: Some("https://a.cn/".to_owned()),
        }
    }

    #[test]
    fn an_errand_is_known_again_in_time_and_where_it_belongs() {
        let signer = Signer::new(Some(&SessionKey::from([7; 32]))).unwrap();
        let (link, way_back) = (signer.link(&errand()), signer.way_back(&errand()));
        let at = Timestamp::from_millis;
        assert_eq!(signer.of_link(&link, at(999)), Some(errand()));
        assert_eq!(signer.of_link(&link, at(1000)), None, "it is over");
        assert_eq!(signer.of_link(&way_back, at(0)), None, "a way back is no link");
        assert_eq!(signer.of_way_back(&link, at(0)), None, "and the other way round");
        assert_eq!(signer.of_way_back(&way_back, at(0)), Some(errand()));
        let another = Signer::new(None).unwrap();
        assert_eq!(another.of_link(&link, at(0)), None);
        for at_byte in [0, 20, link.len() - 1] {
            let mut forged = link.clone().into_bytes();
            forged[at_byte] = if forged[at_byte] == b'A' { b'B' } else { b'A' };
            assert_eq!(signer.of_link(std::str::from_utf8(&forged).unwrap(), at(0)), None);
        }
    }

    #[test]
    fn only_the_browser_that_has_begun_is_taken_for_it() {
        let signer = Signer::new(None).unwrap();
        assert!(signer.has_begun(&errand(), &signer.browser(&errand())));
        let other = Errand { nonce: "m".to_owned(), ..errand() };
        assert!(!signer.has_begun(&errand(), &signer.browser(&other)));
        for kept in ["", "zz", &signer.proof_key(&errand())] {
            assert!(!signer.has_begun(&errand(), kept));
        }
    }
}
