//! Where the demo prints: in colour and with a line that changes on a terminal, plainly where it is piped.

use std::io::{self, IsTerminal, Write};

use crate::error::Error;
use crate::output::{Tone, paint};

/// Standard output.
pub(super) struct Screen {
    is_terminal: bool,
    /// A status stands on the last line.
    has_status: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), has_status: false }
    }

    /// Prints a line for good.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Error> {
        self.put(&format!("{text}\n"))?;
        self.has_status = false;
        Ok(())
    }

    /// Shows how it stands, on a line that the next one replaces. Nowhere but on a terminal.
    pub(super) fn status(&mut self, text: &str) -> Result<(), Error> {
        if self.is_terminal {
            self.put(&paint(Tone::Faint, text))?;
            self.has_status = true;
        }
        Ok(())
    }

    fn put(&self, text: &str) -> Result<(), Error> {
        let clear = if self.has_status { "\r\x1b[2K" } else { "" };
        let mut out = io::stdout().lock();
        out.write_all(format!("{clear}{text}").as_bytes())?;
        out.flush()?;
        Ok(())
    }
}
