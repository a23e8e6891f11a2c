//! A sink that is a file: written beside, flushed and moved into its place, so that a reader sees one token or the other, whole.
//!
//! A second file beside it, `.NAME.lingpai`, says what the first one holds. It is locked while either is written, since several
//! servers of a machine may write the same file, and it is written first: after a crash between the two, whoever has an older
//! token than it names knows that.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::Secret;
use lingpai_core::mark::Mark;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Delivery, Place, Put, Shape};

/// A file that holds the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// Which. Its directory must be there.
    pub path: PathBuf,
    /// What is written into it.
    pub shape: Shape,
    /// Its permissions.
    pub mode: u32,
    /// To whom it belongs, if not to the server's user. Only root may give a file away.
    pub owner: Option<Owner>,
    /// What is run when it has changed.
    pub hook: Option<Hook>,
}

/// To whom a file belongs, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: Option<u32>,
    /// The group.
    pub group: Option<u32>,
}

/// A command that is run when the file has changed. No shell reads it, and it is given none of the server's environment but
/// `PATH`; `LINGPAI_SINK_FILE`, `LINGPAI_ACCOUNT` and `LINGPAI_GENERATION` say what has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// After what time it is ended.
    pub deadline: Duration,
}

/// What the second file says of the first.
#[derive(Debug, Serialize, Deserialize)]
struct Label {
    mark: Mark,
    /// The hash of what was written.
    written: String,
    /// Whether the hook has been run since, and ended well.
    hooked: bool,
}

/// The second file, locked as long as this lives.
struct Labelled {
    file: File,
    label: Option<Label>,
}

impl FilePlace {
    /// Writes the file, unless that is done or outdated: what came of it, and whether the hook is still to be run.
    fn write(&self, delivery: &Delivery) -> io::Result<(Put, bool)> {
        let mut labelled = Labelled::open(&self.beside("lingpai"))?;
        if let Some(label) = &labelled.label {
            if delivery.mark.is_older_than(&label.mark) {
                return Ok((Put::Newer, false));
            }
            let there = fs::read(&self.path).ok().map(Secret::new);
            let is_there = there.is_some_and(|there| hash(there.expose_bytes()) == label.written);
            if is_there && label.mark == delivery.mark {
                return Ok((Put::Kept, !label.hooked));
            }
        }
        let content = self.shape.written(delivery);
        let written = hash(content.expose().as_bytes());
        labelled.say(Label { mark: delivery.mark, written, hooked: self.hook.is_none() })?;
        let new = self.beside("lingpai.new");
        let outcome = self.write_new(&new, &content).and_then(|()| fs::rename(&new, &self.path));
        if outcome.is_err() {
            // It holds the token: better without a trace.
            let _ = fs::remove_file(&new);
        }
        outcome?;
        File::open(self.folder())?.sync_all()?;
        Ok((Put::Written, self.hook.is_some()))
    }

    fn write_new(&self, new: &Path, content: &Secret) -> io::Result<()> {
        // What a crash left, or somebody else put there to be followed.
        match fs::remove_file(new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
        file.write_all(content.expose().as_bytes())?;
        if let Some(owner) = self.owner {
            chown(new, owner.user, owner.group)?;
        }
        file.set_permissions(Permissions::from_mode(self.mode))?;
        file.sync_all()
    }

    /// Notes that the hook was run for what is there, if that is still the same.
    fn hooked(&self, mark: &Mark) -> io::Result<()> {
        let mut labelled = Labelled::open(&self.beside("lingpai"))?;
        match labelled.label.take() {
            Some(label) if label.mark == *mark => labelled.say(Label { hooked: true, ..label }),
            _ => Ok(()),
        }
    }

    async fn run_hook(&self, hook: &Hook, delivery: &Delivery) -> Result<(), String> {
        let Some((program, arguments)) = hook.command.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(arguments).env_clear().kill_on_drop(true);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
            .env("LINGPAI_SINK_FILE", &self.path)
            .env("LINGPAI_ACCOUNT", delivery.account.as_str())
            .env("LINGPAI_GENERATION", delivery.mark.generation.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| {
            format!("the file is written, but its hook {program} cannot be run: {error}")
        })?;
        match timeout(hook.deadline, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => {
                Err(format!("the file is written, but its hook {program} failed: {status}"))
            }
            Ok(Err(error)) => {
                Err(format!("the file is written, but its hook {program} is lost: {error}"))
            }
            Err(_) => Err(format!(
                "the file is written, but its hook {program} did not end within {:?} and was killed",
                hook.deadline
            )),
        }
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    /// A hidden file beside it.
    fn beside(&self, end: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.folder().join(format!(".{name}.{end}"))
    }

    fn explained(&self, error: &io::Error) -> String {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "Make its directory",
            io::ErrorKind::PermissionDenied => {
                "Let the user of the server write in its directory; only root may give a file to somebody else"
            }
            io::ErrorKind::StorageFull => "Make room",
            _ => "See to its directory",
        };
        format!("{} cannot be written: {error}. {remedy}", self.path.display())
    }
}

impl Labelled {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.lock()?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // One that a crash left half written says nothing.
        let label = serde_json::from_str(&text).ok();
        Ok(Self { file, label })
    }

