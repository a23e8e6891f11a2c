//! What to do next, when and how.

use super::{Activity, Doubt, Reason, Rotation, pace};
use crate::event::What;
use crate::issuer::{Renewal, Way};
use crate::policy::Refresh;
use crate::time::{Instant, Moment};
use crate::token::Fingerprint;

/// What the machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until a fact comes in.
    Rest,
    /// Nothing, until this time.
    Wait(Instant),
    /// Fetch a token.
    Rotate {
        /// Why.
        reason: Reason,
        /// By which call.
        way: Way,
        /// Without a lease, since the store is down: only where a fetch too many harms nobody.
        alone: bool,
    },
    /// Try the current token.
    Try(Fingerprint),
    /// Give the store the token that it lacks.
    Save,
    /// Take in what was given.
    Take,
}

impl Rotation {
    /// What to do now. The caller tells [`Fact::Started`](super::Fact::Started) before it does a step that is neither rest
    /// nor waiting.
    pub fn next(&self, at: Moment) -> Step {
        if self.activity == Activity::Busy {
            return Step::Rest;
        }
        let mut earliest: Option<(Instant, Step)> = None;
        // In the order of urgency: of several that are due, the first is done.
        let candidates = [
            self.take_step(at),
            self.trial_step(at),
            self.rotate_step(at),
            self.save_step(),
            self.idle_step(at),
        ];
        for (due, step) in candidates.into_iter().flatten() {
            if due <= at.instant && !matches!(step, Step::Wait(_)) {
                return step;
            }
            if earliest.is_none_or(|(first, _)| due < first) {
                earliest = Some((due, step));
            }
        }
        earliest.map_or(Step::Rest, |(due, _)| Step::Wait(due))
    }

    /// Whoever gives waits for it: a store that was down is asked at once.
    fn take_step(&self, at: Moment) -> Option<(Instant, Step)> {
        self.given.then(|| (self.held_until.unwrap_or(at.instant), Step::Take))
    }

    fn trial_step(&self, at: Moment) -> Option<(Instant, Step)> {
        let (due, held) = self.trial_at.zip(self.live(at))?;
        Some((due, Step::Try(held.fingerprint)))
    }

    fn save_step(&self) -> Option<(Instant, Step)> {
        let due = self.store_down.max(self.held_until).unwrap_or_default();
        self.unsaved.then_some((due, Step::Save))
    }

    /// While nobody uses a token that is kept fresh only in use, look again from time to time whether somebody does.
    fn idle_step(&self, at: Moment) -> Option<(Instant, Step)> {
        let idle = matches!(self.policy.refresh, Refresh::IdleAfter(_)) && !self.kept(at);
        let held = self.live(at).filter(|_| idle)?;
        let pause = (self.scaled(self.policy.lead) / 8).max(pace::IDLE_LOOK);
        let due = self.renew_at()?.max(at.instant + pause);
        (due < held.ends).then_some((due, Step::Wait(due)))
    }

    pub(super) fn rotate_step(&self, at: Moment) -> Option<(Instant, Step)> {
        if !self.policy.keeping.fetches() {
            return None;
        }
        let (due, reason) = self.due(at)?;
        let mut due = due.max(self.held_until.unwrap_or_default());
        if let Some(trouble) = &self.trouble {
            due = due.max(trouble.retry_at);
        }
        let mut way = Way::Primary;
        if reason == Reason::Compromised {
            if self.forced().is_some() {
                way = Way::Forced;
                due = due.max(self.forced_at(at));
            } else {
                due = due.max(self.current.and_then(|held| held.repeated_until).unwrap_or(due));
            }
        } else if self.refused.is_some_and(|refusal| refusal.insisted) && self.forced().is_some() {
            // As soon as an ordinary call brings a new token too, it need not be forced, and must not wait until one
            // may be.
            let (forced, ordinary) = (due.max(self.forced_at(at)), due.max(self.renew_at()?));
            if forced.max(at.instant) < ordinary {
                way = Way::Forced;
                due = forced;
            } else {
                due = ordinary;
            }
        }
        let primary = way == Way::Primary;
        if let Some(probe) = self.quota.filter(|probe| primary && due.max(at.instant) < *probe) {
            // A token of the isolated family ends none of those that leaked.
            if self.has_fallback() && reason != Reason::Compromised {
                way = Way::Fallback;
            } else {
                due = due.max(probe);
            }
        }
        let mut alone = false;
        if let Some(retry) = self.store_down.filter(|retry| due.max(at.instant) < *retry) {
            // Nodes that each mint alone would end a token that is most likely good.
            let is_spared = reason == Reason::Suspect
                && self.is_unlikely(at)
                && self.has_fallback()
                && self.profile.renewal(way).is_minting();
            if self.may_go_alone(way) && !is_spared {
                alone = true;
            } else if self.has_fallback()
                && way == Way::Primary
                && !matches!(reason, Reason::Probe | Reason::Compromised)
            {
                way = Way::Fallback;
                alone = true;
            } else {
                due = due.max(retry);
            }
        }
        Some((due, Step::Rotate { reason, way, alone }))
    }

    /// Whether a rotation is due now, started or not.
    pub fn is_rotation_due(&self, at: Moment) -> bool {
        self.rotate_step(at).is_some_and(|(due, _)| due <= at.instant)
    }

