//! What can issue a token: the seam between the engine and an upstream.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::api_security::ApiSecurityKeys;
use crate::failure::Failure;
use crate::id::{AccountId, Kind};
use crate::parent::Parent;
use crate::proxy::Proxy;
use crate::secret::Secret;
use crate::token::Token;

/// What [`Issuer::depth`] is at most: a platform's ticket, its token, an authorizer's token, the tickets of that.
pub const DEPTH: usize = 3;

/// An upstream endpoint and the way to call it, for one credential.
///
/// The engine calls an issuer only while it holds the credential's lease, one call at a time.
#[async_trait]
pub trait Issuer: fmt::Debug + Send + Sync + 'static {
    /// How tokens of this credential renew. Constant for the life of the issuer.
    fn profile(&self) -> Profile;

    /// Waits until everything is there that a call needs and that other credentials bring. Called before the right to
    /// fetch is taken, so that a fetch that cannot be made costs none.
    ///
    /// # Errors
    /// A [`Failure`] as of [`Issuer::issue`].
    async fn ready(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Asks upstream for a token, once; once more where the first answer says that the [`Parent`]'s was bad. Retries and their pauses are the engine's; an issuer only moves on to another
    /// host where a connection could not be made.
    ///
    /// `companion` is what came with the newest stored token ([`Issued::companion`]), looked at after the right to fetch was
    /// taken; none if none ever came.
    ///
    /// Dropping the future gives the request up; the engine then treats it as one that may have reached upstream.
    ///
    /// # Errors
    /// A [`Failure`] with the class that tells the engine what to do, and without any secret in it.
    async fn issue(&self, way: Way, companion: Option<&Secret>) -> Result<Issued, Failure>;

    /// Tries a token with the cheapest call that upstream checks it on.
    async fn check(&self, token: &Token) -> Verdict;

    /// The proxy of its own that the account is called through, if it has one. Upstream knows an account by the address
    /// that its calls come from, so whoever uses a token goes the same way as it came.
    fn proxy(&self) -> Option<Arc<Proxy>> {
        None
    }

    /// The keys with which calls of the account are encrypted and signed, if it carries some.
    fn api_security(&self) -> Option<Arc<ApiSecurityKeys>> {
        None
    }

    /// The account that this one has authorised, a platform or a suite, if it is of that sort.
    fn platform(&self) -> Option<&AccountId> {
        None
    }

    /// How many credentials stand one behind the other that this one needs, up to [`DEPTH`]: an access_token none, its
    /// tickets one. So many fetches of each depth may be under way, so that those who wait for a parent never take its
    /// place.
    fn depth(&self) -> usize {
        0
    }

    /// The kinds of credentials that the same account has besides, and that need this one. Nothing is kept of them before
    /// somebody asks ([`Registry::dependent`](crate::Registry::dependent)).
    fn dependents(&self) -> &'static [Kind] {
        &[]
    }

    /// The issuer of one of these; none of any other kind.
    fn dependent(&self, kind: &Kind, parent: Arc<dyn Parent>) -> Option<Arc<dyn Issuer>> {
        let _ = (kind, parent);
        None
    }
}

/// Which of an issuer's calls is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The ordinary call.
    Primary,
    /// The call that makes upstream replace a token that it would otherwise repeat. Scarce.
    Forced,
    /// A call to an isolated family of tokens, for when the primary one cannot be used.
    Fallback,
}

impl Way {
    /// The name it has in logs, events and the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Forced => "forced",
            Self::Fallback => "fallback",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What upstream gave.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The token's value.
    pub value: Secret,
    /// How long it is good, counted by upstream from when it answered; the engine counts from before it asked.
    pub life: Duration,
    /// A second secret that came with it, and that the next call needs: a refresh token. It is made durable together with the
    /// token, and before the token is published. Where none comes, the one before stays.
    pub companion: Option<Secret>,
}

impl Issued {
    /// A token without a companion.
    pub fn new(value: impl Into<Secret>, life: Duration) -> Self {
        Self { value: value.into(), life, companion: None }
    }

    /// The same with one.
    #[must_use]
    pub fn with_companion(self, companion: impl Into<Secret>) -> Self {
        Self { companion: Some(companion.into()), ..self }
    }
}

