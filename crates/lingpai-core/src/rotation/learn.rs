//! What a fact changes: a token that came, a fetch that failed, a trial, a record of the store, a store that is down.

use std::time::Duration;

use super::{Activity, Admission, Doubt, Held, Reason, Refusal, Rotation, Trial, Trouble, pace};
use crate::event::What;
use crate::failure::{Class, Failure, Reached};
use crate::id::Fence;
use crate::issuer::{Verdict, Way};
use crate::policy::Refresh;
use crate::store::{Intent, Record};
use crate::time::{Instant, Moment, Timestamp};
use crate::token::{Fingerprint, Token};

/// A wall clock that stands this far before a stored token's issue has been set back: the token's age is unknown.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

impl Rotation {
    pub(super) fn issued(
        &mut self,
        at: Moment,
        admission: &Admission,
        way: Way,
        reason: Reason,
        events: &mut Vec<What>,
    ) {
        self.activity = Activity::Resting;
        self.held_until = None;
        self.wanted = false;
        self.asked = false;
        self.trouble = None;
        let is_given = reason == Reason::Given;
        if way == Way::Primary && !is_given {
            self.quota = None;
        }
        if way == Way::Forced {
            // Upstream counts from when it got the call, which was before it answered.
            self.last_forced = Some(at.instant);
        }
        let before = self.current;
        let mut held = Held {
            fingerprint: admission.fingerprint,
            issued: admission.issued_at.instant,
            ends: admission.ends.instant,
            full_life: admission.full_life,
            way: if way == Way::Forced { Way::Primary } else { way },
            doubtful: false,
            repeated_until: None,
        };
        match before.filter(|before| before.fingerprint == held.fingerprint) {
            Some(before) => {
                if !is_given {
                    held.issued = before.issued;
                    held.repeated_until =
                        Some(at.instant + pace::after_repetition(held.ends.since(at.instant)));
                }
                self.current = Some(held);
                self.generation = self.generation.max(admission.generation);
                if !is_given {
                    self.repeated(at, way);
                }
                events.push(What::Repeated {
                    generation: admission.generation,
                    way,
                    expires_at: admission.ends.wall,
                });
            }
            None => {
                self.previous = before.zip(admission.previous_until).map(|(before, until)| {
                    (before.fingerprint, admission.issued_at.instant_at(until))
                });
                self.current = Some(held);
                self.generation = admission.generation;
                self.forget_trials();
                events.push(What::Rotated {
                    generation: admission.generation,
                    fingerprint: admission.fingerprint,
                    reason,
                    way,
                    expires_at: admission.ends.wall,
                });
            }
        }
        self.suspect = None;
        let mints = way == Way::Forced || self.profile.renewal(way).is_minting();
        let ends_one = mints && !is_given;
        let is_new = before.is_none_or(|before| before.fingerprint != admission.fingerprint);
        if self.compromised > 0 && ends_one && is_new {
            self.compromised -= 1;
            if self.compromised == 0 {
                events.push(What::CompromiseEnded { generation: self.generation });
            }
        }
    }

    /// Upstream gave the token that we have. If it is one that upstream itself refuses, that is no way out of it.
    fn repeated(&mut self, at: Moment, way: Way) {
        let is_last_resort = way == Way::Forced || self.forced().is_none();
        let Some(refusal) = &mut self.refused else { return };
        if is_last_resort {
            // A forced refresh that returns the same token has not happened. Whether another is needed is for
            // another trial to say.
            self.refused = None;
            let spacing = self.forced_spacing().max(pace::TRIAL_SPACING);
            self.trial_at = Some(at.instant + spacing);
            self.is_hunch = false;
        } else {
            refusal.insisted = true;
        }
    }

    pub(super) fn failed(
        &mut self,
        at: Moment,
        failure: Failure,
        way: Way,
        reason: Reason,
        fence: Option<Fence>,
        events: &mut Vec<What>,
    ) {
        self.activity = Activity::Resting;
        self.held_until = None;
        self.make_do();
        if way == Way::Forced {
            self.last_forced = Some(at.instant);
        }
        if failure.reached == Reached::Perhaps && self.profile.matters_if_lost(way) {
            self.become_suspect(
                at.instant,
                "a fetch that failed may have been carried out all the same",
                events,
            );
        }
        self.settles = fence.filter(|_| self.leaves_open(&failure));
        let (attempts, since) = self.in_a_row(at);
        let mut retry_at = at.instant + self.pause_after(at, &failure, attempts);
        if failure.class == Class::Quota && way == Way::Primary {
            let known = self.quota.replace(retry_at).is_some();
            if self.has_fallback() {
                // The isolated family takes over at once.
                retry_at = at.instant;
                if !known {
                    events.push(What::FellBack { cause: failure.to_string() });
                }
            }
        }
        if self.policy.refresh != Refresh::Eager {
            // Those who waited share this outcome; whoever asks after the pause starts anew.
            self.wanted = false;
        }
        self.asked = false;
        if !matches!(failure.class, Class::Awaited(_)) {
            events.push(What::Failed {
                reason,
                way,
                failure: failure.clone(),
                retry_after: retry_at.since(at.instant),
            });
        }
        self.trouble = Some(Box::new(Trouble { failure, attempts, since, retry_at }));
    }

