//! SDKs that can say that a token is bad only by asking for another.

use std::time::Duration;

use lingpai_core::client::Right;
use lingpai_core::event::What;
use lingpai_core::{Class, Clock, Failure, Preset, Verdict};
use lingpai_server::Limits;

use crate::house::{FakeUpstream, House, KEPT, only};

fn refusal() -> Verdict {
    Verdict::Refused(Failure::new(Class::Transient, "invalid credential"))
}

#[tokio::test]
async fn a_client_that_is_back_too_soon_after_a_revocation_is_given_a_good_token() {
    let house = House::open().await;
    house.dropin(&house.key).await;
    house.upstream.judges(refusal());
    house.clock.advance(Duration::from_secs(10));
    let reply = house.dropin(&house.key).await;
    assert_eq!(reply.text("access_token"), FakeUpstream::token(2), "{reply:?}");
    assert_eq!((house.upstream.trials(), house.upstream.calls()), (1, 2));
}

#[tokio::test]
async fn a_client_that_is_back_in_time_suspects_nothing() {
    let house = House::open().await;
    for _ in 0..5 {
        house.dropin(&house.key).await;
        house.clock.advance(Duration::from_secs(240));
    }
    assert_eq!((house.upstream.trials(), house.upstream.calls()), (0, 1));
}

#[tokio::test]
async fn a_forced_refresh_has_the_token_tried_and_does_not_cost_one() {
    let house = House::open().await;
    let body = format!(
        r#"{{"grant_type":"client_credential","appid":"{KEPT}","secret":"{}","force_refresh":true}}"#,
        house.key
    );
    let forced = || house.ask("POST", "/cgi-bin/stable_token", &[], &body);
    house.dropin(&house.key).await;
    house.clock.advance(Duration::from_secs(240));
    assert_eq!(forced().await.text("access_token"), FakeUpstream::token(1));
    assert_eq!((house.upstream.trials(), house.upstream.calls()), (1, 1));
    house.clock.advance(Duration::from_secs(240));
    house.upstream.judges(refusal());
    assert_eq!(forced().await.text("access_token"), FakeUpstream::token(2));
}

#[tokio::test]
async fn a_tight_loop_is_answered_from_memory_and_told_of() {
    let house = House::open().await;
    let mut events = house.registry.events();
    let begun = house.clock.coarse();
    for _ in 0..120 {
        for _ in 0..5 {
            let reply = house.dropin(&house.key).await;
            assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
        }
        // On a busy machine the asking itself takes seconds.
        let second = house.clock.coarse().since(begun).as_secs();
        assert!(house.upstream.trials() <= 2 * (second / 60 + 1), "in second {second}");
        house.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(house.upstream.calls(), 1);
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let What::ClientMisuse { key, asks } = &event.what {
            assert!(house.key.starts_with(key) && *key != house.key, "the id, not the key");
            assert_eq!(event.account().unwrap().as_str(), KEPT);
            told.push(*asks);
        }
    }
    assert_eq!(told, [120]);
    // And it is believed when it is right, as soon as its next report is due.
    house.clock.advance(Duration::from_secs(30));
    house.upstream.judges(refusal());
    assert_eq!(house.dropin(&house.key).await.text("access_token"), FakeUpstream::token(2));
}

#[tokio::test]
async fn a_client_that_looped_for_a_minute_and_then_behaves_is_given_a_good_token_with_its_second_ask()
 {
    let house = House::open().await;
    let begun = house.clock.coarse();
    let seconds = || house.clock.coarse().since(begun).as_secs();
    while seconds() < 65 {
        house.dropin(&house.key).await;
        house.clock.advance(Duration::from_millis(20));
    }
    assert!(house.upstream.trials() <= 2, "{}", house.upstream.trials());
    // Its token is revoked; each of its calls takes 300 ms and is refused, and it asks again.
    house.upstream.judges(refusal());
    for generation in [1, 2] {
        house.clock.advance(Duration::from_millis(300));
        let reply = house.dropin(&house.key).await;
        assert_eq!(reply.text("access_token"), FakeUpstream::token(generation), "{reply:?}");
    }
    assert_eq!(house.upstream.calls(), 2);
}

#[tokio::test]
async fn a_loop_that_goes_on_after_a_revocation_is_given_a_good_token_within_61_seconds() {
    let house = House::open().await;
    let begun = house.clock.coarse();
    let seconds = || house.clock.coarse().since(begun).as_secs();
    while seconds() < 10 {
        house.dropin(&house.key).await;
        house.clock.advance(Duration::from_millis(20));
    }
    house.upstream.judges(refusal());
    while house.dropin(&house.key).await.text("access_token") == FakeUpstream::token(1) {
        assert!(seconds() <= 62, "second {}", seconds());
        house.clock.advance(Duration::from_millis(20));
    }
    assert_eq!((house.upstream.trials(), house.upstream.calls()), (2, 2));
}

#[tokio::test]
async fn a_key_that_may_not_report_has_nothing_tried() {
    let house = House::open().await;
    let reader = house.directory.add_key(&[Right::TokenRead], only(KEPT)).await;
    for _ in 0..5 {
        let reply = house.dropin(&reader).await;
        assert_eq!(reply.text("access_token"), FakeUpstream::token(1));
    }
    assert_eq!(house.upstream.trials(), 0);
}

#[tokio::test]
async fn a_trial_that_takes_long_costs_the_client_nothing() {
    let token_wait = Duration::from_millis(50);
    let house = House::with_limits(Limits { token_wait, ..Limits::default() }).await;
    house.dropin(&house.key).await;
    house.upstream.hang();
    let reply = house.dropin(&house.key).await;
    assert_eq!(reply.text("access_token"), FakeUpstream::token(1), "what we have");
    assert_eq!(house.upstream.trials(), 1);
}

#[tokio::test]
async fn a_preset_states_the_life_that_its_sdk_makes_four_minutes_of() {
    let house = House::open().await;
    for (preset, stated) in [
        (Preset::Default, 240),
        (Preset::Easywechat, 240),
        (Preset::EasywechatAuthorizer, 740),
        (Preset::SilenceperClassic, 1740),
        (Preset::SilenceperStable, 540),
        (Preset::Wechatpy, 300),
        (Preset::WxjavaMemory, 440),
    ] {
        let key = house.directory.add_key_with(&[Right::TokenRead], only(KEPT), |key| {
            key.preset = preset;
        });
        let key = key.await;
        house.clock.advance(Duration::from_secs(1));
        let reply = house.dropin(&key).await;
        assert_eq!(reply.json["expires_in"], stated, "{preset:?}");
    }
}
