//! Budgets of a day: how much a client, and all clients of an account, have called, on all nodes together.
//!
//! Each call under a budget is a line of the ledger, so it outlives a restart, and in the store the counts of all nodes come
//! together. A node reads them before the first call under a budget, and again each time that its own calls went into the
//! store, every few seconds. So much a budget can be overspent: by what each node lets through between two readings.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingpai_core::store::Entry;
use lingpai_core::{AccountId, Day, Environment, Moment, Store, StoreError};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::ledger::Ledger;
use super::meter::left_of_day;
use crate::refusal::Barred;

/// How long the first call under a budget waits for the store. A store that is away bounds nothing that was not called here.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many budgets are read at a time.
const AT_ONCE: usize = 256;

/// The budgets that were used since the start, by whose ledger they are kept in: an account's, or a key's under its id.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    known: Mutex<HashMap<AccountId, Arc<Budget>>>,
}

#[derive(Debug)]
struct Budget {
    owner: AccountId,
    /// Done once the store was asked what was spent before.
    read: OnceCell<()>,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    day: Day,
    calls: [u32; Share::ALL.len()],
    /// Whether there were calls since the store was last read.
    used: bool,
}

/// What calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Those of one client: a key, or all who show a real token of the account.
    Client,
    /// Those of an account's clients in this environment.
    Of(Environment),
}

/// A call that is to be paid from a budget.
pub(super) struct Charge {
    budget: Arc<Budget>,
    share: Share,
    most: NonZeroU32,
}

impl Budgets {
    /// A call of this owner's share, of which there are so many a day at most. Waits for the store where this is the first.
    pub(super) async fn charge(
        &self,
        owner: AccountId,
        share: Share,
        most: NonZeroU32,
        day: Day,
        store: &dyn Store,
        ledger: &Ledger,
    ) -> Charge {
        let budget = {
            let mut known = lock(&self.known);
            let budget = known.entry(owner.clone()).or_insert_with(|| Arc::new(Budget::of(owner)));
            Arc::clone(budget)
        };
        let first = || async {
            // If the store is away, it is read with the others as soon as it is back.
            if let Ok(Ok(stored)) = timeout(PATIENCE, store.ledger(&budget.owner, day)).await {
                budget.learn(&stored, ledger, day);
            }
        };
        budget.read.get_or_init(first).await;
        Charge { budget, share, most }
    }

    /// Reads what was spent on all nodes of the budgets in use. To be called when the ledger has just been stored.
    ///
    /// # Errors
    /// The last of what went wrong. Those budgets are read the next time.
    pub(super) async fn read(
        &self,
        store: &Arc<dyn Store>,
        ledger: &Ledger,
        day: Day,
    ) -> Result<(), StoreError> {
        let used: Vec<_> =
            lock(&self.known).values().filter(|one| one.is_used()).cloned().collect();
        let (mut used, mut outcome) = (used.into_iter(), Ok(()));
        loop {
            let mut reading = JoinSet::new();
            for budget in used.by_ref().take(AT_ONCE) {
                let store = Arc::clone(store);
                reading.spawn(async move { (store.ledger(&budget.owner, day).await, budget) });
            }
            if reading.is_empty() {
                return outcome;
            }
            for (stored, budget) in reading.join_all().await {
                match stored {
                    Ok(stored) => budget.learn(&stored, ledger, day),
                    Err(error) => outcome = Err(error),
                }
            }
        }
    }
}

impl Budget {
    fn of(owner: AccountId) -> Self {
        Self { owner, read: OnceCell::new(), spent: Mutex::default() }
    }

    fn is_used(&self) -> bool {
        lock(&self.spent).used
    }

    /// Takes in what the store has of this day; what is still to be stored comes to it.
    fn learn(&self, stored: &lingpai_core::store::Ledger, ledger: &Ledger, day: Day) {
        let mut spent = lock(&self.spent);
        if spent.day > day {
            return;
        }
        let calls = Share::ALL.map(|share| {
            let entry = share.entry();
            let stored = stored.get(&entry.name()).copied().unwrap_or_default();
            stored.saturating_add(ledger.gathered(&self.owner, day, &entry))
        });
        *spent = Spent { day, calls, used: false };
    }
}

impl Charge {
    /// Spends one call, if there is one left.
    pub(super) fn spend(&self, now: Moment) -> Result<(), Barred> {
        let mut spent = lock(&self.budget.spent);
        if spent.day != now.day() {
            *spent = Spent { day: now.day(), ..Spent::default() };
        }
        let own = spent.calls[self.share.place()];
        if self.share.is_spent(&spent.calls, self.most) {
            return Err(Barred::DaySpent(left_of_day(now)));
        }
        spent.calls[self.share.place()] = own.saturating_add(1);
        spent.used = true;
        Ok(())
    }

    /// The call is not made after all.
    pub(super) fn take_back(&self) {
        let own = &mut lock(&self.budget.spent).calls[self.share.place()];
        *own = own.saturating_sub(1);
    }

    /// The call is made: it goes into the ledger.
    pub(super) fn enter(&self, ledger: &Ledger, day: Day) {
        ledger.add(&self.budget.owner, day, self.share.entry());
    }
}

impl Share {
    const ALL: [Self; 4] = [
        Self::Client,
        Self::Of(Environment::Production),
        Self::Of(Environment::Test),
        Self::Of(Environment::Dev),
    ];

