//! The kinds of credentials that accounts have from the first moment on, and who may see what: the one place that says so.

use lingpai_core::Kind;
use lingpai_core::client::Right;

use crate::issuers::ticket::Ticket;

/// Every kind that is kept of some account without being asked for. Whoever stops keeping an account lets go of all of
/// them; what hangs on them goes along.
pub const ROOTS: &[Kind] = &[Kind::ACCESS_TOKEN];

/// The right by which a client is given the value of such a credential. None where nobody ever is: a ticket that was pushed
/// is proof enough to act for a whole platform, and what this program does not know is not for anybody.
pub fn right_to_see(kind: &Kind) -> Option<Right> {
    if *kind == Kind::ACCESS_TOKEN {
        Some(Right::TokenRead)
    } else if Ticket::ALL.iter().any(|ticket| ticket.kind() == *kind) {
        Some(Right::Ticket)
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
        for hidden in ["component_verify_ticket", "suite_ticket", "refresh_token", "unheard_of"] {
            assert_eq!(right_to_see(&Kind::named(hidden)), None, "{hidden}");
        }
    }
}
