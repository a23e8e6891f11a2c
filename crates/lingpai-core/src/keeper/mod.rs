//! The asynchronous shell around one credential's [`Rotation`]: an atomic read, a single flight, a shared outcome.
//!
//! Every step that the machine asks for is done in a task of its own (`flight`), so that a caller who goes away strands
//! nobody. Callers who wait are woken by every change and look for themselves.

mod answers;
mod give;
mod read;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::api_security::ApiSecurityKeys;
use crate::cell::TokenCell;
use crate::event::{Event, What};
use crate::failure::{Class, Failure};
use crate::flight;
use crate::id::{CredentialId, Generation, Kind};
use crate::issuer::{Issuer, Way};
use crate::policy::{Keeping, Policy, Refresh};
use crate::proxy::Proxy;
use crate::registry::Shared;
use crate::rotation::{Answer, Evidence, Fact, Foresight, Report, Rotation, Step};
use crate::store::Record;
use crate::time::{Instant, Moment};
use crate::token::{Fingerprint, Token};

pub use answers::{Outcome, Reported, RotateError, Status, Unavailable};
pub use give::GiveError;
pub use read::{Reader, TokenRef};

/// Where nothing is fetched, callers need not come back sooner.
const STATE_PAUSE: Duration = Duration::from_mins(1);

/// Keeps one credential fresh and hands its token out.
#[derive(Debug)]
pub struct Keeper {
    pub(crate) credential: CredentialId,
    pub(crate) shared: Arc<Shared>,
    cell: TokenCell,
    state: Mutex<State>,
    changed: Notify,
    /// When the scheduler is to wake this keeper, in milliseconds of the process's clock.
    planned: AtomicU64,
    /// When the token was last read, likewise. Kept only where the refresh mode asks for it.
    last_used: AtomicU64,
    notes_use: AtomicBool,
    is_dependent: bool,
}

#[derive(Debug)]
struct State {
    rotation: Rotation,
    issuer: Arc<dyn Issuer>,
    /// What was given and is not yet taken in; none where there is nothing, since there are very many keepers.
    gifts: Option<Box<give::Gifts>>,
    /// No more steps are started.
    retired: bool,
}

impl Keeper {
    pub(crate) fn new(
        credential: CredentialId,
        shared: Arc<Shared>,
        issuer: Arc<dyn Issuer>,
        policy: Arc<Policy>,
        seed: u64,
        record: Option<Record>,
        is_dependent: bool,
    ) -> Arc<Self> {
        let now = shared.clock.now();
        let notes_use = AtomicBool::new(notes_use(&policy));
        let mut rotation = Rotation::new(shared.profile(issuer.profile()), policy, seed);
        let cell = TokenCell::new();
        let mut events = Vec::new();
        if let Some(record) = record {
            rotation.adopt(now, &record, &mut events);
            let current = record.token.zip(rotation.current());
            cell.store(current.map(|(token, (_, ends))| (token, ends)));
            cell.show(!rotation.is_doubtful());
        }
        if let Some(at) = shared.forgotten() {
            events.extend(rotation.apply(now, Fact::Forgotten(at)));
        }
        let keeper = Arc::new(Self {
            credential,
            shared,
            cell,
            state: Mutex::new(State { rotation, issuer, gifts: None, retired: false }),
            changed: Notify::new(),
            planned: AtomicU64::new(u64::MAX),
            last_used: AtomicU64::new(0),
            notes_use,
            is_dependent,
        });
        keeper.tell(now, events);
        keeper.drive(&mut keeper.lock(), now);
        keeper
    }

    /// Which credential this keeps.
    pub fn credential(&self) -> &CredentialId {
        &self.credential
    }

    /// The current token, if there is a good one. An atomic load and a look at the clock: no lock, no waiting.
    #[inline]
    pub fn token(&self) -> Option<TokenRef> {
        let published = self.cell.load();
        let now = self.shared.clock.coarse();
        if self.notes_use.load(Ordering::Relaxed) {
            self.note_use(now);
        }
        match &*published {
            Some(current) if now < current.ends => Some(TokenRef(published)),
            _ => None,
        }
    }

