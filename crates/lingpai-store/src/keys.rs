//! The master key, and the places it can come from.
//!
//! A key file holds 64 hexadecimal digits and is created whole or not at all: written under another name, flushed, then
//! linked. A new key waits in `<file>.new` while a store is re-keyed, so that after a crash the one that fits is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use lingpai_core::{StoreError, StoreErrorKind};
use zeroize::Zeroizing;

/// The name of a generated key file, in the directory of the store.
const GENERATED: &str = "lingpai.key";

/// The 32 bytes that seal secrets and tokens. They are wiped when dropped and never printed.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Reads a key from text: 64 hexadecimal digits, or the base64 of 32 bytes in either alphabet, padded or not.
    /// Blanks around it are ignored. `openssl rand -hex 32` prints one.
    ///
    /// # Errors
    /// [`StoreErrorKind::Invalid`] if the text is no such key. The error does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        let key = if text.len() == 64 { from_hex(text) } else { from_base64(text) };
        key.map(Self).ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::Invalid,
                "the master key is not 32 bytes, written as 64 hexadecimal digits or in base64. \
                 Make one with `openssl rand -hex 32`",
            )
            .in_chinese(
                "主密钥不是 32 字节（64 位十六进制或 base64）。可用 `openssl rand -hex 32` 生成",
            )
        })
    }

    /// A new key.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unavailable`] if the operating system gives no random bytes.
    pub fn random() -> Result<Self, StoreError> {
        random().map(Zeroizing::new).map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn to_hex(&self) -> Zeroizing<String> {
        // Sized before it is filled, so that no copy is left behind by growing.
        let mut hex = Zeroizing::new(String::with_capacity(64));
        for byte in self.0.iter() {
            for nibble in [byte >> 4, byte & 15] {
                hex.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
            }
        }
        hex
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Where the master key of a store comes from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// The caller has it, from an environment variable or a key service.
    Given {
        /// The key.
        key: MasterKey,
        /// What errors call its origin, e.g. `LINGPAI_MASTER_KEY`.
        from: String,
    },
    /// A file, which must exist.
    File(PathBuf),
    /// The file `lingpai.key` in the directory of the store. It is generated, readable by its owner only, when it is
    /// missing and the store is new: never for a store that was sealed already.
    Beside,
}

impl KeySource {
    /// Where the key is kept, if it is kept in a file.
    pub(crate) fn file(&self, store: &Path) -> Option<PathBuf> {
        match self {
            Self::Given { .. } => None,
            Self::File(path) => Some(path.clone()),
            Self::Beside => Some(store.with_file_name(GENERATED)),
        }
    }

    /// What errors call it in Chinese.
    pub(crate) fn chinese_name(&self, store: &Path) -> String {
        match (self, self.file(store)) {
            (Self::Given { from, .. }, _) => from.clone(),
            (_, file) => format!("密钥文件 {}", file.unwrap_or_default().display()),
        }
    }

    /// What errors call it.
    pub(crate) fn name(&self, store: &Path) -> String {
        match self {
            Self::Given { from, .. } => from.clone(),
            Self::File(path) => format!("the key file {}", path.display()),
            Self::Beside => {
                format!("the key file {}", store.with_file_name(GENERATED).display())
            }
        }
    }
}

/// Reads a key file, and warns if others than its owner can.
pub(crate) fn read(path: &Path) -> Result<Option<MasterKey>, StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(file_trouble(path, "read", "Check its owner and permissions", error));
        }
    };
    warn_if_others_can_read(path);
    let key = MasterKey::parse(&text).map_err(|error| {
        let message = format!(
            "the key file {} holds no key: {error}. Put the right file back, from a backup if need be",
            path.display()
        );
        let chinese = format!(
            "密钥文件 {} 中没有密钥：{}。请放回正确的文件，必要时从备份恢复",
            path.display(),
            error.chinese().unwrap_or_default()
        );
        StoreError::new(StoreErrorKind::Invalid, message).in_chinese(chinese)
    })?;
    Ok(Some(key))
}

/// Creates a key file that must not exist yet.
pub(crate) fn create(path: &Path, key: &MasterKey) -> Result<(), StoreError> {
    let create = || {
        let draft = write_draft(path, key)?;
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft)?;
        linked?;
        flush_directory(path)
    };
    let advice = "Make its directory writable, or give a key of your own (LINGPAI_MASTER_KEY)";
    create().map_err(|error| file_trouble(path, "created", advice, error))
}

