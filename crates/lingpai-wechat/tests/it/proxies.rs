//! The ways out: through proxies of both kinds, past them, and what is told when they fail.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lingpai_core::{Account, Failure, Mode, Proxy, Reached, Way};
use lingpai_wechat::WeChat;
use lingpai_wechat::wire::{BaseUrl, ConnectError, Connector, Deadlines, Settings, Upstream};

use crate::proxy::{Manner, Running};
use crate::support::{Server, account, closed_port, failure_of, issuer_with, start};

const BODY: &str = r#"{"access_token":"x","expires_in":7200}"#;
const BOTH: [&str; 2] = ["http", "socks5"];

/// A host that only a proxy can find, on the port of a server here.
fn unknown_here(base: &BaseUrl) -> (BaseUrl, String) {
    let target = format!("wechat.invalid:{}", base.authority().port_u16().unwrap());
    (format!("http://{target}").parse().unwrap(), target)
}

fn through(proxy: Proxy, host: BaseUrl) -> Settings {
    Settings { hosts: vec![host], proxy: Some(proxy), ..Settings::default() }
}

/// What becomes of a fetch through such a proxy, and how many requests reached the server.
async fn fetched(scheme: &str, manner: Manner) -> (Failure, usize) {
    let (base, seen) = start(Server::Answers(BODY)).await;
    let running = Running::start(scheme, manner).await;
    let (host, _) = unknown_here(&base);
    let deadlines = Deadlines { connect: Duration::from_millis(200), ..Deadlines::default() };
    let settings = Settings { deadlines, ..through(running.proxy.clone(), host) };
    let failure = failure_of(&issuer_with(settings)).await;
    assert!(failure.message.contains(&format!("the proxy {}", running.proxy)), "{failure}");
    (failure, seen.lock().unwrap().len())
}

#[tokio::test]
async fn names_are_resolved_by_the_proxy_and_not_here() {
    for scheme in BOTH {
        let (base, _) = start(Server::Answers(BODY)).await;
        let running = Running::start(scheme, Manner::Connects).await;
        let (host, target) = unknown_here(&base);
        issuer_with(through(running.proxy.clone(), host)).issue(Way::Primary, None).await.unwrap();
        assert_eq!(running.asked(), [target]);
    }
}

