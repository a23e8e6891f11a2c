//! Secrets by reference: `{ env = "NAME" }` or `{ file = "PATH" }`, never the secret itself.

use std::path::Path;

use lingpai_core::Secret;
use toml::Spanned;
use toml::de::DeValue;

use super::mistake::Place;
use super::section::{Reading, Section, name_of};

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
        let forms = format!("`{key} = {{ env = \"NAME\" }}` or `{key} = {{ file = \"PATH\" }}`");
        let table = match value.get_ref() {
            DeValue::Table(table) => table,
            DeValue::String(_) => {
                let what = format!(
                    "a secret must not stand in this file, which is copied, backed up and shown to people. Put \
                     it into an environment variable or into a file that only Lingpai can read, and write {forms}"
                );
                reading.mistake(place, what);
                return None;
            }
            other => {
                reading.mistake(place, format!("`{key}` is not {}: write {forms}", name_of(other)));
                return None;
            }
        };
        let mut section = Section::new(reading, Some(table), value.span(), None);
        let not_empty = |text: &str| match text {
            "" => Err("must not be empty".to_owned()),
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
                reading.mistake(place, format!("say where the secret is in one way only: {forms}"));
                None
            }
            (None, None) => {
                if !is_said {
                    reading.mistake(place, format!("say where the secret is: {forms}"));
                }
                None
            }
        }
    }

    /// Fetches the secret. Relative paths start at `base`.
    pub(crate) fn fetch(&self, base: &Path, reading: &Reading<'_>) -> Result<Secret, String> {
        let (text, origin) = match self {
            Self::Variable(name) => {
                let text = (reading.environment)(name).ok_or_else(|| {
                    format!("the environment variable {name} is not set. Set it where Lingpai is started")
                })?;
                (Secret::from(text), format!("the environment variable {name}"))
            }
            Self::File(path) => {
                let path = base.join(path);
                let text = reading.file(&path).map_err(|error| {
                    format!(
                        "the file {} cannot be read: {error}. Check that it exists and that Lingpai may read it",
                        path.display()
                    )
                })?;
                (Secret::from(text), format!("the file {}", path.display()))
            }
        };
        bare(&text, &origin)
    }
}

/// The secret in a text, without the line break at its end. What is none is refused; it came from `origin`.
pub(crate) fn bare(text: &Secret, origin: &str) -> Result<Secret, String> {
    let secret = text.expose().trim();
    if secret.is_empty() {
        return Err(format!("{origin} is empty. Put the secret into it"));
    }
    if secret.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "{origin} holds more than a secret: blanks or line breaks. Leave nothing but the secret in it"
        ));
    }
    Ok(Secret::from(secret))
}
