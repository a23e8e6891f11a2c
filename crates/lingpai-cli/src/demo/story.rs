//! What happens, in plain sentences, as it happens.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::{Event, Severity, What};
use lingpai_core::registry::EventStream;
use lingpai_core::rotation::Reason;
use lingpai_core::{AccountId, Clock, Generation, Instant, Keeper, Timestamp};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval_at};

use super::screen::Screen;
use crate::client::Client;
use crate::config::show_duration;
use crate::error::Error;
use crate::language::{self, either, say};
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
            0 => say!(
                "the demo's client read the token {good} times and always got a good one",
                "演示的客户端读取凭据 {good} 次，每次都拿到了可用的凭据"
            ),
            _ => say!(
                "the demo's client read the token {good} times; {refused} times there was none",
                "演示的客户端拿到凭据 {good} 次，有 {refused} 次没有凭据"
            ),
        };
        self.say(Tone::Strong, &say!("ending in order; {reads}", "有序退出；{reads}"))
    }

    fn tell_the_beginning(&mut self) -> Result<(), Error> {
        let now = self.clock.now().wall;
        let found = self.keeper.token().map(|token| (token.generation, token.expires_at));
        self.last = found;
        match found {
            Some((generation, end)) => {
                let left = show_duration(end.since(now));
                let text = say!(
                    "found the token of the last run: generation {generation}, {left} left. No fetch was needed",
                    "找到上次运行的凭据：第 {generation} 代，剩余 {left}。无需获取"
                );
                self.say(Tone::Good, &text)
            }
            None => match self.keeper.status().generation {
                Generation(0) => self.say(
                    Tone::Faint,
                    either("there is no token yet: it is fetched now", "还没有凭据：现在获取"),
                ),
                generation => {
                    let text = say!(
                        "the last run's token, generation {generation}, has expired: a new one is fetched now",
                        "上次运行的凭据（第 {generation} 代）已过期：现在重新获取"
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
                let text = say!(
                    "{why}: generation {generation} is good for {good}",
                    "{why}：第 {generation} 代，有效期 {good}"
                );
                (Tone::Good, text)
            }
            What::Repeated { generation, expires_at, .. } => {
                self.last = Some((*generation, *expires_at));
                let left = until(*expires_at);
                let text = say!(
                    "WeChat repeated generation {generation}, {left} left",
                    "微信返回的仍是第 {generation} 代，剩余 {left}"
                );
                (Tone::Faint, text)
            }
            What::Failed { failure, retry_after, .. } => {
                let again = show_duration((*retry_after).max(Duration::from_secs(1)));
                let failure = brief(&failure.to_string());
                let kept = match self.keeper.token() {
                    Some(token) => say!(
                        "generation {generation} is served on, {left} left",
                        "继续提供第 {generation} 代，剩余 {left}",
                        generation = token.generation,
                        left = until(token.expires_at)
                    ),
                    None => either("there is no token to serve meanwhile", "在此期间没有凭据可用")
                        .to_owned(),
                };
                let told = say!(
                    "a fetch failed ({failure}); tried again in {again}. {kept}",
                    "获取失败（{failure}）；{again} 后重试。{kept}"
                );
                (Tone::Bad, told)
            }
            what => {
                let tone = match what.severity() {
                    Severity::Info => Tone::Faint,
                    Severity::Notice => Tone::Good,
                    Severity::Warning | Severity::Error => Tone::Bad,
                };
                (tone, lingpai_server::sentence(event, language::current()))
            }
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
                    let text = say!(
                        "served: a client got generation {generation} over HTTP, {left} left",
                        "已提供：客户端通过 HTTP 取得第 {generation} 代，剩余 {left}"
                    );
                    self.say(Tone::Faint, &text)?;
                }
            }
            Err(error) => {
                self.reads.refused += 1;
                let text = say!(
                    "a client got no token: {why}",
                    "客户端没有取得凭据：{why}",
                    why = brief(&error.to_string())
                );
                self.say(Tone::Bad, &text)?;
            }
        }
        self.show_status()
    }

    fn show_status(&mut self) -> Result<(), Error> {
        let status = self.keeper.status();
        let now = self.clock.now().wall;
        let left = status.expires_in.map_or_else(|| "-".to_owned(), whole_seconds);
        let next = status.next_at.map_or_else(|| "-".to_owned(), |at| whole_seconds(at.since(now)));
        let text = say!(
            "{elapsed}  generation {generation}: {left} left, next rotation in {next}, read {reads} times",
            "{elapsed}  第 {generation} 代：剩余 {left}，下次更换还有 {next}，已读取 {reads} 次",
            elapsed = self.elapsed(),
            generation = status.generation,
            reads = self.reads.good
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
            return say!(
                "rotated ahead of expiry, while generation {generation} still had {left}",
                "提前更换，第 {generation} 代还剩 {left}"
            );
        }
        (Reason::Refused, _) => either(
            "repaired: WeChat refused the token on trial too, so it was replaced",
            "已修复：验证时微信也拒绝了该凭据，因此换掉",
        ),
        (Reason::Suspect, _) => either(
            "fetched again, since a fetch may have replaced the token unseen",
            "重新获取，因为上一次获取可能已经换掉了凭据",
        ),
        (Reason::Compromised, _) => {
            either("replaced, since a token had leaked", "已更换，因为有凭据泄露")
        }
        (Reason::Manual, _) => {
            either("rotated because somebody asked for it", "已更换，因为有人要求")
        }
        (Reason::Given, _) => either("brought from outside", "由外部给出"),
        (Reason::Probe, _) => either("fetched from the primary family again", "重新由普通接口获取"),
        _ => either("fetched", "已获取"),
    };
    text.to_owned()
}

fn whole_seconds(time: Duration) -> String {
    say!("{seconds} s", "{seconds} 秒", seconds = time.as_secs())
}

/// The first sentence or two of an error: the log has the rest.
fn brief(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
