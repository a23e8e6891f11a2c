//! The end of the event stream in memory, so that open streams need not ask the store.
//!
//! It follows the store, where the events of all nodes are. What this node tells and the store does not take in time is told
//! early, without an id, and gets its id when it is stored.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingpai_core::event::Event;
use lingpai_core::journal::{Page, Position, Told};
use lingpai_core::registry::EventStream;
use lingpai_core::{Instant, NodeId, Registry, Store};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::events::Messages;

/// How many entries are kept.
const LENGTH: usize = 1024;
/// How many events of this node may wait for the store here; beyond that the oldest is no longer waited for.
const UNSEEN: usize = 4096;
/// How often the store is asked whether another process has told something.
const LOOK: Duration = Duration::from_secs(1);
/// How long an event may take to be stored before it is told all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// The tape of one running server.
#[derive(Default)]
pub(crate) struct Tape {
    recent: Mutex<Recent>,
    /// How many entries there have been.
    latest: watch::Sender<u64>,
}

#[derive(Default)]
struct Recent {
    kept: VecDeque<Entry>,
    /// How many entries there have been.
    count: u64,
    /// How far the store was followed; none before it could be read.
    position: Option<Position>,
    /// What this node told and the store has not shown.
    unseen: VecDeque<Unseen>,
}

struct Unseen {
    event: Arc<Event>,
    since: Instant,
    /// The number of the entry by which it was told early.
    early: Option<u64>,
}

/// One entry of the tape.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) event: Arc<Event>,
    /// How it is told, made once for all who read along.
    pub(crate) told: Arc<Messages>,
    /// None of what is told early.
    pub(crate) position: Option<Position>,
    /// The number of the entry by which it was told before, if it was.
    pub(crate) early: Option<u64>,
}

/// Where a reader sits at the tape.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// How many entries there were when the reader came.
    pub(crate) from: u64,
    /// How many entries it has seen, or was too late for.
    next: u64,
    /// How far the tape was then.
    pub(crate) position: Option<Position>,
    /// What is not beyond this was seen elsewhere.
    beyond: Position,
}

impl Seat {
    /// The same for a reader that has seen everything up to this position.
    pub(crate) fn after(mut self, position: Position) -> Self {
        self.beyond = position;
        self
    }
}

impl Tape {
    /// Begins where the store's stream ends. Where it cannot be read it is tried again later.
    pub(crate) async fn begin(&self, store: &dyn Store) {
        if let Ok(newest) = store.stream(None, Page::Newest, 1).await {
            self.lock().position = Some(newest.last.unwrap_or_default());
        }
    }

