//! Accounts with a proxy of their own: what uses a token leaves by the way that it came.

use std::sync::{Arc, Mutex};

use lingpai_core::Proxy;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::stand_in::Plan;
use super::{Forwarding, OK, REFUSED, refusal};
use crate::house::FakeUpstream;

/// A proxy that connects everybody, and where it was asked to connect to.
struct Tunnels {
    proxy: Proxy,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnels {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let mut client = BufReader::new(client);
                    let (mut first, mut line) = (String::new(), String::new());
                    client.read_line(&mut first).await?;
                    while line != "\r\n" {
                        line.clear();
                        client.read_line(&mut line).await?;
                    }
                    let target = first.split(' ').nth(1).unwrap().to_owned();
                    log.lock().unwrap().push(target.clone());
                    let mut host = TcpStream::connect(target).await?;
                    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
                    copy_bidirectional(&mut client, &mut host).await
                });
            }
        });
        Self { proxy, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Forwards to a stand-in that accepts all but the first token; proxies may be on this machine.
async fn forwarding() -> Forwarding {
    let first = FakeUpstream::token(1);
    let it = Forwarding::with(
        move |seen| match seen.token() {
            Some(token) if token == first => Plan::json(REFUSED),
            _ => Plan::json(OK),
        },
        |settings, _| settings.upstream.private_networks = vec!["127.0.0.0/8".parse().unwrap()],
    )
    .await;
    it.house.upstream.judges(refusal());
    it
}

#[tokio::test]
async fn calls_for_an_account_go_through_its_own_proxy_the_repaired_ones_too() {
    let (it, tunnels) = (forwarding().await, Tunnels::open().await);
    it.house.upstream.has_proxy(Some(tunnels.proxy.clone()));
    let host = it.wechat.addr.to_string();
    assert_eq!(it.call("POST", "/cgi-bin/x", b"{}").await.text(), OK);
    assert_eq!(it.get("/cgi-bin/y").await.text(), OK);
    assert_eq!(it.wechat.seen().len(), 3);
    assert_eq!(tunnels.asked(), [host], "one connection for all that have the same proxy");
}

#[tokio::test]
async fn an_account_that_is_given_another_proxy_or_none_goes_by_that_from_the_next_call_on() {
    let it = forwarding().await;
    let (one, other) = (Tunnels::open().await, Tunnels::open().await);
    for proxy in [Some(&one), Some(&other), None, Some(&one)] {
        it.house.upstream.has_proxy(proxy.map(|tunnels| tunnels.proxy.clone()));
        assert_eq!(it.get("/cgi-bin/x").await.text(), OK);
    }
    assert_eq!(
        (one.asked().len(), other.asked().len()),
        (2, 1),
        "those that nobody has are forgotten"
    );
    assert_eq!(it.wechat.connections(), 4);
}

#[tokio::test]
async fn calls_that_are_no_accounts_go_by_the_way_of_all() {
    let (it, tunnels) = (forwarding().await, Tunnels::open().await);
    it.house.upstream.has_proxy(Some(tunnels.proxy.clone()));
    let request = "GET /sns/userinfo?access_token=u&openid=o HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(it.exchange(request.as_bytes()).await.text(), OK);
    assert!(tunnels.asked().is_empty());
}

#[tokio::test]
async fn a_proxy_in_a_private_network_that_is_not_permitted_is_not_called_and_no_way_around_it_is()
{
    let (it, tunnels) = (Forwarding::to(|_| Plan::json(OK)).await, Tunnels::open().await);
    it.house.upstream.has_proxy(Some(tunnels.proxy.clone()));
    assert_eq!(it.get("/cgi-bin/x").await.error(), "upstream-unreachable");
    assert!(tunnels.asked().is_empty() && it.wechat.seen().is_empty());
}
