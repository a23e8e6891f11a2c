//! What is found out at the start: each with what to do.

use lingpai_core::{Secret, StoreErrorKind};
use lingpai_store::KeySource;

use super::*;
use crate::support::key;

/// Opens at this URL, and checks as `config check` does: both find the same.
async fn refusal(options: RedisOptions) -> (StoreErrorKind, String) {
    let checked = RedisStore::check(&options).await.unwrap_err();
    let error = soon(RedisStore::open(options)).await.unwrap_err();
    assert_eq!(checked.to_string(), error.to_string());
    (error.kind, error.to_string())
}

async fn refusal_at(url: &str) -> (StoreErrorKind, String) {
    refusal(RedisOptions { address: url.parse().unwrap(), ..some_options() }).await
}

fn as_user(server: &RedisServer, login: &str) -> String {
    format!("redis://{login}@127.0.0.1:{}", server.port())
}

/// A server with a user that may do these things.
fn with_user(rights: &[&str]) -> RedisServer {
    let server = RedisServer::start();
    let mut command = vec!["ACL", "SETUSER", "lingpai", "on", ">right"];
    command.extend(rights);
    assert_eq!(server.cli(&command), "OK");
    server
}

const RIGHTS: [&str; 10] = [
    "~lingpai:*",
    "&lingpai:*",
    "+@read",
    "+@write",
    "+@scripting",
    "+@connection",
    "+@pubsub",
    "+info",
    "+time",
    "+config|get",
];

#[tokio::test]
async fn nobody_listens_there() {
    let (kind, text) = refusal_at("redis://127.0.0.1:1").await;
    assert_eq!(kind, StoreErrorKind::Unavailable);
    assert!(text.contains("redis://127.0.0.1:1 cannot be reached"), "{text}");
}

#[tokio::test]
async fn the_password_is_wrong_or_missing() {
    let server = RedisServer::start_with(&["--requirepass", "hunter2"]);
    for url in [as_user(&server, ":hunter3"), as_user(&server, "nobody:hunter3"), server.url()] {
        let (kind, text) = refusal_at(&url).await;
        assert_eq!(kind, StoreErrorKind::Denied);
        assert!(text.contains("refuses the user or the password"), "{text}");
        assert!(!text.contains("hunter"), "{text}");
    }
    let address = server.url().parse::<lingpai_store::RedisAddress>().unwrap();
    let address = address.with_password(Secret::from("hunter2"));
    RedisStore::open(RedisOptions { address, ..some_options() }).await.unwrap();
}

#[tokio::test]
async fn a_user_who_may_do_what_the_manual_says_may_do_everything() {
    let server = with_user(&RIGHTS);
    let store = open_at(&as_user(&server, "lingpai:right")).await.unwrap();
    lease(&store, of_node("a")).await;
    assert!(store.load().await.unwrap().len() == 1 && store.wanting().is_empty());
    let _replica = server.start_replica();
    let url = format!("{}?replicas=1", as_user(&server, "lingpai:right"));
    assert!(open_at(&url).await.unwrap().wanting().is_empty());
}

#[tokio::test]
async fn a_right_is_missing() {
    for missing in ["~lingpai:*", "&lingpai:*", "+@write", "+@scripting", "+info", "+@read"] {
        let rights = RIGHTS.into_iter().filter(|right| *right != missing);
        let server = with_user(&rights.collect::<Vec<_>>());
        let (kind, text) = refusal_at(&as_user(&server, "lingpai:right")).await;
        assert_eq!(kind, StoreErrorKind::Denied, "without {missing}: {text}");
        assert!(text.contains("ACL SETUSER lingpai +@read +@write"), "{text}");
    }
}

#[tokio::test]
async fn one_end_speaks_tls_and_the_other_does_not() {
    let server = RedisServer::start();
    let (kind, text) = refusal_at(&server.url().replace("redis:", "rediss:")).await;
    assert_eq!(kind, StoreErrorKind::Unavailable, "{text}");
    assert!(text.contains("that it speaks TLS on this port"), "{text}");
    let server = RedisServer::start_with_tls(certificates().path());
    let (kind, text) = refusal_at(&server.url().replace("rediss:", "redis:")).await;
    assert_eq!(kind, StoreErrorKind::Unavailable, "{text}");
    assert!(text.contains("write `rediss://`"), "{text}");
}

