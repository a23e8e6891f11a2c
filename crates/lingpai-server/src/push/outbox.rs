//! Pushes that wait: tried again, later each time, in the order of each account.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::What;
use lingpai_core::outbox::{Delivery, Parcel};
use lingpai_core::{AccountId, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Pushes;
use super::letter::Letter;
use super::relay::NotTaken;

/// How often the outbox is looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a business may take for a push that waits: nobody waits for its answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// For how long nobody else takes a push that was taken. Longer than it can take.
const TAKEN: Duration = Duration::from_secs(20);
/// How many are sent at once.
const AT_ONCE: usize = 64;
/// A push that the business has refused so often is dead: those behind it are to have their turn.
const REFUSALS: u32 = 10;
/// One that did not reach the business is, after this time.
const LIFE: Duration = Duration::from_hours(24);
/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_mins(10);

impl Pushes {
    /// Delivers until the future is dropped. What was being sent then is sent again. `tell` hears of those that are dead.
    pub(crate) async fn deliver(self: &Arc<Self>, tell: impl Fn(AccountId, What)) -> Infallible {
        let mut periods = interval(PERIOD);
        periods.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sending = JoinSet::new();
        let mut failing = false;
        loop {
            tokio::select! {
                _ = periods.tick() => {}
                () = self.due.notified() => {}
                Some(ended) = sending.join_next() => {
                    if let Ok(Some((account, what))) = ended {
                        tell(account, what);
                    }
                }
            }
            if sending.len() >= AT_ONCE {
                continue;
            }
            let now = self.clock.now().wall;
            match self.outbox.take_due(now, now + TAKEN).await {
                Ok(parcels) => {
                    failing = false;
                    for parcel in parcels {
                        let pushes = Arc::clone(self);
                        sending.spawn(async move { pushes.try_again(parcel).await });
                    }
                }
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "pushes that wait cannot be read; it is tried again");
                }
                Err(_) => {}
            }
        }
    }

    /// Sends it once more. If that was the last time, what is to be told of it.
    async fn try_again(&self, parcel: Parcel) -> Option<(AccountId, What)> {
        let Parcel { account, id, .. } = &parcel;
        let mut dead = None;
        let outcome = match self.send(&parcel).await {
            Ok(()) => self.outbox.remove_parcel(account, id).await.map(|_| {
                tracing::info!(%account, push = id, "the business took a push that waited");
            }),
            Err(not_taken) => {
                let delivery = after(&parcel, &not_taken, self.clock.now().wall);
                if delivery.due_at.is_none() {
                    let (push, cause) = (id.clone(), not_taken.why);
                    dead = Some((account.clone(), What::PushDead { push, cause }));
                }
                self.outbox.set_delivery(account, id, &delivery).await.map(drop)
            }
        };
        if let Err(error) = outcome {
            tracing::warn!(%account, push = id, %error, "how it stands with a push could not be stored; it is tried again");
            return None;
        }
        dead
    }

    async fn send(&self, parcel: &Parcel) -> Result<(), NotTaken> {
        let letter = Letter::read(&parcel.content);
        let letter = letter.ok_or_else(|| NotTaken::here("it cannot be read"))?;
        let holder = letter.authorizer.as_ref().map_or(&parcel.account, |it| &it.platform);
        let endpoint = self.endpoints.of(holder.as_str(), self.clock.now()).await;
        let endpoint = endpoint.map_err(|error| NotTaken::here(error.to_string()))?;
        let nowhere = || NotTaken::here("the account has no relay URL any more");
        let relay = endpoint.relay(letter.authorizer.is_some()).ok_or_else(nowhere)?;
        let until = Instant::now() + PATIENCE;
        // What the business answers now has nobody to go to.
        self.pass_on(&endpoint, relay, &letter, until).await.map(drop)
    }
}

/// How it stands with a push after another failure.
fn after(parcel: &Parcel, failure: &NotTaken, now: Timestamp) -> Delivery {
    let attempts = parcel.delivery.attempts.saturating_add(1);
    let is_refused = failure.was_answered && attempts >= REFUSALS;
    let is_dead = is_refused || now >= parcel.received_at + LIFE;
    let pause = Duration::from_secs(1_u64 << attempts.min(20)).min(LONGEST);
    let due_at = (!is_dead).then_some(now + pause);
    Delivery { attempts, due_at, failure: Some(failure.why.clone()) }
}

#[cfg(test)]
mod tests {
    use lingpai_core::Secret;

    use super::*;

    fn parcel(attempts: u32) -> Parcel {
        Parcel {
            account: "wx1".parse().unwrap(),
            id: "a".to_owned(),
            content: Secret::default(),
            received_at: Timestamp::default(),
            delivery: Delivery { attempts, due_at: None, failure: None },
        }
    }

    #[test]
    fn pauses_grow_and_end_with_the_patience() {
        let soon = Timestamp::default() + Duration::from_secs(60);
        let pause = |attempts, was_answered| {
            let failure = NotTaken { why: String::new(), was_answered };
            after(&parcel(attempts), &failure, soon).due_at.map(|at| at.since(soon))
        };
        assert_eq!(pause(1, true), Some(Duration::from_secs(4)));
        assert_eq!(pause(8, true), Some(Duration::from_secs(512)));
        assert_eq!(pause(9, true), None, "the business has refused it ten times");
        assert_eq!(pause(9, false), Some(LONGEST), "it was not reached");
        assert_eq!(pause(u32::MAX, false), Some(LONGEST));
        let late = Timestamp::default() + LIFE;
        assert_eq!(after(&parcel(1), &NotTaken::here(""), late).due_at, None);
    }
}
