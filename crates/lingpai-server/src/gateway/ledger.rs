//! What was called: every call that reached WeChat is counted per account, day and path, and every errcode with it.
//!
//! The counts are gathered here and go into the store's ledger every few seconds, so that they outlive a restart and those
//! of all nodes come together. Paths come from clients: of those that go on being new, the rest is counted together.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lingpai_core::store::Entry;
use lingpai_core::{AccountId, Day, Store, StoreError};
use serde::Serialize;
use tokio::task::JoinSet;

/// So many paths of an account are told apart on a day.
const PATHS: usize = 200;
/// So many errcodes of an account and path likewise.
const ERRCODES: usize = 50;
/// All others.
const OTHERS: &str = "/others";
/// So many lines are given to the store at a time.
const AT_ONCE: usize = 256;
/// Who has shown the account's token itself, and no key.
pub(crate) const BY_TOKEN: &str = "-";
/// WeChat's word for a path that it does not have.
const INVALID_URL: i64 = 40066;

/// The counts that are not in the store yet.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    gathered: Mutex<Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    counts: HashMap<Line, u32>,
    /// The day of what was seen.
    day: Day,
    /// Each account's paths of the day, and their errcodes.
    seen: HashMap<AccountId, HashMap<Arc<str>, HashSet<i64>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Line {
    account: AccountId,
    day: Day,
    entry: Entry,
}

/// The calls of one path on a day, as people see them.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Called {
    path: String,
    calls: u32,
    /// How often each errcode came, success left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errcodes: Vec<Answered>,
}

/// The calls of a day that were forwarded for one client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ForClient {
    /// The id of its key, or [`BY_TOKEN`].
    pub(crate) key: String,
    pub(crate) calls: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Answered {
    errcode: i64,
    times: u32,
}

impl Called {
    /// The path, with the prefix of its host.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// How many calls.
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }
}

impl Ledger {
    /// Counts one call that was answered with this errcode, if its answer had one.
    pub(crate) fn count(&self, account: &AccountId, day: Day, path: &str, errcode: Option<i64>) {
        let mut gathered = self.lock();
        let errcode = errcode.filter(|code| *code != 0);
        let (path, errcode) = gathered.told_apart(account, day, path, errcode);
        gathered.add(account, day, Entry::Call(Arc::clone(&path)));
        if let Some(code) = errcode {
            gathered.add(account, day, Entry::Errcode(code, path));
        }
    }

    /// Adds one to a line.
    pub(super) fn add(&self, owner: &AccountId, day: Day, entry: Entry) {
        self.lock().add(owner, day, entry);
    }

    /// What was added to a line and is not in the store yet.
    pub(super) fn gathered(&self, owner: &AccountId, day: Day, entry: &Entry) -> u32 {
        let line = Line { account: owner.clone(), day, entry: entry.clone() };
        self.lock().counts.get(&line).copied().unwrap_or_default()
    }

    /// Gives the store what was gathered. What it cannot take now is gathered on.
    ///
    /// # Errors
    /// The last of what went wrong.
    pub(crate) async fn store(&self, store: &Arc<dyn Store>) -> Result<(), StoreError> {
        let mut left = std::mem::take(&mut self.lock().counts).into_iter();
        let mut outcome = Ok(());
        loop {
            // Many at a time, so that the store can make one commit of them.
            let mut counting = JoinSet::new();
            for (line, times) in left.by_ref().take(AT_ONCE) {
                let store = Arc::clone(store);
                counting.spawn(async move {
                    let Line { account, day, entry } = line.clone();
                    store
                        .count(&account, day, entry, times)
                        .await
                        .map_err(|error| (error, line, times))
                });
            }
            if counting.is_empty() {
                return outcome;
            }
            for counted in counting.join_all().await {
                if let Err((error, line, times)) = counted {
                    *self.lock().counts.entry(line).or_default() += times;
                    outcome = Err(error);
                }
            }
        }
    }

