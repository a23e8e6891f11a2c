//! What happened to credentials: the typed stream that people, logs and diagnosis read.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::{Class, Failure};
use crate::id::{AccountId, CredentialId, Generation, NodeId};
use crate::issuer::Way;
use crate::rotation::Reason;
use crate::time::Timestamp;
use crate::token::Fingerprint;

/// What stands in place of a key's id where a command has changed the store directly.
pub const BY_COMMAND: &str = "command";

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// To which credential, if to one.
    pub credential: Option<CredentialId>,
    /// On which node.
    pub node: NodeId,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

impl Event {
    /// The account it concerns, if it concerns one.
    pub fn account(&self) -> Option<&AccountId> {
        self.credential.as_ref().map(|credential| &credential.account)
    }
}

/// What can happen. Holds no token and no secret; tokens are named by their fingerprints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
#[non_exhaustive]
pub enum What {
    /// A new token took the place of the one before.
    Rotated {
        /// The new token's generation.
        generation: Generation,
        /// The new token's fingerprint.
        fingerprint: Fingerprint,
        /// Why.
        reason: Reason,
        /// How it was obtained.
        way: Way,
        /// When the new token ends.
        expires_at: Timestamp,
    },
    /// Upstream gave the token that we have already; what is left of its life was taken over.
    Repeated {
        /// The token's generation.
        generation: Generation,
        /// Which call repeated it.
        way: Way,
        /// When the token ends.
        expires_at: Timestamp,
    },
    /// A token could not be had.
    Failed {
        /// Why it was wanted.
        reason: Reason,
        /// How it was tried.
        way: Way,
        /// What went wrong.
        failure: Failure,
        /// When it is tried again, at the earliest.
        retry_after: Duration,
    },
    /// Upstream refused a token that should be good: it had not expired and we did not replace it. Somebody else fetches
    /// tokens for this account.
    RogueRefresher {
        /// The refused token.
        fingerprint: Fingerprint,
        /// Upstream's refusal.
        failure: Failure,
    },
    /// A client called a token invalid that upstream accepts: its call was at fault.
    ReportUnfounded {
        /// The token in question.
        fingerprint: Fingerprint,
    },
    /// A fetch may have replaced the token without our knowing (a crash, a lost answer, a lost lease): one more fetch
    /// follows.
    Suspect {
        /// What is known about the lost fetch.
        cause: String,
    },
    /// Tokens now come from the isolated fallback family.
    FellBack {
        /// Why.
        cause: String,
    },
    /// A token that upstream brings of its own accord has not come for too long. Told once for each such gap; upstream is
    /// asked for it.
    Overdue {
        /// When the last one came, or this process began to wait.
        since: Timestamp,
    },
    /// A rotation was refused because the day's budget is spent down to the reserve.
    BudgetSpent {
        /// How many fetches were made today.
        used: u32,
        /// What had asked for one more.
        reason: Reason,
    },
    /// A client asks for the token again and again, long before it should. It is answered from memory.
    ClientMisuse {
        /// The id of its key.
        key: String,
        /// How often it asked too early within a minute.
        asks: u32,
    },
    /// Somebody changed the account.
    AccountChanged {
        /// What became of it.
        change: AccountChange,
        /// The id of the key that asked for it, or [`BY_COMMAND`].
        key: String,
    },
    /// WeChat refuses a client's calls of one path because of their token again and again, though the token is good.
    CallsRefused {
        /// The id of the client's key, if it showed one.
        key: Option<String>,
        /// The path.
        path: String,
        /// The errcode of the last refusal.
        errcode: i64,
        /// How many refusals there were within a minute.
        refusals: u32,
        /// What is likely wrong.
        cause: String,
    },
    /// Somebody said that a token has leaked: it is replaced until none of those so far is good any more.
    Compromised,
    /// A token had leaked, and upstream accepts none any more that was issued before that was said.
    CompromiseEnded {
        /// The generation of the token that is good now.
        generation: Generation,
    },
    /// The store cannot be reached or written.
    StoreDegraded {
        /// What it said.
        message: String,
    },
    /// The store works again.
    StoreRestored,
    /// WeChat refuses the address that calls come from: it is not on the account's list. Told once, until a token is had again.
    IpRefused {
        /// The address, if WeChat named it.
        address: Option<String>,
        /// WeChat's refusal.
        failure: Failure,
    },
    /// Nine tenths of the fetches that are planned for a day are made. Told once a day.
    QuotaLow {
        /// How many were made.
        used: u32,
        /// Of how many.
        budget: u32,
    },
    /// Somebody made or revoked a key.
    KeyChanged {
        /// What became of it.
        change: KeyChange,
        /// Its id.
        key: String,
        /// The id of the key that asked for it, or [`BY_COMMAND`].
        by: String,
    },
    /// A key was used for the first time. Told once for each key, whatever the number of nodes.
    KeyFirstUsed {
        /// Its id.
        key: String,
        /// Whence the call came.
        address: IpAddr,
    },
    /// A client sends the account's real secret where its API key belongs. Told once a day for each client by each node that
    /// it comes to.
    SecretShown {
        /// The id of its key, if it shows one beside.
        key: Option<String>,
        /// Whence the call came.
        address: IpAddr,
        /// Where it was sent to.
        path: String,
    },
    /// Upstream is about to sign its answers with another certificate, which the account does not have to have yet. Told once by
    /// each node.
    CertificateChanging {
        /// The number of the next one in the console.
        next: String,
    },
    /// The store was restored, and WeChat's list of those who have authorised this platform was gone through: from now on they are
    /// refreshed again.
    AuthorizersReconciled {
        /// How many there are on it.
        listed: u64,
        /// How many of them the store did not have. At least: what a process that was killed had taken in of its last page,
        /// the one that goes on finds in the store. The same holds of `renewed` and `removed`.
        added: u64,
        /// How many had another refresh token by then.
        renewed: u64,
        /// How many of the store's have authorised it no longer.
        removed: u64,
    },
    /// A push that the business did not take is no longer tried.
    PushDead {
        /// Its id.
        push: String,
        /// What the business answered last.
        cause: String,
    },
    /// A token could not be delivered to a sink. Told once, until it works again.
    SinkFailed {
        /// Its name.
        sink: String,
        /// Why.
        cause: String,
    },
    /// A sink has the newest token again.
    SinkRestored {
        /// Its name.
        sink: String,
        /// The generation of the token.
        generation: Generation,
    },
    /// What a newer version of Lingpai told, or an older one in another way. It is kept as it is.
    #[serde(untagged)]
    Foreign(Foreign),
}

