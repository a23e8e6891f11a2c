//! Changes of accounts: what is asked for over HTTP, and the seam to the program that keeps them.
//!
//! The server reads a request and looks at its key. What it asks for is handed to whoever runs the server, since only he
//! knows which accounts are his configuration's, and what keeps them. He answers when the change is stored and in force.

use lingpai_core::{Account, AccountId, Failure, Secret, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::language::Bilingual;

/// How many changes may wait for those before them.
const QUEUE: usize = 64;

/// What is to become of an account.
#[derive(Debug)]
pub enum Change {
    /// Keep this one, which must be new.
    Create(Box<Account>),
    /// Keep it in another way.
    Update(AccountId, Edit),
    /// Give it another AppSecret. The token that is good stays.
    ReplaceSecret(AccountId, Secret),
    /// Keep it no longer.
    Remove(AccountId),
}

impl Change {
    /// The account that it is about.
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Create(account) => &account.id,
            Self::Update(id, _) | Self::ReplaceSecret(id, _) | Self::Remove(id) => id,
        }
    }

    /// What this change makes of the account as it is stored; none where there is none. Its times are for whoever stores
    /// it, who asks again if another process has changed the account meanwhile.
    ///
    /// # Errors
    /// [`Unchanged::Exists`] or [`Unchanged::Unknown`], where there is an account that should be new, or none to change;
    /// [`Unchanged::Wrong`], where the change does not go with what the account is like.
    pub fn apply(&self, stored: Option<&Account>) -> Result<Option<Account>, Unchanged> {
        match (self, stored) {
            (Self::Create(account), None) => Ok(Some(Account::clone(account))),
            (Self::Create(_), Some(_)) => Err(Unchanged::Exists),
            (_, None) => Err(Unchanged::Unknown),
            (Self::Update(_, edit), Some(stored)) => {
                let mut account = stored.clone();
                (edit.0)(&mut account).map_err(Unchanged::Wrong)?;
                Ok(Some(account))
            }
            (Self::ReplaceSecret(_, secret), Some(stored)) => {
                Ok(Some(Account { secret: secret.clone(), ..stored.clone() }))
            }
            (Self::Remove(_), Some(_)) => Ok(None),
        }
    }
}

/// What differs in an account that is kept in another way: never its name or its secret.
pub struct Edit(Box<Editing>);

/// What is done to the account; fails where it does not go with what the account is like.
type Editing = dyn Fn(&mut Account) -> Result<(), Bilingual> + Send + Sync;

impl Edit {
    pub(crate) fn new(
        edit: impl Fn(&mut Account) -> Result<(), Bilingual> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(edit))
    }
}

impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Edit")
    }
}

/// A change that was made: what there is now.
#[derive(Debug)]
pub struct Changed {
    /// The account as it is stored; none if it was removed.
    pub account: Option<Account>,
    /// Why WeChat could not say whether a new AppSecret is right, if it could not. It was taken all the same.
    pub untried: Option<Failure>,
}

/// Why a change was not made.
#[derive(Debug)]
pub enum Unchanged {
    /// There is no such account.
    Unknown,
    /// There is one already.
    Exists,
    /// It stands in this file, which wins over the store.
    Configured(String),
    /// An account cannot be like this: what is wrong.
    Wrong(Bilingual),
    /// WeChat refuses the new AppSecret.
    SecretRefused(Failure),
    /// The store cannot do it.
    Store(StoreError),
}

impl From<StoreError> for Unchanged {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The changes that clients of a server ask for, in their order. After it was dropped, none is made.
#[derive(Debug)]
pub struct Changes(mpsc::Receiver<Asked>);

/// Where changes are handed over.
pub(crate) type Desk = mpsc::Sender<Asked>;

/// A change that somebody waits for.
#[derive(Debug)]
pub(crate) struct Asked {
    change: Change,
    reply: oneshot::Sender<Result<Changed, Unchanged>>,
}

/// Where the outcome of a change is told.
#[derive(Debug)]
pub struct Reply(oneshot::Sender<Result<Changed, Unchanged>>);

impl Changes {
    pub(crate) fn channel() -> (Desk, Self) {
        let (desk, changes) = mpsc::channel(QUEUE);
        (desk, Self(changes))
    }

    /// The next change that somebody still waits for; none when the server has gone. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<(Change, Reply)> {
        loop {
            let Asked { change, reply } = self.0.recv().await?;
            if !reply.is_closed() {
                return Some((change, Reply(reply)));
            }
        }
    }
}

impl Reply {
    /// Tells the client. He may have gone.
    pub fn send(self, outcome: Result<Changed, Unchanged>) {
        let _ = self.0.send(outcome);
    }
}

/// Hands a change over, and waits for its outcome. None if nobody takes it.
pub(crate) async fn ask(desk: &Desk, change: Change) -> Option<Result<Changed, Unchanged>> {
    let (reply, outcome) = oneshot::channel();
    desk.send(Asked { change, reply }).await.ok()?;
    outcome.await.ok()
}
