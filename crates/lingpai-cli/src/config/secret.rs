//! Secrets by reference: `{ env = "NAME" }` or `{ file = "PATH" }`, never the secret itself.

use std::path::Path;

use lingpai_core::Secret;
use toml::Spanned;
use toml::de::DeValue;

use super::mistake::Place;
use super::section::{Reading, Said, Section, name_of};
use super::unreadable;
use crate::language::{either, say};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// In this environment variable.
    Variable(String),
    /// In this file, as all that is in it.
    File(String),
}

impl Reference {
    /// Reads a reference; what is none of the two forms is a mistake.
    pub(crate) fn read<'a>(
        reading: &'a Reading<'a>,
        key: &'static str,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Option<Self> {
        let place = Place::File(value.span());
        let forms = say!(
            "`{key} = {{ env = \"NAME\" }}` or `{key} = {{ file = \"PATH\" }}`",
            "`{key} = {{ env = \"变量名\" }}` 或 `{key} = {{ file = \"路径\" }}`"
        );
        let table = match value.get_ref() {
            DeValue::Table(table) => table,
            DeValue::String(_) => {
                let what = say!(
                    "a secret must not stand in this file, which is copied, backed up and shown to people. Put \
                     it into an environment variable or into a file that only Lingpai can read, and write {forms}",
                    "配置文件会被复制、备份、给别人看，密钥不能直接写在里面。请把它放进环境变量，或只有 Lingpai 能读取的文件，\
                     然后写 {forms}"
                );
                reading.mistake(place, what);
                return None;
            }
            other => {
                let what = say!(
                    "`{key}` is not {sort}: write {forms}",
                    "`{key}` 不能是{sort}：请写 {forms}",
                    sort = name_of(other)
                );
                reading.mistake(place, what);
                return None;
            }
        };
        let mut section = Section::new(reading, Some(table), value.span(), None);
        let not_empty = |text: &str| match text {
            "" => Err(either("must not be empty", "不能为空").to_owned()),
            text => Ok(text.to_owned()),
        };
        let variable = section.text("env", not_empty);
        let file = section.text("file", not_empty);
        let is_said = table.iter().count() > 0;
        section.end();
        match (variable, file) {
            (Some(variable), None) => Some(Self::Variable(variable.value)),
            (None, Some(file)) => Some(Self::File(file.value)),
            (Some(_), Some(_)) => {
                let what = say!(
                    "say where the secret is in one way only: {forms}",
                    "密钥的位置只能写一种：{forms}"
                );
                reading.mistake(place, what);
                None
            }
            (None, None) => {
                if !is_said {
                    let what =
                        say!("say where the secret is: {forms}", "请写明密钥在哪里：{forms}");
                    reading.mistake(place, what);
                }
                None
            }
        }
    }

    /// Fetches what a key refers to, or else what this variable holds, if there is one and it is set.
    pub(crate) fn fetched(
        section: &mut Section<'_>,
        key: &'static str,
        variable: Option<&str>,
        base: &Path,
    ) -> Option<Said<Secret>> {
        let reading = section.reading();
        let (reference, place) = match section.value(key) {
            Some(value) => (Self::read(reading, key, value)?, Place::File(value.span())),
            None => {
                let name = variable?;
                (reading.environment)(name).filter(|text| !text.is_empty())?;
                (Self::Variable(name.to_owned()), Place::variable(name))
            }
        };
        noted(reference.fetch(base, reading), place, reading)
    }

    /// Fetches what a key refers to as it is, line breaks and all: a key in PEM.
    pub(crate) fn fetched_text(
        section: &mut Section<'_>,
        key: &'static str,
        base: &Path,
    ) -> Option<Said<Secret>> {
        let reading = section.reading();
        let value = section.value(key)?;
        let place = Place::File(value.span());
        let text = Self::read(reading, key, value)?.text(base, reading);
        let text = text.and_then(|(text, origin)| trimmed(&text, &origin));
        noted(text, place, reading)
    }

    /// Fetches the secret. Relative paths start at `base`.
    pub(crate) fn fetch(&self, base: &Path, reading: &Reading<'_>) -> Result<Secret, String> {
        let (text, origin) = self.text(base, reading)?;
        bare(&text, &origin)
    }

    /// All of the text, and where it came from.
    fn text(&self, base: &Path, reading: &Reading<'_>) -> Result<(Secret, String), String> {
        Ok(match self {
            Self::Variable(name) => {
                let text = (reading.environment)(name).ok_or_else(|| {
                    say!(
                        "the environment variable {name} is not set. Set it where Lingpai is started",
                        "没有设置环境变量 {name}。请在启动 Lingpai 的地方设置它"
                    )
                })?;
                (Secret::from(text), say!("the environment variable {name}", "环境变量 {name}"))
            }
            Self::File(path) => {
                let path = base.join(path);
                let text = reading.file(&path).map_err(|error| unreadable(&path, &error))?;
                let origin = say!("the file {path}", "文件 {path}", path = path.display());
                (Secret::from(text), origin)
            }
        })
    }
}

fn noted(
    outcome: Result<Secret, String>,
    place: Place,
    reading: &Reading<'_>,
) -> Option<Said<Secret>> {
    match outcome {
        Ok(value) => Some(Said { value, place }),
        Err(what) => {
            reading.mistake(place, what);
            None
        }
    }
}

/// A text of several lines without what surrounds it. It came from `origin`.
pub(crate) fn trimmed(text: &Secret, origin: &str) -> Result<Secret, String> {
    match text.expose().trim() {
        "" => Err(empty(origin)),
        text => Ok(Secret::from(text)),
    }
}

fn empty(origin: &str) -> String {
    say!("{origin} is empty. Put the secret into it", "{origin}：内容为空。请把密钥放进去")
}

/// The secret in a text, without the line break at its end. What is none is refused; it came from `origin`.
pub(crate) fn bare(text: &Secret, origin: &str) -> Result<Secret, String> {
    let secret = text.expose().trim();
    if secret.is_empty() {
        return Err(empty(origin));
    }
    if secret.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(say!(
            "{origin} holds more than a secret: blanks or line breaks. Leave nothing but the secret in it",
            "{origin}：除了密钥还有空白或换行。请只保留密钥本身"
        ));
    }
    Ok(Secret::from(secret))
}
