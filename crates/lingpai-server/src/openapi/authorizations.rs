//! The calls of authorisations that begin here, described.

use lingpai_core::client::Right;
use serde_json::{Map, Value, json};

use super::operation::{Operation, account_name, after_name, in_path, in_query, limit};
use super::words::words;
use crate::authorize::{Admission, LIFE, LONGEST_LIFE, MOST, PAGE};

pub(super) fn calls() -> Vec<Operation> {
    let platform = || in_path("account", &words("The platform.", "第三方平台。"));
    let either =
        || in_path("account", &words("The platform or the suite.", "第三方平台或第三方应用。"));
    let all = "/v1/accounts/{account}/authorizers";
    let mut calls = vec![
        Operation::new(
            ("post", "/v1/accounts/{account}/authorization-links"),
            "makeAuthorizationLink",
            &words(
                "Makes a link for whoever is to authorise the platform or suite.",
                "生成授权链接，交给要授权的商家。",
            ),
        )
        .needs(Right::Platform)
        .takes([either()])
        .may_read("NewLink")
        .refuses(["no-platform", "no-randomness", "store-unavailable"])
        .answers(201, "Link"),
        Operation::new(
            ("get", all),
            "listAuthorizers",
            &words(
                "Lists those who have authorised the platform, by name.",
                "列出授权方，按名称排列。",
            ),
        )
        .needs(Right::Platform)
        .takes([platform(), limit(PAGE, PAGE), after_name()])
        .refuses(["no-platform", "store-unavailable"])
        .answers(200, "Authorizers"),
        Operation::new(
            ("post", all),
            "importAuthorizers",
            &words(
                "Takes over authorizers with the refresh tokens that another system has kept.",
                "导入其他系统保存的授权方及其刷新令牌。",
            ),
        )
        .needs(Right::Admin)
        .takes([platform()])
        .reads("NewAuthorizers")
        .refuses(["no-platform", "store-unavailable"])
        .answers(200, "AdmittedAuthorizers"),
        Operation::new(
            ("post", "/v1/accounts/{account}/authorizers/recover"),
            "recoverAuthorizers",
            &words(
                "Takes over those on one page of WeChat's own list.",
                "按微信的授权方列表恢复其中一页。",
            ),
        )
        .needs(Right::Admin)
        .takes([platform()])
        .may_read("From")
        .refuses(["no-platform", "upstream-refused", "store-unavailable"])
        .answers(200, "RecoveredAuthorizers"),
    ];
    calls.extend(of_browsers());
    calls
}

fn of_browsers() -> [Operation; 3] {
    let link = || in_path("link", &words("What is signed.", "带签名的内容。"));
    let code = words("As WeChat sends it.", "微信带来的授权码。");
    let for_browsers = |operation: Operation| {
        operation
            .noted("For a browser; no key.", "供浏览器打开，不需要密钥。")
            .takes([link()])
            .answers_page(404, &words("The link is none, or has ended.", "链接无效或已过期。"))
            .never_refused()
    };
    let once = |operation: Operation| {
        operation
            .answers_page(410, &words("It was used already.", "已经用过。"))
            .answers_page(503, &words("The store cannot be reached.", "存储不可用。"))
    };
    let begin = "/authorize/{link}";
    let show = Operation::new(
        ("get", begin),
        "showAuthorizationLink",
        &words("The page of a link. Does nothing yet.", "授权链接的页面，尚不做任何事。"),
    );
    let follow = Operation::new(
        ("post", begin),
        "followAuthorizationLink",
        &words(
            "Its button: leads to WeChat's page, once.",
            "页面上的按钮：前往微信的授权页，只能用一次。",
        ),
    );
    let back = Operation::new(
        ("get", "/authorized/{link}"),
        "completeAuthorization",
        &words(
            "The way back from WeChat, for the browser that has begun.",
            "从微信返回，须是开始授权的那个浏览器。",
        ),
    );
    [
        for_browsers(show).answers_page(200, &words("The page.", "链接的页面。")),
        once(for_browsers(follow))
            .answers_nothing(303, &words("On to WeChat.", "前往微信。"))
            .answers_page(502, &words("WeChat gave no page.", "微信没有给出授权页。")),
        once(for_browsers(back))
            .takes([in_query("auth_code", &json!({"type": "string"}), &code)])
            .answers_page(200, &words("The account is kept.", "已添加账号。"))
            .answers_page(202, &words("It goes on in the background.", "仍在后台进行。"))
            .answers_nothing(303, &words("On to `return_to`.", "前往 `return_to`。"))
            .answers_page(400, &words("WeChat sent no code.", "微信没有带来授权码。"))
            .answers_page(403, &words("Another browser began.", "开始授权的不是这个浏览器。"))
            .answers_page(502, &words("WeChat refused it.", "微信拒绝了授权。")),
    ]
}

