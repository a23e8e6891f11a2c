//! The push receiver: who is believed, who is given a push, and what becomes of it when the business is away.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::event::What;
use lingpai_core::outbox::{Delivery, Outbox};
use lingpai_core::push::{PushMode, PushSettings, Relay, RelayForm};
use lingpai_core::{Account, AccountId, Clock, Directory, Secret, StoreError, StoreErrorKind};
use lingpai_server::push::{Notices, Settings, Taken};
use lingpai_server::{Limits, Surface};
use lingpai_store::MemoryStore;
use lingpai_wechat::push::{AesKey, Envelope, Format, Message, Notice, PushCrypt, Sealed, Signed};
use lingpai_wechat::wire;

use crate::gateway::stand_in::{Plan, Seen, StandIn};
use crate::house::{House, KEPT, OTHER, PATIENCE, Reply, local};

pub(crate) const TOKEN: &str = "AAAAA";
pub(crate) const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const OLD_KEY: &str = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C";

pub(crate) const HELLO: &str = "<xml><FromUserName>o1</FromUserName><CreateTime>1</CreateTime>\
                     <MsgType>text</MsgType><Content>hello</Content><MsgId>77</MsgId></xml>";
pub(crate) const REPLY: &str = "<xml><Content><![CDATA[你好]]></Content></xml>";

fn key(text: &str) -> AesKey {
    AesKey::parse(&Secret::from(text)).unwrap()
}

/// WeChat, with this key of the account's.
fn wechat(with: &str) -> PushCrypt {
    PushCrypt::new(Secret::from(TOKEN), key(with), None, [KEPT])
}

/// How [`KEPT`] receives pushes.
pub(crate) fn settings(mode: PushMode, relay: Option<(&StandIn, RelayForm)>) -> PushSettings {
    PushSettings {
        token: Secret::from(TOKEN),
        aes_key: mode.is_encrypted().then(|| Secret::from(KEY)),
        previous_aes_key: mode.is_encrypted().then(|| Secret::from(OLD_KEY)),
        mode,
        relay: relay.map(|(business, form)| Relay {
            url: format!("{}/wx?k=1", business.base()).into(),
            form,
        }),
        authorizer_relay: None,
    }
}

async fn receiving(push: PushSettings) -> House {
    let house = House::open().await;
    set(&house, push).await;
    house
}

async fn set(house: &House, push: PushSettings) {
    let now = house.clock.now().wall;
    let account = Account::new(KEPT.parse().unwrap(), Secret::from("s"), now);
    house.put(&Account { push: Some(push), ..account }).await;
}

fn now(house: &House) -> i64 {
    house.clock.now().wall.as_millis() / 1000
}

/// A push as it goes over the wire: the query and the body.
#[derive(Clone)]
pub(crate) struct Wire(pub(crate) String, pub(crate) String);

fn sealed(house: &House, crypt: &PushCrypt, message: &str) -> Sealed {
    crypt.seal(&crypt.sealing(), message.as_bytes(), now(house)).unwrap()
}

pub(crate) fn encrypted_by(house: &House, crypt: &PushCrypt, message: &str) -> Wire {
    let sealed = sealed(house, crypt, message);
    let query = sealed.as_query(&crypt.sign(&sealed.timestamp, &sealed.nonce));
    Wire(query, sealed.as_push(Format::of(message).unwrap(), "gh_1"))
}

pub(crate) fn encrypted(house: &House, message: &str) -> Wire {
    encrypted_by(house, &wechat(KEY), message)
}

pub(crate) fn plain(house: &House, nonce: u32, message: &str) -> Wire {
    let (at, nonce) = (now(house).to_string(), nonce.to_string());
    let signature = wechat(KEY).sign(&at, &nonce);
    Wire(
        format!("signature={signature}&timestamp={at}&nonce={nonce}&openid=o1"),
        message.to_owned(),
    )
}

pub(crate) async fn push_to(house: &House, account: &str, Wire(query, body): &Wire) -> Reply {
    house.ask("POST", &format!("/push/{account}?{query}"), &[], body).await
}

async fn push(house: &House, wire: &Wire) -> Reply {
    push_to(house, KEPT, wire).await
}

