//! The control API under `/__sandbox/`: [`operate`](crate::operate) over HTTP, in JSON.
//!
//! It asks nobody who he is, which is why the server keeps to the loopback unless told otherwise.

mod index;
mod suites;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    AgentSettings, AppSecret, AppSettings, Certificate, Decision, Error, Family, Fault, IpPattern,
    OtherSystem, Punishment, Quota, Revocation, Scope, Takes, World, api::FOLLOWERS,
    outcome::response, params::Params, platform, quota::limit, time::TOKEN_LIFETIME,
};

type Answered = Result<Value, Error>;

/// Answers one call of the control API.
pub(crate) fn answer(
    world: &mut World,
    now: Duration,
    peer: IpAddr,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    if request.method() != Method::GET {
        world.revision += 1;
    }
    let (status, body) = match route(world, now, peer, request) {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (status_of(&error), json!({"error": error.to_string()})),
    };
    let pretty = serde_json::to_vec_pretty(&body).unwrap_or_default();
    response(status, "application/json", [pretty, b"\n".to_vec()].concat().into())
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::UnknownApp { .. } | Error::UnknownRoute { .. } => StatusCode::NOT_FOUND,
        Error::AppExists { .. } | Error::NothingPending { .. } => StatusCode::CONFLICT,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn route(world: &mut World, now: Duration, peer: IpAddr, request: &Request<Bytes>) -> Answered {
    let (method, path) = (request.method(), request.uri().path());
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).skip(1).collect();
    let body = request.body();
    match (method.as_str(), segments.as_slice()) {
        ("GET", []) => Ok(index::index(&host(request))),
        ("GET", ["state"]) => Ok(state(world, now)),
        ("GET", ["counters"]) => Ok(json!(world.counters())),
        ("POST", ["reset-counters"]) => {
            world.reset_counters();
            Ok(done(()))
        }
        ("GET", ["messages"]) => Ok(json!({"messages": world.messages})),
        ("GET", ["log"]) => log(world, request),
        ("POST", ["time"]) => time(world, now, body),
        ("POST", ["caller-ip"]) => caller_ip(world, body),
        ("POST", ["verdict"]) => verdict(world, now, body),
        ("POST", ["check-ticket"]) => {
            Ok(json!(world.ticket_verdict(now, &read::<Ticket>(body)?.ticket)))
        }
        ("POST", ["check-signature"]) => check_signature(world, now, body),
        ("GET", ["faults"]) => Ok(json!({"faults": world.faults(now)})),
        ("POST", ["faults"]) => {
            let fault = Fault::from_json(read(body)?)?;
            Ok(json!({"id": world.fault(now, fault)?}))
        }
        ("DELETE", ["faults"]) => {
            world.mend_all();
            Ok(done(()))
        }
        ("DELETE", ["faults", id]) => {
            let id = id.parse().map_err(|_| bad("the id of a fault is a number"))?;
            Ok(json!({"removed": world.mend(id)}))
        }
        ("GET", ["agents"]) => Ok(json!({"agents": agents(world)})),
        ("POST", ["agents"]) => create_agent(world, body),
        ("DELETE", ["agents", corpid, agent]) => {
            world.remove_agent(corpid, number(agent)?).map(done)
        }
        ("POST", ["agents", corpid, agent, deed]) => {
            on_agent(world, now, (corpid, number(agent)?), deed, body)?
                .ok_or_else(|| unknown(method, path))
        }
        ("POST", ["components", deed @ ..]) => {
            platform::control(world, now, deed, body)?.ok_or_else(|| unknown(method, path))
        }
        (_, ["suites" | "providers" | "pushes", ..]) => {
            suites::route(world, now, method, &segments, body)?.ok_or_else(|| unknown(method, path))
        }
        ("GET", ["apps"]) => Ok(json!({"apps": apps(world, now)})),
        ("POST", ["apps"]) => create(world, body),
        ("DELETE", ["apps", appid]) => world.remove_app(appid).map(done),
        ("POST", ["apps", appid, deed]) => {
            let caller = world.seen(peer);
            on_app(world, now, appid, deed, body, caller)?.ok_or_else(|| unknown(method, path))
        }
        _ => Err(unknown(method, path)),
    }
}

