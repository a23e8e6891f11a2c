//! Taking over what other nodes store, as soon as the store tells of it.
//!
//! What the store tells is a hint: the record is read, and only a later one than the keeper knows is taken over. After
//! changes may have been lost, every keeper is compared with the store, one after another, so that a million of them do
//! not ask at once. A store that turns out to have lost what it was given is given it again, and a token that may have been
//! replaced by a fetch of which the store has lost the trace is treated as after a crash.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::keeper::Keeper;
use crate::policy::STORE_DEADLINE;
use crate::registry::{Keepers, Shared};
use crate::rotation::Fact;
use crate::store::{Change, Record, StoreError};
use crate::token::Token;

/// Two tokens that end within so little of each other may have been issued in either order: clocks differ.
const CLOSE: Duration = Duration::from_secs(5);

/// How many records that were told of are read at once.
const READS: usize = 64;

/// Follows the store until the future is dropped.
pub(crate) async fn run(shared: Arc<Shared>, keepers: Arc<Keepers>) {
    let mut told = JoinSet::new();
    let mut comparing = JoinSet::new();
    let mut may_have_missed = false;
    loop {
        // One pass at a time: with very many keepers it takes longer than the store waits before it asks for the next.
        if may_have_missed && comparing.is_empty() {
            may_have_missed = false;
            let all = keepers.pin().values().cloned().collect();
            comparing.spawn(compare_all(all));
        }
        tokio::select! {
            change = shared.store.changed(), if told.len() < READS => match change {
                Change::Credential(credential, stored_at) => {
                    if let Some(keeper) = keepers.pin().get(&credential).cloned() {
                        told.spawn(async move {
                            let compared = compare(&keeper).await;
                            if let Some(at) = stored_at.filter(|_| compared.is_ok()) {
                                let shared = &keeper.shared;
                                shared.measures.propagation.count(shared.clock.now().wall.since(at));
                            }
                        });
                    }
                }
                Change::Anything => may_have_missed = true,
                Change::Forgotten(at) => {
                    shared.forgot_at(at);
                    may_have_missed = true;
                }
            },
            Some(_) = told.join_next() => {}
            Some(_) = comparing.join_next() => {}
        }
    }
}

async fn compare_all(keepers: Vec<Arc<Keeper>>) {
    for keeper in keepers {
        if compare(&keeper).await.is_err() {
            return; // The store tells when it can be asked again.
        }
        // After the look, since another node may have fetched since.
        if let Some(at) = keeper.shared.forgotten() {
            keeper.apply(Fact::Forgotten(at));
        }
    }
}

/// Has a keeper take over what the store holds, if that is later than what it knows.
async fn compare(keeper: &Arc<Keeper>) -> Result<(), StoreError> {
    let reading = keeper.shared.store.read(&keeper.credential);
    // One that hangs is found out by whoever needs the store; this one can wait.
    let Ok(read) = timeout(STORE_DEADLINE, reading).await else { return Ok(()) };
    match read? {
        Some(record) => take_over(keeper, record),
        None => keeper.apply(Fact::Lost),
    }
    Ok(())
}

/// A store that has lost its data counts generations anew, and may give a number out twice: then of two tokens the one that
/// ends later is the later one. It is given the next generation of those known here.
fn take_over(keeper: &Arc<Keeper>, record: Record) {
    let now = keeper.shared.clock.now();
    let (known, current) = keeper.with(|rotation, _| (rotation.generation(), rotation.current()));
    let other = record.token.clone().zip(current).filter(|(stored, (fingerprint, _))| {
        record.generation <= known && stored.fingerprint() != *fingerprint
    });
    let Some((stored, (_, ends))) = other else {
        return if record.generation >= known {
            keeper.adopt(record, Fact::Told);
        } else {
            keeper.apply(Fact::Told(Box::new(record)));
        };
    };
    let ends = now.wall_at(ends);
    let close = CLOSE.min(stored.full_life / 16);
    let is_close = stored.expires_at < ends + close && ends < stored.expires_at + close;
    if stored.expires_at > ends {
        let generation = known.next();
        let token = Some(Token { generation, ..stored });
        keeper.adopt(Record { generation, token, ..record.clone() }, Fact::Told);
    }
    keeper.apply(Fact::Told(Box::new(record)));
    if is_close {
        keeper.apply(Fact::Undecided);
    }
}
