//! Messages of those who have authorised a third-party platform: received at its URL with `$APPID$`, and passed on as others.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lingpai_core::outbox::{Delivery, MOST_PARCELS, Parcel};
use lingpai_core::push::{PushMode, PushSettings, Relay, RelayForm};
use lingpai_core::{Account, AccountId, AccountKind, Clock, Directory, Outbox, Secret};
use lingpai_wechat::push::{AesKey, PushCrypt};

use crate::gateway::stand_in::{Plan, StandIn};
use crate::house::{House, KEPT, PATIENCE, Reply};
use crate::push::{
    HELLO, KEY, REPLY, TOKEN, Wire, answered, assert_refused, business_that_is_away, encrypted,
    encrypted_by, id, plain, push_to, says, settings,
};

/// One that has authorised [`KEPT`], and one of whom nobody here has heard.
const KNOWN: &str = "wx00000000000000c1";
const STRANGE: &str = "wx00000000000000c2";

/// How [`KEPT`] receives pushes, with a URL of its own for those of its authorizers.
fn apart(business: &StandIn, form: RelayForm) -> PushSettings {
    let url = format!("{}/callback/$APPID$?k=2", business.base());
    let authorizer_relay = Some(Relay { url: url.into(), form });
    PushSettings { authorizer_relay, ..settings(PushMode::Safe, Some((business, form))) }
}

/// [`KEPT`] is a platform, and [`KNOWN`] has authorised it.
async fn platform(push: PushSettings) -> House {
    let house = House::open().await;
    put(&house, push).await;
    house
}

async fn put(house: &House, push: PushSettings) {
    let now = house.clock.now().wall;
    let platform = Account {
        kind: AccountKind::Platform,
        push: Some(push),
        ..Account::new(KEPT.parse().unwrap(), Secret::from("s"), now)
    };
    house.put(&platform).await;
    let authorizer = Account {
        kind: AccountKind::Authorizer,
        platform: Some(platform.id),
        ..Account::new(KNOWN.parse().unwrap(), Secret::from("refreshtoken@@@x"), now)
    };
    house.put(&authorizer).await;
}

async fn push(house: &House, authorizer: &str, wire: &Wire) -> Reply {
    push_to(house, &format!("{KEPT}/{authorizer}"), wire).await
}

async fn waiting(house: &House, account: &str) -> Vec<String> {
    let account: AccountId = account.parse().unwrap();
    let parcels = house.outbox.parcels(&account, 99).await.unwrap();
    parcels.into_iter().map(|parcel| parcel.id).collect()
}

fn message(number: u32) -> String {
    HELLO.replace("77", &number.to_string())
}

/// For `openapi.rs`.
pub(crate) async fn listed_as_described(house: &House, check: &mut impl FnMut(&str, &str, &Reply)) {
    let before = house.directory.account(&KEPT.parse().unwrap()).await.unwrap().unwrap();
    put(house, settings(PushMode::Safe, None)).await;
    house.clock.advance(Duration::from_secs(3));
    let path = "/push/{account}/{authorizer}";
    check("post", path, &push(house, KNOWN, &encrypted(house, HELLO)).await);
    let echo = plain(house, 9, "").0;
    let at = format!("/push/{KEPT}/{KNOWN}?{echo}&echostr=4");
    check("get", path, &house.ask("GET", &at, &[], "").await);
    let unsigned = format!("/push/{KEPT}/{KNOWN}");
    for (method, operation) in [("GET", "get"), ("POST", "post")] {
        check(operation, path, &house.ask(method, &unsigned, &[], "").await);
    }
    house.directory.remove_account(&KNOWN.parse().unwrap()).await.unwrap();
    house.put(&before).await;
    house.clock.advance(Duration::from_secs(3));
}

#[tokio::test]
async fn the_business_is_told_whose_message_it_is_and_its_answer_is_encrypted() {
    let business = StandIn::open(says(REPLY)).await;
    let house = platform(apart(&business, RelayForm::Plain)).await;
    for authorizer in [KNOWN, STRANGE] {
        let reply = push(&house, authorizer, &encrypted(&house, HELLO)).await;
        assert_eq!(answered(&reply, KEY), REPLY);
    }
    let seen = business.seen();
    assert_eq!(seen.len(), 2, "the same MsgId of two accounts is two messages");
    for (seen, authorizer) in seen.iter().zip([KNOWN, STRANGE]) {
        assert!(seen.target().starts_with(&format!("/callback/{authorizer}?k=2&signature=")));
        assert_eq!(seen.header("x-lingpai-account"), Some(authorizer));
        assert_eq!(seen.body, HELLO.as_bytes());
    }
}

#[tokio::test]
async fn without_a_url_of_their_own_messages_go_where_the_platforms_pushes_go() {
    let business = StandIn::open(says("")).await;
    let raw = settings(PushMode::Safe, Some((&business, RelayForm::Raw)));
    let house = platform(raw).await;
    let wire = encrypted(&house, HELLO);
    assert_eq!(push(&house, KNOWN, &wire).await.body, "success");
    let seen = business.only();
    assert_eq!(seen.target(), format!("/wx?k=1&{}", wire.0));
    assert_eq!(
        (seen.header("x-lingpai-account"), &seen.body[..]),
        (Some(KNOWN), wire.1.as_bytes())
    );
    // Its own are about itself.
    push_to(&house, KEPT, &encrypted(&house, &message(2))).await;
    assert_eq!(business.seen()[1].header("x-lingpai-account"), Some(KEPT));
}

