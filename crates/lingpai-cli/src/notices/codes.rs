//! Codes by which somebody has authorised a platform or a suite: each is traded once, whoever brings it.
//!
//! A code comes by push, with the browser of whoever gave it, or both ways, and is good once. So it is stored first and
//! acknowledged then, and traded afterwards, as often as it takes; a process that is killed meanwhile, or another node, goes
//! on with it. What came of it stays on record for a while, so that whoever brings it again is told and trades nothing.
//!
//! It is stored among the pushes that nobody delivers, where a person finds one that came to nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingpai_core::outbox::{Delivery, MOST_PARCELS, Outbox, Parcel, Put};
use lingpai_core::{
    Account, AccountId, AccountKind, Class, Directory, Failure, Fingerprint, Kind, Secret,
    StoreError, Timestamp,
};
use lingpai_wechat::kinds;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::platform::Platforms;
use super::suite::Suites;
use super::unavailable;
use crate::keeping::Engine;

/// What a code is called among the pushes that wait.
const PREFIX: &str = "auth-";
/// What a deed is called there that only one may do, for as long as the longest link is good.
pub(super) const ONCE: &str = "once-";
const ONCE_FOR: Duration = Duration::from_hours(8 * 24);
/// What is said of one there that is being traded, and of one that was, before the account's name.
const UNDER_WAY: &str = "an authorisation: its code is being traded";
const TRADED: &str = "an authorisation: its code was traded for ";
/// For how long what came of a code is remembered: longer than any is good.
const REMEMBERED: Duration = Duration::from_mins(15);
/// How often codes are looked for that a node has left behind, and how old they are by then.
const PERIOD: Duration = Duration::from_mins(1);
/// So many are traded at once: very many owners may come together, and each call has a deadline.
const AT_ONCE: usize = 16;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Trades codes.
pub(crate) struct Codes {
    engine: Arc<Engine>,
    directory: Arc<dyn Directory>,
    outbox: Arc<dyn Outbox>,
    pub(super) platforms: Platforms,
    pub(super) suites: Suites,
    /// The codes that this process is trading, and where it tells what came of them.
    under_way: Mutex<HashMap<String, Awaited>>,
    places: Semaphore,
}

/// Where it is told what came of a code.
pub(crate) type Awaited = watch::Receiver<Option<Outcome>>;

/// What came of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The account that it was for is kept.
    Kept(AccountId),
    /// Nothing, and nothing will: why, and what to do.
    Lost(String),
}

/// A code, and what is known about it.
pub(super) struct Code {
    pub(super) secret: Secret,
    /// Who has given it, where WeChat has said so.
    pub(super) authorizer: Option<AccountId>,
    /// A browser brought it, and WeChat may not know it at all.
    from_browser: bool,
    pub(super) came_at: Timestamp,
    /// It may have been traded before, and the answer been lost.
    pub(super) is_repeated: bool,
}

/// What came of one attempt to trade a code.
pub(super) enum Attempt {
    /// The account is stored and kept.
    Kept(AccountId),
    /// It is to be tried again.
    Again(Failure),
    /// It would be in vain to try again: why, and what to do.
    Lost(String),
}

impl Codes {
    pub(super) fn new(
        engine: Arc<Engine>,
        directory: Arc<dyn Directory>,
        outbox: Arc<dyn Outbox>,
    ) -> Arc<Self> {
        let platforms = Platforms::new(Arc::clone(&engine), Arc::clone(&directory));
        let suites = Suites::new(Arc::clone(&engine), Arc::clone(&directory));
        let (under_way, places) = (Mutex::default(), Semaphore::new(AT_ONCE));
        Arc::new(Self { engine, directory, outbox, platforms, suites, under_way, places })
    }

    /// Stores a code that was pushed to this platform or suite, and has it traded. It is durable when this returns.
    ///
    /// # Errors
    /// It could not be stored.
    pub(super) async fn pushed(
        self: &Arc<Self>,
        holder: &AccountId,
        code: &Secret,
        authorizer: Option<&str>,
    ) -> Result<Awaited, StoreError> {
        self.take(holder, code, &json!({"code": code.expose(), "authorizer": authorizer})).await
    }