    const fn place(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Of(environment) => 1 + environment as usize,
        }
    }

    fn entry(self) -> Entry {
        match self {
            Self::Client => Entry::Spent("client"),
            Self::Of(environment) => Entry::Spent(environment.as_str()),
        }
    }

    /// Whether nothing is left of it after these calls. An environment has its part of the whole only.
    fn is_spent(self, calls: &[u32; Self::ALL.len()], most: NonZeroU32) -> bool {
        let (own, most) = (u64::from(calls[self.place()]), u64::from(most.get()));
        match self {
            Self::Client => own >= most,
            Self::Of(environment) => {
                let all: u64 = calls[1..].iter().copied().map(u64::from).sum();
                all >= most || own * 100 >= most * u64::from(environment.share())
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lingpai_core::{Instant, Timestamp};
    use lingpai_store::MemoryStore;

    use super::*;

    /// A node with its own view of a store that it shares.
    struct Node {
        store: Arc<dyn Store>,
        ledger: Ledger,
        budgets: Budgets,
    }

    fn at(seconds: u64) -> Moment {
        Moment {
            instant: Instant::from_millis(1_000_000_000 + seconds * 1000),
            wall: Timestamp::from_millis(1_800_000_000_000 + seconds.cast_signed() * 1000),
        }
    }

    impl Node {
        fn on(store: &Arc<dyn Store>) -> Self {
            let store = Arc::clone(store);
            Self { store, ledger: Ledger::default(), budgets: Budgets::default() }
        }

        /// How many of so many calls are let through.
        async fn calls(&self, times: usize, share: Share, most: u32, now: Moment) -> usize {
            let (owner, most) = ("wx1".parse().unwrap(), NonZeroU32::new(most).unwrap());
            let charge =
                self.budgets.charge(owner, share, most, now.day(), &*self.store, &self.ledger);
            let charge = charge.await;
            let spend =
                || charge.spend(now).map(|()| charge.enter(&self.ledger, now.day())).is_ok();
            (0..times).filter(|_| spend()).count()
        }

        async fn exchange(&self, now: Moment) {
            self.ledger.store(&self.store).await.unwrap();
            self.budgets.read(&self.store, &self.ledger, now.day()).await.unwrap();
        }
    }

    fn store() -> Arc<dyn Store> {
        Arc::new(MemoryStore::new())
    }

    #[tokio::test]
    async fn what_was_spent_before_a_restart_stays_spent() {
        let store = store();
        let before = Node::on(&store);
        assert_eq!(before.calls(7, Share::Client, 10, at(0)).await, 7);
        before.exchange(at(0)).await;
        assert_eq!(before.calls(1, Share::Client, 10, at(0)).await, 1);
        before.ledger.store(&store).await.unwrap();
        assert_eq!(Node::on(&store).calls(9, Share::Client, 10, at(1)).await, 2);
    }

    #[tokio::test]
    async fn nodes_spend_one_budget_and_too_much_by_what_they_have_not_told_each_other() {
        let store = store();
        let (one, two) = (Node::on(&store), Node::on(&store));
        assert_eq!(one.calls(4, Share::Client, 10, at(0)).await, 4);
        assert_eq!(two.calls(4, Share::Client, 10, at(0)).await, 4, "it has heard of nothing");
        for node in [&one, &two, &one] {
            node.exchange(at(10)).await;
        }
        assert_eq!(two.calls(9, Share::Client, 10, at(11)).await, 2);
        // It was idle when the other told of its calls, so it finds out after its next ones.
        assert_eq!(one.calls(9, Share::Client, 10, at(11)).await, 6);
        one.exchange(at(20)).await;
        two.exchange(at(20)).await;
        for node in [&one, &two] {
            assert_eq!(node.calls(9, Share::Client, 10, at(21)).await, 0);
        }
        assert_eq!(
            store.ledger(&"wx1".parse().unwrap(), at(0).day()).await.unwrap()["spent/client"],
            16
        );
    }

    #[tokio::test]
    async fn a_new_day_in_china_is_a_new_budget() {
        let node = Node::on(&store());
        assert_eq!(node.calls(9, Share::Client, 3, at(0)).await, 3);
        let left = left_of_day(at(0)).as_secs();
        assert_eq!(node.calls(9, Share::Client, 3, at(left - 1)).await, 0);
        assert_eq!(node.calls(9, Share::Client, 3, at(left + 1)).await, 3);
        node.exchange(at(left + 2)).await;
        assert_eq!(node.calls(9, Share::Client, 3, at(left + 3)).await, 0);
    }

    #[tokio::test]
    async fn a_share_is_a_part_of_the_whole() {
        let node = Node::on(&store());
        assert_eq!(node.calls(99, Share::Of(Environment::Test), 50, at(0)).await, 10);
        assert_eq!(node.calls(99, Share::Of(Environment::Dev), 50, at(0)).await, 5);
        node.exchange(at(10)).await;
        assert_eq!(node.calls(99, Share::Of(Environment::Production), 50, at(11)).await, 35);
        assert_eq!(node.calls(99, Share::Client, 3, at(11)).await, 3, "that is another matter");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_not_made_after_all_costs_nothing() {
        let node = Node::on(&store());
        let (owner, one, now) = ("wx1".parse().unwrap(), NonZeroU32::MIN, at(0));
        let charge =
            node.budgets.charge(owner, Share::Client, one, now.day(), &*node.store, &node.ledger);
        let charge = charge.await;
        charge.spend(now).unwrap();
        let Err(Barred::DaySpent(left)) = charge.spend(now) else { panic!() };
        assert!(left > Duration::ZERO);
        charge.take_back();
        assert!(charge.spend(now).is_ok());
    }
}
