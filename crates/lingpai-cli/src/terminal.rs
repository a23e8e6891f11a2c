//! A terminal that is drawn on: another screen, no cursor, and keys that are heard at once. Dropping it gives back what was
//! there before.

use std::io::{self, Write};

use tokio::sync::mpsc;

use crate::error::Error;

/// What a terminal is taken to be whose size cannot be had.
const SIZE: (usize, usize) = (24, 80);

/// The terminal, taken.
pub(crate) struct Terminal {
    /// A piece for each key that asks for the end.
    keys: mpsc::Receiver<()>,
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
    #[cfg(unix)]
    resizes: Option<tokio::signal::unix::Signal>,
}

/// What comes from a terminal.
pub(crate) enum Heard {
    /// It has another size.
    Resize,
    /// Somebody has seen enough.
    End,
}

impl Terminal {
    /// Takes the terminal on standard output; keys come from standard input, if that is one too.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub(crate) fn take() -> Result<Self, Error> {
        let (asked, keys) = mpsc::channel(1);
        #[cfg(unix)]
        let before = unix::listen(asked);
        #[cfg(not(unix))]
        drop(asked);
        let mut out = io::stdout().lock();
        out.write_all(b"\x1b[?1049h\x1b[?25l\x1b[2J")?;
        out.flush()?;
        Ok(Self {
            keys,
            #[cfg(unix)]
            before,
            #[cfg(unix)]
            resizes: unix::resizes(),
        })
    }

    /// Lines and columns, as they are now.
    pub(crate) fn size(&self) -> (usize, usize) {
        #[cfg(unix)]
        if let Ok(size) = rustix::termios::tcgetwinsize(io::stdout())
            && size.ws_row > 0
            && size.ws_col > 0
        {
            return (size.ws_row.into(), size.ws_col.into());
        }
        SIZE
    }

    /// Waits for a key that asks for the end, or for another size.
    pub(crate) async fn hears(&mut self) -> Heard {
        #[cfg(unix)]
        if let Some(resizes) = &mut self.resizes {
            let keys = &mut self.keys;
            return tokio::select! {
                Some(()) = keys.recv() => Heard::End,
                _ = resizes.recv() => Heard::Resize,
            };
        }
        self.asked_to_end().await;
        Heard::End
    }

    /// Waits for a key that asks for the end: `q`, Escape, Ctrl-D. For ever where none can be heard.
    pub(crate) async fn asked_to_end(&mut self) {
        if self.keys.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            let _ = rustix::termios::tcsetattr(
                io::stdin(),
                rustix::termios::OptionalActions::Flush,
                before,
            );
        }
        let mut out = io::stdout().lock();
        let _ = out.write_all(b"\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
    }
}

#[cfg(unix)]
mod unix {
    use std::io::{self, Read};

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tokio::sync::mpsc;

    /// The times at which the terminal has got another size. Without them the next look shows it.
    pub(super) fn resizes() -> Option<Signal> {
        signal(SignalKind::window_change()).ok()
    }

    /// Has keys come one by one and unseen, and listens to them; how it was before. Ctrl-C stays a signal.
    pub(super) fn listen(asked: mpsc::Sender<()>) -> Option<Termios> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut now = before.clone();
        now.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &now).ok()?;
        // A thread of its own: reading a terminal cannot be given up, and must not hold up the end.
        std::thread::spawn(move || {
            let mut key = [0];
            while io::stdin().read_exact(&mut key).is_ok() {
                if matches!(key[0], b'q' | b'Q' | 0x1b | 0x04) && asked.blocking_send(()).is_err() {
                    return;
                }
            }
        });
        Some(before)
    }
}
