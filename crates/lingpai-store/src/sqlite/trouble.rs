//! What SQLite's errors mean to a person: what happened, why, and what to do.

use std::path::Path;

use lingpai_core::{StoreError, StoreErrorKind};
use rusqlite::{Error, ErrorCode};

/// An error of a job: SQLite's, to be explained, or one of ours.
#[derive(Debug)]
pub(super) enum Trouble {
    Sql(Error),
    Store(StoreError),
}

impl Trouble {
    /// The error for the caller.
    pub(super) fn explain(self, store: &Path) -> StoreError {
        match self {
            Self::Sql(error) => explain(error, store),
            Self::Store(error) => error,
        }
    }

    /// Something that is stored and makes no sense.
    pub(super) fn damaged(table: &str, record: &str, what: impl std::fmt::Display) -> Self {
        let message = format!(
            "the record {record} in the table {table} is damaged: {what}. Restore the store from a \
             backup, or remove this record"
        );
        StoreError::new(StoreErrorKind::Corrupt, message).into()
    }

    /// Something that cannot be written down.
    pub(super) fn unfit(what: &str) -> Self {
        StoreError::new(StoreErrorKind::Invalid, format!("{what} cannot be stored")).into()
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn explain(error: Error, store: &Path) -> StoreError {
    let code = error.sqlite_error_code();
    let (kind, what) = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            StoreErrorKind::Unavailable,
            "is locked by another program for longer than we wait. Close what else has it open (a \
             backup, a database browser, a `sqlite3` shell); it is tried again",
        ),
        Some(ErrorCode::DiskFull) => (
            StoreErrorKind::Full,
            "cannot grow: the disk, the quota or the store's size limit is full. Make room; what is \
             stored stays readable and writing goes on by itself",
        ),
        Some(ErrorCode::ReadOnly) => (
            StoreErrorKind::ReadOnly,
            "can only be read. Give this process the right to write to the file and its directory, \
             and check that the file system is not mounted read-only",
        ),
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => (
            StoreErrorKind::Unavailable,
            "may not be accessed. Give this process the right to read and write the file and its \
             directory",
        ),
        Some(ErrorCode::CannotOpen) => (
            StoreErrorKind::Unavailable,
            "cannot be opened. Check that its directory exists and that this process may create \
             files in it (SQLite keeps `-wal` and `-shm` files beside it)",
        ),
        Some(ErrorCode::NotADatabase) => (
            StoreErrorKind::Corrupt,
            "is not a Lingpai store: the file is no SQLite database. Check the path; if it is the \
             right file, it was overwritten: restore it from a backup",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            StoreErrorKind::Corrupt,
            "is damaged: the file was cut or overwritten. Stop Lingpai, keep a copy of the file, and \
             restore it from a backup (`sqlite3 FILE .recover` may save some of it)",
        ),
        Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => (
            StoreErrorKind::Unavailable,
            "cannot be read or written: the disk is failing, full, over a limit, or a network disk. \
             See the system's log; a store belongs on a local disk",
        ),
        Some(ErrorCode::TooBig) => {
            (StoreErrorKind::Invalid, "was given a value that is too long to be stored")
        }
        Some(_) => (
            StoreErrorKind::Unavailable,
            "could not do what was asked. This may be an error in the program; please report it",
        ),
        // Not SQLite's: a value of another type than the schema has.
        None => (
            StoreErrorKind::Corrupt,
            "holds a value that makes no sense. It was changed by another program: restore it from a \
             backup",
        ),
    };
    StoreError::new(kind, format!("the store {} {what}", store.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn every_error_names_the_file_and_says_what_to_do() {
        let codes = [
            (ffi::SQLITE_BUSY, StoreErrorKind::Unavailable, "Close what else has it open"),
            (ffi::SQLITE_FULL, StoreErrorKind::Full, "Make room"),
            (ffi::SQLITE_READONLY, StoreErrorKind::ReadOnly, "right to write"),
            (ffi::SQLITE_PERM, StoreErrorKind::Unavailable, "right to read and write"),
            (ffi::SQLITE_CANTOPEN, StoreErrorKind::Unavailable, "directory exists"),
            (ffi::SQLITE_NOTADB, StoreErrorKind::Corrupt, "Check the path"),
            (ffi::SQLITE_CORRUPT, StoreErrorKind::Corrupt, "restore it from a backup"),
            (ffi::SQLITE_IOERR_WRITE, StoreErrorKind::Unavailable, "system's log"),
        ];
        for (code, kind, advice) in codes {
            let error = Error::SqliteFailure(ffi::Error::new(code), None);
            let error = Trouble::from(error).explain(Path::new("data/lingpai.db"));
            assert_eq!(error.kind, kind);
            assert!(error.to_string().contains("data/lingpai.db"), "{error}");
            assert!(error.to_string().contains(advice), "{error}");
        }
    }
}
