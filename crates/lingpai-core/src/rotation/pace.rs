//! How long things last.
//!
//! Leads, overlaps and windows are meant for tokens of the nominal life. Where upstream states shorter lives, all of them
//! shrink in the same proportion, so that a credential behaves alike at 7200 s and at 60 s.

use std::time::Duration;

use super::Rotation;
use crate::failure::{Class, Failure};
use crate::issuer::{Renewal, Way};
use crate::time::{Instant, Moment, times};

/// One token is tried at most once in this time because somebody says that it was refused.
pub const TRIAL_SPACING: Duration = Duration::from_secs(30);

/// It is tried at most once in this time on a mere hunch, and not before this time after any other trial.
pub const HUNCH_SPACING: Duration = Duration::from_secs(60);

/// How often another node's lease is looked at while it is held.
pub(super) const LEASE_POLL: Duration = Duration::from_millis(200);

/// How long each node that goes first is given, until the next one in turn looks after the credential.
pub(super) const TURN: Duration = Duration::from_secs(5);

/// The same for asking upstream to push: it does so within seconds, and then nobody else has to ask.
pub(super) const PUSH_TURN: Duration = Duration::from_secs(60);

/// The same token with a beginning this much later was given once more: less is the difference between clocks.
pub(super) const GIVEN_AGAIN: Duration = Duration::from_secs(2);

/// Very many credentials whose companions are given once come together, when a platform is taken over: they are renewed
/// earlier by up to this part of their lives, so that after some lives they are spread evenly, whatever happened before.
const SPREAD: u32 = 4;

/// How long a companion is accepted after upstream has given the next one.
const GRACE: Duration = Duration::from_secs(300);

/// How long a store that failed is left alone.
pub(crate) const STORE_RETRY: Duration = Duration::from_secs(2);

/// Between two rotations of a credential without an overlap: a guard against an upstream that states absurd lives.
const MIN_SPACING: Duration = Duration::from_secs(1);

/// How soon, at the earliest, it is looked again whether an idle token is used.
pub(super) const IDLE_LOOK: Duration = Duration::from_millis(100);

/// How often an exhausted quota is probed.
const QUOTA_PROBE: Duration = Duration::from_mins(15);

/// A token that survives and is repeated near its end is good for this share of its life from then on.
pub(super) const REPEATED_SHARE: u32 = 6;

/// A repeated token of which upstream states more than it should have left, by more than this, is stated with its whole life
/// every time.
pub(super) const COUNTED_DOWN: Duration = Duration::from_secs(5);

/// Such a token, where upstream repeats it at its end, is good for so long from then on.
pub(super) const REPEATED_FOR: Duration = Duration::from_secs(1);

/// How long to leave upstream alone after it repeated a token with this much life left.
pub(super) fn after_repetition(left: Duration) -> Duration {
    (left / 3).max(Duration::from_millis(500))
}

impl Rotation {
    /// When the current token is to be renewed.
    pub(super) fn renew_at(&self) -> Option<Instant> {
        let held = self.current.as_ref()?;
        let lead = self.scaled(self.policy.lead);
        let at = match self.profile.renewal(held.way) {
            Renewal::Minting { .. } | Renewal::Surviving => {
                let mut jitter = self.scaled(self.policy.jitter);
                if self.profile.given_once {
                    jitter = jitter.max(held.full_life / SPREAD);
                }
                held.ends - lead.saturating_add(times(jitter, self.dice(0)))
            }
            Renewal::Windowed { window, .. } => {
                // Inside the window, or upstream would repeat the token; not at its very edge, for clocks differ.
                let lead = lead.min(times(self.scaled(window), 0.8));
                held.ends - times(lead, 1.0 - 0.25 * self.dice(0))
            }
            Renewal::Repeating | Renewal::Pushed { .. } => held.ends,
        };
        Some(at.max(self.spaced()).max(held.repeated_until.unwrap_or_default()))
    }

    /// How long the nodes that go first are let go first with a renewal that is due at `renew`: for all of them together a
    /// third of the time that is left, at most.
    pub(super) fn patience(&self, renew: Instant, ends: Instant) -> Duration {
        let most = ends.since(renew) / 3 / self.turn.others.max(1);
        TURN.min(most) * self.turn.after
    }