/// Adds what their bodies look like.
pub(super) fn add_schemas(schemas: &mut Map<String, Value>) {
    let text = json!({"type": "string"});
    let mut add = |name: &str, required: &[&str], members: Value| {
        let schema = json!({
            "type": "object", "required": required, "properties": members, "additionalProperties": false,
        });
        schemas.insert(name.to_owned(), schema);
    };
    add(
        "NewLink",
        &[],
        json!({
            "device": {"enum": ["pc", "h5", null]},
            "offered": {"enum": ["official-accounts", "mini-programs", "all"], "default": "all"},
            "only": {"anyOf": [account_name(), {"type": "null"}]},
            "return_to": {"type": ["string", "null"], "maxLength": 1024},
            "expires_in": {
                "type": ["integer", "null"], "minimum": 1, "maximum": LONGEST_LIFE.as_secs(),
                "default": LIFE.as_secs(),
            },
        }),
    );
    let time = json!({"type": "string", "format": "date-time"});
    let number = json!({"type": "integer", "minimum": 0});
    let one = json!({
        "type": "object", "required": ["account", "state", "added_at", "changed_at"], "additionalProperties": false,
        "properties": {"account": text, "state": text, "added_at": time, "changed_at": time},
    });
    add(
        "Authorizers",
        &["platform", "authorizers"],
        json!({"platform": text, "authorizers": {"type": "array", "items": one}, "next": text}),
    );
    let row = json!({
        "type": "object", "required": ["account", "refresh_token"], "additionalProperties": false,
        "properties": {
            "account": account_name(),
            "refresh_token": {"type": "string", "pattern": "^[!-~]{1,512}$"},
            "kind": {"enum": ["official-account", "mini-program"]},
        },
    });
    add(
        "NewAuthorizers",
        &["authorizers"],
        json!({
            "authorizers": {"type": "array", "maxItems": MOST, "items": row},
            "replace": {"type": "boolean", "default": false},
        }),
    );
    let outcome = json!({
        "type": "object", "required": ["account", "outcome"], "additionalProperties": false,
        "properties": {"account": text, "outcome": {"enum": Admission::ALL.map(Admission::as_str)}},
    });
    let outcomes = json!({"type": "array", "items": outcome});
    add("AdmittedAuthorizers", &["outcomes"], json!({"outcomes": outcomes}));
    add(
        "From",
        &[],
        json!({"offset": {"type": "integer", "minimum": 0, "maximum": u64::MAX, "default": 0}}),
    );
    add(
        "RecoveredAuthorizers",
        &["total", "outcomes"],
        json!({"total": number, "next": number, "outcomes": outcomes}),
    );
    add(
        "Link",
        &["url", "expires_at", "proof_key", "qr"],
        json!({
            "url": text, "expires_at": {"type": "string", "format": "date-time"}, "proof_key": text,
            "qr": {"type": "array", "items": {"type": "string", "pattern": "^[# ]*$"}},
        }),
    );
}
