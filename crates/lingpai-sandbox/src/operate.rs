//! What can be done to the world from outside, with types. The control API does the same over HTTP.
//!
//! `now` is always real time since the start, as in [`World::handle`].

use std::{net::IpAddr, time::Duration};

use serde::Deserialize;

use crate::{
    AppSecret, AppSettings, Decision, Error, Family, Fault, FaultId, Punishment, Quota, Takes,
    World,
    app::App,
    counters::Counters,
    fault::ActiveFault,
    people::{Person, Scope},
    settings::valid_speed,
    tokens::{Handed, How, Mint},
};

/// How "another system" that shares the app fetches a token behind our back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtherSystem {
    /// By `/cgi-bin/token`: the classic token before it lives on for 300 s at most.
    Classic,
    /// By `/cgi-bin/stable_token`: harmless.
    Stable,
    /// By `/cgi-bin/stable_token` with `force_refresh`; obeys the 30 s between two of them.
    Forced,
}

/// How the killed token of a family shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revocation {
    /// The token APIs know of it: stable_token mints a new one.
    #[default]
    Noticed,
    /// stable_token keeps handing out the dead token until a forced refresh.
    Stubborn,
}

impl World {
    /// Adds an app.
    ///
    /// # Errors
    /// If the appid is taken, or appid or secret have not WeChat's shape.
    pub fn add_app(&mut self, settings: AppSettings) -> Result<(), Error> {
        if self.apps.contains_key(&settings.appid) {
            return Err(Error::AppExists { appid: settings.appid });
        }
        let app = App::new(settings, &mut self.random)?;
        self.apps.insert(app.appid.clone(), app);
        Ok(())
    }