    fn say(&mut self, label: Label) -> io::Result<()> {
        let text = serde_json::to_vec(&label)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.set_len(0)?;
        self.file.write_all(&text)?;
        self.label = Some(label);
        self.file.sync_all()
    }
}

fn hash(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

#[async_trait]
impl Place for FilePlace {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn target(&self) -> String {
        self.path.display().to_string()
    }

    async fn put(&self, delivery: &Delivery) -> Result<Put, String> {
        let (place, what) = (self.clone(), delivery.clone());
        let written = spawn_blocking(move || place.write(&what)).await;
        let written = written.map_err(|_| "the writing ended in a panic".to_owned())?;
        let (put, wants_hook) = written.map_err(|error| self.explained(&error))?;
        if let Some(hook) = self.hook.as_ref().filter(|_| wants_hook) {
            self.run_hook(hook, delivery).await?;
            let (place, mark) = (self.clone(), delivery.mark);
            // If that cannot be noted the hook is run once more, which does no harm.
            let _ = spawn_blocking(move || place.hooked(&mark)).await;
        }
        Ok(put)
    }

    async fn probe(&self) -> Result<(), String> {
        let place = self.clone();
        let probed = spawn_blocking(move || {
            let new = place.beside("lingpai.probe");
            place.write_new(&new, &Secret::from("")).and_then(|()| fs::remove_file(&new))
        });
        let probed = probed.await.map_err(|_| "the writing ended in a panic".to_owned())?;
        probed.map_err(|error| self.explained(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::super::shape::tests::delivery;
    use super::*;

    fn place(folder: &Path) -> FilePlace {
        FilePlace {
            path: folder.join("token"),
            shape: Shape::Plain,
            mode: 0o640,
            owner: None,
            hook: None,
        }
    }

    fn content(place: &FilePlace) -> String {
        fs::read_to_string(&place.path).unwrap()
    }

    #[tokio::test]
    async fn a_file_is_whole_private_and_written_once_for_each_token() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        assert_eq!(place.put(&delivery(1, "one")).await, Ok(Put::Written));
        assert_eq!(place.put(&delivery(1, "one")).await, Ok(Put::Kept));
        assert_eq!(content(&place), "one");
        assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o640);
        let label = fs::metadata(place.beside("lingpai")).unwrap();
        assert_eq!(label.permissions().mode() & 0o777, 0o600);
        assert!(!fs::read_to_string(place.beside("lingpai")).unwrap().contains("one"));
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
        names.sort_by_key(fs::DirEntry::file_name);
        assert_eq!(names.len(), 2, "nothing is left beside them");
    }

    #[tokio::test]
    async fn an_older_token_never_takes_the_place_of_a_newer_one() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        place.put(&delivery(2, "two")).await.unwrap();
        assert_eq!(place.put(&delivery(1, "one")).await, Ok(Put::Newer));
        assert_eq!(content(&place), "two");
        // Not even where the file is gone: whoever has the newer one puts it back.
        fs::remove_file(&place.path).unwrap();
        assert_eq!(place.put(&delivery(1, "one")).await, Ok(Put::Newer));
        assert_eq!(place.put(&delivery(2, "two")).await, Ok(Put::Written));
    }

    #[tokio::test]
    async fn what_somebody_changed_or_a_crash_left_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        place.put(&delivery(2, "two")).await.unwrap();
        fs::write(&place.path, "something else").unwrap();
        assert_eq!(place.put(&delivery(2, "two")).await, Ok(Put::Written));
        // Between the two files: the second one names the third token, the first one still holds the second.
        let mut labelled = Labelled::open(&place.beside("lingpai")).unwrap();
        let mark = delivery(3, "three").mark;
        labelled.say(Label { mark, written: hash(b"three"), hooked: true }).unwrap();
        drop(labelled);
        fs::write(place.beside("lingpai.new"), "thr").unwrap();
        assert_eq!(place.put(&delivery(2, "two")).await, Ok(Put::Newer));
        assert_eq!(place.put(&delivery(3, "three")).await, Ok(Put::Written));
        fs::write(place.beside("lingpai"), "{").unwrap();
        assert_eq!(place.put(&delivery(3, "three")).await, Ok(Put::Written));
        assert_eq!(content(&place), "three");
    }

    #[tokio::test]
    async fn a_hook_is_run_after_each_token_and_again_until_it_ends_well() {
        let folder = tempfile::tempdir().unwrap();
        let script = "test -e allowed && cp token copied && env > seen";
        let command = ["sh", "-c"].map(str::to_owned).into_iter();
        let command = command.chain([format!("cd {}; {script}", folder.path().display())]);
        let hook = Hook { command: command.collect(), deadline: Duration::from_secs(10) };
        let place = FilePlace { hook: Some(hook), ..place(folder.path()) };
        let told = place.put(&delivery(1, "one")).await.unwrap_err();
        assert!(told.contains("hook sh failed") && !told.contains("one"), "{told}");
        assert_eq!(content(&place), "one");
        fs::write(folder.path().join("allowed"), "").unwrap();
        assert_eq!(place.put(&delivery(1, "one")).await, Ok(Put::Kept));
        let copied = folder.path().join("copied");
        assert_eq!(fs::read_to_string(&copied).unwrap(), "one");
        fs::remove_file(&copied).unwrap();
        assert_eq!(place.put(&delivery(1, "one")).await, Ok(Put::Kept));
        assert!(!copied.exists(), "once is enough");
        let seen = fs::read_to_string(folder.path().join("seen")).unwrap();
        assert!(seen.contains("LINGPAI_GENERATION=1") && !seen.contains("CARGO_"), "{seen}");
    }

    #[tokio::test]
    async fn a_hook_that_hangs_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let command = ["sleep", "600"].map(str::to_owned).to_vec();
        let hook = Hook { command, deadline: Duration::from_millis(50) };
        let place = FilePlace { hook: Some(hook), ..place(folder.path()) };
        let told = place.put(&delivery(1, "one")).await.unwrap_err();
        assert!(told.contains("was killed"), "{told}");
    }

    /// Only root may give a file away; whoever else runs the tests is told so.
    #[tokio::test]
    async fn a_file_belongs_to_whom_it_is_to_or_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
        let owner = |user, group| Some(Owner { user, group });
        let mut place = FilePlace { owner: owner(Some(4711), Some(4712)), ..place(folder.path()) };
        if !is_root {
            for told in [place.put(&delivery(1, "one")).await.map(|_| ()), place.probe().await] {
                let told = told.unwrap_err();
                assert!(told.contains("only root may give a file to somebody else"), "{told}");
            }
            let left = fs::read_dir(folder.path()).unwrap().flatten();
            let holds_token =
                |file: fs::DirEntry| fs::read_to_string(file.path()).unwrap() == "one";
            assert!(!left.into_iter().any(holds_token), "the token is left to nobody");
            return;
        }
        let owned = |path: &Path| {
            let file = fs::metadata(path).unwrap();
            (file.uid(), file.gid(), file.permissions().mode() & 0o777)
        };
        assert_eq!(place.put(&delivery(1, "one")).await, Ok(Put::Written));
        assert_eq!(owned(&place.path), (4711, 4712, 0o640));
        let of_server = owned(folder.path());
        assert_eq!(owned(&place.beside("lingpai")), (of_server.0, of_server.1, 0o600), "its own");
        // A group alone leaves the file with the server's user.
        place.owner = owner(None, Some(4712));
        assert_eq!(place.put(&delivery(2, "two")).await, Ok(Put::Written));
        assert_eq!(owned(&place.path), (0, 4712, 0o640));
        assert_eq!(place.probe().await, Ok(()));
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(&folder.path().join("none"));
        let told = place.probe().await.unwrap_err();
        assert!(told.contains("Make its directory"), "{told}");
        assert_eq!(place.put(&delivery(1, "one")).await.unwrap_err(), told);
    }
}
