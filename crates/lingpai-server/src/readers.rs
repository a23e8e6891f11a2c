//! Who reads an account's token, as the audit trail has it: for whoever looks for the client that uses an old one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use lingpai_core::audit::{Action, Who};
use lingpai_core::journal::Page;
use lingpai_core::{AccountId, Kind, Store, Timestamp};

/// So many records are looked through.
const NOTES: usize = 5000;
/// What was read before is not looked at.
const LATELY: Duration = Duration::from_hours(24);

/// One client's reads of the token within a day.
pub(crate) struct Reader {
    /// The name of its key.
    pub(crate) name: String,
    /// When it last read it, to the minute.
    pub(crate) last_at: Timestamp,
    /// Its busiest minute: how many reads, when, and whence.
    pub(crate) most: (u32, Timestamp, IpAddr),
}

/// Who read the token within a day, by the id of the key. Nobody where the trail cannot be read.
pub(crate) async fn of(
    store: &dyn Store,
    account: &AccountId,
    now: Timestamp,
) -> BTreeMap<String, Reader> {
    let mut readers: BTreeMap<String, Reader> = BTreeMap::new();
    let Ok(trail) = store.notes(Some(account), Page::Newest, NOTES).await else { return readers };
    let notes = trail.told.into_iter().map(|told| told.what);
    for note in notes.take_while(|note| now.since(note.at) < LATELY) {
        let is_token = note.credential.is_some_and(|it| it.kind == Kind::ACCESS_TOKEN);
        let Who::Client { key, name, address } = note.who else { continue };
        if note.deed.action != Action::TokenRead.as_str() || !is_token {
            continue;
        }
        let most = (note.deed.count, note.at, address);
        // The newest come first.
        let reader = readers.entry(key).or_insert(Reader { name, last_at: note.at, most });
        if most.0 > reader.most.0 {
            reader.most = most;
        }
    }
    readers
}