#[tokio::test]
async fn with_tls_the_certificate_must_be_trusted() {
    let folder = certificates();
    let server = RedisServer::start_with_tls(folder.path());
    let (kind, text) = refusal_at(&server.url()).await;
    assert_eq!(kind, StoreErrorKind::Denied, "{text}");
    assert!(text.contains("`?ca=FILE`"), "{text}");
    let folder = folder.path().display();
    let (kind, text) = refusal_at(&format!("{}?ca={folder}/none.pem", server.url())).await;
    assert_eq!(kind, StoreErrorKind::Invalid, "{text}");
    let url = format!("{}?ca={folder}/ca.pem", server.url());
    let store = open_at(&url).await.unwrap();
    lease(&store, of_node("a")).await;
}

#[tokio::test]
async fn a_redis_that_throws_keys_away_is_refused() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "allkeys-lru"]);
    let (kind, text) = refusal_at(&server.url()).await;
    assert_eq!(kind, StoreErrorKind::Invalid);
    assert!(text.contains("maxmemory-policy noeviction"), "{text}");
}

#[tokio::test]
async fn how_durable_it_is_is_said() {
    for (arguments, wanting) in [
        (&["--appendonly", "yes", "--appendfsync", "always"][..], None),
        (&["--appendonly", "yes", "--appendfsync", "everysec"], Some("`everysec` and not always")),
        (&["--appendonly", "no"], Some("keeps no log on disk")),
    ] {
        let server = RedisServer::start_with(arguments);
        let store = open(&server).await;
        assert_eq!(store.wanting().len(), usize::from(wanting.is_some()));
        assert!(store.wanting().iter().all(|it| it.english.contains(wanting.unwrap())));
    }
    let rights = RIGHTS.into_iter().filter(|right| *right != "+config|get");
    let server = with_user(&rights.collect::<Vec<_>>());
    let store = open_at(&as_user(&server, "lingpai:right")).await.unwrap();
    assert!(
        store.wanting()[0].english.contains("does not let this user see"),
        "{:?}",
        store.wanting()
    );
}

#[tokio::test]
async fn in_a_cluster_every_server_is_looked_at_and_the_one_that_is_wrong_is_named() {
    let servers = RedisServer::start_cluster();
    let set = |server: &RedisServer, name: &str, value: &str| {
        assert_eq!(server.cli(&["CONFIG", "SET", name, value]), "OK");
    };
    for server in &servers {
        set(server, "appendonly", "yes");
        set(server, "appendfsync", "always");
    }
    let url = format!("redis+cluster://127.0.0.1:{}", servers[0].port());
    let options = RedisOptions { address: url.parse().unwrap(), ..some_options() };
    assert_eq!(soon(RedisStore::check(&options)).await.unwrap(), []);
    for wrong in &servers {
        let place = format!("the store {url}, at 127.0.0.1:{}, ", wrong.port());
        set(wrong, "appendfsync", "everysec");
        let wanting = RedisStore::check(&options).await.unwrap();
        assert_eq!(wanting.len(), 1, "{wanting:?}");
        assert!(
            wanting[0].english.starts_with(&format!("{place}flushes its log to disk")),
            "{wanting:?}"
        );
        assert_eq!(open_at(&url).await.unwrap().wanting(), wanting);
        set(wrong, "maxmemory-policy", "volatile-lru");
        let (kind, text) = refusal_at(&url).await;
        assert_eq!(kind, StoreErrorKind::Invalid);
        assert!(text.starts_with(&format!("{place}throws keys away")), "{text}");
        set(wrong, "maxmemory-policy", "noeviction");
        set(wrong, "appendfsync", "always");
    }
    // What is wrong with several is said once.
    servers[1..].iter().for_each(|server| set(server, "appendonly", "no"));
    let wanting = RedisStore::check(&options).await.unwrap();
    assert_eq!(wanting.len(), 1, "{wanting:?}");
    assert!(wanting[0].english.contains("keeps no log on disk"), "{wanting:?}");
    for (server, is_named) in servers.iter().zip([false, true, true]) {
        let named = wanting[0].english.replace(&url, "").contains(&server.port().to_string());
        assert_eq!(named, is_named, "{wanting:?}");
    }
}

