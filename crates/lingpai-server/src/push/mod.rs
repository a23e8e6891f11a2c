//! The push receiver: `/push/{account}`, where WeChat sends messages, events and tickets.
//!
//! The way of a push: `receive` reads it and has `endpoint` verify it; `flights` sees whether it came before, so that one
//! that WeChat repeats shares the outcome of the first; `deal` gives it to whoever it is for. What is about credentials is
//! offered to [`Notices`]; everything else goes to the business's URL by `relay`, and what the business does not take into
//! the `outbox`. WeChat is answered only when a push is with the business or durable.
//!
//! Whoever is not WeChat learns nothing: a push that is not believed is one refusal, whatever is wrong with it, and also
//! where there is no such account.

mod api;
mod deal;
mod endpoint;
mod flights;
mod letter;
mod notices;
mod outbox;
mod receive;
mod relay;
mod release;

use std::sync::Arc;

use lingpai_core::{AccountId, Clock, Directory, Outbox};
use lingpai_wechat::{Error, wire};
use tokio::sync::Notify;

pub(crate) use self::api::{PAGE, list, remove, retry};
use self::endpoint::Endpoints;
use self::flights::Flights;
pub use self::notices::{Notices, Taken};
pub(crate) use self::receive::answer;
use self::relay::Relays;

/// What receives pushes.
#[derive(Clone)]
pub struct Settings {
    /// How businesses' URLs are reached: directly, guarded as [`wire::Guard`] says.
    pub upstream: wire::Settings,
    /// Where pushes wait that a business did not take.
    pub outbox: Arc<dyn Outbox>,
    /// Who takes what is about credentials, if anybody does.
    pub notices: Option<Arc<dyn Notices>>,
}

/// What receives pushes, and passes them on.
pub(crate) struct Pushes {
    endpoints: Endpoints,
    flights: Flights,
    relays: Relays,
    outbox: Arc<dyn Outbox>,
    notices: Option<Arc<dyn Notices>>,
    clock: Arc<dyn Clock>,
    /// Something may be due in the outbox.
    due: Notify,
}

impl Pushes {
    /// Nothing is sent before the first push.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed, or no random numbers.
    pub(crate) fn new(
        settings: Settings,
        directory: Arc<dyn Directory>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, crate::Error> {
        Ok(Self {
            endpoints: Endpoints::new(directory).ok_or(crate::Error::NoRandomness)?,
            flights: Flights::default(),
            relays: Relays::new(&settings.upstream).map_err(crate::Error::Pushes)?,
            outbox: settings.outbox,
            notices: settings.notices,
            clock,
            due: Notify::new(),
        })
    }

    /// Reaches businesses by other settings from the next push on.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed; then it is as before.
    pub(crate) fn reach(&self, upstream: &wire::Settings) -> Result<(), Error> {
        self.relays.reach(upstream)
    }

    /// Takes note that an account may have changed.
    pub(crate) fn changed(&self, account: &AccountId) {
        self.endpoints.forget(account);
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}
