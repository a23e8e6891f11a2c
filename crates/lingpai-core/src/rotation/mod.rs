//! The pure state machine that keeps one credential fresh.
//!
//! [`Rotation`] takes facts (a token was issued, a fetch failed, somebody reports the token invalid, the store holds
//! something newer) and answers what to do next: rest, wait until a time, rotate, try the token, save it. It does no I/O,
//! reads no clock and rolls no dice, so that every rule of the engine is tested on the very code that production runs.
//!
//! - This module: the state, and where each fact goes.
//! - `facts`: what there is to learn, `learn`: what each of it changes.
//! - `plan`: what to do next, when and how.
//! - `pace`: how long things last: leads, overlaps, pauses, each scaled to the token's life.
//! - `ask`: what is answered to those who report a token, ask for a rotation, or want a token; `foresee`: what a rotation would
//!   do.

mod ask;
mod facts;
mod foresee;
mod learn;
mod outlook;
pub(crate) mod pace;
mod plan;

use std::sync::Arc;
use std::time::Duration;

use crate::event::What;
use crate::failure::{Failure, Reached};
use crate::id::{Fence, Generation};
use crate::issuer::{ForcedLimits, Profile, Renewal, Way};
use crate::peers::Turn;
use crate::policy::Policy;
use crate::store::{Record, Usage};
use crate::time::{Instant, Moment, Timestamp};
use crate::token::{Fingerprint, Token};

pub use ask::{Answer, AskDenied, Evidence, Report};
pub use facts::{Admission, Fact, Reason, Saved};
pub use foresee::{Foreseen, Foresight};
pub use outlook::Outlook;
pub use pace::{HUNCH_SPACING, TRIAL_SPACING};
pub use plan::Step;

/// After how many new tokens upstream accepts none of those before: the latest and the one before it are good.
const REPLACEMENTS: u8 = 2;

/// The state machine of one credential.
#[derive(Clone, Debug)]
pub struct Rotation {
    profile: Arc<Profile>,
    policy: Arc<Policy>,
    /// Where this credential's jitter comes from.
    seed: u64,
    activity: Activity,
    /// The highest generation known to be given out.
    generation: Generation,
    current: Option<Held>,
    previous: Option<(Fingerprint, Instant)>,
    usage: Usage,
    /// Whose turn it is, of the nodes that share the store.
    turn: Turn,
    /// When whose turn it is was first known.
    kept_since: Option<Instant>,
    /// Somebody waits for a token.
    wanted: bool,
    /// A person asked for a rotation.
    asked: bool,
    /// A token has leaked: so many more must be issued until upstream accepts none that was known before.
    compromised: u8,
    last_used: Instant,
    last_forced: Option<Instant>,
    /// A fetch may have replaced the token without our knowing; whatever it was can no longer arrive after this.
    suspect: Option<Instant>,
    /// How likely that is, where it is suspected.
    doubt: Doubt,
    /// The unfinished intent that the next lease takes responsibility for.
    settles: Option<Fence>,
    /// Upstream refused the current token on trial.
    refused: Option<Refusal>,
    /// The last trial of the current token.
    trial: Option<Trial>,
    /// When the current token is to be tried.
    trial_at: Option<Instant>,
    /// That trial is made on a hunch.
    is_hunch: bool,
    /// When the current token was last tried on a hunch, and when for a better reason.
    hunch_tried_at: Option<Instant>,
    claim_tried_at: Option<Instant>,
    /// When another node's lease is looked at again.
    held_until: Option<Instant>,
    /// The store is down, and tried again at this time.
    store_down: Option<Instant>,
    /// The store does not have the current token yet.
    unsaved: bool,
    /// The primary family is out of quota, and tried again at this time.
    quota: Option<Instant>,
    trouble: Option<Box<Trouble>>,
    /// Something was given and is to be taken in.
    given: bool,
    /// The beginning of the gap without a pushed token that was told of.
    told_overdue: Option<Instant>,
}

/// What the machine is waiting to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    Resting,
    Busy,
}

/// How likely it is that a fetch has replaced the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// One was begun.
    Grave,
    /// The store would have lost the trace of one.
    Remote,
}

/// What the machine knows of a token. The value is the keeper's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    fingerprint: Fingerprint,
    issued: Instant,
    ends: Instant,
    full_life: Duration,
    way: Way,
    /// It is most likely dead, or about to be: held back until a fetch has been tried, and served on if that fails.
    doubtful: bool,
    /// Upstream repeated it: not asked again before this.
    repeated_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// The primary call returned the refused token all the same: only a forced one can replace it.
    insisted: bool,
}

