//! A store in one file.
//!
//! Two threads own the file: one writes, one reads ([`lane`]). What a rotation does is in [`credentials`], what people
//! manage in [`directory`], what is counted and told in [`stream`]. Several processes may have the same file open, for a
//! rolling restart; [`node`] knows which of them live.

mod archive;
mod backup;
mod credentials;
mod directory;
mod lane;
mod node;
mod open;
mod outbox;
mod schema;
mod stream;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::client::ApiKey;
use lingpai_core::journal::{Line, Page, Series, Told};
use lingpai_core::outbox::{Delivery, Parcel, Put};
use lingpai_core::store::{Begun, Claim, Commit, Committed, Entry, Lease, Ledger, Record};
use lingpai_core::{
    Account, AccountId, CredentialId, Day, Directory, Failure, NodeId, Outbox, Store, StoreError,
    StoreErrorKind, Timestamp,
};
use rusqlite::Connection;

pub use lingpai_core::store::Damage;

use self::lane::{Lane, Use};
use self::node::Node;
use crate::damage::{Damaged, refuse_damage};
use crate::seal::{Place, Sealer, Unopened};
use crate::{Journals, KeySource, MasterKey};

/// What a [`SqliteStore`] is opened with.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file. Created if it is missing; its directory must exist.
    pub path: PathBuf,
    /// Where its master key comes from.
    pub key: KeySource,
    /// How much of each journal is kept: of the event stream and of the audit trail.
    pub journals: Journals,
    /// How long a write waits for another program that has the file locked. Default 5 s.
    pub busy_timeout: Duration,
    /// How large the file may grow, in bytes. Default: as large as the disk allows.
    pub size_limit: Option<u64>,
}

impl SqliteOptions {
    /// The defaults for this file and key.
    pub fn new(path: impl Into<PathBuf>, key: KeySource) -> Self {
        Self {
            path: path.into(),
            key,
            journals: Journals::default(),
            busy_timeout: Duration::from_secs(5),
            size_limit: None,
        }
    }
}

/// A [`Store`] and [`Directory`] in one SQLite file, with secrets and tokens sealed.
///
/// What a method has acknowledged survives `kill -9` and power loss. A dropped future may or may not be carried out.
/// Dropping the store finishes what was asked, which blocks for some milliseconds; [`close`](Self::close) does so
/// without blocking.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped first: whoever closes the file last tidies up, and that takes a connection that can write.
    reader: Lane,
    writer: Lane,
    path: Arc<Path>,
    key: KeySource,
    generated_key: Option<PathBuf>,
    sealer: Arc<Sealer>,
    node: NodeId,
    damaged: Arc<Damaged>,
}