/// What a trial of a token found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Upstream accepts the token.
    Accepted,
    /// Upstream says that the token is bad.
    Refused(Failure),
    /// The trial says nothing about the token: no answer, a refused IP, a busy server.
    Inconclusive(Failure),
}

/// How a credential's tokens renew, in the times that hold for a token of the nominal life. Where upstream states shorter
/// lives (a sandbox that runs fast), the engine shortens all of them in proportion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    /// The life of a new token for which the other times are meant.
    pub nominal_life: Duration,
    /// What a [`Way::Primary`] call does.
    pub primary: Renewal,
    /// What limits [`Way::Forced`] calls, if there are any.
    pub forced: Option<ForcedLimits>,
    /// What a [`Way::Fallback`] call does, if there is one.
    pub fallback: Option<Renewal>,
    /// How many fetches a day are spent at most where the account's policy says nothing: well below what upstream allows.
    pub daily_budget: u32,
    /// Upstream gives the companion of the next call once only: an answer that is lost may cost it, though the one before is
    /// accepted for some minutes more. So a lost answer is followed by one more fetch at once, nothing is fetched without a
    /// lease, and a token is not published before it is stored and [confirmed](crate::store::Store::confirm).
    pub given_once: bool,
}

impl Profile {
    /// How the calls of one way renew. A forced call renews what the primary call repeats.
    pub fn renewal(&self, way: Way) -> Renewal {
        match way {
            Way::Primary | Way::Forced => self.primary,
            Way::Fallback => self.fallback.unwrap_or(self.primary),
        }
    }

    /// Whether upstream has two isolated families of tokens for this credential, of which the account's mode chooses one.
    pub fn has_two_families(&self) -> bool {
        self.forced.is_some() || self.fallback.is_some()
    }

    /// Whether a call of this way whose answer is lost leaves something behind: another call has to follow.
    pub fn matters_if_lost(&self, way: Way) -> bool {
        self.renewal(way).is_minting() || self.given_once
    }
}

/// The families of renewal that upstreams have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Renewal {
    /// Each call mints a new token; the one before it stays good for `overlap`, older ones die at once.
    Minting {
        /// How long the replaced token is still accepted.
        overlap: Duration,
    },
    /// Calls repeat the token until its last `window`; then one mints a new token and the old stays good for `overlap`.
    Windowed {
        /// How long before the end a call brings a new token.
        window: Duration,
        /// How long the replaced token is still accepted.
        overlap: Duration,
    },
    /// Calls repeat the token until it expires; nothing overlaps.
    Repeating,
    /// New tokens do not end older ones, which live to their own expiry. A repeated one is stated as good for the whole
    /// life again, which it is not.
    Surviving,
    /// Upstream brings the value of its own accord ([`Keeper::give`](crate::Keeper::give)), and older ones live to their own
    /// expiry. Nothing is fetched; a call asks upstream to bring one
    /// ([`Class::Awaited`](crate::failure::Class::Awaited)).
    Pushed {
        /// After how long without one that is told, and asked for. Counted from the last one, or from the start of the
        /// process if that was later.
        overdue: Duration,
    },
}

impl Renewal {
    /// How long a replaced token is still accepted; zero where there is no such time.
    pub fn overlap(self) -> Duration {
        match self {
            Self::Minting { overlap } | Self::Windowed { overlap, .. } => overlap,
            Self::Repeating | Self::Surviving | Self::Pushed { .. } => Duration::ZERO,
        }
    }

    /// Whether tokens live to their own expiry, whatever comes after them.
    pub fn is_surviving(self) -> bool {
        matches!(self, Self::Surviving | Self::Pushed { .. })
    }

    /// Whether upstream brings the value of its own accord.
    pub fn is_pushed(self) -> bool {
        matches!(self, Self::Pushed { .. })
    }

    /// Whether a call can end a token that somebody else relies on.
    pub fn is_minting(self) -> bool {
        matches!(self, Self::Minting { .. })
    }
}

/// What limits forced calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ForcedLimits {
    /// Upstream ignores a forced call that comes sooner than this after the last.
    pub spacing: Duration,
    /// How many a day it takes.
    pub per_day: u32,
}
