//! What can be called, and with what.

use lingpai_core::client::Right;
use lingpai_core::event::Severity;
use lingpai_wechat::Ticket;
use serde_json::{Value, json};

use super::operation::{JSON, Operation, account_name, in_path, in_query, reference};
use crate::accounts::State;
use crate::metrics;

/// Proves that a page of the console asks.
fn csrf(what: &str) -> Value {
    let text = json!({"type": "string"});
    json!({"name": "X-Lingpai-CSRF", "in": "header", "required": true, "description": what, "schema": text})
}

/// Which page of the overview.
fn overview() -> Vec<Value> {
    let states = State::ALL.map(State::as_str);
    let states: Vec<_> = states.into_iter().chain(["troubled", "unmanaged"]).collect();
    let page = json!({"type": "integer", "minimum": 0, "maximum": u32::MAX});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": u32::MAX});
    vec![
        in_query("state", &json!({"enum": states}), "Those that stand like this only."),
        in_query(
            "search",
            &json!({"type": "string"}),
            "Those with this in their name, or in what is wrong.",
        ),
        in_query(
            "platform",
            &account_name(),
            "Those only that have authorised this platform or suite.",
        ),
        in_query("page", &page, "From 1 on."),
        in_query("limit", &limit, "So many on a page at most; 200 is the most there is."),
    ]
}

fn session_cookie() -> Value {
    let text = json!({"type": "string"});
    json!({"name": "lingpai_session", "in": "cookie", "required": true, "schema": text})
}

