//! Rules about what is counted and what is told.

use std::sync::Arc;

use lingpai_core::Day;
use lingpai_core::Kind;
use lingpai_core::audit::{Action, Deed, Note, Who};
use lingpai_core::event::{Event, What};
use lingpai_core::journal::{Page, Position};
use lingpai_core::rotation::Reason;
use lingpai_core::store::Entry;

use super::*;

fn told(at: Timestamp, of: Option<&str>, what: What) -> Event {
    let credential = of.map(|name| CredentialId::access_token(account(name)));
    Event { at, credential, node: NodeId::new("a"), what }
}

/// The `n`th of many events, a second after the one before it.
fn nth(n: u64) -> Event {
    told(NOON + seconds(n), Some("wx1"), What::Suspect { cause: n.to_string() })
}

pub async fn the_ledger_counts_by_account_and_day<S: Subject>(store: Arc<S>) {
    let (one, two) = (account("wx1"), account("wx2"));
    let today = Day::of(NOON);
    let trial = Entry::Trial(Kind::ACCESS_TOKEN);
    for times in [1, 2] {
        store.count(&one, today, trial.clone(), times).await.unwrap();
    }
    store.count(&two, today, trial.clone(), 7).await.unwrap();
    store.count(&one, Day(today.0 + 1), trial.clone(), 5).await.unwrap();
    lease(&*store, claim()).await;
    let ledger = store.ledger(&one, today).await.unwrap();
    let expected = [("fetch/access_token/primary".to_owned(), 1), (trial.name(), 3)];
    assert_eq!(ledger, expected.into());
    assert_eq!(store.ledger(&two, Day(today.0 - 1)).await.unwrap(), [].into());
}

pub async fn usage_begins_anew_at_midnight_in_shanghai<S: Subject>(store: Arc<S>) {
    let midnight = Day::of(NOON).end();
    let before = Claim { at: midnight - Duration::from_millis(1), ..claim() };
    let (first, usage) = grant(&*store, Claim { way: Some(Way::Forced), ..before }).await;
    assert_eq!((usage.day, usage.fetches, usage.forced), (Day::of(NOON), 1, 1));
    let after = Claim { at: midnight, settles: Some(first.fence), ..claim() };
    let (_, usage) = grant(&*store, after).await;
    assert_eq!((usage.day, usage.fetches, usage.forced), (Day(Day::of(NOON).0 + 1), 1, 0));
}

pub async fn usage_survives_a_clock_that_visits_another_day<S: Subject>(store: Arc<S>) {
    let mut settles = None;
    let mut counts = Vec::new();
    for at in [NOON, NOON, NOON + Duration::from_hours(24), NOON] {
        let (lease, usage) = grant(&*store, Claim { at, settles, ..claim() }).await;
        settles = Some(lease.fence);
        counts.push(usage.fetches);
    }
    assert_eq!(counts, [1, 2, 1, 3]);
}

pub async fn usage_is_that_of_one_credential<S: Subject>(store: Arc<S>) {
    lease(&*store, claim()).await;
    let ticket = CredentialId::new(Kind::named("jsapi_ticket"), account("wx1"));
    let (_, usage) = grant(&*store, Claim { credential: ticket, ..claim() }).await;
    assert_eq!(usage.fetches, 1);
}

pub async fn the_ledger_outlives_its_account<S: Subject>(store: Arc<S>) {
    lease(&*store, claim()).await;
    store.remove_account(&account("wx1")).await.unwrap();
    let (_, usage) = grant(&*store, claim()).await;
    assert_eq!(usage.fetches, 2);
}

pub async fn every_event_comes_back_as_it_was_recorded<S: Subject>(store: Arc<S>) {
    let fingerprint = token(1, "token-1").fingerprint();
    let (generation, way, expires_at) = (Generation(1), Way::Forced, NOON + seconds(7200));
    let reason = Reason::Scheduled;
    let slow_down = Failure {
        class: Class::RateLimited(Duration::from_millis(1500)),
        code: Some(45011),
        request_id: Some("rid".to_owned()),
        ..failure().perhaps_reached()
    };
    let whats = [
        What::Rotated { generation, fingerprint, reason, way, expires_at },
        What::Repeated { generation, way, expires_at },
        What::Failed { reason, way, failure: slow_down, retry_after: seconds(3) },
        What::RogueRefresher { fingerprint, failure: failure() },
        What::ReportUnfounded { fingerprint },
        What::Suspect { cause: "a crash".to_owned() },
        What::FellBack { cause: "quota".to_owned() },
        What::BudgetSpent { used: 150, reason: Reason::Manual },
        What::StoreDegraded { message: "disk full".to_owned() },
        What::StoreRestored,
    ];
    let events: Vec<Event> = whats
        .into_iter()
        .enumerate()
        .map(|(n, what)| told(NOON, (n % 2 == 0).then_some("wx1"), what))
        .collect();
    store.record(&events).await.unwrap();
    let mut found = store.events(None, usize::MAX).await.unwrap();
    found.reverse();
    assert_eq!(found, events);
}

