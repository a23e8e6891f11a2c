//! The part of the control API that is about WeCom's service providers.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{done, read};
use crate::{Error, ProviderSettings, PushTo, World};

/// Answers one call. `None` if there is no such route.
pub(super) fn route(
    world: &mut World,
    now: Duration,
    method: &Method,
    segments: &[&str],
    body: &Bytes,
) -> Result<Option<Value>, Error> {
    let corpid = || read::<Corp>(body).map(|corp| corp.corpid);
    let answer = match (method.as_str(), segments) {
        ("GET", ["pushes"]) => json!({"pushes": world.pushed}),
        ("GET", ["suites"]) => json!({"suites": suites(world)}),
        ("POST", ["providers"]) => {
            let settings: ProviderSettings = read(body)?;
            let ids: Vec<_> = settings.suites.iter().map(|suite| suite.suite_id.clone()).collect();
            world.add_provider(settings)?;
            let suites = ids.into_iter().map(|id| {
                let secret = world.suite_secret(&id)?;
                Ok(json!({"suite_id": id, "secret": secret.expose()}))
            });
            json!({"suites": suites.collect::<Result<Vec<_>, Error>>()?})
        }
        ("POST", ["suites", id, "push-to"]) => {
            done(world.push_suite_to(id, Some(read::<PushTo>(body)?))?)
        }
        ("POST", ["suites", id, "push-ticket"]) => {
            json!({"suite_ticket": world.push_suite_ticket(now, id)?})
        }
        ("POST", ["suites", id, "authorize"]) => {
            json!({"auth_code": world.authorize_suite(now, id, &corpid()?)?})
        }
        ("POST", ["suites", id, "reset-code"]) => {
            json!({"auth_code": world.reset_permanent_code(now, id, &corpid()?)?})
        }
        ("POST", ["suites", id, "change"]) => {
            done(world.change_authorization(now, id, &corpid()?)?)
        }
        ("POST", ["suites", id, "cancel"]) => {
            done(world.cancel_authorization(now, id, &corpid()?)?)
        }
        ("POST", ["providers", id, "expire"]) => done(world.end_provider_token(now, id, true)?),
        ("POST", ["providers", id, "revoke"]) => done(world.end_provider_token(now, id, false)?),
        ("POST", ["suites", id, "expire"]) => done(world.end_suite_token(now, id, true)?),
        ("POST", ["suites", id, "revoke"]) => done(world.end_suite_token(now, id, false)?),
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corp {
    corpid: String,
}

/// The suites without their secrets.
fn suites(world: &World) -> Vec<Value> {
    let told = |(id, provider, url): (&str, &str, Option<&str>)| json!({"suite_id": id, "provider": provider, "push_url": url});
    world.wecom.suites().map(told).collect()
}