    /// Somebody wants a token that only upstream can bring: he is told so.
    pub(super) fn await_push(&mut self, at: Moment) {
        if !self.profile.primary.is_pushed() || self.trouble.is_some() || self.live(at).is_some() {
            return;
        }
        let what = "upstream brings it of its own accord, and it has not come yet";
        let failure = Failure::new(Class::Awaited(pace::PUSH_TURN), what);
        let (since, retry_at) = (at.wall, at.instant);
        self.trouble = Some(Box::new(Trouble { failure, attempts: 0, since, retry_at }));
    }

    /// A gap without a pushed token is told of when upstream is asked for one.
    pub(super) fn tell_overdue(&mut self, at: Moment, events: &mut Vec<What>) {
        if let Some((since, due)) = self.overdue_at()
            && due <= at.instant
            && self.told_overdue != Some(since)
        {
            self.told_overdue = Some(since);
            events.push(What::Overdue { since: at.wall_at(since) });
        }
    }

    /// The number of the failure that has just come, and when the first of its row did.
    fn in_a_row(&self, at: Moment) -> (u32, Timestamp) {
        self.trouble
            .as_ref()
            .map_or((1, at.wall), |trouble| (trouble.attempts.saturating_add(1), trouble.since))
    }

    pub(super) fn tried(
        &mut self,
        at: Moment,
        fingerprint: Fingerprint,
        verdict: Verdict,
        events: &mut Vec<What>,
    ) {
        self.activity = Activity::Resting;
        self.trial_at = None;
        if self.current.is_none_or(|held| held.fingerprint != fingerprint) {
            return; // The token was replaced while it was being tried.
        }
        let accepted = verdict == Verdict::Accepted;
        self.trial = Some(Trial { at: at.instant, accepted });
        let tried_at =
            if self.is_hunch { &mut self.hunch_tried_at } else { &mut self.claim_tried_at };
        *tried_at = Some(at.instant);
        match verdict {
            Verdict::Accepted => events.push(What::ReportUnfounded { fingerprint }),
            Verdict::Refused(failure) => {
                self.refused = Some(Refusal { insisted: false });
                if self.suspect.is_none() && self.live(at).is_some() {
                    events.push(What::RogueRefresher { fingerprint, failure });
                }
                if !self.may_spend(at) {
                    events.push(What::BudgetSpent {
                        used: self.fetches(at),
                        reason: Reason::Refused,
                    });
                }
            }
            Verdict::Inconclusive(_) => {}
        }
    }

    /// Takes over what the store holds, if it is ahead of what is known here.
    pub(crate) fn adopt(&mut self, at: Moment, record: &Record, events: &mut Vec<What>) {
        self.held_until = None;
        self.usage = record.usage;
        // A wall clock that was set back must not put this into the future.
        let last_forced = record.last_forced_at.map(|when| at.instant_at(when).min(at.instant));
        self.last_forced = last_forced.max(self.last_forced);
        let known = self.current.map(|held| held.fingerprint);
        let stored = record.token.as_ref().map(|token| restored(at, token));
        // The same token again is left as it is: its end is known better here, on the clock that does not jump. A store
        // that has lost the token is not a reason to lose it here too.
        let same = stored.is_some() && stored.map(|held| held.fingerprint) == known;
        let behind = self.unsaved && record.generation < self.generation;
        // A claim that names less than the stored generation is told for ever that there is something newer. What we
        // have that the store lacks comes after what it has lost.
        let lost = stored.is_none() && self.unsaved;
        let least = if lost { record.generation.next() } else { record.generation };
        let is_later = least > self.generation;
        self.generation = self.generation.max(least);
        if same {
            self.unsaved = false;
            // Unless it was given once more.
            if let Some((held, stored)) = self.current.as_mut().zip(stored)
                && is_later
                && stored.issued > held.issued + pace::GIVEN_AGAIN
            {
                (held.issued, held.ends) = (stored.issued, held.ends.max(stored.ends));
                self.trouble = None;
            }
        } else if stored.is_some() && !behind {
            self.unsaved = false;
            self.current = stored;
            self.previous = record
                .previous
                .map(|previous| (previous.fingerprint, at.instant_at(previous.until)));
            self.forget_trials();
            self.suspect = None;
            self.trouble = None;
            // One that has ended already is no answer to those who ask.
            let none = self.live(at).is_none();
            self.asked &= none;
            self.wanted &= none;
        }
        match record.intent {
            Some(intent) => self.suspect_intent(at, intent, events),
            None => self.settles = None,
        }
    }

