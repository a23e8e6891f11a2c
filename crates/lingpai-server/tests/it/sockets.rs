//! Several listeners: Unix sockets, and one for those who manage.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use lingpai_core::Network;
use lingpai_core::client::{Accounts, Right};
use lingpai_server::{Address, Error, Listeners, Surface};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixListener, UnixStream};

use crate::house::{House, KEPT, Reply, bearer, local, read_to_end};

/// A folder, and the path of a socket in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lingpai.sock");
    (folder, path)
}

async fn open(path: &Path) -> Result<Listeners, Error> {
    let mut listeners = Listeners::new(None);
    listeners.open(&Address::Unix(path.to_owned()), Surface::Whole).await.map(|()| listeners)
}

async fn ask(path: &Path, key: &str) -> Reply {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let request = format!(
        "GET /v1/accounts/{KEPT}/token HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        bearer(key)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    Reply::parse(&read_to_end(&mut stream).await)
}

#[tokio::test]
async fn a_unix_socket_serves_its_owner_and_group_and_goes_with_the_server() {
    let (_folder, path) = place();
    let unix = (Address::Unix(path.clone()), Surface::Whole);
    let mut house = House::on(&[unix], None, |server| server).await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(ask(&path, &house.key).await.status, 200);
    house.stop();
    house.ended().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn who_comes_by_a_unix_socket_comes_from_this_machine() {
    let (_folder, path) = place();
    let unix = (Address::Unix(path.clone()), Surface::Whole);
    let house = House::on(&[unix], None, |server| server).await;
    for (network, status) in [("127.0.0.0/8", 200), ("10.0.0.0/8", 403)] {
        let network: Network = network.parse().unwrap();
        let key =
            house.key_with(&[Right::TokenRead], Accounts::All, |key| key.networks = vec![network]);
        assert_eq!(ask(&path, &key.await).await.status, status, "{network}");
    }
}

#[tokio::test]
async fn a_socket_is_replaced_only_if_nobody_listens_on_it() {
    let (folder, path) = place();
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "as a server leaves it that was killed");
    let first = open(&path).await.unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(error.is_address_in_use(), "{error}");
    assert!(error.to_string().contains("another program listens there"), "{error}");
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    drop(first);
    assert!(!path.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_server_that_ends_leaves_the_socket_of_the_one_that_replaced_it() {
    let (_folder, path) = place();
    let old = open(&path).await.unwrap();
    // As if the file had been removed by hand.
    fs::remove_file(&path).unwrap();
    let new = open(&path).await.unwrap();
    drop(old);
    UnixStream::connect(&path).await.unwrap();
    drop(new);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_path_that_cannot_be_had_is_said_with_what_to_do() {
    let (folder, path) = place();
    fs::write(&path, "notes").unwrap();
    let said = open(&path).await.unwrap_err().to_string();
    assert!(said.contains("is no socket, so it is left alone"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
    let said = open(&folder.path().join("none/x.sock")).await.unwrap_err().to_string();
    assert!(said.contains("its directory does not exist"), "{said}");
    let said = open(&folder.path().join("x".repeat(150))).await.unwrap_err().to_string();
    assert!(said.contains("too long"), "{said}");
}

#[tokio::test]
async fn where_only_clients_are_served_the_rest_does_not_exist() {
    let addresses = [(local(), Surface::Clients), (local(), Surface::Whole)];
    let house = House::on(&addresses, None, |server| server).await;
    let [Address::Http(clients), Address::Http(whole)] = house.addresses[..] else { panic!() };
    let admin = house.admin().await;
    for (path, is_for_clients) in [
        (format!("/v1/accounts/{KEPT}/token"), true),
        ("/healthz".to_owned(), true),
        ("/readyz".to_owned(), true),
        ("/openapi.json".to_owned(), true),
        ("/v1/accounts".to_owned(), false),
        (format!("/v1/accounts/{KEPT}"), false),
        ("/v1/events/history".to_owned(), false),
        ("/v1/keys".to_owned(), false),
        ("/metrics".to_owned(), false),
    ] {
        let ask = |addr| {
            let (path, key) = (path.clone(), bearer(&admin));
            async move {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nConnection: close\r\n\r\n"
                );
                stream.write_all(request.as_bytes()).await.unwrap();
                Reply::parse(&read_to_end(&mut stream).await).status
            }
        };
        assert_eq!(ask(clients).await != 404, is_for_clients, "{path}");
        assert_ne!(ask(whole).await, 404, "{path}");
    }
}
