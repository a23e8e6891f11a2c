//! Third-party platforms through a real server: from the pushed ticket to an authorizer's token, and what a kill costs.

use std::collections::HashMap;
use std::time::Duration;

use lingpai_core::clock::TestClock;
use lingpai_core::event::What;
use lingpai_core::{
    Account, AccountKind, Clock, CredentialId, Directory, Issued, NodeId, Registry, Secret, Store,
    Timestamp,
};
use lingpai_sandbox::{
    DEMO_COMPONENT, DEMO_COMPONENT_KEY, DEMO_COMPONENT_SECRET, DEMO_COMPONENT_TOKEN, Fault,
    FaultKind, RefreshVerdict, When,
};
use lingpai_store::{KeySource, MemoryStore, SqliteOptions, SqliteStore};
use lingpai_wechat::wire::{self, Upstream};
use lingpai_wechat::{WeChat as Issuers, kinds};
use serde_json::Value;
use std::sync::Arc;
use tokio::time::{sleep, timeout};

use crate::node::{Home, PATIENCE, WeChat, appid, soaking};
use crate::stand::{MINUTE, WeChatWorld};

const REFRESH: &str = "/cgi-bin/component/api_authorizer_token";
const QUERY_AUTH: &str = "/cgi-bin/component/api_query_auth";

/// A node that keeps the sandbox's platform.
pub(crate) fn home(wechat: &WeChat) -> Home {
    home_with(wechat, "[gateway]\ncalls-per-minute = 1000000\n")
}

/// The same with these settings.
pub(crate) fn home_with(wechat: &WeChat, settings: &str) -> Home {
    let home = Home::new(wechat, 0, "stable", settings, "");
    keep_platform(&home);
    home
}

/// Has a node keep the sandbox's platform too.
pub(crate) fn keep_platform(home: &Home) {
    for (file, text) in [
        ("push-token", DEMO_COMPONENT_TOKEN),
        ("push-key", DEMO_COMPONENT_KEY),
        ("platform-secret", DEMO_COMPONENT_SECRET),
    ] {
        std::fs::write(home.file(file), text).unwrap();
    }
    home.write(&format!(
        "{}[[account]]\nid = \"{DEMO_COMPONENT}\"\nkind = \"platform\"\nsecret = {{ file = \"platform-secret\" }}\n\
         [account.push]\ntoken = {{ file = \"push-token\" }}\nencoding-aes-key = {{ file = \"push-key\" }}\n",
        home.configuration()
    ));
}

/// Has WeChat push to the node, beginning with a ticket, and waits for the platform's token.
pub(crate) async fn push(wechat: &WeChat, home: &Home) {
    let url = format!("http://127.0.0.1:{}/push/{DEMO_COMPONENT}", home.port);
    wechat.world.with(|world, now| world.push_to(now, DEMO_COMPONENT, Some(&url)).unwrap());
    let minted = || wechat.counters().app(DEMO_COMPONENT).minted.platform;
    until("no component token", async || minted() > 0).await;
}

pub(crate) fn authorize(wechat: &WeChat, number: usize) {
    let authorized = |world: &mut lingpai_sandbox::World, now| {
        world.authorize(now, DEMO_COMPONENT, &appid(number)).unwrap();
    };
    wechat.world.with(authorized);
}

/// A deed of the control API, on an authorizer.
pub(crate) async fn deed(wechat: &WeChat, deed: &str, number: usize) {
    use tokio::io::AsyncWriteExt;
    let body = format!("{{\"authorizer\":\"{}\"}}", appid(number));
    let mut stream = tokio::net::TcpStream::connect(wechat.addr).await.unwrap();
    let head = format!(
        "POST /__sandbox/components/{DEMO_COMPONENT}/{deed} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (status, body) = crate::node::answer(&mut stream).await.unwrap();
    assert_eq!(status, 200, "{body}");
}

/// Waits until this holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !holds().await {
            sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}"));
}

