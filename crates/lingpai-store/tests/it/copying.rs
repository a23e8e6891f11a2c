//! One store into another: files, servers, and back.

use std::sync::Arc;

use lingpai_core::client::{Accounts, ApiKey, NewKey, Right};
use lingpai_core::event::{Event, What};
use lingpai_core::outbox::{Delivery, Parcel, Put};
use lingpai_core::store::{Begun, Claim, Commit, Entry};
use lingpai_core::{Class, Day, Failure, Generation, NodeId, Secret, Store, StoreErrorKind, Way};
use lingpai_store::conformance::RedisServer;
use lingpai_store::{
    Archive, Copied, Copying, Far, Part, RedisOptions, RedisStore, Section, SqliteStore, copy,
};
use tempfile::TempDir;

use crate::support::*;

const HOW: Copying =
    Copying { today: Day(20_781), merge: false, while_running: false, compare: true };

type Any = Arc<dyn Archive>;

async fn redis(server: &RedisServer) -> Any {
    Arc::new(RedisStore::open(tool(server)).await.unwrap())
}

fn tool(server: &RedisServer) -> RedisOptions {
    // Another key than that of the file.
    RedisOptions { part: Part::Tool, key: key(2), ..redis_options(server) }
}

async fn file(directory: &TempDir) -> Any {
    Arc::new(open(directory).await.unwrap())
}

fn some_key(byte: u8) -> ApiKey {
    NewKey::from_random([byte; 30], "orders", Right::ALL.into(), Accounts::All, NOON).record
}

/// Fills a store with something of everything.
async fn fill(store: &dyn Archive) {
    let node = NodeId::new("a");
    for number in 0..20 {
        let name = format!("wx{number}");
        store.put_account(&account(&name), None).await.unwrap();
        let begun = store.begin(claim(&name, &node, 0)).await.unwrap();
        let Begun::Granted { lease, .. } = begun else { panic!("{begun:?}") };
        let commit = Commit { lease, token: token(&name, 3), previous_until: None };
        store.commit(commit).await.unwrap();
    }
    // A fetch that failed, one whose outcome nobody knows, one that was forced.
    let begun = store.begin(claim("wx1", &node, 3)).await.unwrap();
    let Begun::Granted { lease, .. } = begun else { panic!("{begun:?}") };
    store.abandon(&lease, &Failure::new(Class::NeedsPerson, "invalid ip")).await.unwrap();
    store.begin(claim("wx2", &node, 3)).await.unwrap();
    let forced = Claim { way: Some(Way::Forced), ..claim("wx3", &node, 3) };
    store.begin(forced).await.unwrap();
    store.remove_account(&"wx19".parse().unwrap()).await.unwrap();
    for key in [some_key(1), ApiKey { revoked_at: Some(NOON), ..some_key(2) }] {
        store.put_key(&key).await.unwrap();
    }
    // Pushes, not in the order of their names; and one that was given up.
    for (name, id) in
        [("wx4", "b"), ("wx4", "a"), ("wx4", "c"), ("wx5", "a"), ("wx6", "a"), ("wx7", "a")]
    {
        let parcel = Parcel { id: id.to_owned(), ..parcel(name) };
        assert_eq!(store.put_parcel(&parcel).await.unwrap(), Put::Kept);
    }
    let dead = Delivery { attempts: 10, due_at: None, failure: Some("HTTP 500".to_owned()) };
    assert!(store.set_delivery(&"wx4".parse().unwrap(), "a", &dead).await.unwrap());
    let id = "wx5".parse().unwrap();
    store
        .count(&id, Day::of(NOON), Entry::Trial(lingpai_core::Kind::ACCESS_TOKEN), 7)
        .await
        .unwrap();
    let events: Vec<Event> = (0..1200).map(numbered).collect();
    store.record(&events).await.unwrap();
}

fn numbered(number: u64) -> Event {
    let at = NOON + std::time::Duration::from_millis(number / 3);
    Event { at, what: What::Suspect { cause: format!("number {number}") }, ..event("wx1") }
}

