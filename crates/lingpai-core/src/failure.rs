//! Why a token could not be had, and what kind of reason that is.
//!
//! The [`Class`] decides what the engine does next; the rest is for the person who reads it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the engine makes of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "class", content = "for")]
#[non_exhaustive]
pub enum Class {
    /// It will pass: tried again soon, with a growing and jittered pause.
    Transient,
    /// Upstream said to slow down: not tried again before this much time has passed.
    RateLimited(Duration),
    /// The day's quota is used up: probed slowly until the day ends or a person clears it.
    Quota,
    /// Upstream was asked, and the answer comes by another way ([`Renewal::Pushed`](crate::issuer::Renewal::Pushed)). Not a
    /// failure; not asked again before this much time has passed.
    Awaited(Duration),
    /// Only a person can mend it (a wrong secret, a missing IP, a frozen account): retried slowly, and at once when the
    /// account is changed.
    NeedsPerson,
}

impl Class {
    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited(_) => "rate-limited",
            Self::Quota => "quota",
            Self::Awaited(_) => "awaited",
            Self::NeedsPerson => "needs-person",
        }
    }
}

/// Whether upstream can have acted on a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// It never arrived, or it was answered with a refusal: upstream issued nothing.
    No,
    /// It may have been carried out and the answer lost. A minting issuer may have replaced the token.
    Perhaps,
}

/// One failed attempt to issue a token. Holds no secret and no token, so it may be logged, stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What to do about it.
    #[serde(flatten)]
    pub class: Class,
    /// Whether upstream can have issued a token all the same.
    pub reached: Reached,
    /// Upstream's error code, if it answered with one.
    pub code: Option<i64>,
    /// What happened, in upstream's words where it answered.
    pub message: String,
    /// Upstream's name for the request, by which it can be looked up.
    pub request_id: Option<String>,
    /// What a person can do about it, where that is known.
    pub remedy: Option<String>,
}

impl Failure {
    /// A failure of this class that upstream did not act on, with nothing more known about it.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            reached: Reached::No,
            code: None,
            message: message.into(),
            request_id: None,
            remedy: None,
        }
    }

    /// The same, but upstream may have acted on the request.
    pub fn perhaps_reached(mut self) -> Self {
        self.reached = Reached::Perhaps;
        self
    }

    /// The same with a remedy.
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code {
            write!(f, "errcode {code}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(remedy) = &self.remedy {
            write!(f, ". {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
