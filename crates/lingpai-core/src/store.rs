//! Where everything durable lives: the traits that a store fulfils.
//!
//! [`Store`] is what the engine needs to rotate safely, [`Directory`] what people manage. One implementation provides
//! both; the conformance suite in `lingpai-store` says what they must do.
//!
//! The heart is [`Store::begin`] and [`Store::commit`]. `begin` is one atomic step: compare the generation, take the
//! lease, write the intent down and count the fetch. `commit` succeeds only for the holder of the highest fencing
//! number ever given out for the credential.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::account::Account;
use crate::audit::Note;
use crate::client::ApiKey;
use crate::event::Event;
use crate::failure::Failure;
use crate::id::{AccountId, CredentialId, Fence, Generation, NodeId};
use crate::issuer::Way;
use crate::journal::{self, Line, Listing, Page, Series, Told};
use crate::time::{Day, Timestamp};
use crate::token::{Fingerprint, Token};

/// What the engine keeps in a store.
///
/// Every method is atomic and durable: what has returned `Ok` survives `kill -9` and power loss. A dropped future may or
/// may not have been carried out.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Every credential there is, to start from.
    async fn load(&self) -> Result<Vec<Record>, StoreError>;

    /// One credential, if it was ever begun.
    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError>;

    /// Takes the right to rotate, in one atomic step, and answers with the first of these that holds:
    /// - [`Begun::Newer`]: the stored generation is above `claim.known`; nothing was changed.
    /// - [`Begun::Held`]: another node that may be alive holds an unexpired lease; nothing was changed. A store that
    ///   knows a holder to be dead (its process has ended) does not wait for its lease to run out.
    /// - [`Begun::Unfinished`]: there is an intent without an outcome whose fence is not `claim.settles`; nothing was
    ///   changed. Not answered to a claim without a way.
    /// - [`Begun::Granted`]: the lease is `claim.node`'s for `claim.lease` from `claim.at`, its fence is above every
    ///   earlier one of this credential, `claim.way` was written down as the intent (which counts the unfinished one that it settles as lost), and the fetch was counted in the
    ///   ledger of `Day::of(claim.at)` under [`Entry::Fetch`]. Without a way nothing is fetched: the intent that there is
    ///   stays as it is, and nothing is counted.
    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError>;

    /// Stores the token that a lease's fetch brought, clears the intent and gives the lease back; or changes nothing and
    /// answers [`Committed::Fenced`] if a later lease was granted in the meantime. An expired lease that nobody took
    /// after it still commits.
    ///
    /// If the value differs from the stored token's, the stored one becomes `previous` until `previous_until` (absent:
    /// the former `previous` and the former token are struck off). A token without a companion leaves the stored companion
    /// in its place; one with another companion replaces it in the same step.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;

    /// Gives a lease back after a fetch that brought no token, and clears the intent: its outcome is known. Does nothing
    /// if a later lease was granted.
    ///
    /// With [`Reached::Perhaps`](crate::failure::Reached::Perhaps) the intent stays: only another fetch can settle it.
    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError>;

    /// Waits until the token of this generation is as safe as accounts and keys are, for a token that upstream gives once
    /// only. A commit alone need not wait for that: a token that is lost is fetched again.
    ///
    /// Where whatever is acknowledged is safe, which is the default, there is nothing to wait for.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unconfirmed`] if it is stored, and too few copies have said so in time;
    /// [`StoreErrorKind::Unavailable`] if the store no longer has it.
    async fn confirm(
        &self,
        credential: &CredentialId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        let _ = (credential, generation);
        Ok(())
    }

    /// Adds to the ledger of a day. A client has one too, under the id of its key.
    async fn count(
        &self,
        account: &AccountId,
        day: Day,
        entry: Entry,
        times: u32,
    ) -> Result<(), StoreError>;

    /// What was counted for an account on a day.
    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError>;

    /// Adds to a journal, which forgets its oldest lines when it grows past its bounds.
    async fn append(&self, series: Series, lines: &[Line]) -> Result<(), StoreError>;

    /// A part of a journal, only the lines of one account if `account` is given, at most `limit`.
    async fn page(
        &self,
        series: Series,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Told<Line>>, StoreError>;

    /// Adds to the event stream.
    async fn record(&self, events: &[Event]) -> Result<(), StoreError> {
        let line = |event: &Event| line(event.at, event.account(), event);
        let lines = events.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        self.append(Series::Events, &lines).await
    }

    /// The newest events first, those of one account only if `account` is given, at most `limit`.
    async fn events(
        &self,
        account: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let listing = self.stream(account, Page::Newest, limit).await?;
        Ok(listing.told.into_iter().map(|told| told.what).collect())
    }

    /// A part of the event stream, with the events' positions.
    async fn stream(
        &self,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Listing<Event>, StoreError> {
        Ok(journal::read(self.page(Series::Events, account, page, limit).await?, limit))
    }

    /// Adds to the audit trail.
    async fn note(&self, notes: &[Note]) -> Result<(), StoreError> {
        let account = |note: &Note| note.credential.as_ref().map(|of| of.account.clone());
        let line = |note: &Note| line(note.at, account(note).as_ref(), note);
        let lines = notes.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        self.append(Series::Audit, &lines).await
    }

    /// A part of the audit trail.
    async fn notes(
        &self,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Listing<Note>, StoreError> {
        Ok(journal::read(self.page(Series::Audit, account, page, limit).await?, limit))
    }

    /// Waits until another process may have changed a credential. A hint: what has changed is for [`Store::read`] to say.
    ///
    /// One caller at a time; dropping the future loses no change. A store whose other processes cannot tell, which is the
    /// default, waits for ever: what they change is then found by the next [`Store::begin`].
    async fn changed(&self) -> Change {
        std::future::pending().await
    }

    /// Makes a node known to those that share the store, at this wall time of its own, and answers with all that were seen
    /// lately, itself among them. None, which is the default, if nodes cannot be told of here.
    async fn meet(&self, own: &Presence, at: Timestamp) -> Result<Option<Vec<Peer>>, StoreError> {
        let _ = (own, at);
        Ok(None)
    }

    /// Takes a node off those that were seen, since it is ending.
    async fn leave(&self, node: &NodeId) -> Result<(), StoreError> {
        let _ = node;
        Ok(())
    }
}

/// Something as a line of a journal.
fn line(
    at: Timestamp,
    account: Option<&AccountId>,
    what: &impl Serialize,
) -> Result<Line, StoreError> {
    let body = serde_json::to_string(what).map_err(|error| {
        let message = "a line of a journal cannot be written as JSON";
        StoreError::new(StoreErrorKind::Invalid, message).caused_by(error)
    })?;
    Ok(Line { at, account: account.cloned(), body })
}

/// What a node says of itself to those that share the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Its name among nodes.
    pub node: NodeId,
    /// The name of its machine.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// The version that it runs.
    pub version: String,
    /// When it started.
    pub since: Timestamp,
    /// How many credentials it keeps.
    pub credentials: u64,
    /// The leases that it holds, or some of them.
    pub leases: Vec<CredentialId>,
}

/// A node that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What it said of itself.
    pub presence: Presence,
    /// How long ago.
    pub ago: Duration,
}

