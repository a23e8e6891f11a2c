//! The log: on standard error, for people or as JSON.

use tracing_subscriber::{EnvFilter, reload};

use crate::config::{Log, LogFormat};

/// A log that runs, whose level can be changed.
pub(crate) struct Level(Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>);

impl Level {
    /// From now on.
    pub(crate) fn change(&self, level: &str) {
        if let Err(error) = (self.0)(filter(level)) {
            tracing::warn!(%error, "the level of the log stays as it was");
        }
    }
}

/// Starts logging for the whole process.
pub(crate) fn start(log: &Log) -> Level {
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(&log.level))
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal && std::env::var_os("NO_COLOR").is_none());
    // Starting fails only if a log was started before, which then stays.
    match log.format {
        LogFormat::Human => {
            let subscriber = subscriber.with_target(false).with_filter_reloading();
            let handle = subscriber.reload_handle();
            let _ = subscriber.try_init();
            Level(Box::new(move |filter| handle.reload(filter)))
        }
        LogFormat::Json => {
            let subscriber = subscriber.json().with_filter_reloading();
            let handle = subscriber.reload_handle();
            let _ = subscriber.try_init();
            Level(Box::new(move |filter| handle.reload(filter)))
        }
    }
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}
