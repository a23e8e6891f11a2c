//! How often may be called: WeCom counts by the minute and the hour, and blocks for as long as the exceeded one lasts.

use std::{collections::HashMap, net::IpAddr};

use crate::{refusal::Refusal, time::Moment};

/// Calls of one API of a corp: a minute, an hour.
const PER_API: (u64, u64) = (10_000, 150_000);
/// Calls from one address.
const PER_IP: (u64, u64) = (20_000, 600_000);
/// Fetches of the tickets of a corp, and of an application, an hour.
pub(super) const CORP_TICKETS: u64 = 400;
pub(super) const AGENT_TICKETS: u64 = 100;
/// Wrong calls of gettoken an hour, after which a corp is blocked for an hour.
const WRONG_CALLS: u64 = 2000;

/// A count in a window of time that is known by its number.
#[derive(Clone, Copy, Default)]
struct Window {
    number: u64,
    used: u64,
}

impl Window {
    fn take(&mut self, number: u64, most: u64) -> Result<(), Refusal> {
        if self.number != number {
            *self = Self { number, used: 0 };
        }
        self.used += 1;
        if self.used > most { Err(Refusal::TOO_FREQUENT) } else { Ok(()) }
    }
}

/// A minute and an hour.
type Windows = [Window; 2];

#[derive(Clone, Default)]
pub(super) struct Rates {
    apis: HashMap<(String, String), Windows>,
    addresses: HashMap<IpAddr, Windows>,
    tickets: HashMap<String, Window>,
}

impl Rates {
    /// Counts a call of a corp's from this address.
    pub(super) fn take(
        &mut self,
        now: Moment,
        corpid: &str,
        path: &str,
        caller: IpAddr,
    ) -> Result<(), Refusal> {
        let of_api = self.apis.entry((corpid.to_owned(), path.to_owned())).or_default();
        take(of_api, now, PER_API)?;
        take(self.addresses.entry(caller).or_default(), now, PER_IP)
    }

    /// Counts a fetch of a ticket.
    pub(super) fn take_ticket(
        &mut self,
        now: Moment,
        owner: &str,
        most: u64,
    ) -> Result<(), Refusal> {
        self.tickets.entry(owner.to_owned()).or_default().take(hour(now), most)
    }
}

fn take([minute, hour_window]: &mut Windows, now: Moment, most: (u64, u64)) -> Result<(), Refusal> {
    minute.take(now.minute(), most.0)?;
    hour_window.take(hour(now), most.1)
}

fn hour(now: Moment) -> u64 {
    now.minute() / 60
}

/// The wrong calls of gettoken with one corpid.
#[derive(Clone, Copy, Default)]
pub(super) struct WrongCalls {
    window: Window,
    blocked_until: Option<Moment>,
}

impl WrongCalls {
    pub(super) fn is_blocked(&self, now: Moment) -> bool {
        self.blocked_until.is_some_and(|until| now < until)
    }

    pub(super) fn count(&mut self, now: Moment) {
        if self.window.take(hour(now), WRONG_CALLS).is_err() {
            self.blocked_until = Some(now.plus(std::time::Duration::from_secs(3600)));
        }
    }
}
