//! The encrypted listener.

use std::time::Duration;

use lingpai_server::{Address, Limits, Listeners, Surface, Tls};
use rustls::ProtocolVersion;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::certificates::{Authority, shake_hands, shown};
use crate::house::{House, PATIENCE, Reply, read_to_end};

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// A house with one encrypted listener.
async fn house(tls: &Tls, limits: Limits) -> House {
    let https = Address::Https(([127, 0, 0, 1], 0).into());
    House::on(&[(https, Surface::Whole)], Some(tls.clone()), |server| server.with_limits(limits))
        .await
}

async fn is_served(house: &House, authority: &Authority) -> bool {
    let client = authority.client(&[], None);
    let Ok(mut stream) = shake_hands(&client, house.connect().await).await else { return false };
    stream.write_all(REQUEST).await.unwrap();
    Reply::parse(&read_to_end(&mut stream).await).status == 200
}

#[tokio::test]
async fn requests_are_answered_encrypted_and_not_in_plain_text() {
    let authority = Authority::new("ca");
    let tls = Tls::new(authority.sign().identity(None).unwrap());
    let house = house(&tls, Limits::default()).await;
    assert!(matches!(house.addresses[0], Address::Https(addr) if addr == house.addr));
    let mut stream =
        shake_hands(&authority.client(&[], None), house.connect().await).await.unwrap();
    assert_eq!(shown(&stream).1, ProtocolVersion::TLSv1_3);
    stream.write_all(REQUEST).await.unwrap();
    assert_eq!(Reply::parse(&read_to_end(&mut stream).await).status, 200);
    let mut plain = house.connect().await;
    plain.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, plain.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_to_who_comes_and_who_is_there_stays() {
    let authority = Authority::new("ca");
    let tls = Tls::new(authority.sign().identity(None).unwrap());
    let house = house(&tls, Limits::default()).await;
    let client = authority.client(&[], None);
    let mut before = shake_hands(&client, house.connect().await).await.unwrap();
    tls.replace(authority.sign().identity(None).unwrap());
    let after = shake_hands(&client, house.connect().await).await.unwrap();
    assert_ne!(shown(&before).0, shown(&after).0);
    before.write_all(REQUEST).await.unwrap();
    assert_eq!(Reply::parse(&read_to_end(&mut before).await).status, 200);
}

#[tokio::test]
async fn where_clients_must_show_a_certificate_nobody_else_is_served() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let clients = Authority::new("clients");
    let tls = Tls::new(authority.sign().identity(Some(&clients)).unwrap());
    let house = house(&tls, Limits::default()).await;
    for (shows, is_good) in
        [(None, false), (Some(other.sign()), false), (Some(clients.sign()), true)]
    {
        let client = authority.client(&[], shows.as_ref());
        let mut stream = shake_hands(&client, house.connect().await).await.unwrap();
        // In TLS 1.3 a client learns of its refusal when it reads.
        let _ = stream.write_all(REQUEST).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        assert_eq!((read.is_ok(), answer.starts_with(b"HTTP/1.1 200")), (is_good, is_good));
    }
}

#[tokio::test]
async fn a_handshake_that_is_not_finished_holds_up_nobody_and_is_cut_off() {
    let authority = Authority::new("ca");
    let tls = Tls::new(authority.sign().identity(None).unwrap());
    let head_time = Duration::from_millis(200);
    let house = house(&tls, Limits { head_time, ..Limits::default() }).await;
    let mut half_open = Vec::new();
    for beginning in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = house.connect().await;
        stream.write_all(beginning).await.unwrap();
        half_open.push(stream);
    }
    assert!(is_served(&house, &authority).await);
    for mut stream in half_open {
        let ended = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 64])).await.unwrap();
        assert!(!matches!(ended, Ok(1..)), "{ended:?}");
    }
}

#[tokio::test]
async fn an_encrypted_address_without_a_certificate_is_refused() {
    let https = Address::Https(([127, 0, 0, 1], 0).into());
    let error = Listeners::new(None).open(&https, Surface::Whole).await.unwrap_err();
    assert!(error.to_string().contains("https://127.0.0.1:0 needs a certificate"), "{error}");
}

#[tokio::test]
async fn what_is_no_certificate_or_no_key_is_told_apart() {
    let authority = Authority::new("ca");
    let (one, mut other) = (authority.sign(), authority.sign());
    other.key.clone_from(&one.key);
    let error = other.identity(None).unwrap_err().to_string();
    assert!(error.contains("does not belong to the certificate"), "{error}");
    assert!(!format!("{:?}", one.identity(None).unwrap()).contains("key"));
    other.certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let error = other.identity(None).unwrap_err().to_string();
    assert!(error.contains("first certificate in it cannot be read"), "{error}");
}