    /// What was found out about a token does not hold for the next.
    fn forget_trials(&mut self) {
        self.refused = None;
        self.trial = None;
        self.trial_at = None;
        (self.hunch_tried_at, self.claim_tried_at) = (None, None);
    }

    pub(super) fn suspect_intent(&mut self, at: Moment, intent: Intent, events: &mut Vec<What>) {
        self.settles = Some(intent.fence);
        if self.profile.matters_if_lost(intent.way) {
            let cause = "a process ended between fetching a token and storing it";
            let begun = at.instant_at(intent.at).min(at.instant);
            let overlap = self.overlap(intent.way);
            // Within an attempt's time, even if the wall clock was set back since; and before the token that we have is
            // dead in any case.
            let settled_at = at.instant_at(intent.deadline);
            let latest =
                (at.instant + self.policy.attempt()).min(self.settled_by(begun, intent.way));
            self.become_suspect(settled_at.min(latest), cause, events);
            // Its overlap is over, or a second lost fetch has cut it short.
            let overlap_ends = begun + overlap;
            let kills = self.profile.renewal(intent.way).is_minting();
            let dead = kills && (intent.lost > 0 || overlap_ends <= at.instant);
            if let Some(held) = &mut self.current {
                held.doubtful = dead && held.way == intent.way;
            }
        }
    }

    /// A node that begins a fetch of its own accord ends in the sight of others, which are due for the same one. A repair is
    /// nobody else's: if the node that began it is gone, whoever looks at the record is to take it over, or nobody would before
    /// the token is dead. Looked at when its end has been waited for, on whichever of the nodes' clocks.
    pub(super) fn look_for_lost(
        &mut self,
        at: Moment,
        intent: Option<Intent>,
        events: &mut Vec<What>,
    ) {
        let is_over = |intent: &Intent| intent.deadline + pace::TURN < at.wall;
        if self.activity == Activity::Resting
            && self.suspect.is_none()
            && let Some(intent) = intent.filter(is_over)
        {
            self.suspect_intent(at, intent, events);
        }
    }

    /// A token that was issued before the store forgot may be dead, if a fetch kills: whoever sent one that nobody knows of
    /// can have ended since. It cannot be under way for longer than an attempt. And it was sent after our token was issued,
    /// which so lives for an overlap at least: to settle it earlier would only end the token before ours in use, and each of
    /// several losses in a row another one. What is settled at a time is settled then, whatever is lost until then: losses that
    /// come faster than that would put it off until the token is dead.
    pub(super) fn forgotten(&mut self, at: Moment, when: Timestamp, events: &mut Vec<What>) {
        let Some(held) = self.current else { return };
        let is_older = at.wall_at(held.issued) < when;
        if is_older && self.suspect.is_none() && self.profile.matters_if_lost(held.way) {
            let cause = "the store has lost what was stored last, perhaps a fetch";
            let settled_at = at.instant + self.policy.attempt();
            let settled_at = settled_at.max(self.settled_by(held.issued, held.way));
            self.become_suspect(settled_at, cause, events);
            self.doubt = Doubt::Remote;
        }
    }

    pub(super) fn become_suspect(
        &mut self,
        settled_at: Instant,
        cause: &str,
        events: &mut Vec<What>,
    ) {
        if self.suspect.is_none() {
            events.push(What::Suspect { cause: cause.to_owned() });
        }
        self.suspect = Some(settled_at);
        self.doubt = Doubt::Grave;
    }

    pub(super) fn store_is_down(&mut self, at: Moment, message: String, events: &mut Vec<What>) {
        self.make_do();
        if self.store_down.is_none() {
            events.push(What::StoreDegraded { message: message.clone() });
        }
        let retry_at = at.instant + pace::STORE_RETRY;
        self.store_down = Some(retry_at);
        let alone = self.has_fallback() || self.may_go_alone(Way::Primary);
        if !alone && self.live(at).is_none() {
            // Nothing can be done before, and whoever waits is told why.
            let failure = Failure::new(Class::Transient, message);
            let (attempts, since) = self.in_a_row(at);
            self.trouble = Some(Box::new(Trouble { failure, attempts, since, retry_at }));
        }
    }

    pub(super) fn store_is_up(&mut self, events: &mut Vec<What>) {
        if self.store_down.take().is_some() {
            events.push(What::StoreRestored);
        }
    }
}

/// What is known of a token that comes from the store, where only wall time is kept.
fn restored(at: Moment, token: &Token) -> Held {
    let life = token.expires_at.since(token.issued_at);
    let set_back = at.wall + CLOCK_TOLERANCE < token.issued_at;
    let left = if set_back { Duration::ZERO } else { token.expires_at.since(at.wall).min(life) };
    Held {
        fingerprint: token.fingerprint(),
        issued: at.instant_at(token.issued_at).min(at.instant),
        ends: at.instant + left,
        full_life: token.full_life,
        way: token.way,
        doubtful: false,
        repeated_until: None,
    }
}