/// What another process may have changed in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This credential; and when, on this node's own clock, if the store can say.
    Credential(CredentialId, Option<Timestamp>),
    /// Whatever there is: changes may have been lost on the way.
    Anything,
    /// Whatever there is, since the store has lost some of what it had acknowledged: it came back empty or older, and that
    /// was found at this time. A fetch that was begun before may have no trace.
    Forgotten(Timestamp),
}

/// What people manage in a store. Same promises as [`Store`].
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// Every account that can be used. One that is damaged, or that a newer version of Lingpai has written, is left out and does not
    /// stop the others: [`Directory::damage`].
    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;

    /// One account, if it is there.
    async fn account(&self, account: &AccountId) -> Result<Option<Account>, StoreError>;

    /// Puts an account in the place of `before`, as it was read; of nothing, if nothing that can be read was there. One step
    /// compares and writes, so that no change is lost that another process has made meanwhile. What stands there already may be
    /// put again: whoever had no answer asks once more. To change an account, see [`change_account`](crate::change_account).
    ///
    /// # Errors
    /// [`StoreErrorKind::Changed`] if something else stands there by now, [`StoreErrorKind::Newer`] if a newer version has written
    /// what stands there; nothing was changed then.
    async fn put_account(
        &self,
        account: &Account,
        before: Option<&Account>,
    ) -> Result<(), StoreError>;

    /// Removes an account and its credentials, whatever it is like. False if there was none.
    async fn remove_account(&self, account: &AccountId) -> Result<bool, StoreError>;

    /// Removes an account and its credentials if it is still as it was read: what was found out about that one need not hold for
    /// what another process has made of it meanwhile. False if there is none any more that can be read.
    ///
    /// # Errors
    /// [`StoreErrorKind::Changed`] if something else stands there by now, [`StoreErrorKind::Newer`] if a newer version has written
    /// what stands there; nothing was changed then.
    async fn remove_as_read(&self, account: &Account) -> Result<bool, StoreError>;

    /// Every API key that can be used, revoked ones too.
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Adds a key, or replaces the one of this id.
    async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError>;

    /// Notes when the key of this id was first used. True if no use of it was known: of all nodes that share the store, one
    /// is told so. False too if there is no such key.
    async fn first_use(&self, key: &str, at: Timestamp) -> Result<bool, StoreError>;

    /// What the last readings have found damaged and left out: accounts, keys and credentials.
    fn damage(&self) -> Vec<Damage> {
        Vec::new()
    }
}

