//! Printing: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use crate::error::Error;
use crate::harmless;

/// Prints a result. A line break is added where it ends without one.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let text = harmless::text(text);
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
    print(&harmless::json(&format!("{value:#}")))
}

/// The same in one line, for one of many.
pub(crate) fn print_json_line(value: &serde_json::Value) -> Result<(), Error> {
    print(&harmless::json(&value.to_string()))
}

/// Tells a person something on standard error. If that is closed, nobody is there to be told.
pub(crate) fn tell(text: &str) {
    let text = harmless::text(text);
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = err.write_all(b"\n");
    }
}

/// How wide a bar is.
const BAR: usize = 24;

/// A bar that is full to this share.
pub(crate) fn bar(share: f64) -> String {
    bar_of(share, BAR)
}

/// The same, this wide between its ends.
pub(crate) fn bar_of(share: f64, width: usize) -> String {
    let full = (share.clamp(0.0, 1.0) * width as f64) as usize;
    format!("[{}{}]", "=".repeat(full), " ".repeat(width - full))
}

/// Replaces the last line of standard error, which is a terminal. If that is closed, nobody is there to see it.
pub(crate) fn draw(line: &str) {
    let line = harmless::text(line);
    let mut err = io::stderr().lock();
    let _ = err.write_all(format!("\r\x1b[2K{line}").as_bytes()).and_then(|()| err.flush());
}

/// Lays rows out in columns as wide as they need to be. The first row is the heading.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    // What others say must not begin a row of its own.
    let rows: Vec<_> =
        rows.iter().map(|row| row.each_ref().map(|cell| harmless::line(cell))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(width_of(cell));
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths);
        let cells = cells.map(|(cell, width)| cell.clone() + &" ".repeat(width - width_of(cell)));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// How many columns of a terminal a text takes: two for each Chinese character and its punctuation.
pub(crate) fn width_of(text: &str) -> usize {
    let is_wide = |c| {
        matches!(c, '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF00}'..='\u{FF60}' | '\u{FFE0}'..='\u{FFE6}'
        | '\u{1F300}'..='\u{1FAFF}' | '\u{20000}'..='\u{3FFFD}')
    };
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// As much of a line as this many columns hold.
pub(crate) fn cut(line: &str, columns: usize) -> &str {
    let mut taken = 0;
    for (at, c) in line.char_indices() {
        taken += width_of(c.encode_utf8(&mut [0; 4]));
        if taken > columns {
            return &line[..at];
        }
    }
    line
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_straight_in_chinese_too() {
        let rows = [["名称", "状态"], ["订单服务", "有效"], ["ops", "-"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "名称      状态\n订单服务  有效\nops       -\n");
    }
}
