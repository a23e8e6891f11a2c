//! What a command has changed in the store directly, noted there as a server notes it: in the audit trail, and as an event.

use std::fs;

use lingpai_core::audit::{Action, Deed, Note, Who};
use lingpai_core::event::{AccountChange, BY_COMMAND, Event, KeyChange, What};
use lingpai_core::{AccountId, Clock, CredentialId, NodeId, Store, SystemClock};

use crate::keeping::OpenStore;
use crate::language::say;
use crate::output;

/// An account was changed by this command.
pub(super) async fn account(
    store: &OpenStore,
    command: &str,
    account: &AccountId,
    change: AccountChange,
) {
    let credential = CredentialId::access_token(account.clone());
    let deed = Deed::new(change);
    let what = What::AccountChanged { change, key: BY_COMMAND.to_owned() };
    note((&*store.store(), store.node()), command, Some(credential), deed, Some(what)).await;
}

/// A key was made or revoked by this command.
pub(super) async fn key(store: &OpenStore, command: &str, key: &str, change: KeyChange) {
    let deed = Deed::new(change).to(key);
    let what = What::KeyChanged { change, key: key.to_owned(), by: BY_COMMAND.to_owned() };
    note((&*store.store(), store.node()), command, None, deed, Some(what)).await;
}

/// Something was done by this command with an account as a whole, of which no event tells.
pub(super) async fn with_account(
    store: &OpenStore,
    command: &str,
    account: &AccountId,
    action: Action,
) {
    let credential = CredentialId::access_token(account.clone());
    let of = (&*store.store(), store.node());
    note(of, command, Some(credential), Deed::new(action), None).await;
}

/// Something was done by this command to the store as a whole.
pub(super) async fn deed(store: &dyn Store, node: NodeId, command: &str, deed: Deed) {
    note((store, node), command, None, deed, None).await;
}

/// What was done stays done, noted or not; that it is not noted is said.
async fn note(
    (store, node): (&dyn Store, NodeId),
    command: &str,
    credential: Option<CredentialId>,
    deed: Deed,
    what: Option<What>,
) {
    let at = SystemClock::new().now().wall;
    let who = Who::Command { command: format!("lingpai {command}"), user: user() };
    let note = Note { at, node: node.clone(), who, credential: credential.clone(), deed };
    let event = what.map(|what| Event { at, credential, node, what });
    let outcome = match store.note(&[note]).await {
        Ok(()) => store.record(event.as_slice()).await,
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        output::tell(&say!(
            "warning: the change is made, but could not be noted in the audit trail: {error}",
            "警告：修改已生效，但未能写入审计记录：{error}"
        ));
    }
}

/// Who runs this program: the name that the system has for him, and whom `sudo` names behind root.
fn user() -> String {
    let id = rustix::process::getuid();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = name_of(id.as_raw(), &users).unwrap_or_else(|| format!("uid {}", id.as_raw()));
    match std::env::var("SUDO_USER") {
        Ok(behind) if id.is_root() && !behind.is_empty() => format!("{name} ({behind})"),
        _ => name,
    }
}

/// The name of the user of this number in a file in the form of `/etc/passwd`.
fn name_of(id: u32, users: &str) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_as_the_system_names_him() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\nbroken\nwei:x:1000:1000::/var/lib/wei:/bin/sh\n";
        assert_eq!(name_of(1000, users).as_deref(), Some("wei"));
        assert_eq!(name_of(7, users), None);
    }
}
