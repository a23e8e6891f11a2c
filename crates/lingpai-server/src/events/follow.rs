//! One open stream: first what its reader has missed, from the store, then what happens, from the tape.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use lingpai_core::StoreError;
use lingpai_core::client::{Accounts, KeyHash, Right};
use lingpai_core::event::Event;
use lingpai_core::journal::{Page, Position};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::STEP;
use super::answer::{EventAnswer, Reader};
use super::wanted::Wanted;
use crate::console::Session;
use crate::language::Language;
use crate::refusal::Refusal;
use crate::serving::Serving;
use crate::tape::Seat;
use crate::whence;

/// How many pieces wait for a reader that is slow,
const BEHIND: usize = 64;
/// and how long, before the stream ends. The reader comes back and goes on where it was.
const SLOWEST: Duration = Duration::from_secs(10);

/// A stream that is open.
pub(super) struct Follower {
    serving: Arc<Serving>,
    key: KeyHash,
    session: Option<Session>,
    peer: IpAddr,
    wanted: Wanted,
    /// Up to where its reader has seen everything.
    seen: Position,
    /// Where it sits at the tape; none while it reads from the store.
    seat: Option<Seat>,
    pieces: mpsc::Sender<Bytes>,
}

/// Why a stream ends.
struct Ended;

/// One event as all streams tell it, in each language that somebody reads, to those who are told whence clients call and to others.
#[derive(Default)]
pub(crate) struct Messages {
    english: [OnceLock<String>; 2],
    chinese: [OnceLock<String>; 2],
}

impl Follower {
    /// Opens a stream that goes on after `last_seen`, or after what was asked for, or else from now on.
    pub(super) async fn start(
        serving: Arc<Serving>,
        (key, session): (KeyHash, Option<Session>),
        peer: IpAddr,
        wanted: Wanted,
        last_seen: Option<Position>,
    ) -> Result<mpsc::Receiver<Bytes>, Refusal> {
        let seat = serving.tape.seat();
        let (seen, gap) = match last_seen.or(wanted.after) {
            Some(after) => (Some(after), is_gap(&serving, after).await?),
            None => (before(&serving, &wanted).await?, false),
        };
        let seat = seen.is_none().then(|| seat.clone());
        let seen = seen.or(seat.as_ref().and_then(|seat| seat.position)).unwrap_or_default();
        let (pieces, body) = mpsc::channel(BEHIND);
        let this = Self { serving, key, session, peer, wanted, seen, seat, pieces };
        // So that the reader sees at once that the stream is open, and where it is.
        let mut first = format!(": open\nretry: 1000\nid: {seen}\n\n");
        if gap {
            first += "event: gap\ndata: {}\n\n";
        }
        tokio::spawn(this.run(first));
        Ok(body)
    }

    async fn run(mut self, mut piece: String) {
        let serving = Arc::clone(&self.serving);
        let mut news = serving.tape.changes();
        let mut keys = serving.keys.changes();
        let mut stopping = serving.stopping.clone();
        let heartbeat = serving.limits.heartbeat;
        loop {
            let more = tokio::select! {
                more = self.more(&mut piece) => more,
                _ = stopping.wait_for(|stopping| *stopping) => return,
            };
            let Ok(more) = more else { return };
            if !piece.is_empty() {
                let sent = self.pieces.send(std::mem::take(&mut piece).into());
                if !timeout(SLOWEST, sent).await.is_ok_and(|sent| sent.is_ok()) {
                    return;
                }
            }
            if more {
                continue;
            }
            tokio::select! {
                _ = news.changed() => {}
                _ = keys.changed() => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = self.pieces.closed() => return,
                // With the id: a reader to whom nothing is of interest for long must not seem to have missed much.
                () = tokio::time::sleep(heartbeat) => {
                    piece = format!(": alive\nid: {}\n\n", self.seen);
                }
            }
        }
    }

