//! What providers call: `/cgi-bin/service/...`, and one API that takes the provider's token.

use http::Method;
use serde_json::{Map, Value, json};

use super::super::AgentId;
use super::{AUTH_CODE_LIFETIME, Kept, PRE_AUTH_LIFETIME, REMEMBERED};
use crate::{
    World,
    api::Served,
    outcome::Success,
    refusal::Refusal,
    wecom::api::{CHARACTERS, hand_out},
    world::Call,
};

/// Shorter codes are refused as no codes at all.
const AUTH_CODE_LENGTH: usize = 64;

pub(in crate::wecom) struct Service {
    pub(in crate::wecom) path: &'static str,
    pub(in crate::wecom) method: Method,
    pub(in crate::wecom) serve: fn(&mut World, &Call<'_>) -> Served,
}

pub(in crate::wecom) const APIS: &[Service] = &[
    post("/cgi-bin/service/get_suite_token", suite_token),
    Service {
        path: "/cgi-bin/service/get_pre_auth_code",
        method: Method::GET,
        serve: pre_auth_code,
    },
    post("/cgi-bin/service/get_permanent_code", |world, call| permanent_code(world, call, true)),
    post("/cgi-bin/service/v2/get_permanent_code", |world, call| {
        permanent_code(world, call, false)
    }),
    post("/cgi-bin/service/get_corp_token", corp_token),
    post("/cgi-bin/service/get_auth_info", auth_info),
    post("/cgi-bin/service/get_provider_token", provider_token),
    post("/cgi-bin/license/list_order", orders),
];

const fn post(path: &'static str, serve: fn(&mut World, &Call<'_>) -> Served) -> Service {
    Service { path, method: Method::POST, serve }
}

fn text<'a>(body: &'a Map<String, Value>, name: &str, or: Refusal) -> Result<&'a str, Refusal> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(or)
}

fn suite_token(world: &mut World, call: &Call<'_>) -> Served {
    let body = call.json()?;
    let suite_id = text(&body, "suite_id", Refusal::SUITE_ID_MISSING)?;
    let secret = text(&body, "suite_secret", Refusal::SUITE_SECRET_MISSING)?;
    let ticket = text(&body, "suite_ticket", Refusal::SUITE_TICKET_MISSING)?;
    let World { wecom, random, counters, revision, clock, .. } = world;
    let suite = wecom.suite_mut(suite_id).map_err(|_| Refusal::INVALID_SUITE_ID)?;
    if suite.secret != secret {
        return Err(Refusal::INVALID_SUITE_SECRET);
    }
    if !suite.tickets.iter().any(|(known, until)| known == ticket && call.now < *until) {
        return Err(Refusal::INVALID_SUITE_TICKET);
    }
    let counted = counters.app_mut(suite_id);
    let kept = match suite.token.take() {
        Some(kept) if kept.is_live(call.now) => {
            counted.repeated += 1;
            kept
        }
        before => {
            suite.old_tokens.extend(before.map(|kept| kept.token));
            if suite.old_tokens.len() > REMEMBERED {
                suite.old_tokens.pop_front();
            }
            counted.minted.suite += 1;
            *revision += 1;
            Kept::new(random.url_safe(call.token_length.unwrap_or(CHARACTERS)), call.now)
        }
    };
    let expires_in = clock.stated(call.now.until(kept.expires_at));
    // Without an errcode, as WeCom's staff says of this API.
    let answer = json!({"suite_access_token": kept.token, "expires_in": expires_in});
    suite.token = Some(kept);
    Ok(Success::Json(answer))
}

/// The suite whose token the call carries, if it may come from here.
fn authorise(world: &mut World, call: &Call<'_>) -> Result<String, Refusal> {
    let token = call.query.value("suite_access_token").ok_or(Refusal::SUITE_TOKEN_MISSING)?;
    let owner = world.wecom.service_owner(token).ok_or(Refusal::INVALID_SUITE_TOKEN)?;
    let suite = world.wecom.suite(&owner).ok_or(Refusal::INVALID_SUITE_TOKEN)?;
    let present = suite.token.as_ref().filter(|kept| kept.token == token);
    let kept = present.ok_or(Refusal::SUITE_TOKEN_EXPIRED)?;
    if kept.revoked {
        return Err(Refusal::INVALID_SUITE_TOKEN);
    }
    if call.now >= kept.expires_at {
        return Err(Refusal::SUITE_TOKEN_EXPIRED);
    }
    if !suite.trusted.iter().any(|pattern| pattern.contains(call.caller)) {
        return Err(Refusal::UNTRUSTED_IP);
    }
    world.wecom.rates.take(call.now, &owner, call.path(), call.caller)?;
    Ok(owner)
}

fn pre_auth_code(world: &mut World, call: &Call<'_>) -> Served {
    let suite_id = authorise(world, call)?;
    let code = world.random.url_safe(64);
    let suite = world.wecom.suite_mut(&suite_id).map_err(|_| Refusal::INVALID_SUITE_TOKEN)?;
    if suite.pre_auth.len() >= REMEMBERED {
        suite.pre_auth.pop_front();
    }
    suite.pre_auth.push_back((code.clone(), call.now.plus(PRE_AUTH_LIFETIME)));
    world.revision += 1;
    let expires_in = world.clock.stated(PRE_AUTH_LIFETIME);
    Ok(Success::Json(json!({
        "errcode": 0, "errmsg": "ok", "pre_auth_code": code, "expires_in": expires_in,
    })))
}

