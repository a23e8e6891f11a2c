//! The ticket with which pages are signed that act for one application of WeCom (`wx.agentConfig`). Source: WeCom's page on
//! the ticket of an application.

use lingpai_core::{AccountKind, Kind};

use super::declared::{Declared, Endpoint};
use super::ticket;

pub(crate) static DECLARED: Declared = ticket::declared(
    Kind::named("agent_config_ticket"),
    &[Endpoint {
        accounts: &[AccountKind::WeCom, AccountKind::WeComAuthorized],
        path: "/cgi-bin/ticket/get",
        of_type: Some("agent_config"),
        of_wecom: true,
    }],
);
