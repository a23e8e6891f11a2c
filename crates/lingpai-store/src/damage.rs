//! Records that are there and cannot be used. They are left out, and remembered for whoever asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lingpai_core::store::Damage;
use lingpai_core::{StoreError, StoreErrorKind};

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

/// The table of API keys, as [`Damage`] has it.
pub(crate) const KEYS: &str = "keys";

/// The error for whoever must have all keys of a store, and has just read them.
pub(crate) fn refuse_damaged_keys(called: &str, damage: &[Damage]) -> Result<(), StoreError> {
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
