//! One app: its secret and what may be wrong with it, who may call, and what the administrator has
//! said.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    time::Duration,
};

use serde::{Deserialize, Serialize, Serializer};

use crate::{
    Error,
    api_security::ApiSecurity,
    ip::IpPattern,
    quota::Usage,
    random::Random,
    refusal::Refusal,
    settings::{AppKind, AppSecret, AppSettings, Quotas, valid_appid},
    time::Moment,
};

const FREEZE_DELAY: Duration = Duration::from_secs(600);
const BAN_AFTER_ONE_REFUSAL: Duration = Duration::from_secs(3600);
const BAN_AFTER_TWO_REFUSALS: Duration = Duration::from_secs(24 * 3600);

/// How WeChat has punished an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Punishment {
    /// 50002 on every API.
    Limited,
    /// 50004 on the token APIs.
    TokenForbidden,
    /// 50007 on every API.
    AccountFrozen,
    /// 61024 on the token APIs: a third-party platform has to fetch.
    ComponentOnly,
}

impl Punishment {
    fn refusal(self) -> Refusal {
        match self {
            Self::Limited => Refusal::USER_LIMITED,
            Self::TokenForbidden => Refusal::TOKEN_FORBIDDEN,
            Self::AccountFrozen => Refusal::ACCOUNT_FROZEN,
            Self::ComponentOnly => Refusal::COMPONENT_ONLY,
        }
    }

    fn holds_for_every_api(self) -> bool {
        matches!(self, Self::Limited | Self::AccountFrozen)
    }
}

/// When a freeze or its end begins to act. WeChat takes ten minutes for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takes {
    /// Ten virtual minutes.
    #[default]
    TenMinutes,
    /// At once, for tests that do not care.
    NoTime,
}

/// What the administrator says of an address that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The next call goes through.
    Accept,
    /// The address is banned for an hour, the second time for a day.
    Refuse,
}