    /// What an account's calls of a day were and who made them, those not yet in the store too.
    ///
    /// # Errors
    /// As of every method of [`Store`].
    pub(crate) async fn called(
        &self,
        store: &dyn Store,
        account: &AccountId,
        day: Day,
    ) -> Result<(Vec<Called>, Vec<ForClient>), StoreError> {
        let mut counts = store.ledger(account, day).await?;
        for (line, times) in &self.lock().counts {
            if line.account == *account && line.day == day {
                *counts.entry(line.entry.name()).or_default() += times;
            }
        }
        Ok((by_path(&counts), by_client(&counts)))
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    fn add(&mut self, account: &AccountId, day: Day, entry: Entry) {
        let line = Line { account: account.clone(), day, entry };
        let times = self.counts.entry(line).or_default();
        *times = times.saturating_add(1);
    }

    /// Under which path and errcode a call is counted.
    fn told_apart(
        &mut self,
        account: &AccountId,
        day: Day,
        path: &str,
        errcode: Option<i64>,
    ) -> (Arc<str>, Option<i64>) {
        if self.day != day {
            self.seen.clear();
            self.day = day;
        }
        let paths = match self.seen.get_mut(account) {
            Some(paths) => paths,
            None => self.seen.entry(account.clone()).or_default(),
        };
        let known = |path: &str| paths.get_key_value(path).map(|(path, _)| Arc::clone(path));
        // A call without an errcode of a path that is known: nearly always.
        if errcode.is_none()
            && let Some(path) = known(path)
        {
            return (path, None);
        }
        let is_other = paths.len() >= PATHS || errcode == Some(INVALID_URL);
        let known = known(path).or_else(|| known(OTHERS).filter(|_| is_other));
        let path = known.unwrap_or_else(|| if is_other { OTHERS.into() } else { path.into() });
        let codes = paths.entry(Arc::clone(&path)).or_default();
        // One that is not told apart is counted as the system's own: -1.
        let told =
            |code: i64| if codes.len() < ERRCODES || codes.contains(&code) { code } else { -1 };
        let errcode = errcode.map(told);
        codes.extend(errcode);
        (path, errcode)
    }
}

/// The lines of a ledger that are about calls, put together by path.
fn by_path(counts: &BTreeMap<String, u32>) -> Vec<Called> {
    let mut calls: BTreeMap<&str, Called> = BTreeMap::new();
    let fresh = |path: &str| Called { path: path.to_owned(), calls: 0, errcodes: Vec::new() };
    for (name, times) in counts {
        if let Some(path) = name.strip_prefix("call") {
            calls.entry(path).or_insert_with(|| fresh(path)).calls += times;
        } else if let Some((code, path)) =
            name.strip_prefix("errcode/").and_then(|rest| rest.split_at_checked(rest.find('/')?))
            && let Ok(errcode) = code.parse()
        {
            let called = calls.entry(path).or_insert_with(|| fresh(path));
            called.errcodes.push(Answered { errcode, times: *times });
        }
    }
    calls.into_values().collect()
}

/// Those that are about clients, whoever calls most first.
fn by_client(counts: &BTreeMap<String, u32>) -> Vec<ForClient> {
    let of = |(name, calls): (&String, &u32)| {
        let key = name.strip_prefix("client/")?.to_owned();
        Some(ForClient { key, calls: *calls })
    };
    let mut clients: Vec<_> = counts.iter().filter_map(of).collect();
    clients.sort_by_key(|client| Reverse(client.calls));
    clients
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountId {
        "wx1".parse().unwrap()
    }

    fn counted(ledger: &Ledger) -> Vec<(String, u32)> {
        let counts = &ledger.lock().counts;
        let mut found: Vec<_> =
            counts.iter().map(|(line, times)| (line.entry.name(), *times)).collect();
        found.sort();
        found
    }

    #[test]
    fn calls_and_errcodes_are_counted_by_path() {
        let ledger = Ledger::default();
        for errcode in [None, Some(0), Some(45009), Some(45009)] {
            ledger.count(&account(), Day(1), "/cgi-bin/user/get", errcode);
        }
        let expected = [
            ("call/cgi-bin/user/get".to_owned(), 4),
            ("errcode/45009/cgi-bin/user/get".to_owned(), 2),
        ];
        assert_eq!(counted(&ledger), expected);
        let called = by_path(&expected.into());
        assert_eq!(
            serde_json::to_value(&called).unwrap(),
            serde_json::json!([
                {"path": "/cgi-bin/user/get", "calls": 4, "errcodes": [{"errcode": 45009, "times": 2}]},
            ])
        );
    }

    #[test]
    fn calls_are_counted_by_client_whoever_calls_most_first() {
        let ledger = Ledger::default();
        for key in ["lp_1", "lp_2", "lp_2", BY_TOKEN] {
            ledger.add(&account(), Day(1), Entry::Client(key.into()));
        }
        let clients = by_client(&counted(&ledger).into_iter().collect());
        let told: Vec<_> = clients.iter().map(|it| (it.key.as_str(), it.calls)).collect();
        assert_eq!(told, [("lp_2", 2), (BY_TOKEN, 1), ("lp_1", 1)]);
    }

    #[test]
    fn paths_without_end_are_counted_together() {
        let ledger = Ledger::default();
        for number in 0..1000 {
            ledger.count(&account(), Day(1), &format!("/{number}"), None);
        }
        ledger.count(&account(), Day(1), "/0", None);
        assert_eq!(counted(&ledger).len(), PATHS + 1);
        ledger.count(&account(), Day(2), "/new-day", None);
        assert!(counted(&ledger).contains(&("call/new-day".to_owned(), 1)));
    }

    #[test]
    fn a_path_that_wechat_does_not_have_is_no_path() {
        let ledger = Ledger::default();
        ledger.count(&account(), Day(1), "/nonsense", Some(INVALID_URL));
        let all = by_path(&counted(&ledger).into_iter().collect());
        assert_eq!(all[0].path, "/others");
    }
}
