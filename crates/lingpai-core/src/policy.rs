//! How one account wants its credentials kept.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a store may take to answer before it counts as down.
pub(crate) const STORE_DEADLINE: Duration = Duration::from_secs(5);

/// How one account wants its credentials kept. Durations are meant for a token of the nominal life and are shortened in
/// proportion where upstream states shorter lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Policy {
    /// When tokens are renewed.
    pub refresh: Refresh,
    /// How long before its end a token is renewed. Default 600 s. Where upstream repeats the token until its last
    /// minutes, the lead always lies inside those.
    pub lead: Duration,
    /// By how much, at random, renewal comes earlier than the lead, so that many accounts do not renew in step.
    /// Default 60 s.
    pub jitter: Duration,
    /// How many fetches a day a credential may spend. Default: what its issuer suggests
    /// ([`Profile::daily_budget`](crate::issuer::Profile::daily_budget)). The last quarter is a reserve for scheduled
    /// rotations, which are never refused by this count; reported and manual ones are refused when only it is left.
    pub daily_budget: Option<u32>,
    /// Whether tokens may come from the issuer's isolated fallback family when the primary one cannot be used. Default
    /// true.
    pub fallback: bool,
    /// Whether a minting credential may be fetched while the store cannot be reached, so that no lease guards it.
    /// Default false.
    pub alone: bool,
    /// Whether this node may force upstream to replace a token that it repeats and refuses. Default true. A matter of the
    /// node and not of the account, so it is not stored: of nodes that share no store one is to do it.
    #[serde(skip)]
    pub forced: bool,
    /// How long one fetch may take. Default 8 s; the lease lasts seven seconds longer.
    pub fetch_deadline: Duration,
    /// Whether anything is fetched at all. Default managed.
    #[serde(skip_serializing_if = "Keeping::fetches")]
    pub keeping: Keeping,
}

/// What Lingpai does for an account: the steps of taking it over from somebody else, and of handing it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeping {
    /// Tokens are fetched, and renewed ahead of their end.
    #[default]
    Managed,
    /// Nothing is fetched: somebody else still does, and a token is served only if it was given.
    Observe,
    /// Nothing is fetched any more: the token that there is is served to its end.
    Paused,
}

impl Keeping {
    /// Whether tokens are fetched.
    pub fn fetches(&self) -> bool {
        matches!(self, Self::Managed)
    }

    /// The name that it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Observe => "observe",
            Self::Paused => "paused",
        }
    }

    /// Why nothing is fetched.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Managed => "the account is managed",
            Self::Observe => {
                "the account is only observed: no token is fetched for it, and none that is good was given"
            }
            Self::Paused => {
                "the account is paused: no token is fetched for it, and the last one has ended"
            }
        }
    }
}

impl Policy {
    /// What `lead` may be.
    pub const LEADS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
    /// What `jitter` may be.
    pub const JITTERS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(1);
    /// What `fetch_deadline` may be.
    pub const FETCH_DEADLINES: RangeInclusive<Duration> =
        Duration::from_secs(1)..=Duration::from_mins(2);
    /// What the time of [`Refresh::IdleAfter`] may be.
    pub const IDLE_TIMES: RangeInclusive<Duration> =
        Duration::from_mins(1)..=Duration::from_hours(30 * 24);
    /// How long after its last use a dependent credential is kept fresh, where its account's are always.
    const DEPENDENT_IDLE: Duration = Duration::from_hours(3);

    /// How the credentials are kept that depend on one kept so. Few accounts need them, so they are fetched when somebody
    /// asks, and kept fresh while they are used.
    pub fn of_dependent(&self) -> Self {
        let refresh = match self.refresh {
            Refresh::Eager => Refresh::IdleAfter(Self::DEPENDENT_IDLE),
            other => other,
        };
        Self { refresh, daily_budget: None, ..self.clone() }
    }

    /// How long after its claim a fetch has ended one way or the other: it begins when the store has answered.
    pub fn attempt(&self) -> Duration {
        self.fetch_deadline.saturating_add(STORE_DEADLINE)
    }

    /// How long the right to rotate is held: longer than an attempt can take.
    pub fn lease(&self) -> Duration {
        self.attempt().saturating_add(Duration::from_secs(2))
    }

    /// How long after its claim a token that was fetched is stored, if it ever is.
    pub(crate) fn rotation(&self) -> Duration {
        self.attempt().saturating_add(STORE_DEADLINE)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            refresh: Refresh::Eager,
            lead: Duration::from_secs(600),
            jitter: Duration::from_secs(60),
            daily_budget: None,
            fallback: true,
            alone: false,
            forced: true,
            fetch_deadline: Duration::from_secs(8),
            keeping: Keeping::Managed,
        }
    }
}

/// When tokens are renewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refresh {
    /// Always fresh, used or not.
    #[default]
    Eager,
    /// Fetched when somebody asks and there is none.
    OnDemand,
    /// Always fresh while it was used within this time; fetched on demand after that.
    IdleAfter(Duration),
}