/// An address that needs the administrator's confirmation (WeChat's older page on getAccessToken).
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct Confirmation {
    stage: Stage,
    first_refusal: Option<Moment>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Stage {
    /// The next call asks the administrator.
    #[default]
    Needed,
    Pending,
    Accepted,
    Banned {
        until: Moment,
        refusal: BanKind,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum BanKind {
    Once,
    Twice,
}

/// One app. Serialised, it shows its secret: that is for a snapshot only.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct App {
    pub(crate) appid: String,
    pub(crate) kind: AppKind,
    pub(crate) quotas: Quotas,
    pub(crate) usage: Usage,
    pub(crate) punishment: Option<Punishment>,
    /// The keys with which its calls are encrypted and signed, if the administrator has set some.
    #[serde(default)]
    pub(crate) api_security: Option<ApiSecurity>,
    #[serde(serialize_with = "in_clear")]
    secret: AppSecret,
    whitelist: Vec<IpPattern>,
    blocked: HashSet<IpAddr>,
    confirmations: HashMap<IpAddr, Confirmation>,
    frozen_from: Option<Moment>,
    frozen_until: Option<Moment>,
}

impl App {
    pub(crate) fn new(settings: AppSettings, random: &mut Random) -> Result<Self, Error> {
        valid_appid(&settings.appid)?;
        let secret = settings.secret.unwrap_or_else(|| AppSecret::new(random.secret()));
        secret.validate()?;
        Ok(Self {
            appid: settings.appid,
            kind: settings.kind,
            quotas: settings.quotas,
            usage: Usage::default(),
            punishment: None,
            api_security: None,
            secret,
            whitelist: settings.whitelist,
            blocked: HashSet::new(),
            confirmations: HashMap::new(),
            frozen_from: None,
            frozen_until: None,
        })
    }

    pub(crate) fn secret(&self) -> &AppSecret {
        &self.secret
    }

    pub(crate) fn set_secret(&mut self, secret: AppSecret) -> Result<(), Error> {
        secret.validate()?;
        self.secret = secret;
        Ok(())
    }

    pub(crate) fn whitelist(&self) -> &[IpPattern] {
        &self.whitelist
    }

    /// 40164, as an API that takes the AppSecret sees it. An accepted address needs no entry.
    pub(crate) fn check_whitelist(&self, caller: IpAddr) -> Result<(), Refusal> {
        let stage = self.confirmations.get(&caller).map(|confirmation| confirmation.stage);
        let accepted = matches!(stage, Some(Stage::Accepted));
        let unguarded = self.kind == AppKind::MiniProgram && self.whitelist.is_empty();
        let listed = unguarded || self.whitelist.iter().any(|pattern| pattern.contains(caller));
        if !self.blocked.contains(&caller) && (accepted || listed) {
            Ok(())
        } else {
            Err(Refusal::ip_not_listed(caller))
        }
    }

    /// The confirmation flow: the first call of an address that needs it asks the administrator.
    pub(crate) fn check_ip_risk(&mut self, now: Moment, caller: IpAddr) -> Result<(), Refusal> {
        let Some(confirmation) = self.confirmations.get_mut(&caller) else { return Ok(()) };
        match confirmation.stage {
            Stage::Accepted => Ok(()),
            Stage::Pending => Err(Refusal::CONFIRMATION_PENDING),
            Stage::Banned { until, refusal } if now < until => Err(match refusal {
                BanKind::Once => Refusal::REFUSED_ONCE,
                BanKind::Twice => Refusal::REFUSED_TWICE,
            }),
            Stage::Needed | Stage::Banned { .. } => {
                confirmation.stage = Stage::Pending;
                Err(Refusal::CONFIRMATION_NEEDED)
            }
        }
    }

    pub(crate) fn require_confirmation(&mut self, ip: IpAddr) {
        self.confirmations.insert(ip, Confirmation::default());
    }

    pub(crate) fn decide(&mut self, now: Moment, ip: IpAddr, say: Decision) -> Result<(), Error> {
        let pending = self.confirmations.get_mut(&ip);
        let pending = pending.filter(|c| matches!(c.stage, Stage::Pending));
        let confirmation = pending.ok_or(Error::NothingPending { ip })?;
        confirmation.stage = match say {
            Decision::Accept => Stage::Accepted,
            Decision::Refuse => {
                let recent = |first: Moment| now < first.plus(BAN_AFTER_TWO_REFUSALS);
                if confirmation.first_refusal.is_some_and(recent) {
                    confirmation.first_refusal = None;
                    let until = now.plus(BAN_AFTER_TWO_REFUSALS);
                    Stage::Banned { until, refusal: BanKind::Twice }
                } else {
                    confirmation.first_refusal = Some(now);
                    let until = now.plus(BAN_AFTER_ONE_REFUSAL);
                    Stage::Banned { until, refusal: BanKind::Once }
                }
            }
        };
        Ok(())
    }

    pub(crate) fn block(&mut self, ip: IpAddr) {
        self.blocked.insert(ip);
    }

    /// Puts the address on the whitelist, which also ends any doubt about it.
    pub(crate) fn allow(&mut self, ip: IpAddr) {
        self.blocked.remove(&ip);
        self.confirmations.remove(&ip);
        if !self.whitelist.iter().any(|pattern| pattern.contains(ip)) {
            self.whitelist.push(ip.into());
        }
    }

    pub(crate) fn is_frozen(&self, now: Moment) -> bool {
        self.frozen_from.is_some_and(|from| from <= now)
            && self.frozen_until.is_none_or(|until| now < until)
    }

    pub(crate) fn freeze(&mut self, now: Moment, takes: Takes) {
        if !self.is_frozen(now) {
            self.frozen_from = Some(acts(now, takes));
        }
        self.frozen_until = None;
    }

    pub(crate) fn unfreeze(&mut self, now: Moment, takes: Takes) {
        self.frozen_until = Some(acts(now, takes));
    }

    /// The refusal that the account's punishment means for an API.
    pub(crate) fn check_punishment(&self, api: ApiKind) -> Result<(), Refusal> {
        match self.punishment {
            Some(p) if api == ApiKind::Token || p.holds_for_every_api() => Err(p.refusal()),
            _ => Ok(()),
        }
    }
}

fn in_clear<S: Serializer>(secret: &AppSecret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

fn acts(now: Moment, takes: Takes) -> Moment {
    match takes {
        Takes::TenMinutes => now.plus(FREEZE_DELAY),
        Takes::NoTime => now,
    }
}

/// Which punishments an API suffers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiKind {
    Token,
    Other,
}
