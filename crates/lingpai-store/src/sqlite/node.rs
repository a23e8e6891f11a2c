//! Which processes have the store open, and which of them are dead.
//!
//! Each takes a slot: it locks `<store>.node-<slot>.lock` and writes a random incarnation into the table `nodes`. The
//! operating system releases the lock when the process ends, however it ends. So a lease is a dead one's if its slot is
//! another incarnation's, or nobody's, or can be locked by us.
//!
//! Slots are taken, probed and given back under the write lock of the database, so no two processes do it at once.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use lingpai_core::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OptionalExtension};

use super::trouble::Trouble;
use crate::keys::random;
use crate::rules::Process;

/// More processes than this on one file are a mistake in a script.
const MOST_SLOTS: i64 = 1000;

/// Our own place among the processes that have the store open.
#[derive(Debug)]
pub(super) struct Node {
    store: PathBuf,
    process: Process,
    /// Locked until this is dropped, or the process ends.
    _lock: File,
}

impl Node {
    /// Takes the first free slot. Within a write transaction.
    pub(super) fn enter(connection: &Connection, store: &Path) -> Result<Self, Trouble> {
        let incarnation = format!("{:016x}", u64::from_ne_bytes(random()?));
        for slot in 0..MOST_SLOTS {
            let path = lock_file(store, slot);
            let locked = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(TryLockError::Error)
                .and_then(|file| file.try_lock().map(|()| file));
            let lock = match locked {
                Ok(file) => file,
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(unlockable(&path, error).into()),
            };
            connection.execute(
                "INSERT INTO nodes (slot, incarnation) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET incarnation = excluded.incarnation",
                (slot, &incarnation),
            )?;
            let process = Process { slot, incarnation };
            return Ok(Self { store: store.to_owned(), process, _lock: lock });
        }
        Err(StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "{MOST_SLOTS} processes have the store {} open. Stop those that are not needed",
                store.display()
            ),
        )
        .in_chinese(format!(
            "已有 {MOST_SLOTS} 个进程打开存储 {}。请停止不需要的进程",
            store.display()
        ))
        .into())
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// Whether a process is known to have ended. In doubt it has not. Within a write transaction.
    pub(super) fn has_ended(&self, connection: &Connection, process: &Process) -> bool {
        if *process == self.process {
            return false;
        }
        let current: rusqlite::Result<Option<String>> = connection
            .prepare_cached("SELECT incarnation FROM nodes WHERE slot = ?1")
            .and_then(|mut select| select.query_row([process.slot], |row| row.get(0)).optional());
        match current {
            Ok(Some(current)) if current == process.incarnation => self.is_free(process.slot),
            Ok(_) => true,
            Err(_) => false,
        }
    }

    /// How many other living processes have the store open. Within a write transaction.
    pub(super) fn others(&self, connection: &Connection) -> Result<usize, Trouble> {
        let mut select = connection.prepare("SELECT slot FROM nodes WHERE slot <> ?1")?;
        let slots = select.query_map([self.process.slot], |row| row.get(0))?;
        let slots: Vec<i64> = slots.collect::<Result<_, _>>()?;
        Ok(slots.into_iter().filter(|slot| !self.is_free(*slot)).count())
    }

    /// Gives the slot back. Should that fail, it is free all the same as soon as its lock is.
    pub(super) fn leave(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        connection.execute("DELETE FROM nodes WHERE slot = ?1", [self.process.slot])?;
        if let Err(error) = std::fs::remove_file(lock_file(&self.store, self.process.slot)) {
            tracing::debug!(%error, "the lock file of a node's slot stays behind");
        }
        connection.execute_batch("COMMIT")
    }

    fn is_free(&self, slot: i64) -> bool {
        match OpenOptions::new().write(true).open(lock_file(&self.store, slot)) {
            Ok(file) => file.try_lock().is_ok(),
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }
}

/// Whether any process is known to have the store open, whatever the file says.
pub(super) fn is_any_alive(store: &Path) -> bool {
    (0..MOST_SLOTS).map(|slot| lock_file(store, slot)).any(|file| {
        OpenOptions::new().write(true).open(file).is_ok_and(|file| file.try_lock().is_err())
    })
}

fn lock_file(store: &Path, slot: i64) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(format!(".node-{slot}.lock"));
    name.into()
}

fn unlockable(path: &Path, error: io::Error) -> StoreError {
    let message = format!(
        "the file {} cannot be created or locked, by which processes tell each other that they \
         live. Make its directory writable and keep the store on a local disk",
        path.display()
    );
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
        _ => StoreErrorKind::Unavailable,
    };
    let chinese = format!(
        "无法创建或锁定文件 {}，各进程靠它得知彼此是否在运行。请让它的目录可写，并把存储放在本地磁盘上",
        path.display()
    );
    StoreError::new(kind, message).in_chinese(chinese).caused_by(error)
}