/// A record that is there and cannot be used. It does not stop the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Its table.
    pub table: &'static str,
    /// Its name in the table.
    pub record: String,
    /// What is wrong with it.
    pub what: String,
    /// Nothing is: a newer version of Lingpai has most likely written it, and says more than is known here. It is left as it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub newer: bool,
}

impl Damage {
    /// The table of accounts, in every store.
    pub const ACCOUNTS: &str = "accounts";
    /// The table of API keys, in every store.
    pub const KEYS: &str = "keys";

    /// Whether the record is an account.
    pub fn is_of_account(&self) -> bool {
        self.table == Self::ACCOUNTS
    }

    /// Whether the record is an API key.
    pub fn is_of_key(&self) -> bool {
        self.table == Self::KEYS
    }
}

/// A credential as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which.
    pub credential: CredentialId,
    /// The highest generation ever committed.
    pub generation: Generation,
    /// The current token.
    pub token: Option<Token>,
    /// The token before it, while it may still be accepted.
    pub previous: Option<Previous>,
    /// A fetch that was begun and has no outcome.
    pub intent: Option<Intent>,
    /// When a forced call was last begun.
    pub last_forced_at: Option<Timestamp>,
    /// Why the last fetch failed, if it did.
    pub failure: Option<Failure>,
    /// Fetches counted on `usage.day`.
    pub usage: Usage,
}

/// A replaced token that upstream still accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Until when.
    pub until: Timestamp,
}

/// A fetch that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The fence of the lease it was begun under.
    pub fence: Fence,
    /// How it asks.
    pub way: Way,
    /// When it was begun.
    pub at: Timestamp,
    /// When its request can no longer be on its way.
    pub deadline: Timestamp,
    /// How many fetches before it were left without an outcome since the last commit: the store adds one for each intent
    /// that a [`Claim`] settles.
    #[serde(default)]
    pub lost: u32,
}

/// How many fetches a credential's account made on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The day counted.
    pub day: Day,
    /// Fetches of this credential, whatever their way and outcome.
    pub fetches: u32,
    /// The forced ones among them.
    pub forced: u32,
}

/// What a node asks for in [`Store::begin`].
#[derive(Clone, Debug)]
pub struct Claim {
    /// The credential to rotate.
    pub credential: CredentialId,
    /// Who asks.
    pub node: NodeId,
    /// The generation it knows.
    pub known: Generation,
    /// The unfinished intent whose consequences it has considered.
    pub settles: Option<Fence>,
    /// How it will ask upstream. None if it will not: it stores a token that was given.
    pub way: Option<Way>,
    /// The wall time now.
    pub at: Timestamp,
    /// When its request will have ended one way or the other.
    pub deadline: Timestamp,
    /// How long it needs the right.
    pub lease: Duration,
}

