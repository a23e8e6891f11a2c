//! What was acknowledged survives `kill -9`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

use lingpai_core::store::{Begun, Claim, Commit};
use lingpai_core::{Day, Store};
use lingpai_store::SqliteStore;
use rusqlite::Connection;

use crate::support::*;

const NAMES: [&str; 8] = ["wx1", "wx2", "wx3", "wx4", "wx5", "wx6", "wx7", "wx8"];

/// So often is the writer of one store killed.
const ROUNDS: u64 = 30;

#[tokio::test]
async fn every_acknowledged_write_survives_kill_9_soak() {
    let stores = if std::env::var_os("LINGPAI_SOAK").is_some() { 20 } else { 1 };
    let mut random = 7_u32;
    for _ in 0..stores {
        kill_the_writer_of_a_store(&mut random).await;
    }
}

async fn kill_the_writer_of_a_store(random: &mut u32) {
    let directory = directory();
    let mut acknowledged = HashMap::new();
    for round in 0..ROUNDS {
        *random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        kill_after(*random >> 25, &directory, &mut acknowledged);
        let store = open(&directory).await.unwrap();
        for (name, generation) in &acknowledged {
            let record = store.read(&credential(name)).await.unwrap().unwrap();
            assert!(record.generation.0 >= *generation, "{name} in round {round}");
            assert_eq!(record.token, Some(token(name, record.generation.0)));
            let ledger = store.ledger(&name.parse().unwrap(), Day::of(NOON)).await.unwrap();
            assert!(u64::from(ledger["fetch/access_token/primary"]) >= *generation);
        }
        let events = store.events(None, usize::MAX).await.unwrap().len() as u64;
        assert!(events >= acknowledged.values().sum(), "in round {round}");
        store.close().await;
    }
    let whole: String = Connection::open(path(&directory))
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");
    assert!(acknowledged.values().sum::<u64>() > ROUNDS, "the children hardly wrote");
}

/// Runs a writing child, kills it after it has acknowledged so many writes, and notes what it had acknowledged.
fn kill_after(lines: u32, directory: &tempfile::TempDir, seen: &mut HashMap<String, u64>) {
    let program = std::env::current_exe().unwrap();
    let mut child =
        child(&program, "crash::writes_until_it_is_killed", directory.path()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut note = |line: String| {
        let acknowledged = line.strip_prefix("ack ").and_then(|ack| ack.split_once(' '));
        let Some((name, generation)) = acknowledged else { return false };
        // The last line may have been cut short, and a number cut short is a smaller one.
        let generation = generation.parse().unwrap_or(0);
        let known = seen.entry(name.to_owned()).or_insert(0);
        *known = generation.max(*known);
        true
    };
    let mut left = lines;
    while left > 0 {
        let line = output.next().expect("the child ended by itself: see what it printed");
        left -= u32::from(note(line));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    output.for_each(|line| {
        note(line);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_until_it_is_killed() {
    let Some(directory) = childs_directory() else { return };
    let store = Arc::new(open_in(&directory).await.unwrap());
    let writers = NAMES.map(|name| tokio::spawn(write_for_ever(Arc::clone(&store), name)));
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn write_for_ever(store: Arc<SqliteStore>, name: &'static str) {
    let record = store.read(&credential(name)).await.unwrap();
    let mut settles = record.as_ref().and_then(|record| record.intent).map(|intent| intent.fence);
    let known = record.map_or(0, |record| record.generation.0);
    for generation in known + 1.. {
        // The clock stands still here, so the lease of a killed predecessor has not run out.
        let claim = Claim { settles, ..claim(name, store.node(), generation - 1) };
        let begun = store.begin(claim).await.unwrap();
        let Begun::Granted { lease, .. } = begun else { panic!("{name}: {begun:?}") };
        settles = None;
        let token = token(name, generation);
        store.record(&[event(name)]).await.unwrap();
        store.commit(Commit { lease, token, previous_until: None }).await.unwrap();
        let line = format!("\nack {name} {generation}\n");
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}
