//! The ticket with which cards and coupons (微信卡券) are signed. Source: WeChat's page on getticket.

use lingpai_core::{AccountKind, Kind};

use super::declared::{Declared, Endpoint};
use super::ticket;
use crate::protocol;

pub(crate) static DECLARED: Declared = ticket::declared(
    Kind::named("wx_card_ticket"),
    &[Endpoint {
        accounts: &[AccountKind::OfficialAccount, AccountKind::Authorizer],
        path: protocol::TICKET_PATH,
        of_type: Some("wx_card"),
        of_wecom: false,
    }],
);
