//! What a backup is when it comes back: older than the truth.

use std::sync::Arc;

use lingpai_core::store::{Intent, Record};
use lingpai_core::{Account, Fence, Generation, StoreError, Timestamp, Token, Way};

use crate::archive::{Archive, Kept};
use crate::copy::{Far, Section, each};

/// So many rotations may have followed a backup. Generations go on above them, so that nobody sees one a second time.
const ROTATIONS: u64 = 10_000;

/// Treats everything in an archive as if a fetch had been lost since: a token that every fetch replaces is held back until one
/// fetch has settled which is the last. A companion becomes the account's secret, which the next fetch begins with: upstream may
/// have given a later one, and whoever learns of that puts it there. How many credentials there are; `tell` hears how far it is.
///
/// # Errors
/// As of every method of [`lingpai_core::Store`]. May be called again.
pub async fn make_outdated(
    archive: &Arc<dyn Archive>,
    at: Timestamp,
    tell: &mut (dyn FnMut(Far) + Send),
) -> Result<usize, StoreError> {
    let all = archive.kept().await?;
    let total = all.len();
    each(archive, Section::Credentials, all, tell, move |archive, kept| async move {
        let mut outdated = outdated(&kept, at);
        if let Some(token) = &mut outdated.record.token
            && token.companion.is_some()
            // One that is damaged keeps it where it is.
            && let Ok(Some(account)) = archive.account(&kept.record.credential.account).await
            && let Some(secret) = token.companion.take()
        {
            let with_it = Account { secret, ..account.clone() };
            archive.put_account(&with_it, Some(&account)).await?;
        }
        archive.keep(&outdated).await
    })
    .await?;
    Ok(total)
}

fn outdated(Kept { record, fence }: &Kept, at: Timestamp) -> Kept {
    let fence = Fence(fence.0 + 1);
    // `lost`: not only one fetch may have come after this token, so its overlap says nothing.
    let intent = Some(Intent { fence, way: Way::Primary, at, deadline: at, lost: 1 });
    let generation = Generation(record.generation.0 + ROTATIONS);
    let token = record.token.clone().map(|token| Token { generation, ..token });
    let record = Record { generation, token, intent, previous: None, ..record.clone() };
    Kept { record, fence }
}
