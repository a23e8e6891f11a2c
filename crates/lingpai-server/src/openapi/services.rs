//! The calls of platforms, suites and providers for tokens, which Lingpai answers: those that are declared with their kinds of
//! tokens, and the two for the tokens of those who have authorised one.

use lingpai_core::client::Right;
use lingpai_wechat::kinds::{self, Wanted};
use serde_json::{Map, Value, json};

use super::operation::{JSON, Operation, in_query, reference};

pub(super) fn add_paths(paths: &mut Value) {
    let dropin = |summary: &str, fields| {
        let call = Operation::open(summary).answers(200, &reference("WeChatAnswer"));
        call.reads_this(body(fields))
    };
    for Wanted { declared, asked } in kinds::asked() {
        let whose = match declared.carried.as_ref().is_some_and(|carried| carried.of_wecom) {
            true => "WeCom's",
            false => "A third-party platform's",
        };
        let right = declared.right.map_or("", Right::as_str);
        let secret = asked.secret.name;
        let summary = format!("{whose} own call; `{secret}` is the key. Right: `{right}`.");
        let call = dropin(&summary, [asked.account.name, secret]);
        paths[asked.path] = json!({"post": call.never_refused()});
    }
    let summary = "WeCom's own call; `permanent_code` is the key.";
    let call = dropin(summary, ["auth_corpid", "permanent_code"]);
    paths["/cgi-bin/service/get_corp_token"] = json!({"post": call.never_refused()});
    let summary = "A third-party platform's own call; `authorizer_refresh_token` is the key, or `component_access_token` the \
                   key's virtual token. No refresh token is answered.";
    let token =
        in_query(kinds::COMPONENT_TOKEN.as_str(), &json!({"type": "string"}), "In the query.");
    let call = dropin(summary, ["authorizer_appid", "authorizer_refresh_token"]);
    let call = call.takes(vec![token]).never_refused();
    paths["/cgi-bin/component/api_authorizer_token"] = json!({"post": call});
}

/// The fields that a call has, all of them texts.
fn body(names: [&str; 2]) -> Value {
    let text = json!({"type": "string"});
    let properties: Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
    json!({"content": {JSON: {"schema": {"type": "object", "properties": properties}}}})
}

pub(super) fn schemas(add: &mut impl FnMut(&str, &[&str], Value)) {
    let (text, seconds) = (json!({"type": "string"}), json!({"type": "integer", "minimum": 1}));
    let mut of_platform = json!({
        "authorizer_access_token": text, "authorizer_refresh_token": text, "expires_in": seconds,
    });
    let mut of_wecom = json!({
        "errcode": {"type": "integer", "minimum": 0, "maximum": 0}, "errmsg": text, "expires_in": seconds,
    });
    for wanted in kinds::asked() {
        let all = if wanted.is_of_wecom() { &mut of_wecom } else { &mut of_platform };
        all[wanted.declared.kind.as_str()] = text.clone();
    }
    add("PlatformToken", &["expires_in"], of_platform);
    add("WeComServiceToken", &["errcode", "errmsg", "expires_in"], of_wecom);
}