/// Everything that a store is asked for.
async fn everything(store: &dyn Archive) -> String {
    let mut accounts = store.accounts().await.unwrap();
    accounts.sort_by(|one, other| one.id.cmp(&other.id));
    let secrets: Vec<_> =
        accounts.iter().map(|account| account.secret.expose().to_owned()).collect();
    let pushes: Vec<_> = accounts
        .iter()
        .map(|account| account.push.as_ref().map(|push| push.to_text().expose().to_owned()))
        .collect();
    let sealing: Vec<_> = accounts
        .iter()
        .map(|account| account.api_security.as_ref().map(|it| it.to_text().expose().to_owned()))
        .collect();
    let mut keys = store.keys().await.unwrap();
    keys.sort_by(|one, other| one.id.cmp(&other.id));
    let mut records = store.load().await.unwrap();
    records.sort_by(|one, other| one.credential.cmp(&other.credential));
    let tokens: Vec<_> = records
        .iter()
        .map(|record| record.token.as_ref().map(|token| token.value.expose().to_owned()))
        .collect();
    let (mut ledgers, mut parcels) = (Vec::new(), Vec::new());
    for number in 0..20 {
        let id = format!("wx{number}").parse().unwrap();
        ledgers.push(store.ledger(&id, Day::of(NOON)).await.unwrap());
        for parcel in store.parcels(&id, usize::MAX).await.unwrap() {
            parcels.push(format!("{parcel:?} {}", parcel.content.expose()));
        }
    }
    let events = store.events(None, usize::MAX).await.unwrap();
    format!(
        "{accounts:?}\n{secrets:?}\n{pushes:?}\n{sealing:?}\n{keys:?}\n{records:?}\n{tokens:?}\n{ledgers:?}\n{parcels:?}\n{events:?}"
    )
}

/// Shows where two long texts begin to differ.
fn assert_same(one: &str, other: &str) {
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let shown =
        |text: &str| text.chars().skip(same.saturating_sub(200)).take(300).collect::<String>();
    assert!(one == other, "{}\n\n{}", shown(one), shown(other));
}

async fn copied(from: &Any, to: &Any) -> Copied {
    copy(from, to, HOW, &mut |_| {}).await.unwrap()
}

/// Grants a lease: its fencing number.
async fn next_fence(store: &dyn Archive, name: &str) -> u64 {
    let begun = store.begin(claim(name, &NodeId::new("b"), 3)).await.unwrap();
    let Begun::Granted { lease, .. } = begun else { panic!("{begun:?}") };
    lease.fence.0
}

#[tokio::test]
async fn everything_goes_from_a_file_to_a_redis_and_back_and_on() {
    let (one, two, server, other) =
        (directory(), directory(), RedisServer::start(), RedisServer::start());
    let first = file(&one).await;
    fill(&*first).await;
    let before = everything(&*first).await;
    assert!(before.contains("number 1199") && before.contains("secret-of-wx7"));
    assert!(["token0of0wx7", "push-of-wx7", "key-1-of-wx7"].iter().all(|it| before.contains(it)));
    let (there, further, back) = (redis(&server).await, redis(&other).await, file(&two).await);
    for (from, to) in [(&first, &there), (&there, &further), (&further, &back)] {
        let told = copied(from, to).await;
        assert_eq!((told.keys.written, told.credentials.written), (2, 19));
        assert_eq!((told.pushes.there, told.pushes.written), (6, 6));
        assert_eq!((told.events.there, told.events.written), (1200, 1200));
        assert_same(&everything(&**to).await, &before);
        // A second time there is nothing left to do.
        let again = copied(from, to).await;
        assert_eq!(again.accounts.written + again.keys.written + again.credentials.written, 0);
        assert_eq!(again.ledgers.written + again.pushes.written + again.events.written, 0);
    }
    // Numbers go on above the highest, which a Redis counts far higher than a file.
    let highest = next_fence(&*further, "wx7").await;
    copy(&further, &back, Copying { merge: true, ..HOW }, &mut |_| {}).await.unwrap();
    assert!(next_fence(&*back, "wx8").await > highest);
}

#[tokio::test]
async fn a_copy_that_was_broken_off_goes_on_where_it_ended() {
    let (one, server) = (directory(), RedisServer::start());
    let from = file(&one).await;
    fill(&*from).await;
    let to = redis(&server).await;
    for section in [
        Section::Accounts,
        Section::Credentials,
        Section::Ledgers,
        Section::Pushes,
        Section::Events,
    ] {
        // Ends the copy in the middle of this section.
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut tell = |far: Far| {
            if far.section == section && far.done > 3 {
                let _ = told.send(());
            }
        };
        tokio::select! {
            biased;
            _ = heard.recv() => {}
            outcome = copy(&from, &to, HOW, &mut tell) => drop(outcome.unwrap()),
        }
    }
    copied(&from, &to).await;
    assert_same(&everything(&*to).await, &everything(&*from).await);
}

