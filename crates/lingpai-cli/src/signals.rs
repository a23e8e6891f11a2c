//! What the operating system asks of the program: to end (SIGINT, which is Ctrl-C, and SIGTERM), or to read its
//! configuration again (SIGHUP).

use crate::error::Error;
use crate::language::either;

/// A future that ends when the program is asked to end the first time. The second time ends it at once.
///
/// Signals are caught from this call on, not from the first poll.
#[cfg(unix)]
pub(crate) fn asked_to_end() -> Result<impl Future<Output = ()> + Send + use<>, Error> {
    use tokio::signal::unix::{SignalKind, signal};

    let system = |source| Error::System { what: uncaught(), source };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            crate::output::tell(either(
                "ended at once: rotations under way may each cost one more fetch",
                "立即退出：进行中的更换可能各多获取一次凭据",
            ));
            std::process::exit(130);
        });
    })
}

/// The same with Ctrl-C alone, where there is no more.
#[cfg(not(unix))]
pub(crate) fn asked_to_end() -> Result<impl Future<Output = ()> + Send + use<>, Error> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

#[cfg(unix)]
fn uncaught() -> &'static str {
    either("signals cannot be caught", "无法捕获信号")
}

/// Requests to read the configuration again.
pub(crate) struct Hangups {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangups {
    /// Catches the signal from this call on, which would otherwise end the program.
    pub(crate) fn catch() -> Result<Self, Error> {
        Ok(Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
                .map_err(|source| Error::System { what: uncaught(), source })?,
        })
    }

    /// Waits for the next one: for ever where there are none. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}
