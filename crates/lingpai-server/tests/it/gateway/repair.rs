//! What is done about answers that blame the token.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use lingpai_core::event::What;
use lingpai_core::{Class, Failure, Verdict};

use super::stand_in::{Plan, Seen};
use super::{Forwarding, OK, REFUSED, refusal, takes_only};
use crate::house::{FakeUpstream, KEPT, credential};

/// Forwards to an upstream that has revoked the first token.
async fn revoked() -> Forwarding {
    let live = Arc::new(AtomicU64::new(2));
    let it = Forwarding::to(takes_only(&live)).await;
    it.house.upstream.judges(refusal());
    it
}

#[tokio::test]
async fn a_refused_call_is_sent_once_more_with_a_new_token_and_the_client_sees_that_answer_only() {
    let it = revoked().await;
    let answer = it.call("POST", "/cgi-bin/x?a=%20", b"{\"b\":1}").await;
    assert_eq!(answer.text(), OK);
    assert_eq!(answer.header("x-lingpai-replay"), Some("done"));
    assert_eq!((it.house.upstream.calls(), it.house.upstream.trials()), (2, 1));
    let seen = it.wechat.seen();
    let tokens: Vec<_> = seen.iter().map(|seen| seen.token().unwrap().to_owned()).collect();
    assert_eq!(tokens, [FakeUpstream::token(1), FakeUpstream::token(2)]);
    assert!(seen.iter().all(|seen| seen.body == b"{\"b\":1}"));
    assert_eq!(it.metric("lingpai_gateway_repairs_total{outcome=\"mended\"}").await, 1);
}

#[tokio::test]
async fn a_refusal_is_known_however_it_is_written() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(REFUSED.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        &REFUSED[..5],
        REFUSED.len() - 5,
        &REFUSED[5..]
    );
    let until_close = format!("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n {REFUSED}");
    let expired = REFUSED.replace("40001", "42001");
    let invalid = REFUSED.replace("40001", "40014");
    for refused in
        [|| Plan::json(REFUSED), || Plan::with("Content-Type: image/jpeg\r\n", REFUSED.as_bytes())]
    {
        assert_repaired(refused).await;
    }
    assert_repaired(move || Plan::with("Content-Encoding: gzip\r\n", &gzip)).await;
    assert_repaired(move || Plan::raw(chunked.as_bytes())).await;
    assert_repaired(move || Plan::raw(until_close.as_bytes()).closing()).await;
    assert_repaired(move || Plan::json(&expired)).await;
    assert_repaired(move || Plan::json(&invalid)).await;
}

async fn assert_repaired(refused: impl Fn() -> Plan + Send + Sync + 'static) {
    let first = FakeUpstream::token(1);
    let script = move |seen: &Seen| {
        if seen.token() == Some(first.as_str()) { refused() } else { Plan::json(OK) }
    };
    let it = Forwarding::to(script).await;
    it.house.upstream.judges(refusal());
    assert_eq!(it.get("/cgi-bin/x").await.text(), OK);
}

