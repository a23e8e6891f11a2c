//! Which tokens are live: the two isolated families of every app, rotation and overlap, and the
//! verdict.
//!
//! The rules (WeChat's pages on getAccessToken and getStableAccessToken; that only two tokens of a
//! family are ever live is inferred from the leak drill given there): a new token makes the former
//! one `previous`, which stays good for 300 s or until its own expiry, whichever is sooner; the one
//! before that dies at once.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    random::Random,
    time::{Moment, TOKEN_LIFETIME},
};

const OVERLAP: Duration = Duration::from_secs(300);
/// A stable token with less than this left is replaced by a new one.
const STABLE_WINDOW: Duration = Duration::from_secs(300);
const FORCE_SPACING: Duration = Duration::from_secs(30);
/// So many tokens are remembered; an older one is as good as never issued.
const REMEMBERED: usize = 100_000;
/// Of these, so many go into a snapshot besides the latest and previous ones: a snapshot is written
/// often, and what drops out of it gets 40001 instead of 42001.
const KEPT: usize = 500;

/// The families of tokens, which do not touch each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Minted by `/cgi-bin/token`.
    Classic,
    /// Handed out by `/cgi-bin/stable_token`.
    Stable,
    /// A third-party platform's own, and those that it is handed out for the accounts that have authorised it.
    Platform,
}

impl Family {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Classic, Self::Stable, Self::Platform];
}

/// Where a live token stands in its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// The newest one.
    Latest,
    /// The one before it, in its overlap.
    Previous,
}

/// What the world knows of a token: the oracle for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// WeChat accepts it.
    Live {
        /// The app it belongs to.
        appid: String,
        /// The family it belongs to.
        family: Family,
        /// Latest, or previous in its overlap.
        rank: Rank,
        /// How long it stays accepted if nothing else happens, in whole seconds of the caller's
        /// time.
        seconds_left: u64,
    },
    /// Its own lifetime is over: 42001.
    Expired,
    /// Another one took its place and its overlap is over, or it was revoked: 40001.
    Replaced,
    /// Never issued here: 40001.
    Unknown,
}

/// What an issued token is now. Times are virtual.
pub(crate) enum Standing {
    Live { rank: Rank, left: Duration },
    Expired,
    Replaced,
}

#[derive(Clone, Deserialize, Serialize)]
struct Issued {
    appid: String,
    family: Family,
    /// The beginning of time in snapshots of earlier versions.
    #[serde(default)]
    issued_at: Moment,
    expires_at: Moment,
    /// When it stops being accepted, for whatever reason; never after `expires_at`.
    ends_at: Moment,
}

/// A token in the history of its family: for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its value.
    pub token: String,
    /// When it was issued, in real time since the start.
    pub at: Duration,
    /// When it was accepted no more, or will not be, likewise.
    pub ends: Duration,
}

/// The tokens of one app in one family.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Line {
    latest: Option<String>,
    previous: Option<String>,
    last_forced: Option<Moment>,
    /// The latest is dead, yet stable_token keeps handing it out until a forced refresh.
    stubborn: bool,
}

/// A token as a token API hands it out.
pub(crate) struct Handed {
    pub(crate) token: String,
    pub(crate) left: Duration,
    pub(crate) how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Minted,
    /// A forced refresh that did refresh.
    Forced,
    Repeated,
}

#[derive(Default)]
pub(crate) struct Tokens {
    issued: HashMap<String, Issued>,
    order: VecDeque<String>,
    lines: HashMap<(String, Family), Line>,
}

/// The tokens as a snapshot has them.
#[derive(Deserialize, Serialize)]
pub(crate) struct Kept {
    /// Oldest first.
    issued: Vec<(String, Issued)>,
    lines: Vec<((String, Family), Line)>,
}

impl Tokens {
    /// `/cgi-bin/token`: always a new one.
    pub(crate) fn classic(&mut self, now: Moment, appid: &str, mint: Mint<'_>) -> Handed {
        let token = self.mint(now, appid, Family::Classic, mint);
        Handed { token, left: TOKEN_LIFETIME, how: How::Minted }
    }

    /// `/cgi-bin/component/...`: always a new one.
    pub(crate) fn of_platform(&mut self, now: Moment, owner: &str, mint: Mint<'_>) -> String {
        self.mint(now, owner, Family::Platform, mint)
    }

    /// `/cgi-bin/stable_token` in normal mode: the same one until its last five minutes.
    pub(crate) fn stable(&mut self, now: Moment, appid: &str, mint: Mint<'_>) -> Handed {
        if let Some((token, left)) = self.repeatable(now, appid) {
            return Handed { token, left, how: How::Repeated };
        }
        let token = self.mint(now, appid, Family::Stable, mint);
        Handed { token, left: TOKEN_LIFETIME, how: How::Minted }
    }

    /// The same with `force_refresh`: a new one, unless the last forced refresh is too recent.
    pub(crate) fn forced(&mut self, now: Moment, appid: &str, mint: Mint<'_>) -> Handed {
        if self.force_is_too_soon(now, appid) {
            return self.stable(now, appid, mint);
        }
        let token = self.mint(now, appid, Family::Stable, mint);
        self.line(appid, Family::Stable).last_forced = Some(now);
        Handed { token, left: TOKEN_LIFETIME, how: How::Forced }
    }

    pub(crate) fn force_is_too_soon(&self, now: Moment, appid: &str) -> bool {
        let line = self.lines.get(&(appid.to_owned(), Family::Stable));
        let last = line.and_then(|line| line.last_forced);
        last.is_some_and(|last| now < last.plus(FORCE_SPACING))
    }

