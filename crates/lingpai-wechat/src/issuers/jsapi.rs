//! The ticket with which pages are signed that call the JS-SDK: an Official Account's, and in WeCom a corp's. Sources: WeChat's
//! page on getticket, WeCom's on get_jsapi_ticket.

use lingpai_core::{AccountKind, Kind};

use super::declared::{Declared, Endpoint};
use super::ticket;
use crate::protocol;

pub(crate) static DECLARED: Declared = ticket::declared(
    Kind::named("jsapi_ticket"),
    &[
        Endpoint {
            accounts: &[AccountKind::OfficialAccount, AccountKind::Authorizer],
            path: protocol::TICKET_PATH,
            of_type: Some("jsapi"),
            of_wecom: false,
        },
        Endpoint {
            accounts: &[AccountKind::WeCom, AccountKind::WeComAuthorized],
            path: "/cgi-bin/get_jsapi_ticket",
            of_type: None,
            of_wecom: true,
        },
    ],
);
