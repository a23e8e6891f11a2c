//! Records that are there and cannot be used. They are left out, and remembered for whoever asks.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use lingpai_core::store::Damage;
use lingpai_core::{Secret, StoreError, StoreErrorKind};
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

    /// Of a field that says what is not known here, so far as that may be told.
    fn newer(field: &str, said: &str) -> Self {
        let what = format!(
            "its {field} is not known to this version of Lingpai{said}: most likely a newer one has written it"
        );
        Self { what, newer: true }
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

/// Reads what is sealed and has been opened: none of it is repeated.
pub(crate) fn parse<T: FromStr>(field: &str, text: &Secret, newer: &T::Err) -> Result<T, Flaw>
where
    T::Err: Display + PartialEq,
{
    text.expose().parse().map_err(|error: T::Err| match error == *newer {
        true => Flaw::newer(field, ""),
        false => format!("its {field}: {error}").into(),
    })
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
        Flaw::newer(field, &format!(" ({said})"))
    })
}

/// The error for whoever can only use an account that is whole, and has just read it.
pub(crate) fn refuse_damage(damage: &[Damage]) -> Result<(), StoreError> {
    let Some(Damage { table, record, what: reason, newer }) = damage.first() else { return Ok(()) };
    let (others, others_zh) = match damage.len() - 1 {
        0 => Default::default(),
        others => (format!(" (and {others} more)"), format!("（另有 {others} 个）")),
    };
    let (kind, advice, advice_zh) = match newer {
        true => (
            StoreErrorKind::Newer,
            "It is left as it is: run the version that has written it, or remove the account",
            "它保持原样：请换用写入它的版本，或移除该账号",
        ),
        false => (
            StoreErrorKind::Sealed,
            "Restore the store from a backup, or add the account again with its AppSecret, or remove it",
            "请从备份恢复存储，或带 AppSecret 重新添加该账号，或移除它",
        ),
    };
    let what = format!(
        "the account {record}{others} cannot be read from the table {table}: {reason}. {advice}"
    );
    let chinese = format!("无法从表 {table} 读取账号 {record}{others_zh}：{reason}。{advice_zh}");
    Err(StoreError::new(kind, what).in_chinese(chinese))
}

/// The error for whoever would write in the place of what a newer version has written.
pub(crate) fn refuse_newer(damage: &[Damage]) -> Result<(), StoreError> {
    let newer: Vec<_> = damage.iter().filter(|damage| damage.newer).cloned().collect();
    refuse_damage(&newer)
}

/// The error for whoever must have all accounts and keys of a store, and has just read them.
pub(crate) fn refuse_damaged(called: &str, damage: &[Damage]) -> Result<(), StoreError> {
    let accounts: Vec<_> = damage.iter().filter(|damage| damage.is_of_account()).cloned().collect();
    refuse_damage(&accounts)?;
    let Some(first) = damage.iter().find(|damage| damage.is_of_key()) else { return Ok(()) };
    Err(StoreError::new(
        StoreErrorKind::Corrupt,
        format!(
            "the API key {} in the store {called} cannot be read: {}. Make another in its place and remove it there, or \
             restore a backup",
            first.record, first.what
        ),
    )
    .in_chinese(format!(
        "无法读取存储 {called} 中的 API 密钥 {}：{}。请另建一个代替它，再从那里移除它，或恢复备份",
        first.record, first.what
    )))
}

#[cfg(test)]
mod tests {
    use lingpai_core::PushSettings;
    use lingpai_core::push::InvalidPush;

    use super::*;

    #[test]
    fn what_was_sealed_by_a_newer_version_is_known_as_such_and_not_repeated() {
        let read = |text: &str| {
            parse::<PushSettings>("push", &Secret::from(text), &InvalidPush::Newer).unwrap_err()
        };
        let flaw = read(r#"{"token": "AAAAA", "mode": "safer"}"#);
        assert!(flaw.newer && !flaw.what.contains("safer"), "{flaw:?}");
        assert!(flaw.what.contains("a newer one has written it"), "{flaw:?}");
        assert!(!read("{").newer);
    }
}
