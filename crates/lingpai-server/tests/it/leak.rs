//! What is done about a leaked token: said beforehand, and then carried out.

use std::time::Duration;

use lingpai_core::client::{Accounts, Right};
use lingpai_core::event::What;
use lingpai_server::gateway;

use crate::house::{FakeUpstream, House, KEPT, PATIENCE, credential};

const ROTATE: &str = "/v1/accounts/wx00000000000000a1/token/rotate";

#[tokio::test]
async fn a_dry_run_says_what_it_would_break_and_does_nothing() {
    let house = House::with_gateway(gateway::Settings::default()).await;
    let operator = house.key_with(&[Right::TokenRotate], Accounts::All, |_| {}).await;
    house.get(&format!("/v1/accounts/{KEPT}/token")).await;
    let body = r#"{"compromised": true, "dry_run": true}"#;
    let said = house.call(&operator, "POST", ROTATE, body).await;
    assert_eq!((said.status, said.text("outcome")), (200, "planned"));
    let breaks = said.json["breaks"].to_string();
    for word in ["40001", "four minutes", "virtual tokens notice nothing"] {
        assert!(breaks.contains(word), "{breaks}");
    }
    assert_eq!(house.upstream.calls(), 1);
    for nonsense in [r#"{"compromise": true}"#, "{"] {
        let refused = house.call(&operator, "POST", ROTATE, nonsense).await;
        assert_eq!((refused.status, refused.error()), (400, "body-wrong"));
    }
}

#[tokio::test]
async fn two_new_tokens_half_a_minute_apart_end_the_one_that_leaked() {
    let house = House::open().await;
    let operator = house.key_with(&[Right::TokenRotate], Accounts::All, |_| {}).await;
    house.get(&format!("/v1/accounts/{KEPT}/token")).await;
    let begun = house.call(&operator, "POST", ROTATE, r#"{"compromised": true}"#).await;
    assert_eq!((begun.status, begun.text("outcome")), (202, "begun"));
    let keeper = house.registry.get(&credential(KEPT)).unwrap();
    drop(keeper.later_than(lingpai_core::Generation(1)).await);
    assert_eq!((house.upstream.calls(), keeper.status().compromised), (2, 1));
    house.clock.advance(Duration::from_secs(30));
    // The scheduler sleeps on a clock that was not set forwards; any fact wakes the keeper.
    keeper.quota_cleared();
    let good = keeper.later_than(lingpai_core::Generation(2)).await;
    assert_eq!(good.value.expose(), FakeUpstream::token(3));
    assert_eq!(keeper.status().compromised, 0);
    house.events_are_stored().await;
    let history = house.call(&house.admin().await, "GET", "/v1/events/history", "").await;
    assert!(history.body.contains("compromise-ended"), "{history:?}");
}

#[tokio::test]
async fn nobody_without_the_right_ends_tokens() {
    let house = House::open().await;
    let reply = house.call(&house.key, "POST", ROTATE, r#"{"compromised": true}"#).await;
    assert_eq!((reply.status, reply.error()), (403, "right-missing"));
}

#[tokio::test]
async fn what_a_server_began_and_did_not_end_goes_on_in_the_next_one() {
    let ended = What::CompromiseEnded { generation: lingpai_core::Generation(3) };
    let two_hours = Duration::from_hours(2);
    for (happened, passed, goes_on) in [
        (vec![What::Compromised], Duration::from_secs(60), true),
        (vec![What::Compromised, ended.clone()], Duration::from_secs(60), false),
        (vec![What::Compromised, ended, What::Compromised], Duration::from_secs(60), true),
        (vec![What::Compromised], two_hours, false),
        (vec![], Duration::from_secs(60), false),
    ] {
        let house = House::open().await;
        house.get(&format!("/v1/accounts/{KEPT}/token")).await;
        for what in &happened {
            house.registry.tell(Some(credential(KEPT)), what.clone());
        }
        house.events_are_stored().await;
        house.clock.advance(passed);
        let keeper = house.registry.get(&credential(KEPT)).unwrap();
        let bound = house.second_server().bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let addr = bound.local_addr();
        tokio::select! {
            () = bound.serve(std::future::pending()) => {}
            () = async {
                House::ask_at(addr, "/healthz").await;
                if goes_on {
                    let later = keeper.later_than(lingpai_core::Generation(1));
                    tokio::time::timeout(PATIENCE, later).await.unwrap();
                }
            } => {}
        }
        assert_eq!(keeper.status().compromised > 0, goes_on, "{happened:?}");
    }
}
