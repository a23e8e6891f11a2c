//! Traces, as a collector sees them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use lingpai_core::client::Right;
use lingpai_core::{Class, Failure};
use lingpai_server::traces::{self, Protocol, Settings};
use lingpai_server::{Surface, gateway};
use lingpai_wechat::wire;
use serde_json::{Value, json};

use crate::gateway::stand_in::{Plan, Seen, StandIn};
use crate::gateway::{OK, REFUSED, refusal};
use crate::house::{House, KEPT, Reply, bearer, local, only};

/// The trace and the span of a client.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
/// What the collector wants to see.
const HEADER: &str = "hunter2";

fn settings(collector: &StandIn, protocol: Protocol) -> Settings {
    Settings {
        endpoint: collector.base(),
        protocol,
        headers: traces::headers(&format!("api-key={HEADER}")).unwrap(),
        service: "tokens".to_owned(),
        calls: 0.0,
        reads: 0.0,
        upstream: wire::Settings { hosts: vec![collector.base()], ..wire::Settings::default() },
    }
}

async fn house(wechat: &StandIn, settings: Settings) -> House {
    let mut gateway = gateway::Settings::default();
    gateway.upstream.hosts = vec![wechat.base()];
    House::on(&[(local(), Surface::Whole)], None, |server| {
        server.with_gateway(gateway).tracing(settings)
    })
    .await
}

fn not_listed() -> Failure {
    let message = "invalid ip 203.0.113.7 hush";
    Failure { code: Some(40164), ..Failure::new(Class::NeedsPerson, message) }
}

/// A call within the client's trace, and a few headers that are none of WeChat's business.
async fn call(house: &House, key: &str, path: &str, flags: &str) -> Reply {
    let parent = format!("00-{TRACE}-{SPAN}-{flags}");
    let headers = [
        ("Authorization", &*bearer(key)),
        ("traceparent", &parent),
        ("tracestate", "vendor=1"),
        ("baggage", "user=wei"),
        ("b3", "0"),
        ("X-B3-TraceId", TRACE),
        ("X-Other", "kept"),
    ];
    house.ask("GET", path, &headers, "").await
}

/// Ends the server, which sends what is left, and reads what the collector got.
async fn ended(mut house: House, collector: &StandIn) -> Vec<Value> {
    house.stop();
    house.ended().await;
    let requests = collector.seen();
    let spans = requests.iter().flat_map(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
    });
    spans.collect()
}

fn named<'a>(spans: &'a [Value], name: &str) -> Vec<&'a Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

fn attribute<'a>(span: &'a Value, name: &str) -> &'a Value {
    let all = span["attributes"].as_array();
    let found = all.into_iter().flatten().find(|attribute| attribute["key"] == name);
    found.map_or(&Value::Null, |attribute| {
        attribute["value"].as_object().unwrap().values().next().unwrap()
    })
}

#[tokio::test]
async fn a_repaired_call_and_its_rotations_are_followed_in_the_clients_trace() {
    let collector = StandIn::open(|_| Plan::json("{}")).await;
    let calls = AtomicUsize::new(0);
    let wechat = StandIn::open(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Plan::json(REFUSED),
        _ => Plan::json(OK),
    });
    let wechat = wechat.await;
    let house = house(&wechat, settings(&collector, Protocol::Json)).await;
    let key = house.key_with(&[Right::Gateway], only(KEPT), |_| {}).await;
    house.upstream.judges(refusal());
    let answer = call(&house, &key, "/cgi-bin/user/get?next_openid=hush", "01").await;
    assert_eq!((answer.status, &answer.json["errcode"]), (200, &json!(0)), "{answer:?}");
    // WeChat is told nothing of it.
    for seen in wechat.seen() {
        for name in ["traceparent", "tracestate", "baggage", "b3", "x-b3-traceid"] {
            assert_eq!(seen.header(name), None);
        }
        assert_eq!(seen.header("x-other"), Some("kept"));
    }

    let spans = ended(house, &collector).await;
    let [whole] = named(&spans, "gateway call")[..] else { panic!("{spans:?}") };
    assert_eq!((&whole["traceId"], &whole["parentSpanId"]), (&json!(TRACE), &json!(SPAN)));
    assert_eq!(whole["kind"], 2);
    assert_eq!(attribute(whole, "lingpai.account"), KEPT);
    assert_eq!(attribute(whole, "url.path"), "/cgi-bin/user/get");
    assert_eq!(attribute(whole, "http.response.status_code"), "200");
    assert_eq!(attribute(whole, "lingpai.replay"), "done");
    assert!(key.starts_with(attribute(whole, "lingpai.key").as_str().unwrap()));
    let within: Vec<_> =
        spans.iter().filter(|span| span["parentSpanId"] == whole["spanId"]).collect();
    let names: Vec<_> = within.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["token", "upstream", "repair", "upstream"]);
    assert_eq!(attribute(within[1], "wechat.errcode"), "40001");
    assert_eq!(
        (attribute(within[3], "wechat.errcode"), &within[3]["kind"]),
        (&json!("0"), &json!(3))
    );
    let nanos = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    for part in within {
        assert_eq!(part["traceId"], TRACE);
        assert!(nanos(part, "startTimeUnixNano") >= nanos(whole, "startTimeUnixNano"));
        assert!(nanos(part, "endTimeUnixNano") <= nanos(whole, "endTimeUnixNano"));
    }

    // The first fetch, and the one that mended the call: traces of their own.
    let rotations = named(&spans, "rotation");
    assert_eq!(rotations.len(), 2, "{spans:?}");
    assert_eq!(attribute(rotations[0], "lingpai.reason"), "missing");
    assert_eq!(attribute(rotations[1], "lingpai.reason"), "refused");
    assert_eq!(attribute(rotations[1], "lingpai.generation"), "2");
    for rotation in rotations {
        assert_eq!(rotation["parentSpanId"], Value::Null);
        let parts: Vec<_> =
            spans.iter().filter(|span| span["parentSpanId"] == rotation["spanId"]).collect();
        let names: Vec<_> = parts.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["claim", "fetch", "commit"]);
    }

    // No token, no key, no query; the service is named, and the collector sees its header.
    let seen = collector.seen().remove(0);
    assert_eq!(seen.header("api-key"), Some(HEADER));
    assert_eq!(
        (seen.target(), seen.header("content-type")),
        ("/v1/traces", Some("application/json"))
    );
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    let service = &body["resourceSpans"][0]["resource"]["attributes"][0];
    assert_eq!(*service, json!({"key": "service.name", "value": {"stringValue": "tokens"}}));
    let told = spans.iter().map(Value::to_string).collect::<String>();
    for secret in ["SeCrEtToKeN", &*key, "hush", HEADER] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}

