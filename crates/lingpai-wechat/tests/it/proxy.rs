//! Proxies that speak HTTP CONNECT or SOCKS 5, and misbehave when asked to.

use std::sync::{Arc, Mutex};

use lingpai_core::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What a proxy does with a client that asks to be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Connects,
    /// Only whoever says `lingpai` and `hunter2`.
    WantsLogin,
    Refuses,
    Hangs,
    HangsUp,
    /// Cuts the tunnel once something came through it.
    CutsAfterTheRequest,
}

/// A proxy that runs, and where it was asked to connect to.
pub(crate) struct Running {
    pub(crate) proxy: Proxy,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// `http` or `socks5`, on a port of its own. Every host is taken to be this machine.
    pub(crate) async fn start(scheme: &str, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("{scheme}://{}", listener.local_addr().unwrap()).parse().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, by_connect) = (Arc::clone(&asked), scheme == "http");
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, by_connect, manner, Arc::clone(&log)));
            }
        });
        Self { proxy, asked }
    }

    pub(crate) fn with_login(&self, user: &str, password: &str) -> Proxy {
        let url = self.proxy.to_url().expose().replace("://", &format!("://{user}:{password}@"));
        url.parse().unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut client: TcpStream,
    by_connect: bool,
    manner: Manner,
    log: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let target = match by_connect {
        true => http(&mut client, manner, &log).await?,
        false => socks5(&mut client, manner, &log).await?,
    };
    let (_, port) = target.rsplit_once(':')?;
    let mut server = TcpStream::connect(("127.0.0.1", port.parse().ok()?)).await.ok()?;
    if manner == Manner::CutsAfterTheRequest {
        let mut request = [0; 1];
        client.read_exact(&mut request).await.ok()?;
        return server.write_all(&request).await.ok();
    }
    copy_bidirectional(&mut client, &mut server).await.ok().map(drop)
}

/// RFC 9110, section 9.3.6.
async fn http(client: &mut TcpStream, manner: Manner, log: &Mutex<Vec<String>>) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8(read).ok()?;
    let target = head.strip_prefix("CONNECT ")?.split_once(' ')?.0.to_owned();
    log.lock().unwrap().push(target.clone());
    // `lingpai:hunter2`
    let knows_us = head.contains("Proxy-Authorization: Basic bGluZ3BhaTpodW50ZXIy\r\n");
    let answer = match manner {
        Manner::WantsLogin if !knows_us => {
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"
        }
        Manner::Refuses => "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        Manner::Hangs => std::future::pending().await,
        Manner::HangsUp => return None,
        _ => "HTTP/1.1 200 Connection established\r\n\r\n",
    };
    client.write_all(answer.as_bytes()).await.ok()?;
    answer.contains("200").then_some(target)
}

/// RFC 1928 and RFC 1929.
async fn socks5(
    client: &mut TcpStream,
    manner: Manner,
    log: &Mutex<Vec<String>>,
) -> Option<String> {
    let mut methods = vec![0; 2];
    client.read_exact(&mut methods).await.ok()?;
    let mut methods = vec![0; methods[1].into()];
    client.read_exact(&mut methods).await.ok()?;
    let method = if manner == Manner::WantsLogin { 2 } else { 0 };
    if !methods.contains(&method) {
        client.write_all(&[5, 0xff]).await.ok()?;
        return None;
    }
    client.write_all(&[5, method]).await.ok()?;
    if method == 2 {
        client.read_u8().await.ok()?;
        let login = [string(client).await?, string(client).await?];
        let is_right = login == ["lingpai", "hunter2"];
        client.write_all(&[1, u8::from(!is_right)]).await.ok()?;
        if !is_right {
            return None;
        }
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await.ok()?;
    let host = match request[3] {
        1 => std::net::Ipv4Addr::from(client.read_u32().await.ok()?).to_string(),
        3 => string(client).await?,
        _ => return None,
    };
    let target = format!("{host}:{}", client.read_u16().await.ok()?);
    log.lock().unwrap().push(target.clone());
    let code = match manner {
        Manner::Refuses => 2,
        Manner::Hangs => std::future::pending().await,
        Manner::HangsUp => return None,
        _ => 0,
    };
    client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    (code == 0).then_some(target)
}

/// A length and so many bytes.
async fn string(client: &mut TcpStream) -> Option<String> {
    let mut bytes = vec![0; client.read_u8().await.ok()?.into()];
    client.read_exact(&mut bytes).await.ok()?;
    String::from_utf8(bytes).ok()
}
