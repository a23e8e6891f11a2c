//! A store of the first layout is brought to the present one, and kept as it was.

use lingpai_core::store::Entry;
use lingpai_core::{AccountId, Day, Directory, Generation, Kind, Outbox, StoreErrorKind};

use super::rekeying::assert_understood;
use super::*;
use crate::support::{account, credential, parcel};

fn wx1() -> AccountId {
    "wx1".parse().unwrap()
}

/// A store as earlier versions left it: sealed with the master key itself.
pub(super) async fn of_the_first_layout(server: &RedisServer) {
    fill(options(server)).await;
}

async fn fill(options: RedisOptions) {
    let fill = async |store: &RedisStore| {
        store.put_account(&account("wx1"), None).await?;
        store.put_parcel(&parcel("wx1")).await?;
        store.count(&wx1(), Day(7), Entry::Trial(Kind::ACCESS_TOKEN), 3).await?;
        rotate(store, "wx1", 7).await
    };
    RedisStore::of_first_layout(options, &master(1), fill).await.unwrap();
}

/// Everything that a store as of [`fill`] has, with this generation of its token.
async fn assert_whole(store: &RedisStore, generation: u64) {
    assert_eq!(store.accounts().await.unwrap(), [account("wx1")]);
    assert_eq!(store.parcels(&wx1(), 9).await.unwrap(), [parcel("wx1")]);
    let ledger = store.ledger(&wx1(), Day(7)).await.unwrap();
    assert_eq!(ledger[&Entry::Trial(Kind::ACCESS_TOKEN).name()], 3);
    let record = store.read(&credential("wx1")).await.unwrap().unwrap();
    assert_eq!(record.generation, Generation(generation));
    assert_eq!(record.token, Some(token("wx1", generation)));
}

/// The copies that stand beside a store, by their prefixes.
fn copies(servers: &[RedisServer]) -> Vec<String> {
    let keys = |server: &RedisServer| server.cli(&["--scan", "--pattern", "lingpai:schema-1-*"]);
    let keys: Vec<_> = servers.iter().map(keys).collect();
    let prefix = |key: &str| key.splitn(3, ':').take(2).map(|part| format!("{part}:")).collect();
    let mut prefixes: Vec<String> = keys.iter().flat_map(|keys| keys.lines()).map(prefix).collect();
    prefixes.sort();
    prefixes.dedup();
    prefixes
}

fn with_prefix(server: &RedisServer, prefix: &str) -> RedisOptions {
    let address = format!("{}?prefix={prefix}", server.url()).parse().unwrap();
    RedisOptions { address, ..options(server) }
}

#[tokio::test]
async fn a_store_of_the_first_layout_is_brought_to_the_present_one() {
    let server = RedisServer::start();
    of_the_first_layout(&server).await;
    let wanting = RedisStore::check(&options(&server)).await.unwrap();
    assert!(wanting[0].english.contains("Stop all nodes of that version first"), "{wanting:?}");
    assert_eq!(server.cli(&["HGET", "lingpai:meta", "schema"]), "1");
    assert_eq!(open_with(&server, 2).await.unwrap_err().kind, StoreErrorKind::Sealed);
    let (one, two) = tokio::join!(open_with(&server, 1), open_with(&server, 1));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(server.cli(&["HGET", "lingpai:meta", "schema"]), "2");
    assert_whole(&one, 7).await;
    assert_whole(&two, 7).await;
    assert_understood(&one, &two, 8).await;
    // Both may have made one.
    let kept = server.cli(&["HGET", "lingpai:meta", "former"]);
    assert_eq!(copies(&[server]), [kept]);
}

#[tokio::test]
async fn it_is_kept_as_it_was_and_whoever_knows_the_first_layout_runs_on_that() {
    let server = RedisServer::start();
    // Its name begins with the other's.
    fill(with_prefix(&server, "lingpai:test:")).await;
    of_the_first_layout(&server).await;
    let ends = server.cli(&["PTTL", "lingpai:{wx1}:ledger:7"]);
    let store = open(&server).await;
    rotate(&store, "wx1", 8).await.unwrap();
    store.remove_parcel(&wx1(), &parcel("wx1").id).await.unwrap();
    let kept = server.cli(&["HGET", "lingpai:meta", "former"]);
    let of_kept = |name: &str| format!("{kept}{name}");
    assert_eq!(server.cli(&["HGET", &of_kept("meta"), "schema"]), "1");
    assert_eq!(server.cli(&["HEXISTS", &of_kept("meta"), "key_check"]), "1");
    assert_eq!(server.cli(&["HEXISTS", &of_kept("meta"), "seals"]), "0");
    let ends_too: i64 = server.cli(&["PTTL", &of_kept("{wx1}:ledger:7")]).parse().unwrap();
    assert!((1..=ends.parse().unwrap()).contains(&ends_too), "{ends_too} of {ends}");
    assert_eq!(server.cli(&["--scan", "--pattern", &of_kept("test:*")]), "");
    // Opened by this program it is brought to the present layout in its turn.
    let former = RedisStore::open(with_prefix(&server, &kept)).await.unwrap();
    assert_whole(&former, 7).await;
}

