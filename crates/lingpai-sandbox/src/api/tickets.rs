//! Tickets, after WeChat's page on getticket and what developers found: the same ticket is repeated for
//! about two hours, with a constant `expires_in`; a new one ends none; a ticket is bound to the account and not to the
//! token that it was asked for with.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha1::{Digest, Sha1};

use super::Served;
use crate::{
    World,
    outcome::Success,
    refusal::Refusal,
    settings::AppKind,
    time::{Moment, TOKEN_LIFETIME},
    world::Call,
};

pub(super) const PATH: &str = "/cgi-bin/ticket/getticket";
/// A new one is handed out as soon as the latest is so old.
const RENEWED_AFTER: Duration = Duration::from_secs(7200);
/// So long a ticket is still good after another took its place. Developers saw more than three hours.
const SURVIVES: Duration = Duration::from_secs(3 * 3600);
/// The length of WeChat's own.
const CHARACTERS: usize = 86;

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketType {
    /// Pages that call the JS-SDK.
    Jsapi,
    /// Cards.
    WxCard,
    /// Pages that act for one application of WeCom.
    AgentConfig,
}

/// What the world knows of a ticket: the oracle for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum TicketVerdict {
    /// What is signed with it is accepted.
    Good {
        /// The app it belongs to.
        appid: String,
        /// What it is for.
        #[serde(rename = "type")]
        of: TicketType,
        /// Whether the call for tickets hands out this one.
        latest: bool,
    },
    /// Another one took its place hours ago.
    Expired,
    /// Never issued here.
    Unknown,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Issued {
    ticket: String,
    at: Moment,
}

/// The tickets of every app, the latest of each type at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tickets {
    issued: BTreeMap<(String, TicketType), Vec<Issued>>,
}

/// The tickets as a snapshot has them.
#[derive(Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Kept(Vec<((String, TicketType), Vec<Issued>)>);

impl Tickets {
    pub(crate) fn forget(&mut self, appid: &str) {
        self.issued.retain(|(owner, _), _| owner != appid);
    }

    pub(crate) fn kept(&self) -> Kept {
        Kept(self.issued.clone().into_iter().collect())
    }

    fn verdict(&self, now: Moment, ticket: &str) -> TicketVerdict {
        for ((appid, of), line) in &self.issued {
            let Some(index) = line.iter().position(|issued| issued.ticket == ticket) else {
                continue;
            };
            let replaced_at = line.get(index + 1).map(|next| next.at);
            if replaced_at.is_some_and(|at| at.plus(SURVIVES) <= now) {
                return TicketVerdict::Expired;
            }
            return TicketVerdict::Good {
                appid: appid.clone(),
                of: *of,
                latest: replaced_at.is_none(),
            };
        }
        TicketVerdict::Unknown
    }

    /// Whether one of the app's good tickets of this type gives the signature.
    fn explains(
        &self,
        now: Moment,
        appid: &str,
        of: TicketType,
        signature: &str,
        sign: impl Fn(&str) -> String,
    ) -> bool {
        let line = self.issued.get(&(appid.to_owned(), of)).map_or(&[][..], Vec::as_slice);
        let mut good = line.iter().filter(|issued| {
            matches!(self.verdict(now, &issued.ticket), TicketVerdict::Good { .. })
        });
        good.any(|issued| sign(&issued.ticket) == signature)
    }
}

impl From<Kept> for Tickets {
    fn from(Kept(issued): Kept) -> Self {
        Self { issued: issued.into_iter().collect() }
    }
}

pub(super) fn getticket(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let of = match call.query.value("type") {
        Some("jsapi") => TicketType::Jsapi,
        Some("wx_card") => TicketType::WxCard,
        _ => return Err(Refusal::INVALID_ARGS),
    };
    let app = world.apps.get(appid).ok_or(Refusal::BAD_TOKEN)?;
    if app.kind != AppKind::OfficialAccount {
        return Err(Refusal::API_UNAUTHORISED);
    }
    Ok(hand_out(world, call, appid, of))
}

/// The owner's ticket of this type: for two hours the same.
pub(crate) fn hand_out(world: &mut World, call: &Call<'_>, owner: &str, of: TicketType) -> Success {
    let line = world.tickets.issued.entry((owner.to_owned(), of)).or_default();
    let latest = line.last().filter(|issued| call.now < issued.at.plus(RENEWED_AFTER));
    let ticket = match latest {
        Some(issued) => issued.ticket.clone(),
        None => {
            let ticket = world.random.url_safe(call.token_length.unwrap_or(CHARACTERS));
            line.push(Issued { ticket: ticket.clone(), at: call.now });
            // The two before it have been replaced for longer than a ticket survives.
            line.drain(..line.len().saturating_sub(4));
            world.counters.app_mut(owner).tickets += 1;
            world.revision += 1;
            ticket
        }
    };
    // Always the whole life, also of one that is old.
    let expires_in = world.clock.stated(TOKEN_LIFETIME);
    Success::Json(json!({"errcode": 0, "errmsg": "ok", "ticket": ticket, "expires_in": expires_in}))
}

impl World {
    /// What WeChat would make of this ticket now.
    pub fn ticket_verdict(&self, now: Duration, ticket: &str) -> TicketVerdict {
        self.tickets.verdict(self.clock.at(now), ticket)
    }

    /// Whether WeChat would accept this signature of a page: `url` as the browser shows it. With `corpid:agent` it is one
    /// of `wx.agentConfig`.
    pub fn accepts_page(
        &self,
        now: Duration,
        appid: &str,
        (nonce, timestamp): (&str, u64),
        url: &str,
        signature: &str,
    ) -> bool {
        let url = url.split_once('#').map_or(url, |(page, _)| page);
        let of = if appid.contains(':') { TicketType::AgentConfig } else { TicketType::Jsapi };
        self.tickets.explains(self.clock.at(now), appid, of, signature, |ticket| {
            sha1(&format!("jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url}"))
        })
    }

    /// Whether WeChat would accept this signature of a card: all its values, the stamp's too, but not the ticket.
    pub fn accepts_card(
        &self,
        now: Duration,
        appid: &str,
        values: &[String],
        signature: &str,
    ) -> bool {
        self.tickets.explains(self.clock.at(now), appid, TicketType::WxCard, signature, |ticket| {
            let mut all: Vec<_> = values.iter().map(String::as_str).chain([ticket]).collect();
            all.sort_unstable();
            sha1(&all.concat())
        })
    }
}

/// In hexadecimal digits.
pub(crate) fn sha1(text: &str) -> String {
    let mut hex = String::with_capacity(40);
    for byte in Sha1::digest(text) {
        // Writing into a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
