//! One scheduler for all credentials: a heap of times, and the task that wakes keepers when theirs has come.
//!
//! Plans are not taken back but outdated: a keeper remembers the time that it is planned for, and an entry that says
//! another time is dropped when it comes up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::keeper::Keeper;
use crate::time::Instant;

/// The times at which keepers want to be woken.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    plans: Mutex<BinaryHeap<Reverse<Plan>>>,
    /// Told when a plan comes before all others.
    sooner: Notify,
}

impl Scheduler {
    /// Wakes `keeper` at this time, unless it is planned for another time meanwhile.
    pub(crate) fn plan(&self, keeper: &Arc<Keeper>, at: Instant) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let first = plans.peek().is_none_or(|Reverse(plan)| at < plan.at);
        plans.push(Reverse(Plan { at, keeper: Arc::downgrade(keeper) }));
        drop(plans);
        if first {
            self.sooner.notify_one();
        }
    }

    /// Wakes keepers until the future is dropped.
    pub(crate) async fn run(&self, clock: &dyn Clock) {
        loop {
            let now = clock.now();
            while let Some(plan) = self.due(now.instant) {
                if let Some(keeper) = plan.keeper.upgrade() {
                    keeper.wake(plan.at);
                }
            }
            let next = self.next().unwrap_or(Instant::FAR_FUTURE);
            tokio::select! {
                () = clock.sleep_until(next) => {}
                () = self.sooner.notified() => {}
            }
        }
    }

    fn due(&self, now: Instant) -> Option<Plan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let due = plans.peek().is_some_and(|Reverse(plan)| plan.at <= now);
        if due { plans.pop().map(|Reverse(plan)| plan) } else { None }
    }

    fn next(&self) -> Option<Instant> {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.peek().map(|Reverse(plan)| plan.at)
    }
}

#[derive(Debug)]
struct Plan {
    at: Instant,
    keeper: Weak<Keeper>,
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Plan {}

impl PartialOrd for Plan {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Plan {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}
