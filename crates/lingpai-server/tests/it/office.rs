//! Who changes accounts, in the place of the program around a server.

use std::sync::Arc;

use lingpai_core::{Class, Directory, Failure, Issuer, Registry};
use lingpai_server::change::{Change, Changed, Changes, Unchanged};

use crate::house::{FakeUpstream, OTHER, ShakyDirectory, credential};

/// [`OTHER`] stands in its configuration. Of two secrets it knows what WeChat says: `wrong` and `unknown`.
pub(crate) struct Office {
    directory: Arc<ShakyDirectory>,
    registry: Arc<Registry>,
    upstream: Arc<FakeUpstream>,
}

impl Office {
    pub(crate) fn new(
        directory: &Arc<ShakyDirectory>,
        registry: &Arc<Registry>,
        upstream: &Arc<FakeUpstream>,
    ) -> Self {
        let (directory, registry) = (Arc::clone(directory), Arc::clone(registry));
        Self { directory, registry, upstream: Arc::clone(upstream) }
    }

    pub(crate) async fn make_all(self, mut changes: Changes) {
        while let Some((change, reply)) = changes.next().await {
            reply.send(self.make(change).await);
        }
    }

    async fn make(&self, change: Change) -> Result<Changed, Unchanged> {
        let id = change.account().clone();
        if id.as_str() == OTHER {
            return Err(Unchanged::Configured("lingpai.toml".to_owned()));
        }
        let stored = self.directory.account(&id).await?;
        let untried = match &change {
            Change::ReplaceSecret(_, secret) if secret.expose() == "wrong" => {
                let mut failure = Failure::new(Class::NeedsPerson, "invalid appsecret");
                failure.code = Some(40125);
                return Err(Unchanged::SecretRefused(failure));
            }
            Change::ReplaceSecret(_, secret) if secret.expose() == "unknown" => {
                Some(Failure::new(Class::Transient, "no answer"))
            }
            _ => None,
        };
        let account = change.apply(stored.as_ref())?;
        match &account {
            Some(account) => {
                self.directory.put_account(account, stored.as_ref()).await?;
                let issuer: Arc<dyn Issuer> = Arc::clone(&self.upstream) as _;
                let policy = Arc::new(account.policy.clone());
                self.registry.manage(credential(id.as_str()), issuer, policy);
            }
            None => {
                self.directory.remove_account(&id).await?;
                self.registry.forget(&credential(id.as_str()));
            }
        }
        Ok(Changed { account, untried })
    }
}
