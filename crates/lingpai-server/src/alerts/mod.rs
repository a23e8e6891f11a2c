//! Alerts: what happens, told to people where they are. A rule picks events, a board gathers them, a robot is sent the message.
//!
//! Each node alerts of what it did itself, so with several nodes nothing is told twice, but for a store that is down on all.
//! While a message cannot be delivered it is tried again, and what happens meanwhile is gathered for the next one: so no queue
//! grows. A restart forgets what was told; what goes on is told again. Rules and robots can change while the server runs.

mod api;
mod board;
mod robot;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http_body_util::{BodyExt, Limited};
use lingpai_core::event::Event;
use lingpai_core::registry::EventStream;
use lingpai_core::{Clock, Instant, Registry, Secret, Timestamp};
use lingpai_wechat::Error;
use lingpai_wechat::catalogue::Language;
use lingpai_wechat::wire;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

pub(crate) use self::api::{list, test};
pub use self::board::Rule;
use self::board::{Board, Message};
pub use self::robot::Robot;
pub(crate) use self::robot::sign;
use crate::events::answer::{EventAnswer, Reader};
use crate::events::words;
use crate::language::{Bilingual, both, either, say};
use crate::outbound::{self, Http, unanswered};

/// How long a receiver may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// The pause before a message is tried again, which doubles each time, and its bound.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// How often it is tried: for about two hours.
const TRIES: u32 = 20;
/// How many events one message names.
const NAMED: usize = 20;
/// More than any robot answers.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What sends alerts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How receivers are reached: guarded, as businesses' URLs are.
    pub upstream: wire::Settings,
    /// The alerts, each with a name of its own.
    pub alerts: Vec<Alert>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// What kind of receiver it has.
    pub robot: Robot,
    /// The receiver. It may hold a key.
    pub url: Secret,
    /// By which messages are signed, if they are.
    pub secret: Option<Secret>,
    /// The language of its messages.
    pub language: Language,
    /// Which events it is about.
    pub rule: Rule,
}

/// All alerts of a running server.
#[derive(Default)]
pub(crate) struct Alerts {
    couriers: ArcSwap<Vec<Arc<Courier>>>,
    /// Says that there are others.
    changed: Notify,
}

struct Courier {
    name: String,
    alert: ArcSwap<Alert>,
    http: ArcSwap<Http>,
    /// Says that it is another one now.
    changed: Notify,
    /// From before anything happens.
    events: Mutex<Option<EventStream>>,
    state: Mutex<State>,
}

/// How it stands with an alert.
struct State {
    board: Board,
    /// The message that is being delivered.
    outgoing: Option<Outgoing>,
    sent: u64,
    failed: u64,
    sent_at: Option<Timestamp>,
    failure: Option<Bilingual>,
}

#[derive(Clone)]
struct Outgoing {
    message: Message,
    tries: u32,
    next: Instant,
}

impl Alerts {
    /// Alerts by these rules from now on. Nothing is sent before something happens. An alert that keeps its name keeps what
    /// it has told and what it has to tell.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed; then all is as before.
    pub(crate) fn replace(&self, settings: Settings, registry: &Registry) -> Result<(), Error> {
        let before = self.couriers.load();
        let courier = |alert: &Alert| {
            let http = outbound::guarded(&settings.upstream)?;
            if let Some(known) = before.iter().find(|courier| courier.name == alert.name) {
                return Ok((Arc::clone(known), Some(http)));
            }
            let state = State {
                board: Board::new(alert.rule.clone()),
                outgoing: None,
                sent: 0,
                failed: 0,
                sent_at: None,
                failure: None,
            };
            let courier = Courier {
                name: alert.name.clone(),
                alert: ArcSwap::from_pointee(alert.clone()),
                http: ArcSwap::from_pointee(http),
                changed: Notify::new(),
                events: Mutex::new(Some(registry.events())),
                state: Mutex::new(state),
            };
            Ok((Arc::new(courier), None))
        };
        let couriers = settings.alerts.iter().map(courier).collect::<Result<Vec<_>, Error>>()?;
        let mut all = Vec::with_capacity(couriers.len());
        for ((courier, http), alert) in couriers.into_iter().zip(settings.alerts) {
            if let Some(http) = http {
                courier.turn_into(alert, http);
            }
            all.push(courier);
        }
        self.couriers.store(Arc::new(all));
        self.changed.notify_one();
        Ok(())
    }