/// Exchanges an auth_code, once. The older form brings a token and what was authorised as well.
fn permanent_code(world: &mut World, call: &Call<'_>, with_token: bool) -> Served {
    let suite_id = authorise(world, call)?;
    let body = call.json()?;
    let code = text(&body, "auth_code", Refusal::SHORT_AUTH_CODE)?;
    if code.len() < AUTH_CODE_LENGTH {
        return Err(Refusal::SHORT_AUTH_CODE);
    }
    let suite = world.wecom.suite_mut(&suite_id).map_err(|_| Refusal::INVALID_SUITE_TOKEN)?;
    let at = suite.auth_codes.iter().position(|known| known.code == code);
    let redeemed = at.and_then(|at| suite.auth_codes.remove(at));
    let redeemed =
        redeemed.filter(|known| call.now < known.expires_at).ok_or(Refusal::INVALID_AUTH_CODE)?;
    world.revision += 1;
    let (corpid, permanent) = (redeemed.corpid, redeemed.permanent);
    let id = world.wecom.install(&suite_id, &corpid, permanent.clone());
    let mut answer = json!({
        "errcode": 0,
        "errmsg": "ok",
        "permanent_code": permanent,
        "auth_corp_info": {"corpid": corpid, "corp_name": "沙箱企业"},
        "auth_user_info": {"userid": "zhangsan", "name": "张三"},
    });
    if with_token {
        let (token, expires_in) = hand_out(world, call, &id);
        answer["access_token"] = token.into();
        answer["expires_in"] = expires_in.into();
        answer["auth_info"] = json!({"agent": [{"agentid": id.agent, "name": "沙箱应用"}]});
    }
    Ok(Success::Json(answer))
}

/// The application of the corp that the body names, which its permanent code opens.
fn opened(world: &mut World, call: &Call<'_>) -> Result<AgentId, Refusal> {
    let suite_id = authorise(world, call)?;
    let body = call.json()?;
    let corpid = text(&body, "auth_corpid", Refusal::CORPID_MISSING)?;
    let code = text(&body, "permanent_code", Refusal::PERMANENT_CODE_MISSING)?;
    let installed = world.wecom.installed(&suite_id, corpid);
    let right = installed.filter(|(_, agent)| agent.secret == code);
    right.map(|(id, _)| id.clone()).ok_or(Refusal::INVALID_PERMANENT_CODE)
}

fn auth_info(world: &mut World, call: &Call<'_>) -> Served {
    let id = opened(world, call)?;
    Ok(Success::Json(json!({
        "errcode": 0,
        "errmsg": "ok",
        "auth_corp_info": {"corpid": id.corpid, "corp_name": "沙箱企业"},
        "auth_info": {"agent": [{"agentid": id.agent, "name": "沙箱应用"}]},
    })))
}

fn corp_token(world: &mut World, call: &Call<'_>) -> Served {
    let id = opened(world, call)?;
    let (token, expires_in) = hand_out(world, call, &id);
    Ok(Success::Json(json!({
        "errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": expires_in,
    })))
}

fn provider_token(world: &mut World, call: &Call<'_>) -> Served {
    let body = call.json()?;
    let corpid = text(&body, "corpid", Refusal::CORPID_MISSING)?;
    let secret = text(&body, "provider_secret", Refusal::PROVIDER_SECRET_MISSING)?;
    let World { wecom, random, counters, revision, clock, .. } = world;
    wecom.rates.take(call.now, corpid, call.path(), call.caller)?;
    let provider = wecom.provider_mut(corpid).map_err(|_| Refusal::INVALID_CORPID)?;
    if provider.secret != secret {
        return Err(Refusal::WRONG_CORPSECRET);
    }
    let counted = counters.app_mut(corpid);
    let kept = match provider.token.take() {
        Some(kept) if kept.is_live(call.now) => {
            counted.repeated += 1;
            kept
        }
        _ => {
            counted.minted.provider += 1;
            *revision += 1;
            Kept::new(random.url_safe(call.token_length.unwrap_or(CHARACTERS)), call.now)
        }
    };
    let expires_in = clock.stated(call.now.until(kept.expires_at));
    let answer = json!({
        "errcode": 0, "errmsg": "ok", "provider_access_token": kept.token, "expires_in": expires_in,
    });
    provider.token = Some(kept);
    Ok(Success::Json(answer))
}

/// The orders of licences of a provider: it has none.
fn orders(world: &mut World, call: &Call<'_>) -> Served {
    let token = call.query.value("provider_access_token").ok_or(Refusal::TOKEN_MISSING)?;
    let mut providers = world.wecom.providers.iter();
    let kept = providers.find_map(|it| it.token.as_ref().filter(|kept| kept.token == token));
    let kept = kept.filter(|kept| !kept.revoked).ok_or(Refusal::INVALID_SUITE_TOKEN)?;
    if call.now >= kept.expires_at {
        return Err(Refusal::SUITE_TOKEN_EXPIRED);
    }
    Ok(Success::Json(json!({
        "errcode": 0, "errmsg": "ok", "next_cursor": "", "has_more": 0, "order_list": [],
    })))
}

/// How long the page says that an auth_code is good.
pub(super) fn stated_life(world: &World) -> u64 {
    world.clock.stated(AUTH_CODE_LIFETIME)
}