    /// Adds what the reader has not seen to this piece, or some of it; whether there is more at once.
    async fn more(&mut self, piece: &mut String) -> Result<bool, Ended> {
        let (accounts, whence) = self.allowed().ok_or(Ended)?;
        let reader = Reader { language: self.wanted.language, whence };
        if let Some(mut seat) = self.seat.take() {
            // If the tape has gone on too far, the store has the rest.
            let Some(entries) = self.serving.tape.after(&mut seat) else { return Ok(true) };
            for entry in entries {
                // What was told before it was stored only gets its id.
                let is_new = entry.early.is_none_or(|early| early < seat.from);
                self.seen = entry.position.unwrap_or(self.seen);
                if !self.wanted.includes(&entry.event, &accounts) {
                    continue;
                }
                match entry.position {
                    Some(position) if !is_new => *piece += &format!("id: {position}\n\n"),
                    position => {
                        *piece += entry.told.get(&entry.event, position, reader);
                    }
                }
            }
            self.seat = Some(seat);
            return Ok(false);
        }
        // The seat is taken before the page is read, so nothing falls between the two.
        let seat = self.serving.tape.seat();
        let page = Page::After(self.seen);
        let store = self.serving.registry.store();
        let account = self.wanted.account.as_ref();
        let listing = store.stream(account, page, STEP).await.map_err(|_| Ended)?;
        for told in &listing.told {
            if self.wanted.includes(&told.what, &accounts) {
                *piece += &message(&told.what, Some(told.position), reader);
            }
        }
        self.seen = listing.last.unwrap_or(self.seen);
        if !listing.more {
            // What was read beyond the seat comes once more from the tape, and is left out there.
            self.seat = Some(seat.after(self.seen));
        }
        Ok(true)
    }

    /// The accounts that the key is for, and whether it is told whence clients call, if it is still good for this.
    fn allowed(&self) -> Option<(Accounts, bool)> {
        let now = self.serving.registry.clock().now().wall;
        if let (Some(session), Some(console)) = (&self.session, &self.serving.console)
            && !console.holds(session, now)
        {
            return None;
        }
        self.serving.keys.look_now(&self.key, |key| {
            let allowed = key.allows_somewhere(Right::StatusRead, now).is_ok()
                && key.is_open_to(self.peer)
                && self.wanted.account.as_ref().is_none_or(|of| key.accounts.contains(of));
            allowed.then(|| (key.accounts.clone(), whence::is_told_by(key, now)))
        })?
    }
}

/// An event as streams tell it.
fn message(event: &Event, position: Option<Position>, reader: Reader) -> String {
    let id = position.map(|position| format!("id: {position}\n")).unwrap_or_default();
    // JSON has no line breaks, so it is one `data` line.
    let shown = EventAnswer::new(event, position, reader);
    let data = serde_json::to_string(&shown).unwrap_or_default();
    // A name from another version of Lingpai is only a name if it has no line breaks.
    let name = event.what.name().replace(char::is_control, " ");
    format!("{id}event: {name}\ndata: {data}\n\n")
}

impl Messages {
    /// The message for such a reader, made by whoever is the first to need it.
    fn get(&self, event: &Event, position: Option<Position>, reader: Reader) -> &str {
        let made = match reader.language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        };
        made[usize::from(reader.whence)].get_or_init(|| message(event, position, reader))
    }
}

/// Whether the store no longer has all that came after this position, or never had it.
async fn is_gap(serving: &Serving, after: Position) -> Result<bool, StoreError> {
    let store = serving.registry.store();
    let oldest = store.stream(None, Page::After(Position::default()), 1).await?.last;
    let newest = store.stream(None, Page::Newest, 1).await?.last;
    // Before the first event of all there is nothing to miss.
    let is_start = after == Position::default();
    Ok(newest.unwrap_or_default() < after || !is_start && oldest.is_some_and(|it| after < it))
}

/// The position before the first event since the time that was asked for, if one was.
async fn before(serving: &Serving, wanted: &Wanted) -> Result<Option<Position>, StoreError> {
    let Some(since) = wanted.since else { return Ok(None) };
    let mut page = Page::Newest;
    loop {
        let listing = serving.registry.store().stream(None, page, STEP).await?;
        let earlier = listing.told.iter().find(|told| told.what.at < since);
        match (earlier, listing.last) {
            (Some(earlier), _) => return Ok(Some(earlier.position)),
            (None, Some(last)) if listing.more => page = Page::Before(last),
            _ => return Ok(Some(Position::default())),
        }
    }
}
