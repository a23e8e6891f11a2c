//! A restored store is older than the truth: WeChat's list of those who have authorised a platform is gone through once, before
//! any of them is refreshed.
//!
//! One node does it, page by page, at a civil rate. Each page is stored with what it had, so that another process goes on behind
//! it after a crash. In the end those are let go that WeChat neither lists nor calls authorised, and the mark is lifted.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::What;
use lingpai_core::outbox::{Outbox, Parcel, Put};
use lingpai_core::store::{Begun, Claim, StoreErrorKind};
use lingpai_core::{
    Account, AccountId, AccountKind, Class, CredentialId, Directory, Failure, Generation, Kind,
    Secret, StoreError, Timestamp,
};
use lingpai_server::authorize::{Admission, NotInvited};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Codes, crowd};
use crate::keeping::{Engine, held};

/// What is leased by the node that goes through a list.
const LIST: Kind = Kind::named("authorizer_list");
/// For how long, longer than a page takes. It is leased anew for each.
const LEASE: Duration = Duration::from_mins(1);
/// Between two calls of WeChat: nobody is in so much of a hurry.
const CIVIL: Duration = Duration::from_millis(250);
/// How often it is looked whether another node has come to the end.
const LOOK: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Goes through the lists of platforms that are marked.
#[derive(Clone)]
pub(super) struct Reconciler {
    pub(super) codes: Arc<Codes>,
    pub(super) engine: Arc<Engine>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) outbox: Arc<dyn Outbox>,
}

/// What a page had.
#[derive(Default, Serialize, Deserialize)]
struct Learnt {
    /// Where the next one begins; none: it was the last.
    next: Option<u64>,
    listed: Vec<AccountId>,
    added: u64,
    renewed: u64,
}

/// How far it is.
enum Stage {
    /// Nobody's authorizers are held any more.
    Lifted,
    /// Another node is at it.
    Elsewhere,
}

impl Reconciler {
    /// Goes through the lists of all platforms that are marked, and of those whose mark is seen later; never ends.
    pub(super) async fn run(self) -> Infallible {
        let (mut begun, mut all) = (HashSet::new(), JoinSet::new());
        loop {
            for platform in self.engine.held.platforms() {
                if begun.insert(platform.clone()) {
                    let reconciler = self.clone();
                    all.spawn(async move { reconciler.insist(&platform).await });
                }
            }
            self.engine.held.more().await;
        }
    }

