//! The APIs of a platform (`/cgi-bin/component/...`). All want the caller on the platform's own list of addresses; all but
//! the first two its token, under either of its names.

use serde_json::{Map, Value, json};

use super::{
    Authorization, Component, REMEMBERED, RefreshToken, RefreshVerdict, person, refresh_token,
};
use crate::{
    World,
    api::Served,
    outcome::Success,
    refusal::Refusal,
    settings::{AppKind, Quotas},
    time::{Moment, TOKEN_LIFETIME},
    tokens::{Family, Mint, Standing},
    world::Call,
};

pub(super) const TOKEN_PATH: &str = "/cgi-bin/component/api_component_token";
/// How many accounts one page of the list has at most.
const PAGE: u64 = 500;
/// So many pre-auth codes are remembered.
const PRE_AUTH_CODES: usize = 1000;

/// What an API asks of its caller, and what it then does.
#[derive(Clone, Copy)]
pub(crate) enum Serve {
    /// The platform's secret, in the body.
    WithSecret(fn(&mut World, &Call<'_>) -> Served),
    /// The platform's token, in the query.
    WithToken(fn(&mut World, &Call<'_>, &str) -> Served),
    /// A `GET` with the platform's token and everything else in the query.
    LogIn(fn(&mut World, &Call<'_>) -> Served),
}

/// All of them `POST`, but for those that people log in by.
pub(crate) const APIS: &[(&str, Serve)] = &[
    ("/cgi-bin/component/api_start_push_ticket", Serve::WithSecret(start_push)),
    (TOKEN_PATH, Serve::WithSecret(component_token)),
    ("/cgi-bin/component/api_create_preauthcode", Serve::WithToken(create_preauthcode)),
    ("/cgi-bin/component/api_query_auth", Serve::WithToken(query_auth)),
    ("/cgi-bin/component/api_authorizer_token", Serve::WithToken(authorizer_token)),
    ("/cgi-bin/component/api_get_authorizer_info", Serve::WithToken(authorizer_info)),
    ("/cgi-bin/component/api_get_authorizer_list", Serve::WithToken(authorizer_list)),
    ("/cgi-bin/component/clear_quota/v2", Serve::WithSecret(clear_quota)),
    ("/sns/component/jscode2session", Serve::LogIn(person::code_to_session)),
    ("/sns/oauth2/component/access_token", Serve::LogIn(person::code_to_token)),
    ("/sns/oauth2/component/refresh_token", Serve::LogIn(person::refresh)),
];

type Body = Map<String, Value>;

fn text<'a>(body: &'a Body, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The platform that a body names, called from an address on its list.
fn component<'a>(
    world: &'a mut World,
    call: &Call<'_>,
    body: &Body,
) -> Result<(&'a str, &'a mut Component), Refusal> {
    component_of(world, call, text(body, "component_appid"))
}

/// The same of one that is named elsewhere.
pub(super) fn component_of<'a>(
    world: &'a mut World,
    call: &Call<'_>,
    named: Option<&str>,
) -> Result<(&'a str, &'a mut Component), Refusal> {
    let appid = named.ok_or(Refusal::COMPONENT_APPID_MISSING)?;
    let mut all = world.platforms.all.iter_mut();
    let (appid, component) =
        all.find(|(known, _)| *known == appid).ok_or(Refusal::INVALID_APPID)?;
    if !component.whitelist.iter().any(|pattern| pattern.contains(call.caller)) {
        return Err(Refusal::component_ip(call.caller));
    }
    Ok((appid, component))
}

fn start_push(world: &mut World, call: &Call<'_>) -> Served {
    let body = call.json()?;
    let (_, component) = component(world, call, &body)?;
    // Not `component_appsecret`, by which the next one calls it.
    let secret = text(&body, "component_secret").ok_or(Refusal::SECRET_MISSING)?;
    if secret != component.secret {
        return Err(Refusal::INVALID_SECRET);
    }
    component.is_pushing = true;
    component.next_ticket_at = call.now;
    world.revision += 1;
    Ok(Success::ok())
}

fn component_token(world: &mut World, call: &Call<'_>) -> Served {
    let body = call.json()?;
    let (appid, component) = component(world, call, &body)?;
    let secret = text(&body, "component_appsecret").ok_or(Refusal::SECRET_MISSING)?;
    if secret != component.secret {
        return Err(Refusal::INVALID_SECRET);
    }
    let ticket = text(&body, "component_verify_ticket").ok_or(Refusal::COMPONENT_TICKET_INVALID)?;
    match component.is_good_ticket(call.now, ticket) {
        Ok(true) => {}
        Ok(false) => return Err(Refusal::COMPONENT_TICKET_EXPIRED),
        Err(()) => return Err(Refusal::COMPONENT_TICKET_INVALID),
    }
    let appid = appid.to_owned();
    let token = mint(world, call, &appid);
    let expires_in = world.clock.stated(TOKEN_LIFETIME);
    Ok(Success::Json(json!({"component_access_token": token, "expires_in": expires_in})))
}

/// A new token of the platform's, or of an account's for it.
fn mint(world: &mut World, call: &Call<'_>, owner: &str) -> String {
    let mint = Mint { random: &mut world.random, length: call.token_length };
    let token = world.tokens.of_platform(call.now, owner, mint);
    world.counters.app_mut(owner).minted.add(Family::Platform);
    world.revision += 1;
    token
}

/// The platform whose live token is in the query, and which the body names.
pub(crate) fn identify(world: &mut World, call: &Call<'_>) -> Result<String, Refusal> {
    let owner = owner(world, call)?;
    let body = call.json()?;
    let (appid, _) = component(world, call, &body)?;
    if appid == owner { Ok(owner) } else { Err(Refusal::INVALID_COMPONENT) }
}

/// The platform whose token the call carries.
pub(super) fn owner(world: &World, call: &Call<'_>) -> Result<String, Refusal> {
    let token = call.token().ok_or(Refusal::COMPONENT_TOKEN_MISSING)?;
    let owner = world.tokens.owner(token).map(|(owner, _)| owner.to_owned());
    match world.tokens.standing(call.now, token) {
        Some(Standing::Live { .. }) => {}
        Some(Standing::Expired) => return Err(Refusal::COMPONENT_TOKEN_EXPIRED),
        Some(Standing::Replaced) | None => return Err(Refusal::BAD_TOKEN),
    }
    let owner = owner.ok_or(Refusal::BAD_TOKEN)?;
    if world.platforms.has(&owner) { Ok(owner) } else { Err(Refusal::WANTS_COMPONENT_TOKEN) }
}

/// POST `/cgi-bin/component/clear_quota/v2`: the platform's own, or that of an account which has authorised it.
fn clear_quota(world: &mut World, call: &Call<'_>) -> Served {
    let body = call.json()?;
    let (now, account) = (call.now, text(&body, "appid"));
    let (appid, component) = component(world, call, &body)?;
    if text(&body, "appsecret").ok_or(Refusal::SECRET_MISSING)? != component.secret {
        return Err(Refusal::INVALID_SECRET);
    }
    match account.filter(|account| *account != appid) {
        None => component.usage.clear(now, None, &Quotas::default())?,
        Some(account) if component.authorizations.contains_key(account) => {
            let app = world.apps.get_mut(account).ok_or(Refusal::INVALID_APPID)?;
            app.usage.clear(now, None, &app.quotas)?;
        }
        Some(_) => return Err(Refusal::NOT_AUTHORIZED),
    }
    world.revision += 1;
    Ok(Success::ok())
}

/// POST `/cgi-bin/clear_quota` with a platform's token: its own.
pub(crate) fn clear_own_quota(world: &mut World, call: &Call<'_>) -> Served {
    let (owner, body) = (owner(world, call)?, call.json()?);
    let (appid, component) = component_of(world, call, text(&body, "appid"))?;
    if appid != owner {
        return Err(Refusal::INVALID_APPID);
    }
    component.usage.clear(call.now, None, &Quotas::default())?;
    world.revision += 1;
    Ok(Success::ok())
}

fn create_preauthcode(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let code = format!("preauthcode@@@{}", world.random.url_safe(60));
    let now = call.now;
    let component = world.platforms.get_mut(appid).map_err(|_| Refusal::INVALID_APPID)?;
    component.pre_auth_codes.retain(|(_, ends_at)| now < *ends_at);
    component.pre_auth_codes.truncate(PRE_AUTH_CODES);
    component.pre_auth_codes.push((code.clone(), now.plus(super::CODE_LIFE)));
    world.revision += 1;
    let expires_in = world.clock.stated(super::CODE_LIFE);
    Ok(Success::Json(json!({"pre_auth_code": code, "expires_in": expires_in})))
}

fn query_auth(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let body = call.json()?;
    let code = text(&body, "authorization_code").ok_or(Refusal::AUTH_CODE_INVALID)?;
    let component = world.platforms.get_mut(appid).map_err(|_| Refusal::INVALID_APPID)?;
    let at = component.codes.iter().position(|known| known.value == code);
    let known = component.codes.remove(at.ok_or(Refusal::AUTH_CODE_INVALID)?);
    if known.ends_at <= call.now {
        return Err(Refusal::AUTH_CODE_EXPIRED);
    }
    let authorizer = known.authorizer;
    let authorization = component.authorizations.get_mut(&authorizer);
    let authorization = authorization.ok_or(Refusal::NOT_AUTHORIZED)?;
    authorization.was_queried = true;
    let refresh_token = authorization.latest().to_owned();
    let token = mint(world, call, &authorizer);
    let expires_in = world.clock.stated(TOKEN_LIFETIME);
    Ok(Success::Json(json!({"authorization_info": {
        "authorizer_appid": authorizer,
        "authorizer_access_token": token,
        "expires_in": expires_in,
        "authorizer_refresh_token": refresh_token,
        "func_info": [{"funcscope_category": {"id": 1}}],
    }})))
}

/// The authorisation of the account that a body names, if it stands.
fn authorization<'a>(
    world: &'a mut World,
    body: &Body,
    appid: &str,
) -> Result<(&'a mut Authorization, bool), Refusal> {
    let authorizer = text(body, "authorizer_appid").ok_or(Refusal::APPID_MISSING)?;
    let component = world.platforms.get_mut(appid).map_err(|_| Refusal::INVALID_APPID)?;
    let repeats = component.repeats_refresh_tokens;
    let authorization = component.authorizations.get_mut(authorizer);
    Ok((authorization.ok_or(Refusal::NOT_AUTHORIZED)?, repeats))
}

fn authorizer_token(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let body = call.json()?;
    let fresh = refresh_token(&mut world.random);
    let (authorization, repeats) = authorization(world, &body, appid)?;
    let shown = text(&body, "authorizer_refresh_token").ok_or(Refusal::REFRESH_TOKEN_MISSING)?;
    if authorization.is_void {
        return Err(Refusal::PASSWORD_CHANGED);
    }
    if authorization.verdict(call.now, shown) == RefreshVerdict::Dead {
        return Err(Refusal::COMPONENT_REFRESH_TOKEN);
    }
    if !repeats {
        authorization.replace(call.now, RefreshToken { value: fresh, ends_at: None });
    }
    let latest = authorization.latest().to_owned();
    let authorizer = text(&body, "authorizer_appid").unwrap_or_default();
    let token = mint(world, call, authorizer);
    let expires_in = world.clock.stated(TOKEN_LIFETIME);
    Ok(Success::Json(json!({
        "authorizer_access_token": token, "expires_in": expires_in, "authorizer_refresh_token": latest,
    })))
}

fn authorizer_info(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let body = call.json()?;
    let (authorization, _) = authorization(world, &body, appid)?;
    let refresh_token = authorization.latest().to_owned();
    let authorizer = text(&body, "authorizer_appid").unwrap_or_default();
    let mut info = json!({
        "nick_name": authorizer, "head_img": "", "service_type_info": {"id": 2}, "verify_type_info": {"id": 0},
        "user_name": "gh_sandbox", "principal_name": "", "alias": "", "qrcode_url": "",
        "business_info": {"open_pay": 0, "open_shake": 0, "open_scan": 0, "open_card": 0, "open_store": 0},
    });
    // What a Mini Program is known by.
    if world.apps.get(authorizer).is_some_and(|app| app.kind == AppKind::MiniProgram) {
        info["service_type_info"] = json!({"id": 0});
        info["MiniProgramInfo"] = json!({
            "network": {"RequestDomain": [], "WsRequestDomain": [], "UploadDomain": [], "DownloadDomain": []},
            "categories": [], "visit_status": 0,
        });
    }
    Ok(Success::Json(json!({
        "authorizer_info": info,
        "authorization_info": {
            "authorizer_appid": authorizer, "authorizer_refresh_token": refresh_token,
            "func_info": [{"funcscope_category": {"id": 1}}],
        },
    })))
}

fn authorizer_list(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let body = call.json()?;
    let number = |name: &str| body.get(name).and_then(Value::as_u64);
    let (Some(offset), Some(count)) = (number("offset"), number("count")) else {
        return Err(Refusal::INVALID_ARGS);
    };
    if count > PAGE {
        return Err(Refusal::INVALID_ARGS);
    }
    let component = world.platforms.get(appid).map_err(|_| Refusal::INVALID_APPID)?;
    let listed: Vec<_> = component.authorizations.iter().filter(|(_, it)| it.was_queried).collect();
    let page = listed.iter().skip(usize::try_from(offset).unwrap_or(usize::MAX));
    let page = page.take(usize::try_from(count).unwrap_or(0)).map(|(authorizer, authorization)| {
        json!({
            "authorizer_appid": authorizer, "refresh_token": authorization.latest(),
            "auth_time": authorization.at.unix_seconds(),
        })
    });
    let page: Vec<_> = page.collect();
    Ok(Success::Json(json!({"total_count": listed.len(), "list": page})))
}

impl Component {
    /// Loses the last refresh token of an account: another took its place, and nobody was told. The old one is dead.
    pub(super) fn lose_refresh_token(
        &mut self,
        now: Moment,
        authorizer: &str,
        fresh: String,
    ) -> Option<()> {
        let authorization = self.authorizations.get_mut(authorizer)?;
        for token in &mut authorization.refresh_tokens {
            token.ends_at = Some(now);
        }
        authorization.refresh_tokens.push(RefreshToken { value: fresh, ends_at: None });
        let surplus = authorization.refresh_tokens.len().saturating_sub(REMEMBERED);
        authorization.refresh_tokens.drain(..surplus);
        Some(())
    }
}