#[tokio::test]
async fn in_a_cluster_a_server_that_lets_us_see_nothing_is_named() {
    let servers = RedisServer::start_cluster();
    for server in &servers {
        let user = ["ACL", "SETUSER", "lingpai", "on", ">right"];
        let rights = RIGHTS.into_iter().chain(["+cluster|slots"]);
        let command: Vec<_> = user.into_iter().chain(rights).collect();
        assert_eq!(server.cli(&command), "OK");
        assert_eq!(server.cli(&["CONFIG", "SET", "appendonly", "yes"]), "OK");
        assert_eq!(server.cli(&["CONFIG", "SET", "appendfsync", "always"]), "OK");
    }
    let blind = &servers[1];
    assert_eq!(blind.cli(&["ACL", "SETUSER", "lingpai", "-config|get"]), "OK");
    let url = format!("redis+cluster://lingpai:right@127.0.0.1:{}", servers[0].port());
    let options = RedisOptions { address: url.parse().unwrap(), ..some_options() };
    let wanting = soon(RedisStore::check(&options)).await.unwrap();
    assert_eq!(wanting.len(), 1, "{wanting:?}");
    let place = format!(", at 127.0.0.1:{}, does not let this user see", blind.port());
    assert!(wanting[0].english.contains(&place), "{wanting:?}");
}

#[tokio::test]
async fn a_key_of_ours_is_another_programs() {
    let server = RedisServer::start();
    server.cli(&["SET", "lingpai:accounts", "1"]);
    let (kind, text) = refusal_at(&server.url()).await;
    assert_eq!(kind, StoreErrorKind::Corrupt);
    assert!(text.contains("lingpai:accounts in the store") && text.contains("?prefix="), "{text}");
    assert_eq!(server.cli(&["DBSIZE"]), "1");
    open_at(&format!("{}?prefix=ours:", server.url())).await.unwrap();
}

#[tokio::test]
async fn a_newer_version_has_written_there() {
    let server = RedisServer::start();
    drop(open(&server).await);
    server.cli(&["HSET", "lingpai:meta", "schema", "3"]);
    let (kind, text) = refusal_at(&server.url()).await;
    assert_eq!(kind, StoreErrorKind::Newer);
    assert!(text.contains("newer Lingpai"), "{text}");
}

#[tokio::test]
async fn every_node_needs_the_same_master_key_and_none_is_generated() {
    let server = RedisServer::start();
    let file = KeySource::File(server.directory().join("none.key"));
    for missing in [KeySource::Beside, file] {
        let (kind, text) = refusal(RedisOptions { key: missing, ..options(&server) }).await;
        assert_eq!(kind, StoreErrorKind::Sealed);
        assert!(text.contains("openssl rand -hex 32"), "{text}");
    }
    assert_eq!(server.cli(&["DBSIZE"]), "0");
    drop(open(&server).await);
    let (kind, text) = refusal(RedisOptions { key: key(2), ..options(&server) }).await;
    assert_eq!(kind, StoreErrorKind::Sealed);
    assert!(text.contains("LINGPAI_MASTER_KEY is not the one"), "{text}");
}

#[tokio::test]
async fn a_check_founds_nothing() {
    let server = RedisServer::start();
    assert_eq!(RedisStore::check(&options(&server)).await.unwrap(), []);
    assert_eq!(server.cli(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn a_single_server_is_no_cluster() {
    let server = RedisServer::start();
    let (kind, text) = refusal_at(&server.url().replace("redis:", "redis+cluster:")).await;
    assert_eq!(kind, StoreErrorKind::Invalid, "{text}");
    assert!(text.contains("is no Redis Cluster. Write `redis://`"), "{text}");
}

#[tokio::test]
async fn a_cluster_is_no_single_server() {
    let servers = RedisServer::start_cluster();
    let (kind, text) = refusal_at(&servers[0].url()).await;
    assert_eq!(kind, StoreErrorKind::Invalid, "{text}");
    assert!(text.contains("is a Redis Cluster. Write `redis+cluster://`"), "{text}");
}
