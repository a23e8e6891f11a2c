//! The facade against the sandbox: what a program that embeds Lingpai relies on.

#![allow(clippy::unwrap_used)] // Helpers are not recognised as tests.

use std::sync::Arc;

use lingpai::{Error, KeySource, MemoryStore, Outcome, Store, Ticket, TokenSource};
use lingpai_sandbox::{
    DEMO_AGENT, DEMO_AGENT_SECRET, DEMO_APPID, DEMO_CORPID, DEMO_SECRET, Family, Revocation,
    Server, Settings, SharedWorld,
};

/// A sandbox on a free port: its URL, and its world.
async fn sandbox() -> (String, SharedWorld) {
    let settings = Settings { addr: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
    let server = Server::bind(settings).await.unwrap();
    let (url, world) = (format!("http://{}", server.addr()), server.world());
    tokio::spawn(server.serve(std::future::pending()));
    (url, world)
}

#[tokio::test]
async fn many_cold_callers_cost_one_fetch() {
    let (url, world) = sandbox().await;
    let source = TokenSource::stable(DEMO_APPID, DEMO_SECRET).upstream(&url).build().await.unwrap();
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.fresh().await.map(|token| token.fingerprint()) })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert!(source.token().is_some());
    assert_eq!(world.counters().fetches(), 1);
}

#[tokio::test]
async fn a_revoked_token_that_is_reported_is_replaced_and_the_change_is_seen() {
    let (url, world) = sandbox().await;
    let source = TokenSource::stable(DEMO_APPID, DEMO_SECRET).upstream(&url).build().await.unwrap();
    let mut changes = source.watch();
    let first = changes.next().await.value.expose().to_owned();
    world
        .with(|world, now| world.revoke(now, DEMO_APPID, Family::ALL, Revocation::default()))
        .unwrap();
    let reported = source.report_invalid(&first).await.unwrap();
    assert_eq!(reported.outcome, Outcome::Rotated);
    let second = changes.next().await.value.expose().to_owned();
    assert_ne!(first, second);
    assert_eq!(reported.token.value.expose(), second);
}

#[tokio::test]
async fn an_application_of_wecom_has_its_token_and_tickets() {
    let (url, world) = sandbox().await;
    let source = TokenSource::wecom(DEMO_CORPID, DEMO_AGENT, DEMO_AGENT_SECRET);
    let source = source.upstream(&url).build().await.unwrap();
    for ticket in [Ticket::JSAPI, Ticket::AGENT_CONFIG] {
        source.ticket(ticket).await.unwrap();
    }
    assert!(source.ticket(Ticket::WX_CARD).await.is_err());
    let app = world.counters().app(&format!("{DEMO_CORPID}:{DEMO_AGENT}"));
    assert_eq!((app.minted.wecom, app.repeated), (1, 0));
}

#[tokio::test]
async fn a_token_in_a_file_survives_the_program() {
    let (url, world) = sandbox().await;
    let folder = tempfile::tempdir().unwrap();
    let source = || {
        TokenSource::classic(DEMO_APPID, DEMO_SECRET)
            .upstream(&url)
            .sqlite(folder.path().join("lingpai.db"), KeySource::Beside)
            .build()
    };
    let first = source().await.unwrap();
    let before = first.fresh().await.unwrap().fingerprint();
    first.close(std::time::Duration::from_secs(5)).await;
    let second = source().await.unwrap();
    assert_eq!(second.token().unwrap().fingerprint(), before);
    assert_eq!(world.counters().fetches(), 1);
}

#[tokio::test]
async fn two_sources_of_one_account_on_one_store_share_its_token() {
    let (url, world) = sandbox().await;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let source = || {
        TokenSource::classic(DEMO_APPID, DEMO_SECRET)
            .upstream(&url)
            .store(Arc::clone(&store))
            .build()
    };
    let (one, two) = (source().await.unwrap(), source().await.unwrap());
    let (first, second) = tokio::join!(one.fresh(), two.fresh());
    assert_eq!(first.unwrap().fingerprint(), second.unwrap().fingerprint());
    assert_eq!(world.counters().fetches(), 1);
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anything_is_asked() {
    let build = |appid: &str, secret: &str, url: &str| {
        TokenSource::stable(appid, secret).upstream(url).build()
    };
    let good = "http://127.0.0.1:9";
    assert!(matches!(build("a b", "s", good).await, Err(Error::Appid(_))));
    assert!(matches!(build("wx1", "", good).await, Err(Error::SecretMissing)));
    assert!(matches!(build("wx1", "s", "nowhere").await, Err(Error::Upstream(_))));
}

#[tokio::test]
async fn a_proxy_is_gone_through_and_one_that_is_none_is_refused_without_its_password() {
    let (url, _) = sandbox().await;
    let source = |proxy: &str| {
        TokenSource::stable(DEMO_APPID, DEMO_SECRET).upstream(&url).proxy(proxy).build()
    };
    let failure = source("http://127.0.0.1:9").await.unwrap().fresh().await.unwrap_err();
    assert!(failure.to_string().contains("the proxy http://127.0.0.1:9"), "{failure}");
    let error = source("ftp://u:hunter2@proxy").await.unwrap_err();
    assert!(matches!(error, Error::Proxy(_)) && !error.to_string().contains("hunter2"), "{error}");
}
