//! Which events somebody asks for, and in which language.

use http::request::Parts;
use lingpai_core::client::Accounts;
use lingpai_core::event::{Event, Severity};
use lingpai_core::journal::Position;
use lingpai_core::{AccountId, Timestamp};

use crate::language::{Bilingual, Language};
use crate::query::Query;
use crate::refusal::Refusal;

/// `?account=A&event=rotated,failed&severity=warning&since=2h&after=12-0&language=zh`, all of which may be absent.
pub(crate) struct Wanted {
    pub(crate) account: Option<AccountId>,
    /// Of these names only. Empty: of all.
    events: Vec<String>,
    /// Of this severity, and of graver ones.
    severity: Severity,
    pub(crate) since: Option<Timestamp>,
    pub(crate) after: Option<Position>,
    pub(crate) language: Language,
}

impl Wanted {
    pub(crate) fn read(head: &Parts, now: Timestamp) -> Result<Self, Refusal> {
        const SEVERITY: Bilingual = Bilingual::fixed(
            "`info`, `notice`, `warning` or `error`",
            " `info`、`notice`、`warning` 或 `error`",
        );
        let query = Query::of(head);
        let events = query.value("event").unwrap_or_default();
        let severity = match query.value("severity") {
            Some(name) => {
                Severity::named(&name).ok_or(Refusal::QueryUnreadable("severity", SEVERITY))?
            }
            None => Severity::Info,
        };
        Ok(Self {
            account: query.account("account")?,
            events: events.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            severity,
            since: query.since(now)?,
            after: query.position("after")?,
            language: query.language(head)?,
        })
    }

    /// Whether this event is among those, for a key that is for these accounts.
    pub(crate) fn includes(&self, event: &Event, allowed: &Accounts) -> bool {
        let concerns = match (&self.account, event.account()) {
            (None, None) => matches!(allowed, Accounts::All),
            (None, Some(account)) => allowed.contains(account),
            (Some(wanted), account) => account == Some(wanted) && allowed.contains(wanted),
        };
        concerns
            && event.what.severity() >= self.severity
            && (self.events.is_empty() || self.events.iter().any(|name| name == event.what.name()))
    }
}
