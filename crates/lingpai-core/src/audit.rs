//! Who read and changed what: the records of the audit trail.
//!
//! A token that is read thousands of times a minute is one note a minute, with a count. No note holds a token or a secret.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::event::{AccountChange, KeyChange};
use crate::id::{CredentialId, NodeId};
use crate::time::Timestamp;

/// One record of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When; of reads, when the first of them was, to the minute or better.
    pub at: Timestamp,
    /// On which node.
    pub node: NodeId,
    /// Who.
    pub who: Who,
    /// What was read or changed, if it belongs to an account.
    pub credential: Option<CredentialId>,
    /// What was done.
    #[serde(flatten)]
    pub deed: Deed,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Whoever holds an API key.
    Client {
        /// The key's id.
        key: String,
        /// The name that people gave it.
        name: String,
        /// Whence the call came.
        address: IpAddr,
    },
    /// Whoever ran a command on a machine that can open the store.
    Command {
        /// The command, without what may be secret.
        command: String,
        /// The user of the operating system, if there is a name for it.
        user: String,
    },
}

/// What this version knows that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Was given a token or a ticket.
    TokenRead,
    /// Sent the real AppSecret where an API key belongs.
    SecretShown,
    /// Looked at a token in the console.
    TokenRevealed,
    /// Had a token replaced.
    TokenRotated,
    /// Gave a token that somebody else had fetched.
    TokenAdopted,
    /// Had all tokens ended, since one leaked.
    TokensEnded,
    /// Had the counters of a quota set to zero.
    QuotaCleared,
    /// Had an account kept.
    AccountCreated,
    /// Had it kept in another way.
    AccountUpdated,
    /// Gave it another AppSecret.
    AccountSecretReplaced,
    /// Ended keeping it.
    AccountRemoved,
    /// Made a link by which somebody authorises a platform or a suite.
    AuthorizationLinkMade,
    /// Took over some who have authorised a platform, with their refresh tokens.
    AuthorizersImported,
    /// Took over those whom WeChat lists.
    AuthorizersRecovered,
    /// Made a key.
    KeyMade,
    /// Revoked one.
    KeyRevoked,
    /// Logged in to the console.
    ConsoleEntered,
    /// Had a push tried again.
    PushRetried,
    /// Dropped one.
    PushRemoved,
    /// Had it tried whether a token can be put into a sink.
    SinkTested,
    /// Had the token put there.
    SinkSynced,
    /// Had a message sent to try an alert.
    AlertTested,
    /// Gave the store another master key.
    StoreRekeyed,
    /// Copied another store into this one.
    StoreCopied,
    /// Put a backup in the place of the store.
    BackupRestored,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deed {
    /// The name of an [`Action`], or one that another version knows.
    pub action: String,
    /// How often within the minute.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub count: u32,
    /// What it was done to, where that is no account: the id of a key, of a push, a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

const fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_once(count: &u32) -> bool {
    *count == 1
}

impl Action {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::TokenRead,
        Self::SecretShown,
        Self::TokenRevealed,
        Self::TokenRotated,
        Self::TokenAdopted,
        Self::TokensEnded,
        Self::QuotaCleared,
        Self::AccountCreated,
        Self::AccountUpdated,
        Self::AccountSecretReplaced,
        Self::AccountRemoved,
        Self::AuthorizationLinkMade,
        Self::AuthorizersImported,
        Self::AuthorizersRecovered,
        Self::KeyMade,
        Self::KeyRevoked,
        Self::ConsoleEntered,
        Self::PushRetried,
        Self::PushRemoved,
        Self::SinkTested,
        Self::SinkSynced,
        Self::AlertTested,
        Self::StoreRekeyed,
        Self::StoreCopied,
        Self::BackupRestored,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenRead => "token-read",
            Self::SecretShown => "secret-shown",
            Self::TokenRevealed => "token-revealed",
            Self::TokenRotated => "token-rotated",
            Self::TokenAdopted => "token-adopted",
            Self::TokensEnded => "tokens-ended",
            Self::QuotaCleared => "quota-cleared",
            Self::AccountCreated => "account-created",
            Self::AccountUpdated => "account-updated",
            Self::AccountSecretReplaced => "account-secret-replaced",
            Self::AccountRemoved => "account-removed",
            Self::AuthorizationLinkMade => "authorization-link-made",
            Self::AuthorizersImported => "authorizers-imported",
            Self::AuthorizersRecovered => "authorizers-recovered",
            Self::KeyMade => "key-made",
            Self::KeyRevoked => "key-revoked",
            Self::ConsoleEntered => "console-entered",
            Self::PushRetried => "push-retried",
            Self::PushRemoved => "push-removed",
            Self::SinkTested => "sink-tested",
            Self::SinkSynced => "sink-synced",
            Self::AlertTested => "alert-tested",
            Self::StoreRekeyed => "store-rekeyed",
            Self::StoreCopied => "store-copied",
            Self::BackupRestored => "backup-restored",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }
}

impl From<AccountChange> for Action {
    fn from(change: AccountChange) -> Self {
        match change {
            AccountChange::Created => Self::AccountCreated,
            AccountChange::Updated => Self::AccountUpdated,
            AccountChange::SecretReplaced => Self::AccountSecretReplaced,
            AccountChange::Removed => Self::AccountRemoved,
        }
    }
}

impl From<KeyChange> for Action {
    fn from(change: KeyChange) -> Self {
        match change {
            KeyChange::Made => Self::KeyMade,
            KeyChange::Revoked => Self::KeyRevoked,
        }
    }
}

impl Deed {
    /// Something that was done once.
    pub fn new(action: impl Into<Action>) -> Self {
        let action = action.into().as_str().to_owned();
        Self { action, count: 1, subject: None }
    }

    /// The same, done to this.
    pub fn to(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }
}