    async fn insist(&self, platform: &AccountId) {
        let mut pause = Duration::from_secs(1);
        loop {
            match self.attempt(platform).await {
                Ok(Stage::Lifted) => return,
                Ok(Stage::Elsewhere) => sleep(LOOK).await,
                Err(failure) => {
                    tracing::warn!(%platform, %failure, "WeChat's list of authorizers could not be gone through since the store was restored; it is tried again, and until then none of them is refreshed");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn attempt(&self, id: &AccountId) -> Result<Stage, Failure> {
        let marks = held::marks(&*self.outbox, id).await.map_err(down)?;
        let platform = self.directory.account(id).await.map_err(down)?;
        let platform = platform.filter(|account| account.kind == AccountKind::Platform);
        let (Some(platform), false) = (platform, marks.is_empty()) else {
            return self.lift(id).await;
        };
        if !self.is_ours(id).await? {
            return Ok(Stage::Elsewhere);
        }
        let mut pages: Vec<Learnt> = marks.iter().filter_map(learnt).collect();
        let mut next =
            pages.iter().map(|page| page.next).max_by_key(|next| next.unwrap_or(u64::MAX));
        while let Some(offset) = next.unwrap_or(Some(0)) {
            if !self.is_ours(id).await? {
                return Ok(Stage::Elsewhere);
            }
            let page = self.page(&platform, offset).await?;
            next = Some(page.next);
            pages.push(page);
            sleep(CIVIL).await;
        }
        let listed: HashSet<_> =
            pages.iter().flat_map(|page| page.listed.iter().cloned()).collect();
        let Some(removed) = self.let_go(&platform, &listed).await? else {
            return Ok(Stage::Elsewhere);
        };
        held::unmark(&*self.outbox, id).await.map_err(down)?;
        let count = |of: fn(&Learnt) -> u64| pages.iter().map(of).sum();
        self.engine.registry.tell(
            Some(CredentialId::new(lingpai_wechat::kinds::COMPONENT_TOKEN, id.clone())),
            What::AuthorizersReconciled {
                listed: listed.len() as u64,
                added: count(|page| page.added),
                renewed: count(|page| page.renewed),
                removed,
            },
        );
        self.lift(id).await
    }

    /// Takes in a page of the list.
    async fn page(&self, platform: &Account, offset: u64) -> Result<Learnt, Failure> {
        let page = crowd::recover(&self.codes, &self.engine, platform, offset, true).await;
        let page = page.map_err(|why| match why {
            NotInvited::Refused(failure) => failure,
            NotInvited::Store(error) => down(error),
            NotInvited::NoPlatform => Failure::new(Class::Transient, "the platform is gone"),
        })?;
        let of = |wanted: Admission| page.admissions.iter().filter(|(_, it)| *it == wanted).count();
        let (added, renewed) = (of(Admission::Added) as u64, of(Admission::Replaced) as u64);
        let listed: Vec<_> =
            page.admissions.into_iter().map(|(authorizer, _)| authorizer).collect();
        let (seen, total) = (offset + listed.len() as u64, page.total);
        let learnt = Learnt { next: page.next, listed, added, renewed };
        let content = serde_json::to_string(&learnt).map_err(|error| {
            Failure::new(Class::Transient, format!("what WeChat lists cannot be noted: {error}"))
        })?;
        let parcel = held::page(&platform.id, offset, Secret::from(content), self.now());
        if self.outbox.put_parcel(&parcel).await.map_err(down)? == Put::Full {
            tracing::debug!(platform = %platform.id, "it cannot be noted how far the list was gone through");
        }
        tracing::info!(
            platform = %platform.id, seen, total, added, renewed,
            "the store was restored: going through WeChat's list of authorizers"
        );
        Ok(learnt)
    }

    /// Lets those go that are not on the list, if WeChat says so once more: how many; none if another node is at it by now. An
    /// authorisation that has just come is on no page.
    async fn let_go(
        &self,
        platform: &Account,
        listed: &HashSet<AccountId>,
    ) -> Result<Option<u64>, Failure> {
        let mut removed = 0;
        for account in self.authorizers(&platform.id).await? {
            if listed.contains(&account.id) {
                continue;
            }
            if !self.is_ours(&platform.id).await? {
                return Ok(None);
            }
            if self.codes.platforms.let_go_if_ended(platform, &account.id).await? {
                removed += 1;
            }
            sleep(CIVIL).await;
        }
        Ok(self.is_ours(&platform.id).await?.then_some(removed))
    }

    /// All authorizers are as the store has them now, and are refreshed again.
    async fn lift(&self, platform: &AccountId) -> Result<Stage, Failure> {
        self.engine.lift(platform, &self.authorizers(platform).await?);
        Ok(Stage::Lifted)
    }

    async fn authorizers(&self, platform: &AccountId) -> Result<Vec<Account>, Failure> {
        let mut accounts = self.directory.accounts().await.map_err(down)?;
        accounts.retain(|account| {
            account.kind.is_authorizer() && account.platform.as_ref() == Some(platform)
        });
        Ok(accounts)
    }

    /// Takes the lease, or keeps it.
    async fn is_ours(&self, platform: &AccountId) -> Result<bool, Failure> {
        let registry = &self.engine.registry;
        let credential = CredentialId::new(LIST, platform.clone());
        let known = registry.store().read(&credential).await.map_err(down)?;
        let at = self.now();
        let claim = Claim {
            known: known.map_or(Generation(0), |record| record.generation),
            credential,
            node: registry.node().clone(),
            settles: None,
            way: None,
            at,
            deadline: at + LEASE,
            lease: LEASE,
        };
        let begun = registry.store().begin(claim).await.map_err(down)?;
        Ok(matches!(begun, Begun::Granted { .. }))
    }

    fn now(&self) -> Timestamp {
        self.engine.registry.clock().now().wall
    }
}

/// What a page had that was gone through. The mark itself is none.
fn learnt(parcel: &Parcel) -> Option<Learnt> {
    serde_json::from_str(parcel.content.expose()).ok()
}

pub(super) fn down(error: StoreError) -> Failure {
    let StoreError { kind, message, .. } = error;
    let class = match kind {
        StoreErrorKind::Unavailable | StoreErrorKind::Changed => Class::Transient,
        _ => Class::NeedsPerson,
    };
    Failure::new(class, format!("the store: {message}"))
}

#[cfg(test)]
mod tests {
    use lingpai_core::NodeId;

    use super::*;
    use crate::keeping::Keeping;
    use crate::notices::Taker;

    /// A platform with an authorizer that WeChat does not list. WeChat cannot be reached.
    async fn stand() -> (Keeping, Account) {
        let keeping = Keeping::out_of_reach().await;
        let account = |id: &str, kind| Account {
            kind,
            ..Account::new(id.parse().unwrap(), "secret".into(), Timestamp::default())
        };
        let platform = account("wxp", AccountKind::Platform);
        let authorizer = Account {
            platform: Some(platform.id.clone()),
            ..account("wx1", AccountKind::Authorizer)
        };
        for account in [&platform, &authorizer] {
            keeping.store.directory().put_account(account, None).await.unwrap();
        }
        (keeping, platform)
    }

    #[tokio::test]
    async fn a_question_that_cannot_be_asked_is_asked_again_before_anything_is_lifted() {
        let (keeping, platform) = stand().await;
        let reconciler = Taker::new(&keeping).reconciler();
        let asked = reconciler.let_go(&platform, &HashSet::new()).await;
        assert!(asked.is_err(), "{asked:?}");
    }

    #[tokio::test]
    async fn a_node_whose_lease_another_has_comes_to_no_end() {
        let (keeping, platform) = stand().await;
        let reconciler = Taker::new(&keeping).reconciler();
        let at = reconciler.now();
        let claim = Claim {
            known: Generation(0),
            credential: CredentialId::new(LIST, platform.id.clone()),
            node: NodeId::new("another"),
            settles: None,
            way: None,
            at,
            deadline: at + LEASE,
            lease: LEASE,
        };
        keeping.registry.store().begin(claim).await.unwrap();
        for listed in [HashSet::new(), HashSet::from(["wx1".parse().unwrap()])] {
            assert_eq!(reconciler.let_go(&platform, &listed).await.unwrap(), None);
        }
    }
}
