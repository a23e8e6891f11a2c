//! The drill of `docs/disaster.md`: a backup under load, a machine or a Redis that is lost, and how long it takes until all is as it
//! was.

use std::process::Command;
use std::time::Duration;

use lingpai_sandbox::OtherSystem;
use lingpai_store::conformance::RedisServer;
use tokio::time::{Instant, sleep};

use crate::node::{Home, WeChat, appid, soaking};
use crate::platforms::{self, authorize, push, token};
use crate::restored;

/// How many accounts of a secret of their own, and how many that have authorised a platform.
fn size() -> (usize, usize) {
    if soaking() { (1000, 200) } else { (20, 4) }
}

/// Runs a command: how long it took, and what it said.
fn timed(command: &mut Command) -> (Duration, String) {
    let begun = Instant::now();
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    (begun.elapsed(), said)
}

/// Asks for one token after the other while something else is done: how many were read, and how many were refused.
async fn under_load<T: Send + 'static>(
    home: &Home,
    accounts: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> (T, usize, usize) {
    let work = tokio::task::spawn_blocking(work);
    let (mut read, mut refused) = (0, 0);
    while !work.is_finished() {
        match home.token((read + refused) % accounts).await {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
    }
    (work.await.unwrap(), read, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_a_machine_that_is_lost_is_replaced_from_a_backup_that_was_made_under_load() {
    drill("a file", "", |home| {
        let backup = std::fs::read(home.file("backup.db")).unwrap();
        let key = std::fs::read(home.file("lingpai.key")).unwrap();
        for file in std::fs::read_dir(home.file("")).unwrap().flatten() {
            if file.file_name().to_string_lossy().starts_with("lingpai.db") {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
        std::fs::remove_file(home.file("lingpai.key")).unwrap();
        std::fs::write(home.file("lingpai.key"), key).unwrap();
        std::fs::write(home.file("backup.db"), backup).unwrap();
    })
    .await
    .assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_a_redis_that_is_lost_is_replaced_by_another_from_a_backup_that_was_made_under_load() {
    let (redis, other) = (RedisServer::start(), RedisServer::start());
    let key = other.directory().join("master.key");
    std::fs::write(&key, "5e".repeat(32)).unwrap();
    let key = key.display();
    let store = format!("store = \"{}\"\nmaster-key = {{ file = \"{key}\" }}\n", redis.url());
    let (url, directory) = (other.url(), other.directory().join("appendonlydir"));
    let home = drill("a Redis", &store, move |home| {
        home.write(&home.configuration().replace(&redis.url(), &url));
        // With all that it had.
        drop(redis);
    })
    .await;
    home.assert_nothing_leaked_into(&directory, "appendonly.aof.1.incr.aof");
}

/// Has the store that these settings name lost, and all restored from a backup. `lose` is done when nothing runs any more.
async fn drill(place: &str, store: &str, lose: impl FnOnce(&Home)) -> Home {
    let (accounts, authorizers) = size();
    let all = accounts + authorizers;
    let wechat = WeChat::start(Duration::from_secs(7200), all).await;
    let home =
        platforms::home_with(&wechat, &format!("{store}[gateway]\ncalls-per-minute = 1000000\n"));
    let of_platform = home.configuration();
    let of_platform = &of_platform[of_platform.find("[[account]]").unwrap()..];
    home.configure(accounts);
    home.write(&format!("{}{of_platform}", home.configuration()));
    // Every second one is in classic mode, where a token from the past may be dead.
    let classic = home.configuration().split("mode = \"stable\"").enumerate().fold(
        String::new(),
        |text, (number, part)| match number {
            0 => part.to_owned(),
            number if number % 2 == 0 => format!("{text}mode = \"classic\"{part}"),
            _ => format!("{text}mode = \"stable\"{part}"),
        },
    );
    home.write(&classic);

    let node = home.start().await;
    push(&wechat, &home).await;
    (accounts..all).for_each(|number| authorize(&wechat, number));
    let mut former = Vec::new();
    for number in 0..all {
        former.push(token(&home, number).await);
    }
    let mut backup = home.command(&["store", "backup", "backup.db"]);
    let work = move || timed(&mut backup);
    let ((backing_up, _), read, refused) = under_load(&home, all, work).await;
    assert!(read > 0 && refused == 0, "{read} read, {refused} refused");

    // What the backup does not know: each authorizer has another refresh token by now, and the one in the backup is dead; each
    // classic token was replaced twice.
    for (number, token) in former.iter().enumerate().skip(accounts) {
        wechat.revoke(number);
        assert!(home.report(number, token).await.contains("\"rotated\""));
    }
    let grace = Duration::from_secs(400);
    wechat.world.with(|world, now| {
        for number in 0..accounts {
            for _ in 0..2 {
                world.other_system_refreshes(now, &appid(number), OtherSystem::Classic).unwrap();
            }
        }
        world.advance(now, grace);
    });

    // The machine is lost. What is left: the backup, and, in another place, the configuration and the master key.
    node.kill();
    lose(&home);
    let mut restore = home.command(&["store", "restore", "backup.db"]);
    let (restoring, said) = timed(&mut restore);
    assert!(said.contains("goes through WeChat's list before it refreshes"), "{said}");
    let refused = restored::refused(&wechat);

    let begun = Instant::now();
    let node = home.start().await;
    let mut first = None;
    let mut repaired = 0;
    for number in 0..all {
        // A client that is given a dead token reports it, and asks again.
        loop {
            let now = token(&home, number).await;
            first.get_or_insert(begun.elapsed());
            if wechat.accepts(&now) {
                break;
            }
            assert!(number >= accounts, "a dead token of {} was served", appid(number));
            repaired += 1;
            home.report(number, &now).await;
            sleep(Duration::from_millis(20)).await;
        }
    }
    let all_good = begun.elapsed();
    restored::until_lifted(&[&home]).await;
    assert_eq!(restored::refused(&wechat), refused, "a refresh token was sent that was dead");
    println!(
        "{place}, {accounts} accounts, {authorizers} authorizers: backup {backing_up:.1?} under load ({read} tokens read), restore \
         {restoring:.1?}, first token {:.1?} and all good {all_good:.1?} after the start, {repaired} reports; authorizers compared with WeChat's \
         list within {:.1?}",
        first.unwrap(),
        begun.elapsed(),
    );
    // The keys are whole too: this one asked all the time. What was stored is what WeChat would take next.
    node.end().await;
    home
}