#[tokio::test]
async fn what_is_not_wechats_or_is_meant_for_another_authorizer_is_refused_alike() {
    let business = StandIn::open(says("")).await;
    let house = platform(apart(&business, RelayForm::Plain)).await;
    let key = AesKey::parse(&Secret::from(KEY)).unwrap();
    let own = PushCrypt::new(Secret::from(TOKEN), key, None, [KNOWN]);
    let right = encrypted(&house, HELLO);
    let refused = push(&house, KNOWN, &encrypted_by(&house, &own, HELLO)).await;
    assert_refused(&refused, "sealed for the authorizer and not for the platform");
    let bare = plain(&house, 3, HELLO);
    let wrong = [
        ("not encrypted", format!("{KEPT}/{KNOWN}"), &bare),
        ("no such platform", format!("wxnobody/{KNOWN}"), &right),
        ("an authorizer is no platform", format!("{KNOWN}/{STRANGE}"), &right),
        ("no appid", format!("{KEPT}/%24APPID%24"), &right),
        ("a path", format!("{KEPT}/..%2Fx"), &right),
    ];
    for (what, path, wire) in wrong {
        let reply = push_to(&house, &path, wire).await;
        assert_refused(&reply, what);
        assert_eq!(reply.body, refused.body, "{what}");
    }
    let large = Wire(right.0.clone(), "x".repeat(300_000));
    assert_eq!(push(&house, KNOWN, &large).await.status, 413);
    assert!(business.seen().is_empty());

    assert_eq!(push(&house, KNOWN, &right).await.body, "success");
    // The URL is not signed.
    assert_refused(&push(&house, STRANGE, &right).await, "sent on to another authorizer");
    assert_refused(&push_to(&house, KEPT, &right).await, "sent on to the platform");
    house.clock.advance(Duration::from_secs(31));
    assert_refused(&push(&house, KNOWN, &right).await, "replayed");
    assert_eq!(business.seen().len(), 1);
}

#[tokio::test]
async fn the_check_of_the_url_is_answered_whoever_stands_for_the_appid() {
    let house = platform(settings(PushMode::Safe, None)).await;
    for authorizer in [KNOWN, STRANGE, "$APPID$"] {
        let Wire(query, _) = plain(&house, 1, "");
        let path = format!("/push/{KEPT}/{authorizer}?{query}&echostr=4375120");
        assert_eq!(house.ask("GET", &path, &[], "").await.body, "4375120");
    }
    let path = format!("/push/{KEPT}/{KNOWN}?echostr=1");
    assert_refused(&house.ask("GET", &path, &[], "").await, "not signed");
}

#[tokio::test]
async fn what_the_business_does_not_take_waits_in_the_order_of_each_authorizer() {
    let (business, is_away) = business_that_is_away().await;
    let house = platform(apart(&business, RelayForm::Plain)).await;
    for number in [1, 2] {
        for authorizer in [KNOWN, STRANGE] {
            let wire = encrypted(&house, &message(number));
            assert_eq!(push(&house, authorizer, &wire).await.body, "success");
        }
    }
    assert_eq!(waiting(&house, KNOWN).await, [1, 2].map(|number| id(&message(number))));
    let strange = [1, 2].map(|number| format!("{}{STRANGE}", id(&message(number))));
    assert_eq!(waiting(&house, KEPT).await, strange, "who is not known waits with the platform");

    let before = business.seen().len();
    is_away.store(false, Ordering::SeqCst);
    house.clock.advance(Duration::from_secs(30));
    business.until(|it| it.seen().len() >= before + 4).await;
    let seen: Vec<_> = business.seen().into_iter().skip(before).collect();
    for authorizer in [KNOWN, STRANGE] {
        let its = seen.iter().filter(|it| it.header("x-lingpai-account") == Some(authorizer));
        let its: Vec<_> = its.collect();
        assert!(its.iter().all(|it| it.target().starts_with(&format!("/callback/{authorizer}?"))));
        let bodies: Vec<_> = its.iter().map(|it| String::from_utf8_lossy(&it.body)).collect();
        assert_eq!(bodies, [1, 2].map(message), "{authorizer}");
    }
    let gone = async {
        while !waiting(&house, KNOWN).await.is_empty() || !waiting(&house, KEPT).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn messages_for_accounts_that_are_not_known_leave_the_platform_room() {
    let business =
        StandIn::open(|_| Plan::raw("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")).await;
    let house = platform(apart(&business, RelayForm::Plain)).await;
    let now = house.clock.now().wall;
    for number in 1..MOST_PARCELS / 2 {
        let due_at = Some(now + Duration::from_hours(24));
        let parcel = Parcel {
            account: KEPT.parse().unwrap(),
            id: format!("p{number}"),
            content: Secret::from("x"),
            received_at: now,
            delivery: Delivery { due_at, ..Delivery::default() },
        };
        house.outbox.put_parcel(&parcel).await.unwrap();
    }
    let taken = async |path: &str, number| {
        push_to(&house, path, &encrypted(&house, &message(number))).await.body == "success"
    };
    let (of_stranger, of_known) = (format!("{KEPT}/{STRANGE}"), format!("{KEPT}/{KNOWN}"));
    assert!(taken(&of_stranger, 1).await);
    assert!(!taken(&of_stranger, 2).await, "half of the platform's room is taken");
    assert!(taken(KEPT, 3).await, "the platform's own");
    assert!(taken(&of_known, 4).await, "it has room of its own");
}

#[tokio::test]
async fn what_wechats_test_accounts_say_besides_is_for_the_business() {
    let business = StandIn::open(says(REPLY)).await;
    let house = platform(apart(&business, RelayForm::Plain)).await;
    let tester = lingpai_wechat::push::TEST_ACCOUNTS[0];
    let reply = push(&house, tester, &encrypted(&house, HELLO)).await;
    assert_eq!(answered(&reply, KEY), REPLY);
    assert_eq!(business.only().header("x-lingpai-account"), Some(tester));
}