/// An event that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// Its name.
    pub event: String,
    /// The rest of it.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// How much an event matters to whoever looks after a server. The later ones are the graver ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The ordinary course.
    Info,
    /// Worth knowing; nothing is to be done.
    Notice,
    /// Somebody should look at it in time.
    Warning,
    /// Somebody should look at it now.
    Error,
}

impl Severity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Info, Self::Notice, Self::Warning, Self::Error];

    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }
}

impl What {
    /// The names of all events that this version knows.
    pub const NAMES: &[&'static str] = &[
        "rotated",
        "repeated",
        "failed",
        "rogue-refresher",
        "report-unfounded",
        "suspect",
        "fell-back",
        "overdue",
        "budget-spent",
        "client-misuse",
        "account-changed",
        "calls-refused",
        "compromised",
        "compromise-ended",
        "store-degraded",
        "store-restored",
        "ip-refused",
        "quota-low",
        "key-changed",
        "key-first-used",
        "secret-shown",
        "certificate-changing",
        "authorizers-reconciled",
        "push-dead",
        "sink-failed",
        "sink-restored",
    ];

    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Rotated { .. } | Self::Repeated { .. } | Self::Foreign(_) => Severity::Info,
            Self::ReportUnfounded { .. }
            | Self::AccountChanged { .. }
            | Self::KeyChanged { .. }
            | Self::KeyFirstUsed { .. }
            | Self::CompromiseEnded { .. }
            | Self::SinkRestored { .. }
            | Self::AuthorizersReconciled { .. }
            | Self::StoreRestored => Severity::Notice,
            Self::Failed { failure, .. } => match failure.class {
                Class::NeedsPerson => Severity::Error,
                _ => Severity::Warning,
            },
            Self::Suspect { .. }
            | Self::FellBack { .. }
            | Self::Overdue { .. }
            | Self::ClientMisuse { .. }
            | Self::CallsRefused { .. }
            | Self::SecretShown { .. }
            | Self::CertificateChanging { .. }
            | Self::QuotaLow { .. } => Severity::Warning,
            Self::RogueRefresher { .. }
            | Self::BudgetSpent { .. }
            | Self::Compromised
            | Self::StoreDegraded { .. }
            | Self::IpRefused { .. }
            | Self::SinkFailed { .. }
            | Self::PushDead { .. } => Severity::Error,
        }
    }

    /// The name it has in the stream.
    pub fn name(&self) -> &str {
        match self {
            Self::Rotated { .. } => "rotated",
            Self::Repeated { .. } => "repeated",
            Self::Failed { .. } => "failed",
            Self::RogueRefresher { .. } => "rogue-refresher",
            Self::ReportUnfounded { .. } => "report-unfounded",
            Self::Suspect { .. } => "suspect",
            Self::FellBack { .. } => "fell-back",
            Self::Overdue { .. } => "overdue",
            Self::BudgetSpent { .. } => "budget-spent",
            Self::ClientMisuse { .. } => "client-misuse",
            Self::AccountChanged { .. } => "account-changed",
            Self::CallsRefused { .. } => "calls-refused",
            Self::Compromised => "compromised",
            Self::CompromiseEnded { .. } => "compromise-ended",
            Self::StoreDegraded { .. } => "store-degraded",
            Self::StoreRestored => "store-restored",
            Self::IpRefused { .. } => "ip-refused",
            Self::QuotaLow { .. } => "quota-low",
            Self::KeyChanged { .. } => "key-changed",
            Self::KeyFirstUsed { .. } => "key-first-used",
            Self::SecretShown { .. } => "secret-shown",
            Self::CertificateChanging { .. } => "certificate-changing",
            Self::AuthorizersReconciled { .. } => "authorizers-reconciled",
            Self::PushDead { .. } => "push-dead",
            Self::SinkFailed { .. } => "sink-failed",
            Self::SinkRestored { .. } => "sink-restored",
            Self::Foreign(foreign) => &foreign.event,
        }
    }
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyChange {
    /// It was made.
    Made,
    /// It was revoked.
    Revoked,
}

