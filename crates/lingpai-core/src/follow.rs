//! Taking over what other nodes store, as soon as the store tells of it.
//!
//! What the store tells is a hint: the record is read, and only a later one than the keeper knows is taken over. After
//! changes may have been lost, every keeper is compared with the store, one after another, so that a million of them do
//! not ask at once.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::keeper::Keeper;
use crate::policy::STORE_DEADLINE;
use crate::registry::{Keepers, Shared};
use crate::rotation::Fact;
use crate::store::{Change, StoreError};

/// How many records that were told of are read at once.
const READS: usize = 64;

/// Follows the store until the future is dropped.
pub(crate) async fn run(shared: Arc<Shared>, keepers: Arc<Keepers>) {
    let mut told = JoinSet::new();
    let mut to_compare: Vec<Arc<Keeper>> = Vec::new();
    loop {
        tokio::select! {
            biased;
            change = shared.store.changed(), if told.len() < READS => match change {
                Change::Credential(credential) => {
                    if let Some(keeper) = keepers.pin().get(&credential).cloned() {
                        told.spawn(async move { compare(&keeper).await });
                    }
                }
                Change::Anything => to_compare = keepers.pin().values().cloned().collect(),
            },
            Some(_) = told.join_next() => {}
            compared = compare_last(&to_compare), if !to_compare.is_empty() => match compared {
                Ok(()) => drop(to_compare.pop()),
                // The store tells when it can be asked again.
                Err(_) => to_compare.clear(),
            },
        }
    }
}

async fn compare_last(keepers: &[Arc<Keeper>]) -> Result<(), StoreError> {
    match keepers.last() {
        Some(keeper) => compare(keeper).await,
        None => Ok(()),
    }
}

/// Has a keeper take over what the store holds, if that is later than what it knows.
async fn compare(keeper: &Arc<Keeper>) -> Result<(), StoreError> {
    let reading = keeper.shared.store.read(&keeper.credential);
    // One that hangs is found out by whoever needs the store; this one can wait.
    let Ok(read) = timeout(STORE_DEADLINE, reading).await else { return Ok(()) };
    if let Some(record) = read? {
        keeper.adopt(record, Fact::Told);
    }
    Ok(())
}