#[tokio::test]
async fn reads_are_followed_as_the_client_or_the_share_says() {
    let collector = StandIn::open(|_| Plan::json("{}")).await;
    let wechat = StandIn::open(|_| Plan::json(OK)).await;
    let all = Settings { reads: 1.0, ..settings(&collector, Protocol::Json) };
    let house = house(&wechat, all).await;
    let path = format!("/v1/accounts/{KEPT}/token");
    house.get(&path).await;
    house.dropin(&house.key).await;
    let key = house.key.clone();
    call(&house, &key, &path, "00").await;
    // Who is not let in is not followed.
    call(&house, "lp_0_0", &path, "01").await;
    let spans = ended(house, &collector).await;
    let reads = named(&spans, "token read");
    assert_eq!(reads.len(), 2, "{spans:?}");
    assert_ne!(reads[0]["traceId"], reads[1]["traceId"]);
    assert!(reads.iter().all(|span| span["status"] == Value::Null));
}

#[tokio::test]
async fn what_came_to_nothing_says_why_by_name() {
    let collector = StandIn::open(|_| Plan::json("{}")).await;
    let wechat = StandIn::open(|_| Plan::json(OK)).await;
    let house = house(&wechat, settings(&collector, Protocol::Json)).await;
    house.upstream.fails_with(not_listed());
    house.dropin(&house.key).await;
    let spans = ended(house, &collector).await;
    let rotation = named(&spans, "rotation").remove(0);
    assert_eq!(rotation["status"], json!({"code": 2, "message": "needs-person"}));
    assert_eq!(attribute(named(&spans, "fetch")[0], "wechat.errcode"), "40164");
    assert!(!spans.iter().any(|span| span.to_string().contains("hush")), "{spans:?}");
}

#[tokio::test]
async fn a_collector_that_is_busy_is_tried_again_and_nobody_waits_for_it() {
    let tries = AtomicUsize::new(0);
    let collector = StandIn::open(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Plan::raw("HTTP/1.1 503 busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"),
        _ => Plan::json("{}"),
    });
    let collector = collector.await;
    let wechat = StandIn::open(|_| Plan::json(OK)).await;
    let house = house(&wechat, settings(&collector, Protocol::Json)).await;
    assert_eq!(house.dropin(&house.key).await.status, 200);
    collector.until(|collector| collector.seen().len() == 2).await;
    let bodies: Vec<_> = collector.seen().into_iter().map(|seen: Seen| seen.body).collect();
    assert_eq!(bodies[0], bodies[1]);
}

/// Both forms are what the schema of OpenTelemetry reads: that of the package `opentelemetry-proto`.
#[tokio::test]
async fn opentelemetrys_own_schema_reads_what_is_sent() {
    let mut told = Vec::new();
    for protocol in [Protocol::Protobuf, Protocol::Json] {
        let collector =
            StandIn::open(|_| Plan::raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
        let wechat = StandIn::open(|_| Plan::json(OK)).await;
        let mut house = house(&wechat, settings(&collector, protocol)).await;
        let key = house.key_with(&[Right::Gateway], only(KEPT), |_| {}).await;
        house.upstream.fails_with(not_listed());
        call(&house, &key, "/cgi-bin/user/get", "01").await;
        house.stop();
        house.ended().await;
        let seen = collector.only();
        let read = opentelemetry(protocol, &seen.body);
        let resource = read["resourceSpans"][0]["resource"]["attributes"].to_string();
        assert!(resource.contains("tokens"), "{resource}");
        let spans = read["resourceSpans"][0]["scopeSpans"][0]["spans"].clone();
        let mut spans: Vec<_> = spans
            .as_array()
            .unwrap()
            .iter()
            .map(|span| {
                let code = &span["status"]["code"];
                let errcode = attribute(span, "wechat.errcode");
                format!("{} {} {code} {errcode}", span["name"], span["kind"])
            })
            .collect();
        spans.sort();
        told.push(spans);
    }
    assert_eq!(told[0], told[1]);
    let failed = "\"rotation\" \"SPAN_KIND_INTERNAL\" \"STATUS_CODE_ERROR\" \"40164\"";
    assert!(told[0].iter().any(|span| span == failed), "{told:?}");
}

/// What OpenTelemetry's own schema reads in a body.
fn opentelemetry(protocol: Protocol, body: &[u8]) -> Value {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools");
    let python = tools.join("opentelemetry/bin/python");
    assert!(python.exists(), "{} is missing: `cargo xtask test` installs it", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/opentelemetry_read.py");
    let form = if protocol == Protocol::Json { "json" } else { "protobuf" };
    let mut child = Command::new(python)
        .arg(script)
        .arg(form)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
