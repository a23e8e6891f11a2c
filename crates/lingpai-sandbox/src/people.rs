//! People who log in to an app: the one-time codes that their WeChat hands out, and the tokens of
//! their own that an app gets for a code (`/sns/oauth2/*`).
//!
//! The rules are those of WeChat's page on web authorisation. A person's token has nothing to do
//! with the app's access_token, although the two look alike.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    random::Random,
    time::{Moment, TOKEN_LIFETIME},
};

const CODE_LIFETIME: Duration = Duration::from_secs(300);
const REFRESH_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// So many codes and logins are remembered.
const REMEMBERED: usize = 10_000;

/// What a person has agreed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum Scope {
    /// The openid, no more: `/sns/userinfo` refuses with 48001.
    #[serde(rename = "snsapi_base")]
    Base,
    /// Name and picture as well.
    #[default]
    #[serde(rename = "snsapi_userinfo")]
    UserInfo,
}

/// A person at an app.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) appid: String,
    pub(crate) openid: String,
    pub(crate) scope: Scope,
}

struct Code {
    person: Person,
    expires_at: Moment,
    used: bool,
}

struct Login {
    person: Person,
    access_token: String,
    access_ends: Moment,
    refresh_ends: Moment,
}

/// What an app gets for a code or a refresh_token.
pub(crate) struct Granted {
    pub(crate) person: Person,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) left: Duration,
}

/// Why a code cannot be redeemed.
#[derive(Debug)]
pub(crate) enum BadCode {
    Unknown,
    Used,
}

/// What a person's token is now.
pub(crate) enum Standing<'a> {
    Live(&'a Person),
    Expired,
    Unknown,
}

#[derive(Default)]
pub(crate) struct People {
    codes: Remembered<Code>,
    /// By refresh_token.
    logins: Remembered<Login>,
    /// The refresh_token of each access_token.
    issued: Remembered<String>,
}

impl People {
    /// Somebody logs in: their WeChat hands the app a code, good once and for five minutes.
    pub(crate) fn log_in(&mut self, now: Moment, person: Person, random: &mut Random) -> String {
        let code = random.url_safe(32);
        let expires_at = now.plus(CODE_LIFETIME);
        self.codes.insert(code.clone(), Code { person, expires_at, used: false });
        code
    }

    /// Takes a code of this app.
    pub(crate) fn redeem(
        &mut self,
        now: Moment,
        appid: &str,
        code: &str,
    ) -> Result<Person, BadCode> {
        let known = self.codes.get_mut(code);
        let valid = known.filter(|code| code.person.appid == appid && now < code.expires_at);
        let code = valid.ok_or(BadCode::Unknown)?;
        if std::mem::replace(&mut code.used, true) {
            return Err(BadCode::Used);
        }
        Ok(code.person.clone())
    }

    /// Gives a person, whose code has been taken, an access_token and a refresh_token.
    pub(crate) fn grant(&mut self, now: Moment, person: Person, random: &mut Random) -> Granted {
        let (access_token, refresh_token) = (random.token(now, None), random.token(now, None));
        self.issued.insert(access_token.clone(), refresh_token.clone());
        let login = Login {
            person: person.clone(),
            access_token: access_token.clone(),
            access_ends: now.plus(TOKEN_LIFETIME),
            refresh_ends: now.plus(REFRESH_LIFETIME),
        };
        self.logins.insert(refresh_token.clone(), login);
        Granted { person, access_token, refresh_token, left: TOKEN_LIFETIME }
    }

    /// A token that still lives stays the same one and lives anew; an expired one is replaced.
    /// `None` if this app has no such refresh_token, or no longer.
    pub(crate) fn refresh(
        &mut self,
        now: Moment,
        appid: &str,
        refresh_token: &str,
        random: &mut Random,
    ) -> Option<Granted> {
        let login = self.logins.get_mut(refresh_token);
        let login = login.filter(|l| l.person.appid == appid && now < l.refresh_ends)?;
        if now >= login.access_ends {
            login.access_token = random.token(now, None);
            self.issued.insert(login.access_token.clone(), refresh_token.to_owned());
        }
        login.access_ends = now.plus(TOKEN_LIFETIME);
        Some(Granted {
            person: login.person.clone(),
            access_token: login.access_token.clone(),
            refresh_token: refresh_token.to_owned(),
            left: TOKEN_LIFETIME,
        })
    }

    pub(crate) fn standing(&self, now: Moment, access_token: &str) -> Standing<'_> {
        match self.login(access_token) {
            None => Standing::Unknown,
            Some(login) if login.access_token == access_token && now < login.access_ends => {
                Standing::Live(&login.person)
            }
            Some(_) => Standing::Expired,
        }
    }

    /// The app at which somebody got this token.
    pub(crate) fn owner(&self, access_token: &str) -> Option<&str> {
        self.login(access_token).map(|login| login.person.appid.as_str())
    }

    pub(crate) fn forget(&mut self, appid: &str) {
        self.codes.retain(|code| code.person.appid != appid);
        self.logins.retain(|login| login.person.appid != appid);
    }

    fn login(&self, access_token: &str) -> Option<&Login> {
        self.logins.get(self.issued.get(access_token)?)
    }
}

/// A map that forgets its oldest entries.
struct Remembered<T> {
    entries: HashMap<String, T>,
    order: VecDeque<String>,
}

impl<T> Remembered<T> {
    fn insert(&mut self, key: String, value: T) {
        self.order.push_back(key.clone());
        self.entries.insert(key, value);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    fn get(&self, key: &str) -> Option<&T> {
        self.entries.get(key)
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        self.entries.get_mut(key)
    }

    fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.entries.retain(|_, value| keep(value));
        self.order.retain(|key| self.entries.contains_key(key));
    }
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}
