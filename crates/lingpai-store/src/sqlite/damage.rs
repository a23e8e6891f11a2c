//! Records that are there and cannot be used. They are left out, and remembered for whoever asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lingpai_core::store::Damage;

/// What the last reading of each table found.
#[derive(Debug, Default)]
pub(super) struct Damaged(Mutex<BTreeMap<&'static str, Vec<Damage>>>);

impl Damaged {
    /// Takes in what the reading of a whole table has found; what was not known before is logged.
    pub(super) fn found(&self, table: &'static str, found: Vec<Damage>) {
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

    pub(super) fn all(&self) -> Vec<Damage> {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.values().flatten().cloned().collect()
    }
}
