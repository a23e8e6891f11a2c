//! Very many who have authorised a platform: taken over from another system, or found again in WeChat's list, many at once, so that
//! the store groups its commits.

use std::sync::Arc;

use lingpai_core::{Account, AccountId, StoreError};
use lingpai_server::authorize::{Admission, Newcomer, NotInvited, Recovered, Sort};
use tokio::task::JoinSet;

use super::Codes;
use crate::keeping::Engine;

/// So many are stored side by side.
const AT_ONCE: usize = 64;

/// Takes some over. With `keeping`, each is kept from then on; without, a server that runs on the store notices them.
///
/// # Errors
/// The store cannot do it; those before it are stored.
pub(super) async fn admit(
    codes: &Arc<Codes>,
    platform: &Account,
    newcomers: Vec<Newcomer>,
    replace: bool,
    keeping: Option<&Engine>,
) -> Result<Vec<(AccountId, Admission)>, StoreError> {
    let mut admissions: Vec<Option<(AccountId, Admission)>> =
        newcomers.iter().map(|_| None).collect();
    let mut newcomers = newcomers.into_iter().enumerate();
    let mut storing = JoinSet::new();
    let platform = Arc::new(platform.clone());
    loop {
        while storing.len() < AT_ONCE
            && let Some((at, newcomer)) = newcomers.next()
        {
            let (codes, platform) = (Arc::clone(codes), Arc::clone(&platform));
            storing.spawn(async move {
                let outcome = codes.platforms.admit(&platform, &newcomer, replace).await;
                (at, newcomer.account, outcome)
            });
        }
        let Some(stored) = storing.join_next().await else { break };
        // A task that panicked has stored nothing that is answered for.
        let Ok((at, authorizer, outcome)) = stored else { continue };
        let (admission, account) = outcome?;
        if let (Some(engine), Some(account)) = (keeping, account) {
            engine.keep(&account);
        }
        if let Some(place) = admissions.get_mut(at) {
            *place = Some((authorizer, admission));
        }
    }
    Ok(admissions.into_iter().flatten().collect())
}

/// Takes over those on the page of WeChat's list that begins at this place. What it lists is the last that WeChat gave.
///
/// # Errors
/// WeChat or the store cannot do it.
pub(super) async fn recover(
    codes: &Arc<Codes>,
    engine: &Engine,
    platform: &Account,
    offset: u64,
    is_kept: bool,
) -> Result<Recovered, NotInvited> {
    let token = codes.platforms.token(platform);
    let page = engine.wechat().authorizers(platform, token, offset).await;
    let page = page.map_err(NotInvited::Refused)?;
    let newcomers = page.found.into_iter().map(|it| Newcomer {
        account: it.authorizer,
        refresh_token: it.refresh_token,
        sort: Sort::default(),
    });
    let keeping = is_kept.then_some(engine);
    let admissions = admit(codes, platform, newcomers.collect(), true, keeping).await;
    let admissions = admissions.map_err(NotInvited::Store)?;
    let end = offset.saturating_add(page.listed);
    let next = (page.listed > 0 && end < page.total).then_some(end);
    Ok(Recovered { total: page.total, next, admissions })
}
