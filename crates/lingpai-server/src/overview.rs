//! `GET /v1/overview`: every account at a glance, those that need somebody first, a page at a time.
//!
//! Many look at it at once, again and again. So how all accounts stand is gathered at most once a second, and more rarely where
//! that takes long. That and looking for what is asked for is done beside the threads that serve tokens, and a page is rendered
//! once for all who ask for the same one meanwhile.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use lingpai_core::client::{Accounts, Right};
use lingpai_core::keeper::Status;
use lingpai_core::store::Damage;
use lingpai_core::{AccountId, Instant, Registry, Timestamp};
use serde::Serialize;

use crate::accounts::{AccountAnswer, State};
use crate::answer::{self, Body, JSON};
use crate::language::{self, Bilingual, Language};
use crate::native::caller;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// How many accounts a page has, unless asked for fewer or more.
pub(crate) const PAGE: usize = 50;
pub(crate) const LARGEST_PAGE: usize = 200;
/// How old an answer may be.
const AGE: Duration = Duration::from_secs(1);
/// Gathering takes one part in so many of one processor's time at most.
const SHARE: u32 = 20;
/// How many different pages are kept for so long.
const KEPT: usize = 64;

/// How all accounts stood moments ago.
#[derive(Default)]
pub(crate) struct Overview {
    latest: tokio::sync::Mutex<Option<Arc<Gathered>>>,
}

/// How all accounts stood at one moment.
struct Gathered {
    at: Instant,
    took: Duration,
    /// Those that need somebody first, of these those that need it for longest; else in the order of their names.
    rows: Vec<Row>,
    /// For keys of all accounts: the answers to these queries.
    pages: Mutex<HashMap<String, Bytes>>,
}

/// One account.
struct Row {
    account: AccountId,
    /// The worst of its credentials'.
    state: State,
    failing_since: Option<Timestamp>,
    /// Whom it has authorised.
    platform: Option<AccountId>,
    statuses: Vec<Status>,
}

#[derive(Serialize)]
struct OverviewAnswer {
    counts: Counts,
    /// How many of them fit the search and the state that are asked for.
    found: usize,
    page: usize,
    pages: usize,
    accounts: Vec<AccountAnswer>,
    /// What the store has left out, told to whoever may see all accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<Damage>,
}

/// How many accounts stand in which way.
#[derive(Default, Serialize)]
struct Counts {
    all: usize,
    /// Those that need somebody.
    troubled: usize,
    good: usize,
    failing: usize,
    refused: usize,
    missing: usize,
    idle: usize,
    /// Those for which nothing is fetched, since somebody said so.
    unmanaged: usize,
}

/// Which accounts are asked for.
struct Asked {
    /// Whose keys see nothing else.
    allowed: Accounts,
    /// Only those that have authorised this one; of others nothing is counted.
    platform: Option<AccountId>,
    wanted: Wanted,
    /// In small letters.
    search: Option<String>,
    page: usize,
    limit: usize,
    language: Language,
}

/// Accounts of which state are asked for.
enum Wanted {
    All,
    Troubled,
    Unmanaged,
    These(State),
}

/// The answer.
pub(crate) async fn list(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("GET", head, peer)?;
    let (_, allowed) = serving.admit_somewhere(caller, Right::StatusRead).await?;
    let query = Query::of(head);
    let asked = Asked {
        allowed,
        platform: query.account("platform")?,
        wanted: Wanted::read(&query)?,
        search: query.text("search").map(|text| text.trim().to_lowercase()),
        page: query.how_many("page", 1, usize::MAX)?.max(1),
        limit: query.limit(PAGE, LARGEST_PAGE)?,
        language: language::wanted(&head.headers),
    };
    let gathered = serving.overview.gathered(&serving.registry).await;
    let name = format!("{:?}?{}", asked.language, head.uri.query().unwrap_or_default());
    let sees_all = asked.allowed == Accounts::All;
    if sees_all && let Some(known) = gathered.page(&name) {
        return Ok(answer::text(StatusCode::OK, JSON, known));
    }
    let damaged = if sees_all { serving.keys.damage() } else { Vec::new() };
    let looking = Arc::clone(&gathered);
    let found = tokio::task::spawn_blocking(move || looking.answer(&asked, damaged)).await;
    // It ends early only with the whole program.
    let body = found.unwrap_or_default();
    if sees_all {
        gathered.keep(name, body.clone());
    }
    Ok(answer::text(StatusCode::OK, JSON, body))
}

impl Overview {
    /// How all accounts stand, or stood a moment ago. Whoever comes while it is gathered waits for that.
    async fn gathered(&self, registry: &Arc<Registry>) -> Arc<Gathered> {
        let mut latest = self.latest.lock().await;
        let now = registry.clock().now().instant;
        if let Some(known) = latest.as_ref().filter(|it| now.since(it.at) < it.age()) {
            return Arc::clone(known);
        }
        let gathering = Arc::clone(registry);
        let rows = tokio::task::spawn_blocking(move || rows(&gathering)).await;
        // It ends early only with the whole program.
        let rows = rows.unwrap_or_default();
        let took = registry.clock().now().instant.since(now);
        let gathered = Arc::new(Gathered { at: now, took, rows, pages: Mutex::default() });
        *latest = Some(Arc::clone(&gathered));
        gathered
    }
}