#[tokio::test]
async fn what_is_no_refusal_of_the_token_is_passed_on_and_believed() {
    for (path, text) in [
        ("/cgi-bin/x", r#"{"data":{"errcode":40001}}"#),
        ("/cgi-bin/x", r#"{"errcode":"40001"}"#),
        ("/cgi-bin/x", r#"{"errcode":40001"#),
        ("/cgi-bin/x", r#"[{"errcode":40001}]"#),
        ("/cgi-bin/x", r#"{"errcode":48001,"errmsg":"api unauthorized"}"#),
        ("/cgi-bin/x", r#"{"errcode":-1,"errmsg":"system error"}"#),
        ("/qyapi/cgi-bin/x", REFUSED),
    ] {
        let it = Forwarding::to(move |_| Plan::json(text)).await;
        assert_eq!(it.get(path).await.text(), text);
        assert_eq!((it.wechat.seen().len(), it.house.upstream.trials()), (1, 0), "{path} {text}");
    }
}

#[tokio::test]
async fn a_users_token_passes_untouched_and_its_refusal_rotates_nothing() {
    let it = Forwarding::to(|_| Plan::json(REFUSED)).await;
    let target = "/sns/userinfo?access_token=OezXcEiiBSK%53&openid=o1";
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(it.exchange(request.as_bytes()).await.text(), REFUSED);
    assert_eq!(it.wechat.only().target(), target);
    assert_eq!((it.house.upstream.calls(), it.house.upstream.trials()), (0, 0));
}

#[tokio::test]
async fn however_many_clients_are_refused_at_once_one_token_is_fetched() {
    let it = Arc::new(revoked().await);
    let calls: Vec<_> = (0..50)
        .map(|n| {
            let it = Arc::clone(&it);
            tokio::spawn(async move { it.get(&format!("/cgi-bin/{n}")).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().text(), OK);
    }
    assert_eq!((it.house.upstream.calls(), it.house.upstream.trials()), (2, 1));
}

#[tokio::test]
async fn revocations_that_follow_each_other_at_once_are_each_repaired_by_one_fetch() {
    let live = Arc::new(AtomicU64::new(1));
    let it = Forwarding::to(takes_only(&live)).await;
    assert_eq!(it.get("/cgi-bin/x").await.text(), OK);
    it.house.upstream.judges(refusal());
    for revocation in 2..30 {
        live.store(revocation, Ordering::SeqCst);
        for _ in 0..3 {
            assert_eq!(it.get("/cgi-bin/x").await.text(), OK, "{revocation}");
        }
        assert_eq!(it.house.upstream.calls(), revocation);
    }
}

#[tokio::test]
async fn a_token_that_was_replaced_meanwhile_is_not_tried() {
    let live = Arc::new(AtomicU64::new(2));
    let it = Arc::new(Forwarding::to(takes_only(&live)).await);
    let keeper = it.house.registry.get(&credential(KEPT)).unwrap();
    // The house forces no refresh, so the rotation is one that a report has caused.
    it.house.upstream.judges(refusal());
    assert_eq!(it.get("/cgi-bin/x").await.text(), OK);
    let trials = it.house.upstream.trials();
    let reported = keeper.report_invalid(&FakeUpstream::token(1)).await.unwrap();
    assert_eq!(reported.token.value.expose(), FakeUpstream::token(2));
    assert_eq!(it.house.upstream.trials(), trials);
}

#[tokio::test]
async fn an_api_that_always_refuses_costs_no_rotation_and_few_trials_and_an_endless_repetition_ends()
 {
    let it = Forwarding::to(|_| Plan::json(REFUSED)).await;
    let mut events = it.house.registry.events();
    for n in 0..20 {
        let answer = it.get("/cgi-bin/forbidden").await;
        assert_eq!((answer.text(), answer.header("x-lingpai-replay")), (REFUSED, None), "{n}");
    }
    assert_eq!((it.house.upstream.calls(), it.house.upstream.trials()), (1, 1));
    for _ in 0..10 {
        assert_eq!(it.get("/cgi-bin/forbidden").await.error(), "looping");
    }
    assert_eq!(it.wechat.seen().len(), 20);
    assert_eq!(it.get("/cgi-bin/other").await.text(), REFUSED, "another path is another matter");

    let told = std::iter::from_fn(|| events.try_recv().ok());
    let told: Vec<_> = told
        .filter_map(|event| match &event.what {
            What::CallsRefused { key, path, errcode, refusals, cause } => {
                assert!(key.is_some() && !cause.is_empty());
                Some((path.clone(), *errcode, *refusals))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, [("/cgi-bin/forbidden".to_owned(), 40001, 3)]);

    it.house.clock.advance(Duration::from_mins(1));
    assert_eq!(it.get("/cgi-bin/forbidden").await.text(), REFUSED);
    assert_eq!(it.house.upstream.calls(), 1, "no rotation");
}

#[tokio::test]
async fn if_no_better_token_can_be_had_the_first_answer_is_the_answer() {
    let it = revoked().await;
    assert_eq!(it.house.get(&format!("/v1/accounts/{KEPT}/token")).await.status, 200);
    it.house.upstream.fails_with(Failure::new(Class::NeedsPerson, "the secret is wrong"));
    let answer = it.get("/cgi-bin/x").await;
    assert_eq!((answer.text(), answer.header("x-lingpai-replay")), (REFUSED, None));
    for _ in 0..25 {
        // A token that cannot be replaced is not the client's fault.
        assert_ne!(it.get("/cgi-bin/x").await.header("x-lingpai-error"), Some("looping"));
    }

    let it = revoked().await;
    let unknown = Verdict::Inconclusive(Failure::new(Class::Transient, "busy"));
    it.house.upstream.judges(unknown);
    assert_eq!(it.get("/cgi-bin/x").await.text(), REFUSED);
    assert_eq!((it.wechat.seen().len(), it.house.upstream.calls()), (1, 1));
}

#[tokio::test]
async fn a_repair_that_takes_too_long_is_not_waited_for() {
    let live = Arc::new(AtomicU64::new(2));
    let script = takes_only(&live);
    let it = Forwarding::with(script, |settings, _| {
        settings.repair_deadline = Duration::from_millis(20);
    })
    .await;
    assert_eq!(it.house.get(&format!("/v1/accounts/{KEPT}/token")).await.status, 200);
    it.house.upstream.judges(refusal());
    it.house.upstream.hang();
    assert_eq!(it.get("/cgi-bin/x").await.text(), REFUSED);
    // It goes on for those who come next.
    it.house.upstream.go_on();
    let keeper = it.house.registry.get(&credential(KEPT)).unwrap();
    keeper.later_than(lingpai_core::Generation(1)).await;
    assert_eq!(it.get("/cgi-bin/x").await.text(), OK);
}

#[tokio::test]
async fn the_second_answer_is_the_last_whatever_it_says() {
    let it = Forwarding::to(|_| Plan::json(REFUSED)).await;
    it.house.upstream.judges(refusal());
    let answer = it.get("/cgi-bin/x").await;
    assert_eq!((answer.text(), answer.header("x-lingpai-replay")), (REFUSED, Some("done")));
    assert_eq!(it.wechat.seen().len(), 2);
}

#[tokio::test]
async fn both_sendings_together_have_one_deadline() {
    let first = FakeUpstream::token(1);
    let script = move |seen: &Seen| {
        let refused = seen.token() == Some(first.as_str());
        if refused { Plan::json(REFUSED) } else { Plan::raw("").hanging() }
    };
    let change = |settings: &mut lingpai_server::gateway::Settings, _: &mut _| {
        settings.deadline = Duration::from_millis(100);
    };
    let it = Forwarding::with(script, change).await;
    it.house.upstream.judges(refusal());
    assert_eq!(it.get("/cgi-bin/x").await.error(), "upstream-slow");
    assert_eq!(it.wechat.seen().len(), 2);
}

#[tokio::test]
async fn a_second_sending_that_brings_no_answer_is_not_covered_up_by_the_first() {
    let first = FakeUpstream::token(1);
    let script = move |seen: &Seen| {
        if seen.token() == Some(first.as_str()) {
            Plan::json(REFUSED)
        } else {
            Plan::raw("").closing()
        }
    };
    let it = Forwarding::to(script).await;
    it.house.upstream.judges(refusal());
    let answer = it.get("/cgi-bin/message/custom/send").await;
    assert_eq!(answer.error(), "upstream-lost", "40001 would have the SDK send the message again");
    assert_eq!(it.wechat.seen().len(), 2);
}