#[tokio::test]
async fn a_login_is_given_to_a_proxy_that_wants_one() {
    for scheme in BOTH {
        let (base, _) = start(Server::Answers(BODY)).await;
        let running = Running::start(scheme, Manner::WantsLogin).await;
        let (host, _) = unknown_here(&base);
        let proxy = running.with_login("lingpai", "hunter2");
        issuer_with(through(proxy, host.clone())).issue(Way::Primary, None).await.unwrap();

        let wrong = running.with_login("lingpai", "secret-but-wrong");
        let failure = failure_of(&issuer_with(through(wrong, host))).await;
        assert_eq!(failure.reached, Reached::No);
        assert!(failure.message.contains("://lingpai@127.0.0.1:"), "{failure}");
        assert!(!format!("{failure:?}").contains("secret-but-wrong"));
        assert!(failure.remedy.unwrap().contains("user name and password"));
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_connect_us_has_sent_nothing() {
    for scheme in BOTH {
        for manner in [Manner::Refuses, Manner::WantsLogin, Manner::Hangs, Manner::HangsUp] {
            let (failure, seen) = fetched(scheme, manner).await;
            assert_eq!((failure.reached, seen), (Reached::No, 0), "{scheme} {manner:?} {failure}");
        }
    }
}

#[tokio::test]
async fn a_tunnel_that_breaks_after_the_request_may_have_delivered_it() {
    for scheme in BOTH {
        let (failure, _) = fetched(scheme, Manner::CutsAfterTheRequest).await;
        assert_eq!(failure.reached, Reached::Perhaps, "{failure}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_through_a_tunnel_names_the_proxy() {
    let (base, seen) = start(Server::Hangs).await;
    let running = Running::start("http", Manner::Connects).await;
    let deadlines = Deadlines { call: Duration::from_millis(300), ..Deadlines::default() };
    let settings = Settings { deadlines, ..through(running.proxy.clone(), base) };
    let failure = failure_of(&issuer_with(settings)).await;
    assert_eq!((failure.reached, seen.lock().unwrap().len()), (Reached::Perhaps, 1));
    let told = format!("no answer through the proxy {} within 0.3 s", running.proxy);
    assert!(failure.message.contains(&told), "{failure}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    for scheme in BOTH {
        let closed = closed_port().await;
        let proxy = format!("{scheme}://{}", closed.authority()).parse().unwrap();
        let failure = failure_of(&issuer_with(through(proxy, closed))).await;
        assert_eq!(failure.reached, Reached::No);
        assert!(
            failure.message.contains(&format!("no connection to the proxy {scheme}://127.0.0.1"))
        );
        assert!(failure.message.contains("refused"), "{failure}");
    }
}

#[tokio::test]
async fn hosts_of_no_proxy_are_reached_directly() {
    let (base, _) = start(Server::Answers(BODY)).await;
    for (rule, is_direct) in [("127.0.0.0/8", true), ("*", true), ("10.0.0.0/8", false)] {
        let running = Running::start("http", Manner::Connects).await;
        let settings = through(running.proxy.clone(), base.clone());
        let settings = Settings { no_proxy: vec![rule.parse().unwrap()], ..settings };
        issuer_with(settings).issue(Way::Primary, None).await.unwrap();
        assert_eq!(running.asked().is_empty(), is_direct, "{rule}");
    }
}

#[tokio::test]
async fn a_client_that_streams_stands_on_the_same_connector() {
    let (base, _) = start(Server::Answers(BODY)).await;
    let running = Running::start("socks5", Manner::Connects).await;
    let private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let direct = Connector::new(&Settings { private_networks, ..Settings::default() }).unwrap();
    let client =
        |connector| Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    let (host, _) = unknown_here(&base);
    let uri: http::Uri = format!("{host}/cgi-bin/anything").parse().unwrap();
    let answer = client(direct.through(&running.proxy)).get(uri.clone()).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), BODY);

    let error = client(direct).get(uri).await.unwrap_err();
    let unconnected = ConnectError::within(&error).unwrap();
    assert!(matches!(unconnected, ConnectError::Unreachable(_)), "{unconnected}");
}

fn proxied(proxy: &Proxy) -> Account {
    Account { proxy: Some(proxy.clone()), ..account(Mode::Stable) }
}

#[tokio::test]
async fn a_proxy_of_an_account_goes_before_the_one_of_all() {
    let (base, _) = start(Server::Answers(BODY)).await;
    let (of_all, of_one) = (
        Running::start("http", Manner::Connects).await,
        Running::start("socks5", Manner::Connects).await,
    );
    let (host, target) = unknown_here(&base);
    let private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let settings = Settings { private_networks, ..through(of_all.proxy.clone(), host) };
    let wechat = WeChat::new(Upstream::new(settings).unwrap());
    for account in [proxied(&of_one.proxy), account(Mode::Stable)] {
        let issuer = wechat.issuer(&account);
        issuer.issue(Way::Primary, None).await.unwrap();
        assert_eq!(issuer.proxy().as_deref(), account.proxy.as_ref(), "others go the same way");
    }
    assert_eq!((of_one.asked(), of_all.asked()), (vec![target.clone()], vec![target]));
}

#[tokio::test]
async fn accounts_with_the_same_proxy_share_its_connections() {
    let (base, seen) = start(Server::Answers(BODY)).await;
    let running = Running::start("http", Manner::Connects).await;
    let private_networks = vec!["127.0.0.1".parse().unwrap()];
    let settings = Settings { hosts: vec![base], private_networks, ..Settings::default() };
    let wechat = WeChat::new(Upstream::new(settings).unwrap());
    let issuers = [0, 1].map(|_| wechat.issuer(&proxied(&running.proxy)));
    for issuer in &issuers {
        issuer.issue(Way::Primary, None).await.unwrap();
    }
    assert_eq!((running.asked().len(), seen.lock().unwrap().len()), (1, 2));
}

#[tokio::test]
async fn a_proxy_of_an_account_in_a_private_network_must_be_permitted() {
    let (base, _) = start(Server::Answers(BODY)).await;
    let wechat =
        WeChat::new(Upstream::new(Settings { hosts: vec![base], ..Settings::default() }).unwrap());
    for (host, remedy) in [
        ("127.0.0.1", "`private-networks`"),
        ("localhost", "`private-networks`"),
        ("[::ffff:10.0.0.1]", "`private-networks`"),
        ("169.254.169.254", "no setting permits"),
    ] {
        let proxy: Proxy = format!("http://{host}:3128").parse().unwrap();
        let failure = failure_of(&wechat.issuer(&proxied(&proxy))).await;
        assert_eq!(failure.reached, Reached::No);
        assert!(failure.message.contains(&format!("the proxy {proxy} is not called")), "{failure}");
        assert!(failure.remedy.unwrap().contains(remedy));
    }
}

#[tokio::test]
async fn urls_of_users_do_not_lead_into_private_networks() {
    let (base, _) = start(Server::Answers(BODY)).await;
    let connector = Connector::new(&Settings::default()).unwrap();
    let get = async |connector| {
        let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
        client.get(base.to_string().parse().unwrap()).await
    };
    get(connector.clone()).await.unwrap();
    let error = get(connector.guarded()).await.unwrap_err();
    assert!(matches!(ConnectError::within(&error), Some(ConnectError::Forbidden { .. })));
}
