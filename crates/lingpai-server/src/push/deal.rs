//! Who a push is for: Lingpai itself, or the business, now or later.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lingpai_core::AccountId;
use lingpai_core::outbox::{Delivery, MOST_PARCELS, Parcel, Put};
use lingpai_core::push::{Relay, RelayForm};
use lingpai_wechat::push::{Format, Message, Notice};
use tokio::time::{Instant, timeout_at};

use super::Pushes;
use super::endpoint::{Believed, Endpoint};
use super::flights::Outcome;
use super::letter::{Authorizer, Letter};
use super::notices::Taken;
use super::relay::NotTaken;

/// What WeChat takes for: no answer, and do not send it again.
const SUCCESS: &[u8] = b"success";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// A message for an account that is not known here is kept with its platform while fewer than these wait there: beyond them
/// there is always room for the codes and links of authorisations, which wait there too.
const MOST_WITH_STRANGERS: usize = MOST_PARCELS / 2;

/// A push that was believed and has not come before.
pub(super) struct Received {
    pub(super) endpoint: Arc<Endpoint>,
    /// Whose it is, at the URL that a platform has for those who have authorised it.
    pub(super) authorizer: Option<AccountId>,
    pub(super) believed: Believed,
    pub(super) message: Message,
    pub(super) query: String,
    pub(super) body: Vec<u8>,
}

impl Pushes {
    /// Gives a push to whoever it is for. Ends in time, and only when it is with him or durable.
    pub(super) async fn deal(&self, push: Received, until: Instant) -> Outcome {
        let account = &push.endpoint.account;
        match self.noticed(&push, until).await {
            Ok(Taken::Kept) => return success(),
            Ok(Taken::PassOn) => {}
            Err(error) => {
                tracing::error!(%account, error, "a notice could not be kept; WeChat sends it again");
                return Outcome::NotTaken;
            }
        }
        if let Some(outcome) = self.checked(&push, until).await {
            return outcome;
        }
        let Some(relay) = push.endpoint.relay(push.authorizer.is_some()) else {
            tracing::debug!(%account, "a push has nowhere to go");
            return success();
        };
        let Some(letter) = push.letter(relay.form) else { return Outcome::NotTaken };
        match self.pass_on(&push.endpoint, relay, &letter, until).await {
            Ok(answer) => self.answer(&push, relay.form, answer).unwrap_or_else(success),
            Err(why) => self.keep(&push, &letter, &why).await,
        }
    }

    /// Offers what is about credentials to whoever keeps them.
    async fn noticed(&self, push: &Received, until: Instant) -> Result<Taken, String> {
        let Some(notices) = &self.notices else { return Ok(Taken::PassOn) };
        let account = &push.endpoint.account;
        let Ok(notice) = Notice::of(&push.message) else {
            tracing::warn!(%account, "a notice lacks what it should have, and is passed on as a message is");
            return Ok(Taken::PassOn);
        };
        let Some(notice) = notice else { return Ok(Taken::PassOn) };
        match timeout_at(until, notices.take(account, &notice)).await {
            Ok(taken) => taken.map_err(|error| error.to_string()),
            Err(_) => Err("it took too long".to_owned()),
        }
    }

    /// Sends a push to the business.
    pub(super) async fn pass_on(
        &self,
        endpoint: &Endpoint,
        relay: &Relay,
        letter: &Letter,
        until: Instant,
    ) -> Result<Bytes, NotTaken> {
        let mut nonce = [0; 4];
        getrandom::fill(&mut nonce).map_err(|error| NotTaken::here(error.to_string()))?;
        let nonce = u32::from_ne_bytes(nonce);
        let query = letter.query_at(&endpoint.crypt, self.seconds(), nonce);
        let about = letter.authorizer.as_ref().map_or(&endpoint.account, |it| &it.account);
        self.relays.send((relay, about), &query, letter.content_type(), &letter.body, until).await
    }

    /// What WeChat is answered for the business. None if it says nothing.
    fn answer(&self, push: &Received, form: RelayForm, answer: Bytes) -> Option<Outcome> {
        let text = std::str::from_utf8(&answer).ok()?;
        if matches!(text.trim(), "" | "success") {
            return None;
        }
        if form == RelayForm::Plain && push.believed.sealing.is_some() {
            return self.sealed(push, &answer);
        }
        let kind = Format::of(text).map_or(TEXT, Format::content_type);
        Some(Outcome::Answer(kind, answer))
    }

    /// An answer as the push was: encrypted, with the key that opened it.
    pub(super) fn sealed(&self, push: &Received, answer: &[u8]) -> Option<Outcome> {
        let format = push.message.format();
        let Some(sealing) = &push.believed.sealing else {
            return Some(Outcome::Answer(format.content_type(), answer.to_vec().into()));
        };
        let sealed = push.endpoint.crypt.seal(sealing, answer, self.seconds()).ok()?;
        Some(Outcome::Answer(format.content_type(), sealed.as_answer(format).into()))
    }

    /// Keeps a push that the business did not take.
    async fn keep(&self, push: &Received, letter: &Letter, why: &NotTaken) -> Outcome {
        let (account, id, most) = self.queue(push).await;
        let now = self.clock.now().wall;
        let parcel = Parcel {
            account: account.clone(),
            id,
            content: letter.to_text(),
            received_at: now,
            delivery: Delivery {
                attempts: 1,
                due_at: Some(now + Duration::from_secs(1)),
                failure: Some(why.why.clone()),
            },
        };
        match self.outbox.put_parcel_within(&parcel, most).await {
            Ok(Put::Kept | Put::Known) => {
                let why = &why.why;
                tracing::warn!(%account, push = parcel.id, why, "the business did not take a push; it is kept and tried again");
                self.due.notify_one();
                success()
            }
            Ok(Put::Full) => {
                tracing::error!(%account, "the business takes no pushes, and there is no room for more");
                Outcome::NotTaken
            }
            Err(error) => {
                tracing::error!(%account, %error, "a push could not be kept; WeChat sends it again");
                Outcome::NotTaken
            }
        }
    }

    /// Where it waits, by which id, and among how many at most: an authorizer's with that account, whose order it keeps, or
    /// with the platform if no such account is known here.
    async fn queue<'a>(&self, push: &'a Received) -> (&'a AccountId, String, usize) {
        let (platform, id) = (&push.endpoint.account, push.message.identity());
        match &push.authorizer {
            None => (platform, id, MOST_PARCELS),
            Some(account) if self.endpoints.is_of(account, platform).await => {
                (account, id, MOST_PARCELS)
            }
            Some(account) => (platform, format!("{id}{account}"), MOST_WITH_STRANGERS),
        }
    }

    /// The time in seconds.
    pub(super) fn seconds(&self) -> i64 {
        self.clock.now().wall.as_millis() / 1000
    }
}

impl Received {
    /// What goes to the business.
    fn letter(&self, form: RelayForm) -> Option<Letter> {
        let body = match form {
            RelayForm::Raw => &self.body,
            RelayForm::Plain => &self.believed.message,
        };
        let body = String::from_utf8(body.clone()).ok()?;
        let platform = || self.endpoint.account.clone();
        let authorizer = self.authorizer.clone();
        let authorizer = authorizer.map(|account| Authorizer { platform: platform(), account });
        Some(Letter { form, query: self.query.clone(), body, authorizer })
    }
}

fn success() -> Outcome {
    Outcome::Answer(TEXT, Bytes::from_static(SUCCESS))
}
