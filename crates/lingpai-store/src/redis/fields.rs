//! The fields of one hash, as they came from Redis.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use lingpai_core::{StoreError, StoreErrorKind, Timestamp};

/// The fields of one hash. What cannot be read is an error that names the key and the field.
pub(super) struct Fields<'a> {
    key: &'a str,
    values: HashMap<String, Vec<u8>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(key: &'a str, values: HashMap<String, Vec<u8>>) -> Self {
        Self { key, values }
    }

    /// From names and values in turn.
    pub(super) fn flat(key: &'a str, flat: Vec<Vec<u8>>) -> Self {
        let mut values = HashMap::with_capacity(flat.len() / 2);
        let mut flat = flat.into_iter();
        while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
            values.insert(String::from_utf8_lossy(&name).into_owned(), value);
        }
        Self { key, values }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All of them.
    pub(super) fn pairs(&self) -> Vec<(String, Vec<u8>)> {
        self.values.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.values.get(name).map(Vec::as_slice)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, StoreError> {
        let text = self.bytes(name).map(str::from_utf8).transpose();
        text.map_err(|error| self.damaged(name, error))
    }

    pub(super) fn parsed<T>(&self, name: &str) -> Result<Option<T>, StoreError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let value = self.text(name)?.map(str::parse).transpose();
        value.map_err(|error| self.damaged(name, error))
    }

    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.parsed(name)?.map(Timestamp::from_millis))
    }

    /// A field that stands there whenever another does.
    pub(super) fn needed<T>(&self, name: &str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.damaged(name, "it is missing"))
    }

    pub(super) fn json<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let value = self.bytes(name).map(serde_json::from_slice).transpose();
        value.map_err(|error| self.damaged(name, error))
    }

    pub(super) fn damaged(&self, name: &str, what: impl Display) -> StoreError {
        StoreError::new(
            StoreErrorKind::Corrupt,
            format!(
                "the field {name} of the key {} is damaged: {what}. Another program may write there. \
                 Restore a backup, or remove the key",
                self.key
            ),
        )
    }
}
