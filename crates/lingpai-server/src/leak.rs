//! What is done about a leaked token: WeChat's drill, which ends every token issued so far.
//!
//! WeChat accepts the latest token and the one before it, so two new ones end the one that leaked: two forced refreshes half
//! a minute apart in stable mode, two fetches in classic mode. The engine carries it out on its own. Before it is begun, a
//! caller can be told what it breaks. What was begun is in the stream of events, so a server that ended before goes on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use lingpai_core::event::What;
use lingpai_core::{Keeper, Registry};
use serde::{Deserialize, Serialize};

use crate::answer::{self, Body};
use crate::object;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// How many of the last events are looked through for what was begun.
const LOOKED_THROUGH: usize = 10_000;
/// No token of before lives for longer: then nothing is left to end.
const LIFE: Duration = Duration::from_hours(2);

/// What a rotation is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// A token has leaked.
    #[serde(default)]
    pub(crate) compromised: bool,
    /// Say what it would break, and do nothing.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Drill {
    outcome: &'static str,
    explanation: &'static str,
    /// What stops working, and for how long.
    breaks: Vec<&'static str>,
}

impl Wanted {
    /// What a body says; an empty one asks for an ordinary rotation.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let wanted: Self = object::read(body)?;
        if wanted.dry_run && !wanted.compromised {
            return Err(Refusal::BodyWrong("`dry_run` is for `compromised` only".to_owned()));
        }
        Ok(wanted)
    }
}

/// Begins the drill, or says what it breaks.
pub(crate) fn answer(
    serving: &Serving,
    keeper: &Arc<Keeper>,
    wanted: &Wanted,
) -> Result<Response<Body>, Refusal> {
    if !keeper.can_end_tokens() {
        let why = "WeChat has no call that ends tokens of this kind; they end by themselves within two hours";
        return Err(Refusal::BodyWrong(why.to_owned()));
    }
    let breaks = breaks(serving, keeper);
    if wanted.dry_run {
        let explanation = "Nothing was done. Send the same without `dry_run` to begin.";
        let drill = Drill { outcome: "planned", explanation, breaks };
        return Ok(answer::json(StatusCode::OK, &drill));
    }
    keeper.compromised();
    let explanation = "The token is replaced twice, which takes about half a minute in stable mode. The event \
                       `compromise-ended` says when WeChat accepts none of the earlier tokens any more. A server that \
                       ends before goes on when it runs again.";
    let drill = Drill { outcome: "begun", explanation, breaks };
    Ok(answer::json(StatusCode::ACCEPTED, &drill))
}

/// Goes on with what a server before this one began and did not end. If that one still runs, there are two new tokens too
/// many, which harms nobody.
pub(crate) async fn go_on(registry: &Registry) {
    let events = match registry.store().events(None, LOOKED_THROUGH).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(
                %error,
                "whether a leaked token was being ended is not known: the store does not give its events. If one was, \
                 begin again"
            );
            return;
        }
    };
    let now = registry.clock().now().wall;
    let mut last = HashMap::new();
    for event in events.into_iter().take_while(|event| now.since(event.at) < LIFE) {
        let is_begun = match event.what {
            What::Compromised => true,
            What::CompromiseEnded { .. } => false,
            _ => continue,
        };
        if let Some(credential) = event.credential {
            last.entry(credential).or_insert(is_begun);
        }
    }
    for (credential, _) in last.into_iter().filter(|(_, is_begun)| *is_begun) {
        let Some(keeper) = registry.get(&credential) else { continue };
        if keeper.status().compromised == 0 {
            tracing::info!(%credential, "a leaked token was being ended when the server ended; it goes on");
            keeper.still_compromised();
        }
    }
}

fn breaks(serving: &Serving, keeper: &Keeper) -> Vec<&'static str> {
    let mut breaks = vec![
        "Whoever holds a real token of this account is refused by WeChat (40001) until it takes the new one: SDKs on the \
         drop-in paths for up to four minutes, or until their next report.",
        "Two fetches of this account's day are used; in stable mode two of its 20 forced refreshes.",
    ];
    if keeper.is_on_fallback() {
        breaks.push(
            "The current token is of the isolated family that stands in while the daily quota is used up. It cannot be \
             ended and stays good to its end; only tokens of the account's own family are ended, once there is quota.",
        );
    }
    if let Some(gateway) = &serving.gateway {
        breaks.push("Clients of the gateway with virtual tokens notice nothing.");
        if gateway.gate.has_real_tokens() {
            breaks.push("The gateway accepts none of this account's earlier real tokens any more.");
        }
    }
    breaks
}
