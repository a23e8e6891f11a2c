//! Rules about pushes that wait.

use std::sync::Arc;

use lingpai_core::outbox::{Delivery, MOST_DEAD, MOST_PARCELS, Parcel, Put};

use super::*;

fn parcel(owner: &str, id: &str) -> Parcel {
    Parcel {
        account: account(owner),
        id: id.to_owned(),
        content: Secret::from(format!("content of {id}")),
        received_at: NOON,
        delivery: waiting(NOON),
    }
}

fn waiting(due_at: Timestamp) -> Delivery {
    Delivery { due_at: Some(due_at), ..Delivery::default() }
}

fn dead() -> Delivery {
    Delivery { attempts: 3, due_at: None, failure: Some("it says \"no\"".to_owned()) }
}

async fn put(store: &impl Outbox, owner: &str, ids: &[&str]) {
    for id in ids {
        assert_eq!(store.put_parcel(&parcel(owner, id)).await.unwrap(), Put::Kept);
    }
}

async fn ids(store: &impl Outbox, owner: &str) -> Vec<String> {
    let parcels = store.parcels(&account(owner), usize::MAX).await.unwrap();
    parcels.into_iter().map(|parcel| parcel.id).collect()
}

async fn taken(store: &impl Outbox, now: Timestamp) -> Vec<String> {
    let mut taken = store.take_due(now, now + seconds(30)).await.unwrap();
    taken.sort_by(|a, b| a.account.cmp(&b.account));
    taken.into_iter().map(|parcel| parcel.id).collect()
}

pub async fn parcels_come_back_in_their_order<S: Subject>(store: Arc<S>) {
    put(&*store, "wx1", &["c", "a", "b"]).await;
    put(&*store, "wx2", &["z"]).await;
    assert_eq!(ids(&*store, "wx1").await, ["c", "a", "b"]);
    assert_eq!(store.parcels(&account("wx1"), 2).await.unwrap()[1], parcel("wx1", "a"));
    assert_eq!(store.parcels(&account("wx1"), 2).await.unwrap().len(), 2);
    assert!(store.remove_parcel(&account("wx1"), "a").await.unwrap());
    assert!(!store.remove_parcel(&account("wx1"), "a").await.unwrap());
    assert!(!store.remove_parcel(&account("wx3"), "a").await.unwrap());
    put(&*store, "wx1", &["a"]).await;
    assert_eq!(ids(&*store, "wx1").await, ["c", "b", "a"]);
    assert!(ids(&*store, "wx3").await.is_empty());
}

pub async fn a_parcel_of_the_same_id_is_kept_once<S: Subject>(store: Arc<S>) {
    put(&*store, "wx1", &["a"]).await;
    put(&*store, "wx2", &["a"]).await;
    let again = Parcel { content: Secret::from("other"), ..parcel("wx1", "a") };
    assert_eq!(store.put_parcel(&again).await.unwrap(), Put::Known);
    assert_eq!(store.parcels(&account("wx1"), 9).await.unwrap(), [parcel("wx1", "a")]);
}

pub async fn of_each_account_the_first_parcel_is_taken_when_it_is_due<S: Subject>(store: Arc<S>) {
    assert!(taken(&*store, NOON).await.is_empty());
    put(&*store, "wx1", &["a", "b"]).await;
    put(&*store, "wx2", &["c"]).await;
    let later = Parcel { delivery: waiting(NOON + seconds(5)), ..parcel("wx3", "d") };
    store.put_parcel(&later).await.unwrap();
    put(&*store, "wx3", &["e"]).await;
    assert_eq!(taken(&*store, NOON).await, ["a", "c"]);
    assert_eq!(taken(&*store, NOON + seconds(5)).await, ["d"]);
    store.remove_parcel(&account("wx1"), "a").await.unwrap();
    store.remove_parcel(&account("wx2"), "c").await.unwrap();
    assert_eq!(taken(&*store, NOON + seconds(6)).await, ["b"]);
}