pub async fn the_newest_events_come_first<S: Subject>(store: Arc<S>) {
    store.record(&[nth(1), nth(2)]).await.unwrap();
    store.record(&[]).await.unwrap();
    store.record(&[nth(3)]).await.unwrap();
    assert_eq!(store.events(None, 2).await.unwrap(), [nth(3), nth(2)]);
    assert_eq!(store.events(None, 0).await.unwrap(), []);
}

pub async fn events_can_be_had_of_one_account<S: Subject>(store: Arc<S>) {
    let other = told(NOON, Some("wx2"), What::StoreRestored);
    let nobodys = told(NOON, None, What::StoreRestored);
    store.record(&[nth(1), other.clone(), nth(2), nobodys]).await.unwrap();
    assert_eq!(store.events(Some(&account("wx1")), 9).await.unwrap(), [nth(2), nth(1)]);
    assert_eq!(store.events(Some(&account("wx2")), 9).await.unwrap(), [other]);
    assert_eq!(store.events(Some(&account("wx3")), 9).await.unwrap(), []);
}

pub async fn the_oldest_events_make_room_for_new_ones<S: Subject>(store: Arc<S>) {
    for n in 1..=25 {
        store.record(&[nth(n)]).await.unwrap();
    }
    store.record(&[nth(26), nth(27), nth(28)]).await.unwrap();
    let found = store.events(None, usize::MAX).await.unwrap();
    assert_eq!(found, (19..=28).rev().map(nth).collect::<Vec<_>>());
}

pub async fn events_past_their_age_are_forgotten<S: Subject>(store: Arc<S>) {
    store.record(&[nth(1), nth(2), nth(3)]).await.unwrap();
    let late = told(NOON + BOUNDS.events.age + seconds(3), None, What::StoreRestored);
    store.record(std::slice::from_ref(&late)).await.unwrap();
    assert_eq!(store.events(None, usize::MAX).await.unwrap(), [late, nth(3)]);
}

pub async fn a_journal_is_read_on_from_any_place_in_both_directions<S: Subject>(store: Arc<S>) {
    let events: Vec<_> = (1..=5).map(nth).collect();
    store.record(&events).await.unwrap();
    let whole = store.stream(None, Page::Newest, 9).await.unwrap();
    let positions: Vec<_> = whole.told.iter().rev().map(|told| told.position).collect();
    assert!(positions.is_sorted() && positions[0] > Position::default());
    let read = async |page, limit| {
        let listing = store.stream(Some(&account("wx1")), page, limit).await.unwrap();
        let told: Vec<_> = listing.told.into_iter().map(|told| told.what).collect();
        (told, listing.last, listing.more)
    };
    let on = read(Page::After(positions[1]), 2).await;
    assert_eq!(on, (vec![nth(3), nth(4)], Some(positions[3]), true));
    let back = read(Page::Before(positions[1]), 2).await;
    assert_eq!(back, (vec![nth(1)], Some(positions[0]), false));
    let all = read(Page::After(Position::default()), 9).await;
    assert_eq!(all, (events, Some(positions[4]), false));
    assert_eq!(read(Page::After(positions[4]), 9).await, (vec![], None, false));
    store.record(&[nth(6)]).await.unwrap();
    assert_eq!(read(Page::After(positions[4]), 9).await.0, [nth(6)]);
}

pub async fn what_is_noted_is_apart_from_what_happened<S: Subject>(store: Arc<S>) {
    let note = |n| Note {
        at: NOON + seconds(n),
        node: NodeId::new("a"),
        who: Who::Client {
            key: "lp_1".to_owned(),
            name: "orders".to_owned(),
            address: [10, 0, 0, 7].into(),
        },
        credential: Some(CredentialId::access_token(account("wx1"))),
        deed: Deed { count: 3, ..Deed::new(Action::TokenRead) },
    };
    store.note(&[note(1), note(2)]).await.unwrap();
    let found = store.notes(Some(&account("wx1")), Page::Newest, 9).await.unwrap().told;
    assert_eq!(found.into_iter().map(|told| told.what).collect::<Vec<_>>(), [note(2), note(1)]);
    assert_eq!(store.events(None, 9).await.unwrap(), []);
    for n in 3..=BOUNDS.audit.count as u64 + 5 {
        store.note(&[note(n)]).await.unwrap();
    }
    let found = store.notes(None, Page::Newest, 99).await.unwrap().told;
    assert_eq!(found.len(), BOUNDS.audit.count as usize);
}
