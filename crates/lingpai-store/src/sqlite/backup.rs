//! A whole copy of a file while it is used, and whether it is used.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lingpai_core::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags};

use super::trouble::Trouble;
use super::{node, open};

/// How long a copy waits for another program that has the file locked.
const PATIENCE: Duration = Duration::from_secs(5);

/// Copies the file as it is at one moment, with what its log holds. Nobody who uses it has to wait. The copy is there when it
/// is whole and on the disk, and not before.
pub(super) fn snapshot(from: &Path, to: &Path) -> Result<(), StoreError> {
    if to.exists() {
        return Err(StoreError::new(
            StoreErrorKind::Invalid,
            format!("{} is there already. Choose another name; nothing was changed", to.display()),
        )
        .in_chinese(format!("{} 已经存在。请换一个名字；没有做任何修改", to.display())));
    }
    replace(from, to)
}

/// The same where a copy that is there already gives way.
pub(super) fn replace(from: &Path, to: &Path) -> Result<(), StoreError> {
    let partial = beside(to, "partial");
    let copied = fill(from, &partial).and_then(|()| {
        fs::rename(&partial, to)
            .and_then(|()| flush_folder(to))
            .map_err(|error| unwritten(to, error))
    });
    if copied.is_err() {
        // Whatever the reason, the room is needed for the next attempt.
        let _ = fs::remove_file(&partial);
    }
    copied
}

fn fill(from: &Path, partial: &Path) -> Result<(), StoreError> {
    let mut create = OpenOptions::new();
    create.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut create, 0o600);
    let file = create.open(partial).map_err(|error| unwritten(partial, error))?;
    vacuum(from, partial).map_err(|trouble| trouble.explain(from))?;
    file.sync_all().map_err(|error| unwritten(partial, error))
}

fn vacuum(from: &Path, partial: &Path) -> Result<(), Trouble> {
    // Not only for reading: a log without a process needs one that can write to be read.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(from, flags)?;
    connection.busy_timeout(PATIENCE)?;
    open::refuse_foreign(&connection, from)?;
    connection.execute("VACUUM INTO ?1", [partial.to_string_lossy()])?;
    Ok(())
}

/// Whether a living process has the file open as its store.
pub(super) fn is_used(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    node::is_any_alive(&real)
}

/// Puts a file in the place of a store that nobody uses. The former one, with its log, is kept under the name that is
/// answered; none if there was none.
pub(super) fn put_in_place(new: &Path, store: &Path, suffix: &str) -> io::Result<Option<PathBuf>> {
    let former = beside(store, suffix);
    let was_there = store.exists();
    if was_there {
        fs::rename(store, &former)?;
    }
    for part in ["-wal", "-shm"] {
        let part = |path: &Path| PathBuf::from(format!("{}{part}", path.display()));
        if part(store).exists() {
            fs::rename(part(store), part(&former))?;
        }
    }
    fs::rename(new, store)?;
    flush_folder(store)?;
    Ok(was_there.then_some(former))
}

/// `lingpai.db` with something behind it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    name.into()
}

fn flush_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Only Unix lets a folder be opened; elsewhere a rename is durable by itself, or not at all.
    #[cfg(unix)]
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

fn unwritten(path: &Path, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
        _ => StoreErrorKind::Unavailable,
    };
    let message = format!(
        "{} cannot be written. Choose a folder that exists, has room, and may be written by this user",
        path.display()
    );
    StoreError::new(kind, message).caused_by(error)
}