pub async fn a_parcel_that_was_taken_is_not_taken_again_before_its_time<S: Subject>(store: Arc<S>) {
    put(&*store, "wx1", &["a", "b"]).await;
    let both = tokio::join!(taken(&*store, NOON), taken(&*store, NOON));
    assert_eq!(both.0.len() + both.1.len(), 1, "of two at once one takes it");
    assert!(taken(&*store, NOON + seconds(29)).await.is_empty());
    assert_eq!(taken(&*store, NOON + seconds(30)).await, ["a"], "whoever had it has died");
    let tried = Delivery { attempts: 1, failure: Some("no".to_owned()), ..waiting(NOON) };
    assert!(store.set_delivery(&account("wx1"), "a", &tried).await.unwrap());
    let first = store.take_due(NOON, NOON + seconds(30)).await.unwrap();
    let put_off = Delivery { due_at: Some(NOON + seconds(30)), ..tried };
    assert_eq!(first, [Parcel { delivery: put_off, ..parcel("wx1", "a") }]);
}

pub async fn a_dead_parcel_lets_those_behind_it_pass_and_can_come_back<S: Subject>(store: Arc<S>) {
    put(&*store, "wx1", &["a", "b"]).await;
    assert!(store.set_delivery(&account("wx1"), "a", &dead()).await.unwrap());
    assert!(!store.set_delivery(&account("wx1"), "x", &dead()).await.unwrap());
    assert_eq!(store.parcels(&account("wx1"), 9).await.unwrap()[0].delivery, dead());
    assert_eq!(taken(&*store, NOON).await, ["b"]);
    store.remove_parcel(&account("wx1"), "b").await.unwrap();
    assert!(taken(&*store, NOON + seconds(99)).await.is_empty());
    put(&*store, "wx1", &["c"]).await;
    assert!(store.set_delivery(&account("wx1"), "a", &waiting(NOON)).await.unwrap());
    assert_eq!(ids(&*store, "wx1").await, ["a", "c"]);
    assert_eq!(taken(&*store, NOON).await, ["a"]);
}

pub async fn of_the_dead_the_oldest_make_room<S: Subject>(store: Arc<S>) {
    let names: Vec<_> = (0..MOST_DEAD + 2).map(|number| format!("p{number:05}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    put(&*store, "wx1", &names).await;
    for id in &names[1..] {
        store.set_delivery(&account("wx1"), id, &dead()).await.unwrap();
    }
    let left = ids(&*store, "wx1").await;
    assert_eq!(left.len(), MOST_DEAD + 1);
    assert_eq!(left[..2], [names[0], names[2]], "the one that waits stays");
}

pub async fn a_full_outbox_takes_no_more<S: Subject>(store: Arc<S>) {
    // Many at once, so that they are written together; not all, or the last would wait for longer than a store may take.
    for first in (0..MOST_PARCELS).step_by(500) {
        let mut putting = tokio::task::JoinSet::new();
        for number in first..first + 500 {
            let store = Arc::clone(&store);
            let put = async move { store.put_parcel(&parcel("wx1", &format!("p{number}"))).await };
            putting.spawn(put);
        }
        putting.join_all().await.into_iter().for_each(|put| assert_eq!(put.unwrap(), Put::Kept));
    }
    assert_eq!(store.put_parcel(&parcel("wx1", "more")).await.unwrap(), Put::Full);
    assert_eq!(store.put_parcel(&parcel("wx1", "p0")).await.unwrap(), Put::Known);
    put(&*store, "wx2", &["more"]).await;
}

pub async fn an_outbox_takes_no_more_than_was_said<S: Subject>(store: Arc<S>) {
    put(&*store, "wx1", &["a", "b"]).await;
    store.set_delivery(&account("wx1"), "b", &dead()).await.unwrap();
    let within = async |id, most| store.put_parcel_within(&parcel("wx1", id), most).await.unwrap();
    assert_eq!(within("more", 2).await, Put::Full, "a dead one counts");
    assert_eq!(within("a", 2).await, Put::Known);
    assert_eq!(within("more", 3).await, Put::Kept);
    put(&*store, "wx1", &["one more"]).await;
}

pub async fn a_removed_account_takes_its_parcels_along<S: Subject>(store: Arc<S>) {
    put(&*store, "wx1", &["a"]).await;
    put(&*store, "wx11", &["b"]).await;
    store.remove_account(&account("wx1")).await.unwrap();
    assert!(ids(&*store, "wx1").await.is_empty());
    assert_eq!(taken(&*store, NOON).await, ["b"]);
}
