//! The APIs that take the AppSecret: both token families, and clear_quota/v2.

use serde_json::{Value, json};

use super::Served;
use crate::{
    World,
    app::ApiKind,
    outcome::Success,
    params::Params,
    refusal::Refusal,
    settings::{Check, ForcedBeyondLimit},
    tokens::{Family, Handed, How, Mint},
    world::Call,
};

/// Who the caller says to be.
pub(super) struct Claim<'a> {
    pub(super) appid: &'a str,
    pub(super) secret: &'a str,
    pub(super) grant: Grant<'a>,
    pub(super) kind: ApiKind,
}

/// The `grant_type` of the call.
pub(super) enum Grant<'a> {
    NotAsked,
    Asked { wanted: &'static str, given: Option<&'a str> },
}

impl<'a> Grant<'a> {
    fn client_credential(given: Option<&'a str>) -> Self {
        Self::Asked { wanted: "client_credential", given }
    }
}

/// GET or POST `/cgi-bin/token`: parameters in the query, or in a form body.
pub(super) fn token(world: &mut World, call: &Call<'_>) -> Served {
    let mut params = call.query.clone();
    params.append(Params::parse(std::str::from_utf8(call.request.body()).unwrap_or_default()));
    let claim = Claim {
        appid: params.value("appid").ok_or(Refusal::APPID_MISSING)?,
        secret: params.value("secret").ok_or(Refusal::SECRET_MISSING)?,
        grant: Grant::client_credential(params.value("grant_type")),
        kind: ApiKind::Token,
    };
    check(world, call, &claim)?;
    let mint = Mint { random: &mut world.random, length: call.token_length };
    let handed = world.tokens.classic(call.now, claim.appid, mint);
    Ok(hand_out(world, claim.appid, Family::Classic, &handed))
}

/// POST `/cgi-bin/stable_token`: parameters in a JSON body.
pub(super) fn stable_token(world: &mut World, call: &Call<'_>) -> Served {
    let body = call.json()?;
    let text = |name: &str| match body.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.as_str())),
        None | Some(Value::Null | Value::String(_)) => Ok(None),
        Some(_) => Err(Refusal::BAD_DATA),
    };
    let force = match body.get("force_refresh") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(force)) => *force,
        Some(_) => return Err(Refusal::BAD_DATA),
    };
    let claim = Claim {
        appid: text("appid")?.ok_or(Refusal::APPID_MISSING)?,
        secret: text("secret")?.ok_or(Refusal::SECRET_MISSING)?,
        grant: Grant::client_credential(text("grant_type")?),
        kind: ApiKind::Token,
    };
    check(world, call, &claim)?;
    let handed = if force {
        forced(world, call, claim.appid)?
    } else {
        let mint = Mint { random: &mut world.random, length: call.token_length };
        world.tokens.stable(call.now, claim.appid, mint)
    };
    Ok(hand_out(world, claim.appid, Family::Stable, &handed))
}

/// A forced refresh: 30 s apart and 20 a day; beyond that it is an ordinary call.
fn forced(world: &mut World, call: &Call<'_>, appid: &str) -> Result<Handed, Refusal> {
    let mint = Mint { random: &mut world.random, length: call.token_length };
    let too_soon = world.tokens.force_is_too_soon(call.now, appid);
    let app = world.apps.get_mut(appid).ok_or(Refusal::INVALID_APPID)?;
    let used_up = app.usage.forced_left(call.now, &app.quotas) == 0;
    if too_soon || used_up {
        world.counters.app_mut(appid).forced_in_vain += 1;
        if used_up && world.settings.forced_beyond_limit == ForcedBeyondLimit::Refuse {
            return Err(Refusal::DAILY_QUOTA);
        }
        return Ok(world.tokens.stable(call.now, appid, mint));
    }
    app.usage.count_forced(call.now);
    Ok(world.tokens.forced(call.now, appid, mint))
}

/// POST `/cgi-bin/clear_quota/v2`: the official table says body, the official sample says query;
/// both are read.
pub(super) fn clear_quota_v2(world: &mut World, call: &Call<'_>) -> Served {
    let mut params = call.query.clone();
    let body = call.json().unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    if body.is_empty() {
        params.append(Params::parse(std::str::from_utf8(call.request.body()).unwrap_or_default()));
    }
    let claim = Claim {
        appid: params.value("appid").or(text("appid")).ok_or(Refusal::APPID_MISSING)?,
        secret: params.value("appsecret").or(text("appsecret")).ok_or(Refusal::SECRET_MISSING)?,
        grant: Grant::NotAsked,
        kind: ApiKind::Other,
    };
    check(world, call, &claim)?;
    let app = world.apps.get_mut(claim.appid).ok_or(Refusal::INVALID_APPID)?;
    app.usage.clear(call.now, None, &app.quotas)?;
    world.revision += 1;
    Ok(Success::ok())
}

/// Every check, in the order of the settings. Those that need an app pass while the appid is
/// unknown, since the check of the appid itself is always among them.
pub(super) fn check(world: &mut World, call: &Call<'_>, claim: &Claim<'_>) -> Result<(), Refusal> {
    let mut app = world.apps.get_mut(claim.appid);
    for check in &world.settings.check_order {
        match (check, &mut app) {
            (Check::Appid, None) => return Err(Refusal::INVALID_APPID),
            (Check::GrantType, _) => match claim.grant {
                Grant::Asked { wanted, given } if given != Some(wanted) => {
                    return Err(Refusal::INVALID_GRANT_TYPE);
                }
                Grant::NotAsked | Grant::Asked { .. } => {}
            },
            (Check::IpRisk, Some(app)) => {
                let passed = app.check_ip_risk(call.now, call.caller);
                // The refusal may have asked the administrator.
                passed.inspect_err(|_| world.revision += 1)?;
            }
            (Check::Whitelist, Some(app)) => app.check_whitelist(call.caller)?,
            (Check::Secret, Some(app)) if app.secret().expose() != claim.secret => {
                return Err(Refusal::INVALID_SECRET);
            }
            (Check::Freeze, Some(app)) if app.is_frozen(call.now) => {
                return Err(Refusal::SECRET_FROZEN);
            }
            (Check::Punishment, Some(app)) => app.check_punishment(claim.kind)?,
            (Check::Quota, Some(app)) => {
                app.usage.take(call.now, call.path(), &app.quotas)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Counts what was handed out, and states its remaining life in the caller's seconds. Success has
/// no errcode.
fn hand_out(world: &mut World, appid: &str, family: Family, handed: &Handed) -> Success {
    if handed.how != How::Repeated {
        world.revision += 1;
    }
    let counters = world.counters.app_mut(appid);
    match handed.how {
        How::Repeated => counters.repeated += 1,
        How::Minted => counters.minted.add(family),
        How::Forced => {
            counters.minted.add(family);
            counters.forced += 1;
        }
    }
    let expires_in = world.clock.stated(handed.left).max(1);
    Success::Json(json!({"access_token": handed.token, "expires_in": expires_in}))
}
