//! Who read and changed what: the records of the audit trail.
//!
//! A token that is read thousands of times a minute is one note a minute, with a count. No note holds a token or a secret.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

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

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deed {
    /// Its name, such as `token-read` or `account-updated`.
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

impl Deed {
    /// Something that was done once.
    pub fn new(action: &str) -> Self {
        Self { action: action.to_owned(), count: 1, subject: None }
    }

    /// The same, done to this.
    pub fn to(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }
}