#[derive(Clone, Debug)]
struct Trial {
    at: Instant,
    accepted: bool,
}

/// Why there is no fresh token, and when that is looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What went wrong last.
    pub failure: Failure,
    /// How many times in a row.
    pub attempts: u32,
    /// Since when.
    pub since: Timestamp,
    /// When it is tried again, at the earliest.
    pub retry_at: Instant,
}

impl Rotation {
    /// The machine of a credential that nothing is known of yet. `seed` decides its jitter; two credentials should not
    /// share one.
    pub fn new(profile: impl Into<Arc<Profile>>, policy: Arc<Policy>, seed: u64) -> Self {
        Self {
            profile: profile.into(),
            policy,
            seed,
            activity: Activity::Resting,
            generation: Generation::default(),
            current: None,
            previous: None,
            usage: Usage::default(),
            turn: Turn::default(),
            kept_since: None,
            wanted: false,
            asked: false,
            compromised: 0,
            last_used: Instant::default(),
            last_forced: None,
            suspect: None,
            doubt: Doubt::Grave,
            settles: None,
            refused: None,
            trial: None,
            trial_at: None,
            is_hunch: false,
            hunch_tried_at: None,
            claim_tried_at: None,
            held_until: None,
            store_down: None,
            unsaved: false,
            quota: None,
            trouble: None,
            given: false,
            told_overdue: None,
        }
    }

    /// Takes a fact in. Returns what of it is worth telling.
    pub fn apply(&mut self, at: Moment, fact: Fact) -> Vec<What> {
        let mut events = Vec::new();
        match fact {
            Fact::Wanted => {
                self.wanted = true;
                self.last_used = self.last_used.max(at.instant);
                self.await_push(at);
            }
            Fact::Used(when) => self.last_used = self.last_used.max(when),
            Fact::Started => {
                self.activity = Activity::Busy;
                self.held_until = None;
                self.tell_overdue(at, &mut events);
            }
            Fact::Granted(usage) => {
                self.usage = usage;
                self.store_is_up(&mut events);
                self.hold_back();
                self.near_the_end_of_the_day(&mut events);
            }
            Fact::Held(until) => {
                self.store_is_up(&mut events);
                self.held_until = Some(until.min(at.instant + pace::LEASE_POLL));
                self.activity = Activity::Resting;
            }
            Fact::Overtaken => self.activity = Activity::Resting,
            Fact::Unfinished(intent) => {
                self.store_is_up(&mut events);
                self.suspect_intent(at, intent, &mut events);
                self.activity = Activity::Resting;
            }
            Fact::Stored(record) => {
                self.adopt(at, &record, &mut events);
            }
            Fact::Told(record) if record.generation > self.generation => {
                // A fetch that was begun since is most likely under way: whether it was lost is for a claim to find out.
                self.adopt(at, &Record { intent: None, ..*record }, &mut events);
            }
            Fact::Told(record) if record.generation == self.generation => {
                let stored = record.token.as_ref().map(Token::fingerprint);
                if stored
                    .zip(self.live(at))
                    .is_some_and(|(stored, held)| stored != held.fingerprint)
                {
                    // A store that had lost its data has given our number out again.
                    self.generation = self.generation.next();
                    self.unsaved = true;
                }
                self.look_for_lost(at, record.intent, &mut events);
            }
            Fact::Undecided => {
                if self.profile.matters_if_lost(Way::Primary) {
                    let cause =
                        "two nodes fetched a token each, and which is the later one is not known";
                    self.become_suspect(at.instant, cause, &mut events);
                }
            }
            // A store that has lost its data is given what we have.
            Fact::Told(_) | Fact::Lost => self.unsaved |= self.live(at).is_some(),
            Fact::Forgotten(when) => self.forgotten(at, when, &mut events),
            Fact::Newer(record) => {
                self.store_is_up(&mut events);
                self.adopt(at, &record, &mut events);
                self.activity = Activity::Resting;
            }
            Fact::Issued { admission, way, reason, saved, fence } => {
                self.issued(at, &admission, way, reason, &mut events);
                self.unsaved = saved != Saved::Yes;
                self.settles = fence.filter(|_| self.unsaved);
                match saved {
                    Saved::Refused(message) => self.store_is_down(at, message, &mut events),
                    Saved::Yes => self.store_is_up(&mut events),
                    Saved::NotYet => {}
                }
            }
            Fact::Unchanged => {
                self.store_is_up(&mut events);
                self.activity = Activity::Resting;
            }
            Fact::Delayed(message) => self.store_is_down(at, message, &mut events),
            Fact::Fenced(record) => {
                self.activity = Activity::Resting;
                self.adopt(at, &record, &mut events);
                if self.profile.matters_if_lost(Way::Primary) {
                    // Whose token is the latest cannot be known: the store orders writes, not issues.
                    self.become_suspect(
                        at.instant,
                        "the lease was lost during the fetch",
                        &mut events,
                    );
                }
            }
            Fact::Failed { failure, way, reason, fence } => {
                self.failed(at, failure, way, reason, fence, &mut events);
            }
            Fact::Saved => {
                self.store_is_up(&mut events);
                self.unsaved = false;
                self.settles = None;
                self.activity = Activity::Resting;
            }
            Fact::StoreDown(message) => {
                self.activity = Activity::Resting;
                self.store_is_down(at, message, &mut events);
            }
            Fact::Tried(fingerprint, verdict) => self.tried(at, fingerprint, verdict, &mut events),
            Fact::Reconfigured(profile, policy) => {
                if *self.profile != profile {
                    self.profile = Arc::new(profile);
                }
                self.policy = policy;
                self.quota = None;
                self.trouble = None;
            }
            Fact::Compromised | Fact::StillCompromised if !self.can_end_tokens() => {}
            Fact::Compromised | Fact::StillCompromised => {
                if matches!(fact, Fact::Compromised) {
                    events.push(What::Compromised);
                }
                self.compromised = REPLACEMENTS;
                self.previous = None;
                self.trouble = None;
            }
            Fact::QuotaCleared => {
                self.quota = None;
                self.trouble = None;
            }
        }
        events
    }