pub(super) fn paths() -> Value {
    let account = || vec![in_path("account", "Its appid.")];
    let form = "application/x-www-form-urlencoded";
    let dropin_body = json!({
        "required": false,
        "content": {JSON: {"schema": reference("TokenCall")}, form: {"schema": reference("TokenCall")}},
    });
    let dropin = |summary: &str| Operation::open(summary).answers(200, &reference("WeChatAnswer"));
    let dropin_query = || {
        let text = json!({"type": "string"});
        let names = ["grant_type", "appid", "secret", "force_refresh"];
        names.map(|name| in_query(name, &text, "In the query, a form or JSON.")).to_vec()
    };
    let seconds = json!({"type": "string", "pattern": "^[0-9]{1,9}s?$"});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": u32::MAX});
    let position = position();
    let pushed = || {
        let text = json!({"type": "string"});
        let names = ["signature", "timestamp", "nonce", "encrypt_type", "msg_signature"];
        names.map(|name| in_query(name, &text, "As WeChat signs.")).to_vec()
    };
    let mut ticket = in_path("type", "As WeChat calls it.");
    ticket["schema"]["enum"] = json!(Ticket::all().map(Ticket::as_str).collect::<Vec<_>>());
    json!({
        "/v1/accounts/{account}/token": {
            "get": Operation::with("The current token.", Right::TokenRead)
                .takes(account())
                .takes(vec![
                    in_query("wait", &seconds, "Answer as soon as there is a later token: `30s`."),
                    in_query("after", &json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}), "The generation that the caller has; needed with `wait`."),
                    json!({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}),
                ])
                .answers(200, &reference("Token"))
                .answers_nothing(304, "The caller has the current token.")
                .done(),
        },
        "/v1/accounts/{account}/token/report-invalid": {
            "post": Operation::with("Says that WeChat refused a token.", Right::TokenReport)
                .takes(account())
                .reads("Report")
                .answers(200, &reference("Reported"))
                .done(),
        },
        "/v1/accounts/{account}/token/rotate": {
            "post": Operation::with(
                "Has the token replaced now; if one has leaked, until none of those so far is good.",
                Right::TokenRotate,
            )
                .takes(account())
                .reads_this(json!({"content": {JSON: {"schema": reference("Rotate")}}}))
                .answers(200, &json!({"anyOf": [reference("Reported"), reference("Drill")]}))
                .answers(202, &reference("Drill"))
                .done(),
        },
        "/v1/accounts/{account}/token/adopt": {
            "post": Operation::with("Takes over a live token that somebody else has fetched.", Right::Admin)
                .takes(account())
                .reads("GivenToken")
                .answers(200, &reference("Adopted"))
                .done(),
        },
        "/v1/accounts/{account}/tickets/{type}": {
            "get": Operation::with("The current ticket. Not for keys that are bound to domains.", Right::Ticket)
                .takes(account())
                .takes(vec![ticket])
                .answers(200, &reference("Ticket"))
                .done(),
        },
        "/v1/accounts/{account}/js-config": {
            "post": Operation::with("Signs a page for `wx.config`, or for `wx.agentConfig`.", Right::Ticket)
                .takes(account())
                .reads("Page")
                .answers(200, &reference("JsConfig"))
                .done(),
        },
        "/v1/accounts/{account}/card-signature": {
            "post": Operation::with("Signs a card.", Right::Ticket)
                .takes(account())
                .reads("Card")
                .answers(200, &reference("CardSignature"))
                .done(),
        },
        "/v1/accounts": {
            "get": Operation::with("How all accounts of the key stand.", Right::StatusRead)
                .takes(vec![
                    in_query("limit", &limit, "So many at most."),
                    in_query("after", &account_name(), "Those whose names come after this."),
                ])
                .answers(200, &reference("Accounts"))
                .done(),
            "post": Operation::with("Has an account kept. It must be among those of the key.", Right::Admin)
                .reads("NewAccount")
                .answers(201, &reference("Settings"))
                .done(),
        },
        "/v1/overview": {
            "get": Operation::with(
                "How all accounts of the key stand, those that need somebody first; at most a second old.",
                Right::StatusRead,
            )
                .takes(overview())
                .answers(200, &reference("Overview"))
                .done(),
        },
        "/v1/accounts/{account}": {
            "get": Operation::with("How the account stands.", Right::StatusRead)
                .takes(account())
                .answers(200, &reference("Account"))
                .done(),
            "patch": Operation::with("Has the account kept in another way.", Right::Admin)
                .takes(account())
                .reads("ChangedAccount")
                .answers(200, &reference("Settings"))
                .done(),
            "delete": Operation::with("Ends keeping the account, and drops its tokens.", Right::Admin)
                .takes(account())
                .answers_nothing(204, "It is no longer kept.")
                .done(),
        },
        "/v1/accounts/{account}/secret": {
            "put": Operation::with("Gives the account another AppSecret; its token stays.", Right::Admin)
                .takes(account())
                .reads("NewSecret")
                .answers(200, &reference("Settings"))
                .done(),
        },
        "/v1/accounts/{account}/pushes": {
            "get": Operation::with("The pushes that the business has not taken, in their order.", Right::StatusRead)
                .takes(account())
                .takes(vec![in_query("limit", &limit, "So many at most.")])
                .answers(200, &reference("Pushes"))
                .done(),
        },
        "/v1/accounts/{account}/pushes/{id}": {
            "delete": Operation::with("Drops a push: the business misses it.", Right::Admin)
                .takes(account())
                .takes(vec![in_path("id", "As the list has it.")])
                .answers_nothing(204, "It is dropped.")
                .done(),
        },
        "/v1/accounts/{account}/pushes/{id}/retry": {
            "post": Operation::with("Has a push tried again at once, a dead one too.", Right::Admin)
                .takes(account())
                .takes(vec![in_path("id", "As the list has it.")])
                .answers_nothing(204, "It is tried.")
                .done(),
        },
        "/v1/accounts/{account}/quota": {
            "get": Operation::with("What the account has called today; with a path, what WeChat says of that.", Right::StatusRead)
                .takes(account())
                .takes(vec![in_query("path", &json!({"type": "string"}), "As in WeChat's documentation: `/cgi-bin/user/get`.")])
                .answers(200, &json!({"anyOf": [reference("Quotas"), reference("Quota")]}))
                .done(),
        },
        "/v1/accounts/{account}/quota/clear": {
            "post": Operation::with("Has WeChat set the counters of the account to zero: ten times a month.", Right::QuotaClear)
                .takes(account())
                .answers(200, &reference("Cleared"))
                .done(),
        },
        "/v1/rids/{rid}": {
            "get": Operation::with("What WeChat knows of a request. It may hold a token.", Right::TokenRead)
                .takes(vec![
                    in_path("rid", "As it stands in an `errmsg`."),
                    in_query("account", &account_name(), "Whose request it was; needed if the key is for more than ten."),
                ])
                .answers(200, &reference("Request"))
                .done(),
        },
        "/push/{account}": {
            "get": Operation::open("WeChat checks the URL: `echostr` comes back if the signature is right.")
                .takes(account())
                .takes(pushed())
                .takes(vec![in_query("echostr", &json!({"type": "string"}), "What comes back, perhaps decrypted.")])
                .answers_as(200, "text/plain; charset=utf-8", &json!({"type": "string"}))
                .done(),
            "post": Operation::open("WeChat pushes a message, an event or a ticket, in XML or JSON.")
                .takes(account())
                .takes(pushed())
                .answers_as(200, "text/plain; charset=utf-8", &json!({"type": "string"}))
                .done(),
        },
        "/push/{account}/{authorizer}": {
            "get": Operation::open("WeChat checks the URL of a platform for its authorizers' messages.")
                .takes(account())
                .takes(vec![in_path("authorizer", "Nothing depends on it.")])
                .takes(pushed())
                .takes(vec![in_query("echostr", &json!({"type": "string"}), "What comes back, perhaps decrypted.")])
                .answers_as(200, "text/plain; charset=utf-8", &json!({"type": "string"}))
                .done(),
            "post": Operation::open("WeChat pushes a message or an event of an account that has authorised a platform.")
                .takes(account())
                .takes(vec![in_path("authorizer", "Whose it is: WeChat puts its appid there for `$APPID$`.")])
                .takes(pushed())
                .answers_as(200, "text/plain; charset=utf-8", &json!({"type": "string"}))
                .done(),
        },
        "/v1/nodes": {
            "get": Operation::with("The nodes that share the store. The key must be for all accounts.", Right::StatusRead)
                .answers(200, &reference("Nodes"))
                .done(),
        },
        "/v1/events": {
            "get": Operation::with("What happens, as it happens: each `data` is an Event.", Right::StatusRead)
                .takes(filters("events"))
                .takes(vec![
                    json!({"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}}),
                ])
                .answers_as(200, "text/event-stream", &reference("Message"))
                .done(),
        },
        "/v1/diagnose": {
            "post": Operation::with("Says why WeChat refused a token, or a call for one.", Right::StatusRead)
                .reads("Refused")
                .answers(200, &reference("Diagnosis"))
                .done(),
        },
        "/v1/doctor": {
            "get": Operation::with("What came of the last look at the house and at accounts that was made on this node.", Right::StatusRead)
                .answers(200, &reference("LastExamined"))
                .done(),
            "post": Operation::with("Looks at the house and at accounts, and says what is wrong. Costs calls of WeChat's.", Right::TokenRotate)
                .reads_this(json!({"content": {JSON: {"schema": reference("Examine")}}}))
                .answers(200, &reference("Findings"))
                .done(),
        },
        "/v1/events/history": {
            "get": Operation::with("What happened, the newest first.", Right::StatusRead)
                .takes(filters("events"))
                .takes(vec![
                    in_query("before", &position, "Those before this `id`: the `next` of the page before."),
                    in_query("limit", &limit, "So many at most."),
                ])
                .answers(200, &reference("History"))
                .done(),
        },
        "/v1/audit": {
            "get": Operation::with("Who read and changed what, the newest first. The key must be for all accounts, or for the one that is asked for.", Right::Admin)
                .takes(vec![
                    in_query("account", &account_name(), "What concerns this account only."),
                    in_query("client", &json!({"type": "string"}), "What the key of this id or name did."),
                    in_query("action", &json!({"type": "string"}), "Records of this action only."),
                    in_query("since", &json!({"type": "string"}), "From this time on (RFC 3339), or since so long ago: `90s`, `30m`, `2h`, `7d`."),
                    in_query("before", &position, "Those before this `id`: the `next` of the page before."),
                    in_query("limit", &limit, "So many at most."),
                    in_query("language", &json!({"enum": ["en", "zh"]}), "In which language `text` is."),
                ])
                .answers(200, &reference("Trail"))
                .done(),
        },
        "/v1/alerts": {
            "get": Operation::with("How it stands with alerts. The key must be for all accounts.", Right::Admin)
                .takes(vec![in_query("language", &json!({"enum": ["en", "zh"]}), "In which language `failure` is.")])
                .answers(200, &reference("Alerts"))
                .done(),
        },
        "/v1/alerts/{name}/test": {
            "post": Operation::with("Sends a message now, and says what came of it. The key must be for all accounts.", Right::Admin)
                .takes(vec![
                    in_path("name", "The alert's name."),
                    in_query("language", &json!({"enum": ["en", "zh"]}), "In which language `explanation` is."),
                ])
                .answers(200, &reference("AlertTest"))
                .done(),
        },
        "/v1/sinks": {
            "get": Operation::with("How it stands with sinks. The key must be for all accounts.", Right::Admin)
                .answers(200, &reference("Sinks"))
                .done(),
        },
        "/v1/sinks/{name}/test": {
            "post": Operation::with("Whether a token could be put there; none is. The key must be for all accounts.", Right::Admin)
                .takes(vec![
                    in_path("name", "The sink's name."),
                    in_query("language", &json!({"enum": ["en", "zh"]}), "In which language `explanation` is."),
                ])
                .answers(200, &reference("SinkDone"))
                .done(),
        },
        "/v1/sinks/{name}/sync": {
            "post": Operation::with("Delivers the current token now. The key must be for all accounts.", Right::Admin)
                .takes(vec![
                    in_path("name", "The sink's name."),
                    in_query("language", &json!({"enum": ["en", "zh"]}), "In which language `explanation` is."),
                ])
                .answers(200, &reference("SinkDone"))
                .done(),
        },
        "/v1/keys": {
            "get": Operation::with("All keys. The key must be for all accounts.", Right::Admin)
                .answers(200, &reference("Keys"))
                .done(),
            "post": Operation::with("Makes a key. The key must be for all accounts.", Right::Admin)
                .reads("NewKey")
                .answers(201, &reference("Key"))
                .done(),
        },
        "/v1/keys/{id}": {
            "delete": Operation::with("Revokes a key. The key must be for all accounts.", Right::Admin)
                .takes(vec![in_path("id", "As the list has it.")])
                .answers(200, &reference("Key"))
                .done(),
        },
        "/cgi-bin/token": {
            "get": dropin("WeChat's own call; `secret` is the key.").takes(dropin_query()).never_refused(),
            "post": dropin("The same.").takes(dropin_query()).reads_this(dropin_body.clone()).never_refused(),
        },
        "/cgi-bin/stable_token": {
            "post": dropin("WeChat's own call; `secret` is the key.")
                .takes(dropin_query())
                .reads_this(dropin_body)
                .never_refused(),
        },
        "/cgi-bin/gettoken": {
            "get": dropin("WeCom's own call; `corpsecret` is the key.")
                .takes(["corpid", "corpsecret"].map(|name| in_query(name, &json!({"type": "string"}), "In the query.")).to_vec())
                .never_refused(),
        },
        "/console/session": {
            "get": Operation::open("Who is logged in to the console.")
                .takes(vec![session_cookie()])
                .answers(200, &reference("Session"))
                .done(),
            "post": Operation::open("Logs in to the console with a key that has the right `admin`.")
                .takes(vec![csrf("Any value, such as `login`: no page of another site can send it.")])
                .reads("Login")
                .answers(200, &reference("Session"))
                .done(),
            "delete": Operation::open("Logs out.")
                .takes(vec![session_cookie(), csrf("The `csrf` of the session.")])
                .answers_nothing(204, "The session has ended.")
                .done(),
        },
        "/healthz": {
            "get": Operation::open("Whether the server runs.").answers(200, &reference("Health")).never_refused(),
        },
        "/readyz": {
            "get": Operation::open("Whether clients should be sent here.")
                .answers(200, &reference("Readiness"))
                .answers(503, &reference("Readiness"))
                .never_refused(),
        },
        "/metrics": {
            "get": Operation::with("Numbers for Prometheus. The key must be for all accounts.", Right::StatusRead)
                .takes(vec![in_query(
                    "credentials",
                    &json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
                    "Of so many single credentials at most, those in trouble first; 200 if nothing is said.",
                )])
                .answers_as(200, metrics::TEXT, &json!({"type": "string"}))
                .done(),
        },
        "/openapi.json": {
            "get": Operation::open("This description.").answers(200, &json!({"type": "object"})).never_refused(),
        },
    })
}

/// Which events are asked for.
fn filters(what: &str) -> Vec<Value> {
    let text = json!({"type": "string"});
    vec![
        in_query("account", &account_name(), &format!("The {what} of this account only.")),
        in_query("event", &text, "Of these names only, separated by commas."),
        in_query(
            "severity",
            &json!({"enum": Severity::ALL.map(Severity::as_str)}),
            "Of this severity, and of graver ones.",
        ),
        in_query(
            "since",
            &text,
            "From this time on (RFC 3339), or since so long ago: `90s`, `30m`, `2h`, `7d`.",
        ),
        in_query("after", &position(), "Those after this `id` only."),
        in_query(
            "language",
            &json!({"enum": ["en", "zh"]}),
            "In which language `text` is, whatever `Accept-Language` says.",
        ),
    ]
}

/// The `id` of an event or a record.
fn position() -> Value {
    json!({"type": "string", "pattern": "^[0-9]{1,15}-[0-9]{1,9}$"})
}
