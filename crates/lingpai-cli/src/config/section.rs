//! Reading one table of the file, key by key, and taking note of everything that is wrong with it.

use std::cell::RefCell;
use std::fmt::Display;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Files;
use super::mistake::{Mistake, Place};
use crate::language::{either, say};

/// The environment: a name in, its value out.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the reading of all sections shares.
pub(crate) struct Reading<'a> {
    pub(crate) environment: Environment<'a>,
    pub(crate) files: RefCell<Files>,
    pub(crate) mistakes: RefCell<Vec<Mistake>>,
}

impl Reading<'_> {
    pub(crate) fn mistake(&self, place: Place, what: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake { place, what: what.into() });
    }

    /// Reads a file that the configuration names.
    pub(crate) fn file(&self, path: &Path) -> io::Result<String> {
        self.files.borrow_mut().read(path)
    }
}

/// Whether a text can be the name of something: it stands in a path and in a command as it is.
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&text.len()) && text.chars().all(is_plain)
}

/// One table. Keys that were asked for are known; [`Section::end`] complains of the others.
pub(crate) struct Section<'a> {
    reading: &'a Reading<'a>,
    table: Option<&'a DeTable<'a>>,
    /// Where the table begins.
    place: Place,
    /// What the names of the variables begin with that override its keys, if there are any.
    variables: Option<String>,
    known: Vec<&'static str>,
}

/// A value that was said, and where: the last word of what was said about a key.
pub(crate) struct Said<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

impl<'a> Section<'a> {
    pub(crate) fn new(
        reading: &'a Reading<'a>,
        table: Option<&'a DeTable<'a>>,
        span: Range<usize>,
        variables: Option<&str>,
    ) -> Self {
        let variables = variables.map(str::to_owned);
        Self { reading, table, place: Place::File(span), variables, known: Vec::new() }
    }

