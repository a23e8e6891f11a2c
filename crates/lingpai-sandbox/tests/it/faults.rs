//! What goes wrong by name, and whether the call had its effect.

use std::time::Duration;

use lingpai_sandbox::{Act, DEMO_APPID, Fault, FaultKind, When};
use serde_json::{Value, json};

use crate::sky::{
    CLASSIC, MINI, STABLE, Sky, classic_uri, code, parsed, request, stable_body, text, token,
};

fn stable_request() -> http::Request<bytes::Bytes> {
    request("POST", STABLE, &stable_body(false).to_string())
}

#[test]
fn a_fault_meets_so_many_calls_and_no_more() {
    let mut sky = Sky::new();
    sky.fault(Fault::new(FaultKind::Errcode { errcode: -1, errmsg: None }).times(2));
    for _ in 0..2 {
        let answer = sky.stable();
        assert_eq!((code(&answer), text(&answer)), (-1, "system error"));
    }
    token(&sky.stable());
    let tally = &sky.counters().paths[STABLE];
    assert_eq!((tally.calls, tally.outcomes["-1"], tally.outcomes["0"]), (3, 2, 1));
}

#[test]
fn a_fault_lasts_so_long_in_real_time_whatever_the_speed() {
    let mut sky = Sky::new();
    sky.world.set_speed(sky.now, 120.0).unwrap();
    let outage = FaultKind::Status { status: 502, body: String::new() };
    sky.fault(Fault::new(outage).lasting(Duration::from_secs(5)));
    sky.pass_f64(4.9);
    assert_eq!(sky.answer(&stable_request()).status(), 502);
    sky.pass_f64(0.1);
    token(&sky.stable());
}

#[test]
fn a_fault_keeps_to_its_path_and_app() {
    let mut sky = Sky::with_mini_program();
    let secret = sky.world.secret(MINI).unwrap().expose().to_owned();
    let refusal = FaultKind::Errcode { errcode: 45011, errmsg: Some("slower".to_owned()) };
    sky.fault(Fault::new(refusal).on("*/token").of(DEMO_APPID));
    token(&sky.stable());
    assert_eq!(text(&sky.classic()), "slower");
    token(&sky.get(&classic_uri(MINI, &secret)));
}

#[test]
fn latencies_add_up_and_leave_room_for_another_fault() {
    let mut sky = Sky::new();
    for milliseconds in [200, 300] {
        sky.fault(Fault::new(FaultKind::Latency { milliseconds }));
    }
    sky.fault_once(FaultKind::Html);
    let reply = sky.call(&stable_request());
    assert_eq!(reply.delay, Duration::from_millis(500));
    assert!(matches!(reply.act, Act::Answer(page) if page.body().starts_with(b"<html>")));
}

#[test]
fn hang_and_cut_before_the_call_have_no_effect_and_after_it_mint() {
    for (when, minted) in [(When::Before, 0), (When::After, 1)] {
        let mut sky = Sky::new();
        sky.fault_once(FaultKind::Hang { when });
        assert!(matches!(sky.call(&stable_request()).act, Act::Hang));
        assert_eq!(sky.counters().minted.stable, minted);

        let mut sky = Sky::new();
        sky.fault_once(FaultKind::Cut { when });
        assert!(matches!(sky.call(&stable_request()).act, Act::Cut));
        assert_eq!(sky.counters().minted.stable, minted);
        assert_eq!(sky.counters().paths[STABLE].outcomes["cut"], 1);
    }
}

#[test]
fn a_cut_body_states_more_than_it_gives() {
    let mut sky = Sky::new();
    sky.fault_once(FaultKind::CutBody);
    match sky.call(&stable_request()).act {
        Act::Stream { response, stated, sent } => {
            assert_eq!(stated, response.body().len() as u64);
            assert!(0 < sent && sent < stated);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn garbage_html_and_half_json_are_no_json() {
    for kind in [FaultKind::Garbage, FaultKind::Html, FaultKind::TruncatedJson] {
        let mut sky = Sky::new();
        sky.fault_once(kind.clone());
        let answer = sky.answer(&stable_request());
        assert_eq!(answer.status(), 200);
        assert!(!answer.body().is_empty());
        assert!(serde_json::from_slice::<Value>(answer.body()).is_err(), "{kind:?}");
    }
}

#[test]
fn expires_in_can_be_any_lie_and_the_token_is_good() {
    for lie in [json!(0), json!(-1), json!(u64::MAX), json!("7200"), json!(null), json!(1.5)] {
        let mut sky = Sky::new();
        sky.fault_once(FaultKind::ExpiresIn { value: lie.clone() });
        let answer = sky.stable();
        assert_eq!(answer["expires_in"], lie);
        assert_eq!(sky.tried(&token(&answer)), 0);
    }
}

#[test]
fn a_token_of_512_characters_is_good() {
    let mut sky = Sky::new();
    sky.fault_once(FaultKind::TokenLength { characters: 512 });
    let long = token(&sky.classic());
    assert_eq!((long.len(), sky.tried(&long)), (512, 0));
}

#[test]
fn a_flapping_token_is_refused_every_other_time_but_tokens_are_still_given() {
    let mut sky = Sky::new();
    sky.fault(Fault::new(FaultKind::Flapping));
    let good = token(&sky.stable());
    let codes: Vec<_> = (0..4).map(|_| sky.tried(&good)).collect();
    assert_eq!(codes, [40001, 0, 40001, 0]);
}

#[test]
fn faults_can_be_listed_and_mended() {
    let mut sky = Sky::new();
    let id = sky.world.fault(sky.now, Fault::new(FaultKind::Garbage)).unwrap();
    assert_eq!(sky.world.faults(sky.now).len(), 1);
    assert!(sky.world.mend(id));
    assert!(!sky.world.mend(id));
    token(&sky.stable());
    sky.fault(Fault::new(FaultKind::Garbage));
    sky.world.mend_all();
    token(&sky.stable());
}

#[test]
fn senseless_figures_are_refused() {
    let mut sky = Sky::new();
    for kind in [
        FaultKind::Status { status: 99, body: String::new() },
        FaultKind::Status { status: 101, body: String::new() },
        FaultKind::TokenLength { characters: 0 },
        FaultKind::TokenLength { characters: usize::MAX },
    ] {
        assert!(sky.world.fault(sky.now, Fault::new(kind)).is_err());
    }
}

#[test]
fn the_control_api_is_never_struck() {
    let mut sky = Sky::new();
    sky.fault(Fault::new(FaultKind::Cut { when: When::Before }));
    let answer = sky.answer(&request("GET", "/__sandbox/counters", ""));
    assert_eq!(parsed(&answer)["calls"], 0);
    assert!(matches!(sky.call(&request("GET", CLASSIC, "")).act, Act::Cut));
}
