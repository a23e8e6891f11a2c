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
        let chinese = format!(
            "表 {table} 中的记录 {record} 已损坏：{what}。请从备份恢复存储，或删除这条记录"
        );
        StoreError::new(StoreErrorKind::Corrupt, message).in_chinese(chinese).into()
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
    let (kind, what, chinese) = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            StoreErrorKind::Unavailable,
            "is locked by another program for longer than we wait. Close what else has it open (a \
             backup, a database browser, a `sqlite3` shell); it is tried again",
            "被其他程序锁定，等待超时。请关闭其他打开它的程序（备份、数据库浏览器、`sqlite3`）；Lingpai 会重试",
        ),
        Some(ErrorCode::DiskFull) => (
            StoreErrorKind::Full,
            "cannot grow: the disk, the quota or the store's size limit is full. Make room; what is \
             stored stays readable and writing goes on by itself",
            "无法增长：磁盘、配额或存储的大小上限已满。请腾出空间；已保存的内容仍可读取，写入会自行恢复",
        ),
        Some(ErrorCode::ReadOnly) => (
            StoreErrorKind::ReadOnly,
            "can only be read. Give this process the right to write to the file and its directory, \
             and check that the file system is not mounted read-only",
            "只能读取。请让本进程有权写入该文件及其目录，并检查文件系统是否以只读方式挂载",
        ),
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => (
            StoreErrorKind::Unavailable,
            "may not be accessed. Give this process the right to read and write the file and its \
             directory",
            "不允许访问。请让本进程有权读写该文件及其目录",
        ),
        Some(ErrorCode::CannotOpen) => (
            StoreErrorKind::Unavailable,
            "cannot be opened. Check that its directory exists and that this process may create \
             files in it (SQLite keeps `-wal` and `-shm` files beside it)",
            "无法打开。请检查目录是否存在，以及本进程能否在其中创建文件（SQLite 会在旁边保存 `-wal` 与 `-shm` 文件）",
        ),
        Some(ErrorCode::NotADatabase) => (
            StoreErrorKind::Corrupt,
            "is not a Lingpai store: the file is no SQLite database. Check the path; if it is the \
             right file, it was overwritten: restore it from a backup",
            "不是 Lingpai 的存储：该文件不是 SQLite 数据库。请检查路径；如果路径正确，说明文件被覆盖，请从备份恢复",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            StoreErrorKind::Corrupt,
            "is damaged: the file was cut or overwritten. Stop Lingpai, keep a copy of the file, and \
             restore it from a backup (`sqlite3 FILE .recover` may save some of it)",
            "已损坏：文件被截断或覆盖。请停止 Lingpai，保留该文件的副本，并从备份恢复（`sqlite3 文件 .recover` 也许能救回一部分）",
        ),
        Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => (
            StoreErrorKind::Unavailable,
            "cannot be read or written: the disk is failing, full, over a limit, or a network disk. \
             See the system's log; a store belongs on a local disk",
            "无法读写：磁盘出现故障、已满、超出限制，或是网络磁盘。请查看系统日志；存储应放在本地磁盘上",
        ),
        Some(ErrorCode::TooBig) => (
            StoreErrorKind::Invalid,
            "was given a value that is too long to be stored",
            "收到的值过长，无法保存",
        ),
        Some(_) => (
            StoreErrorKind::Unavailable,
            "could not do what was asked. This may be an error in the program; please report it",
            "无法完成操作。这可能是程序的错误，请报告",
        ),
        // Not SQLite's: a value of another type than the schema has.
        None => (
            StoreErrorKind::Corrupt,
            "holds a value that makes no sense. It was changed by another program: restore it from a \
             backup",
            "含有无意义的值，可能被其他程序修改过：请从备份恢复",
        ),
    };
    StoreError::new(kind, format!("the store {} {what}", store.display()))
        .in_chinese(format!("存储 {} {chinese}", store.display()))
        .caused_by(error)
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
            let chinese = error.chinese().unwrap();
            assert!(
                chinese.starts_with("存储 data/lingpai.db ") && chinese.contains("。"),
                "{chinese}"
            );
        }
    }
}