    /// The earliest time for a rotation of our own accord: never closer to the last than the overlap, or the token before
    /// the last would die while clients still use it. A token that has ended, such as one whose age a clock that was set
    /// back has made unknown, holds nothing up.
    pub(super) fn spaced(&self) -> Instant {
        self.current.map_or(Instant::default(), |held| {
            let spacing = self.overlap(held.way).max(MIN_SPACING.min(held.full_life));
            (held.issued + spacing).min(held.ends)
        })
    }

    /// The earliest time for a rotation that a person asks for. Only where calls mint can one end a token that is in use.
    pub(super) fn askable_at(&self) -> Instant {
        if self.profile.primary.is_minting() { self.spaced() } else { Instant::default() }
    }

    /// How long a token is still accepted after one that was fetched by `way` replaced it.
    pub(super) fn overlap(&self, way: Way) -> Duration {
        self.scaled(self.profile.renewal(way).overlap())
    }

    /// By when a token is replaced that an unknown fetch may have replaced at `since`, or later: it is good for an overlap from
    /// then on, and what is left of that is for the fetch.
    pub(super) fn settled_by(&self, since: Instant, way: Way) -> Instant {
        let grace = if self.profile.given_once { self.scaled(GRACE) } else { Duration::ZERO };
        since + times(self.overlap(way).max(grace), 0.8)
    }

    pub(super) fn forced_spacing(&self) -> Duration {
        let spacing = self.forced().map_or(Duration::ZERO, |limits| limits.spacing);
        spacing.mul_f64(self.forced_share())
    }

    /// The share for the limits of forced calls. A token with more than the window left may be an old one that somebody
    /// else had issued: only a shorter life shows that upstream's time runs fast. A forced call too many is wasted.
    pub(super) fn forced_share(&self) -> f64 {
        match (self.profile.primary, self.current) {
            (Renewal::Windowed { window, .. }, Some(held)) if held.full_life >= window => 1.0,
            _ => self.share(),
        }
    }

    /// How long to wait after the `attempts`-th failure in a row.
    pub(super) fn pause_after(&self, at: Moment, failure: &Failure, attempts: u32) -> Duration {
        let doubled = |first: Duration, most: Duration| {
            first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(most)
        };
        let dice = self.dice(attempts);
        match failure.class {
            Class::Transient => {
                // Often enough that several attempts fall into the lead.
                let most = self.scaled(self.policy.lead) / 4;
                let most = most.clamp(Duration::from_millis(500), Duration::from_secs(60));
                times(doubled(Duration::from_millis(500), most), 0.5 + 0.5 * dice)
            }
            Class::RateLimited(pause) | Class::Awaited(pause) => times(pause, 1.0 + 0.1 * dice),
            Class::Quota => {
                let probe = times(self.scaled(QUOTA_PROBE), 1.0 + 0.2 * dice);
                let day_ends = at.day().end().since(at.wall) + times(Duration::from_secs(60), dice);
                probe.min(day_ends)
            }
            Class::NeedsPerson => {
                let first = Duration::from_secs(15);
                times(doubled(first, Duration::from_mins(10)), 1.0 + 0.2 * dice)
            }
        }
    }

    /// `nominal`, shortened in the proportion in which tokens live shorter than the nominal life.
    pub(super) fn scaled(&self, nominal: Duration) -> Duration {
        times(nominal, self.share())
    }

    /// The proportion of the nominal life that tokens live: 1 for real ones.
    pub(super) fn share(&self) -> f64 {
        let nominal = self.profile.nominal_life;
        match self.current {
            Some(held) if held.full_life < nominal => {
                held.full_life.as_secs_f64() / nominal.as_secs_f64()
            }
            _ => 1.0,
        }
    }

    /// A number from 0 to 1 that is this credential's, this generation's and this `throw`'s own: jitter that a test can
    /// repeat.
    fn dice(&self, throw: u32) -> f64 {
        let mut x = self.seed ^ (self.generation.0 << 20) ^ u64::from(throw);
        // The finaliser of splitmix64.
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        (x >> 11) as f64 / (1u64 << 53) as f64
    }
}
