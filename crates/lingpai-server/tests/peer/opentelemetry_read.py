"""A request for traces on standard input, as the schema of OpenTelemetry reads it. What it does not know is a failure."""

import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

body = sys.stdin.buffer.read()
request = ExportTraceServiceRequest()
if sys.argv[1] == "json":
    # In OTLP's JSON ids are hexadecimal, where Protocol buffers' own JSON has base64: taken out before, they are texts.
    import base64
    import json

    def as_base64(value):
        if isinstance(value, dict):
            return {
                key: base64.b64encode(bytes.fromhex(one)).decode() if key in ("traceId", "spanId", "parentSpanId") else as_base64(one)
                for key, one in value.items()
            }
        return [as_base64(one) for one in value] if isinstance(value, list) else value

    json_format.ParseDict(as_base64(json.loads(body)), request, ignore_unknown_fields=False)
else:
    assert request.ParseFromString(body) == len(body)

def unknown(message):
    from google.protobuf.unknown_fields import UnknownFieldSet

    assert len(UnknownFieldSet(message)) == 0, message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if field.is_repeated else [value]:
                unknown(one)

unknown(request)
for resource in request.resource_spans:
    for scope in resource.scope_spans:
        for span in scope.spans:
            assert len(span.trace_id) == 16 and len(span.span_id) == 8, span
            assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano, span
print(json_format.MessageToJson(request))
