//! Why a request is not served, and how each surface says so.
//!
//! A [`Refusal`] is turned into an answer in three places only: [`Refusal::native`] for people and programs that know
//! Lingpai, [`Refusal::wechat`] for SDKs that fetch a token, [`Refusal::gateway`] for SDKs that make any other call.

pub mod errcode;
mod gateway;
mod native;
mod wechat;

use std::borrow::Cow;
use std::time::Duration;

use lingpai_core::client::Denied;
use lingpai_core::keeper::{RotateError, Unavailable};
use lingpai_core::rotation::AskDenied;
use lingpai_core::{Failure, StoreError};

use crate::change::Unchanged;
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
    /// There is no ticket of this name.
    TicketUnknown,
    /// The account has no tickets.
    NoTickets,
    /// There is no such path.
    PathUnknown,
    /// The path does not know the method; these it knows.
    MethodUnknown(&'static str),
    /// The body has more bytes than these.
    BodyTooLarge(usize),
    /// The body did not arrive in time.
    BodySlow,
    /// The body cannot be read: it should have been this.
    BodyUnreadable(&'static str),
    /// A parameter of the query cannot be read: its name, and what it should have been.
    QueryUnreadable(&'static str, &'static str),
    /// A parameter that WeChat requires is missing.
    ParameterMissing(Parameter),
    /// The `grant_type` is another than `client_credential`.
    GrantType,
    /// The body says something that cannot be: what is wrong with it.
    BodyWrong(String),
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
    /// The gateway does not let the caller through.
    Barred(Barred),
    /// A call could not be forwarded, or brought no answer.
    Forwarding(Trouble),
}

/// What WeChat's token calls require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    AppId,
    Secret,
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
            Self::TicketUnknown => "ticket-unknown",
            Self::NoTickets => "no-tickets",
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
            Self::Barred(why) => why.code(),
            Self::Forwarding(trouble) => trouble.code(),
        }
    }

    /// What happened, and why.
    fn message(&self) -> Cow<'_, str> {
        match self {
            Self::KeyMissing => "the request carries no API key".into(),
            Self::KeyUnknown => "this API key is not known here".into(),
            Self::Denied(Denied::Revoked) => "this API key was revoked".into(),
            Self::Denied(Denied::Expired) => "this API key has expired".into(),
            Self::Denied(Denied::Right(right)) => {
                format!("this API key lacks the right `{}`", right.as_str()).into()
            }
            Self::Denied(Denied::Account) => "this API key is not for this account".into(),
            Self::Denied(Denied::Network) => {
                "this API key may not be used from the address that you come from".into()
            }
            Self::AccountUnknown => "no account of this name is kept here".into(),
            Self::Denied(Denied::Domain) => {
                "this API key is bound to pages of some domains: it has no others signed and sees no ticket".into()
            }
            Self::TicketUnknown => "there is no ticket of this type".into(),
            Self::NoTickets => {
                "this account has no tickets: Official Accounts do, Mini Programs and Mini Games do not".into()
            }
            Self::PathUnknown => "there is nothing at this path".into(),
            Self::MethodUnknown(known) => format!("this path is for {known} only").into(),
            Self::BodyTooLarge(most) => format!("the body is larger than {most} bytes").into(),
            Self::BodySlow => "the body did not arrive in time".into(),
            Self::BodyUnreadable(_) => "the body cannot be read".into(),
            Self::QueryUnreadable(name, _) => {
                format!("the query parameter `{name}` cannot be read").into()
            }
            Self::ParameterMissing(parameter) => {
                format!("the parameter `{}` is missing", parameter.name()).into()
            }
            Self::GrantType => "the `grant_type` is not `client_credential`".into(),
            Self::BodyWrong(what) => format!("the body cannot be used: {what}").into(),
            Self::KeyIdUnknown => "there is no key of this id".into(),
            Self::SomeAccountsOnly => "this API key is for some accounts only".into(),
            Self::NoRandomness => "the operating system gives no random bytes".into(),
            Self::AccountExists => "an account of this name is kept here already".into(),
            Self::AccountConfigured(file) => {
                format!("the account stands in {file}, which wins over the store").into()
            }
            Self::SecretRefused(failure) => {
                format!("WeChat refuses the new AppSecret, so the one before it stays: {failure}")
                    .into()
            }
            Self::AccountsFixed => "the accounts of this server are not changed over HTTP".into(),
            Self::ChangePending => "the change is taking long, and may still be made".into(),
            Self::Store(error) => format!("the store could not do it: {error}").into(),
            Self::NotRotated(error, _) => match &**error {
                RotateError::Denied(AskDenied::TooSoon(_)) => {
                    "the token was replaced moments ago; replacing it again would kill the one before it while clients \
                     still use it"
                        .into()
                }
                RotateError::Denied(AskDenied::BudgetSpent { used, .. }) => format!(
                    "{used} fetches were made today, and the rest of the budget is kept for scheduled rotations"
                )
                .into(),
                RotateError::Failed(failure) => because("the token was not replaced", failure),
            },
            Self::NoToken(unavailable) => because("there is no good token now", &unavailable.failure),
            Self::Pending => "upstream has not answered yet".into(),
            Self::PushRefused => "the push is not signed and encrypted with the keys of this URL, or not now".into(),
            Self::PushNotTaken => "the push could neither be passed on nor kept".into(),
            Self::PushUnknown => "no push of this id waits".into(),
            Self::Barred(why) => why.message().into(),
            Self::Forwarding(trouble) => trouble.message(),
        }
    }

    /// What the caller, or the one who runs the server, can do.
    fn remedy(&self) -> Cow<'_, str> {
        match self {
            Self::KeyMissing => "Send the header `Authorization: Bearer KEY`. `lingpai key create` makes a key".into(),
            Self::KeyUnknown => {
                "Send the whole key as it was shown once, `lp_..._...`. An AppSecret is not accepted here. If the key is \
                 lost, make another with `lingpai key create`"
                    .into()
            }
            Self::Denied(Denied::Revoked | Denied::Expired) => {
                "Ask the one who runs this server for another key (`lingpai key create`)".into()
            }
            Self::Denied(Denied::Right(right)) => {
                format!("Use a key that was made with the right `{}`", right.as_str()).into()
            }
            Self::Denied(Denied::Account) => {
                "Use a key that was made for this account, and check the account's name".into()
            }
            Self::Denied(Denied::Network) => {
                "Call from one of the networks that the key was made for, or ask for a key that names yours".into()
            }
            Self::AccountUnknown => {
                "Check the appid, and that the account is in the configuration of this server".into()
            }
            Self::Denied(Denied::Domain) => {
                "Have the page signed at /v1/accounts/{account}/js-config, with its URL as the browser shows it; or ask for a \
                 key with this domain"
                    .into()
            }
            Self::TicketUnknown => "Ask for `jsapi` or `wx_card`".into(),
            Self::NoTickets => "Check the account, and the `kind` that it has here".into(),
            Self::PathUnknown => {
                "Try /v1/accounts/{account}/token or /cgi-bin/token; /openapi.json and docs/api.md describe all paths. Those for \
                 managing may be on an address of their own (admin-listen)"
                    .into()
            }
            Self::MethodUnknown(known) => format!("Use {known}").into(),
            Self::BodyTooLarge(_) => "Send the documented parameters only".into(),
            Self::BodySlow => "Check the connection, and that Content-Length is true".into(),
            Self::BodyUnreadable(expected) => format!("Send {expected}").into(),
            Self::QueryUnreadable(_, expected) => format!("Send {expected}").into(),
            Self::ParameterMissing(parameter) => {
                format!("Send `{}` in the query, a form or JSON", parameter.name()).into()
            }
            Self::GrantType => "Send `grant_type=client_credential`".into(),
            Self::BodyWrong(_) => "Change that, and send it again; docs/api.md describes it".into(),
            Self::KeyIdUnknown => "`GET /v1/keys` lists the ids, `lp_` and 12 digits".into(),
            Self::SomeAccountsOnly => "Use a key that is for all accounts".into(),
            Self::NoRandomness => "Check /dev/urandom on the server".into(),
            Self::AccountExists => {
                "Change it with PATCH /v1/accounts/{account}, or its AppSecret with PUT .../secret".into()
            }
            Self::AccountConfigured(_) => {
                "Change it there: it is taken over within seconds. Or take its [[account]] out first".into()
            }
            Self::SecretRefused(_) => {
                "Copy the AppSecret again from the console of the account; see that it is this account's, and not frozen \
                 there"
                    .into()
            }
            Self::AccountsFixed => "Change them where this server is given them".into(),
            Self::ChangePending => {
                "Ask how the account stands in a few seconds; if the change was not made, ask for it again".into()
            }
            Self::Store(_) => "See to the store, then try again; tokens are served meanwhile".into(),
            Self::NotRotated(error, _) => match &**error {
                RotateError::Denied(AskDenied::TooSoon(_)) => {
                    "Ask again in a few minutes; if WeChat refuses the token, report it as invalid instead".into()
                }
                RotateError::Denied(AskDenied::BudgetSpent { .. }) => {
                    "Raise `daily-budget`, or wait for the day to end in China; if WeChat refuses the token, report it \
                     as invalid instead"
                        .into()
                }
                RotateError::Failed(failure) => remedy_of(failure),
            },
            Self::NoToken(unavailable) => remedy_of(&unavailable.failure),
            Self::Pending => "Ask again in a second; the fetch goes on meanwhile".into(),
            Self::PushRefused => {
                "If WeChat sends it: compare token, EncodingAESKey and mode of the account with the page of WeChat's console, \
                 and see that the clock of the server is right"
                    .into()
            }
            Self::PushNotTaken => "See to the store; WeChat sends it again".into(),
            Self::PushUnknown => "`GET /v1/accounts/{account}/pushes` lists those that wait".into(),
            Self::Barred(why) => why.remedy().into(),
            Self::Forwarding(trouble) => trouble.remedy().into(),
        }
    }
}

/// What there is not, and why the fetch failed. What can be done is said as the remedy.
fn because(what: &str, failure: &Failure) -> Cow<'static, str> {
    let Failure { code, message, .. } = failure;
    match code {
        Some(code) => format!("{what}: WeChat answered errcode {code}: {message}").into(),
        None => format!("{what}: {message}").into(),
    }
}

fn remedy_of(failure: &Failure) -> Cow<'_, str> {
    match &failure.remedy {
        Some(remedy) => remedy.into(),
        None => "It is tried again by itself; ask again later".into(),
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
    fn name(self) -> &'static str {
        match self {
            Self::AppId => "appid",
            Self::Secret => "secret",
        }
    }
}

#[cfg(test)]
mod tests;
