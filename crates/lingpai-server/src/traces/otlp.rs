//! OTLP: spans as `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`, in JSON and in Protocol buffers.
//!
//! The numbers of the fields are those of opentelemetry-proto 1.x, `trace/v1/trace.proto`, `common/v1/common.proto` and
//! `resource/v1/resource.proto`, which are stable. In JSON, numbers of 64 bits are texts and ids are hexadecimal, as the
//! specification of OTLP/HTTP says.

use lingpai_core::span::{Ended, Sort, Value};
use serde_json::json;

/// The service whose spans they are.
pub(super) struct Resource {
    pub(super) service: String,
    pub(super) node: String,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What has made the spans.
const SCOPE: &str = "lingpai";
/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

impl Resource {
    fn attributes(&self) -> [(&'static str, Value); 3] {
        [
            ("service.name", self.service.clone().into()),
            ("service.instance.id", self.node.clone().into()),
            ("service.version", VERSION.into()),
        ]
    }
}

/// `SpanKind`.
const fn kind(sort: Sort) -> u64 {
    match sort {
        Sort::Internal => 1,
        Sort::Server => 2,
        Sort::Client => 3,
    }
}

/// In JSON.
pub(super) fn json(resource: &Resource, spans: &[Ended]) -> Vec<u8> {
    let value = |value: &Value| match value {
        Value::Text(text) => json!({"stringValue": text}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Flag(flag) => json!({"boolValue": flag}),
    };
    let attributes = |all: &[(&'static str, Value)]| -> Vec<_> {
        all.iter().map(|(key, it)| json!({"key": key, "value": value(it)})).collect()
    };
    let span = |span: &Ended| {
        let mut shown = json!({
            "traceId": format!("{:032x}", span.context.trace),
            "spanId": format!("{:016x}", span.context.span),
            "name": span.name,
            "kind": kind(span.sort),
            "startTimeUnixNano": span.begun.to_string(),
            "endTimeUnixNano": span.ended.to_string(),
            "attributes": attributes(&span.attributes),
        });
        if let Some(parent) = span.parent {
            shown["parentSpanId"] = format!("{parent:016x}").into();
        }
        if let Some(why) = &span.failure {
            shown["status"] = json!({"code": ERROR, "message": why});
        }
        shown
    };
    let spans: Vec<_> = spans.iter().map(span).collect();
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&resource.attributes())},
        "scopeSpans": [{"scope": {"name": SCOPE, "version": VERSION}, "spans": spans}],
    }]});
    request.to_string().into_bytes()
}

/// In Protocol buffers.
pub(super) fn protobuf(resource: &Resource, spans: &[Ended]) -> Vec<u8> {
    let mut of_scope = Message::default();
    of_scope.message(1, Message::default().text(1, SCOPE).text(2, VERSION));
    for span in spans {
        let mut message = Message::default();
        message
            .bytes(1, &span.context.trace.to_be_bytes())
            .bytes(2, &span.context.span.to_be_bytes());
        if let Some(parent) = span.parent {
            message.bytes(4, &parent.to_be_bytes());
        }
        message.text(5, span.name).number(6, kind(span.sort));
        message.fixed(7, span.begun).fixed(8, span.ended);
        for attribute in &span.attributes {
            message.message(9, &key_value(attribute));
        }
        if let Some(why) = &span.failure {
            message.message(15, Message::default().text(2, why).number(3, ERROR));
        }
        of_scope.message(2, &message);
    }
    let mut of_resource = Message::default();
    for attribute in &resource.attributes() {
        of_resource.message(1, &key_value(attribute));
    }
    let mut whole = Message::default();
    whole.message(1, Message::default().message(1, &of_resource).message(2, &of_scope));
    whole.0
}

fn key_value((key, value): &(&'static str, Value)) -> Message {
    let mut any = Message::default();
    match value {
        Value::Text(text) => any.text(1, text),
        Value::Flag(flag) => any.number(2, u64::from(*flag)),
        Value::Number(number) => any.number(3, number.cast_unsigned()),
    };
    let mut message = Message::default();
    message.text(1, key).message(2, &any);
    message
}

/// A message of Protocol buffers that is being written: each field is its number and its wire type, and then what it holds.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn number(&mut self, field: u64, number: u64) -> &mut Self {
        self.varint(field << 3);
        self.varint(number);
        self
    }

    fn fixed(&mut self, field: u64, number: u64) -> &mut Self {
        self.varint(field << 3 | 1);
        self.0.extend(number.to_le_bytes());
        self
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn text(&mut self, field: u64, text: &str) -> &mut Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(&mut self, field: u64, message: &Self) -> &mut Self {
        self.bytes(field, &message.0)
    }
}
