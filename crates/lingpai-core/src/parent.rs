//! A credential that others depend on, as their issuers see it: a ticket is asked for with the account's access_token, an
//! authorizer's token with its platform's.

use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;

use crate::failure::{Class, Failure, Reached};
use crate::id::CredentialId;
use crate::keeper::{Keeper, Unavailable};
use crate::registry::Keepers;
use crate::secret::Secret;

/// The credential that an issuer's calls carry. [`Registry::parent`](crate::Registry::parent) gives it, for one that is
/// kept now or later.
#[async_trait]
pub trait Parent: fmt::Debug + Send + Sync + 'static {
    /// The current value, or what comes of the fetch for it. Waits as long as that goes on.
    ///
    /// # Errors
    /// A transient failure that says why there is none: with the parent mended, the dependent is too.
    async fn value(&self) -> Result<Secret, Failure>;

    /// Takes in that upstream refused a call with this value, and answers with the one to use instead: compare, try,
    /// refresh. The same value comes back if upstream accepts it after all.
    ///
    /// # Errors
    /// As of [`Parent::value`].
    async fn instead_of(&self, refused: &Secret) -> Result<Secret, Failure>;
}

/// One that is looked up when it is needed: it may come and go.
pub(crate) struct Kept {
    credential: CredentialId,
    /// The registry holds the keepers, and they their issuers.
    keepers: Weak<Keepers>,
}

impl Kept {
    pub(crate) fn new(credential: CredentialId, keepers: &Arc<Keepers>) -> Self {
        Self { credential, keepers: Arc::downgrade(keepers) }
    }

    fn keeper(&self) -> Result<Arc<Keeper>, Failure> {
        let keepers = self.keepers.upgrade();
        let found = keepers.and_then(|keepers| keepers.pin().get(&self.credential).cloned());
        let what = || format!("{} is needed for it, and is not kept here", self.credential);
        found.ok_or_else(|| Failure::new(Class::Transient, what()))
    }
}

#[async_trait]
impl Parent for Kept {
    async fn value(&self) -> Result<Secret, Failure> {
        let fresh = self.keeper()?.fresh().await.map_err(wanting)?;
        Ok(fresh.value.clone())
    }

    async fn instead_of(&self, refused: &Secret) -> Result<Secret, Failure> {
        let keeper = self.keeper()?;
        let reported = keeper.report_invalid(refused.expose()).await.map_err(wanting)?;
        Ok(reported.token.value.clone())
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.credential).finish()
    }
}

/// What stands in the parent's way, as the dependent's failure. Its pauses are its own: it is tried again soon.
fn wanting(unavailable: Unavailable) -> Failure {
    let Unavailable { credential, failure, .. } = unavailable;
    let message = format!("{} is needed for it: {}", credential.kind, failure.message);
    Failure { class: Class::Transient, reached: Reached::No, message, ..failure }
}