impl Gathered {
    /// How long it is good.
    fn age(&self) -> Duration {
        AGE.max(self.took * SHARE)
    }

    /// What is asked for, written.
    fn answer(&self, asked: &Asked, damaged: Vec<Damage>) -> Bytes {
        let mut counts = Counts::default();
        let mut found = Vec::new();
        for row in self.rows.iter().filter(|row| asked.concerns(row)) {
            counts.add(row);
            if asked.wanted.includes(row)
                && asked.search.as_ref().is_none_or(|text| row.mentions(text))
            {
                found.push(row);
            }
        }
        let pages = found.len().div_ceil(asked.limit).max(1);
        let page = asked.page.min(pages);
        let shown = found.iter().skip((page - 1) * asked.limit).take(asked.limit);
        let told = |row: &&Row| {
            AccountAnswer::of(row.account.clone(), row.statuses.clone(), asked.language)
        };
        let (accounts, found) = (shown.map(told).collect(), found.len());
        answer::written(&OverviewAnswer { counts, found, page, pages, accounts, damaged }).into()
    }

    fn page(&self, name: &str) -> Option<Bytes> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn keep(&self, name: String, page: Bytes) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() < KEPT {
            pages.insert(name, page);
        }
    }
}

fn rows(registry: &Registry) -> Vec<Row> {
    let keepers = registry.keepers();
    let mut statuses: Vec<_> = keepers.iter().map(|keeper| keeper.status()).collect();
    let place =
        |status: &Status| (status.credential.account.clone(), status.credential.kind.clone());
    statuses.sort_by_cached_key(place);
    let of_accounts =
        statuses.chunk_by(|one, other| one.credential.account == other.credential.account);
    let mut rows: Vec<_> = of_accounts.filter_map(Row::of).collect();
    rows.sort_by_key(|row| (Reverse(row.state.urgency()), row.failing_since));
    rows
}

impl Row {
    fn of(statuses: &[Status]) -> Option<Self> {
        let worst = statuses.iter().map(State::of).max_by_key(|state| state.urgency())?;
        Some(Self {
            account: statuses.first()?.credential.account.clone(),
            state: worst,
            failing_since: statuses.iter().filter_map(|status| status.failing_since).min(),
            platform: statuses.iter().find_map(|status| status.platform.clone()),
            statuses: statuses.to_vec(),
        })
    }

    fn is_managed(&self) -> bool {
        self.statuses.iter().all(|status| status.keeping.fetches())
    }

    /// Whether its name or what is wrong with it has this text, which is in small letters.
    fn mentions(&self, text: &str) -> bool {
        let failures = self.statuses.iter().filter_map(|status| status.failure.as_ref());
        let is_in = |whole: &str| whole.to_lowercase().contains(text);
        is_in(self.account.as_str()) || failures.map(|it| &*it.message).any(is_in)
    }
}

impl Asked {
    /// Whether an account is one of those that are counted.
    fn concerns(&self, row: &Row) -> bool {
        self.allowed.contains(&row.account)
            && (self.platform.is_none() || self.platform == row.platform)
    }
}

impl Wanted {
    fn read(query: &Query<'_>) -> Result<Self, Refusal> {
        const EXPECTED: Bilingual = Bilingual::fixed(
            "`troubled`, `good`, `failing`, `refused`, `missing`, `idle` or `unmanaged`",
            " `troubled`、`good`、`failing`、`refused`、`missing`、`idle` 或 `unmanaged`",
        );
        match query.text("state").as_deref() {
            None => Ok(Self::All),
            Some("troubled") => Ok(Self::Troubled),
            Some("unmanaged") => Ok(Self::Unmanaged),
            Some(name) => {
                let state = State::ALL.into_iter().find(|state| state.as_str() == name);
                state.map(Self::These).ok_or(Refusal::QueryUnreadable("state", EXPECTED))
            }
        }
    }

    fn includes(&self, row: &Row) -> bool {
        match self {
            Self::All => true,
            Self::Troubled => row.state.is_trouble(),
            Self::Unmanaged => !row.is_managed(),
            Self::These(state) => row.state == *state,
        }
    }
}

impl Counts {
    fn add(&mut self, row: &Row) {
        self.all += 1;
        self.troubled += usize::from(row.state.is_trouble());
        self.unmanaged += usize::from(!row.is_managed());
        *match row.state {
            State::Good => &mut self.good,
            State::Failing => &mut self.failing,
            State::Refused => &mut self.refused,
            State::Missing => &mut self.missing,
            State::Idle => &mut self.idle,
        } += 1;
    }
}