    /// Removes an app with its tokens. Its counters stay.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn remove_app(&mut self, appid: &str) -> Result<(), Error> {
        self.app(appid)?;
        self.apps.remove(appid);
        self.tokens.forget(appid);
        self.tickets.forget(appid);
        self.people.forget(appid);
        Ok(())
    }

    /// The apps, in the order of their appids.
    pub fn appids(&self) -> impl Iterator<Item = &str> {
        self.apps.keys().map(String::as_str)
    }

    /// The secret of an app.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn secret(&self, appid: &str) -> Result<&AppSecret, Error> {
        Ok(self.app(appid)?.secret())
    }

    /// Gives an app another secret, `None` for an invented one; the old one is dead at once.
    ///
    /// # Errors
    /// If there is no such app, or the secret has not WeChat's shape.
    pub fn reset_secret(
        &mut self,
        appid: &str,
        secret: Option<AppSecret>,
    ) -> Result<AppSecret, Error> {
        let secret = secret.unwrap_or_else(|| AppSecret::new(self.random.secret()));
        self.app_mut(appid)?.set_secret(secret.clone())?;
        Ok(secret)
    }

    /// Changes how fast virtual time runs from now on.
    ///
    /// # Errors
    /// If the speed is not in 0.001 to 1,000,000.
    pub fn set_speed(&mut self, now: Duration, speed: f64) -> Result<(), Error> {
        self.clock.set_speed(now, valid_speed(speed)?);
        Ok(())
    }

    /// Lets this much virtual time pass at once.
    pub fn advance(&mut self, now: Duration, virtual_time: Duration) {
        self.clock.advance(now, virtual_time);
    }

    /// The caller address that WeChat believes to see; `None` is the true peer.
    pub fn set_caller_ip(&mut self, ip: Option<IpAddr>) {
        self.caller_ip = ip;
    }

    /// Kills the live tokens of these families: 40001 from now on.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn revoke(
        &mut self,
        now: Duration,
        appid: &str,
        families: &[Family],
        revocation: Revocation,
    ) -> Result<(), Error> {
        if !self.platforms.has(appid) {
            self.app(appid)?;
        }
        let moment = self.clock.at(now);
        for &family in families {
            self.tokens.revoke(moment, appid, family, revocation == Revocation::Stubborn);
        }
        Ok(())
    }

    /// Ends the lifetime of the live tokens of these families: 42001 from now on.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn expire(&mut self, now: Duration, appid: &str, families: &[Family]) -> Result<(), Error> {
        self.app(appid)?;
        let moment = self.clock.at(now);
        for &family in families {
            self.tokens.expire(moment, appid, family);
        }
        Ok(())
    }

    /// Lets another system fetch a token behind our back; returns the token it got. Its calls use
    /// up the app's quota and are never refused; in the counters they show as `minted_for_others`
    /// only.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn other_system_refreshes(
        &mut self,
        now: Duration,
        appid: &str,
        how: OtherSystem,
    ) -> Result<String, Error> {
        let moment = self.clock.at(now);
        let app = self.apps.get_mut(appid);
        let app = app.ok_or_else(|| Error::UnknownApp { appid: appid.to_owned() })?;
        let mint = Mint { random: &mut self.random, length: None };
        let (family, handed) = match how {
            OtherSystem::Classic => (Family::Classic, self.tokens.classic(moment, appid, mint)),
            OtherSystem::Stable => (Family::Stable, self.tokens.stable(moment, appid, mint)),
            OtherSystem::Forced => (Family::Stable, self.tokens.forced(moment, appid, mint)),
        };
        app.usage.count_other(moment, family);
        let Handed { token, how, .. } = handed;
        if how == How::Forced {
            app.usage.count_forced(moment);
        }
        if how != How::Repeated {
            self.counters.app_mut(appid).minted_for_others.add(family);
        }
        Ok(token)
    }

    /// Somebody logs in to an app; returns the code that their WeChat hands it. It is good once, for
    /// five minutes, at `/sns/jscode2session` or `/sns/oauth2/access_token`.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn log_in(
        &mut self,
        now: Duration,
        appid: &str,
        openid: &str,
        scope: Scope,
    ) -> Result<String, Error> {
        self.app(appid)?;
        let person = Person { appid: appid.to_owned(), openid: openid.to_owned(), scope };
        Ok(self.people.log_in(self.clock.at(now), person, &mut self.random))
    }

    /// Refuses an address with 40164, whatever the whitelist says.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn block_ip(&mut self, appid: &str, ip: IpAddr) -> Result<(), Error> {
        self.app_mut(appid)?.block(ip);
        Ok(())
    }

    /// Puts an address on the whitelist, which also ends a block and the confirmation flow for it.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn allow_ip(&mut self, appid: &str, ip: IpAddr) -> Result<(), Error> {
        self.app_mut(appid)?.allow(ip);
        Ok(())
    }

    /// From now on the administrator has to confirm this address, although it may be on the
    /// whitelist.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn require_confirmation(&mut self, appid: &str, ip: IpAddr) -> Result<(), Error> {
        self.app_mut(appid)?.require_confirmation(ip);
        Ok(())
    }

    /// The administrator's answer to a pending confirmation.
    ///
    /// # Errors
    /// If there is no such app, or nothing is pending for this address.
    pub fn decide(
        &mut self,
        now: Duration,
        appid: &str,
        ip: IpAddr,
        decision: Decision,
    ) -> Result<(), Error> {
        let moment = self.clock.at(now);
        self.app_mut(appid)?.decide(moment, ip, decision)
    }

    /// Uses up a quota until its window ends or it is cleared.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn exhaust(&mut self, now: Duration, appid: &str, quota: &Quota) -> Result<(), Error> {
        let moment = self.clock.at(now);
        self.app_mut(appid)?.usage.exhaust(moment, quota);
        Ok(())
    }

    /// Forgets all that an app has used up, without counting as one of its clearings.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn restore_quotas(&mut self, appid: &str) -> Result<(), Error> {
        self.app_mut(appid)?.usage = Default::default();
        Ok(())
    }

    /// Freezes the AppSecret: 40243 on the APIs that take it.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn freeze(&mut self, now: Duration, appid: &str, takes: Takes) -> Result<(), Error> {
        let moment = self.clock.at(now);
        self.app_mut(appid)?.freeze(moment, takes);
        Ok(())
    }

    /// Ends the freeze of the AppSecret.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn unfreeze(&mut self, now: Duration, appid: &str, takes: Takes) -> Result<(), Error> {
        let moment = self.clock.at(now);
        self.app_mut(appid)?.unfreeze(moment, takes);
        Ok(())
    }

    /// Punishes the account, or pardons it with `None`.
    ///
    /// # Errors
    /// If there is no such app.
    pub fn punish(&mut self, appid: &str, punishment: Option<Punishment>) -> Result<(), Error> {
        self.app_mut(appid)?.punishment = punishment;
        Ok(())
    }

    /// Lets something go wrong from now on.
    ///
    /// # Errors
    /// If a figure in the fault makes no sense.
    pub fn fault(&mut self, now: Duration, fault: Fault) -> Result<FaultId, Error> {
        self.faults.add(now, fault)
    }

    /// The faults in force.
    pub fn faults(&mut self, now: Duration) -> &[ActiveFault] {
        self.faults.list(now)
    }

    /// Mends one fault; `false` if it was over already.
    pub fn mend(&mut self, id: FaultId) -> bool {
        self.faults.remove(id)
    }

    /// Mends every fault.
    pub fn mend_all(&mut self) {
        self.faults.clear();
    }

    /// Sets every counter to zero. Quotas are not touched.
    pub fn reset_counters(&mut self) {
        self.counters = Counters::default();
    }
}