    /// Takes in events as long as there are any to come; `look` sees each of this node.
    pub(crate) async fn run(
        &self,
        registry: &Registry,
        mut stream: EventStream,
        look: impl Fn(&Event),
    ) {
        let mut stored = registry.stored_events();
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                told = stream.recv() => match told {
                    Ok(event) => {
                        look(&event);
                        self.expect(event, registry.clock().coarse());
                    }
                    // They are stored all the same, and come from there.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
                Ok(()) = stored.changed() => self.follow(&**registry.store(), registry.node()).await,
                _ = ticks.tick() => {
                    self.follow(&**registry.store(), registry.node()).await;
                    self.tell_early(registry.clock().coarse());
                }
            }
        }
    }

    /// Where the tape ends now.
    pub(crate) fn seat(&self) -> Seat {
        let recent = self.lock();
        let (from, position) = (recent.count, recent.position);
        Seat { from, next: from, position, beyond: position.unwrap_or_default() }
    }

    /// What came after the reader sat down, or looked last; none if some of it is no longer here.
    pub(crate) fn after(&self, seat: &mut Seat) -> Option<Vec<Entry>> {
        let recent = self.lock();
        let oldest = recent.count - recent.kept.len() as u64;
        let skipped = seat.next.checked_sub(oldest)?;
        let unseen = recent.kept.iter().skip(skipped as usize);
        let is_beyond = |entry: &&Entry| entry.position.is_none_or(|it| it > seat.beyond);
        let entries = unseen.filter(is_beyond).cloned().collect();
        seat.next = recent.count;
        Some(entries)
    }

    /// Says when there is more, from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// Waits for an event of this node to be stored.
    fn expect(&self, event: Arc<Event>, since: Instant) {
        let mut recent = self.lock();
        if recent.unseen.len() == UNSEEN {
            recent.unseen.pop_front();
        }
        recent.unseen.push_back(Unseen { event, since, early: None });
    }

    /// Takes in what the store has beyond what is known.
    async fn follow(&self, store: &dyn Store, own: &NodeId) {
        let position = self.lock().position;
        let Some(mut position) = position else { return self.begin(store).await };
        loop {
            let Ok(listing) = store.stream(None, Page::After(position), LENGTH).await else {
                return;
            };
            let Some(last) = listing.last else { return };
            position = last;
            self.add(listing.told, last, own);
            if !listing.more {
                return;
            }
        }
    }

    fn add(&self, told: Vec<Told<Event>>, last: Position, own: &NodeId) {
        let mut recent = self.lock();
        for Told { position, what } in told {
            let is_it = |unseen: &Unseen| what.node == *own && *unseen.event == what;
            let found = recent.unseen.iter().position(is_it);
            let early = found.and_then(|at| recent.unseen.remove(at)).and_then(|it| it.early);
            let told = Arc::default();
            recent.push(Entry { event: Arc::new(what), told, position: Some(position), early });
        }
        recent.position = Some(last);
        self.announce(recent);
    }

    /// Tells what the store should have by now.
    fn tell_early(&self, now: Instant) {
        let mut recent = self.lock();
        let count = recent.count;
        let mut late = Vec::new();
        for unseen in &mut recent.unseen {
            if unseen.early.is_none() && now.since(unseen.since) >= PATIENCE {
                unseen.early = Some(count + late.len() as u64);
                late.push(Arc::clone(&unseen.event));
            }
        }
        if late.is_empty() {
            return;
        }
        for event in late {
            recent.push(Entry { event, told: Arc::default(), position: None, early: None });
        }
        self.announce(recent);
    }

    fn announce(&self, recent: MutexGuard<'_, Recent>) {
        let count = recent.count;
        drop(recent);
        self.latest.send_replace(count);
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn push(&mut self, entry: Entry) {
        self.kept.push_back(entry);
        if self.kept.len() > LENGTH {
            self.kept.pop_front();
        }
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use lingpai_core::event::What;
    use lingpai_core::{NodeId, Timestamp};
    use lingpai_store::MemoryStore;

    use super::*;

    fn event(node: &str, at: i64) -> Event {
        let at = Timestamp::from_millis(at);
        Event { at, credential: None, node: NodeId::new(node), what: What::StoreRestored }
    }

    async fn record(store: &MemoryStore, tape: &Tape, events: &[Event]) {
        store.record(events).await.unwrap();
        tape.follow(store, &NodeId::new("own")).await;
    }

    fn told(tape: &Tape, seat: &mut Seat) -> Option<Vec<(i64, Option<u64>)>> {
        let number = |entry: &Entry| entry.position.map(|position| position.major);
        let entries = tape.after(seat)?;
        Some(entries.iter().map(|entry| (entry.event.at.as_millis(), number(entry))).collect())
    }

    #[tokio::test]
    async fn events_of_all_nodes_are_told_in_the_order_of_the_store() {
        let (store, tape) = (MemoryStore::new(), Tape::default());
        tape.begin(&store).await;
        let mut seat = tape.seat();
        record(&store, &tape, &[event("own", 1), event("other", 2)]).await;
        assert_eq!(told(&tape, &mut seat), Some(vec![(1, Some(1)), (2, Some(2))]));
        assert_eq!(told(&tape, &mut seat), Some(vec![]));
        let mut knows = tape.seat().after(Position { major: 3, minor: 0 });
        record(&store, &tape, &[event("own", 3), event("own", 4)]).await;
        assert_eq!(told(&tape, &mut knows), Some(vec![(4, Some(4))]));
    }

    #[tokio::test]
    async fn what_the_store_does_not_take_in_time_is_told_early_and_gets_its_id_later() {
        let (store, tape) = (MemoryStore::new(), Tape::default());
        tape.begin(&store).await;
        let mut seat = tape.seat();
        tape.expect(Arc::new(event("own", 1)), Instant::default());
        tape.tell_early(Instant::default() + PATIENCE - Duration::from_millis(1));
        assert_eq!(told(&tape, &mut seat), Some(vec![]));
        for _ in 0..2 {
            tape.tell_early(Instant::default() + PATIENCE);
        }
        assert_eq!(told(&tape, &mut seat), Some(vec![(1, None)]), "once");
        let later = tape.seat();
        record(&store, &tape, &[event("own", 1)]).await;
        let entry = tape.after(&mut seat).unwrap().remove(0);
        assert!(entry.early >= Some(seat.from), "known to whoever was there");
        assert!(entry.early < Some(later.from), "new to whoever came later");
        tape.tell_early(Instant::default() + PATIENCE * 2);
        assert_eq!(told(&tape, &mut seat), Some(vec![]));
    }

    #[tokio::test]
    async fn a_reader_that_is_too_late_for_the_tape_is_sent_to_the_store() {
        let (store, tape) = (MemoryStore::new(), Tape::default());
        tape.begin(&store).await;
        let mut seat = tape.seat();
        let many: Vec<_> = (0..=LENGTH as i64).map(|at| event("other", at)).collect();
        record(&store, &tape, &many).await;
        assert_eq!(told(&tape, &mut seat), None);
    }
}