    /// Tells what happens, until the future is dropped.
    pub(crate) async fn run(&self, registry: &Arc<Registry>) -> Infallible {
        let mut running = JoinSet::new();
        let mut known: Vec<(Arc<Courier>, AbortHandle)> = Vec::new();
        loop {
            let couriers = self.couriers.load_full();
            known.retain(|(courier, task)| {
                let stays = couriers.iter().any(|other| Arc::ptr_eq(other, courier));
                if !stays {
                    task.abort();
                }
                stays
            });
            for courier in &*couriers {
                if !known.iter().any(|(other, _)| Arc::ptr_eq(other, courier)) {
                    let (task, registry) = (Arc::clone(courier), Arc::clone(registry));
                    let task = running.spawn(async move { task.run(&registry).await });
                    known.push((Arc::clone(courier), task));
                }
            }
            tokio::select! {
                () = self.changed.notified() => {}
                Some(_) = running.join_next() => {}
            }
        }
    }

    /// The alert of this name.
    fn named(&self, name: &str) -> Option<Arc<Courier>> {
        self.couriers.load().iter().find(|courier| courier.name == name).cloned()
    }
}

impl Courier {
    /// Goes on by another rule, to another receiver, or in another way.
    fn turn_into(&self, alert: Alert, http: Http) {
        self.lock().board.follow(alert.rule.clone());
        self.alert.store(Arc::new(alert));
        self.http.store(Arc::new(http));
        self.changed.notify_one();
    }

