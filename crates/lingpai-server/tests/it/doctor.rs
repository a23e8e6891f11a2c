//! The doctor over HTTP: whose run is remembered, who is told whence clients call, and what becomes of a caller who has hung up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::audit::{Action, Deed, Note, Who};
use lingpai_core::client::{Accounts, Right};
use lingpai_core::{Account, Clock, Directory, NodeId, Secret};
use lingpai_server::Surface;
use lingpai_server::doctor::{House as Around, Ward};
use lingpai_wechat::{WeChat, wire};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::house::{House, KEPT, OTHER, PATIENCE, bearer, credential, local, only};

/// The program around the accounts. It can be made to look for ever, once.
#[derive(Default)]
struct Program {
    hangs: AtomicBool,
    looks: Notify,
}

#[async_trait]
impl Ward for Program {
    async fn look(&self) -> Around {
        if self.hangs.swap(false, Ordering::SeqCst) {
            self.looks.notify_one();
            std::future::pending::<()>().await;
        }
        Around {
            configuration: Ok(None),
            store: "memory".to_owned(),
            is_durable: false,
            redis: None,
            space: None,
            certificates: Vec::new(),
            upstream: nowhere(),
        }
    }
}

/// A WeChat that is not there.
fn nowhere() -> wire::Settings {
    let hosts = vec!["http://127.0.0.1:9".parse().unwrap()];
    wire::Settings { hosts, ..wire::Settings::default() }
}

async fn house() -> (House, Arc<Program>) {
    let program = Arc::new(Program::default());
    let ward = Arc::clone(&program);
    let wechat = WeChat::new(wire::Upstream::new(nowhere()).unwrap());
    let house = House::on(&[(local(), Surface::Whole)], None, |server| {
        server.examined_with(ward).asking(Arc::new(move || wechat.clone()))
    })
    .await;
    (house, program)
}

#[tokio::test]
async fn who_may_not_read_the_trail_is_not_told_whence_clients_call() {
    let (house, _) = house().await;
    let now = house.clock.now().wall;
    let account = Account::new(KEPT.parse().unwrap(), Secret::from("s"), now);
    house.directory.put_account(&account, None).await.unwrap();
    let (key, address) = ("lp_loop".to_owned(), "10.0.0.7".parse().unwrap());
    let note = Note {
        at: now,
        node: NodeId::new("test"),
        who: Who::Client { name: key.clone(), key, address },
        credential: Some(credential(KEPT)),
        deed: Deed { count: 4000, ..Deed::new(Action::TokenRead) },
    };
    house.registry.store().note(&[note]).await.unwrap();
    let admin = house.admin().await;
    let viewer = house.key_with(&[Right::StatusRead], Accounts::All, |_| {}).await;
    let some = house.key_with(&[Right::TokenRotate, Right::StatusRead], only(KEPT), |_| {}).await;

    let tells = async |key: &str, method, tells_all, tells_house| {
        let said = house.call(key, method, "/v1/doctor", "").await;
        assert!(said.status == 200 && said.body.contains("4000 times"), "{}", said.body);
        assert_eq!(said.body.contains("lp_loop calls from 10.0.0.7."), tells_all, "{}", said.body);
        assert_eq!(said.body.contains("10.0.0.7"), tells_all, "{}", said.body);
        assert_eq!(said.body.contains(r#""check":"store""#), tells_house, "{}", said.body);
    };
    tells(&admin, "POST", true, true).await;
    tells(&viewer, "GET", false, true).await;
    tells(&some, "POST", false, false).await;
    // What it found is remembered of its account only.
    tells(&admin, "GET", true, true).await;
    tells(&some, "GET", false, false).await;
}

#[tokio::test]
async fn whoever_looks_at_some_accounts_replaces_what_was_found_of_those_and_sees_no_other() {
    let (house, _) = house().await;
    for account in [KEPT, OTHER] {
        let now = house.clock.now().wall;
        let account = Account::new(account.parse().unwrap(), Secret::from("s"), now);
        house.directory.put_account(&account, None).await.unwrap();
    }
    let admin = house.admin().await;
    let some = house.key_with(&[Right::TokenRotate, Right::StatusRead], only(KEPT), |_| {}).await;
    let last =
        async |key: &str| house.call(key, "GET", "/v1/doctor", "").await.json["last"].clone();
    let of = |last: &Value| {
        let found = last["findings"].as_array().unwrap().iter();
        let text = |it: &Value| it.as_str().unwrap_or("the house").to_owned();
        found.map(|it| (text(&it["account"]), text(&it["at"]))).collect::<BTreeSet<_>>()
    };

    assert_eq!(house.call(&admin, "POST", "/v1/doctor", "").await.status, 200);
    let (first, mine) = (last(&admin).await, last(&some).await);
    assert_eq!(of(&first).len(), 3, "the house and two accounts: {first}");
    assert_eq!((of(&mine).len(), &mine["account"]), (1, &Value::from(KEPT)), "{mine}");
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(house.call(&some, "POST", "/v1/doctor", "").await.status, 200);
    let second = last(&admin).await;
    assert_eq!(of(&second).len(), 3);
    assert_ne!(second["at"], first["at"]);
    let (first, again) = (of(&first), of(&second));
    let unchanged: Vec<_> = first.intersection(&again).map(|(of, _)| of.as_str()).collect();
    assert_eq!(unchanged, ["the house", OTHER]);
    assert!(second.get("account").is_none(), "{second}");
}

#[tokio::test]
async fn whoever_hangs_up_keeps_nobody_waiting() {
    let (house, program) = house().await;
    let admin = bearer(&house.admin().await);
    for accept in ["application/json", "text/event-stream"] {
        program.hangs.store(true, Ordering::SeqCst);
        let mut stream = house.connect().await;
        let request = format!(
            "POST /v1/doctor HTTP/1.1\r\nHost: x\r\nAuthorization: {admin}\r\nAccept: {accept}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        timeout(PATIENCE, program.looks.notified()).await.unwrap();
        drop(stream);
        let headers = [("Authorization", admin.as_str())];
        let next = house.ask("POST", "/v1/doctor", &headers, "");
        assert_eq!(timeout(PATIENCE, next).await.expect(accept).status, 200);
    }
}
