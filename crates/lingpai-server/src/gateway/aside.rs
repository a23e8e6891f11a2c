//! Where bodies are kept aside: files without a name, within a limit on all of them together.
//!
//! A file is unlinked as soon as it is made, and readable by this user only, so nothing is left behind whatever happens to
//! the process.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tempfile::NamedTempFile;

/// The place, and how much of it is taken.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    most: u64,
    taken: AtomicU64,
    /// Whether the last body could not be kept, so that it is said once.
    failing: AtomicBool,
}

/// A file in it.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) file: Arc<File>,
    room: Room,
}

/// So many bytes of the place.
#[derive(Debug)]
struct Room {
    place: Arc<Place>,
    bytes: u64,
}

impl Place {
    pub(super) fn new(dir: &Path, most: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            most,
            taken: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        }
    }

    /// How many bytes are taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Says why a body could not be kept, the first time that one after another could not.
    pub(super) fn tell(&self, error: &io::Error) {
        if self.failing.swap(true, Ordering::Relaxed) {
            tracing::debug!(%error, "a body could not be kept aside");
        } else {
            tracing::warn!(
                %error,
                "bodies cannot be kept aside, so calls with large ones cannot be sent again. See to `gateway.spool-dir` \
                 and `gateway.spool-limit`"
            );
        }
    }

    /// A new file with room for so many bytes.
    pub(super) async fn file(self: &Arc<Self>, bytes: u64) -> io::Result<Aside> {
        let mut room = Room { place: Arc::clone(self), bytes: 0 };
        room.widen(bytes)?;
        let dir = self.dir.clone();
        let make = move || tempfile::NamedTempFile::new_in(dir).map(NamedTempFile::into_file);
        let file = tokio::task::spawn_blocking(make).await.map_err(io::Error::other)??;
        self.failing.store(false, Ordering::Relaxed);
        Ok(Aside { file: Arc::new(file), room })
    }
}

impl Aside {
    /// The place that it is in.
    pub(super) fn place(&self) -> &Place {
        &self.room.place
    }

    /// Takes room for so many bytes more.
    pub(super) fn widen(&mut self, bytes: u64) -> io::Result<()> {
        self.room.widen(bytes)
    }
}

impl Room {
    fn widen(&mut self, bytes: u64) -> io::Result<()> {
        let place = &self.place;
        let widened = place.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            taken.checked_add(bytes).filter(|sum| *sum <= place.most)
        });
        widened.map_err(|_| io::Error::new(io::ErrorKind::QuotaExceeded, "the spool is full"))?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.place.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_have_no_name_and_share_the_room() {
        let dir = tempfile::tempdir().unwrap();
        let place = Arc::new(Place::new(dir.path(), 100));
        let mut first = place.file(60).await.unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(place.file(50).await.is_err());
        first.widen(40).unwrap();
        assert!(first.widen(1).is_err());
        drop(first);
        assert_eq!(place.taken(), 0);
        assert!(place.file(100).await.is_ok());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_may_read_them() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let aside = Arc::new(Place::new(dir.path(), 1)).file(1).await.unwrap();
        let mode = aside.file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