pub(crate) fn assert_refused(reply: &Reply, what: &str) {
    assert_eq!((reply.status, reply.error()), (403, "push-refused"), "{what}");
}

/// What is in an encrypted answer.
pub(crate) fn answered(reply: &Reply, with: &str) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    let encrypt = Envelope::read(reply.body.as_bytes()).unwrap().encrypt;
    let parts = Message::read(reply.body.as_bytes()).unwrap();
    let part = |name| parts.get(name).unwrap();
    let signed = Signed {
        signature: part("MsgSignature"),
        timestamp: part("TimeStamp"),
        nonce: part("Nonce"),
    };
    String::from_utf8(wechat(with).open(signed, &encrypt).unwrap().message).unwrap()
}

pub(crate) fn says(body: &str) -> impl Fn(&Seen) -> Plan + Send + Sync + use<> {
    let body = body.to_owned();
    move |_| Plan::with("", body.as_bytes())
}

pub(crate) fn id(message: &str) -> String {
    Message::read(message.as_bytes()).unwrap().identity()
}

async fn waiting(house: &House) -> Vec<(String, Delivery)> {
    let parcels = house.outbox.parcels(&KEPT.parse().unwrap(), 99).await.unwrap();
    parcels.into_iter().map(|parcel| (parcel.id, parcel.delivery)).collect()
}

/// For `openapi.rs`: what there is to list, and to do about it.
pub(crate) async fn listed_as_described(
    house: &House,
    admin: &str,
    mut check: impl FnMut(&str, &str, &Reply),
) {
    let unreachable = PushSettings {
        relay: Some(Relay { url: "http://127.0.0.1:9/".into(), form: RelayForm::Raw }),
        ..settings(PushMode::Safe, None)
    };
    set(house, unreachable).await;
    let taken = push(house, &encrypted(house, HELLO)).await;
    check("post", "/push/{account}", &taken);
    let echo = plain(house, 9, "").0;
    let echo = house.ask("GET", &format!("/push/{KEPT}?{echo}&echostr=4"), &[], "").await;
    check("get", "/push/{account}", &echo);
    crate::authorizer_pushes::listed_as_described(house, &mut check).await;
    let pushes = "/v1/accounts/{account}/pushes";
    let at = pushes.replace("{account}", KEPT);
    check("get", pushes, &house.call(admin, "GET", &at, "").await);
    let one = format!("{at}/{}", id(HELLO));
    let retried = house.call(admin, "POST", &format!("{one}/retry"), "").await;
    check("post", "/v1/accounts/{account}/pushes/{id}/retry", &retried);
    let dropped = house.call(admin, "DELETE", &one, "").await;
    check("delete", "/v1/accounts/{account}/pushes/{id}", &dropped);
}

#[tokio::test]
async fn the_check_of_a_url_is_answered_plain_and_encrypted() {
    let house = receiving(settings(PushMode::Safe, None)).await;
    let Wire(query, _) = plain(&house, 1, "");
    let reply = house.ask("GET", &format!("/push/{KEPT}?{query}&echostr=4375120"), &[], "").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "4375120"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));

    let sealed = sealed(&house, &wechat(KEY), "16161403");
    let query = sealed.as_query("");
    let echo: String = form_urlencoded(&sealed.encrypt);
    let reply = house.ask("GET", &format!("/push/{KEPT}?{query}&echostr={echo}"), &[], "").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "16161403"));

    let forged = query.replace("msg_signature=", "msg_signature=0");
    for path in [
        format!("/push/{KEPT}?{forged}&echostr={echo}"),
        format!("/push/{KEPT}?echostr=1"),
        format!("/push/{KEPT}"),
        format!("/push/{OTHER}?{query}&echostr={echo}"),
        "/push/wxnobody?echostr=1".to_owned(),
        "/push/%20?echostr=1".to_owned(),
    ] {
        assert_refused(&house.ask("GET", &path, &[], "").await, &path);
    }
}