#[tokio::test]
async fn a_store_that_holds_other_data_is_not_copied_into_unless_that_is_meant() {
    let (one, two) = (directory(), directory());
    let (from, to) = (file(&one).await, file(&two).await);
    fill(&*from).await;
    let own = account("wx77");
    to.put_account(&own, None).await.unwrap();
    to.put_key(&some_key(9)).await.unwrap();
    let later = lingpai_core::Account {
        secret: Secret::from("later"),
        updated_at: NOON + std::time::Duration::from_secs(1),
        ..account("wx1")
    };
    to.put_account(&later, None).await.unwrap();
    let before = everything(&*to).await;
    let error = copy(&from, &to, HOW, &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    assert!(error.to_string().contains("2 account(s), 1 API key(s) and 0 token(s)"), "{error}");
    assert_same(&everything(&*to).await, &before);
    copy(&from, &to, Copying { merge: true, ..HOW }, &mut |_| {}).await.unwrap();
    let accounts = to.accounts().await.unwrap();
    assert!(
        accounts.contains(&own) && accounts.contains(&later) && accounts.contains(&account("wx2"))
    );
    assert_eq!(to.keys().await.unwrap().len(), 3);
    assert_eq!(to.read(&credential("wx1")).await.unwrap().unwrap().generation, Generation(3));
}

#[tokio::test]
async fn a_store_that_others_use_is_not_copied_unless_that_is_meant() {
    let (one, server) = (directory(), RedisServer::start());
    let node: SqliteStore = open(&one).await.unwrap();
    let (from, to) = (file(&one).await, redis(&server).await);
    fill(&*from).await;
    let error = copy(&from, &to, HOW, &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("1 other process(es) use the store sqlite:"), "{error}");
    copy(&from, &to, Copying { while_running: true, ..HOW }, &mut |_| {}).await.unwrap();
    drop(node);
    let node = RedisStore::open(RedisOptions { part: Part::Node, ..tool(&server) }).await.unwrap();
    // It listens before it says that it has missed something.
    node.changed().await;
    let error = copy(&from, &to, HOW, &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("1 other process(es) use the store redis:"), "{error}");
    copy(&from, &to, Copying { while_running: true, ..HOW }, &mut |_| {}).await.unwrap();
}

#[tokio::test]
async fn an_account_that_was_removed_from_a_redis_is_removed_from_the_target_too() {
    let (one, server, other) = (directory(), RedisServer::start(), RedisServer::start());
    let (from, to, onto) = (redis(&server).await, redis(&other).await, file(&one).await);
    fill(&*from).await;
    for target in [&to, &onto] {
        target.put_account(&account("wx19"), None).await.unwrap();
        copy(&from, target, Copying { merge: true, ..HOW }, &mut |_| {}).await.unwrap();
        assert!(target.account(&"wx19".parse().unwrap()).await.unwrap().is_none());
    }
    assert_eq!(to.removed().await.unwrap(), from.removed().await.unwrap());
}

#[tokio::test]
async fn an_account_that_was_changed_after_it_was_removed_elsewhere_stays() {
    let (one, server) = (directory(), RedisServer::start());
    for store in [file(&one).await, redis(&server).await] {
        let later = account("wx1");
        store.put_account(&later, None).await.unwrap();
        store
            .bury(&later.id, later.updated_at - std::time::Duration::from_millis(1))
            .await
            .unwrap();
        assert_eq!(store.accounts().await.unwrap().first(), Some(&later));
        store.bury(&later.id, later.updated_at).await.unwrap();
        assert_eq!(store.accounts().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_push_that_cannot_be_read_is_not_left_out_in_silence() {
    let (server, other) = (RedisServer::start(), RedisServer::start());
    let (from, to) = (redis(&server).await, redis(&other).await);
    fill(&*from).await;
    server.cli(&["HSET", "lingpai:{wx5}:outbox", "a:content", "x"]);
    let error = copy(&from, &to, HOW, &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("1 push(es) of wx5"), "{error}");
    from.remove_parcel(&"wx5".parse().unwrap(), "a").await.unwrap();
    copied(&from, &to).await;
    assert_same(&everything(&*to).await, &everything(&*from).await);
}

#[tokio::test]
async fn a_store_is_not_copied_into_itself() {
    let one = directory();
    let (from, to) = (file(&one).await, file(&one).await);
    let error = copy(&from, &to, HOW, &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("are the same store"), "{error}");
}

#[tokio::test]
async fn a_store_with_a_damaged_key_is_not_copied_without_it() {
    let (server, one) = (RedisServer::start(), directory());
    let (from, to) = (redis(&server).await, file(&one).await);
    from.put_key(&some_key(1)).await.unwrap();
    server.cli(&["HSET", "lingpai:keys", "lp_damaged", "{"]);
    let error = copy(&from, &to, HOW, &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("the API key lp_damaged"), "{error}");
    assert_eq!(to.keys().await.unwrap(), []);
}