    /// The same with one that a browser brought.
    ///
    /// # Errors
    /// It could not be stored.
    pub(crate) async fn brought(
        self: &Arc<Self>,
        holder: &AccountId,
        code: &Secret,
    ) -> Result<Awaited, StoreError> {
        self.take(holder, code, &json!({"code": code.expose(), "browser": true})).await
    }

    async fn take(
        self: &Arc<Self>,
        holder: &AccountId,
        code: &Secret,
        content: &Value,
    ) -> Result<Awaited, StoreError> {
        let parcel = Parcel {
            account: holder.clone(),
            id: format!("{PREFIX}{}", Fingerprint::of(code.expose())),
            content: content.to_string().into(),
            received_at: self.now(),
            delivery: under_way(None),
        };
        match self.outbox.put_parcel(&parcel).await? {
            Put::Kept => Ok(self.begin(parcel, false)),
            Put::Known => Ok(self.awaited(&parcel)),
            Put::Full => Err(unavailable("too many pushes wait")),
        }
    }

    /// What comes of a code that is on record, wherever it is being traded.
    fn awaited(self: &Arc<Self>, parcel: &Parcel) -> Awaited {
        if let Some(awaited) = self.busy().get(&parcel.id) {
            return awaited.clone();
        }
        let (tell, awaited) = watch::channel(None);
        let (codes, holder, id) = (Arc::clone(self), parcel.account.clone(), parcel.id.clone());
        // Until nobody waits any more, or the node that trades it is found dead and another goes on.
        tokio::spawn(async move {
            while !tell.is_closed() {
                if let Ok(Some(outcome)) = codes.on_record(&holder, &id).await {
                    tell.send_replace(Some(outcome));
                    return;
                }
                tokio::select! {
                    () = sleep(Duration::from_millis(250)) => {}
                    () = tell.closed() => {}
                }
            }
        });
        awaited
    }

    /// What came of a code, if that is on record.
    async fn on_record(&self, holder: &AccountId, id: &str) -> Result<Option<Outcome>, StoreError> {
        let parcels = self.outbox.parcels(holder, MOST_PARCELS).await?;
        Ok(parcels.iter().find(|parcel| parcel.id == id).and_then(outcome_of))
    }

    /// Goes on with codes that a process before has not come to an end with, and from then on with those of nodes that are
    /// gone; never ends.
    pub(super) async fn go_on(self: &Arc<Self>) -> std::convert::Infallible {
        let mut left = Duration::ZERO;
        loop {
            if let Err(error) = self.resume(left).await {
                tracing::warn!(%error, "authorisations that were begun cannot be read; it is tried again");
            }
            left = PERIOD;
            sleep(PERIOD).await;
        }
    }

