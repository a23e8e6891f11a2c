//! What came of the last examinations over HTTP on this node: of the house, and of each account. One of some accounts stands in
//! the place of theirs, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use lingpai_core::client::Accounts;
use lingpai_core::{AccountId, Timestamp};

use super::Finding;

/// Of so many accounts at most, those that were looked at last: a script may go through very many, one by one.
const MOST_KEPT: usize = 200;

/// What there is to show.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    house: Option<Looked>,
    accounts: BTreeMap<AccountId, Looked>,
}

#[derive(Clone, Debug)]
struct Looked {
    at: Timestamp,
    findings: Vec<Finding>,
}

impl Kept {
    /// Takes in what was found now: of one account, or of the house and the accounts that somebody may see. What is known of those
    /// that were left out stays; those of which nothing is found are gone. If it is not known which there are, all stay.
    pub(crate) fn take(
        &mut self,
        at: Timestamp,
        of: Option<&AccountId>,
        (allowed, left_out): (&Accounts, Option<&BTreeSet<AccountId>>),
        found: Vec<Finding>,
    ) {
        self.accounts.retain(|account, _| match (of, left_out) {
            (_, None) => true,
            (Some(of), _) => account != of,
            (None, Some(left_out)) => !allowed.contains(account) || left_out.contains(account),
        });
        let mut house = Vec::new();
        for finding in found {
            match finding.account.clone() {
                None => house.push(finding),
                Some(account) => {
                    let looked = || Looked { at, findings: Vec::new() };
                    self.accounts.entry(account).or_insert_with(looked).findings.push(finding);
                }
            }
        }
        if of.is_none() && matches!(allowed, Accounts::All) {
            self.house = Some(Looked { at, findings: house });
        }
        while self.accounts.len() > MOST_KEPT
            && let Some((oldest, _)) = self.accounts.iter().min_by_key(|(_, looked)| looked.at)
        {
            let oldest = oldest.clone();
            self.accounts.remove(&oldest);
        }
    }

    /// All that somebody may see, with when it was found: the house first, if he may see all accounts.
    pub(crate) fn seen_by(&self, allowed: &Accounts) -> Vec<(Timestamp, Finding)> {
        let house = self.house.iter().filter(|_| matches!(allowed, Accounts::All));
        let accounts = self.accounts.iter().filter(|(account, _)| allowed.contains(account));
        let looked = house.chain(accounts.map(|(_, looked)| looked));
        looked.flat_map(|it| it.findings.iter().map(|finding| (it.at, finding.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Check, Verdict};
    use crate::language::Bilingual;

    fn id(number: usize) -> AccountId {
        format!("wx{number:04}").parse().unwrap()
    }

    fn found(account: Option<usize>, text: &'static str) -> Finding {
        let finding = Finding::new(Check::Store, Verdict::Passed, Bilingual::fixed(text, text));
        Finding { account: account.map(id), ..finding }
    }

    fn shown(kept: &Kept, allowed: &Accounts) -> Vec<(i64, String)> {
        let text = |finding: Finding| finding.evidence.into_english();
        let seen = kept.seen_by(allowed).into_iter();
        seen.map(|(at, finding)| (at.as_millis(), text(finding))).collect()
    }

    fn only(numbers: &[usize]) -> Accounts {
        Accounts::Only(numbers.iter().copied().map(id).collect())
    }

    #[test]
    fn whoever_looks_at_some_accounts_replaces_what_was_found_of_those_only() {
        let mut kept = Kept::default();
        let at = Timestamp::from_millis;
        let none_left_out = Some(&BTreeSet::new());
        let all = vec![
            found(None, "house"),
            found(Some(1), "one"),
            found(Some(2), "two"),
            found(Some(3), "three"),
        ];
        kept.take(at(10), None, (&Accounts::All, none_left_out), all);
        let one = vec![found(Some(1), "one again")];
        kept.take(at(20), Some(&id(1)), (&Accounts::All, none_left_out), one);
        // The third is gone; what it finds of no account is nobody's.
        let some = vec![found(None, "some left out"), found(Some(2), "two again")];
        kept.take(at(30), None, (&only(&[2, 3]), none_left_out), some);
        let expected = [(10, "house"), (20, "one again"), (30, "two again")];
        let expected = expected.map(|(at, text)| (at, text.to_owned()));
        assert_eq!(shown(&kept, &Accounts::All), expected);
        assert_eq!(shown(&kept, &only(&[1])), expected[1..2]);
        assert_eq!(shown(&kept, &only(&[4])), []);
        let house = vec![found(None, "an empty house")];
        kept.take(at(40), None, (&Accounts::All, none_left_out), house);
        assert_eq!(shown(&kept, &Accounts::All), [(40, "an empty house".to_owned())]);
    }

    #[test]
    fn what_was_found_of_accounts_that_a_look_at_all_leaves_out_stays() {
        let mut kept = Kept::default();
        let at = Timestamp::from_millis;
        for number in 1..=3 {
            let it = vec![found(Some(number), "once")];
            kept.take(at(10), Some(&id(number)), (&Accounts::All, Some(&BTreeSet::new())), it);
        }
        // The second is gone.
        let left_out = BTreeSet::from([id(3)]);
        let all = vec![found(Some(1), "again")];
        kept.take(at(20), None, (&Accounts::All, Some(&left_out)), all);
        let expected = [(20, "again".to_owned()), (10, "once".to_owned())];
        assert_eq!(shown(&kept, &Accounts::All), expected);
        // The store did not say which accounts there are.
        kept.take(at(30), None, (&Accounts::All, None), vec![found(None, "a broken store")]);
        assert_eq!(shown(&kept, &Accounts::All)[1..], expected);
    }

    #[test]
    fn a_script_that_goes_through_very_many_accounts_fills_no_memory() {
        let mut kept = Kept::default();
        for number in 0..=MOST_KEPT {
            let at = Timestamp::from_millis(number as i64);
            let of = id(number);
            let it = vec![found(Some(number), "it")];
            kept.take(at, Some(&of), (&Accounts::All, Some(&BTreeSet::new())), it);
        }
        let seen = shown(&kept, &Accounts::All);
        assert_eq!((seen.len(), seen[0].0), (MOST_KEPT, 1), "the oldest is gone");
    }
}
