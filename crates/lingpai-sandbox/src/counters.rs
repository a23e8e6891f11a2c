//! Exact counts of what the world was asked and what it did, so that "exactly one fetch" is a
//! number.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    quota::{CLASSIC_PATH, STABLE_PATH},
    tokens::Family,
};

/// So many different paths are counted by name; further ones share [`OTHER_PATHS`].
const NAMED_PATHS: usize = 1000;
const OTHER_PATHS: &str = "(others)";

/// The counts since the start or the last reset. Calls of the control API are not in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Every call, whatever became of it.
    pub calls: u64,
    /// The same by path.
    pub paths: BTreeMap<String, Tally>,
    /// The same for each app that the call could be ascribed to.
    pub apps: BTreeMap<String, AppCounters>,
}

impl Counters {
    /// The counts of one app; zeros if it was never called.
    pub fn app(&self, appid: &str) -> AppCounters {
        self.apps.get(appid).cloned().unwrap_or_default()
    }

    /// How often any of the two token APIs was called, whatever became of it.
    pub fn fetches(&self) -> u64 {
        self.calls_of(CLASSIC_PATH) + self.calls_of(STABLE_PATH)
    }

    /// How often one path was called.
    pub fn calls_of(&self, path: &str) -> u64 {
        self.paths.get(path).map_or(0, |tally| tally.calls)
    }

    pub(crate) fn record(&mut self, path: &str, appid: Option<&str>, outcome: &str) {
        self.calls += 1;
        tally(&mut self.paths, path, outcome);
        if let Some(appid) = appid {
            let app = self.app_mut(appid);
            app.calls += 1;
            tally(&mut app.paths, path, outcome);
        }
    }

    pub(crate) fn app_mut(&mut self, appid: &str) -> &mut AppCounters {
        self.apps.entry(appid.to_owned()).or_default()
    }
}

fn tally(paths: &mut BTreeMap<String, Tally>, path: &str, outcome: &str) {
    let is_new = !paths.contains_key(path);
    let path = if is_new && paths.len() >= NAMED_PATHS { OTHER_PATHS } else { path };
    let tally = paths.entry(path.to_owned()).or_default();
    tally.calls += 1;
    *tally.outcomes.entry(outcome.to_owned()).or_default() += 1;
}

/// The counts of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AppCounters {
    /// Every call that could be ascribed to the app.
    pub calls: u64,
    /// The same by path.
    pub paths: BTreeMap<String, Tally>,
    /// Tokens that callers made the world mint.
    pub minted: Minted,
    /// Of the stable ones: those minted by a forced refresh.
    pub forced: u64,
    /// Forced refreshes that were answered with the current token (too soon, or too many).
    pub forced_in_vain: u64,
    /// Stable calls, and WeCom's, answered with a token that had been handed out before.
    pub repeated: u64,
    /// Sealed calls (API security) that were opened: proven, in time, and not seen before.
    pub sealed: u64,
    /// New tickets that callers were handed.
    pub tickets: u64,
    /// Tokens minted for the "other system" of the control API.
    pub minted_for_others: Minted,
}

/// How many tokens, by how they are issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Minted {
    /// By `/cgi-bin/token`.
    pub classic: u64,
    /// By `/cgi-bin/stable_token`.
    pub stable: u64,
    /// By WeCom's `gettoken` or `get_corp_token`.
    pub wecom: u64,
    /// For a third-party platform: its own, and those of accounts that have authorised it.
    pub platform: u64,
    /// By WeCom's `get_suite_token`.
    pub suite: u64,
    /// By WeCom's `get_provider_token`.
    pub provider: u64,
}

impl Minted {
    pub(crate) fn add(&mut self, family: Family) {
        match family {
            Family::Classic => self.classic += 1,
            Family::Stable => self.stable += 1,
            Family::Platform => self.platform += 1,
        }
    }
}

/// How often something was called, and with what outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All of them.
    pub calls: u64,
    /// By errcode (`0` for success), or by what happened on the wire: `hang`, `cut`, `cut-body`,
    /// `garbage`, `html`, `truncated-json`, `http-412`, `http-502`, ...
    pub outcomes: BTreeMap<String, u64>,
}
