//! Certificates that are replaced while clients come and go.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::node::{Home, WeChat, answer, appid};

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes a new certificate and its key into the node's folder.
pub(crate) fn write_certificate(home: &Home) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["lingpai.test".to_owned()]).unwrap();
    std::fs::write(home.file("server.pem"), made.cert.pem()).unwrap();
    std::fs::write(home.file("server.key"), made.signing_key.serialize_pem()).unwrap();
    made.cert.into()
}

/// A client that trusts these certificates.
pub(crate) fn client(trusted: &[&CertificateDer<'static>]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add((*certificate).clone()).unwrap();
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Asks for the token; the certificate that was shown.
async fn ask(home: &Home, port: u16, client: &TlsConnector) -> CertificateDer<'static> {
    let name = ServerName::try_from("lingpai.test").unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut stream = client.connect(name, stream).await.unwrap();
    let request = home.request(&format!("/v1/accounts/{}/token", appid(0)));
    stream.write_all(request.as_bytes()).await.unwrap();
    let (status, body) = answer(&mut stream).await.unwrap();
    assert_eq!(status, 200, "{body}");
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_replaced_under_load_is_shown_soon_and_a_broken_one_never() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Arc::new(Home::new(&wechat, 1, "stable", "", ""));
    let port = free_port();
    let first = write_certificate(&home);
    let address = format!("https://127.0.0.1:{port}");
    home.listen_too(&[&address], "tls = { certificate = \"server.pem\", key = \"server.key\" }");
    let node = home.start().await;
    let shown = ask(&home, port, &client(&[&first])).await;
    assert_eq!(shown, first);

    let made = rcgen::generate_simple_self_signed(["lingpai.test".to_owned()]).unwrap();
    let second: CertificateDer<'static> = made.cert.der().clone();
    let enough = Arc::new(AtomicBool::new(false));
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (home, enough) = (Arc::clone(&home), Arc::clone(&enough));
        let client = client(&[&first, &second]);
        load.spawn(async move {
            while !enough.load(Ordering::Relaxed) {
                ask(&home, port, &client).await;
            }
        });
    }
    // Only half of the pair is there: refused, and told why.
    std::fs::write(home.file("server.pem"), made.cert.pem()).unwrap();
    home.wait_for("the private key is of no use: it does not belong to the certificate").await;
    assert_eq!(ask(&home, port, &client(&[&first])).await, first);
    std::fs::write(home.file("server.key"), made.signing_key.serialize_pem()).unwrap();
    home.wait_for("the certificate was replaced").await;
    assert_eq!(ask(&home, port, &client(&[&second])).await, second);

    let before = home.printed().len();
    std::fs::write(home.file("server.pem"), "what").unwrap();
    node.signal("HUP");
    home.wait_for_after(before, "the certificate is of no use: it holds no certificate").await;
    assert_eq!(ask(&home, port, &client(&[&second])).await, second);
    sleep(Duration::from_millis(200)).await;
    enough.store(true, Ordering::Relaxed);
    timeout(Duration::from_secs(20), load.join_all()).await.unwrap();
    assert_eq!(wechat.fetches(), 1);
    home.token(0).await.unwrap();
    node.end().await;
    home.assert_nothing_leaked();
}
