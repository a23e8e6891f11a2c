//! A simulated WeChat to try, develop and test against.
//!
//! What lives here: [`World`], a pure simulator of the access_token APIs (both families, their
//! rotation, quotas, whitelists and refusals, word for word), of tickets, of logging in, of WeCom's applications and suites, of third-party
//! platforms, and of
//! a few business APIs that check the token; [`Server`], the HTTP shell around it; and the control API under
//! `/__sandbox/` that makes things go wrong by name.
//!
//! A world can be kept beyond the process: `snapshot` says what of it, `state` in which file.
//!
//! What does not: any code of the engine. The sandbox has its own constants and its own reading of
//! WeChat's rules, so that it can catch the engine's errors.
//!
//! Start reading at [`World::handle`]; what can be done to a world from outside is in `operate`,
//! its rules of rotation in `tokens`, and what the settings mean in [`Settings`].

mod api;
mod api_security;
mod app;
mod control;
mod counters;
mod error;
mod fault;
mod ip;
mod log;
mod operate;
mod outcome;
mod params;
mod people;
mod platform;
mod push;
mod quota;
mod random;
mod refusal;
mod reply;
mod server;
mod settings;
mod shared;
mod snapshot;
mod state;
mod time;
mod tokens;
mod wecom;
mod world;

pub use self::{
    api::{TicketType, TicketVerdict},
    api_security::{ApiSecuritySettings, Certificate},
    app::{Decision, Punishment, Takes},
    counters::{AppCounters, Counters, Minted, Tally},
    error::Error,
    fault::{ActiveFault, Fault, FaultId, FaultKind, When},
    ip::IpPattern,
    log::LogEntry,
    operate::{OtherSystem, Revocation},
    people::Scope,
    platform::{
        ComponentSettings, DEMO_COMPONENT, DEMO_COMPONENT_KEY, DEMO_COMPONENT_SECRET,
        DEMO_COMPONENT_TOKEN, RefreshVerdict,
    },
    quota::Quota,
    reply::{Act, Reply},
    server::Server,
    settings::{
        AppKind, AppSecret, AppSettings, Check, DEMO_APPID, DEMO_SECRET, ForcedBeyondLimit, Quotas,
        Settings,
    },
    shared::SharedWorld,
    time::TOKEN_LIFETIME,
    tokens::{Family, Issue, Rank, Verdict},
    wecom::{
        AgentSettings, DEMO_AGENT, DEMO_AGENT_SECRET, DEMO_CORPID, DEMO_PROVIDER,
        DEMO_PROVIDER_SECRET, DEMO_SUITE, DEMO_SUITE_SECRET, ProviderSettings, PushTo,
        SuiteSettings,
    },
    world::World,
};
