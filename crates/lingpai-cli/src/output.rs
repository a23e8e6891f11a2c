//! Printing: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use crate::error::Error;

/// Prints a result. A line break is added where it ends without one.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Prints JSON for a machine, and readable all the same.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), Error> {
    print(&format!("{value:#}"))
}

/// Tells a person something on standard error. If that is closed, nobody is there to be told.
pub(crate) fn tell(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = err.write_all(b"\n");
    }
}

/// Lays rows out in columns as wide as they need to be. The first row is the heading.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What a text is, which decides its looks.
#[derive(Clone, Copy)]
pub(crate) enum Tone {
    /// A heading.
    Strong,
    /// Something to type.
    Code,
    /// Good news.
    Good,
    /// What will be bad news unless somebody acts.
    Warning,
    /// Bad news.
    Bad,
    /// What one need not read.
    Faint,
}

/// The text in its tone, if standard output is a terminal and nobody wants it plain.
pub(crate) fn paint(tone: Tone, text: &str) -> String {
    if !io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Strong => "1",
        Tone::Code => "36",
        Tone::Good => "32",
        Tone::Warning => "33",
        Tone::Bad => "31",
        Tone::Faint => "2",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