    /// The current token; if there is none, what comes of the fetch for it, which all who wait share.
    ///
    /// Waits as long as fetches go on and none has failed; give it a deadline. Dropping the future affects nobody else.
    ///
    /// # Errors
    /// [`Unavailable`] with the cause, as soon as a fetch has failed and until the next may be tried.
    pub async fn fresh(self: &Arc<Self>) -> Result<TokenRef, Unavailable> {
        let mut waiting = None;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(token) = self.token() {
                return Ok(token);
            }
            {
                let now = self.shared.clock.now();
                let mut state = self.lock();
                if state.retired {
                    return Err(self.unavailable(no_longer_kept(), Duration::ZERO));
                }
                match state.rotation.answer(now) {
                    Answer::Fail(trouble) => {
                        let retry_after = trouble.retry_at.since(now.instant);
                        return Err(self.unavailable(trouble.failure.clone(), retry_after));
                    }
                    Answer::NotFetched => {
                        return Err(self.unavailable(
                            not_fetched(state.rotation.policy().keeping),
                            STATE_PAUSE,
                        ));
                    }
                    // The coarse clock of the read can be some milliseconds ahead.
                    Answer::Serve => return Ok(TokenRef(self.cell.load())),
                    Answer::Wait => {
                        state.rotation.apply(now, Fact::Wanted);
                        self.drive(&mut state, now);
                        if let Answer::Fail(trouble) = state.rotation.answer(now) {
                            let retry_after = trouble.retry_at.since(now.instant);
                            return Err(self.unavailable(trouble.failure.clone(), retry_after));
                        }
                    }
                }
            }
            waiting.get_or_insert_with(|| self.shared.measures.waits());
            changed.await;
        }
    }

    /// Takes in that a call with this token was refused, and answers with the token to use instead.
    ///
    /// A token that is no longer current is simply answered with the current one. The current one is tried with a cheap
    /// call first, and replaced only if upstream refuses it there too. Waits for the outcome; give it a deadline.
    ///
    /// # Errors
    /// [`Unavailable`] if there is no good token now.
    pub async fn report_invalid(self: &Arc<Self>, value: &str) -> Result<Reported, Unavailable> {
        self.report(value, Evidence::Claim).await
    }

    /// The same, with what there is besides somebody's word.
    ///
    /// # Errors
    /// [`Unavailable`] if there is no good token now.
    pub async fn report(
        self: &Arc<Self>,
        value: &str,
        evidence: Evidence,
    ) -> Result<Reported, Unavailable> {
        let reported = Fingerprint::of(value);
        let mut tried = false;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let verdict = {
                let now = self.shared.clock.now();
                let mut state = self.lock();
                if state.retired {
                    return Err(self.unavailable(no_longer_kept(), Duration::ZERO));
                }
                let report = state.rotation.report(now, reported, evidence);
                self.drive(&mut state, now);
                match report {
                    Report::Replaced if tried => Some(Outcome::Rotated),
                    Report::Replaced => Some(Outcome::Replaced),
                    Report::Accepted => Some(Outcome::Accepted),
                    Report::Unknown => Some(Outcome::Unknown),
                    Report::Trying => None,
                    // Refused on trial, and nothing is under way to replace it: a failure, or the budget.
                    Report::Rotating if !state.rotation.is_busy() => Some(Outcome::Refused),
                    Report::Rotating => None,
                }
            };
            if let Some(outcome) = verdict {
                let token = self.fresh().await?;
                return Ok(Reported { outcome, token });
            }
            tried = true;
            changed.await;
        }
    }

    /// Rotates now, because a person asks for it. Waits for the outcome; give it a deadline.
    ///
    /// # Errors
    /// [`RotateError::Denied`] if it would harm tokens in use or the budget, [`RotateError::Failed`] if no token came.
    pub async fn rotate(self: &Arc<Self>) -> Result<TokenRef, RotateError> {
        let mut asked = false;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let now = self.shared.clock.now();
                let mut state = self.lock();
                if state.retired {
                    return Err(RotateError::Failed(no_longer_kept()));
                }
                if !asked {
                    state.rotation.ask(now)?;
                    asked = true;
                    self.drive(&mut state, now);
                } else if !state.rotation.is_asked() {
                    match state.rotation.trouble() {
                        Some(trouble) => return Err(RotateError::Failed(trouble.failure.clone())),
                        None => drop(state),
                    }
                    if let Some(token) = self.token() {
                        return Ok(token);
                    }
                }
            }
            changed.await;
        }
    }

    /// What [`Keeper::rotate`] would do now. Nothing changes.
    ///
    /// # Errors
    /// [`RotateError::Denied`] if it would not be done.
    pub fn foresee(&self) -> Result<Foresight, RotateError> {
        let now = self.shared.clock.now();
        Ok(self.with(|rotation, _| rotation.foresee(now))?)
    }

    /// Takes in that a token has leaked: it is replaced until upstream accepts none of those so far, which takes two
    /// replacements, and half a minute where they must be forced. Clients that hold an earlier token are refused by
    /// upstream from then on.
    ///
    /// Does not wait. [`Status::compromised`] says how it stands, and the event [`What::CompromiseEnded`] when it is done.
    /// A process that ends before has not done it: the next one says [`Keeper::still_compromised`]. Does nothing unless
    /// [`Keeper::can_end_tokens`].
    pub fn compromised(self: &Arc<Self>) {
        self.apply(Fact::Compromised);
    }

    /// The same of a leak that was told of already, by a process that ended before it was done with it.
    pub fn still_compromised(self: &Arc<Self>) {
        self.apply(Fact::StillCompromised);
    }

    /// Whether upstream has a way to end tokens before their time.
    pub fn can_end_tokens(&self) -> bool {
        self.with(|rotation, _| rotation.can_end_tokens())
    }

    /// Whether the current token is of the isolated family that stands in for the primary one.
    pub fn is_on_fallback(&self) -> bool {
        self.published().is_some_and(|token| token.way == Way::Fallback)
    }

    /// The token as soon as it is of a later generation than `known`. Waits for ever if that never happens.
    pub async fn later_than(&self, known: Generation) -> TokenRef {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(token) = self.token().filter(|token| token.generation > known) {
                return token;
            }
            changed.await;
        }
    }

    /// A handle for one thread that reads very often.
    pub fn reader(self: &Arc<Self>) -> Reader {
        Reader::new(Arc::clone(self))
    }

    /// How it stands with this credential.
    pub fn status(&self) -> Status {
        let now = self.shared.clock.now();
        let state = self.lock();
        let rotation = &state.rotation;
        let next_at = match rotation.next(now) {
            Step::Wait(at) => Some(now.wall_at(at)),
            Step::Rest => None,
            _ => Some(now.wall),
        };
        Status {
            credential: self.credential.clone(),
            platform: state.issuer.platform().cloned(),
            generation: rotation.generation(),
            keeping: rotation.policy().keeping,
            expires_in: rotation
                .current()
                .map(|(_, ends)| ends.since(now.instant))
                .filter(|left| !left.is_zero()),
            refused: rotation.is_refused(),
            rotating: rotation.is_busy(),
            compromised: rotation.compromised(),
            outlook: rotation.outlook(now),
            next_at,
            failure: rotation.trouble().map(|trouble| trouble.failure.clone()),
            failing_since: rotation.trouble().map(|trouble| trouble.since),
        }
    }

    /// Takes over another issuer or policy: another secret, another mode. The current token stays.
    pub fn reconfigure(self: &Arc<Self>, issuer: Arc<dyn Issuer>, policy: Arc<Policy>) {
        let profile = issuer.profile();
        self.lock().issuer = issuer;
        // Whoever used the token before was not noted: it counts as used now.
        if notes_use(&policy) && !self.notes_use.swap(true, Ordering::Relaxed) {
            self.note_use(self.shared.clock.coarse());
        }
        self.apply(Fact::Reconfigured(profile, policy));
    }

    /// What calls with the token go through, if not the way that those of other accounts take.
    pub fn proxy(&self) -> Option<Arc<Proxy>> {
        self.with(|_, issuer| issuer.proxy())
    }

    /// The keys with which calls of the account are encrypted and signed, if it carries some.
    pub fn api_security(&self) -> Option<Arc<ApiSecurityKeys>> {
        self.with(|_, issuer| issuer.api_security())
    }

    /// The kinds of credentials of the same account that need this one.
    pub fn dependents(&self) -> &'static [Kind] {
        self.with(|_, issuer| issuer.dependents())
    }

    /// Whether it is kept beside another credential of its account, for those who ask for it.
    pub fn is_dependent(&self) -> bool {
        self.is_dependent
    }

    /// Takes in what the store holds: another node has rotated.
    pub fn stored(self: &Arc<Self>, record: Record) {
        self.adopt(record, Fact::Stored);
    }

    /// Takes in that a person has cleared the upstream quota.
    pub fn quota_cleared(self: &Arc<Self>) {
        self.apply(Fact::QuotaCleared);
    }

    /// Starts no more steps.
    pub(crate) fn retire(&self) {
        {
            let mut state = self.lock();
            state.retired = true;
            if !state.rotation.is_in_flight() {
                state.gifts = None;
            }
        }
        self.cell.store(None);
        self.changed.notify_waiters();
    }

    /// The scheduler's call at a time that was planned.
    pub(crate) fn wake(self: &Arc<Self>, planned: Instant) {
        if self.planned.load(Ordering::Relaxed) != planned.as_millis() {
            return; // Planned anew meanwhile.
        }
        self.planned.store(u64::MAX, Ordering::Relaxed);
        let now = self.shared.clock.now();
        let mut state = self.lock();
        if self.notes_use.load(Ordering::Relaxed) {
            let used = Instant::from_millis(self.last_used.load(Ordering::Relaxed));
            state.rotation.apply(now, Fact::Used(used));
        }
        self.drive(&mut state, now);
    }

    /// Tells the machine a fact, and does what it then wants done.
    pub(crate) fn apply(self: &Arc<Self>, fact: Fact) {
        let now = self.shared.clock.now();
        let mut state = self.lock();
        let events = state.rotation.apply(now, fact);
        self.cell.show(!state.rotation.is_doubtful());
        self.tell(now, events);
        self.drive(&mut state, now);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Tells the machine a fact in the middle of a flight, which goes on.
    pub(crate) fn apply_aside(&self, fact: Fact) {
        let now = self.shared.clock.now();
        let mut state = self.lock();
        let events = state.rotation.apply(now, fact);
        self.cell.show(!state.rotation.is_doubtful());
        drop(state);
        self.tell(now, events);
    }

    /// Tells the machine of a token, and publishes the token to readers in the same step.
    pub(crate) fn publish(self: &Arc<Self>, token: Token, fact: Fact) {
        let now = self.shared.clock.now();
        let mut state = self.lock();
        let events = state.rotation.apply(now, fact);
        if let Some((fingerprint, ends)) = state.rotation.current()
            && fingerprint == token.fingerprint()
        {
            self.cell.store(Some((token, ends)));
        }
        self.cell.show(!state.rotation.is_doubtful());
        self.tell(now, events);
        self.drive(&mut state, now);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Takes over the store's record by one of the facts that carry one.
    pub(crate) fn adopt(self: &Arc<Self>, record: Record, fact: fn(Box<Record>) -> Fact) {
        match record.token.clone() {
            Some(token) => self.publish(token, fact(Box::new(record))),
            None => self.apply(fact(Box::new(record))),
        }
    }

    /// Whether no more steps are to be started.
    pub(crate) fn is_retired(&self) -> bool {
        self.lock().retired
    }

    /// Looks at the machine and at what its flight needs.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Rotation, &Arc<dyn Issuer>) -> T) -> T {
        let state = self.lock();
        look(&state.rotation, &state.issuer)
    }

    /// The token in the cell, expired or held back or not.
    pub(crate) fn published(&self) -> Option<Token> {
        self.cell.kept().map(|published| published.token.clone())
    }

    /// Does what the machine wants done next.
    fn drive(self: &Arc<Self>, state: &mut State, now: Moment) {
        if state.retired {
            return;
        }
        state.rotation.take_turn(now, self.shared.peers.turn(state.rotation.seed()));
        state.rotation.set_given(state.gifts.is_some());
        match state.rotation.next(now) {
            Step::Rest => self.planned.store(u64::MAX, Ordering::Relaxed),
            Step::Wait(at) => {
                if self.planned.swap(at.as_millis(), Ordering::Relaxed) != at.as_millis() {
                    self.shared.scheduler.plan(self, at);
                }
            }
            step => {
                let events = state.rotation.apply(now, Fact::Started);
                self.tell(now, events);
                flight::start(self, step);
            }
        }
    }

    fn tell(&self, now: Moment, events: Vec<What>) {
        for what in events {
            self.shared.events.tell(Event {
                at: now.wall,
                credential: Some(self.credential.clone()),
                node: self.shared.node.clone(),
                what,
            });
        }
    }

    fn unavailable(&self, failure: Failure, retry_after: Duration) -> Unavailable {
        Unavailable { credential: self.credential.clone(), failure, retry_after }
    }

    fn note_use(&self, now: Instant) {
        // Written once a second at most, so that readers do not fight for the cache line.
        if now.as_millis() >= self.last_used.load(Ordering::Relaxed) + 1000 {
            self.last_used.store(now.as_millis(), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held cannot leave the machine between two states: each fact is taken in whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it matters when the token was last used.
fn notes_use(policy: &Policy) -> bool {
    matches!(policy.refresh, Refresh::IdleAfter(_))
}

/// Nothing is fetched for its account, and there is no good token.
fn not_fetched(keeping: Keeping) -> Failure {
    let remedy = "give it a token (lingpai account adopt), or have it managed (lingpai account keep ACCOUNT managed)";
    Failure::new(Class::NeedsPerson, keeping.reason()).with_remedy(remedy)
}

fn no_longer_kept() -> Failure {
    Failure::new(Class::NeedsPerson, "it is no longer kept here")
}
