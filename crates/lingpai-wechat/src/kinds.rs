//! The kinds of credentials that accounts have from the first moment on, and who may see what: the one place that says so.

use lingpai_core::Kind;
use lingpai_core::client::Right;

use crate::issuers::ticket::Ticket;

/// What WeChat pushes to a third-party platform, and its token is asked for with.
pub const COMPONENT_TICKET: Kind = Kind::named("component_verify_ticket");
/// The token of a third-party platform.
pub const COMPONENT_TOKEN: Kind = Kind::named("component_access_token");

/// What WeCom pushes to a suite, and its token is asked for with.
pub const SUITE_TICKET: Kind = Kind::named("suite_ticket");
/// The token of a suite of a WeCom service provider.
pub const SUITE_ACCESS_TOKEN: Kind = Kind::named("suite_access_token");
/// The token of a WeCom service provider itself.
pub const PROVIDER_ACCESS_TOKEN: Kind = Kind::named("provider_access_token");

/// Every kind that is kept of some account without being asked for. Whoever stops keeping an account lets go of all of
/// them; what hangs on them goes along.
pub const ROOTS: &[Kind] = &[
    Kind::ACCESS_TOKEN,
    COMPONENT_TICKET,
    COMPONENT_TOKEN,
    SUITE_TICKET,
    SUITE_ACCESS_TOKEN,
    PROVIDER_ACCESS_TOKEN,
];

/// What calls carry. An account has one of these: of what sort it is says which.
pub const CARRIED: &[Kind] =
    &[Kind::ACCESS_TOKEN, COMPONENT_TOKEN, SUITE_ACCESS_TOKEN, PROVIDER_ACCESS_TOKEN];

/// The right by which a client is given the value of such a credential. None where nobody ever is: a ticket that was pushed
/// is proof enough to act for a whole platform, and what this program does not know is not for anybody.
pub fn right_to_see(kind: &Kind) -> Option<Right> {
    if *kind == Kind::ACCESS_TOKEN {
        Some(Right::TokenRead)
    } else if Ticket::ALL.iter().any(|ticket| ticket.kind() == *kind) {
        Some(Right::Ticket)
    } else if CARRIED.contains(kind) {
        Some(Right::Platform)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_or_unknown_is_shown_to_nobody() {
        assert_eq!(right_to_see(&Kind::ACCESS_TOKEN), Some(Right::TokenRead));
        assert_eq!(right_to_see(&Ticket::Jsapi.kind()), Some(Right::Ticket));
        assert_eq!(right_to_see(&COMPONENT_TOKEN), Some(Right::Platform));
        assert_eq!(right_to_see(&SUITE_ACCESS_TOKEN), Some(Right::Platform));
        for hidden in ["component_verify_ticket", "suite_ticket", "refresh_token", "unheard_of"] {
            assert_eq!(right_to_see(&Kind::named(hidden)), None, "{hidden}");
        }
    }
}
