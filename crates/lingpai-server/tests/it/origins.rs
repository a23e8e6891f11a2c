//! Whose address the client's is: a key that is good in one network only tells.

use lingpai_core::client::{Accounts, Right};
use lingpai_server::{Proxies, Surface, Tell, Tls};
use tokio::io::AsyncWriteExt;

use crate::certificates::{Authority, shake_hands};
use crate::house::{House, KEPT, Reply, bearer, local, read_to_end};

/// From where the key is good.
const INSIDE: &str = "203.0.113.0/24";

/// A house that believes these peers, and a key that is good [`INSIDE`].
async fn house(trusted: &str, tell: Tell) -> (House, String) {
    let proxies = Proxies::new(vec![trusted.parse().unwrap()], tell);
    let house =
        House::on(&[(local(), Surface::Whole)], None, |server| server.behind(proxies)).await;
    let key = key(&house).await;
    (house, key)
}

async fn key(house: &House) -> String {
    let inside = INSIDE.parse().unwrap();
    house.key_with(&[Right::TokenRead], Accounts::All, |key| key.networks = vec![inside]).await
}

/// A request for a token with these headers.
fn request(key: &str, headers: &str) -> String {
    format!(
        "GET /v1/accounts/{KEPT}/token HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nConnection: close\r\n{headers}\r\n",
        bearer(key)
    )
}

/// Whether the client behind these bytes counts as one from inside.
async fn is_inside(house: &House, sent: &[u8]) -> bool {
    let mut stream = house.connect().await;
    stream.write_all(sent).await.unwrap();
    let reply = Reply::parse(&read_to_end(&mut stream).await);
    match reply.status {
        200 => true,
        403 => reply.error() != "network-forbidden",
        _ => panic!("{reply:?}"),
    }
}

#[tokio::test]
async fn forged_headers_of_a_stranger_are_ignored() {
    let forged =
        "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\nX-Real-IP: 203.0.113.7\r\n";
    for tell in [Tell::XForwardedFor, Tell::Forwarded, Tell::ProxyProtocol] {
        let (house, key) = house("10.0.0.0/8", tell).await;
        assert!(!is_inside(&house, request(&key, forged).as_bytes()).await, "{tell:?}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_in_its_own_header_alone() {
    let (house, key) = house("127.0.0.1", Tell::XForwardedFor).await;
    for (headers, inside) in [
        ("X-Forwarded-For: 203.0.113.7\r\n", true),
        ("X-Forwarded-For: 203.0.113.7, 198.51.100.1\r\n", false),
        ("X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 198.51.100.1\r\n", false),
        ("X-Forwarded-For: 198.51.100.1, 203.0.113.7, 127.0.0.1\r\n", true),
        ("Forwarded: for=203.0.113.7\r\n", false),
        ("X-Forwarded-For: 198.51.100.1\r\nForwarded: for=203.0.113.7\r\n", false),
        ("", false),
    ] {
        assert_eq!(is_inside(&house, request(&key, headers).as_bytes()).await, inside, "{headers}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_tells_by_the_proxy_protocol() {
    let (house, key) = house("127.0.0.1", Tell::ProxyProtocol).await;
    let with = |header: &[u8]| [header, request(&key, "").as_bytes()].concat();
    assert!(is_inside(&house, &with(b"PROXY TCP4 203.0.113.7 10.0.0.1 5632 443\r\n")).await);
    assert!(!is_inside(&house, &with(b"PROXY TCP4 198.51.100.1 10.0.0.1 5632 443\r\n")).await);
    assert!(!is_inside(&house, &with(b"PROXY UNKNOWN\r\n")).await, "then it is the proxy itself");
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\x10\0\x01\xbb";
    assert!(is_inside(&house, &with(binary)).await);
    // What a client behind the proxy says of itself does not count.
    let forged = request(&key, "X-Forwarded-For: 203.0.113.7\r\n");
    let forged = format!("PROXY TCP4 198.51.100.1 10.0.0.1 5632 443\r\n{forged}");
    assert!(!is_inside(&house, forged.as_bytes()).await);
}

#[tokio::test]
async fn a_trusted_proxy_that_does_not_say_for_whom_it_stands_is_not_served() {
    let (house, key) = house("127.0.0.1", Tell::ProxyProtocol).await;
    let mut stream = house.connect().await;
    stream.write_all(request(&key, "").as_bytes()).await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_stranger_cannot_speak_the_proxy_protocol() {
    let (house, key) = house("10.0.0.0/8", Tell::ProxyProtocol).await;
    let forged = format!("PROXY TCP4 203.0.113.7 10.0.0.1 5632 443\r\n{}", request(&key, ""));
    assert_eq!(house.exchange(&forged).await.status, 400);
}

#[tokio::test]
async fn the_proxy_protocol_comes_before_the_handshake() {
    let authority = Authority::new("ca");
    let tls = Tls::new(authority.sign().identity(None).unwrap());
    let proxies = Proxies::new(vec!["127.0.0.1".parse().unwrap()], Tell::ProxyProtocol);
    let https = lingpai_server::Address::Https(([127, 0, 0, 1], 0).into());
    let house =
        House::on(&[(https, Surface::Whole)], Some(tls), |server| server.behind(proxies)).await;
    let key = key(&house).await;
    let mut stream = house.connect().await;
    stream.write_all(b"PROXY TCP4 203.0.113.7 10.0.0.1 5632 443\r\n").await.unwrap();
    let mut stream = shake_hands(&authority.client(&[], None), stream).await.unwrap();
    stream.write_all(request(&key, "").as_bytes()).await.unwrap();
    assert_eq!(Reply::parse(&read_to_end(&mut stream).await).status, 200);
}
