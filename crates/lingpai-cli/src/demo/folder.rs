//! The folder `lingpai-demo`: what outlives a run of the demo.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use lingpai_core::client::{Accounts, KeyHash, Right};
use lingpai_core::{Directory, Secret, Timestamp};
use lingpai_store::{Journals, KeySource};

use crate::commands::key;
use crate::config::StoreAt;
use crate::error::{Deed, Error};
use crate::language::{either, say};

const FOLDER: &str = "lingpai-demo";

/// The folder, locked: two demos in one would spoil each other's files.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// The key that the demo's client and its `curl` lines use.
pub(super) struct DemoKey {
    pub(super) key: Secret,
    pub(super) file: PathBuf,
    /// Made in this run.
    pub(super) is_new: bool,
}

impl Folder {
    /// Opens the folder in the current directory, or makes it.
    pub(super) fn open() -> Result<Self, Error> {
        let path = PathBuf::from(FOLDER);
        let advice = either(
            "The demo keeps its data there: run it where you may write",
            "演示的数据放在那里：请在可写的目录中运行",
        );
        let trouble = |source| Error::File { path: path.clone(), deed: Deed::Use, advice, source };
        fs::create_dir_all(&path).map_err(trouble)?;
        let lock = File::create(path.join("lock")).map_err(trouble)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::Error(source)) => Err(trouble(source)),
            Err(TryLockError::WouldBlock) => Err(Error::said(say!(
                "another demo runs with the folder {FOLDER}. End it, or start this one in another directory",
                "另一个演示正在使用目录 {FOLDER}。请先结束它，或换个目录启动"
            ))),
        }
    }

    /// Where the sandbox keeps its world.
    pub(super) fn sandbox(&self) -> PathBuf {
        self.path.join("sandbox.json")
    }

    /// The store.
    pub(super) fn store(&self) -> StoreAt {
        StoreAt::Sqlite {
            path: self.path.join("lingpai.db"),
            key: KeySource::Beside,
            journals: Journals::default(),
        }
    }

    /// The API key of the last run if the store still takes it, or a new one.
    pub(super) async fn key(
        &self,
        directory: &dyn Directory,
        now: Timestamp,
    ) -> Result<DemoKey, Error> {
        let file = self.path.join("demo.key");
        if let Ok(text) = fs::read_to_string(&file) {
            let key = Secret::from(text.trim());
            let hash = KeyHash::of(key.expose());
            let is_good = |known: &lingpai_core::client::ApiKey| {
                known.hash == hash && known.revoked_at.is_none()
            };
            if directory.keys().await?.iter().any(is_good) {
                return Ok(DemoKey { key, file, is_new: false });
            }
        }
        let new = key::make("the demo", [Right::Admin].into(), Accounts::All, now)?;
        directory.put_key(&new.record).await?;
        let advice = either(
            "The demo keeps its API key there: run it where you may write",
            "演示的 API 密钥放在那里：请在可写的目录中运行",
        );
        write_private(&file, new.key.expose()).map_err(|source| Error::File {
            path: file.clone(),
            deed: Deed::Write,
            advice,
            source,
        })?;
        Ok(DemoKey { key: new.key, file, is_new: true })
    }
}

/// Writes a file that only its owner can read, from its first byte on.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")
}
