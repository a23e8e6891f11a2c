//! A newer program on the data of a former one, and the way back. `cargo xtask upgrade` builds the former, and runs this.

use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use tokio::time::{sleep, timeout};

use crate::node::{Home, Node, PATIENCE, WeChat};
use crate::nodes;
use crate::reload::token_soon;

/// The program that was there before.
fn former() -> String {
    std::env::var("LINGPAI_FORMER").expect("`cargo xtask upgrade` says where the former program is")
}

/// Has the former program begin, with an empty store.
fn begun_by_the_former(home: &mut Home) {
    home.run_by(&former());
    home.key = home.create_key(&["--admin"]).0;
}

/// Waits until a node answers; if it ends instead, what has been printed.
async fn refusal(home: &Home, node: &mut Node<'_>) -> Option<String> {
    let waiting = async {
        while home.get("/healthz").await.is_err() {
            if node.has_ended() {
                return Some(home.printed());
            }
            sleep(Duration::from_millis(20)).await;
        }
        None
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("neither:\n{}", home.printed()))
}

/// Waits until a node gives this token.
async fn hears_of(home: &Home, token: &str) {
    let waiting = async {
        while home.token(0).await.as_deref() != Ok(token) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not heard:\n{}", home.printed()));
}

/// Starts the former program on what the newer has left. Where it refuses, it has to say why, and what the newer kept from
/// before is put back.
async fn token_of_the_former(home: &Home) -> String {
    let mut node = home.launch();
    if let Some(said) = refusal(home, &mut node).await {
        println!("the former program refuses: {said}");
        assert!(said.contains("newer Lingpai"), "{said}");
        let kept = std::fs::read_dir(home.file("")).unwrap().flatten();
        let mut kept = kept.filter_map(|file| file.file_name().into_string().ok());
        let kept = kept.find(|name| name.starts_with("lingpai.db.schema-"));
        let kept = kept.expect("the store as it was before the upgrade");
        let output = home.command(&["store", "restore", &kept]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        node = home.launch();
        assert_eq!(refusal(home, &mut node).await, None);
    }
    let token = token_soon(home, 0).await;
    node.end().await;
    token
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask upgrade` builds the former program, and runs it"]
async fn a_file_of_the_former_program_is_taken_over_and_can_be_given_back() {
    for mode in ["stable", "classic"] {
        let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
        let mut home = Home::new(&wechat, 1, mode, "", "");
        for file in ["lingpai.db", "lingpai.key"] {
            std::fs::remove_file(home.file(file)).unwrap();
        }
        begun_by_the_former(&mut home);
        let node = home.start().await;
        let token = token_soon(&home, 0).await;
        node.kill();

        home.run_by_this_build();
        let node = home.start().await;
        assert_eq!(token_soon(&home, 0).await, token, "{mode}");
        assert_eq!(wechat.fetches(), 1, "{mode}");
        node.end().await;

        home.run_by(&former());
        let token = token_of_the_former(&home).await;
        assert!(wechat.accepts(&token), "{mode}");
        assert!(wechat.fetches() <= 2, "{mode}: {} fetches", wechat.fetches());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "`cargo xtask upgrade` builds the former program, and runs it"]
async fn nodes_of_the_former_program_and_of_this_one_share_a_redis() {
    let redis = RedisServer::start();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let mut old = nodes::home(&redis, &wechat, "classic", "");
    let mut new = nodes::home(&redis, &wechat, "classic", "");
    redis.cli(&["FLUSHALL"]);
    begun_by_the_former(&mut old);
    new.key.clone_from(&old.key);

    let old_node = old.start().await;
    let token = token_soon(&old, 0).await;
    let new_node = new.start().await;
    assert_eq!(token_soon(&new, 0).await, token);
    // Each has a token replaced, and the other one hears of it.
    for (asked, other) in [(&old, &new), (&new, &old)] {
        let before = token_soon(asked, 0).await;
        wechat.revoke(0);
        assert!(asked.report(0, &before).await.contains("\"rotated\""), "{}", asked.printed());
        let now = token_soon(asked, 0).await;
        assert!(now != before && wechat.accepts(&now));
        hears_of(other, &now).await;
    }
    assert_eq!(wechat.fetches(), 3);
    old_node.kill();
    new_node.end().await;
    // And back to the former alone.
    let token = token_of_the_former(&old).await;
    assert!(wechat.accepts(&token));
    assert_eq!(wechat.fetches(), 3);
}