/// What is done to one app. `None` if no such deed is known.
fn on_app(
    world: &mut World,
    now: Duration,
    appid: &str,
    deed: &str,
    body: &Bytes,
    caller: IpAddr,
) -> Result<Option<Value>, Error> {
    let ip = || Ok::<_, Error>(read::<Ip>(body)?.ip.unwrap_or(caller));
    let answer = match deed {
        "revoke" => {
            let wish: Revoke = read(body)?;
            let revocation = if wish.stubborn { Revocation::Stubborn } else { Revocation::Noticed };
            done(world.revoke(now, appid, &families(wish.family), revocation)?)
        }
        "expire" => {
            let wish: Families = read(body)?;
            done(world.expire(now, appid, &families(wish.family))?)
        }
        "other-system" => {
            let wish: Other = read(body)?;
            let how = wish.how.unwrap_or(OtherSystem::Classic);
            json!({"access_token": world.other_system_refreshes(now, appid, how)?})
        }
        "log-in" => {
            let wish: LogIn = read(body)?;
            let openid = wish.openid.as_deref().unwrap_or(FOLLOWERS[0]);
            json!({"code": world.log_in(now, appid, openid, wish.scope)?})
        }
        "block-ip" => done(world.block_ip(appid, ip()?)?),
        "allow-ip" => done(world.allow_ip(appid, ip()?)?),
        "require-confirmation" => done(world.require_confirmation(appid, ip()?)?),
        "accept" => done(world.decide(now, appid, ip()?, Decision::Accept)?),
        "refuse" => done(world.decide(now, appid, ip()?, Decision::Refuse)?),
        "exhaust" => done(world.exhaust(now, appid, &read::<Exhaust>(body)?.quota)?),
        "restore-quotas" => done(world.restore_quotas(appid)?),
        "freeze" => done(world.freeze(now, appid, takes(body)?)?),
        "unfreeze" => done(world.unfreeze(now, appid, takes(body)?)?),
        "reset-secret" => {
            let secret = world.reset_secret(appid, read::<Reset>(body)?.secret)?;
            json!({"appid": appid, "secret": secret.expose()})
        }
        "punish" => done(world.punish(appid, Some(read::<Punish>(body)?.punishment))?),
        "pardon" => done(world.punish(appid, None)?),
        "api-security" => world.set_api_security(appid, read(body)?)?,
        "replace-certificate" => {
            world.replace_certificate(appid, read::<Replace>(body)?.certificate)?
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// What is done to one application of WeCom. `None` if no such deed is known.
fn on_agent(
    world: &mut World,
    now: Duration,
    (corpid, agent): (&str, u32),
    deed: &str,
    body: &Bytes,
) -> Result<Option<Value>, Error> {
    let answer = match deed {
        "revoke" => done(world.revoke_agent(corpid, agent)?),
        "expire" => done(world.expire_agent(now, corpid, agent)?),
        "trust" => done(world.trust(corpid, agent, read::<Trust>(body)?.trusted)?),
        "reset-secret" => {
            let secret = world.reset_agent_secret(corpid, agent, read::<Reset>(body)?.secret)?;
            json!({"corpid": corpid, "agent": agent, "secret": secret.expose()})
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

fn create_agent(world: &mut World, body: &Bytes) -> Answered {
    let settings: AgentSettings = read(body)?;
    let (corpid, agent) = (settings.corpid.clone(), settings.agent);
    world.add_agent(settings)?;
    let secret = world.agent_secret(&corpid, agent)?;
    Ok(json!({"corpid": corpid, "agent": agent, "secret": secret.expose()}))
}

/// The applications of WeCom without their secrets.
fn agents(world: &World) -> Vec<Value> {
    world.wecom.list().map(|(id, trusted)| json!({"agent": id, "trusted": trusted})).collect()
}

fn number(agent: &str) -> Result<u32, Error> {
    agent.parse().map_err(|_| bad("an agent is named by its number"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trust {
    trusted: Vec<IpPattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ip {
    ip: Option<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    family: Option<Family>,
    #[serde(default)]
    stubborn: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Families {
    family: Option<Family>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    how: Option<OtherSystem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogIn {
    openid: Option<String>,
    #[serde(default)]
    scope: Scope,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exhaust {
    quota: Quota,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Freeze {
    #[serde(default)]
    at_once: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    secret: Option<AppSecret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    certificate: Certificate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Punish {
    punishment: Punishment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    speed: Option<f64>,
    lifetime_seconds: Option<f64>,
    advance_seconds: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ticket {
    ticket: String,
}

/// A page if there is a URL; otherwise a card, all of whose values are named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    appid: String,
    signature: String,
    url: Option<String>,
    noncestr: Option<String>,
    timestamp: Option<u64>,
    values: Option<Vec<String>>,
}

fn check_signature(world: &World, now: Duration, body: &Bytes) -> Answered {
    let accepted = match read(body)? {
        Signed {
            appid,
            signature,
            url: Some(url),
            noncestr: Some(nonce),
            timestamp: Some(timestamp),
            values: None,
        } => world.accepts_page(now, &appid, (&nonce, timestamp), &url, &signature),
        Signed { appid, signature, url: None, values: Some(values), .. } => {
            world.accepts_card(now, &appid, &values, &signature)
        }
        _ => {
            return Err(bad("give url, noncestr and timestamp of a page, or the values of a card"));
        }
    };
    Ok(json!({"accepted": accepted}))
}

fn create(world: &mut World, body: &Bytes) -> Answered {
    let settings: AppSettings = read(body)?;
    let appid = settings.appid.clone();
    world.add_app(settings)?;
    Ok(json!({"appid": appid, "secret": world.secret(&appid)?.expose()}))
}

fn time(world: &mut World, now: Duration, body: &Bytes) -> Answered {
    let wish: Time = read(body)?;
    let advance = wish.advance_seconds.unwrap_or_default();
    let advance = Duration::try_from_secs_f64(advance)
        .map_err(|_| bad("advance_seconds must be zero or more: time does not run backwards"))?;
    let speed = match (wish.speed, wish.lifetime_seconds) {
        (Some(_), Some(_)) => return Err(bad("give speed or lifetime_seconds, not both")),
        (None, Some(lifetime)) => Some(TOKEN_LIFETIME.as_secs_f64() / lifetime),
        (speed, None) => speed,
    };
    if let Some(speed) = speed {
        world.set_speed(now, speed)?;
    }
    world.advance(now, advance);
    Ok(clock(world, now))
}

fn caller_ip(world: &mut World, body: &Bytes) -> Answered {
    let wish: Ip = read(body)?;
    world.set_caller_ip(wish.ip);
    Ok(json!({"caller_ip": wish.ip}))
}

fn verdict(world: &mut World, now: Duration, body: &Bytes) -> Answered {
    Ok(json!(world.verdict(now, &read::<Token>(body)?.token)))
}

fn log(world: &World, request: &Request<Bytes>) -> Answered {
    let query = Params::parse(request.uri().query().unwrap_or_default());
    let last = query.value("last").map(str::parse).transpose();
    let last = last.map_err(|_| bad("last must be a number of calls"))?.unwrap_or(50);
    Ok(json!({"calls": world.log(last).collect::<Vec<_>>()}))
}

fn state(world: &mut World, now: Duration) -> Value {
    json!({
        "time": clock(world, now),
        "caller_ip": world.caller_ip,
        "check_order": world.settings.check_order,
        "forced_beyond_limit": world.settings.forced_beyond_limit,
        "apps": apps(world, now),
        "agents": agents(world),
        "faults": world.faults(now),
    })
}

fn clock(world: &World, now: Duration) -> Value {
    let speed = world.clock.speed();
    json!({
        "virtual_unix_seconds": world.clock.at(now).unix_seconds(),
        "real_seconds_since_start": now.as_secs_f64(),
        "speed": speed,
        "lifetime_seconds": TOKEN_LIFETIME.as_secs_f64() / speed,
    })
}

/// The apps without their secrets, which only creating and resetting show.
fn apps(world: &World, now: Duration) -> Vec<Value> {
    let moment = world.clock.at(now);
    let app = |app: &crate::app::App| {
        let used = crate::api::paths()
            .map(|path| (path, app.usage.used(moment, path)))
            .filter(|(_, used)| *used > 0)
            .map(|(path, used)| (path.to_owned(), json!(used.min(limit(path, &app.quotas)))));
        json!({
            "appid": app.appid,
            "kind": app.kind,
            "whitelist": app.whitelist(),
            "quotas": app.quotas,
            "used_today": used.collect::<serde_json::Map<_, _>>(),
            "forced_left_today": app.usage.forced_left(moment, &app.quotas),
            "secret_frozen": app.is_frozen(moment),
            "punishment": app.punishment,
        })
    };
    world.apps.values().map(app).collect()
}

fn families(wish: Option<Family>) -> Vec<Family> {
    wish.map_or_else(|| Family::ALL.to_vec(), |family| vec![family])
}

fn takes(body: &Bytes) -> Result<Takes, Error> {
    let at_once = read::<Freeze>(body)?.at_once;
    Ok(if at_once { Takes::NoTime } else { Takes::TenMinutes })
}

/// Reads a JSON body; an empty one is an empty object.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Error> {
    let body = if body.is_empty() { b"{}" } else { body.as_ref() };
    serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))
}

fn bad(problem: &str) -> Error {
    Error::BadRequest { problem: problem.to_owned() }
}

fn unknown(method: &Method, path: &str) -> Error {
    Error::UnknownRoute { method: method.to_string(), path: path.to_owned() }
}

fn done((): ()) -> Value {
    json!({"done": true})
}

/// Where the caller reached us, for examples that can be copied.
fn host(request: &Request<Bytes>) -> String {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    host.map_or_else(|| format!("{}:8900", Ipv4Addr::LOCALHOST), str::to_owned)
}
