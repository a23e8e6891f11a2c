//! What is wrong with a configuration, shown where it is wrong: the file, the line, the place in the line.

use std::fmt;
use std::ops::Range;

use crate::language::{either, say};

/// Everything that is wrong with one configuration, in the order of the file.
#[derive(Debug)]
pub(crate) struct Mistakes {
    file: String,
    text: String,
    list: Vec<Mistake>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) place: Place,
    /// What is wrong, why, and what to write.
    pub(crate) what: String,
}

/// Where it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the file: bytes of its text.
    File(Range<usize>),
    /// Elsewhere: `the environment variable LINGPAI_LISTEN`, `--listen`.
    Elsewhere(String),
}

impl Place {
    /// In the environment variable of this name.
    pub(crate) fn variable(name: &str) -> Self {
        Self::Elsewhere(say!("the environment variable {name}", "环境变量 {name}"))
    }
}

impl Mistakes {
    /// All of them, sorted by place. What was said elsewhere comes last.
    pub(crate) fn new(file: String, text: &str, mut list: Vec<Mistake>) -> Self {
        list.sort_by_key(|mistake| match &mistake.place {
            Place::File(span) => span.start,
            Place::Elsewhere(_) => usize::MAX,
        });
        Self { file, text: text.to_owned(), list }
    }

    /// The same, said of a configuration that was changed while another is in force.
    pub(crate) fn after_a_change(&self) -> String {
        let mut text = String::new();
        let consequence = either("The one before it stays in force", "之前的配置继续有效");
        let _ = self.write_all(&mut text, consequence); // A text takes everything.
        text
    }

    fn write_all(&self, f: &mut impl fmt::Write, consequence: &str) -> fmt::Result {
        let head = match self.list.len() {
            1 => say!(
                "the configuration has a mistake. {consequence}",
                "配置有一处错误。{consequence}"
            ),
            many => say!(
                "the configuration has {many} mistakes. {consequence}",
                "配置有 {many} 处错误。{consequence}"
            ),
        };
        writeln!(f, "{head}")?;
        for mistake in &self.list {
            writeln!(f)?;
            self.write(f, mistake)?;
            writeln!(f)?;
        }
        Ok(())
    }

    fn write(&self, f: &mut impl fmt::Write, mistake: &Mistake) -> fmt::Result {
        let what = &mistake.what;
        let span = match &mistake.place {
            Place::Elsewhere(place) => {
                return f.write_str(&say!("{place}: {what}", "{place}：{what}"));
            }
            Place::File(span) => span,
        };
        let spot = Spot::of(&self.text, span);
        let Spot { line, column, .. } = spot;
        let gutter = " ".repeat(line.to_string().len());
        writeln!(f, "{}:{line}:{column}: {what}", self.file)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{line} | {}", spot.shown)?;
        write!(f, "{gutter} | {}{}", " ".repeat(column - 1), "^".repeat(spot.width))
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_all(f, either("Nothing was started", "没有启动任何东西"))
    }
}

impl std::error::Error for Mistakes {}

/// A place in the text, as a person finds it. Lines and columns count from 1, columns in characters.
struct Spot {
    line: usize,
    column: usize,
    width: usize,
    shown: String,
}

impl Spot {
    fn of(text: &str, span: &Range<usize>) -> Self {
        let start = text.floor_char_boundary(span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = &text[line_start..line_end];
        let end = text.floor_char_boundary(span.end).clamp(start, line_end);
        Self {
            line: before.matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].chars().count().max(1),
            shown: without_secrets(line.trim_end()),
        }
    }
}

/// The line with every value covered that may be a secret: people do write them where they must not.
fn without_secrets(line: &str) -> String {
    const TELLING: [&str; 4] = ["secret", "key", "password", "token"];
    let key_end = line.find('=').unwrap_or(line.len());
    let key = line[..key_end].to_ascii_lowercase();
    let is_telling = TELLING.iter().any(|word| key.contains(word)) || key.trim_end().is_empty();
    // A URL with a password before its host.
    if !is_telling && !line.contains('@') {
        return line.replace('\t', " ");
    }
    let mut quote = None;
    let cover = |c: char| match quote {
        None if c == '"' || c == '\'' => {
            quote = Some(c);
            c
        }
        Some(open) if c == open => {
            quote = None;
            c
        }
        Some(_) => '*',
        None => c,
    };
    line.replace('\t', " ").chars().map(cover).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        let mistake = Mistake { place: Place::File(span), what: "is wrong".to_owned() };
        Mistakes::new("lingpai.toml".to_owned(), text, vec![mistake]).to_string()
    }

    #[test]
    fn a_mistake_shows_its_line_with_a_caret_below_it() {
        let text = "# 令牌\nlisten = \"令\" # x\n";
        let start = text.find("\"令\"").unwrap();
        assert_eq!(
            shown(text, start..start + 5),
            "the configuration has a mistake. Nothing was started\n\n\
             lingpai.toml:2:10: is wrong\n  |\n2 | listen = \"令\" # x\n  |          ^^^\n"
        );
    }

    #[test]
    fn a_mistake_at_the_end_of_the_file_has_a_place_too() {
        assert!(shown("a = 1", 5..5).contains("lingpai.toml:1:6"));
        assert!(shown("", 0..0).contains("lingpai.toml:1:1"));
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_shown_without_it() {
        for line in [
            "secret = \"8f5c0de\"",
            "app-secret = '8f5c0de'",
            "secret = \"8f5c0de",
            "secret = { env = \"A\", value = \"8f5c0de\" }",
            "master-key = \"8f5c0de\"",
            "proxy = \"http://lingpai:8f5c0de@proxy\"",
            "store = \"redis://user:8f5c0de@redis\"",
        ] {
            assert!(!shown(line, 0..1).contains("8f5c0de"), "{line}");
        }
    }
}