fn form_urlencoded(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[tokio::test]
async fn what_is_not_wechats_is_refused_alike_and_changes_nothing() {
    let business = StandIn::open(says("")).await;
    let house = receiving(settings(PushMode::Safe, Some((&business, RelayForm::Raw)))).await;
    let right = encrypted(&house, HELLO);
    let strange = PushCrypt::new("AAAAA".into(), key(&"A".repeat(43)), None, [KEPT]);
    let guessed = PushCrypt::new("BBBBB".into(), key(KEY), None, [KEPT]);
    let other = PushCrypt::new("AAAAA".into(), key(KEY), None, [OTHER]);
    let cut = Wire(right.0.clone(), right.1.replace("]]></Encrypt>", "").replace("</xml>", ""));
    let bomb = "<!DOCTYPE x [<!ENTITY a \"ha\">]><xml><Encrypt>&a;</Encrypt></xml>";
    let wrong = [
        ("another key", encrypted_by(&house, &strange, HELLO)),
        ("another token", encrypted_by(&house, &guessed, HELLO)),
        ("another receiver", encrypted_by(&house, &other, HELLO)),
        ("no query", Wire(String::new(), right.1.clone())),
        ("another time", Wire(right.0.replace("timestamp=", "timestamp=1"), right.1.clone())),
        ("no body", Wire(right.0.clone(), String::new())),
        ("cut off", cut),
        ("a bomb", Wire(right.0.clone(), bomb.to_owned())),
        ("not encrypted", plain(&house, 3, HELLO)),
        ("not a message", encrypted(&house, "<xml>hello")),
        ("a signature over nothing", Wire(right.0.clone(), "<xml><Encrypt/></xml>".to_owned())),
    ];
    let first = push(&house, &wrong[0].1).await;
    for (what, wire) in &wrong {
        let reply = push(&house, wire).await;
        assert_refused(&reply, what);
        assert_eq!(reply.body, first.body, "{what}: the same answer, whatever is wrong");
    }
    // An account without a push URL, and none at all.
    for account in [OTHER, "wxnobody", "no%2Fname"] {
        let reply = push_to(&house, account, &right).await;
        assert_eq!((reply.status, &reply.body), (403, &first.body), "{account}");
    }
    let large = Wire(right.0.clone(), "x".repeat(300_000));
    assert_eq!(push(&house, &large).await.status, 413);
    assert!(business.seen().is_empty() && waiting(&house).await.is_empty());
    assert_eq!(push(&house, &right).await.body, "success");
    assert_eq!(business.seen().len(), 1);
}

#[tokio::test]
async fn a_push_from_another_time_or_a_replayed_one_is_refused() {
    let business = StandIn::open(says("")).await;
    let house = receiving(settings(PushMode::Safe, Some((&business, RelayForm::Raw)))).await;
    let early = encrypted(&house, HELLO);
    house.clock.advance(Duration::from_secs(301));
    assert_refused(&push(&house, &early).await, "too old");

    let right = encrypted(&house, HELLO);
    for _ in 0..3 {
        assert_eq!(push(&house, &right).await.body, "success");
    }
    assert_eq!(business.seen().len(), 1, "WeChat's three tries are one push");
    house.clock.advance(Duration::from_secs(31));
    assert_refused(&push(&house, &right).await, "replayed");
    assert_eq!(business.seen().len(), 1);
}

#[tokio::test]
async fn in_plain_mode_a_signature_is_good_for_one_message() {
    let business = StandIn::open(says(REPLY)).await;
    let house = receiving(settings(PushMode::Plain, Some((&business, RelayForm::Raw)))).await;
    let right = plain(&house, 5, HELLO);
    assert_eq!(push(&house, &right).await.body, REPLY);
    let forged = Wire(right.0.clone(), HELLO.replace("77", "78"));
    assert_refused(&push(&house, &forged).await, "its body is not what was signed for");
    let seen = business.only();
    assert_eq!(seen.target(), format!("/wx?k=1&{}", right.0));
    assert_eq!(seen.body, HELLO.as_bytes());
}

#[tokio::test]
async fn a_raw_push_reaches_the_business_as_wechat_sent_it_and_its_answer_goes_back() {
    let ours = wechat(KEY);
    let answer = ours.seal(&ours.sealing(), REPLY.as_bytes(), 1).unwrap().as_answer(Format::Xml);
    let business = StandIn::open(says(&answer)).await;
    let house = receiving(settings(PushMode::Safe, Some((&business, RelayForm::Raw)))).await;
    let right = encrypted(&house, HELLO);
    let reply = push(&house, &right).await;
    assert_eq!(reply.body, answer);
    assert_eq!(answered(&reply, KEY), REPLY);
    let seen = business.only();
    assert_eq!(seen.target(), format!("/wx?k=1&{}", right.0));
    assert_eq!(seen.body, right.1.as_bytes());
}

#[tokio::test]
async fn a_decrypted_push_is_signed_for_the_business_and_its_answer_is_encrypted() {
    for (with, message, reply) in [
        (KEY, HELLO, REPLY),
        (OLD_KEY, HELLO, REPLY),
        (KEY, r#"{"MsgId": 5, "MsgType": "text"}"#, r#"{"ok": true}"#),
    ] {
        let business = StandIn::open(says(reply)).await;
        let house = receiving(settings(PushMode::Safe, Some((&business, RelayForm::Plain)))).await;
        let mut wire = encrypted_by(&house, &wechat(with), message);
        wire.0 += "&openid=o1";
        let answer = push(&house, &wire).await;
        assert_eq!(answered(&answer, with), reply, "with the key that opened");
        let kind = answer.header("content-type").unwrap();
        assert_eq!(kind.contains("xml"), message.starts_with('<'));

        let seen = business.only();
        assert_eq!(seen.body, message.as_bytes());
        let (_, query) = seen.target().split_once("k=1&").unwrap();
        let part = |name: &str| {
            let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            found.unwrap_or_default().to_owned()
        };
        let (signature, timestamp, nonce) = (part("signature"), part("timestamp"), part("nonce"));
        let signed = Signed { signature: &signature, timestamp: &timestamp, nonce: &nonce };
        assert_eq!(wechat(KEY).know(signed), Ok(()));
        assert_eq!((part("openid").as_str(), part("msg_signature").as_str()), ("o1", ""));
    }
}

#[tokio::test]
async fn a_push_that_is_repeated_while_it_is_under_way_shares_its_outcome() {
    let business = StandIn::open(|_| Plan::raw("").hanging()).await;
    let house = receiving(settings(PushMode::Safe, Some((&business, RelayForm::Raw)))).await;
    let (first, again) = (encrypted(&house, HELLO), encrypted(&house, HELLO));
    let both = tokio::join!(push(&house, &first), push(&house, &again));
    assert_eq!((both.0.body.as_str(), both.1.body.as_str()), ("success", "success"));
    assert_eq!(business.seen().len(), 1);
    let kept = waiting(&house).await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0].0, id(HELLO));
    assert!(kept[0].1.failure.as_deref().unwrap().contains("in time"), "{kept:?}");
}