    /// What becomes of a token that upstream gave for a request sent at `sent`, if it is to be the current one.
    pub fn admit(
        &self,
        sent: Moment,
        fingerprint: Fingerprint,
        life: Duration,
        way: Way,
    ) -> Admission {
        let current = self.current.filter(|held| held.fingerprint == fingerprint);
        // A token that we did not see begin may be halfway through its life: then the longest life seen stands.
        let seen_to_begin = self.profile.renewal(way).is_minting()
            || self.renew_at().is_none_or(|renew_at| sent.instant >= renew_at);
        let full_life = match self.current {
            Some(held) if current.is_some() || !seen_to_begin => held.full_life.max(life),
            _ => life,
        };
        Admission {
            fingerprint,
            generation: if current.is_some() { self.generation } else { self.generation.next() },
            issued_at: sent,
            ends: sent + self.left_of(current, sent, life, way),
            full_life,
            previous_until: self.previous_until(sent, way).map(|until| sent.wall_at(until)),
        }
    }

    /// What becomes of a token that was given at `at`, if it is to be the current one. Its generation is a new one even if it
    /// is the token that we have: so other nodes see how it stands with it. None if it changes nothing: it is the token that
    /// we have and that the store has, for no longer than we know, and no push, which would at least say that they still come.
    pub fn admit_given(
        &self,
        at: Moment,
        fingerprint: Fingerprint,
        life: Duration,
        is_companion_new: bool,
    ) -> Option<Admission> {
        let current = self.current.filter(|held| held.fingerprint == fingerprint);
        let ends = current.map_or(at + life, |held| {
            if held.ends > at.instant + life { at + held.ends.since(at.instant) } else { at + life }
        });
        let changes = current.is_none_or(|held| ends.instant > held.ends);
        if !changes && !is_companion_new && !self.unsaved && !self.profile.primary.is_pushed() {
            return None;
        }
        Some(Admission {
            fingerprint,
            generation: self.generation.next(),
            issued_at: at,
            ends,
            full_life: current.map_or(life, |held| held.full_life.max(life)),
            previous_until: self.previous_until(at, Way::Primary).map(|until| at.wall_at(until)),
        })
    }

    /// Takes in whether something was given that is to be taken in.
    pub fn set_given(&mut self, given: bool) {
        self.given = given;
    }

    /// Takes in whose turn it is, of the nodes that share the store. What nobody waits for is left to those that go first.
    pub fn take_turn(&mut self, at: Moment, turn: Turn) {
        self.turn = turn;
        self.kept_since.get_or_insert(at.instant);
    }

