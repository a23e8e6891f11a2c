//! Whose certificates are believed, directly and at the other end of a tunnel.

use std::sync::Arc;

use lingpai_core::{Reached, Way};
use lingpai_wechat::wire::{BaseUrl, ExtraAuthorities, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::proxy::{Manner, Running};
use crate::support::{Server, failure_of, issuer_with, start_with};

const BODY: &str = r#"{"access_token":"x","expires_in":7200}"#;

/// A company's authority, and the TLS of a server with its certificate for this name.
fn company(name: &str) -> (ExtraAuthorities, TlsAcceptor) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let pem = format!("Our company\n\n{}\n{}", authority.pem(), key.serialize_pem());
    (ExtraAuthorities::from_pem(&pem).unwrap(), TlsAcceptor::from(Arc::new(tls)))
}

/// The server under another name.
fn named(name: &str, base: &BaseUrl) -> Vec<BaseUrl> {
    let port = base.authority().port_u16().unwrap();
    vec![format!("https://{name}:{port}").parse().unwrap()]
}

#[tokio::test]
async fn an_authority_that_is_named_is_trusted_through_each_kind_of_proxy() {
    let (extra_authorities, tls) = company("wechat.invalid");
    let (base, _) = start_with(Server::Answers(BODY), Some(tls)).await;
    for scheme in ["http", "socks5"] {
        let running = Running::start(scheme, Manner::Connects).await;
        let settings = Settings {
            hosts: named("wechat.invalid", &base),
            proxy: Some(running.proxy.clone()),
            extra_authorities: extra_authorities.clone(),
            ..Settings::default()
        };
        issuer_with(settings).issue(Way::Primary, None).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_told_with_the_remedy() {
    let (_, tls) = company("localhost");
    let (base, seen) = start_with(Server::Answers(BODY), Some(tls)).await;
    let hosts = named("localhost", &base);
    let failure = failure_of(&issuer_with(Settings { hosts, ..Settings::default() })).await;
    assert_eq!((failure.reached, seen.lock().unwrap().len()), (Reached::No, 0));
    assert!(
        failure.message.contains(
            "the certificate of localhost was issued by an authority that is not trusted here"
        ),
        "{failure}"
    );
    assert!(failure.remedy.unwrap().contains("`extra-ca`"));
}

#[tokio::test]
async fn a_certificate_for_another_name_and_a_server_without_tls_are_told_apart_from_that() {
    let (extra_authorities, tls) = company("wechat.invalid");
    let (base, _) = start_with(Server::Answers(BODY), Some(tls)).await;
    let plain = speaks_no_tls().await;
    for (base, told) in
        [(&base, "certificate not valid for name"), (&plain, "no TLS with localhost")]
    {
        let hosts = named("localhost", base);
        let extra_authorities = extra_authorities.clone();
        let settings = Settings { hosts, extra_authorities, ..Settings::default() };
        let failure = failure_of(&issuer_with(settings)).await;
        assert_eq!(failure.reached, Reached::No);
        assert!(failure.message.contains(told), "{failure}");
    }
}

/// A server that has an answer for everybody.
async fn speaks_no_tls() -> BaseUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    base
}

#[test]
fn a_file_without_certificates_is_refused() {
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in ["", "no certificate", damaged, "-----BEGIN CERTIFICATE-----\n!"] {
        let error = ExtraAuthorities::from_pem(text).unwrap_err();
        assert!(error.to_string().contains("-----BEGIN CERTIFICATE-----"), "{error}");
    }
}