/// A business that takes nothing for as long as it is away, and how to call it back.
pub(crate) async fn business_that_is_away() -> (StandIn, Arc<AtomicBool>) {
    let is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&is_away);
    let business = StandIn::open(move |_| match away.load(Ordering::SeqCst) {
        true => Plan::raw("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
        false => Plan::with("", b"too late"),
    })
    .await;
    (business, is_away)
}

#[tokio::test]
async fn what_the_business_does_not_take_is_kept_and_delivered_in_order() {
    let (business, is_away) = business_that_is_away().await;
    let house = receiving(settings(PushMode::Safe, Some((&business, RelayForm::Plain)))).await;
    let messages: Vec<_> = (1..=3).map(|n| HELLO.replace("77", &n.to_string())).collect();
    for message in &messages {
        assert_eq!(push(&house, &encrypted(&house, message)).await.body, "success");
    }
    let ids: Vec<_> = waiting(&house).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, messages.iter().map(|message| id(message)).collect::<Vec<_>>());

    is_away.store(false, Ordering::SeqCst);
    // Time enough for whatever pause the first is in.
    house.clock.advance(Duration::from_secs(30));
    business.until(|it| it.seen().len() >= 6).await;
    let bodies: Vec<_> = business.seen().into_iter().map(|seen| seen.body).collect();
    let last: Vec<_> = bodies.iter().rev().take(3).rev().collect();
    assert_eq!(last, messages.iter().map(String::as_bytes).collect::<Vec<_>>());
    let gone = async {
        while !waiting(&house).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn wechat_is_answered_within_its_five_seconds_when_the_business_hangs_and_the_push_is_kept() {
    let business = StandIn::open(|_| Plan::raw("").hanging()).await;
    let house = receiving(settings(PushMode::Safe, Some((&business, RelayForm::Raw)))).await;
    let wire = encrypted(&house, HELLO);
    let hangs = async {
        business.until(|it| it.seen().len() == 1).await;
        // From here on nothing but time passes.
        tokio::time::pause();
        tokio::time::Instant::now()
    };
    let (reply, since) = tokio::join!(push(&house, &wire), hangs);
    let took = since.elapsed();
    assert_eq!(reply.body, "success");
    assert!((3..5).contains(&took.as_secs()), "{took:?}");
    tokio::time::resume();
    assert_eq!(waiting(&house).await.len(), 1, "kept, and tried again");
}

#[tokio::test]
async fn a_dead_push_is_listed_and_tried_again_when_somebody_says_so() {
    let business = StandIn::open(says("")).await;
    let house = receiving(settings(PushMode::Safe, Some((&business, RelayForm::Plain)))).await;
    let admin = house.admin().await;
    let unreachable = PushSettings {
        relay: Some(Relay { url: "http://127.0.0.1:9/".into(), form: RelayForm::Plain }),
        ..settings(PushMode::Safe, None)
    };
    set(&house, unreachable).await;
    house.clock.advance(Duration::from_secs(3));
    push(&house, &encrypted(&house, HELLO)).await;
    let dead = Delivery { attempts: 10, due_at: None, failure: Some("no".to_owned()) };
    let account: AccountId = KEPT.parse().unwrap();
    house.outbox.set_delivery(&account, &id(HELLO), &dead).await.unwrap();
    let path = format!("/v1/accounts/{KEPT}/pushes");
    let listed = house.call(&admin, "GET", &path, "").await;
    let listed = &listed.json["pushes"][0];
    assert_eq!((listed["state"].as_str(), listed["attempts"].as_u64()), (Some("dead"), Some(10)));
    assert!(!listed.to_string().contains("hello"));

    set(&house, settings(PushMode::Safe, Some((&business, RelayForm::Plain)))).await;
    house.clock.advance(Duration::from_secs(3));
    let retried = house.call(&admin, "POST", &format!("{path}/{}/retry", id(HELLO)), "").await;
    assert_eq!(retried.status, 204);
    business.until(|it| it.seen().len() == 1).await;
    assert_eq!(house.call(&admin, "DELETE", &format!("{path}/nobody"), "").await.status, 404);
}

#[tokio::test]
async fn a_relay_url_leads_to_no_place_that_the_guard_forbids() {
    let business = StandIn::open(says("")).await;
    let forbidden = House::on(&[(local(), Surface::Whole)], None, |server| {
        server.receiving_pushes(Settings {
            upstream: wire::Settings::default(),
            outbox: Arc::new(MemoryStore::new()),
            notices: None,
        })
    })
    .await;
    set(&forbidden, settings(PushMode::Safe, Some((&business, RelayForm::Raw)))).await;
    assert_eq!(push(&forbidden, &encrypted(&forbidden, HELLO)).await.body, "success");
    assert_eq!(business.connections(), 0);
    let path = format!("/v1/accounts/{KEPT}/pushes");
    let listed = forbidden.call(&forbidden.admin().await, "GET", &path, "").await;
    let failure = listed.json["pushes"][0]["failure"].as_str().unwrap();
    assert!(failure.contains("private-networks"), "{failure}");
}

#[tokio::test]
async fn push_settings_are_set_over_http_and_never_shown() {
    let house = House::open().await;
    let admin = house.admin().await;
    let now = house.clock.now().wall;
    let account = Account::new(KEPT.parse().unwrap(), Secret::from("s"), now);
    house.directory.put_account(&account, None).await.unwrap();
    let path = format!("/v1/accounts/{KEPT}");
    let body = format!(
        r#"{{"push": {{"token": "{TOKEN}", "encoding_aes_key": "{KEY}", "relay": {{"url": "http://127.0.0.1:9/?k=hunter2"}}}}}}"#
    );
    let reply = house.call(&admin, "PATCH", &path, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.json["push"],
        serde_json::json!({"mode": "safe", "previous_encoding_aes_key": false, "relay": "raw", "authorizer_relay": null})
    );
    assert!(!reply.body.contains(KEY) && !reply.body.contains("hunter2"));
    assert_eq!(push(&house, &encrypted(&house, HELLO)).await.body, "success");

    let wrong = body.replace(KEY, "short");
    let reply = house.call(&admin, "PATCH", &path, &wrong).await;
    assert_eq!((reply.status, reply.error()), (400, "body-wrong"));
    let reply = house.call(&admin, "PATCH", &path, r#"{"push": null}"#).await;
    assert!(reply.json["push"].is_null());
    assert_refused(&push(&house, &encrypted(&house, HELLO)).await, "in force at once");
}

/// Keeps tickets, unless its disk is full.
#[derive(Default)]
struct Tickets {
    is_full: AtomicBool,
    asked: AtomicUsize,
    kept: Mutex<Vec<Notice>>,
}

#[async_trait]
impl Notices for Tickets {
    async fn take(&self, _: &AccountId, notice: &Notice) -> Result<Taken, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_full.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Full, "the disk is full"));
        }
        match notice {
            Notice::ComponentTicket { .. } => {
                self.kept.lock().unwrap().push(notice.clone());
                Ok(Taken::Kept)
            }
            _ => Ok(Taken::PassOn),
        }
    }
}

