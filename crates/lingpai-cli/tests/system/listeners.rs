//! Every way in at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::rustls::pki_types::ServerName;

use crate::certificates::{client, free_port, write_certificate};
use crate::node::{Home, WeChat, answer, appid};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_configured_is_listened_on_and_keys_are_managed_in_their_own_place_only() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Arc::new(Home::new(&wechat, 1, "stable", "", ""));
    let (encrypted, admin) = (free_port(), free_port());
    let certificate = write_certificate(&home);
    home.listen_too(
        &[&format!("https://127.0.0.1:{encrypted}"), "unix:lingpai.sock"],
        &format!(
            "admin-listen = \"127.0.0.1:{admin}\"\ntrusted-proxies = \"127.0.0.1\"\n\
             tls = {{ certificate = \"server.pem\", key = \"server.key\" }}\n"
        ),
    );
    home.write(&home.configuration().replace("[log]\n", "[log]\naccess = true\n"));
    let node = home.start().await;

    let token = home
        .request(&format!("/v1/accounts/{}/token", appid(0)))
        .replace("Connection: close", "Connection: close\r\nX-Forwarded-For: 203.0.113.7");
    let keys = home.request("/v1/keys");
    let tcp = |port| TcpStream::connect(("127.0.0.1", port));
    for (request, on_admin, elsewhere) in [(token, 200, 200), (keys, 200, 404)] {
        let mut unix = UnixStream::connect(home.file("lingpai.sock")).await.unwrap();
        unix.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut unix).await.unwrap().0, elsewhere);
        for (port, status) in [(admin, on_admin), (home.port, elsewhere)] {
            let mut plain = tcp(port).await.unwrap();
            plain.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(answer(&mut plain).await.unwrap().0, status);
        }
        let name = ServerName::try_from("lingpai.test").unwrap();
        let stream = tcp(encrypted).await.unwrap();
        let mut tls = client(&[&certificate]).connect(name, stream).await.unwrap();
        tls.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut tls).await.unwrap().0, elsewhere);
    }
    let printed = home.printed();
    for address in [
        format!("listening on https://127.0.0.1:{encrypted}"),
        format!("listening on http://127.0.0.1:{admin}"),
        "peer=203.0.113.7".to_owned(),
    ] {
        assert!(printed.contains(&address), "{address} is not in\n{printed}");
    }
    let limits = node.of_process("limits");
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().nth(4), Some("0"), "{cores}");
    home.token(0).await.unwrap();
    node.end().await;
    home.assert_nothing_leaked();
}
