//! The APIs of WeCom that this sandbox has.

use http::Method;
use serde_json::{Value, json};

use super::{
    AgentId, Issued, PREFIX, expiry,
    rates::{AGENT_TICKETS, CORP_TICKETS},
    suite,
};
use crate::{
    World,
    api::{Served, TicketType, hand_out_ticket, upload},
    outcome::Success,
    refusal::Refusal,
    time::TOKEN_LIFETIME,
    world::Call,
};

/// Longer than WeChat's, as WeCom's own are.
pub(super) const CHARACTERS: usize = 214;
/// So many tokens are remembered; an older one is as good as never issued.
const REMEMBERED: usize = 1000;

/// Those who work in every corp.
const MEMBERS: [(&str, &str); 2] = [("zhangsan", "张三"), ("lisi", "李四")];

struct Api {
    path: &'static str,
    method: Method,
    serve: fn(&mut World, &Call<'_>, &AgentId) -> Served,
}

const GETTOKEN: &str = "/cgi-bin/gettoken";

const APIS: &[Api] = &[
    get("/cgi-bin/getcallbackip", addresses),
    get("/cgi-bin/get_api_domain_ip", addresses),
    get("/cgi-bin/get_jsapi_ticket", corp_ticket),
    get("/cgi-bin/ticket/get", agent_ticket),
    get("/cgi-bin/user/get", user),
    post("/cgi-bin/message/send", send),
    post("/cgi-bin/media/upload", |world, call, agent| upload(world, call, &agent.to_string())),
];

type Serve = fn(&mut World, &Call<'_>, &AgentId) -> Served;

const fn get(path: &'static str, serve: Serve) -> Api {
    Api { path, method: Method::GET, serve }
}

const fn post(path: &'static str, serve: Serve) -> Api {
    Api { path, method: Method::POST, serve }
}

/// All paths, with the prefix.
pub(crate) fn paths() -> impl Iterator<Item = String> {
    let others = APIS.iter().map(|api| api.path);
    let services = suite::APIS.iter().map(|api| api.path);
    [GETTOKEN].into_iter().chain(others).chain(services).map(|path| format!("{PREFIX}{path}"))
}

/// Carries out one call; `path` is without the prefix.
pub(crate) fn serve(world: &mut World, call: &Call<'_>, path: &str) -> Served {
    if path == GETTOKEN {
        return gettoken(world, call);
    }
    if let Some(service) = suite::APIS.iter().find(|service| service.path == path) {
        check_method(&service.method, call)?;
        return (service.serve)(world, call);
    }
    let api = APIS.iter().find(|api| api.path == path).ok_or(Refusal::INVALID_URL)?;
    check_method(&api.method, call)?;
    let agent = authorise(world, call, path)?;
    (api.serve)(world, call, &agent)
}

fn check_method(wanted: &Method, call: &Call<'_>) -> Result<(), Refusal> {
    match (wanted, call.request.method()) {
        (wanted, method) if wanted == method => Ok(()),
        (&Method::GET, _) => Err(Refusal::REQUIRE_GET),
        _ => Err(Refusal::REQUIRE_POST),
    }
}

fn gettoken(world: &mut World, call: &Call<'_>) -> Served {
    if call.request.method() != Method::GET {
        return Err(Refusal::REQUIRE_GET);
    }
    let corpid = call.query.value("corpid").ok_or(Refusal::CORPID_MISSING)?;
    let secret = call.query.value("corpsecret").ok_or(Refusal::CORPSECRET_MISSING)?;
    if !world.wecom.knows_corp(corpid) {
        return Err(Refusal::INVALID_CORPID);
    }
    if world.wecom.wrong.get(corpid).is_some_and(|wrong| wrong.is_blocked(call.now)) {
        return Err(Refusal::TOO_FREQUENT);
    }
    world.wecom.rates.take(call.now, corpid, GETTOKEN, call.caller)?;
    let Some((id, _)) = world.wecom.by_secret(corpid, secret) else {
        world.wecom.wrong.entry(corpid.to_owned()).or_default().count(call.now);
        return Err(Refusal::WRONG_CORPSECRET);
    };
    let id = id.clone();
    let (token, expires_in) = hand_out(world, call, &id);
    Ok(Success::Json(json!({
        "errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": expires_in,
    })))
}

/// The token of an application, a new one if there is none that lives, and how long it is stated to be good.
pub(super) fn hand_out(world: &mut World, call: &Call<'_>, id: &AgentId) -> (String, u64) {
    let agent = world.wecom.agent(&id.corpid, id.agent);
    let latest = agent.ok().and_then(|(_, agent)| agent.token.clone());
    let issued = latest.as_ref().and_then(|token| world.wecom.issued.get(token));
    let live = issued.filter(|issued| !issued.revoked && call.now < issued.expires_at);
    let (token, left) = match (latest, live) {
        (Some(token), Some(issued)) => {
            world.counters.app_mut(&id.to_string()).repeated += 1;
            (token, call.now.until(issued.expires_at))
        }
        _ => {
            let token = world.random.url_safe(call.token_length.unwrap_or(CHARACTERS));
            mint(world, call, id, token.clone());
            (token, TOKEN_LIFETIME)
        }
    };
    (token, world.clock.stated(left))
}

fn mint(world: &mut World, call: &Call<'_>, id: &AgentId, token: String) {
    world.counters.app_mut(&id.to_string()).minted.wecom += 1;
    world.revision += 1;
    if world.wecom.issued.len() >= REMEMBERED {
        world.wecom.issued.retain(|_, issued| call.now < issued.expires_at);
    }
    let issued = Issued { of: id.clone(), expires_at: expiry(call.now), revoked: false };
    world.wecom.issued.insert(token.clone(), issued);
    if let Ok((_, agent)) = world.wecom.agent(&id.corpid, id.agent) {
        agent.token = Some(token);
    }
}

/// Finds the application by its token, and checks that it may be called from here.
fn authorise(world: &mut World, call: &Call<'_>, path: &str) -> Result<AgentId, Refusal> {
    let token = call.query.value("access_token").ok_or(Refusal::TOKEN_MISSING)?;
    let issued = world.wecom.issued.get(token).ok_or(Refusal::INVALID_TOKEN)?;
    if call.now >= issued.expires_at {
        return Err(Refusal::TOKEN_EXPIRED);
    }
    if issued.revoked {
        return Err(Refusal::INVALID_TOKEN);
    }
    let id = issued.of.clone();
    let (_, agent) = world.wecom.agent(&id.corpid, id.agent).map_err(|_| Refusal::INVALID_TOKEN)?;
    if !agent.trusted.iter().any(|pattern| pattern.contains(call.caller)) {
        return Err(Refusal::UNTRUSTED_IP);
    }
    world.wecom.rates.take(call.now, &id.corpid, path, call.caller)?;
    Ok(id)
}

fn addresses(_: &mut World, _: &Call<'_>, _: &AgentId) -> Served {
    let all = ["101.226.103.*", "101.226.62.*"];
    Ok(Success::Json(json!({"ip_list": all, "errcode": 0, "errmsg": "ok"})))
}

fn corp_ticket(world: &mut World, call: &Call<'_>, agent: &AgentId) -> Served {
    world.wecom.rates.take_ticket(call.now, &agent.corpid, CORP_TICKETS)?;
    Ok(hand_out_ticket(world, call, &agent.corpid, TicketType::Jsapi))
}

fn agent_ticket(world: &mut World, call: &Call<'_>, agent: &AgentId) -> Served {
    if call.query.value("type") != Some("agent_config") {
        return Err(Refusal::INVALID_PARAMETER);
    }
    let owner = agent.to_string();
    world.wecom.rates.take_ticket(call.now, &owner, AGENT_TICKETS)?;
    Ok(hand_out_ticket(world, call, &owner, TicketType::AgentConfig))
}

fn user(_: &mut World, call: &Call<'_>, _: &AgentId) -> Served {
    let id = call.query.value("userid").ok_or(Refusal::USERID_MISSING)?;
    let (userid, name) =
        MEMBERS.into_iter().find(|(known, _)| *known == id).ok_or(Refusal::USERID_UNKNOWN)?;
    Ok(Success::Json(json!({
        "errcode": 0, "errmsg": "ok", "userid": userid, "name": name, "department": [1], "status": 1,
    })))
}

fn send(world: &mut World, call: &Call<'_>, agent: &AgentId) -> Served {
    let body = call.json()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let kind = text("msgtype").ok_or(Refusal::INVALID_MESSAGE_TYPE)?;
    if !body.get(kind).is_some_and(Value::is_object) {
        return Err(Refusal::INVALID_MESSAGE_TYPE);
    }
    // A number, or one in a string.
    let named = body.get("agentid").and_then(|id| match id {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    });
    if named != Some(u64::from(agent.agent)) {
        return Err(Refusal::ANOTHER_AGENT);
    }
    let unknown: Vec<_> = text("touser")
        .into_iter()
        .flat_map(|users| users.split('|'))
        .filter(|user| *user != "@all" && !MEMBERS.iter().any(|(known, _)| known == user))
        .collect();
    let msgid = world.random.url_safe(32);
    Ok(Success::Json(json!({
        "errcode": 0, "errmsg": "ok", "invaliduser": unknown.join("|"), "msgid": msgid,
    })))
}
