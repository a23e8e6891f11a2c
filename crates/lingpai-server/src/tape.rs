//! The last events, numbered, so that a stream that was interrupted goes on where it ended.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lingpai_core::Timestamp;
use lingpai_core::event::Event;
use lingpai_core::registry::EventStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// How many events are kept.
const LENGTH: usize = 1024;

/// The tape of one running server.
pub(crate) struct Tape {
    /// Tells this run's numbers from those of the run before.
    run: i64,
    events: Mutex<Recent>,
    /// The number of the latest event.
    latest: watch::Sender<u64>,
}

#[derive(Default)]
struct Recent {
    /// The latest is at the end; its number is `latest`.
    kept: VecDeque<Arc<Event>>,
    latest: u64,
}

/// A place on the tape: everything up to this number was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    run: i64,
    pub(crate) number: u64,
}

/// What came after a mark.
pub(crate) struct News {
    pub(crate) events: Vec<(Mark, Arc<Event>)>,
    /// Events are missing before these: the mark is of another run, or too old.
    pub(crate) gap: bool,
    pub(crate) mark: Mark,
}

impl Tape {
    pub(crate) fn new(started_at: Timestamp) -> Self {
        Self {
            run: started_at.as_millis(),
            events: Mutex::default(),
            latest: watch::Sender::new(0),
        }
    }

    /// Takes in events as long as there are any to come; `look` sees each.
    pub(crate) async fn run(&self, mut stream: EventStream, look: impl Fn(&Event)) {
        loop {
            match stream.recv().await {
                Ok(event) => {
                    look(&event);
                    self.add(event);
                }
                // The numbers of those that were missed are missing, which a reader sees as a gap.
                Err(RecvError::Lagged(missed)) => self.skip(missed),
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    /// Where the tape ends now.
    pub(crate) fn end(&self) -> Mark {
        Mark { run: self.run, number: self.lock().latest }
    }

    /// What came after this mark.
    pub(crate) fn after(&self, mark: Mark) -> News {
        let recent = self.lock();
        let end = Mark { run: self.run, number: recent.latest };
        let before_oldest = recent.latest - recent.kept.len() as u64;
        if mark.run != self.run || mark.number > recent.latest {
            return News { events: Vec::new(), gap: true, mark: end };
        }
        let seen = mark.number.max(before_oldest);
        let unseen = recent.kept.iter().skip((seen - before_oldest) as usize);
        let numbered = (seen + 1..).map(|number| Mark { run: self.run, number });
        News {
            events: numbered.zip(unseen.cloned()).collect(),
            gap: mark.number < before_oldest,
            mark: end,
        }
    }

    /// Says when there is more, from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    fn add(&self, event: Arc<Event>) {
        let mut recent = self.lock();
        recent.kept.push_back(event);
        if recent.kept.len() > LENGTH {
            recent.kept.pop_front();
        }
        recent.latest += 1;
        let latest = recent.latest;
        drop(recent);
        self.latest.send_replace(latest);
    }

    fn skip(&self, missed: u64) {
        let mut recent = self.lock();
        recent.kept.clear();
        recent.latest += missed;
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mark {
    /// As it was printed.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (run, number) = text.split_once('-')?;
        Some(Self { run: run.parse().ok()?, number: number.parse().ok()? })
    }

    /// Where nothing is.
    pub(crate) const NOWHERE: Self = Self { run: 0, number: 0 };
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.run, self.number)
    }
}

#[cfg(test)]
mod tests {
    use lingpai_core::NodeId;
    use lingpai_core::event::What;

    use super::*;

    fn tape(events: usize) -> Tape {
        let tape = Tape::new(Timestamp::from_millis(7));
        for _ in 0..events {
            let (at, node) = (Timestamp::default(), NodeId::new("a"));
            tape.add(Arc::new(Event { at, credential: None, node, what: What::StoreRestored }));
        }
        tape
    }

    fn numbers(tape: &Tape, mark: &str) -> (Vec<u64>, bool) {
        let news = tape.after(Mark::read(mark).unwrap());
        (news.events.iter().map(|(mark, _)| mark.number).collect(), news.gap)
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let tape = tape(5);
        assert_eq!(numbers(&tape, "7-3"), (vec![4, 5], false));
        assert_eq!(numbers(&tape, "7-5"), (vec![], false));
        assert_eq!(Mark::read(&tape.end().to_string()), Some(tape.end()));
    }

    #[test]
    fn a_reader_that_has_missed_some_is_told_so() {
        let tape = tape(LENGTH + 10);
        let (seen, gap) = numbers(&tape, "7-3");
        assert_eq!((seen.first(), seen.len(), gap), (Some(&11), LENGTH, true));
        assert!(!numbers(&tape, "7-10").1);
        assert_eq!(numbers(&tape, "6-3"), (vec![], true), "of the run before");
        tape.skip(5);
        assert_eq!(numbers(&tape, "7-1034"), (vec![], true));
    }
}
