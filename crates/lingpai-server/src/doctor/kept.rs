//! What came of the last examinations over HTTP on this node: of the house, and of each account. One of some accounts stands in
//! the place of theirs, and of nothing else.

use std::collections::BTreeMap;

use lingpai_core::client::Accounts;
use lingpai_core::{AccountId, Timestamp};

use super::Finding;

/// Of so many accounts at most, those that were looked at last: a script may go through very many, one by one.
const MOST: usize = 200;

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
    /// Takes in what was found now: of one account, or of the house and all accounts that somebody may see; then those of which
    /// nothing is found are gone.
    pub(crate) fn take(
        &mut self,
        at: Timestamp,
        of: Option<&AccountId>,
        allowed: &Accounts,
        found: Vec<Finding>,
    ) {
        self.accounts.retain(|account, _| match of {
            Some(of) => account != of,
            None => !allowed.contains(account),
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
        while self.accounts.len() > MOST
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
        let all = vec![
            found(None, "house"),
            found(Some(1), "one"),
            found(Some(2), "two"),
            found(Some(3), "three"),
        ];
        kept.take(at(10), None, &Accounts::All, all);
        kept.take(at(20), Some(&id(1)), &Accounts::All, vec![found(Some(1), "one again")]);
        // The third is gone; what it finds of no account is nobody's.
        let some = vec![found(None, "some left out"), found(Some(2), "two again")];
        kept.take(at(30), None, &only(&[2, 3]), some);
        let expected = [(10, "house"), (20, "one again"), (30, "two again")];
        let expected = expected.map(|(at, text)| (at, text.to_owned()));
        assert_eq!(shown(&kept, &Accounts::All), expected);
        assert_eq!(shown(&kept, &only(&[1])), expected[1..2]);
        assert_eq!(shown(&kept, &only(&[4])), []);
        kept.take(at(40), None, &Accounts::All, vec![found(None, "an empty house")]);
        assert_eq!(shown(&kept, &Accounts::All), [(40, "an empty house".to_owned())]);
    }

    #[test]
    fn a_script_that_goes_through_very_many_accounts_fills_no_memory() {
        let mut kept = Kept::default();
        for number in 0..=MOST {
            let at = Timestamp::from_millis(number as i64);
            kept.take(at, Some(&id(number)), &Accounts::All, vec![found(Some(number), "it")]);
        }
        let seen = shown(&kept, &Accounts::All);
        assert_eq!((seen.len(), seen[0].0), (MOST, 1), "the oldest is gone");
    }
}
