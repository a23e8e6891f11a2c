//! What happens, in plain sentences, as it happens.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::{Event, What};
use lingpai_core::registry::EventStream;
use lingpai_core::rotation::Reason;
use lingpai_core::{AccountId, Clock, Generation, Instant, Keeper, Timestamp};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval_at};

use super::screen::Screen;
use crate::client::Client;
use crate::config::show_duration;
use crate::error::Error;
use crate::output::{Tone, paint};

/// How often the demo's own client reads the token.
const READ_EVERY: Duration = Duration::from_secs(1);

/// The teller, and what he remembers.
pub(super) struct Story {
    screen: Screen,
    clock: Arc<dyn Clock>,
    start: Instant,
    keeper: Arc<Keeper>,
    client: Client,
    account: AccountId,
    /// The token before the next event.
    last: Option<(Generation, Timestamp)>,
    reads: Reads,
}

/// What the demo's client has read over HTTP.
#[derive(Default)]
struct Reads {
    good: u64,
    refused: u64,
    generation: u64,
}

impl Story {
    pub(super) fn begin(
        screen: Screen,
        clock: Arc<dyn Clock>,
        keeper: Arc<Keeper>,
        client: Client,
        account: AccountId,
    ) -> Self {
        let start = clock.now().instant;
        Self { screen, clock, start, keeper, client, account, last: None, reads: Reads::default() }
    }

