//! Where the demo prints: in colour and with a line that changes on a terminal, plainly where it is piped.

use std::io::{self, IsTerminal, Write};

use crate::error::Error;

/// Standard output.
pub(super) struct Screen {
    is_terminal: bool,
    has_colour: bool,
    /// A status stands on the last line.
    has_status: bool,
}

/// What a text is, which decides its looks.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    /// A heading.
    Strong,
    /// Something to type.
    Code,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// What one need not read.
    Faint,
}

impl Screen {
    pub(super) fn new() -> Self {
        let is_terminal = io::stdout().is_terminal();
        let has_colour = is_terminal && std::env::var_os("NO_COLOR").is_none();
        Self { is_terminal, has_colour, has_status: false }
    }

    /// The text in its tone.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Strong => "1",
            Tone::Code => "36",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        if self.has_colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
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
            self.put(&self.paint(Tone::Faint, text))?;
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