    /// What this credential's jitter and order of nodes come from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How much of the life that upstream states is to be believed. Of a repeated token it may state the whole life every
    /// time: the token is good to the end that was stated first, and a little longer where upstream still has no other.
    fn left_of(&self, repeated: Option<Held>, sent: Moment, life: Duration, way: Way) -> Duration {
        match repeated {
            Some(held) if self.profile.renewal(way) == Renewal::Surviving => {
                life.min(held.ends.since(sent.instant).max(life / pace::REPEATED_SHARE))
            }
            Some(held) if self.profile.renewal(way) == Renewal::Repeating => {
                let left = held.ends.since(sent.instant);
                let is_counted_down = life <= left.saturating_add(pace::COUNTED_DOWN);
                if is_counted_down { life } else { left.max(pace::REPEATED_FOR) }
            }
            _ => life,
        }
    }

    /// The highest generation known.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The fingerprint of the current token and when it ends.
    pub fn current(&self) -> Option<(Fingerprint, Instant)> {
        self.current.map(|held| (held.fingerprint, held.ends))
    }

    /// Whether the current token is held back until a fetch has been tried.
    pub fn is_doubtful(&self) -> bool {
        // Where nothing is fetched, nothing will ever settle the doubt.
        self.policy.keeping.fetches() && self.current.is_some_and(|held| held.doubtful)
    }

    /// The replaced token that upstream still accepts.
    pub fn previous(&self, at: Moment) -> Option<Fingerprint> {
        self.previous.filter(|(_, until)| at.instant < *until).map(|(fingerprint, _)| fingerprint)
    }

    /// What stands in the way of a fresh token, if anything does.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_deref()
    }

    /// The generation that the next claim names: less than that of a token which the store lacks, since another node
    /// may have given its number to another token.
    pub fn known(&self) -> Generation {
        Generation(self.generation.0.saturating_sub(u64::from(self.unsaved)))
    }

    /// The unfinished intent that the next claim settles.
    pub fn settles(&self) -> Option<Fence> {
        self.settles
    }

    /// Whether what a failed fetch set out to settle is still open: it may have reached upstream, or an earlier one may
    /// have. Then the store keeps its intent.
    pub fn leaves_open(&self, failure: &Failure) -> bool {
        failure.reached == Reached::Perhaps || self.suspect.is_some()
    }

    /// How this credential is kept.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Whether a step was begun and has not ended.
    pub fn is_in_flight(&self) -> bool {
        self.activity == Activity::Busy
    }

    /// Whether the store lacks the current token.
    pub fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    /// What limits forced calls, if they are for this node to make.
    fn forced(&self) -> Option<ForcedLimits> {
        self.profile.forced.filter(|_| self.policy.forced)
    }

    /// Until when the current token is accepted if a token asked for at `sent` by `way` replaces it.
    fn previous_until(&self, sent: Moment, way: Way) -> Option<Instant> {
        let held = self.current?;
        if self.compromised > 0 {
            return None;
        }
        let one_family = self.profile.renewal(held.way) == self.profile.renewal(way);
        let survives = self.profile.renewal(way).is_surviving();
        let until = if one_family && !survives {
            // What was issued in between, if anything, has already used the overlap up.
            if self.suspect.is_some() || self.refused.is_some() {
                return None;
            }
            held.ends.min(sent.instant + self.overlap(way))
        } else {
            held.ends
        };
        (until > sent.instant).then_some(until)
    }

    /// The current token, if it is still good.
    fn live(&self, at: Moment) -> Option<&Held> {
        self.current.as_ref().filter(|held| at.instant < held.ends && !held.doubtful)
    }

    /// The fetch that is about to be sent kills a suspect token if the lost one minted, and a refused token is dead
    /// already: whoever asks meanwhile is better served by what the fetch brings. One that failed before may fail again. If
    /// there was most likely no lost one, readers do not wait, perhaps for a store that hangs in the commit.
    fn hold_back(&mut self) {
        let Some(held) = &mut self.current else { return };
        // The fallback family is isolated: what happens to the primary one does not kill its tokens.
        let lost = self.suspect.is_some() && self.doubt == Doubt::Grave;
        let suspect = lost && self.profile.renewal(held.way).is_minting();
        held.doubtful |= (suspect || self.refused.is_some()) && self.trouble.is_none();
    }

    /// There is nothing better than what we have.
    fn make_do(&mut self) {
        if let Some(held) = &mut self.current {
            held.doubtful = false;
        }
    }
}
