//! An upstream that is down, slow, hanging or lying: the token is served to its end, and errors say what is wrong.

use std::time::Duration;

use lingpai_core::{Class, Mode};
use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Fault, FaultKind, When};
use serde_json::json;
use tokio::time::sleep;

use crate::stand::{HOUR, MINUTE, Stand};

/// Everything that can be wrong with the answer to a fetch, and a word that the error must say.
fn lies() -> Vec<(FaultKind, &'static str)> {
    vec![
        (FaultKind::Hang { when: When::Before }, "no answer"),
        (FaultKind::Hang { when: When::After }, "no answer"),
        (FaultKind::Cut { when: When::Before }, "cut"),
        (FaultKind::Cut { when: When::After }, "cut"),
        (FaultKind::CutBody, "cut"),
        (FaultKind::TruncatedJson, "JSON"),
        (FaultKind::Garbage, "JSON"),
        (FaultKind::Html, "web page"),
        (FaultKind::Status { status: 502, body: String::new() }, "502"),
        (FaultKind::Status { status: 412, body: String::new() }, "412"),
        (FaultKind::Errcode { errcode: -1, errmsg: None }, "system error"),
        (FaultKind::Errcode { errcode: 45011, errmsg: None }, "minute"),
        (FaultKind::ExpiresIn { value: json!(0) }, "expires_in"),
        (FaultKind::ExpiresIn { value: json!(-7200) }, "expires_in"),
        (FaultKind::ExpiresIn { value: json!(1e18) }, "expires_in"),
        (FaultKind::ExpiresIn { value: json!("soon") }, "expires_in"),
        (FaultKind::ExpiresIn { value: json!(null) }, "expires_in"),
    ]
}

#[tokio::test(start_paused = true)]
async fn whatever_upstream_answers_the_token_is_served_and_the_error_says_what_is_wrong() {
    for mode in [Mode::Stable, Mode::Classic] {
        for (lie, word) in lies() {
            let stand = Stand::new(mode).await;
            stand.keeper.fresh().await.unwrap();
            // From before the renewal until shortly before the end of the token.
            sleep(HOUR + 45 * MINUTE).await;
            stand.wechat.with(|world, now| {
                world.fault(now, Fault::new(lie.clone()).on("*token")).unwrap();
            });
            sleep(14 * MINUTE).await;
            let failure = stand.keeper.status().failure.unwrap_or_else(|| panic!("{lie:?}: fine?"));
            let text = failure.to_string();
            assert!(text.contains(word), "{lie:?} is told as: {text}");
            assert!(!text.contains(DEMO_SECRET), "{text}");
            assert!(stand.keeper.token().is_some(), "{mode:?} {lie:?}");
            // It mends, and the next read is good again without anybody's doing.
            stand.wechat.with(|world, _| world.mend_all());
            let for_a_person = failure.class == Class::NeedsPerson;
            sleep(if for_a_person { 12 * MINUTE } else { 2 * MINUTE }).await;
            stand.read();
            let bound = if mode == Mode::Classic { 80 } else { 40 };
            let fetches = stand.wechat.fetches();
            assert!(fetches <= bound, "{mode:?} {lie:?}: {fetches} fetches");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_upstream_may_say_is_taken_as_it_is() {
    for (oddity, life) in [
        (FaultKind::ExpiresIn { value: json!("7200") }, 7200),
        (FaultKind::ExpiresIn { value: json!(7200.0) }, 7200),
        (FaultKind::TokenLength { characters: 512 }, 7200),
        (FaultKind::Latency { milliseconds: 6000 }, 7200),
    ] {
        let stand = Stand::new(Mode::Stable).await;
        stand.wechat.with(|world, now| {
            world.fault(now, Fault::new(oddity.clone()).on("*token").of(DEMO_APPID)).unwrap();
        });
        stand.keeper.fresh().await.unwrap_or_else(|error| panic!("{oddity:?}: {error}"));
        stand.read();
        let left = stand.keeper.status().expires_in.unwrap();
        assert!(left <= Duration::from_secs(life) && left > Duration::from_secs(life - 10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_flapping_upstream_makes_no_rotation() {
    let stand = Stand::new(Mode::Classic).await;
    stand.keeper.fresh().await.unwrap();
    let token = stand.read();
    stand.wechat.with(|world, now| {
        world.fault(now, Fault::new(FaultKind::Flapping).on("/cgi-bin/user/*")).unwrap();
    });
    for _ in 0..100 {
        stand.keeper.report_invalid(&token).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(stand.wechat.fetches(), 1);
    let trials = stand.wechat.with(|world, _| world.counters().calls_of("/cgi-bin/getcallbackip"));
    assert!(trials <= 4, "{trials} trials in 100 seconds");
}