impl SqliteStore {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// The file cannot be opened, read or written; it is no Lingpai store, a newer one, or damaged; the master key is
    /// missing, unreadable or another one. Each says so, and what to do.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        blocking(move || open::open(&options)).await
    }

    /// A name for this process as a node, which no other has: `node-<process id>-<random digits>`. Leases may be claimed
    /// under any name; whether their holder lives is found out by the process that was granted them.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// What signs the sessions of people in every process that has the store open: as secret as the master key, and nothing of
    /// that can be told from it.
    pub fn session_key(&self) -> [u8; 32] {
        self.sealer.session_key()
    }

    /// The key file that was generated when the store was opened now, so that the operator can be told to keep it safe.
    pub fn generated_key(&self) -> Option<&Path> {
        self.generated_key.as_deref()
    }

    /// Every account that can be used, and what is wrong with the others.
    ///
    /// # Errors
    /// As of every method of [`Store`].
    pub async fn accounts_and_damage(&self) -> Result<(Vec<Account>, Vec<Damage>), StoreError> {
        self.reader.ask(directory::accounts).await
    }

    /// Adds or replaces many accounts, whatever stands there: all of them, or none if there is an error. For whoever fills a
    /// store that nobody else uses.
    ///
    /// # Errors
    /// As of every method of [`Store`].
    pub async fn put_accounts(&self, accounts: &[Account]) -> Result<(), StoreError> {
        let accounts = accounts.to_vec();
        let put = move |database: &Database| {
            accounts.iter().try_for_each(|account| directory::write_account(database, account))?;
            directory::accounts_changed(database)
        };
        self.writer.ask(put).await
    }

    /// A number that grows with every change of an account, whichever process makes it: a cheap way to see whether the
    /// accounts are worth reading again.
    ///
    /// # Errors
    /// As of every method of [`Store`].
    pub async fn accounts_revision(&self) -> Result<i64, StoreError> {
        self.reader.ask(directory::accounts_revision).await
    }

    /// Seals everything anew with another master key, in one step: after a crash either the old or the new key opens the
    /// store. Consumes the store; open it again with the new key. How many values were sealed.
    ///
    /// A key that came from a file is replaced in that file too. One that was given is for the caller to replace, who
    /// should have kept the new one safe before this call.
    ///
    /// # Errors
    /// Another process has the store open; a secret or token cannot be opened; or as of every method of [`Store`].
    /// Nothing was changed then, unless the error says that the new key waits beside its file.
    pub async fn rekey(self, new: &MasterKey) -> Result<usize, StoreError> {
        let file = self.key.file(&self.path);
        let (new, staged) = (new.clone(), file.clone());
        let sealed =
            self.writer.ask(move |database| open::rekey(database, &new, staged.as_deref())).await?;
        if let Some(file) = file {
            crate::keys::promote(&file)?;
        }
        self.close().await;
        Ok(sealed)
    }

    /// Copies a store's file as it is at one moment, while processes use it; none of them has to wait. What is sealed stays
    /// so, and the master key is not in it. Another path must be free; the copy is there when it is whole and durable.
    ///
    /// # Errors
    /// There is no such store, or the copy cannot be written. Then there is none.
    pub async fn snapshot(from: &Path, to: &Path) -> Result<(), StoreError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        blocking(move || backup::snapshot(&from, &to)).await
    }

    /// Puts the file `new` in the place of the store `path`, which no process may be using. The former file is kept: its name
    /// is answered, with `suffix` behind it.
    ///
    /// # Errors
    /// A process uses the store, or files cannot be renamed.
    pub async fn replace(
        path: &Path,
        new: &Path,
        suffix: &str,
    ) -> Result<Option<PathBuf>, StoreError> {
        let (path, new, suffix) = (path.to_owned(), new.to_owned(), suffix.to_owned());
        let replace = move || {
            if backup::is_used(&path) {
                let message = format!(
                    "a process uses the store {}. Stop it first (`lingpai serve`); nothing was changed",
                    path.display()
                );
                let chinese = format!(
                    "有进程正在使用存储 {}。请先停止它（`lingpai serve`）；没有做任何修改",
                    path.display()
                );
                let error = StoreError::new(StoreErrorKind::Unavailable, message);
                return Err(error.in_chinese(chinese));
            }
            backup::put_in_place(&new, &path, &suffix).map_err(|error| {
                let message = format!(
                    "the store {} cannot be replaced. Give this process the right to write to its folder",
                    path.display()
                );
                let chinese =
                    format!("无法替换存储 {}。请让本进程可以写入它所在的目录", path.display());
                StoreError::new(StoreErrorKind::Unavailable, message)
                    .in_chinese(chinese)
                    .caused_by(error)
            })
        };
        blocking(replace).await
    }

    /// Finishes what was asked before, moves the log into the file, and lets go of it. Later calls are errors.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// Does something that takes its time with files.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        let message = "work on the store was broken off, since the program is ending";
        StoreError::new(StoreErrorKind::Unavailable, message).caused_by(error)
    })?
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        self.reader.ask(credentials::load).await
    }

    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError> {
        let credential = credential.clone();
        self.reader.ask(move |database| credentials::read(database, &credential)).await
    }

    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError> {
        self.writer.ask(move |database| credentials::begin(database, &claim)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.writer.ask(move |database| credentials::commit(database, &commit)).await
    }

    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError> {
        let (lease, failure) = (lease.clone(), failure.clone());
        self.writer.ask(move |database| credentials::abandon(database, &lease, &failure)).await
    }

    async fn count(
        &self,
        account: &AccountId,
        day: Day,
        entry: Entry,
        times: u32,
    ) -> Result<(), StoreError> {
        let account = account.clone();
        let count = move |database: &Database| {
            stream::add_to_ledger(database, &account, day, &entry, times)
        };
        self.writer.ask(count).await
    }

    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError> {
        let account = account.clone();
        self.reader.ask(move |database| stream::ledger(database, &account, day)).await
    }

    async fn append(&self, series: Series, lines: &[Line]) -> Result<(), StoreError> {
        let lines = lines.to_vec();
        self.writer.ask(move |database| stream::append(database, series, &lines)).await
    }

    async fn page(
        &self,
        series: Series,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Told<Line>>, StoreError> {
        let account = account.cloned();
        let read = move |database: &Database| {
            stream::page(database, series, account.as_ref(), page, limit)
        };
        self.reader.ask(read).await
    }
}

#[async_trait]
impl Directory for SqliteStore {
    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.accounts_and_damage().await?.0)
    }

    async fn account(&self, account: &AccountId) -> Result<Option<Account>, StoreError> {
        let account = account.clone();
        let find = move |database: &Database| directory::accounts_of_name(database, &account);
        let (found, damage) = self.reader.ask(find).await?;
        refuse_damage(&damage)?;
        Ok(found.into_iter().next())
    }

    async fn put_account(
        &self,
        account: &Account,
        before: Option<&Account>,
    ) -> Result<(), StoreError> {
        let (account, before) = (account.clone(), before.cloned());
        let put = move |database: &Database| {
            directory::put_account(database, &account, before.as_ref())?;
            directory::accounts_changed(database)
        };
        self.writer.ask(put).await
    }

    async fn remove_account(&self, account: &AccountId) -> Result<bool, StoreError> {
        let account = account.clone();
        let remove = move |database: &Database| {
            let was_there = directory::remove_account(database, &account)?;
            directory::accounts_changed(database)?;
            Ok(was_there)
        };
        self.writer.ask(remove).await
    }

    async fn remove_as_read(&self, account: &Account) -> Result<bool, StoreError> {
        let account = account.clone();
        let remove = move |database: &Database| {
            let was_there = directory::remove_as_read(database, &account)?;
            directory::accounts_changed(database)?;
            Ok(was_there)
        };
        self.writer.ask(remove).await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.reader.ask(directory::keys).await
    }

    fn damage(&self) -> Vec<Damage> {
        self.damaged.all()
    }

    async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let key = key.clone();
        self.writer.ask(move |database| directory::put_key(database, &key)).await
    }

    async fn first_use(&self, key: &str, at: Timestamp) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.writer.ask(move |database| directory::first_use(database, &key, at)).await
    }
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn put_parcel_within(&self, parcel: &Parcel, most: usize) -> Result<Put, StoreError> {
        let parcel = parcel.clone();
        self.writer.ask(move |database| outbox::put(database, &parcel, most)).await
    }

    async fn take_due(&self, now: Timestamp, until: Timestamp) -> Result<Vec<Parcel>, StoreError> {
        if !self.reader.ask(move |database| outbox::is_any_due(database, now)).await? {
            return Ok(Vec::new());
        }
        self.writer.ask(move |database| outbox::take_due(database, now, until)).await
    }

    async fn set_delivery(
        &self,
        account: &AccountId,
        id: &str,
        delivery: &Delivery,
    ) -> Result<bool, StoreError> {
        let (account, id, delivery) = (account.clone(), id.to_owned(), delivery.clone());
        let set =
            move |database: &Database| outbox::set_delivery(database, &account, &id, &delivery);
        self.writer.ask(set).await
    }

    async fn remove_parcel(&self, account: &AccountId, id: &str) -> Result<bool, StoreError> {
        let (account, id) = (account.clone(), id.to_owned());
        self.writer.ask(move |database| outbox::remove(database, &account, &id)).await
    }

    async fn parcels(&self, account: &AccountId, limit: usize) -> Result<Vec<Parcel>, StoreError> {
        let account = account.clone();
        self.reader.ask(move |database| outbox::parcels(database, &account, limit)).await
    }
}

