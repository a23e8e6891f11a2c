//! Pushes about credentials: what a third-party platform (第三方平台) or a WeCom suite (企业微信服务商) must take itself.
//!
//! They have an `InfoType`. Losing one costs more than a message: without the ticket there is no token, and without an
//! authorization code somebody has to be asked again.

use lingpai_core::Secret;
use lingpai_core::time::Timestamp;

use super::message::{Message, Unreadable};
use crate::kinds::{COMPONENT_TICKET, SUITE_TICKET};

/// A push with an `InfoType`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// `component_verify_ticket`: every 10 minutes, good for 12 hours.
    ComponentTicket {
        /// The component's appid.
        component: Box<str>,
        /// The ticket.
        ticket: Secret,
    },
    /// `authorized`: somebody has authorised the platform.
    Authorized(Authorization),
    /// `updateauthorized`: with other rights than before.
    AuthorizationUpdated(Authorization),
    /// `unauthorized`: and has taken it back.
    Unauthorized {
        /// The component's appid.
        component: Box<str>,
        /// Whose authorisation has ended.
        authorizer: Box<str>,
    },
    /// `suite_ticket` of WeCom: every 10 minutes, good for 30.
    SuiteTicket {
        /// The suite.
        suite: Box<str>,
        /// The ticket.
        ticket: Secret,
    },
    /// `create_auth` of WeCom: a corp has authorised the suite. Also `reset_permanent_code`, which asks for another
    /// permanent code in the same way.
    CorpAuthorized {
        /// The suite.
        suite: Box<str>,
        /// What the permanent code is asked for with, once.
        code: Secret,
    },
    /// `change_auth` of WeCom: with other rights than before.
    CorpAuthorizationChanged {
        /// The suite.
        suite: Box<str>,
        /// Which corp.
        corp: Box<str>,
    },
    /// `cancel_auth` of WeCom: and has taken it back.
    CorpUnauthorized {
        /// The suite.
        suite: Box<str>,
        /// Which corp.
        corp: Box<str>,
    },
    /// Any other.
    Other {
        /// Its `InfoType`.
        info_type: Box<str>,
    },
}

/// What comes of an authorisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The component's appid.
    pub component: Box<str>,
    /// Who has authorised it.
    pub authorizer: Box<str>,
    /// What the authorizer's tokens are asked for with, once.
    pub code: Secret,
    /// Until when the code is good.
    pub code_expires_at: Option<Timestamp>,
    /// Which link it was begun with.
    pub pre_auth_code: Option<Secret>,
}

impl Notice {
    /// What a message says about credentials, if anything.
    ///
    /// # Errors
    /// [`Unreadable`] if it lacks what its `InfoType` must have.
    pub fn of(message: &Message) -> Result<Option<Self>, Unreadable> {
        let Some(info_type) = message.get("InfoType") else { return Ok(None) };
        let text = |name| message.get(name).filter(|text| !text.is_empty()).ok_or(Unreadable);
        let secret = |name| text(name).map(Secret::from);
        let component = || text("AppId").map(Box::from);
        let suite = || text("SuiteId").map(Box::from);
        let corp = || text("AuthCorpId").map(Box::from);
        let authorization = || {
            Ok(Authorization {
                component: component()?,
                authorizer: text("AuthorizerAppid")?.into(),
                code: secret("AuthorizationCode")?,
                code_expires_at: text("AuthorizationCodeExpiredTime").ok().and_then(seconds),
                pre_auth_code: secret("PreAuthCode").ok(),
            })
        };
        Ok(Some(match info_type {
            kind if kind == COMPONENT_TICKET.as_str() => Self::ComponentTicket {
                component: component()?,
                ticket: secret("ComponentVerifyTicket")?,
            },
            "authorized" => Self::Authorized(authorization()?),
            "updateauthorized" => Self::AuthorizationUpdated(authorization()?),
            "unauthorized" => Self::Unauthorized {
                component: component()?,
                authorizer: text("AuthorizerAppid")?.into(),
            },
            kind if kind == SUITE_TICKET.as_str() => {
                Self::SuiteTicket { suite: suite()?, ticket: secret("SuiteTicket")? }
            }
            "create_auth" | "reset_permanent_code" => {
                Self::CorpAuthorized { suite: suite()?, code: secret("AuthCode")? }
            }
            "change_auth" => Self::CorpAuthorizationChanged { suite: suite()?, corp: corp()? },
            "cancel_auth" => Self::CorpUnauthorized { suite: suite()?, corp: corp()? },
            other => Self::Other { info_type: other.into() },
        }))
    }
}

fn seconds(text: &str) -> Option<Timestamp> {
    text.parse::<i64>().ok()?.checked_mul(1000).map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(fields: &str) -> Result<Option<Notice>, Unreadable> {
        Notice::of(&Message::read(format!("<xml>{fields}</xml>").as_bytes()).unwrap())
    }

    #[test]
    fn a_ticket_and_an_authorisation_are_known() {
        let ticket = notice(
            "<AppId>wxc</AppId><CreateTime>1413192605</CreateTime><InfoType>component_verify_ticket</InfoType>\
             <ComponentVerifyTicket>ticket@@@x</ComponentVerifyTicket>",
        );
        let known =
            Notice::ComponentTicket { component: "wxc".into(), ticket: "ticket@@@x".into() };
        assert_eq!(ticket, Ok(Some(known)));
        let authorized = notice(
            "<AppId>wxc</AppId><InfoType>authorized</InfoType><AuthorizerAppid>wxa</AuthorizerAppid>\
             <AuthorizationCode>queryauthcode@@@x</AuthorizationCode>\
             <AuthorizationCodeExpiredTime>1413192605</AuthorizationCodeExpiredTime><PreAuthCode>p</PreAuthCode>",
        );
        let Ok(Some(Notice::Authorized(authorization))) = authorized else {
            panic!("{authorized:?}")
        };
        assert_eq!(authorization.code_expires_at, Some(Timestamp::from_millis(1_413_192_605_000)));
        assert!(!format!("{authorization:?}").contains("queryauthcode"));
    }

    #[test]
    fn wecoms_are_known_too() {
        let ticket = notice(
            "<SuiteId>ww1</SuiteId><InfoType>suite_ticket</InfoType><TimeStamp>1403610513</TimeStamp>\
             <SuiteTicket>t</SuiteTicket>",
        );
        assert_eq!(
            ticket,
            Ok(Some(Notice::SuiteTicket { suite: "ww1".into(), ticket: "t".into() }))
        );
    }

    #[test]
    fn a_message_is_none_and_one_that_lacks_something_is_unreadable() {
        assert_eq!(notice("<MsgType>text</MsgType>"), Ok(None));
        assert_eq!(notice("<InfoType>unauthorized</InfoType>"), Err(Unreadable));
        assert_eq!(
            notice("<InfoType>something_new</InfoType>"),
            Ok(Some(Notice::Other { info_type: "something_new".into() }))
        );
    }
}