    /// Tells until the events end, which they do not, or nobody reads any more.
    pub(super) async fn tell(&mut self, mut events: EventStream) -> Result<(), Error> {
        self.tell_the_beginning()?;
        // Not at once, so that the fetch is told before the read.
        let mut seconds = interval_at(tokio::time::Instant::now() + READ_EVERY / 2, READ_EVERY);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Ok(event) => self.tell_event(&event)?,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                },
                _ = seconds.tick() => self.read().await?,
            }
        }
    }

    /// The last words.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let Reads { good, refused, .. } = self.reads;
        let reads = match refused {
            0 => format!("the demo's client read the token {good} times and always got a good one"),
            _ => format!(
                "the demo's client read the token {good} times; {refused} times there was none"
            ),
        };
        self.say(Tone::Strong, &format!("ending in order; {reads}"))
    }

    fn tell_the_beginning(&mut self) -> Result<(), Error> {
        let now = self.clock.now().wall;
        let found = self.keeper.token().map(|token| (token.generation, token.expires_at));
        self.last = found;
        match found {
            Some((generation, end)) => {
                let left = show_duration(end.since(now));
                let text = format!(
                    "found the token of the last run: generation {generation}, {left} left. No fetch was needed"
                );
                self.say(Tone::Good, &text)
            }
            None => match self.keeper.status().generation {
                Generation(0) => self.say(Tone::Faint, "there is no token yet: it is fetched now"),
                generation => {
                    let text = format!(
                        "the last run's token, generation {generation}, has expired: \
                         a new one is fetched now"
                    );
                    self.say(Tone::Faint, &text)
                }
            },
        }
    }

    fn tell_event(&mut self, event: &Event) -> Result<(), Error> {
        let (tone, text) = self.sentence(event);
        self.say(tone, &text)
    }

    fn sentence(&mut self, event: &Event) -> (Tone, String) {
        let until = |end: Timestamp| show_duration(end.since(event.at));
        match &event.what {
            What::Rotated { generation, reason, expires_at, .. } => {
                let before = self.last.replace((*generation, *expires_at));
                let left = before.map(|(old, end)| (old, until(end)));
                let good = until(*expires_at);
                let why = why(*reason, left);
                (Tone::Good, format!("{why}: generation {generation} is good for {good}"))
            }
            What::Repeated { generation, expires_at, .. } => {
                self.last = Some((*generation, *expires_at));
                let left = until(*expires_at);
                (Tone::Faint, format!("WeChat repeated generation {generation}, {left} left"))
            }
            What::Failed { failure, retry_after, .. } => {
                let again = show_duration((*retry_after).max(Duration::from_secs(1)));
                let failure = brief(&failure.to_string());
                let kept = match self.keeper.token() {
                    Some(token) => format!(
                        "generation {} is served on, {} left",
                        token.generation,
                        until(token.expires_at)
                    ),
                    None => "there is no token to serve meanwhile".to_owned(),
                };
                let told = format!("a fetch failed ({failure}); tried again in {again}. {kept}");
                (Tone::Bad, told)
            }
            What::RogueRefresher { .. } => (
                Tone::Bad,
                "WeChat refuses a token that nobody here replaced: \
                 somebody else fetches tokens for this account"
                    .to_owned(),
            ),
            What::ReportUnfounded { .. } => (
                Tone::Good,
                "a client called the token invalid; \
                 it was tried, WeChat accepts it, nothing was fetched"
                    .to_owned(),
            ),
            What::Suspect { cause } => {
                let told = "the token may have been replaced, so one more fetch follows";
                (Tone::Bad, format!("{told}: {cause}"))
            }
            What::FellBack { cause } => {
                (Tone::Bad, format!("tokens come from the isolated fallback family now: {cause}"))
            }
            What::BudgetSpent { used, .. } => {
                let told = "a rotation was refused: only the reserve is left";
                (Tone::Bad, format!("{told} after {used} fetches today"))
            }
            What::Compromised => {
                (Tone::Bad, "a token has leaked: it is replaced until it is dead".to_owned())
            }
            What::CompromiseEnded { .. } => {
                (Tone::Good, "WeChat accepts none of the earlier tokens any more".to_owned())
            }
            What::StoreDegraded { message } => {
                (Tone::Bad, format!("the store is down, what we have is served on: {message}"))
            }
            What::StoreRestored => (Tone::Good, "the store works again".to_owned()),
            other => (Tone::Faint, other.name().to_owned()),
        }
    }

    /// Reads the token over HTTP as any client does, and tells when it is another one.
    async fn read(&mut self) -> Result<(), Error> {
        match self.client.token(&self.account).await {
            Ok(token) => {
                self.reads.good += 1;
                let generation = token["generation"].as_u64().unwrap_or_default();
                if generation != self.reads.generation {
                    self.reads.generation = generation;
                    let seconds = token["expires_in"].as_u64().unwrap_or_default();
                    let left = show_duration(Duration::from_secs(seconds));
                    let text = format!(
                        "served: a client got generation {generation} over HTTP, {left} left"
                    );
                    self.say(Tone::Faint, &text)?;
                }
            }
            Err(error) => {
                self.reads.refused += 1;
                self.say(
                    Tone::Bad,
                    &format!("a client got no token: {}", brief(&error.to_string())),
                )?;
            }
        }
        self.show_status()
    }

    fn show_status(&mut self) -> Result<(), Error> {
        let status = self.keeper.status();
        let now = self.clock.now().wall;
        let left = status.expires_in.map_or("none".to_owned(), whole_seconds);
        let next =
            status.next_at.map_or("not planned".to_owned(), |at| whole_seconds(at.since(now)));
        let text = format!(
            "{}  generation {}: {left} left, next rotation in {next}, read {} times",
            self.elapsed(),
            status.generation,
            self.reads.good
        );
        self.screen.status(&text)
    }

    fn say(&mut self, tone: Tone, text: &str) -> Result<(), Error> {
        let line = format!("{}  {}", self.elapsed(), paint(tone, text));
        self.screen.line(&line)
    }

    /// Minutes and seconds since the start.
    fn elapsed(&self) -> String {
        let seconds = self.clock.now().instant.since(self.start).as_secs();
        format!("{:>3}:{:02}", seconds / 60, seconds % 60)
    }
}

/// Why there is a new token; `before` is the one it replaced, and how long that would have lived.
fn why(reason: Reason, before: Option<(Generation, String)>) -> String {
    let text = match (reason, before) {
        (Reason::Scheduled, Some((generation, left))) => {
            return format!(
                "rotated ahead of expiry, while generation {generation} still had {left}"
            );
        }
        (Reason::Refused, _) => {
            "repaired: WeChat refused the token on trial too, so it was replaced"
        }
        (Reason::Suspect, _) => "fetched again, since a fetch may have replaced the token unseen",
        (Reason::Compromised, _) => "replaced, since a token had leaked",
        (Reason::Manual, _) => "rotated because somebody asked for it",
        (Reason::Probe, _) => "fetched from the primary family again",
        _ => "fetched",
    };
    text.to_owned()
}

fn whole_seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

/// The first sentence or two of an error: the log has the rest.
fn brief(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
