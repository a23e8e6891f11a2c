//! What an alert has to say, and when: it gathers, holds back what was said lately, and knows what has been solved. Pure: it
//! is told the time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use lingpai_core::event::{Event, Severity, What};
use lingpai_core::{AccountId, Instant};

/// How long a problem that was told is not told again while it goes on.
const REPEAT: Duration = Duration::from_hours(1);
/// How many problems are known at once. Those beyond are not told.
const MOST: usize = 1000;

/// Which events an alert is about, and how often it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Of this severity, and of graver ones.
    pub severity: Severity,
    /// Of these names only; empty: of all.
    pub events: Vec<String>,
    /// Of these accounts only; empty: of all, and what concerns no account.
    pub accounts: Vec<AccountId>,
    /// How long it gathers before it speaks.
    pub group: Duration,
    /// How long it is silent after it has spoken.
    pub pause: Duration,
}

/// What is known of the problems.
pub(super) struct Board {
    rule: Rule,
    problems: BTreeMap<Key, Problem>,
    /// Since when something waits to be said.
    since: Option<Instant>,
    spoke: Option<Instant>,
}

/// Problems of one name on one account are one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: String,
    account: Option<AccountId>,
}

struct Problem {
    event: Event,
    /// How often it happened since it was told.
    count: u32,
    told: Option<Instant>,
    waits: bool,
    solved: bool,
}

/// What is to be said now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// Problems, and how often each happened.
    pub(super) problems: Vec<(Event, u32)>,
    /// Those that are solved.
    pub(super) solved: Vec<Event>,
}

impl Board {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, problems: BTreeMap::new(), since: None, spoke: None }
    }

    /// Goes on by another rule. What was told and what waits stays.
    pub(super) fn follow(&mut self, rule: Rule) {
        self.rule = rule;
    }

    /// Takes in what happened.
    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        let mut event = Cow::Borrowed(event);
        if event.what.name().starts_with("store-") && event.credential.is_some() {
            // The store is the same for all accounts: that it is down is one problem, and no account's.
            event.to_mut().credential = None;
        }
        let event = &*event;
        for name in solves(&event.what) {
            if let Some(problem) = self.problems.get_mut(&key(name, event)) {
                (problem.solved, problem.waits) = (true, true);
                self.since.get_or_insert(now);
            }
        }
        if !self.rule.includes(event) {
            return;
        }
        self.problems.retain(|_, problem| {
            problem.waits || problem.told.is_none_or(|told| now.since(told) < REPEAT)
        });
        let key = key(event.what.name(), event);
        if self.problems.len() >= MOST && !self.problems.contains_key(&key) {
            return;
        }
        let new =
            Problem { event: event.clone(), count: 0, told: None, waits: false, solved: false };
        let problem = self.problems.entry(key).or_insert(new);
        problem.count = problem.count.saturating_add(1);
        // One that came back before it was told that it is solved goes on.
        problem.solved = false;
        if problem.told.is_none() {
            problem.waits = true;
            problem.event = event.clone();
            self.since.get_or_insert(now);
        }
    }

    /// When there is something to say.
    pub(super) fn due(&self) -> Option<Instant> {
        let gathered = self.since? + self.rule.group;
        let rested = self.spoke.map(|spoke| spoke + self.rule.pause);
        Some(rested.map_or(gathered, |rested| gathered.max(rested)))
    }

    /// What there is to say, which is thereby said. None if what waited has become nothing.
    pub(super) fn speak(&mut self, now: Instant) -> Option<Message> {
        self.since = None;
        let mut message = Message::default();
        self.problems.retain(|_, problem| {
            if problem.waits && problem.solved {
                message.solved.push(problem.event.clone());
                return false;
            }
            if problem.waits && problem.told.is_none() {
                message.problems.push((problem.event.clone(), problem.count));
                (problem.told, problem.count) = (Some(now), 0);
            }
            problem.waits = false;
            true
        });
        if message == Message::default() {
            return None;
        }
        self.spoke = Some(now);
        Some(message)
    }

    /// How many problems were told and are not solved, and how many wait to be told.
    pub(super) fn counts(&self) -> (usize, usize) {
        let waiting = self.problems.values().filter(|problem| problem.waits).count();
        (self.problems.len() - waiting, waiting)
    }
}

impl Rule {
    fn includes(&self, event: &Event) -> bool {
        let name = event.what.name();
        event.what.severity() >= self.severity
            && (self.events.is_empty() || self.events.iter().any(|wanted| wanted == name))
            && (self.accounts.is_empty()
                || event.account().is_some_and(|account| self.accounts.contains(account)))
    }
}

fn key(name: &str, event: &Event) -> Key {
    Key { name: name.to_owned(), account: event.account().cloned() }
}