pub(crate) async fn token(home: &Home, number: usize) -> String {
    let mut found = None;
    until("an authorizer has no token", async || {
        found = home.token(number).await.ok();
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// What would be used for the next refresh of each authorizer, as the store of a node that is not running has it.
async fn stored(home: &Home) -> HashMap<String, Secret> {
    let options = SqliteOptions::new(home.store(), KeySource::Beside);
    let store = SqliteStore::open(options).await.unwrap();
    let accounts = store.accounts().await.unwrap();
    let mut refresh: HashMap<String, Secret> = accounts
        .into_iter()
        .filter(|account| account.kind == AccountKind::Authorizer)
        .map(|account| (account.id.to_string(), account.secret))
        .collect();
    for record in store.load().await.unwrap() {
        let companion = record.token.and_then(|token| token.companion);
        if let (Some(known), Some(companion)) =
            (refresh.get_mut(record.credential.account.as_str()), companion)
        {
            *known = companion;
        }
    }
    store.close().await;
    refresh
}

fn verdict(wechat: &WeChat, authorizer: &str, refresh: &Secret) -> RefreshVerdict {
    let of = (DEMO_COMPONENT, authorizer);
    wechat.world.with(|world, now| world.refresh_verdict(now, of, refresh.expose()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pushed_ticket_and_an_authorisation_bring_a_token_that_wechat_accepts() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    authorize(&wechat, 0);
    let first = token(&home, 0).await;
    assert!(wechat.accepts(&first));
    // What hangs on it, and its calls.
    let (status, body) =
        home.get(&format!("/v1/accounts/{}/tickets/jsapi", appid(0))).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let called = format!("/gateway/{}/cgi-bin/user/get", appid(0));
    let (status, body) = home.get(&called).await.unwrap();
    assert!(status == 200 && body.contains("openid"), "{body}");
    // The ticket and the refresh token are nobody's.
    let platform = home.get(&format!("/v1/accounts/{DEMO_COMPONENT}")).await.unwrap();
    assert!(platform.1.contains("component_verify_ticket") && platform.1.contains("\"good\""));
    assert!(!platform.1.contains("ticket@@@"), "{}", platform.1);

    node.kill();
    let node = home.start().await;
    assert_eq!(token(&home, 0).await, first, "it outlives a kill");
    // Another refresh token took the place of the last, unseen: WeChat's list has it.
    deed(&wechat, "lose-refresh-token", 0).await;
    wechat.revoke(0);
    let body = home.report(0, &first).await;
    assert!(body.contains("\"rotated\""), "{body}");
    assert!(wechat.accepts(&token(&home, 0).await));
    // The owner changes the password: only the owner can mend that.
    deed(&wechat, "change-password", 0).await;
    let (_, body) = home.get(&format!("/v1/accounts/{}/token", appid(0))).await.unwrap();
    let token_now = serde_json::from_str::<Value>(&body).unwrap()["access_token"].clone();
    home.report(0, token_now.as_str().unwrap()).await;
    let (_, body) = home.get(&format!("/v1/accounts/{}", appid(0))).await.unwrap();
    assert!(body.contains("42007") && body.contains("needs-person"), "{body}");
    authorize(&wechat, 0);
    until("it has authorised again", async || {
        home.token(0).await.is_ok_and(|token| wechat.accepts(&token))
    })
    .await;
    // And takes it back.
    deed(&wechat, "unauthorize", 0).await;
    let path = format!("/v1/accounts/{}/token", appid(0));
    until("the account is still there", async || home.get(&path).await.unwrap().0 == 404).await;
    home.assert_nothing_leaked();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorisation_whose_code_was_spent_in_vain_is_found_in_the_list() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    let hang = Fault::new(FaultKind::Hang { when: When::After }).on(QUERY_AUTH).times(1);
    wechat.world.with(|world, now| world.fault(now, hang).unwrap());
    authorize(&wechat, 0);
    // The call is given up after seven seconds, and the code traded again.
    until("the code is not traded again", async || wechat.counters().calls_of(QUERY_AUTH) == 2)
        .await;
    assert!(wechat.accepts(&token(&home, 0).await));
    node.end().await;
    let refresh = &stored(&home).await[&appid(0)];
    assert_eq!(verdict(&wechat, &appid(0), refresh), RefreshVerdict::Latest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_kills_during_a_refresh_never_lose_the_refresh_token() {
    let kills = if soaking() { 300 } else { 25 };
    let wechat = WeChat::start(Duration::from_secs(7200), kills).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    for number in 0..kills {
        authorize(&wechat, number);
    }
    for number in 0..kills {
        token(&home, number).await;
    }
    node.kill();
    let slow = FaultKind::Latency { milliseconds: 15 };
    wechat.world.with(|world, now| world.fault(now, Fault::new(slow).on(REFRESH)).unwrap());
    let (mut cut_off, mut in_grace) = (0, 0);
    for number in 0..kills {
        let node = home.start().await;
        let dead = token(&home, number).await;
        wechat.revoke(number);
        let before = wechat.counters().calls_of(REFRESH);
        let asked = home.try_to_report(number, &dead);
        let killed = async {
            // Anywhere in the rotation: before it is sent, while WeChat answers, while the store commits, or after.
            if number % 5 > 0 {
                while wechat.counters().calls_of(REFRESH) == before {
                    sleep(Duration::from_micros(500)).await;
                }
            }
            sleep(Duration::from_micros(number as u64 * 7919 % 25_000)).await;
        };
        tokio::select! {
            _ = asked => {}
            () = killed => cut_off += 1,
        }
        node.kill();
        for (authorizer, refresh) in &stored(&home).await {
            let verdict = verdict(&wechat, authorizer, refresh);
            assert_ne!(verdict, RefreshVerdict::Dead, "{authorizer} after kill {number}");
            in_grace += usize::from(verdict == RefreshVerdict::InGrace);
        }
    }
    let node = home.start().await;
    for number in 0..kills {
        // A report that a kill was faster than is made again.
        until("an authorizer has no good token", async || {
            let token = token(&home, number).await;
            let is_good = wechat.accepts(&token);
            if !is_good {
                home.report(number, &token).await;
            }
            is_good
        })
        .await;
    }
    // Each refresh that a kill cut off is made once more.
    let mut before = 0;
    let ended = timeout(3 * PATIENCE, async {
        loop {
            sleep(Duration::from_secs(2)).await;
            let now = wechat.counters().calls_of(REFRESH);
            if std::mem::replace(&mut before, now) == now {
                return;
            }
        }
    });
    ended.await.expect("refreshes do not end");
    node.end().await;
    // When the old ones have ended, what is stored is the latest.
    let grace = Duration::from_secs(301);
    wechat.world.with(|world, now| world.advance(now, grace));
    let stored = stored(&home).await;
    assert_eq!(stored.len(), kills);
    for (authorizer, refresh) in &stored {
        assert_eq!(verdict(&wechat, authorizer, refresh), RefreshVerdict::Latest, "{authorizer}");
    }
    let refreshes = wechat.counters().calls_of(REFRESH);
    let listed = wechat.counters().calls_of("/cgi-bin/component/api_get_authorizer_list");
    assert_eq!(listed, 0, "nothing had to be recovered");
    println!(
        "{kills} kills, {cut_off} cut off a refresh, {in_grace} left an older refresh token, {refreshes} refreshes"
    );
    assert!(cut_off >= kills / 3, "only {cut_off} kills fell into a refresh");
    home.assert_nothing_leaked();
}

#[tokio::test(start_paused = true)]
async fn no_ticket_for_25_minutes_is_told_and_asked_for_once() {
    let wechat = WeChatWorld::new();
    let start = Timestamp::from_millis(1_767_225_600_000);
    let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(start));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let registry = Registry::open(store, clock, NodeId::new("node")).await.unwrap();
    let secret = Secret::from(DEMO_COMPONENT_SECRET);
    let id = DEMO_COMPONENT.parse().unwrap();
    let platform =
        Account { kind: AccountKind::Platform, ..Account::new(id, secret, Timestamp::default()) };
    let upstream = Upstream::over(Arc::new(wechat.clone()), wire::Settings::default());
    let issuers = Issuers::new(upstream);
    let parent = |credential: &CredentialId| registry.parent(credential);
    let policy = Arc::new(platform.policy.clone());
    let mut events = registry.events();
    for (kind, issuer) in issuers.roots_besides(&platform, &parent) {
        let credential = CredentialId::new(kind, platform.id.clone());
        registry.manage(credential, issuer, Arc::clone(&policy));
    }
    let ticket = CredentialId::new(kinds::COMPONENT_TICKET, platform.id.clone());
    let keeper = registry.get(&ticket).unwrap();
    keeper.give(Issued::new("ticket@@@one", Duration::from_hours(12))).await.unwrap();
    let asked = || {
        let path = "/cgi-bin/component/api_start_push_ticket";
        wechat.with(|world, _| world.counters().calls_of(path))
    };
    sleep(24 * MINUTE).await;
    assert_eq!(asked(), 0);
    sleep(5 * MINUTE).await;
    assert_eq!(asked(), 1);
    sleep(15 * MINUTE).await;
    assert_eq!(asked(), 1, "once");
    let mut told = 0;
    while let Ok(event) = events.try_recv() {
        told += usize::from(matches!(event.what, What::Overdue { .. }));
    }
    assert_eq!(told, 1);
    assert!(keeper.token().is_some(), "the last one is still good");
}
