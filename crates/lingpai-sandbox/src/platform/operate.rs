//! What can be done to platforms from outside: with types, and over the control API.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Component, ComponentSettings, RefreshVerdict, refresh_token};
use crate::{Error, World, push::Fault, time::Moment};

impl World {
    /// Adds a third-party platform.
    ///
    /// # Errors
    /// If the appid is taken or has not WeChat's shape.
    pub fn add_component(
        &mut self,
        now: Duration,
        settings: ComponentSettings,
    ) -> Result<(), Error> {
        let now = self.clock.at(now);
        if self.apps.contains_key(&settings.appid) {
            return Err(Error::AppExists { appid: settings.appid });
        }
        self.platforms.add(now, settings, &mut self.random)
    }

    /// Has a platform's pushes sent to this URL from now on, the first ticket at once; nowhere with `None`.
    ///
    /// # Errors
    /// If there is no such platform.
    pub fn push_to(&mut self, now: Duration, appid: &str, url: Option<&str>) -> Result<(), Error> {
        let now = self.clock.at(now);
        let component = self.platforms.get_mut(appid)?;
        component.push_url = url.map(str::to_owned);
        component.next_ticket_at = now;
        Ok(())
    }

    /// The owner of an app authorises a platform: the code that the platform's page is called with. It is pushed too.
    ///
    /// # Errors
    /// If there is no such platform.
    pub fn authorize(
        &mut self,
        now: Duration,
        appid: &str,
        authorizer: &str,
    ) -> Result<String, Error> {
        let now = self.clock.at(now);
        self.accept(now, appid, authorizer, "")
    }

    /// From now on WeChat lists this account: as if a code of it had been traded.
    pub fn was_queried(&mut self, (appid, authorizer): (&str, &str)) {
        let component = self.platforms.get_mut(appid).ok();
        if let Some(it) = component.and_then(|it| it.authorizations.get_mut(authorizer)) {
            it.was_queried = true;
        }
    }

    /// The same from the page of this pre-auth code.
    pub(super) fn accept(
        &mut self,
        now: Moment,
        appid: &str,
        authorizer: &str,
        pre_auth_code: &str,
    ) -> Result<String, Error> {
        self.revision += 1;
        let component = self.platforms.get_mut(appid)?;
        let (code, order) =
            component.accept(appid, (now, authorizer), pre_auth_code, &mut self.random);
        self.outgoing.extend(order);
        Ok(code)
    }

    /// What WeChat would make of this refresh token of an account now.
    pub fn refresh_verdict(
        &self,
        now: Duration,
        (appid, authorizer): (&str, &str),
        refresh_token: &str,
    ) -> RefreshVerdict {
        let component = self.platforms.get(appid).ok();
        let authorization = component.and_then(|it| it.authorizations.get(authorizer));
        authorization
            .filter(|it| !it.is_void)
            .map_or(RefreshVerdict::Dead, |it| it.verdict(self.clock.at(now), refresh_token))
    }

    /// The refresh token of an account that WeChat gave last, if it has authorised the platform.
    pub fn latest_refresh_token(&self, (appid, authorizer): (&str, &str)) -> Option<&str> {
        let authorization = self.platforms.get(appid).ok()?.authorizations.get(authorizer)?;
        Some(authorization.latest())
    }

    /// Makes the tickets that are due; after so much virtual time the next one is.
    pub(crate) fn push_due_component_tickets(&mut self, now: Moment) -> Option<Duration> {
        let Self { platforms, random, outgoing, revision, .. } = self;
        let is_pushed = |it: &Component| it.is_pushing && it.push_url.is_some();
        for (appid, component) in platforms.all.iter_mut().filter(|(_, it)| is_pushed(it)) {
            if component.next_ticket_at <= now {
                outgoing.extend(component.ticket_push(appid, now, Fault::None, random));
                *revision += 1;
            }
        }
        let pushed = platforms.all.values().filter(|it| is_pushed(it));
        pushed.map(|component| now.until(component.next_ticket_at)).min()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfAccount {
    authorizer: String,
    refresh_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pushing {
    url: Option<String>,
    token: Option<String>,
    encoding_aes_key: Option<String>,
    #[serde(default)]
    fault: Fault,
    on: Option<bool>,
}

/// `/__sandbox/components...`. `None` if no such deed is known.
pub(crate) fn control(
    world: &mut World,
    now: Duration,
    deed: &[&str],
    body: &[u8],
) -> Result<Option<Value>, Error> {
    let done = json!({"done": true});
    match deed {
        [] => {
            let settings: ComponentSettings = read(body)?;
            let appid = settings.appid.clone();
            world.add_component(now, settings)?;
            let component = world.platforms.get(&appid)?;
            Ok(Some(json!({"appid": appid, "secret": component.secret})))
        }
        [appid, deed] => {
            let moment = world.clock.at(now);
            let unknown = |appid: String| Error::UnknownApp { appid };
            match *deed {
                "push-ticket" => {
                    let wish: Pushing = read(body)?;
                    let component = world.platforms.get_mut(appid)?;
                    let order = component.ticket_push(appid, moment, wish.fault, &mut world.random);
                    world.outgoing.extend(order);
                }
                "set-push" => {
                    let wish: Pushing = read(body)?;
                    let component = world.platforms.get_mut(appid)?;
                    component.push_url = wish.url.or(component.push_url.take());
                    component.token = wish.token.unwrap_or(std::mem::take(&mut component.token));
                    if let Some(key) = wish.encoding_aes_key {
                        component.encoding_aes_key = key;
                    }
                    component.is_pushing = wish.on.unwrap_or(component.is_pushing);
                }
                "authorize" => {
                    let wish: OfAccount = read(body)?;
                    let code = world.accept(moment, appid, &wish.authorizer, "")?;
                    return Ok(Some(json!({"authorization_code": code})));
                }
                "unauthorize" => {
                    let wish: OfAccount = read(body)?;
                    let component = world.platforms.get_mut(appid)?;
                    let order = component.unauthorize(appid, moment, &wish.authorizer);
                    world.tokens.forget(&wish.authorizer);
                    world.outgoing.extend(order);
                }
                "change-password" => {
                    let wish: OfAccount = read(body)?;
                    let component = world.platforms.get_mut(appid)?;
                    let authorization = component.authorizations.get_mut(&wish.authorizer);
                    authorization.ok_or_else(|| unknown(wish.authorizer.clone()))?.is_void = true;
                    world.tokens.forget(&wish.authorizer);
                }
                "lose-refresh-token" => {
                    let wish: OfAccount = read(body)?;
                    let fresh = refresh_token(&mut world.random);
                    let component = world.platforms.get_mut(appid)?;
                    let lost = component.lose_refresh_token(moment, &wish.authorizer, fresh);
                    lost.ok_or_else(|| unknown(wish.authorizer))?;
                }
                "check-refresh-token" => {
                    let wish: OfAccount = read(body)?;
                    let shown = wish.refresh_token.unwrap_or_default();
                    let verdict = world.refresh_verdict(now, (appid, &wish.authorizer), &shown);
                    return Ok(Some(json!({"verdict": verdict})));
                }
                _ => return Ok(None),
            }
            Ok(Some(done))
        }
        _ => Ok(None),
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Error::BadRequest { problem: error.to_string() })
}