#[tokio::test]
async fn in_a_cluster_every_server_keeps_its_part() {
    let servers = RedisServer::start_cluster();
    let address = format!("redis+cluster://127.0.0.1:{}", servers[0].port());
    let options = RedisOptions { address: address.parse().unwrap(), ..options(&servers[0]) };
    fill(options.clone()).await;
    let store = RedisStore::open(options.clone()).await.unwrap();
    rotate(&store, "wx1", 8).await.unwrap();
    let [kept] = &copies(&servers)[..] else { panic!("{:?}", copies(&servers)) };
    let address = format!("{address}?prefix={kept}").parse().unwrap();
    let former = RedisStore::open(RedisOptions { address, ..options }).await.unwrap();
    assert_whole(&former, 7).await;
}

#[tokio::test]
async fn nothing_is_changed_while_nodes_of_the_former_version_use_it() {
    let server = RedisServer::start();
    of_the_first_layout(&server).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut node = client.get_async_pubsub().await.unwrap();
    node.subscribe("lingpai:changes").await.unwrap();
    let error = open_with(&server, 1).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("stop all of them, then start this one"), "{error}");
    assert_eq!(server.cli(&["HGET", "lingpai:meta", "schema"]), "1");
    assert!(copies(std::slice::from_ref(&server)).is_empty());
    drop(node);
    let opened = soon(async {
        loop {
            match open_with(&server, 1).await {
                Err(error) if error.kind == StoreErrorKind::Unavailable => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                opened => break opened.unwrap(),
            }
        }
    })
    .await;
    assert_whole(&opened, 7).await;
}

#[tokio::test]
async fn where_no_copy_can_be_made_nothing_is_changed_and_nothing_is_left_behind() {
    let server = RedisServer::start();
    of_the_first_layout(&server).await;
    // What is copied last is not to be copied.
    let all_but = ["resetkeys", "~lingpai:[^s]*", "~lingpai:schema-1-*[^a]"];
    assert_eq!(server.cli(&[&["ACL", "SETUSER", "default"], &all_but[..]].concat()), "OK");
    let error = open_with(&server, 1).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Denied);
    assert!(error.to_string().contains("a copy of it as it is could not be made"), "{error}");
    assert_eq!(server.cli(&["HGET", "lingpai:meta", "schema"]), "1");
    assert!(copies(std::slice::from_ref(&server)).is_empty());
    assert_eq!(server.cli(&["ACL", "SETUSER", "default", "allkeys"]), "OK");
    assert_whole(&open(&server).await, 7).await;
}

#[tokio::test]
async fn what_an_attempt_has_left_that_was_killed_is_removed_by_the_next_one() {
    let server = RedisServer::start();
    of_the_first_layout(&server).await;
    let left = ["lingpai:schema-1-0000000a:accounts", "lingpai:schema-1-0000000b:{wx1}:account"];
    let under_way = "lingpai:schema-1-0000000c:";
    let whole = "lingpai:schema-1-0000000d:";
    let of_others = [under_way, whole].map(|prefix| format!("{prefix}accounts"));
    let signs = [format!("{under_way}under-way"), format!("{whole}meta")];
    for key in left.iter().copied().chain(of_others.iter().chain(&signs).map(String::as_str)) {
        server.cli(&["SET", key, "x"]);
    }
    let store = open(&server).await;
    let kept = server.cli(&["HGET", "lingpai:meta", "former"]);
    let mut expected = vec![under_way.to_owned(), whole.to_owned(), kept];
    expected.sort();
    assert_eq!(copies(std::slice::from_ref(&server)), expected);
    assert_whole(&store, 7).await;
}