/// Puts the key that a store is about to be sealed with where [`staged`] finds it.
pub(crate) fn stage(path: &Path, key: &MasterKey) -> Result<(), StoreError> {
    let staged = staging(path);
    let stage = || {
        fs::rename(write_draft(path, key)?, &staged)?;
        flush_directory(path)
    };
    stage().map_err(|error| file_trouble(&staged, "written", "Make its directory writable", error))
}

/// The key of a re-keying that may have ended before its key file was replaced.
pub(crate) fn staged(path: &Path) -> Result<Option<MasterKey>, StoreError> {
    read(&staging(path))
}

/// Makes the staged key the key.
pub(crate) fn promote(path: &Path) -> Result<(), StoreError> {
    let staged = staging(path);
    let promote = || match fs::rename(&staged, path) {
        // Another process that opened the store in this moment has done it.
        Err(error) if error.kind() == ErrorKind::NotFound && path.exists() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => flush_directory(path),
    };
    promote().map_err(|error| {
        let advice = format!("The store's key is in it: rename it to {}", path.display());
        file_trouble(&staged, "renamed", &advice, error)
    })
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = "the operating system gives no random bytes, without which nothing can be \
                       sealed. Check that /dev/urandom or getrandom(2) can be used here";
        StoreError::new(StoreErrorKind::Unavailable, message)
            .in_chinese(
                "操作系统不提供随机数，无法加密。请检查这里能否使用 /dev/urandom 或 getrandom(2)",
            )
            .caused_by(error)
    })?;
    Ok(bytes)
}

fn staging(path: &Path) -> PathBuf {
    suffixed(path, ".new")
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn write_draft(path: &Path, key: &MasterKey) -> io::Result<PathBuf> {
    let draft = suffixed(path, &format!(".{}.tmp", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(key.to_hex().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    Ok(draft)
}

/// Makes names that were created or changed survive a power loss.
fn flush_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn warn_if_others_can_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
        let path = path.display();
        tracing::warn!(
            "others than its owner can read the key file {path}: run `chmod 600 {path}`"
        );
    }
}

#[cfg(not(unix))]
fn warn_if_others_can_read(_: &Path) {}

fn file_trouble(path: &Path, done: &str, advice: &str, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
        _ => StoreErrorKind::Unavailable,
    };
    let message = format!("the key file {} cannot be {done}. {advice}", path.display());
    let chinese = format!("无法读写密钥文件 {}。请检查它与所在目录的所有者和权限", path.display());
    StoreError::new(kind, message).in_chinese(chinese).caused_by(error)
}

fn from_hex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(key)
}

fn from_base64(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE].iter().find_map(|alphabet| {
        let decoded = GeneralPurpose::new(alphabet, config).decode(text).ok();
        let decoded = Zeroizing::new(decoded?);
        decoded.as_slice().try_into().ok().map(Zeroizing::new)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_hex_and_from_either_base64() {
        let key = MasterKey(Zeroizing::new([0xfb; 32]));
        let plain = "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=";
        let url_safe = plain.replace('+', "-").replace('/', "_");
        for text in ["fb".repeat(32), "FB".repeat(32), plain.into(), url_safe.replace('=', "")] {
            assert_eq!(MasterKey::parse(&format!(" {text}\n")).unwrap().0, key.0, "{text}");
        }
        assert_eq!(key.to_hex().as_str(), "fb".repeat(32));
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for text in ["", "hunter2", &"g".repeat(64), &"é".repeat(32), "aGVsbG8="] {
            let error = MasterKey::parse(text).unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
            assert!(error.contains("openssl rand -hex 32"));
        }
    }

    #[test]
    fn a_key_does_not_print_itself() {
        let key = MasterKey::parse(&"fb".repeat(32)).unwrap();
        let source = KeySource::Given { key, from: "LINGPAI_MASTER_KEY".into() };
        assert_eq!(format!("{source:?}"), r#"Given { key: ***, from: "LINGPAI_MASTER_KEY" }"#);
    }

    #[test]
    fn a_key_file_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lingpai.key");
        let first = MasterKey::random().unwrap();
        create(&path, &first).unwrap();
        assert!(create(&path, &MasterKey::random().unwrap()).is_err());
        assert_eq!(read(&path).unwrap().unwrap().0, first.0);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "a draft was left behind");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_a_key_file() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lingpai.key");
        create(&path, &MasterKey::random().unwrap()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