/// One connection and what its work needs.
struct Database {
    connection: Connection,
    path: Arc<Path>,
    sealer: Arc<Sealer>,
    node: Arc<Node>,
    bounds: Journals,
    purpose: Use,
    damaged: Arc<Damaged>,
}

impl Database {
    /// Moves the log into the file. A failure is left to the next attempt: nothing is lost.
    fn checkpoint(&self, mode: &str) {
        let checkpoint = format!("PRAGMA wal_checkpoint({mode})");
        if let Err(error) = self.connection.query_row(&checkpoint, [], |_| Ok(())) {
            tracing::debug!(%error, "the log of the store stays as long as it is");
        }
    }

    fn close(self) {
        if self.purpose == Use::Writing {
            if let Err(error) = self.node.leave(&self.connection) {
                tracing::debug!(%error, "the node's slot is not given back");
            }
            self.checkpoint("TRUNCATE");
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::debug!(%error, "the store's connection does not close");
        }
    }
}

/// The error for a sealed value that does not open where it is needed.
fn sealed_shut(place: Place<'_>, why: Unopened, advice: &str) -> StoreError {
    let Place { table, record, column } = place;
    StoreError::new(
        StoreErrorKind::Sealed,
        format!("the {column} of {record} in the table {table} cannot be opened: {why}. {advice}"),
    )
}