    /// Where the table begins.
    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// The value of a key as it stands in the file.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.peek(key)
    }

    /// A text that `parse` makes something of.
    pub(crate) fn text<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Said<T>> {
        let read = |value: &DeValue<'_>| match value {
            DeValue::String(text) => parse(text),
            other => Err(say!(
                "`{key}` is a text in quotes, not {sort}",
                "`{key}` 应为带引号的字符串，而不是{sort}",
                sort = name_of(other)
            )),
        };
        self.read(key, read, &parse)
    }

    /// A text or a list of texts, of each of which `parse` makes something; between commas in a variable.
    pub(crate) fn texts<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<Said<T>>> {
        let read = |value: &Spanned<DeValue<'_>>| {
            let outcome = match value.get_ref() {
                DeValue::String(text) => parse(text),
                other => Err(say!(
                    "`{key}` is a text in quotes or a list of them, not {sort}",
                    "`{key}` 应为带引号的字符串，或由它们组成的列表，而不是{sort}",
                    sort = name_of(other)
                )),
            };
            self.noted(Place::File(value.span()), outcome)
        };
        let in_file = self.peek(key).map(|value| match value.get_ref() {
            DeValue::Array(list) => list.iter().filter_map(read).collect(),
            _ => read(value).into_iter().collect(),
        });
        let overridden = self.variable(key).map(|(place, text)| {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.filter_map(|part| self.noted(place.clone(), parse(part))).collect()
        });
        self.known.push(key);
        overridden.or(in_file)
    }

    /// The same for whoever does not ask where each was said.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        Some(self.texts(key, parse)?.into_iter().map(|said| said.value).collect())
    }

    /// A table in the table and where it begins, if there is one; `example` is a line that could stand in it.
    pub(crate) fn table(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> (Option<&'a DeTable<'a>>, Range<usize>) {
        let Some(value) = self.value(key) else { return (None, 0..0) };
        match value.get_ref() {
            DeValue::Table(table) => (Some(table), value.span()),
            other => {
                let what = say!(
                    "`{key}` is a table, not {sort}: write `[{key}]` and `{example}` below it",
                    "`{key}` 应为表，而不是{sort}：请写 `[{key}]`，并在它下面写 `{example}`",
                    sort = name_of(other)
                );
                self.reading.mistake(Place::File(value.span()), what);
                (None, value.span())
            }
        }
    }

    /// The tables of a list such as `[[account]]`: `read` makes something of each, and says where it is named. What `is_same`
    /// finds there already is a mistake, worded by `twice`; so is a value that is no list of tables, worded by `are_tables`.
    pub(crate) fn tables<T>(
        &mut self,
        key: &'static str,
        are_tables: &'static str,
        read: impl Fn(&mut Section<'a>) -> Option<(T, Place)>,
        is_same: impl Fn(&T, &T) -> bool,
        twice: impl Fn(&T) -> String,
    ) -> Vec<T> {
        let reading = self.reading;
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(list) = value.get_ref() else {
            reading.mistake(Place::File(value.span()), are_tables);
            return Vec::new();
        };
        let mut all: Vec<T> = Vec::new();
        for entry in list.iter() {
            let DeValue::Table(table) = entry.get_ref() else {
                reading.mistake(Place::File(entry.span()), are_tables);
                continue;
            };
            let mut section = Section::new(reading, Some(table), entry.span(), None);
            let one = read(&mut section);
            section.end();
            let Some((one, place)) = one else { continue };
            if all.iter().any(|other| is_same(other, &one)) {
                reading.mistake(place, twice(&one));
            } else {
                all.push(one);
            }
        }
        all
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &'static str) -> Option<Said<bool>> {
        let read = |value: &DeValue<'_>| match value {
            DeValue::Boolean(flag) => Ok(*flag),
            other => Err(say!(
                "`{key}` is true or false, not {sort}",
                "`{key}` 应为 true 或 false，而不是{sort}",
                sort = name_of(other)
            )),
        };
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                say!(
                    "`{key}` is true or false, not `{text}`",
                    "`{key}` 应为 true 或 false，而不是 `{text}`"
                )
            })
        };
        self.read(key, read, parse)
    }

    /// A whole number above zero.
    pub(crate) fn count(&mut self, key: &'static str) -> Option<Said<u32>> {
        let parse = |text: &str| match text.parse() {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(say!(
                "`{key}` is a whole number from 1 to {most}",
                "`{key}` 应为 1 到 {most} 的整数",
                most = u32::MAX
            )),
        };
        let read = |value: &DeValue<'_>| match value {
            DeValue::Integer(number) if number.radix() == 10 => parse(number.as_str()),
            other => Err(say!(
                "`{key}` is a whole number, not {sort}",
                "`{key}` 应为整数，而不是{sort}",
                sort = name_of(other)
            )),
        };
        self.read(key, read, parse)
    }

    /// Takes note of it if a key is missing; `remedy` says what to write.
    pub(crate) fn require(&self, key: &str, remedy: &str) {
        if !self.table.is_some_and(|table| table.iter().any(|(name, _)| name.get_ref() == key)) {
            let what = say!("`{key}` is missing: {remedy}", "缺少 `{key}`：{remedy}");
            self.reading.mistake(self.place.clone(), what);
        }
    }

    /// Takes note of every key that nobody asked for.
    pub(crate) fn end(self) {
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref();
            if !self.known.contains(&name.as_ref()) {
                let what = match suggestion(name, &self.known) {
                    Some(meant) => say!(
                        "`{name}` is not a setting. Did you mean `{meant}`?",
                        "没有 `{name}` 这个设置。是不是想写 `{meant}`？"
                    ),
                    None => say!(
                        "`{name}` is not a setting here. There are {known}",
                        "这里没有 `{name}` 这个设置。可用的有 {known}",
                        known = listed(&self.known)
                    ),
                };
                self.reading.mistake(Place::File(key.span()), what);
            }
        }
    }

    /// Takes note of something that is wrong here.
    pub(crate) fn mistake(&self, place: Place, what: impl Into<String>) {
        self.reading.mistake(place, what);
    }

    pub(crate) fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    /// What the environment says, or else the file. Both must be right, whoever has the last word.
    fn read<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Said<T>> {
        let in_file = self
            .value(key)
            .and_then(|value| self.noted(Place::File(value.span()), read(value.get_ref())));
        let overridden =
            self.variable(key).and_then(|(place, text)| self.noted(place, parse(&text)));
        overridden.or(in_file)
    }

    fn peek(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut entries = self.table?.iter();
        entries.find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// What the environment says of a key, if anything.
    fn variable(&self, key: &str) -> Option<(Place, String)> {
        let prefix = self.variables.as_ref()?;
        let name = format!("{prefix}{}", in_variables(key));
        let text = (self.reading.environment)(&name).filter(|text| !text.is_empty())?;
        Some((Place::variable(&name), text))
    }

    fn noted<T>(&self, place: Place, outcome: Result<T, String>) -> Option<Said<T>> {
        match outcome {
            Ok(value) => Some(Said { value, place }),
            Err(what) => {
                self.reading.mistake(place, what);
                None
            }
        }
    }
}

