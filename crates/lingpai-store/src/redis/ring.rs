//! The keys that values in a Redis are sealed with.
//!
//! Values are sealed with a random data key, and that is kept in the store, sealed with the master key. So another master key
//! changes nothing but how the data key is sealed, and nodes that have the data key go on. There can be several: of the first
//! layout, where the master key itself sealed the values, and of two nodes that founded a store anew at the same time.

use std::collections::HashMap;

use lingpai_core::{Secret, StoreError};

use super::fields::Fields;
use crate::keys::MasterKey;
use crate::seal::{KeyId, Place, Sealer, Unopened, key_id};

/// What the names of the fields begin with in which the data keys are.
const FIELD: &str = "key:";
/// The field that names the data key to seal with.
pub(super) const SEALS: &str = "seals";

/// The data keys of a store.
pub(super) struct Ring {
    master: MasterKey,
    keys: HashMap<KeyId, DataKey>,
    /// The one to seal with, which is among them.
    seals: DataKey,
}

#[derive(Clone)]
struct DataKey {
    key: MasterKey,
    sealer: std::sync::Arc<Sealer>,
}

impl DataKey {
    fn new(key: MasterKey) -> Self {
        let sealer = Sealer::new(&key).into();
        Self { key, sealer }
    }
}

impl Ring {
    /// The keys of a store that is founded now: a new data key, and this one if values were sealed with it before.
    pub(super) fn found(
        master: &MasterKey,
        before: Option<&MasterKey>,
    ) -> Result<Self, StoreError> {
        let seals = DataKey::new(MasterKey::random()?);
        let all = before.cloned().map(DataKey::new).into_iter().chain([seals.clone()]);
        let keys = all.map(|key| (key.sealer.key_id(), key)).collect();
        Ok(Self { master: master.clone(), keys, seals })
    }

    /// Where the master key itself sealed the values.
    #[cfg(feature = "conformance")]
    pub(super) fn of_first_layout(master: &MasterKey) -> Self {
        let seals = DataKey::new(master.clone());
        let keys = HashMap::from([(seals.sealer.key_id(), seals.clone())]);
        Self { master: master.clone(), keys, seals }
    }

    /// The keys that are written down in a store, as far as the master key opens them; and those of `known`, which need not be
    /// opened again. Why, if there is none to seal with.
    pub(super) fn read(
        master: &MasterKey,
        known: Option<&Self>,
        meta: &Fields<'_>,
    ) -> Result<Result<Self, Unopened>, StoreError> {
        let opener = Sealer::new(master);
        let mut keys = known.map(|known| known.keys.clone()).unwrap_or_default();
        let mut why = Unopened::OtherKey;
        for name in meta.names().filter(|name| name.starts_with(FIELD)) {
            if keys.keys().any(|id| field(id) == *name) {
                continue;
            }
            let sealed = meta.bytes(name).unwrap_or_default();
            match opener.open(place(name), sealed).map(|hex| MasterKey::parse(hex.expose())) {
                Ok(Ok(key)) => {
                    let key = DataKey::new(key);
                    keys.insert(key.sealer.key_id(), key);
                }
                Ok(Err(_)) => why = Unopened::Altered,
                Err(unopened) => why = unopened,
            }
        }
        let named = meta.needed(SEALS, meta.text(SEALS)?)?;
        let seals = keys.iter().find(|(id, _)| hex(id) == named).map(|(_, key)| key.clone());
        let ring = seals.map(|seals| Self { master: master.clone(), keys, seals });
        Ok(ring.ok_or(why))
    }

    /// The master key that the data keys are sealed with, as far as is known here.
    pub(super) fn master(&self) -> &MasterKey {
        &self.master
    }

    /// What is to be written down of the keys: all of them, sealed with the master key.
    pub(super) fn fields(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let named = hex(&self.seals.sealer.key_id()).into_bytes();
        let mut fields = vec![(SEALS.to_owned(), named)];
        for (id, key) in &self.keys {
            fields.push(sealed_with(&self.master, id, key)?);
        }
        Ok(fields)
    }

    /// What is to be written down of the key that seals, and of no other, sealed with another master key.
    pub(super) fn field_under(&self, other: &MasterKey) -> Result<(String, Vec<u8>), StoreError> {
        sealed_with(other, &self.seals.sealer.key_id(), &self.seals)
    }

    /// Of the data key that seals: the same on every node, and after another master key.
    pub(super) fn session_key(&self) -> [u8; 32] {
        self.seals.sealer.session_key()
    }

    pub(super) fn seal(&self, place: Place<'_>, value: &str) -> Result<Vec<u8>, StoreError> {
        self.seals.sealer.seal(place, value)
    }

    pub(super) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret, Unopened> {
        let key = key_id(sealed).ok_or(Unopened::Altered)?;
        self.keys.get(&key).ok_or(Unopened::OtherKey)?.sealer.open(place, sealed)
    }

    /// Whether the key is here that a value was sealed with, or the value names none.
    pub(super) fn knows(&self, sealed: &[u8]) -> bool {
        key_id(sealed).is_none_or(|id| self.keys.contains_key(&id))
    }

    /// Whether a value was sealed with the key that seals now.
    pub(super) fn is_sealed_now(&self, sealed: &[u8]) -> bool {
        key_id(sealed) == Some(self.seals.sealer.key_id())
    }
}

fn sealed_with(
    master: &MasterKey,
    id: &KeyId,
    key: &DataKey,
) -> Result<(String, Vec<u8>), StoreError> {
    let name = field(id);
    let sealed = Sealer::new(master).seal(place(&name), &key.key.to_hex())?;
    Ok((name, sealed))
}

fn field(id: &KeyId) -> String {
    format!("{FIELD}{}", hex(id))
}

fn hex(id: &KeyId) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn place(field: &str) -> Place<'_> {
    Place { table: "meta", record: field, column: "value" }
}
