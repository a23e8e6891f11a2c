//! Why a request is not served, and how each surface says so.
//!
//! A [`Refusal`] is turned into an answer in three places only: [`Refusal::native`] for people and programs that know
//! Lingpai, [`Refusal::wechat`] for SDKs that fetch a token, [`Refusal::gateway`] for SDKs that make any other call. The
//! words are in `words.rs`. [`explain`] says them to one who has only met the error's name.

pub mod errcode;
mod explained;
mod gateway;
mod native;
mod wechat;
mod words;

use std::time::Duration;

use lingpai_core::client::Denied;
use lingpai_core::keeper::{RotateError, Unavailable};
use lingpai_core::{Failure, StoreError};
use lingpai_wechat::kinds::Field;

use crate::change::Unchanged;
use crate::language::Bilingual;
pub(crate) use explained::status_of;
pub use explained::{Explained, Reason, explain, reasons};
pub(crate) use gateway::{Barred, Reads};

use crate::gateway::Trouble;

/// Why a request is not served.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It carries no key.
    KeyMissing,
    /// Nobody holds this key.
    KeyUnknown,
    /// The key exists and does not allow it.
    Denied(Denied),
    /// The account is not kept here.
    AccountUnknown,
    /// The key is for several applications of the corp, and the call names the corp only.
    AgentUnclear,
    /// There is no ticket of this name.
    TicketUnknown,
    /// The account has no tickets.
    NoTickets,
    /// The account has no quota that could be read.
    NoQuota,
    /// WeChat refuses what was asked of it for the caller.
    UpstreamRefused(Box<Failure>),
    /// There is no such path.
    PathUnknown,
    /// The path does not know the method; these it knows.
    MethodUnknown(&'static str),
    /// The body has more bytes than these.
    BodyTooLarge(usize),
    /// The body did not arrive in time.
    BodySlow,
    /// The body cannot be read: it should have been this.
    BodyUnreadable(Bilingual),
    /// A parameter of the query cannot be read: its name, and what it should have been.
    QueryUnreadable(&'static str, Bilingual),
    /// A parameter that is required is missing.
    ParameterMissing(Parameter),
    /// The `grant_type` is another than `client_credential`.
    GrantType,
    /// The body says something that cannot be: what is wrong with it.
    BodyWrong(Bilingual),
    /// There is no key of this id.
    KeyIdUnknown,
    /// The key is for some accounts only, and this takes one for all.
    SomeAccountsOnly,
    /// The system gives no random bytes.
    NoRandomness,
    /// There is an account of this name already.
    AccountExists,
    /// The account stands in this file, which wins over the store.
    AccountConfigured(String),
    /// WeChat refuses the new AppSecret.
    SecretRefused(Box<Failure>),
    /// The accounts of this server are not changed over HTTP.
    AccountsFixed,
    /// The change of an account has not been made yet.
    ChangePending,
    /// The store cannot do what was asked.
    Store(StoreError),
    /// The token was not rotated, and after this time it is worth asking again.
    NotRotated(Box<RotateError>, Duration),
    /// There is no good token now.
    NoToken(Box<Unavailable>),
    /// One is being fetched or tried, and the caller has waited long enough.
    Pending,
    /// A push is not WeChat's, or comes too late. Why is not said.
    PushRefused,
    /// A push could neither be passed on nor kept.
    PushNotTaken,
    /// No push of this id waits.
    PushUnknown,
    /// No alert has this name.
    AlertUnknown,
    /// No sink has this name.
    SinkUnknown,
    /// The account is no platform and no suite, so nobody can authorise it.
    NoPlatform,
    /// The session of the console is none, or has ended.
    SessionUnknown,
    /// What is asked for is not for sessions of the console.
    SessionLimited,
    /// Logging in has failed too often; after this time it may be tried again.
    LoginLocked(Duration),
    /// The gateway does not let the caller through.
    Barred(Barred),
    /// A call could not be forwarded, or brought no answer.
    Forwarding(Trouble),
}

/// What WeChat's token calls require, and in the end one of Lingpai's own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parameter {
    AppId,
    Secret,
    CorpId,
    CorpSecret,
    AuthCorpId,
    PermanentCode,
    AuthorizerAppId,
    RefreshToken,
    Account,
    /// Of a call that is declared with its kind of token.
    Declared(&'static Field),
}

impl Refusal {
    /// The stable name.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::KeyMissing => "key-missing",
            Self::KeyUnknown => "key-unknown",
            Self::Denied(Denied::Revoked) => "key-revoked",
            Self::Denied(Denied::Expired) => "key-expired",
            Self::Denied(Denied::Right(_)) => "right-missing",
            Self::Denied(Denied::Account) => "account-forbidden",
            Self::Denied(Denied::Network) => "network-forbidden",
            Self::Denied(Denied::Domain) => "domain-forbidden",
            Self::AccountUnknown => "account-unknown",
            Self::AgentUnclear => "agent-unclear",
            Self::TicketUnknown => "ticket-unknown",
            Self::NoTickets => "no-tickets",
            Self::NoQuota => "no-quota",
            Self::UpstreamRefused(_) => "upstream-refused",
            Self::PathUnknown => "path-unknown",
            Self::MethodUnknown(_) => "method-unknown",
            Self::BodyTooLarge(_) => "body-too-large",
            Self::BodySlow => "body-slow",
            Self::BodyUnreadable(_) => "body-unreadable",
            Self::QueryUnreadable(..) => "query-unreadable",
            Self::ParameterMissing(_) => "parameter-missing",
            Self::GrantType => "grant-type",
            Self::BodyWrong(_) => "body-wrong",
            Self::KeyIdUnknown => "key-id-unknown",
            Self::SomeAccountsOnly => "accounts-limited",
            Self::NoRandomness => "no-randomness",
            Self::AccountExists => "account-exists",
            Self::AccountConfigured(_) => "account-configured",
            Self::SecretRefused(_) => "secret-refused",
            Self::AccountsFixed => "accounts-fixed",
            Self::ChangePending => "change-pending",
            Self::Store(_) => "store-unavailable",
            Self::NotRotated(error, _) => match **error {
                RotateError::Denied(_) => "rotation-denied",
                RotateError::Failed(_) => "rotation-failed",
            },
            Self::NoToken(_) => "no-token",
            Self::Pending => "token-pending",
            Self::PushRefused => "push-refused",
            Self::PushNotTaken => "push-not-taken",
            Self::PushUnknown => "push-unknown",
            Self::AlertUnknown => "alert-unknown",
            Self::SinkUnknown => "sink-unknown",
            Self::NoPlatform => "no-platform",
            Self::SessionUnknown => "session-unknown",
            Self::SessionLimited => "session-limited",
            Self::LoginLocked(_) => "login-locked",
            Self::Barred(why) => why.code(),
            Self::Forwarding(trouble) => trouble.code(),
        }
    }
}

impl From<Unchanged> for Refusal {
    fn from(unchanged: Unchanged) -> Self {
        match unchanged {
            Unchanged::Unknown => Self::AccountUnknown,
            Unchanged::Exists => Self::AccountExists,
            Unchanged::Configured(file) => Self::AccountConfigured(file),
            Unchanged::Wrong(what) => Self::BodyWrong(what),
            Unchanged::SecretRefused(failure) => Self::SecretRefused(Box::new(failure)),
            Unchanged::Store(error) => Self::Store(error),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unavailable> for Refusal {
    fn from(unavailable: Unavailable) -> Self {
        Self::NoToken(Box::new(unavailable))
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Parameter {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AppId => "appid",
            Self::Secret => "secret",
            Self::CorpId => "corpid",
            Self::CorpSecret => "corpsecret",
            Self::AuthCorpId => "auth_corpid",
            Self::PermanentCode => "permanent_code",
            Self::AuthorizerAppId => "authorizer_appid",
            Self::RefreshToken => "authorizer_refresh_token",
            Self::Account => "account",
            Self::Declared(field) => field.name,
        }
    }
}

#[cfg(test)]
mod tests;