/// The variable that overrides a setting outside the accounts.
pub(crate) fn variable_of(key: &str) -> String {
    format!("LINGPAI_{}", in_variables(key))
}

fn in_variables(key: &str) -> String {
    key.to_ascii_uppercase().replace(['-', '.'], "_")
}

/// What a person calls this sort of value.
pub(crate) fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => either("a text", "字符串"),
        DeValue::Integer(_) | DeValue::Float(_) => either("a number", "数字"),
        DeValue::Boolean(_) => either("true or false", "布尔值"),
        DeValue::Datetime(_) => either("a date", "日期"),
        DeValue::Array(_) => either("a list", "列表"),
        DeValue::Table(_) => either("a table", "表"),
    }
}

/// Picks one of several words, and says which there are if it is none of them.
pub(crate) fn one_of<T: Copy>(choices: &[(&'static str, T)], text: &str) -> Result<T, String> {
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*choice);
    }
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    let all = listed(&names);
    Err(match suggestion(text, &names) {
        Some(meant) => say!(
            "`{text}` is none of {all}. Did you mean `{meant}`?",
            "没有 `{text}` 这个值，可用的有 {all}。是不是想写 `{meant}`？"
        ),
        None => say!("`{text}` is none of {all}", "没有 `{text}` 这个值，可用的有 {all}"),
    })
}

/// What a text means, or in words why it means nothing.
pub(crate) fn meaning<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| foreign(&error))
}

/// The words of a crate that speaks only English.
pub(crate) fn foreign(error: &impl Display) -> String {
    say!("{error}", "这个值不能用：{error}")
}

/// What somebody may have meant who knows the thing by another name.
const SYNONYMS: [(&str, &str); 10] = [
    ("accounts", "account"),
    ("address", "listen"),
    ("app-id", "id"),
    ("app-secret", "secret"),
    ("appid", "id"),
    ("appsecret", "secret"),
    ("bind", "listen"),
    ("database", "store"),
    ("port", "listen"),
    ("type", "kind"),
];

/// The one of these that a name is most likely meant to be.
pub(crate) fn suggestion(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == name).map(|(_, key)| *key);
    let meant = |key: &&&'static str| strsim::jaro_winkler(&name, key) > 0.85;
    let closeness = |key: &&'static str| (strsim::jaro_winkler(&name, key) * 1000.0) as u32;
    synonym
        .filter(|key| known.contains(key))
        .or_else(|| known.iter().filter(meant).max_by_key(|key| closeness(key)).copied())
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            say!("{rest} and {last}", "{rest} 和 {last}", rest = rest.join(either(", ", "、")))
        }
        _ => quoted.concat(),
    }
}
