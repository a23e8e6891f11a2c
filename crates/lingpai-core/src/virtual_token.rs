//! Virtual tokens: what a client is given in place of the real token, and what only the gateway accepts.
//!
//! A virtual token is made from the client's key when the client shows it, and is the same every time: nothing has to be
//! kept for it, it is good on every node and after a restart, and it ends with the key. The store holds a hash of what
//! stands in it, so that whoever reads the store cannot make one.

use crate::client::KeyHash;
use crate::id::AccountId;
use crate::secret::Secret;

const PREFIX: &str = "lpv_";
/// Hexadecimal digits of the part that nobody can guess.
const DIGITS: usize = 48;
const CONTEXT: &str = "lingpai 2026-11-23 virtual token of an API key";

/// The virtual token of the client that holds `key`, for this account. Letters, digits, `_` and what the account's id is
/// made of: it passes wherever SDKs put a token.
pub fn make(key: &str, account: &AccountId) -> Secret {
    Secret::from(format!("{PREFIX}{}_{account}", proof(key)))
}

/// The virtual token for this account of whoever shows one for another account: the same key stands behind both. None for
/// what is no virtual token.
pub fn for_another(token: &str, account: &AccountId) -> Option<Secret> {
    let proof = token.strip_prefix(PREFIX)?.get(..DIGITS)?;
    Some(Secret::from(format!("{PREFIX}{proof}_{account}")))
}

/// What the record of this key keeps to know its virtual tokens again.
pub fn hash_for(key: &str) -> KeyHash {
    KeyHash::of(&proof(key))
}

/// Whether a token is virtual by its shape, be it good or not: WeChat's begin with digits.
pub fn is_virtual(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// What a virtual token says: the hash under which its key's record knows it, and the account it is for. Whether there is
/// such a key, and whether it may use the account, is for the caller to find out.
pub fn read(token: &str) -> Option<(KeyHash, AccountId)> {
    let (proof, account) = token.strip_prefix(PREFIX)?.split_at_checked(DIGITS)?;
    let account = account.strip_prefix('_')?.parse().ok()?;
    Some((KeyHash::of(proof), account))
}

fn proof(key: &str) -> String {
    let derived = blake3::derive_key(CONTEXT, key.as_bytes());
    derived[..DIGITS / 2].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_token_is_known_by_the_hash_of_its_key_and_names_its_account() {
        let account: AccountId = "ww1:1000002".parse().unwrap();
        let token = make("lp_1_secret", &account);
        assert!(is_virtual(token.expose()) && !token.expose().contains("secret"));
        assert_eq!(read(token.expose()), Some((hash_for("lp_1_secret"), account.clone())));
        assert_eq!(make("lp_1_secret", &account), token, "it is the same every time");
        assert_ne!(read(token.expose()).unwrap().0, hash_for("lp_1_other"));
    }

    #[test]
    fn one_virtual_token_makes_another_of_the_same_key() {
        let (one, two): (AccountId, AccountId) = ("wx1".parse().unwrap(), "wx2".parse().unwrap());
        let token = make("lp_1_secret", &one);
        assert_eq!(for_another(token.expose(), &two), Some(make("lp_1_secret", &two)));
        assert_eq!(for_another("85_real", &two), None);
        assert_eq!(for_another("lpv_short", &two), None);
    }

    #[test]
    fn what_is_no_virtual_token_says_nothing() {
        let cut = format!("lpv_{}", "a".repeat(48));
        for token in ["", "lpv_", "85_real", "lpv_ab_wx1", &cut, "lpv_ä"] {
            assert_eq!(read(token), None, "{token}");
        }
    }
}
