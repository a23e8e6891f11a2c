//! Why WeChat refused a token: from what is known to one cause, its evidence and what to do.
//!
//! [`diagnose`] is pure: facts in (the events, the tokens that are kept, what a trial has shown), a [`Diagnosis`] out. It
//! knows tokens by their fingerprints only. Everything it says is in `words.rs`, in both languages.
//!
//! - `paste`: what a person has pasted, read: a token, an error, both.
//! - `looks`: what a value is that is no token at all.
//! - `story`: what happened to one token, from the events; `schedule`: times that repeat.
//! - `gather`: the facts, from a store and from WeChat. `api`: the same over HTTP.

pub(crate) mod api;
pub mod gather;
mod judge;
mod looks;
mod paste;
mod schedule;
mod story;
#[cfg(test)]
mod tests;
mod words;

use std::net::IpAddr;
use std::time::Duration;

use lingpai_core::event::Event;
use lingpai_core::store::Previous;
use lingpai_core::{AccountId, CredentialId, Failure, Fingerprint, Generation, Timestamp};

use crate::language::Bilingual;
pub use judge::diagnose;
pub use looks::Looks;
pub use paste::Pasted;
pub(crate) use words::{short, span};

/// Why a token was refused, or a call for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is good: the call is at fault.
    Current,
    /// Its time is over.
    Expired,
    /// Lingpai has replaced it, and whoever uses it has kept it for too long.
    ReplacedByUs,
    /// Another system fetches tokens for the account.
    ReplacedByOther,
    /// Another system has fetched this very token: Lingpai did not.
    NotOurs,
    /// The AppSecret is another one now.
    SecretReset,
    /// The AppSecret is frozen.
    SecretFrozen,
    /// It is the token of another account.
    OtherAccount,
    /// It is the token of a person who logged in.
    UserToken,
    /// The quota is used up.
    Quota,
    /// WeChat does not let this address in.
    IpNotAllowed,
    /// WeChat has limited the account.
    AccountRestricted,
    /// WeChat cannot be reached, or has trouble of its own.
    PlatformTrouble,
    /// It is no token at all.
    NotAToken,
    /// It is good at Lingpai's gateway only.
    VirtualToken,
    /// Nothing that is known explains it.
    Unknown,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 16] = [
        Self::Current,
        Self::Expired,
        Self::ReplacedByUs,
        Self::ReplacedByOther,
        Self::NotOurs,
        Self::SecretReset,
        Self::SecretFrozen,
        Self::OtherAccount,
        Self::UserToken,
        Self::Quota,
        Self::IpNotAllowed,
        Self::AccountRestricted,
        Self::PlatformTrouble,
        Self::NotAToken,
        Self::VirtualToken,
        Self::Unknown,
    ];

    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Expired => "expired",
            Self::ReplacedByUs => "replaced-by-us",
            Self::ReplacedByOther => "replaced-by-other",
            Self::NotOurs => "not-ours",
            Self::SecretReset => "secret-reset",
            Self::SecretFrozen => "secret-frozen",
            Self::OtherAccount => "other-account",
            Self::UserToken => "user-token",
            Self::Quota => "quota",
            Self::IpNotAllowed => "ip-not-allowed",
            Self::AccountRestricted => "account-restricted",
            Self::PlatformTrouble => "platform-trouble",
            Self::NotAToken => "not-a-token",
            Self::VirtualToken => "virtual-token",
            Self::Unknown => "unknown",
        }
    }

    /// What can be done about it, the first thing first.
    pub fn remedy(self) -> Vec<Bilingual> {
        words::remedy(self)
    }

    /// What a failure of a call for a token comes from; none where its code says something else.
    ///
    /// Codes: WeChat's pages on `getAccessToken` and on the IP whitelist; 40091, 60020 and 45033: WeCom's.
    pub fn of_failure(failure: &Failure) -> Option<Self> {
        match failure.code {
            Some(code) => Self::of_fetch(code),
            None => Some(Self::PlatformTrouble),
        }
    }

    /// The same of an errcode that a call for a token was answered with.
    pub(crate) fn of_fetch(code: i64) -> Option<Self> {
        match code {
            40001 | 40013 | 40125 | 40091 | 41002 | 41004 => Some(Self::SecretReset),
            code => Self::of_errcode(code),
        }
    }

    /// The same of an errcode that says the same wherever it is met, and blames no token.
    pub(crate) fn of_errcode(code: i64) -> Option<Self> {
        Some(match code {
            40125 => Self::SecretReset,
            40243 => Self::SecretFrozen,
            40164 | 61004 | 45035 | 60020 | 89501 | 89503 | 89506 | 89507 => Self::IpNotAllowed,
            45009 | 45011 | 45033 | 48006 => Self::Quota,
            50002 | 50004 | 50007 | 61024 => Self::AccountRestricted,
            -1 => Self::PlatformTrouble,
            _ => return None,
        })
    }
}

/// What is asked: all that is known of the refusal.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The token, by its fingerprint, and what it looks like.
    pub token: Option<(Fingerprint, Looks)>,
    /// The code that WeChat refused it with.
    pub errcode: Option<i64>,
    /// WeChat, or something on the way to it, did not answer as it should: no connection, an HTTP status of a server in
    /// trouble.
    pub is_down: bool,
    /// The addresses that WeChat saw the call come from.
    pub callers: Vec<IpAddr>,
    /// The text is of a path for people's tokens, or of the answer that brought one.
    pub is_of_person: bool,
    /// The account that the call was meant for.
    pub account: Option<AccountId>,
}

/// What is known.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The present time.
    pub now: Timestamp,
    /// What happened to the accounts that may be told of, the newest first.
    pub events: &'a [Event],
    /// How these accounts' credentials stand, as far as they matter.
    pub kept: &'a [Kept],
    /// What WeChat said when it was asked about the token, if it was.
    pub trial: Option<&'a Trial>,
}

/// How it stands with a credential.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Which.
    pub credential: CredentialId,
    /// Its token, expired or not.
    pub current: Option<Current>,
    /// The one before, while it is accepted.
    pub previous: Option<Previous>,
    /// Why the last fetch failed, if it did.
    pub failure: Option<Failure>,
}

/// The token of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its generation.
    pub generation: Generation,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What WeChat said of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It is an account's, and good.
    Accepted,
    /// It is a person's, and good.
    OfPerson,
    /// It is bad.
    Refused(Failure),
    /// Nothing about the token.
    Inconclusive(Failure),
}

/// Why a token was refused, as far as can be known.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// The cause.
    pub cause: Cause,
    /// Whether what is known leaves no other.
    pub certain: bool,
    /// The account whose token it is, or that the call was for.
    pub account: Option<AccountId>,
    /// What happened, in a sentence.
    pub headline: Bilingual,
    /// What that is known from, the oldest first.
    pub evidence: Vec<Evidence>,
    /// What a person can do, the first thing first.
    pub remedy: Vec<Bilingual>,
    /// After what time another system fetches again and again, if its times repeat.
    pub schedule: Option<Duration>,
}

/// Something that is known, and from when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// When it happened, if that is known.
    pub at: Option<Timestamp>,
    /// What.
    pub text: Bilingual,
}
