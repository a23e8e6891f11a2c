//! What is to stand in the target of a copy, of what stands in the source and in the target. Of two that differ the later one
//! stays; a key that was revoked in either is revoked.

use std::collections::HashMap;

use lingpai_core::client::ApiKey;
use lingpai_core::journal::Line;
use lingpai_core::{Account, Timestamp};

use crate::archive::Kept;

/// Whether an account of the source is to be put into the target.
pub(super) fn account(
    source: &Account,
    target: Option<&Account>,
    removed_there: Option<&Timestamp>,
) -> bool {
    match (target, removed_there) {
        (Some(target), _) => target != source && target.updated_at <= source.updated_at,
        (None, Some(at)) => *at < source.updated_at,
        (None, None) => true,
    }
}

/// Whether the target is to be told that an account was removed from the source.
pub(super) fn removed(at: Timestamp, target: Option<&Account>, is_known: bool) -> bool {
    match target {
        Some(target) => target.updated_at <= at,
        None => !is_known,
    }
}

/// The key that is to be put into the target, if it does not stand there.
pub(super) fn key(source: &ApiKey, target: Option<&ApiKey>) -> Option<ApiKey> {
    let Some(target) = target else { return Some(source.clone()) };
    let revoked_at = source.revoked_at.into_iter().chain(target.revoked_at).min();
    let first_used_at = source.first_used_at.into_iter().chain(target.first_used_at).min();
    let wanted = ApiKey { revoked_at, first_used_at, ..source.clone() };
    (wanted != *target).then_some(wanted)
}

/// The credential that is to be put into the target, if it does not stand there. Its fencing number is the higher one.
pub(super) fn kept(source: &Kept, target: Option<&Kept>) -> Option<Kept> {
    let Some(target) = target else { return Some(source.clone()) };
    let ends = |kept: &Kept| kept.record.token.as_ref().map(|token| token.expires_at);
    let is_later = source.record.generation > target.record.generation
        || source.record.generation == target.record.generation && ends(source) >= ends(target);
    let later = if is_later { source } else { target };
    let wanted = Kept { record: later.record.clone(), fence: source.fence.max(target.fence) };
    (wanted != *target).then_some(wanted)
}

/// The lines of a journal of the source (the newest first) that the target lacks, the oldest first. Those that are older than
/// the newest of the target's are left out: a journal has an order.
pub(super) fn lines(source: Vec<Line>, target: &[Line]) -> Vec<Line> {
    let newest = target.first().map(|line| line.at);
    let mut there: HashMap<&str, usize> = HashMap::new();
    for line in target {
        *there.entry(&line.body).or_default() += 1;
    }
    let mut missing: Vec<Line> = source
        .into_iter()
        .filter(|line| newest.is_none_or(|newest| line.at >= newest))
        .filter(|line| match there.get_mut(&*line.body) {
            Some(left @ 1..) => {
                *left -= 1;
                false
            }
            _ => true,
        })
        .collect();
    missing.reverse();
    missing
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lingpai_core::client::{Accounts, NewKey};
    use lingpai_core::store::{Record, Usage};
    use lingpai_core::{CredentialId, Fence, Generation, Secret, Token, Way};

    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_795_406_400_000);

    fn some_account(secret: &str, seconds: u64) -> Account {
        let at = NOON + Duration::from_secs(seconds);
        Account::new("wx1".parse().unwrap(), Secret::from(secret), at)
    }

    fn some_kept(generation: u64, value: &str, ends: u64, fence: u64) -> Kept {
        let token = Token {
            value: Secret::from(value),
            generation: Generation(generation),
            issued_at: NOON,
            expires_at: NOON + Duration::from_secs(ends),
            full_life: Duration::from_secs(7200),
            way: Way::Primary,
            companion: None,
        };
        let record = Record {
            credential: CredentialId::access_token("wx1".parse().unwrap()),
            generation: Generation(generation),
            token: Some(token),
            previous: None,
            intent: None,
            last_forced_at: None,
            failure: None,
            usage: Usage::default(),
        };
        Kept { record, fence: Fence(fence) }
    }

    fn line(second: u64, body: &str) -> Line {
        Line { at: NOON + Duration::from_secs(second), account: None, body: body.to_owned() }
    }

    #[test]
    fn the_account_that_was_changed_later_stays() {
        let (early, late) = (some_account("a", 1), some_account("b", 2));
        assert!(account(&late, Some(&early), None) && !account(&early, Some(&late), None));
        assert!(!account(&late, Some(&late), None) && account(&late, None, None));
        let removed_at = |seconds| NOON + Duration::from_secs(seconds);
        assert!(account(&late, None, Some(&removed_at(1))));
        assert!(!account(&late, None, Some(&removed_at(3))));
        assert!(removed(removed_at(3), Some(&late), true));
        assert!(!removed(removed_at(1), Some(&late), false));
    }

    #[test]
    fn a_key_that_was_revoked_in_either_store_is_revoked() {
        let good = NewKey::from_random([1; 30], "orders", [].into(), Accounts::All, NOON).record;
        let revoked = ApiKey { revoked_at: Some(NOON), ..good.clone() };
        assert_eq!(key(&revoked, Some(&good)), Some(revoked.clone()));
        assert_eq!(key(&good, Some(&revoked)), None);
        assert_eq!(key(&good, None), Some(good));
    }

    #[test]
    fn generations_and_fences_never_go_back() {
        let (low, high) = (some_kept(3, "a", 9, 70), some_kept(4, "b", 5, 6));
        let higher_fence = Kept { fence: Fence(70), ..high.clone() };
        assert_eq!(kept(&low, Some(&high)), Some(higher_fence.clone()));
        assert_eq!(kept(&high, Some(&low)), Some(higher_fence.clone()));
        assert_eq!(kept(&low, Some(&higher_fence)), None);
        // Of two nodes that did not know of each other, the token that ends later.
        let (ends_early, ends_late) = (some_kept(4, "a", 5, 6), some_kept(4, "b", 9, 6));
        assert_eq!(kept(&ends_early, Some(&ends_late)), None);
        assert_eq!(kept(&ends_late, Some(&ends_early)), Some(ends_late));
    }

    #[test]
    fn a_journal_goes_on_where_a_copy_was_broken_off() {
        let all = || vec![line(3, "c"), line(2, "b"), line(2, "b"), line(1, "a")];
        let oldest_first = vec![line(1, "a"), line(2, "b"), line(2, "b"), line(3, "c")];
        assert_eq!(lines(all(), &[]), oldest_first);
        for copied in 0..=4 {
            let mut target = oldest_first[..copied].to_vec();
            target.reverse();
            assert_eq!(lines(all(), &target), oldest_first[copied..], "{copied}");
        }
        assert_eq!(lines(all(), &[line(9, "its own")]), []);
    }
}
