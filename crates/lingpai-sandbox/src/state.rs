//! The file in which a server keeps its world, and the wall clock that this takes.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Error, Settings, World};

/// The file of [`Settings::state`].
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// The revision of the world that is in it.
    pub(crate) revision: u64,
}

impl StateFile {
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), revision: 0 }
    }

    /// The world of the file, or a new one if there is no file yet.
    pub(crate) fn restore(&self, settings: Settings) -> Result<World, Error> {
        let snapshot = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return World::new(settings),
            Err(source) => return Err(self.trouble(source)),
        };
        // What is not UTF-8 becomes no JSON, and is reported as that.
        let snapshot = String::from_utf8_lossy(&snapshot);
        World::restore(settings, wall(), &snapshot).map_err(|error| match error {
            Error::BadSnapshot { problem } => {
                Error::DamagedState { path: self.path.clone(), problem }
            }
            other => other,
        })
    }

    /// Replaces the file as a whole: whoever is killed meanwhile leaves the old one or the new one.
    pub(crate) fn write(&mut self, snapshot: &str, revision: u64) -> Result<(), Error> {
        self.replace(snapshot).map_err(|source| self.trouble(source))?;
        self.revision = revision;
        Ok(())
    }

    fn replace(&self, snapshot: &str) -> io::Result<()> {
        let mut draft = self.path.as_os_str().to_owned();
        draft.push(".new");
        // One that is left over may be open to others, so it is not written into.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(snapshot.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)
    }

    fn trouble(&self, source: io::Error) -> Error {
        Error::StateFile { path: self.path.clone(), source }
    }
}

/// The wall time since the Unix epoch.
///
/// The sandbox reads the wall clock nowhere else: to start at the present, and to know how long
/// nobody was there.
#[expect(clippy::disallowed_methods, reason = "the sandbox's seam; it cannot use lingpai_core's")]
pub(crate) fn wall() -> Duration {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default()
}
