//! The calls of platforms, suites and providers for tokens, which Lingpai answers: those that are declared with their kinds of
//! tokens, and the two for the tokens of those who have authorised one.

use lingpai_core::client::Right;
use lingpai_wechat::kinds::{self, Wanted};
use serde_json::{Map, Value, json};

use super::operation::{JSON, Operation, in_query};
use super::words::words;
use crate::language::Bilingual;

pub(super) fn calls() -> Vec<Operation> {
    let call = |path, id: &str, what: &Bilingual, fields: [&str; 2], needed: &[&str]| {
        let call = Operation::new(("post", path), id, what).reads_this(body(fields, needed));
        call.answers(200, "WeChatAnswer").never_refused()
    };
    let declared = kinds::asked().map(|wanted| {
        let Wanted { declared, asked } = wanted;
        let kind = declared.kind.as_str();
        let (english, chinese) = match wanted.is_of_wecom() {
            true => ("WeCom", "企业微信"),
            false => ("WeChat", "微信"),
        };
        let what = Bilingual::made(
            format!("Gives the current {kind}, as {english} does."),
            format!("与{chinese}一样返回当前的 {kind}。"),
        );
        let secret = asked.secret.name;
        let fields = [asked.account.name, secret];
        let call = call(asked.path, kind, &what, fields, &fields);
        match declared.right {
            Some(right) => call.needs_in_place_of(secret, right),
            None => call,
        }
    });
    let corp_token = call(
        "/cgi-bin/service/get_corp_token",
        "corpToken",
        &words(
            "Gives the current token of a corp that has authorised a suite, as WeCom does.",
            "与企业微信一样返回授权企业的当前凭据。",
        ),
        ["auth_corpid", "permanent_code"],
        &["auth_corpid", "permanent_code"],
    );
    let authorizer_token = call(
        "/cgi-bin/component/api_authorizer_token",
        "authorizerToken",
        &words(
            "Gives the current token of an authorizer, as WeChat does. No refresh token is answered.",
            "与微信一样返回授权方的当前凭据，但不返回刷新令牌。",
        ),
        ["authorizer_appid", "authorizer_refresh_token"],
        &["authorizer_appid"],
    );
    let component_token = in_query(
        kinds::COMPONENT_TOKEN.as_str(),
        &json!({"type": "string"}),
        &words(
            "The virtual token of a key, where `authorizer_refresh_token` is none.",
            "密钥的虚拟凭据；`authorizer_refresh_token` 不是密钥时填写。",
        ),
    );
    let others = [
        corp_token.needs_in_place_of("permanent_code", Right::TokenRead),
        authorizer_token
            .needs_in_place_of("authorizer_refresh_token", Right::TokenRead)
            .takes([component_token])
            .refuses(["virtual-token-unknown"]),
    ];
    declared.chain(others).collect()
}

/// The fields that a call has, all of them texts, and those of them that it needs.
fn body(names: [&str; 2], needed: &[&str]) -> Value {
    let text = json!({"type": "string"});
    let properties: Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
    let schema = json!({"type": "object", "required": needed, "properties": properties});
    json!({"required": true, "content": {JSON: {"schema": schema}}})
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