    async fn run(&self, registry: &Registry) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut events = events.unwrap_or_else(|| registry.events());
        let clock = &**registry.clock();
        loop {
            let due = self.lock().due();
            let rest = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                told = events.recv() => match told {
                    Ok(event) => self.lock().board.take(&event, clock.now().instant),
                    // So many at once that the rest says nothing new.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                () = rest => self.step(clock).await,
                // What is due may be due at another time.
                () = self.changed.notified() => {}
            }
        }
    }

    /// Delivers what is due.
    async fn step(&self, clock: &dyn Clock) {
        let now = clock.now();
        let outgoing = {
            let mut state = self.lock();
            if state.outgoing.is_none() {
                let message = state.board.speak(now.instant);
                state.outgoing =
                    message.map(|message| Outgoing { message, tries: 0, next: now.instant });
            }
            state.outgoing.clone()
        };
        let Some(mut outgoing) = outgoing else { return };
        let sent = self.send(&self.told(&outgoing.message), now.wall).await;
        let mut state = self.lock();
        match sent {
            Ok(()) => {
                state.sent += 1;
                (state.sent_at, state.failure, state.outgoing) = (Some(now.wall), None, None);
            }
            Err(why) => {
                let name = &self.name;
                outgoing.tries += 1;
                state.failed += 1;
                if outgoing.tries < TRIES {
                    let pause =
                        (FIRST_PAUSE * (1 << (outgoing.tries.min(16) - 1))).min(LONGEST_PAUSE);
                    outgoing.next = clock.now().instant + pause;
                    tracing::warn!(
                        alert = name,
                        why = why.text(Language::English),
                        ?pause,
                        "an alert could not be delivered; it is tried again"
                    );
                    state.outgoing = Some(outgoing);
                } else {
                    tracing::error!(
                        alert = name,
                        why = why.text(Language::English),
                        "an alert could not be delivered and is given up"
                    );
                    state.outgoing = None;
                }
                state.failure = Some(why);
            }
        }
    }

    /// Sends a title, a text and the events.
    async fn send(&self, told: &(String, String, Value), at: Timestamp) -> Result<(), Bilingual> {
        const NO_URL: Bilingual = Bilingual::fixed("the URL is none", "URL 不正确");
        const TOO_LONG: Bilingual =
            Bilingual::fixed("its answer broke off or is too long", "应答中断或过长");
        const LATE: Bilingual = Bilingual::fixed("it did not answer in time", "没有按时应答");
        let (alert, http) = (self.alert.load_full(), self.http.load_full());
        let Alert { robot, url, secret, .. } = &*alert;
        let (title, text, events) = told;
        let request = robot.request(url, secret.as_ref(), (title, text, events), at);
        let request = request.ok_or(NO_URL)?;
        let answered = async {
            let answer = http.request(request).await;
            let answer = answer.map_err(|error| unanswered(&error, outbound::BROKEN))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await;
            if !head.status.is_success() {
                return Err(both!(
                    "it answered HTTP {status}",
                    "对方应答 HTTP {status}",
                    status = head.status.as_u16()
                ));
            }
            let body = body.map_err(|_| TOO_LONG)?.to_bytes();
            robot.refusal(&body).map_or(Ok(()), Err)
        };
        timeout(DEADLINE, answered).await.unwrap_or(Err(LATE))
    }

    /// A message as title, text and events.
    fn told(&self, message: &Message) -> (String, String, Value) {
        let language = self.alert.load().language;
        // It goes where the operator sends it.
        let reader = Reader { language, whence: true };
        let (problems, solved) = (message.problems.len(), message.solved.len());
        let title = match (problems, solved) {
            (problems, 0) => {
                say!(language, "Lingpai: {problems} to look at", "Lingpai：{problems} 项需要关注")
            }
            (0, solved) => say!(language, "Lingpai: {solved} solved", "Lingpai：{solved} 项已恢复"),
            _ => say!(
                language,
                "Lingpai: {problems} to look at, {solved} solved",
                "Lingpai：{problems} 项需要关注，{solved} 项已恢复"
            ),
        };
        let solved_mark = either(language, "solved", "已恢复");
        let times = |count: u32| match count {
            0 | 1 => String::new(),
            count => say!(language, " ({count} times)", "（{count} 次）"),
        };
        let line = |mark: &str, event: &Event, times: &str| {
            let account = event.account().map(|it| format!("{it} ")).unwrap_or_default();
            let sentence = words::sentence(event, language);
            format!("[{mark}] {account}{sentence}{times} ({})", event.at)
        };
        let severity = |event: &Event| event.what.severity().as_str();
        let lines = message
            .problems
            .iter()
            .map(|(event, count)| line(severity(event), event, &times(*count)))
            .chain(message.solved.iter().map(|event| line(solved_mark, event, "")));
        let mut lines: Vec<_> = lines.take(NAMED).collect();
        let more = (problems + solved).saturating_sub(NAMED);
        if more > 0 {
            lines.push(say!(
                language,
                "and {more} more: see `lingpai events`",
                "另有 {more} 项，见 `lingpai events`"
            ));
        }
        let shown = |event, count: Option<u32>, is_solved| {
            let mut shown =
                serde_json::to_value(EventAnswer::new(event, None, reader)).unwrap_or_default();
            shown["solved"] = Value::Bool(is_solved);
            if let Some(count) = count {
                shown["count"] = count.into();
            }
            shown
        };
        let events: Vec<_> = message
            .problems
            .iter()
            .map(|(event, count)| shown(event, Some(*count), false))
            .chain(message.solved.iter().map(|event| shown(event, None, true)))
            .collect();
        (title, lines.join("\n"), json!(events))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When something is to be done next. While a message is being delivered the next one is gathered.
    fn due(&self) -> Option<Instant> {
        self.outgoing.as_ref().map(|outgoing| outgoing.next).or_else(|| self.board.due())
    }
}
