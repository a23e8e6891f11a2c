//! Records that are there and cannot be used. They are left out, and remembered for whoever asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lingpai_core::store::Damage;
use lingpai_core::{StoreError, StoreErrorKind};
use serde::de::DeserializeOwned;

/// What the last reading of each table found.
#[derive(Debug, Default)]
pub(crate) struct Damaged(Mutex<BTreeMap<&'static str, Vec<Damage>>>);

impl Damaged {
    /// Takes in what the reading of a whole table has found; what was not known before is logged.
    pub(crate) fn found(&self, table: &'static str, found: Vec<Damage>) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = tables.entry(table).or_default();
        for Damage { record, what, .. } in found.iter().filter(|damage| !before.contains(damage)) {
            tracing::error!(
                table,
                record,
                "a record of the store cannot be used and is left out: {what}"
            );
        }
        *before = found;
    }

    pub(crate) fn all(&self) -> Vec<Damage> {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.values().flatten().cloned().collect()
    }
}

/// What keeps a record from being used.
#[derive(Debug)]
pub(crate) struct Flaw {
    what: String,
    newer: bool,
}

impl Flaw {
    /// As people are told of it.
    pub(crate) fn of(self, table: &'static str, record: String) -> Damage {
        Damage { table, record, what: self.what, newer: self.newer }
    }
}

impl From<String> for Flaw {
    fn from(what: String) -> Self {
        Self { what, newer: false }
    }
}

impl From<StoreError> for Flaw {
    fn from(error: StoreError) -> Self {
        error.to_string().into()
    }
}

/// Reads a field that is JSON. What is whole, and says what is not known here, is of a newer version of Lingpai: of another kind of
/// account, with another setting.
pub(crate) fn read<T: DeserializeOwned>(field: &str, text: &str) -> Result<T, Flaw> {
    serde_json::from_str(text).map_err(|error| {
        if !error.is_data() {
            return format!("its {field}: {error}").into();
        }
        let said = error.to_string();
        let said = said.split(", expected").next().unwrap_or_default();
        let what = format!(
            "its {field} is not known to this version of Lingpai ({said}): most likely a newer one has written it"
        );
        Flaw { what, newer: true }
    })
}

/// The table of API keys, as [`Damage`] has it.
pub(crate) const KEYS: &str = "keys";

/// The table of accounts.
pub(crate) const ACCOUNTS: &str = "accounts";

/// The error for whoever can only use an account that is whole, and has just read it.
pub(crate) fn refuse_damage(damage: &[Damage]) -> Result<(), StoreError> {
    let Some(Damage { table, record, what, newer }) = damage.first() else { return Ok(()) };
    let others = match damage.len() - 1 {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    let (kind, advice) = match newer {
        true => (
            StoreErrorKind::Newer,
            "It is left as it is: run the version that has written it, or remove the account",
        ),
        false => (
            StoreErrorKind::Sealed,
            "Restore the store from a backup, or add the account again with its AppSecret, or remove it",
        ),
    };
    let what = format!(
        "the account {record}{others} cannot be read from the table {table}: {what}. {advice}"
    );
    Err(StoreError::new(kind, what))
}

/// The error for whoever would write in the place of what a newer version has written.
pub(crate) fn refuse_newer(damage: &[Damage]) -> Result<(), StoreError> {
    let newer: Vec<_> = damage.iter().filter(|damage| damage.newer).cloned().collect();
    refuse_damage(&newer)
}

/// The error for whoever must have all accounts and keys of a store, and has just read them.
pub(crate) fn refuse_damaged(called: &str, damage: &[Damage]) -> Result<(), StoreError> {
    let accounts: Vec<_> =
        damage.iter().filter(|damage| damage.table == ACCOUNTS).cloned().collect();
    refuse_damage(&accounts)?;
    let Some(first) = damage.iter().find(|damage| damage.table == KEYS) else { return Ok(()) };
    Err(StoreError::new(
        StoreErrorKind::Corrupt,
        format!(
            "the API key {} in the store {called} cannot be read: {}. Make another in its place and remove it there, or \
             restore a backup",
            first.record, first.what
        ),
    ))
}
