//! Where a configuration is read from, and whether that still says the same.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Config, DEFAULT_FILE, Environment};
use crate::error::Error;

/// What the command line says of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    file: Option<PathBuf>,
    listen: Option<SocketAddr>,
}

impl Source {
    /// The file (`lingpai.toml` if none is named; that one may be missing), and `--listen`.
    pub(crate) fn new(file: Option<PathBuf>, listen: Option<SocketAddr>) -> Self {
        Self { file, listen }
    }

    /// The file that is read.
    pub(crate) fn path(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE))
    }

    /// Reads the configuration.
    pub(crate) fn load(&self, environment: Environment<'_>) -> Result<Config, Error> {
        self.read(environment).0
    }

    /// Reads the configuration, and tells which files it took for that, whatever came of it.
    pub(crate) fn read(&self, environment: Environment<'_>) -> (Result<Config, Error>, Files) {
        let mut files = Files::default();
        let config = self.read_with(environment, &mut files);
        (config, files)
    }

    fn read_with(&self, environment: Environment<'_>, files: &mut Files) -> Result<Config, Error> {
        let path = self.path();
        let text = match files.read(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound && self.file.is_none() => None,
            Err(source) => return Err(Error::ConfigFile { path: path.to_owned(), source }),
        };
        let name = path.display().to_string();
        let base = path.parent().unwrap_or(Path::new(""));
        let written = text.as_deref().unwrap_or("");
        let mut config = Config::parse(written, &name, base, self.listen, environment, files)?;
        config.file = text.is_some().then(|| path.to_owned());
        Ok(config)
    }
}

/// Files that were read, and what was in them. Contents are compared, since times and inodes say little: a mounted
/// Kubernetes secret changes by a symbolic link two directories above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files(BTreeMap<PathBuf, Content>);

/// What was in a file. Only a hash, since it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Hash(u64),
    Unreadable(ErrorKind),
}

impl Files {
    /// Reads a file, and takes note of what is in it.
    pub(crate) fn read(&mut self, path: &Path) -> io::Result<String> {
        let text = fs::read_to_string(path);
        self.0.insert(path.to_owned(), Content::of(&text));
        text
    }

    /// The same files as they are now.
    pub(crate) fn now(&self) -> Self {
        let look = |path: &PathBuf| (path.clone(), Content::of(&fs::read_to_string(path)));
        Self(self.0.keys().map(look).collect())
    }
}

impl Content {
    fn of(text: &io::Result<String>) -> Self {
        match text {
            Ok(text) => {
                let mut hasher = DefaultHasher::new();
                text.hash(&mut hasher);
                Self::Hash(hasher.finish())
            }
            Err(error) => Self::Unreadable(error.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_configuration_was_made_of_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lingpai.toml");
        fs::write(&path, "[[account]]\nid = \"wx1\"\nsecret = { file = \"one\" }\n").unwrap();
        let source = Source::new(Some(path), None);
        let (config, missing) = source.read(&|_| None);
        assert!(config.is_err(), "its secret is not there");
        fs::write(folder.path().join("one"), "8f5c0de").unwrap();
        assert_ne!(missing.now(), missing);
        let (config, files) = source.read(&|_| None);
        assert_eq!(config.unwrap().accounts.len(), 1);
        assert_eq!(files.now(), files);
        fs::write(folder.path().join("one"), "9f5c0de").unwrap();
        assert_ne!(files.now(), files);
    }

    #[cfg(unix)]
    #[test]
    fn a_swapped_link_is_a_change_and_a_file_written_anew_with_the_same_text_is_none() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("v1", "# one"), ("v2", "# one"), ("v3", "# three")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("lingpai.toml"), text).unwrap();
        }
        let swap = |version: &str| {
            symlink(version, at("new")).unwrap();
            fs::rename(at("new"), at("data")).unwrap();
        };
        swap("v1");
        symlink("data/lingpai.toml", at("lingpai.toml")).unwrap();
        let (_, files) = Source::new(Some(at("lingpai.toml")), None).read(&|_| None);
        swap("v2");
        assert_eq!(files.now(), files);
        swap("v3");
        assert_ne!(files.now(), files);
    }

    #[test]
    fn the_default_file_may_be_missing_and_is_watched_all_the_same() {
        let (config, files) = Source::new(None, None).read(&|_| None);
        assert!(config.unwrap().file.is_none());
        assert_eq!(files.0.len(), 1);
    }
}