impl KeyChange {
    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Revoked => "revoked",
        }
    }
}

/// What became of an account that somebody changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountChange {
    /// It is kept from now on.
    Created,
    /// It is kept in another way.
    Updated,
    /// It has another AppSecret.
    SecretReplaced,
    /// It is no longer kept, and its tokens are gone.
    Removed,
}

impl AccountChange {
    /// All changes.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::SecretReplaced, Self::Removed];

    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::SecretReplaced => "secret-replaced",
            Self::Removed => "removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> Event {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_event_of_a_newer_version_is_kept_as_it_is() {
        let text = r#"{"at":1795406400000,"credential":null,"node":"n","event":"moon-rose","phase":{"full":true}}"#;
        let event = stored(text);
        assert_eq!((event.what.name(), event.what.severity()), ("moon-rose", Severity::Info));
        let again = serde_json::to_string(&event).unwrap();
        assert_eq!(stored(&again), event);
        let value = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&again), value(text));
    }

    #[test]
    fn a_known_event_with_a_reason_of_a_newer_version_is_kept_too() {
        let text = r#"{"at":1,"credential":null,"node":"n","event":"budget-spent","used":3,"reason":"whim"}"#;
        let event = stored(text);
        assert!(matches!(&event.what, What::Foreign(foreign) if foreign.more["reason"] == "whim"));
        assert_eq!(event.what.name(), "budget-spent");
    }

    #[test]
    fn a_field_of_a_newer_version_does_not_hide_the_event() {
        let text = r#"{"at":1,"credential":null,"node":"n","event":"store-degraded","message":"m","more":1}"#;
        assert_eq!(stored(text).what, What::StoreDegraded { message: "m".to_owned() });
    }
}