/// The right to rotate one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which credential.
    pub credential: CredentialId,
    /// Whose.
    pub node: NodeId,
    /// Its fencing number.
    pub fence: Fence,
    /// Until when it is held.
    pub until: Timestamp,
}

/// What came of [`Store::begin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The right is the caller's.
    Granted {
        /// The right.
        lease: Lease,
        /// The counts of the day, this fetch included.
        usage: Usage,
    },
    /// Somebody else has rotated.
    Newer(Box<Record>),
    /// Somebody else is about to.
    Held {
        /// Who.
        by: NodeId,
        /// Until when, at most.
        until: Timestamp,
    },
    /// A fetch was begun and nobody knows what came of it.
    Unfinished(Intent),
}

/// What is stored by [`Store::commit`].
#[derive(Clone, Debug)]
pub struct Commit {
    /// The right under which the token was fetched.
    pub lease: Lease,
    /// The token.
    pub token: Token,
    /// Until when the token that it replaces is accepted.
    pub previous_until: Option<Timestamp>,
}

/// What came of [`Store::commit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is stored.
    Stored,
    /// A later lease was granted: the token was refused, and this is what the store holds.
    Fenced(Box<Record>),
}

/// One line of the ledger: what is counted, per account and day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A call for a token, of this kind and way.
    Fetch(crate::id::Kind, Way),
    /// A trial of a token.
    Trial(crate::id::Kind),
    /// A call of upstream's API that was forwarded, by its path, which begins with a slash.
    Call(Arc<str>),
    /// An errcode with which upstream answered such a call, and the path of that.
    Errcode(i64, Arc<str>),
    /// A call that was forwarded for this client: the id of its key, or `-` if it has shown the token itself.
    Client(Arc<str>),
    /// A forwarded call under a budget of the day, by whose part of it that is spent.
    Spent(&'static str),
}

/// What was counted for one account on one day.
pub type Ledger = std::collections::BTreeMap<String, u32>;

impl Entry {
    /// Its name in a [`Ledger`] and in a store: `fetch/access_token/primary`.
    pub fn name(&self) -> String {
        match self {
            Self::Fetch(kind, way) => format!("fetch/{kind}/{way}"),
            Self::Trial(kind) => format!("trial/{kind}"),
            Self::Call(path) => format!("call{path}"),
            Self::Errcode(code, path) => format!("errcode/{code}{path}"),
            Self::Client(key) => format!("client/{key}"),
            Self::Spent(part) => format!("spent/{part}"),
        }
    }
}

/// Why a store could not do what was asked.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct StoreError {
    /// What sort of trouble it is.
    pub kind: StoreErrorKind,
    /// What happened, why, and what to do.
    pub message: String,
    /// The same in Chinese, where it is written.
    chinese: Option<String>,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error of this kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), chinese: None, source: None }
    }

    /// The same for those who read Chinese too.
    pub fn in_chinese(mut self, message: impl Into<String>) -> Self {
        self.chinese = Some(message.into());
        self
    }

    /// What happened, why, and what to do, in Chinese; none where nobody has written it.
    pub fn chinese(&self) -> Option<&str> {
        self.chinese.as_deref()
    }

    /// The same with its cause.
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// The sorts of trouble that a store can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It cannot be reached, or is busy: try again.
    Unavailable,
    /// It does not let this process in, or not do what is needed: a password, a permission or a certificate is missing.
    Denied,
    /// There is no room left.
    Full,
    /// It can be read only.
    ReadOnly,
    /// A record cannot be opened: it was changed, or sealed with another key.
    Sealed,
    /// What is stored is damaged.
    Corrupt,
    /// It was written by a newer version.
    Newer,
    /// The caller asked for something that cannot be stored.
    Invalid,
    /// What was to be replaced is not there any more as it was read: another process has changed it. To be read again.
    Changed,
    /// It is stored and in force, and too few copies have confirmed it: it can be lost with the machine that has it.
    Unconfirmed,
}