    /// The most urgent reason to rotate and when it holds, before pauses and other nodes are considered.
    fn due(&self, at: Moment) -> Option<(Instant, Reason)> {
        let now = at.instant;
        let live = self.live(at);
        let needed = live.is_some() || self.wanted || self.kept(at);
        let mut reasons = Vec::with_capacity(4);
        if let Some(settled_at) = self.suspect.filter(|_| needed) {
            // As long as the token that we have is served, the lost request may still arrive and must not be overtaken.
            let mut due = if live.is_some() { settled_at } else { now };
            if self.is_unlikely(at) && !self.has_fallback() {
                due = due.max(self.store_down.unwrap_or_default());
            }
            reasons.push((due, Reason::Suspect));
        }
        if self.compromised > 0 {
            reasons.push((now, Reason::Compromised));
        }
        if self.refused.is_some() {
            let due = if self.may_spend(at) { now } else { self.day_ends(at) };
            reasons.push((due, Reason::Refused));
        }
        if self.asked {
            reasons.push((self.askable_at(), Reason::Manual));
        }
        if let Some((_, due)) = self.overdue_at() {
            reasons.push((due, Reason::Overdue));
        }
        let is_pushed = self.profile.primary.is_pushed();
        if live.is_none() && needed && !is_pushed {
            let due = match self.kept_since {
                Some(since) if self.current.is_none() && !self.wanted => {
                    since + pace::TURN * self.turn.after
                }
                _ => self.missing_at(now),
            };
            reasons.push((due, Reason::Missing));
        }
        if let Some(held) = live
            && self.kept(at)
            && !is_pushed
        {
            let due = |renew| renew + self.patience(renew, held.ends);
            reasons.extend(self.renew_at().map(|renew| (due(renew), Reason::Scheduled)));
            if held.way == Way::Fallback {
                reasons.extend(self.quota.map(|probe| (probe, Reason::Probe)));
            }
        }
        reasons.into_iter().min_by_key(|(due, _)| (*due).max(now))
    }

    /// Whether the token that we have is suspect only because the store has lost something.
    fn is_unlikely(&self, at: Moment) -> bool {
        self.doubt == Doubt::Remote && self.live(at).is_some()
    }

    /// Since when a pushed token has been awaited, and when that is too long. Nodes that share the store ask one after another.
    pub(super) fn overdue_at(&self) -> Option<(Instant, Instant)> {
        let Renewal::Pushed { overdue } = self.profile.primary else { return None };
        let since = self.current.map(|held| held.issued).max(self.kept_since)?;
        Some((since, since + self.scaled(overdue) + pace::PUSH_TURN * self.turn.after))
    }

    /// Whether a token may be fetched by this way without a lease: a fetch too many harms nobody, or the owner wants it so.
    pub(super) fn may_go_alone(&self, way: Way) -> bool {
        let is_harmless = !self.profile.renewal(way).is_minting() && way != Way::Forced;
        !self.profile.given_once && (is_harmless || self.policy.alone)
    }

    /// When a token that is missing may be fetched.
    fn missing_at(&self, now: Instant) -> Instant {
        let Some(held) = self.current else { return now };
        let repeated_until = held.repeated_until.unwrap_or_default();
        // A fetch too many kills a token only where each fetch mints one.
        if self.profile.renewal(held.way).is_minting() {
            self.spaced().max(repeated_until)
        } else {
            repeated_until
        }
    }

    /// Whether tokens are renewed without being asked for.
    fn kept(&self, at: Moment) -> bool {
        match self.policy.refresh {
            Refresh::Eager => true,
            Refresh::OnDemand => false,
            Refresh::IdleAfter(idle) => at.instant.since(self.last_used) < idle,
        }
    }

    /// When the next forced call may be made.
    fn forced_at(&self, at: Moment) -> Instant {
        let spaced = self.last_forced.map_or(at.instant, |last| last + self.forced_spacing());
        let nominal = self.forced().map_or(0, |limits| limits.per_day);
        let used = if self.usage.day == at.day() { self.usage.forced } else { 0 };
        let most = per_day(nominal, self.forced_share());
        if used < most { spaced } else { spaced.max(self.day_ends(at)) }
    }

    /// Whether the day's budget allows a rotation that is not scheduled.
    pub(super) fn may_spend(&self, at: Moment) -> bool {
        let budget = self.nominal_budget();
        // The last quarter is the scheduled rotations' own.
        self.fetches(at) < per_day(budget - budget / 4, self.share())
    }

    /// Tells when nine tenths of the day's budget are used. The store counts the fetches of all nodes one by one, so one of
    /// them is the one, once a day.
    pub(super) fn near_the_end_of_the_day(&self, events: &mut Vec<What>) {
        let (used, budget) = (self.usage.fetches, self.daily_budget());
        if used > 1 && used == budget - budget / 10 {
            events.push(What::QuotaLow { used, budget });
        }
    }

    /// How many fetches may be made in a day.
    pub(super) fn daily_budget(&self) -> u32 {
        per_day(self.nominal_budget(), self.share())
    }

    fn nominal_budget(&self) -> u32 {
        self.policy.daily_budget.unwrap_or(self.profile.daily_budget)
    }

    /// How many fetches were made today.
    pub(super) fn fetches(&self, at: Moment) -> u32 {
        if self.usage.day == at.day() { self.usage.fetches } else { 0 }
    }

    pub(super) fn has_fallback(&self) -> bool {
        self.policy.fallback && self.profile.fallback.is_some()
    }

    pub(super) fn day_ends(&self, at: Moment) -> Instant {
        at.instant_at(at.day().end())
    }
}

/// A number that is meant per day of nominal lives, for a day in which tokens live this share of them.
fn per_day(nominal: u32, share: f64) -> u32 {
    (f64::from(nominal) / share).min(f64::from(u32::MAX)) as u32
}
