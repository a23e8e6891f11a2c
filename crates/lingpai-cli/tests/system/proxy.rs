//! A server that reaches WeChat through proxies only.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::node::{Home, WeChat, appid};
use crate::reload::token_soon;

const PASSWORD: &str = "correct-horse-battery-staple";

/// A proxy that connects everybody to the simulated WeChat, and what it was asked.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) async fn start(wechat: &WeChat) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, wechat) = (Arc::new(Mutex::new(Vec::new())), wechat.addr);
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(client.read_u8().await.unwrap());
                    }
                    log.lock().unwrap().push(String::from_utf8(head).unwrap());
                    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    let mut server = TcpStream::connect(wechat).await.unwrap();
                    copy_bidirectional(&mut client, &mut server).await.ok();
                });
            }
        });
        Self { port, asked }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_that_are_named_while_the_server_runs_are_in_force_and_their_passwords_nowhere() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let (of_all, of_one) = (Proxy::start(&wechat).await, Proxy::start(&wechat).await);
    let home = Home::new(&wechat, 1, "stable", "", "");
    // A name that only a proxy can know.
    let unreachable = home.configuration().replace(&wechat.addr.to_string(), "wechat.invalid");
    home.write(&unreachable);
    let node = home.start().await;
    home.wait_for("wechat.invalid: no connection").await;

    std::fs::write(home.secret_file(9), PASSWORD).unwrap();
    let password = "proxy-password = { file = \"secret-9\" }";
    let for_all = format!("proxy = \"http://lingpai@127.0.0.1:{}\"\n{password}\n", of_all.port);
    home.write(&format!("{for_all}{unreachable}"));
    let first = token_soon(&home, 0).await;
    assert!(wechat.accepts(&first));
    let asked = of_all.asked();
    assert!(asked[0].starts_with("CONNECT wechat.invalid:80 "), "{asked:?}");
    assert!(asked[0].contains("Proxy-Authorization: Basic "), "{asked:?}");

    home.configure(2);
    let own = format!(
        "private-networks = [\"127.0.0.0/8\"]\n{for_all}{}proxy = \"http://me@127.0.0.1:{}\"\n{password}\n",
        home.configuration().replace(&wechat.addr.to_string(), "wechat.invalid"),
        of_one.port
    );
    home.write(&own);
    token_soon(&home, 1).await;
    assert!(!of_one.asked().is_empty());
    let before = (of_all.asked().len(), of_one.asked().len());
    let path = format!("/gateway/{}/cgi-bin/user/get?next_openid=", appid(1));
    let (status, body) = home.get(&path).await.unwrap();
    assert!(status == 200 && body.contains("openid"), "{body}");
    let after = (of_all.asked().len(), of_one.asked().len());
    assert_eq!(after, (before.0, before.1 + 1), "a call leaves by the way that its token came");
    assert_eq!(home.token(0).await.unwrap(), first, "another way costs no token");
    node.end().await;
    assert!(!home.printed().contains(PASSWORD));
    for suffix in ["", "-wal"] {
        let bytes =
            std::fs::read(format!("{}{suffix}", home.store().display())).unwrap_or_default();
        assert!(!bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes()));
    }
    home.assert_nothing_leaked();
}