/// The problems that this event ends.
fn solves(what: &What) -> &'static [&'static str] {
    match what {
        What::Rotated { .. } | What::Repeated { .. } => {
            &["failed", "ip-refused", "rogue-refresher", "suspect"]
        }
        What::StoreRestored => &["store-degraded"],
        What::SinkRestored { .. } => &["sink-failed"],
        What::CompromiseEnded { .. } => &["compromised"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use lingpai_core::{CredentialId, Generation, NodeId, Timestamp, Way};

    use super::*;

    const GROUP: Duration = Duration::from_secs(30);
    const PAUSE: Duration = Duration::from_secs(60);

    fn board() -> Board {
        let (severity, events, accounts) = (Severity::Warning, Vec::new(), Vec::new());
        Board::new(Rule { severity, events, accounts, group: GROUP, pause: PAUSE })
    }

    fn event(account: &str, what: What) -> Event {
        let credential = Some(CredentialId::access_token(account.parse().unwrap()));
        Event { at: Timestamp::default(), credential, node: NodeId::new("n"), what }
    }

    fn suspect(account: &str) -> Event {
        event(account, What::Suspect { cause: "a crash".to_owned() })
    }

    fn repeated(account: &str) -> Event {
        let (generation, way, expires_at) = (Generation(1), Way::Primary, Timestamp::default());
        event(account, What::Repeated { generation, way, expires_at })
    }

    fn down(account: &str) -> Event {
        event(account, What::StoreDegraded { message: "full".to_owned() })
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn what_happens_within_the_time_is_said_together() {
        let mut board = board();
        board.take(&suspect("wx1"), at(100));
        board.take(&suspect("wx2"), at(110));
        board.take(&suspect("wx1"), at(120));
        assert_eq!(board.due(), Some(at(130)));
        let message = board.speak(at(130)).unwrap();
        assert_eq!(message.problems, [(suspect("wx1"), 2), (suspect("wx2"), 1)]);
        assert_eq!((board.due(), board.counts()), (None, (2, 0)));
    }

    #[test]
    fn it_rests_after_it_has_spoken_and_does_not_repeat_itself() {
        let mut board = board();
        board.take(&suspect("wx1"), at(100));
        board.speak(at(130));
        board.take(&suspect("wx1"), at(140));
        assert_eq!(board.due(), None, "it was said a moment ago");
        board.take(&suspect("wx2"), at(140));
        assert_eq!(board.due(), Some(at(190)));
        board.speak(at(190));
        board.take(&suspect("wx1"), at(130 + 3600));
        assert!(board.due().is_some(), "it still goes on after an hour");
    }

    #[test]
    fn what_is_solved_is_said_once() {
        let mut board = board();
        board.take(&suspect("wx1"), at(100));
        board.speak(at(130));
        board.take(&repeated("wx2"), at(140));
        assert_eq!(board.due(), None, "another account's");
        board.take(&repeated("wx1"), at(140));
        let message = board.speak(at(190)).unwrap();
        assert_eq!((message.problems.len(), message.solved), (0, vec![suspect("wx1")]));
        board.take(&repeated("wx1"), at(200));
        assert_eq!(board.due(), None);
    }

    #[test]
    fn what_was_solved_and_came_back_before_that_was_said_goes_on() {
        let mut board = board();
        board.take(&suspect("wx1"), at(100));
        board.speak(at(130));
        board.take(&repeated("wx1"), at(140));
        board.take(&suspect("wx1"), at(150));
        assert_eq!(board.speak(at(190)), None);
    }

    #[test]
    fn a_store_that_is_down_is_one_problem_whatever_the_accounts() {
        let mut board = board();
        for account in ["wx1", "wx2", "wx3"] {
            board.take(&down(account), at(100));
        }
        let message = board.speak(at(130)).unwrap();
        assert_eq!(message.problems, [(Event { credential: None, ..down("wx1") }, 3)]);
        board.take(&event("wx2", What::StoreRestored), at(140));
        assert_eq!(board.speak(at(200)).unwrap().solved.len(), 1);
    }

    #[test]
    fn only_what_the_rule_names_is_said() {
        let mut board = board();
        board.rule.accounts = vec!["wx1".parse().unwrap()];
        board.rule.events = vec!["suspect".to_owned()];
        board.take(&suspect("wx2"), at(1));
        board.take(&down("wx1"), at(1));
        board.take(&repeated("wx1"), at(1));
        assert_eq!(board.due(), None);
        board.take(&suspect("wx1"), at(1));
        assert!(board.due().is_some());
    }

    #[test]
    fn what_is_known_is_bounded() {
        let mut board = board();
        for n in 0..MOST + 10 {
            board.take(&suspect(&format!("wx{n}")), at(1));
        }
        assert_eq!(board.counts(), (0, MOST));
    }
}
