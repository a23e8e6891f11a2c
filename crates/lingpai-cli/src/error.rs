//! Why a command failed, and the exit code that says so.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use lingpai_core::StoreError;
use thiserror::Error;

use crate::config::Mistakes;

/// Why a command failed. Each says what happened, why, and what to do.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] Mistakes),
    /// The configuration cannot be read at all.
    #[error("the configuration {} cannot be read. {}", path.display(), unreadable(source))]
    ConfigFile { path: PathBuf, source: io::Error },
    /// There is nothing to do yet.
    #[error(
        "there is no {} here and no store, so there is nothing to keep. Write one with `lingpai init`, name one \
         with --config, or see it all at work first: lingpai serve --demo",
        crate::config::DEFAULT_FILE
    )]
    NothingToKeep,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server.
    #[error(transparent)]
    Server(#[from] lingpai_server::Error),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] lingpai_sandbox::Error),
    /// The way to WeChat.
    #[error(transparent)]
    WeChat(#[from] lingpai_wechat::Error),
    /// The server that was asked.
    #[error(
        "the server {server} cannot be reached. Check that it runs (lingpai serve), and its address (--server)"
    )]
    Unreachable { server: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The connection to it ended too early, or nothing moved on it for a minute.
    #[error(
        "the connection to the server {server} broke off, or stood still for a minute. Whether WeChat has carried the call \
         out is not known: find out before you make it again"
    )]
    BrokenOff { server: String, source: Option<Box<dyn std::error::Error + Send + Sync>> },
    /// Somebody pressed Ctrl-C.
    #[error("interrupted. Whether WeChat has carried the call out is not known")]
    Interrupted,
    /// The certificates.
    #[error(
        "the certificates that this machine trusts cannot be loaded. Install them (Debian: ca-certificates)"
    )]
    Trust { source: rustls::Error },
    /// A file.
    #[error("the file {} cannot be {deed}. {advice}", path.display())]
    File { path: PathBuf, deed: &'static str, advice: &'static str, source: io::Error },
    /// The operating system.
    #[error("{what}")]
    System { what: &'static str, source: io::Error },
    /// What was printed could not be written.
    #[error("the output could not be written. Check the disk, or what it is piped into")]
    Output(#[from] io::Error),
    /// Anything that one command alone can meet, said in full.
    #[error("{0}")]
    Said(String),
}

impl Error {
    /// An error said in full: what happened, why, what to do.
    pub(crate) fn said(what: impl Into<String>) -> Self {
        Self::Said(what.into())
    }

    /// Whether somebody closed the pipe because he has seen enough.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// 78 (`EX_CONFIG`) for a configuration that must be changed first, 130 after Ctrl-C, 1 for everything else. clap says 2 for arguments.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::ConfigFile { .. } | Self::NothingToKeep => ExitCode::from(78),
            Self::Interrupted => ExitCode::from(130),
            _ => ExitCode::FAILURE,
        }
    }

    /// What a person reads on standard error: the error, then its causes.
    pub(crate) fn report(&self) -> String {
        format!("error: {self}\n{}", self.causes())
    }

    /// What the log says of a configuration that was changed and cannot be taken over.
    pub(crate) fn refusal(&self) -> String {
        match self {
            Self::Config(mistakes) => mistakes.after_a_change(),
            other => format!("{other}. The configuration before stays in force\n{}", self.causes()),
        }
    }

    fn causes(&self) -> String {
        let mut report = String::new();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            report.push_str(&format!("  caused by: {cause}\n"));
            source = cause.source();
        }
        report
    }
}

fn unreadable(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "It does not exist: check the path",
        io::ErrorKind::PermissionDenied => {
            "This user may not read it: check its owner and permissions"
        }
        io::ErrorKind::InvalidData => "It is not UTF-8: save it as UTF-8",
        io::ErrorKind::IsADirectory => "It is a directory: name the file in it",
        _ => "Check the path and the disk",
    }
}
