//! When another host is asked, and when never; and whether a failed call can have been carried out.

use std::time::Duration;

use lingpai_core::{Class, Mode, Reached, Way};
use lingpai_wechat::protocol;
use lingpai_wechat::wire::{Deadlines, TransportError};
use tokio::net::TcpListener;

use crate::support::{InProcess, Server, closed_port, failure_of, issuer_at, start, success};

const BODY: &str = r#"{"access_token":"x","expires_in":7200}"#;

/// Short enough not to be felt, where a test cannot drive the clock of real sockets.
const SHORT: Deadlines =
    Deadlines { connect: Duration::from_millis(200), call: Duration::from_millis(400) };

#[tokio::test]
async fn a_closed_port_is_passed_over_for_the_next_host() {
    let (good, seen) = start(Server::Answers(BODY)).await;
    let issuer = issuer_at(vec![closed_port().await, good], Deadlines::default());
    issuer.issue(Way::Primary, None).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_host_that_accepts_and_then_cuts_is_not_passed_over() {
    for server in [Server::Cuts, Server::CutsMidway] {
        let (bad, asked) = start(server).await;
        let (good, seen) = start(Server::Answers(BODY)).await;
        let failure = failure_of(&issuer_at(vec![bad, good], Deadlines::default())).await;
        assert_eq!((failure.class, failure.reached), (Class::Transient, Reached::Perhaps));
        assert_eq!((asked.lock().unwrap().len(), seen.lock().unwrap().len()), (1, 0));
    }
}

#[tokio::test]
async fn a_host_that_hangs_is_given_up_at_the_deadline_and_not_passed_over() {
    let (bad, asked) = start(Server::Hangs).await;
    let (good, seen) = start(Server::Answers(BODY)).await;
    let failure = failure_of(&issuer_at(vec![bad, good], SHORT)).await;
    assert_eq!(failure.reached, Reached::Perhaps);
    assert!(failure.message.contains("no answer within 0.4 s"), "{failure}");
    assert_eq!((asked.lock().unwrap().len(), seen.lock().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn a_handshake_that_stalls_has_sent_nothing() {
    let stalled = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("https://{}", stalled.local_addr().unwrap()).parse().unwrap();
    let (good, seen) = start(Server::Answers(BODY)).await;
    let deadlines = Deadlines { call: Duration::from_secs(10), ..SHORT };
    issuer_at(vec![host, good], deadlines).issue(Way::Primary, None).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn no_host_at_all_is_a_failure_that_reached_nothing() {
    let hosts = vec![closed_port().await, closed_port().await];
    let failure = failure_of(&issuer_at(hosts, Deadlines::default())).await;
    assert_eq!((failure.class, failure.reached), (Class::Transient, Reached::No));
    assert!(failure.message.contains("(other hosts tried in vain: 1)"), "{failure}");
    assert!(failure.remedy.is_some());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (base, seen) = start(Server::Redirects).await;
    let failure = failure_of(&issuer_at(vec![base], Deadlines::default())).await;
    assert!(failure.message.contains("302"), "{failure}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let (base, _) = start(Server::Endless).await;
    let failure = failure_of(&issuer_at(vec![base], Deadlines::default())).await;
    assert_eq!(failure.reached, Reached::Perhaps);
    assert!(failure.message.contains("too long"), "{failure}");
}

#[tokio::test]
async fn the_hosts_of_wechat_are_tried_in_their_order() {
    let transport = InProcess::new(|_| Some(Err(TransportError::not_sent("no route"))));
    let failure = failure_of(&transport.issuer(Mode::Stable)).await;
    assert_eq!(transport.hosts(), protocol::HOSTS);
    assert_eq!(failure.reached, Reached::No);
    assert!(failure.message.starts_with("api.weixin.qq.com: no route"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn the_host_that_worked_last_is_asked_first_for_ten_minutes() {
    let transport = InProcess::new(|request| {
        let down = request.uri().host() == Some("api.weixin.qq.com");
        Some(if down { Err(TransportError::not_sent("no route")) } else { Ok(success()) })
    });
    let issuer = transport.issuer(Mode::Stable);
    issuer.issue(Way::Primary, None).await.unwrap();
    tokio::time::advance(Duration::from_secs(599)).await;
    issuer.issue(Way::Primary, None).await.unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    issuer.issue(Way::Primary, None).await.unwrap();
    let [api, api2, ..] = protocol::HOSTS;
    assert_eq!(transport.hosts(), [api, api2, api2, api, api2]);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_never_answers_is_given_up_at_the_deadline() {
    let transport = InProcess::new(|_| None);
    let before = tokio::time::Instant::now();
    let failure = failure_of(&transport.issuer(Mode::Classic)).await;
    assert_eq!(before.elapsed(), Deadlines::default().call);
    assert_eq!(failure.reached, Reached::Perhaps);
    assert_eq!(transport.hosts().len(), 1);
}

#[tokio::test]
async fn a_lost_request_is_not_sent_again() {
    let transport = InProcess::new(|_| Some(Err(TransportError::lost("cut"))));
    let failure = failure_of(&transport.issuer(Mode::Classic)).await;
    assert_eq!(failure.reached, Reached::Perhaps);
    assert_eq!(transport.hosts().len(), 1);
}