#[tokio::test]
async fn a_notice_is_acknowledged_only_when_it_is_kept_and_others_are_passed_on() {
    let business = StandIn::open(says("")).await;
    let tickets = Arc::new(Tickets::default());
    let taker = Arc::clone(&tickets);
    let house = House::on(&[(local(), Surface::Whole)], None, |server| {
        let private_networks = vec!["127.0.0.0/8".parse().unwrap()];
        server.with_limits(Limits::default()).receiving_pushes(Settings {
            upstream: wire::Settings { private_networks, ..wire::Settings::default() },
            outbox: Arc::new(MemoryStore::new()),
            notices: Some(taker as _),
        })
    })
    .await;
    set(&house, settings(PushMode::Safe, Some((&business, RelayForm::Plain)))).await;
    let ticket = format!(
        "<xml><AppId>{KEPT}</AppId><CreateTime>1</CreateTime><InfoType>component_verify_ticket</InfoType>\
         <ComponentVerifyTicket>ticket@@@x</ComponentVerifyTicket></xml>"
    );
    tickets.is_full.store(true, Ordering::SeqCst);
    let refused = push(&house, &encrypted(&house, &ticket)).await;
    assert_eq!((refused.status, refused.error()), (503, "push-not-taken"));
    tickets.is_full.store(false, Ordering::SeqCst);
    assert_eq!(push(&house, &encrypted(&house, &ticket)).await.body, "success");
    let kept = tickets.kept.lock().unwrap().clone();
    let expected =
        Notice::ComponentTicket { component: KEPT.into(), ticket: Secret::from("ticket@@@x") };
    assert_eq!(kept, [expected]);
    assert!(business.seen().is_empty());
    let other = ticket.replace("component_verify_ticket", "something_new");
    push(&house, &encrypted(&house, &other)).await;
    assert_eq!(business.only().body, other.as_bytes());
    push(&house, &encrypted(&house, HELLO)).await;
    assert_eq!(tickets.asked.load(Ordering::SeqCst), 3, "a message is no notice");
}

#[tokio::test]
async fn that_a_push_is_given_up_is_told_by_an_event() {
    let business =
        StandIn::open(|_| Plan::raw("HTTP/1.1 500 no\r\nContent-Length: 2\r\n\r\nno")).await;
    let house = receiving(settings(PushMode::Safe, Some((&business, RelayForm::Plain)))).await;
    push(&house, &encrypted(&house, HELLO)).await;
    let account: AccountId = KEPT.parse().unwrap();
    let last = Delivery { attempts: 9, due_at: Some(house.clock.wall()), failure: None };
    let told = async {
        loop {
            // As soon as it is there.
            house.outbox.set_delivery(&account, &id(HELLO), &last).await.unwrap();
            let events = house.registry.store().events(Some(&account), 9).await.unwrap();
            let found = events.into_iter().find_map(|event| match event.what {
                What::PushDead { push, cause } => Some((push, cause)),
                _ => None,
            });
            match found {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let (push, cause) = tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert_eq!(push, id(HELLO));
    assert!(cause.contains("500"), "{cause}");
}
