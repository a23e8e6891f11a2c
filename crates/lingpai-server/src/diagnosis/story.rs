//! What happened to one token, and to one account, as the events tell it.

use lingpai_core::event::{AccountChange, Event, What};
use lingpai_core::rotation::Reason;
use lingpai_core::{AccountId, CredentialId, Failure, Fingerprint, Generation, Timestamp};

use super::{Facts, Kept};

/// What happened to one token.
#[derive(Clone, Debug)]
pub(super) struct Story<'a> {
    pub(super) credential: &'a CredentialId,
    /// When it was issued, and when it ends; none if that is no longer known.
    pub(super) issued_at: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    /// When another one took its place, and why.
    pub(super) replaced: Option<(Timestamp, Option<Reason>)>,
    /// When WeChat refused it though it should have been good, and how.
    pub(super) refused: Option<(Timestamp, &'a Failure)>,
    /// When WeChat last accepted it although somebody said that it was refused.
    pub(super) accepted_at: Option<Timestamp>,
    pub(super) is_current: bool,
}

impl<'a> Story<'a> {
    /// The story of the token with this fingerprint, if it is known.
    pub(super) fn of(fingerprint: Fingerprint, facts: &Facts<'a>) -> Option<Self> {
        let kept = facts.kept.iter().find(|kept| kept.knows(fingerprint));
        let told = facts.events.iter().find(|event| is_issue_of(event, fingerprint));
        let credential = match kept {
            Some(kept) => &kept.credential,
            None => told.and_then(|event| event.credential.as_ref())?,
        };
        let mut story = Self {
            credential,
            issued_at: None,
            expires_at: None,
            replaced: None,
            refused: None,
            accepted_at: None,
            is_current: false,
        };
        let mut generation = None;
        for event in oldest_first(facts, credential) {
            story.take(event, fingerprint, &mut generation);
        }
        if let Some(kept) = kept {
            story.look_at(kept, fingerprint);
        }
        Some(story)
    }

    fn take(&mut self, event: &'a Event, of: Fingerprint, generation: &mut Option<Generation>) {
        match &event.what {
            What::Rotated { fingerprint, generation: new, expires_at, .. }
                if *fingerprint == of =>
            {
                *generation = Some(*new);
                (self.issued_at, self.expires_at) = (Some(event.at), Some(*expires_at));
                self.replaced = None;
            }
            What::Rotated { reason, .. } if generation.is_some() => {
                self.replaced.get_or_insert((event.at, Some(*reason)));
            }
            What::Repeated { generation: same, expires_at, .. } if *generation == Some(*same) => {
                self.expires_at = Some(*expires_at);
            }
            What::RogueRefresher { fingerprint, failure } if *fingerprint == of => {
                self.refused = Some((event.at, failure));
            }
            What::ReportUnfounded { fingerprint } if *fingerprint == of => {
                self.accepted_at = Some(event.at);
            }
            _ => {}
        }
    }

    /// What the record says, which is never behind the events.
    fn look_at(&mut self, kept: &Kept, of: Fingerprint) {
        match &kept.current {
            Some(current) if current.fingerprint == of => {
                self.is_current = true;
                self.issued_at = self.issued_at.or(Some(current.issued_at));
                self.expires_at = Some(current.expires_at);
                self.replaced = None;
            }
            Some(current) if self.replaced.is_none() => {
                self.replaced = Some((current.issued_at, None));
            }
            _ => {}
        }
    }

    pub(super) fn account(&self) -> &'a AccountId {
        &self.credential.account
    }
}

impl Kept {
    fn knows(&self, fingerprint: Fingerprint) -> bool {
        self.current.is_some_and(|current| current.fingerprint == fingerprint)
            || self.previous.is_some_and(|previous| previous.fingerprint == fingerprint)
    }
}

fn is_issue_of(event: &Event, of: Fingerprint) -> bool {
    matches!(event.what, What::Rotated { fingerprint, .. } if fingerprint == of)
}

fn oldest_first<'a>(
    facts: &Facts<'a>,
    credential: &CredentialId,
) -> impl Iterator<Item = &'a Event> {
    let events = facts.events.iter().rev();
    events.filter(move |event| event.credential.as_ref() == Some(credential))
}

/// What happened to an account, apart from single tokens.
#[derive(Clone, Debug, Default)]
pub(super) struct Chronicle<'a> {
    /// When WeChat refused a token that should have been good, the oldest first.
    pub(super) rogue: Vec<Timestamp>,
    /// The failures since the last token came, the oldest first.
    pub(super) failing: Vec<(Timestamp, &'a Failure)>,
    /// When the last token came.
    pub(super) rotated_at: Option<Timestamp>,
    /// When somebody last gave the account another secret.
    pub(super) secret_replaced_at: Option<Timestamp>,
}

impl<'a> Chronicle<'a> {
    pub(super) fn of(account: &AccountId, facts: &Facts<'a>) -> Self {
        let mut chronicle = Self::default();
        for event in facts.events.iter().rev().filter(|event| event.account() == Some(account)) {
            match &event.what {
                What::Rotated { .. } => {
                    chronicle.rotated_at = Some(event.at);
                    chronicle.failing.clear();
                }
                What::Repeated { .. } => chronicle.failing.clear(),
                What::Failed { failure, .. } => chronicle.failing.push((event.at, failure)),
                What::RogueRefresher { .. } => chronicle.rogue.push(event.at),
                What::AccountChanged { change: AccountChange::SecretReplaced, .. } => {
                    chronicle.secret_replaced_at = Some(event.at);
                }
                _ => {}
            }
        }
        chronicle
    }

    /// The failure that stands in the way of a token now: since when, and the last.
    pub(super) fn trouble(&self) -> Option<(Timestamp, &'a Failure)> {
        let (_, last) = self.failing.last()?;
        // Since this sort of failure began.
        let same = self.failing.iter().rev().take_while(|(_, failure)| failure.code == last.code);
        same.last().map(|(since, _)| (*since, *last))
    }
}
