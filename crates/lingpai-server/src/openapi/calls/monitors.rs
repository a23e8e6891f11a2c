//! What monitors and tools ask for.

use lingpai_core::client::Right;
use serde_json::json;

use crate::metrics;
use crate::openapi::operation::{Operation, in_query};
use crate::openapi::words::words;

pub(super) fn calls() -> Vec<Operation> {
    let most =
        json!({"type": "integer", "minimum": 0, "maximum": u32::MAX, "default": metrics::USUAL});
    vec![
        Operation::new(
            ("get", "/healthz"),
            "healthz",
            &words("Tells whether the server runs.", "服务是否在运行。"),
        )
        .answers(200, "Health")
        .never_refused(),
        Operation::new(
            ("get", "/readyz"),
            "readyz",
            &words("Tells whether clients should be sent here.", "是否应把客户端的请求发到这里。"),
        )
        .noted("For load balancers. It names no account.", "供负载均衡使用，不涉及具体账号。")
        .answers(200, "Readiness")
        .answers(503, "Readiness")
        .never_refused(),
        Operation::new(
            ("get", "/metrics"),
            "metrics",
            &words("Gives numbers for Prometheus.", "供 Prometheus 抓取的指标。"),
        )
        .needs_all(Right::StatusRead)
        .takes([in_query(
            "credentials",
            &most,
            &words(
                "Of how many single credentials it tells, those in trouble first; 20,000 at most, 0 for none.",
                "列出多少个单个凭据的指标，有问题的在前；最多 20000，0 为不列。",
            ),
        )])
        .answers_as(200, metrics::TEXT, &json!({"type": "string"})),
        Operation::new(
            ("get", "/v1/nodes"),
            "listNodes",
            &words("Lists the nodes that share the store.", "列出共用存储的节点。"),
        )
        .needs_all(Right::StatusRead)
        .answers(200, "Nodes"),
        Operation::new(
            ("get", "/openapi.json"),
            "openapi",
            &words("Gives this description, for programs.", "机器可读的接口描述。"),
        )
        .noted(
            "Its texts are in Chinese if `Accept-Language` wants that.",
            "其中的文字按 `Accept-Language` 使用英文或中文。",
        )
        .answers_this(200, &json!({"type": "object"}))
        .never_refused(),
    ]
}