    fn repeatable(&self, now: Moment, appid: &str) -> Option<(String, Duration)> {
        let line = self.lines.get(&(appid.to_owned(), Family::Stable))?;
        let token = line.latest.as_ref()?;
        let issued = self.issued.get(token)?;
        let left = now.until(issued.expires_at);
        let usable = now < issued.ends_at || line.stubborn;
        (usable && left >= STABLE_WINDOW).then(|| (token.clone(), left))
    }

    fn mint(&mut self, now: Moment, appid: &str, family: Family, mint: Mint<'_>) -> String {
        let Mint { random, length } = mint;
        let token = random.token(now, length);
        let expires_at = now.plus(TOKEN_LIFETIME);
        let line = self.line(appid, family);
        line.stubborn = false;
        let dropped = line.previous.take();
        line.previous = line.latest.replace(token.clone());
        let replaced = line.previous.clone();
        self.end(dropped.as_deref(), now);
        self.end(replaced.as_deref(), now.plus(OVERLAP));
        let issued = Issued {
            appid: appid.to_owned(),
            family,
            issued_at: now,
            expires_at,
            ends_at: expires_at,
        };
        self.issued.insert(token.clone(), issued);
        self.order.push_back(token.clone());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.issued.remove(&oldest);
        }
        token
    }

    fn end(&mut self, token: Option<&str>, at: Moment) {
        if let Some(issued) = token.and_then(|token| self.issued.get_mut(token)) {
            issued.ends_at = issued.ends_at.min(at);
        }
    }

    fn line(&mut self, appid: &str, family: Family) -> &mut Line {
        self.lines.entry((appid.to_owned(), family)).or_default()
    }

    /// Kills the live tokens of a family: 40001 from now on.
    pub(crate) fn revoke(&mut self, now: Moment, appid: &str, family: Family, stubborn: bool) {
        let line = self.line(appid, family);
        line.stubborn = stubborn;
        for token in [line.latest.clone(), line.previous.clone()] {
            self.end(token.as_deref(), now);
        }
    }

    /// Ends the lifetime of the live tokens of a family: 42001 from now on.
    pub(crate) fn expire(&mut self, now: Moment, appid: &str, family: Family) {
        let line = self.line(appid, family);
        for token in [line.latest.clone(), line.previous.clone()].into_iter().flatten() {
            if let Some(issued) = self.issued.get_mut(&token) {
                issued.expires_at = issued.expires_at.min(now);
                issued.ends_at = issued.ends_at.min(now);
            }
        }
    }

    pub(crate) fn forget(&mut self, appid: &str) {
        self.lines.retain(|(owner, _), _| owner != appid);
        self.issued.retain(|_, issued| issued.appid != appid);
        let issued = &self.issued;
        self.order.retain(|token| issued.contains_key(token));
    }

    /// What outlives a restart: the lines, the tokens they name, and the last ones of all.
    pub(crate) fn kept(&self) -> Kept {
        let named = self.lines.values().flat_map(|line| [&line.latest, &line.previous]).flatten();
        let named: HashSet<&String> = named.collect();
        let old = self.order.len().saturating_sub(KEPT);
        let kept = self.order.iter().enumerate();
        let kept = kept.filter(|(i, token)| *i >= old || named.contains(token));
        let issued = kept.filter_map(|(_, token)| self.issued.get_key_value(token));
        Kept {
            issued: issued.map(|(token, issued)| (token.clone(), issued.clone())).collect(),
            lines: self.lines.iter().map(|(key, line)| (key.clone(), line.clone())).collect(),
        }
    }

    pub(crate) fn owner(&self, token: &str) -> Option<(&str, Family)> {
        self.issued.get(token).map(|issued| (issued.appid.as_str(), issued.family))
    }

    /// The tokens of an app in a family that are remembered, oldest first: when each was issued and when it ends.
    pub(crate) fn of_line(
        &self,
        appid: &str,
        family: Family,
    ) -> impl Iterator<Item = (&str, Moment, Moment)> {
        let named = self.order.iter().filter_map(|token| self.issued.get_key_value(token));
        let of_line =
            named.filter(move |(_, issued)| issued.appid == appid && issued.family == family);
        of_line.map(|(token, issued)| (token.as_str(), issued.issued_at, issued.ends_at))
    }

    /// `None` if it was never issued.
    pub(crate) fn standing(&self, now: Moment, token: &str) -> Option<Standing> {
        let issued = self.issued.get(token)?;
        if now >= issued.expires_at {
            return Some(Standing::Expired);
        }
        if now >= issued.ends_at {
            return Some(Standing::Replaced);
        }
        let line = self.lines.get(&(issued.appid.clone(), issued.family));
        let is_latest = line.is_some_and(|line| line.latest.as_deref() == Some(token));
        let rank = if is_latest { Rank::Latest } else { Rank::Previous };
        Some(Standing::Live { rank, left: now.until(issued.ends_at) })
    }
}

impl From<Kept> for Tokens {
    fn from(kept: Kept) -> Self {
        Self {
            order: kept.issued.iter().map(|(token, _)| token.clone()).collect(),
            issued: kept.issued.into_iter().collect(),
            lines: kept.lines.into_iter().collect(),
        }
    }
}

/// How a new token is made.
pub(crate) struct Mint<'a> {
    pub(crate) random: &'a mut Random,
    /// A length asked for by a fault.
    pub(crate) length: Option<usize>,
}