    /// Goes on with codes that are this old, and forgets what was traded long ago.
    async fn resume(self: &Arc<Self>, age: Duration) -> Result<(), StoreError> {
        let holds = |kind: &Kind| [kinds::COMPONENT_TICKET, kinds::SUITE_TICKET].contains(kind);
        let keepers = self.engine.registry.keepers();
        let tickets = keepers.iter().map(|keeper| keeper.credential());
        let holders: Vec<_> =
            tickets.filter(|it| holds(&it.kind)).map(|it| it.account.clone()).collect();
        let now = self.now();
        for holder in holders {
            let parcels = self.outbox.parcels(&holder, MOST_PARCELS).await?;
            for parcel in parcels {
                if parcel.id.starts_with(ONCE) && parcel.received_at + ONCE_FOR <= now {
                    self.outbox.remove_parcel(&holder, &parcel.id).await?;
                }
                if !is_code(&parcel) {
                    continue;
                }
                match outcome_of(&parcel) {
                    None if parcel.received_at + age <= now => drop(self.begin(parcel, true)),
                    Some(Outcome::Kept(_)) if parcel.received_at + REMEMBERED <= now => {
                        self.outbox.remove_parcel(&holder, &parcel.id).await?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Has a lost code traded once more, if this is one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn again(
        self: &Arc<Self>,
        holder: &AccountId,
        id: &str,
    ) -> Result<bool, StoreError> {
        if !id.starts_with(PREFIX) {
            return Ok(false);
        }
        let parcels = self.outbox.parcels(holder, MOST_PARCELS).await?;
        let Some(parcel) = parcels.into_iter().find(|parcel| parcel.id == id) else {
            return Ok(false);
        };
        self.outbox.set_delivery(holder, id, &under_way(None)).await?;
        drop(self.begin(parcel, true));
        Ok(true)
    }

    fn begin(self: &Arc<Self>, parcel: Parcel, is_repeated: bool) -> Awaited {
        let mut busy = self.busy();
        if let Some(awaited) = busy.get(&parcel.id) {
            return awaited.clone();
        }
        let (tell, awaited) = watch::channel(None);
        busy.insert(parcel.id.clone(), awaited.clone());
        drop(busy);
        let codes = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = codes.trade(&parcel, is_repeated).await;
            tell.send_replace(Some(outcome));
            codes.busy().remove(&parcel.id);
        });
        awaited
    }

    fn busy(&self) -> MutexGuard<'_, HashMap<String, Awaited>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Trades a code until it has come to an end, and puts that on record.
    async fn trade(&self, parcel: &Parcel, is_repeated: bool) -> Outcome {
        let holder = &parcel.account;
        let mut code = Code::of(parcel, is_repeated);
        let mut pause = Duration::from_secs(1);
        let outcome = loop {
            let place = self.places.acquire().await;
            let attempt = self.attempt(holder, &code).await;
            drop(place);
            match attempt {
                Attempt::Kept(account) => break Outcome::Kept(account),
                Attempt::Lost(why) => break Outcome::Lost(why),
                Attempt::Again(failure) => {
                    tracing::warn!(account = %holder, %failure, "an authorisation could not be completed; it is tried again");
                    let delivery = under_way(Some(&failure));
                    // It is under way, whether that is on record or not.
                    let _ = self.outbox.set_delivery(holder, &parcel.id, &delivery).await;
                }
            }
            code.is_repeated = true;
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        self.conclude(parcel, &code, outcome).await
    }

    async fn attempt(&self, holder: &AccountId, code: &Code) -> Attempt {
        match self.directory.account(holder).await {
            Ok(Some(platform)) if platform.kind == AccountKind::Platform => {
                self.platforms.trade(&platform, code).await
            }
            Ok(Some(suite)) if suite.kind == AccountKind::WeComSuite => {
                self.suites.trade(&suite, code).await
            }
            Ok(_) => Attempt::Lost("the account that was authorised is gone".to_owned()),
            Err(error) => Attempt::Again(Failure::new(Class::Transient, error.to_string())),
        }
    }

    async fn conclude(&self, parcel: &Parcel, code: &Code, outcome: Outcome) -> Outcome {
        let (holder, id) = (&parcel.account, &parcel.id);
        let recorded = match &outcome {
            Outcome::Kept(account) => {
                tracing::info!(%account, platform = %holder, "an authorisation is completed");
                let failure = Some(format!("{TRADED}{account}"));
                let delivery = Delivery { attempts: 1, due_at: None, failure };
                self.outbox.set_delivery(holder, id, &delivery).await
            }
            // Whatever stands in a URL: nothing is lost with it.
            Outcome::Lost(_) if code.from_browser && !code.is_repeated => {
                self.outbox.remove_parcel(holder, id).await
            }
            Outcome::Lost(why) => {
                // Another node may have been faster: then its answer counts.
                if let Ok(Some(Outcome::Kept(account))) = self.on_record(holder, id).await {
                    return Outcome::Kept(account);
                }
                let delivery = Delivery { attempts: 1, due_at: None, failure: Some(why.clone()) };
                let recorded = self.outbox.set_delivery(holder, id, &delivery).await;
                // Behind it: whoever reads this looks for it among the pushes.
                tracing::error!(account = %holder, why, "an authorisation was lost");
                recorded
            }
        };
        if let Err(error) = recorded {
            tracing::warn!(account = %holder, %error, "what came of an authorisation could not be stored");
        }
        outcome
    }

    fn now(&self) -> Timestamp {
        self.engine.registry.clock().now().wall
    }
}

impl Code {
    fn of(parcel: &Parcel, is_repeated: bool) -> Self {
        let (came_at, content) = (parcel.received_at, &parcel.content);
        let Ok(Value::Object(mut known)) = serde_json::from_str(content.expose()) else {
            let (secret, authorizer) = (content.clone(), None);
            return Self { secret, authorizer, from_browser: false, came_at, is_repeated };
        };
        let authorizer = known.get("authorizer").and_then(Value::as_str);
        let authorizer = authorizer.and_then(|appid| appid.parse().ok());
        let from_browser = known.get("browser") == Some(&Value::Bool(true));
        let secret = match known.remove("code") {
            Some(Value::String(code)) => code.into(),
            _ => Secret::default(),
        };
        Self { secret, authorizer, from_browser, came_at, is_repeated }
    }
}

/// What came of a code within this time.
pub(crate) async fn outcome_within(mut awaited: Awaited, patience: Duration) -> Option<Outcome> {
    let told = timeout(patience, awaited.wait_for(Option::is_some)).await;
    told.ok()?.ok()?.clone()
}

/// Puts what a code brought into the store, however often that takes: the code is spent, and nobody else has it.
#[derive(Default)]
pub(super) struct Insistence(u32);

impl Insistence {
    /// Waits until it is to be tried again, longer each time.
    pub(super) async fn wait(&mut self, holder: &Account, error: &StoreError) {
        tracing::error!(account = %holder.id, %error, "what an authorisation brought could not be stored; it is tried again");
        sleep(Duration::from_secs(1 << self.0.min(5)).min(LONGEST_PAUSE)).await;
        self.0 += 1;
    }
}

/// Whether the parcel is on record only for those who come again, with its code or for its deed: nothing is left to do.
pub(super) fn is_settled(parcel: &Parcel) -> bool {
    let is_traded = || matches!(outcome_of(parcel), Some(Outcome::Kept(_)));
    parcel.id.starts_with(ONCE) || is_code(parcel) && is_traded()
}

fn is_code(parcel: &Parcel) -> bool {
    parcel.id.starts_with(PREFIX)
}

/// How it stands with a code that is not at its end. Nobody delivers it.
fn under_way(failure: Option<&Failure>) -> Delivery {
    let last = failure.map(|failure| format!("{UNDER_WAY}; the last time: {failure}"));
    let failure = last.unwrap_or_else(|| UNDER_WAY.to_owned());
    Delivery { attempts: 0, due_at: None, failure: Some(failure) }
}

fn outcome_of(parcel: &Parcel) -> Option<Outcome> {
    let Delivery { attempts, failure, .. } = &parcel.delivery;
    let said = failure.as_deref().unwrap_or_default();
    match said.strip_prefix(TRADED).and_then(|account| account.parse().ok()) {
        Some(account) => Some(Outcome::Kept(account)),
        None => (*attempts > 0).then(|| Outcome::Lost(said.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(content: &str, delivery: Delivery) -> Parcel {
        Parcel {
            account: "wxc".parse().unwrap(),
            id: "auth-1".to_owned(),
            content: content.into(),
            received_at: Timestamp::default(),
            delivery,
        }
    }

    #[test]
    fn what_came_of_a_code_is_read_as_it_was_written() {
        let of = |attempts, said: &str| {
            let delivery = Delivery { attempts, due_at: None, failure: Some(said.to_owned()) };
            outcome_of(&parcel("", delivery))
        };
        let failure = Failure::new(Class::Transient, "no answer");
        assert_eq!(outcome_of(&parcel("", under_way(Some(&failure)))), None);
        assert_eq!(of(1, &format!("{TRADED}wx1")), Some(Outcome::Kept("wx1".parse().unwrap())));
        assert_eq!(of(1, "too late"), Some(Outcome::Lost("too late".to_owned())));
    }

    #[test]
    fn a_code_is_read_as_it_was_stored_also_by_the_version_before() {
        let code = Code::of(&parcel(r#"{"code":"c","authorizer":"wx1"}"#, under_way(None)), false);
        assert_eq!((code.secret.expose(), code.from_browser), ("c", false));
        assert_eq!(code.authorizer, Some("wx1".parse().unwrap()));
        let code = Code::of(&parcel(r#"{"code":"c","browser":true}"#, under_way(None)), true);
        assert!(code.from_browser && code.is_repeated && code.authorizer.is_none());
        assert_eq!(Code::of(&parcel("plain", under_way(None)), true).secret.expose(), "plain");
    }
}
