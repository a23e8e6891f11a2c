//! The kinds of credentials there are. Each is declared in the file of its issuer; this is the list of them, and what is asked of
//! all of them.

use lingpai_core::Kind;
use lingpai_core::client::Right;

use crate::issuers;
pub use crate::issuers::declared::{Asked, Carried, Declared, Endpoint, Field};
pub use crate::issuers::platform::{COMPONENT_TICKET, COMPONENT_TOKEN};
pub use crate::issuers::provider::PROVIDER_ACCESS_TOKEN;
pub use crate::issuers::suite::{SUITE_ACCESS_TOKEN, SUITE_TICKET};

/// All kinds, the most usual first. A new one is a line here.
pub static ALL: &[&Declared] = &[
    &issuers::access_token::DECLARED,
    &issuers::platform::TICKET,
    &issuers::platform::TOKEN,
    &issuers::suite::TICKET,
    &issuers::suite::TOKEN,
    &issuers::provider::DECLARED,
    &issuers::jsapi::DECLARED,
    &issuers::wx_card::DECLARED,
    &issuers::agent_config::DECLARED,
];

/// Where an SDK asks WeChat for a token with a secret, in the order of [`asked`].
pub const ASKED_AT: [&str; number_asked()] = {
    let mut paths = [""; number_asked()];
    let (mut at, mut next) = (0, 0);
    while at < ALL.len() {
        if let Some(asked) = &ALL[at].asked {
            paths[next] = asked.path;
            next += 1;
        }
        at += 1;
    }
    paths
};

const fn number_asked() -> usize {
    let (mut at, mut number) = (0, 0);
    while at < ALL.len() {
        number += ALL[at].asked.is_some() as usize;
        at += 1;
    }
    number
}

/// A token that is asked for with a secret.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What it is.
    pub declared: &'static Declared,
    /// The call.
    pub asked: &'static Asked,
}

impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        self.asked.path == other.asked.path
    }
}

impl Eq for Wanted {}

impl Wanted {
    /// Whether it is WeCom's.
    pub fn is_of_wecom(self) -> bool {
        self.declared.carried.as_ref().is_some_and(|carried| carried.of_wecom)
    }
}

/// What an SDK asks WeChat for with a secret.
pub fn asked() -> impl Iterator<Item = Wanted> {
    ALL.iter()
        .copied()
        .filter_map(|declared| Some(Wanted { declared, asked: declared.asked.as_ref()? }))
}

/// What is declared of a kind; nothing of one that this program does not know.
pub fn find(kind: &Kind) -> Option<&'static Declared> {
    ALL.iter().copied().find(|declared| declared.kind == *kind)
}

/// Every kind that is kept of some account without being asked for. Whoever stops keeping an account lets go of all of
/// them; what hangs on them goes along.
pub fn roots() -> impl Iterator<Item = &'static Kind> {
    ALL.iter().copied().filter(|declared| declared.is_root()).map(|declared| &declared.kind)
}

/// What calls carry. An account has one of these: of what sort it is says which.
pub fn carried() -> impl Iterator<Item = (&'static Kind, &'static Carried)> {
    ALL.iter().copied().filter_map(|declared| Some((&declared.kind, declared.carried.as_ref()?)))
}

/// The right by which a client is given the value of such a credential. None where nobody ever is: a ticket that was pushed
/// is proof enough to act for a whole platform, and what this program does not know is not for anybody.
pub fn right_to_see(kind: &Kind) -> Option<Right> {
    find(kind)?.right
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::issuers::ticket::Ticket;

    #[test]
    fn what_is_pushed_or_unknown_is_shown_to_nobody() {
        assert_eq!(right_to_see(&Kind::ACCESS_TOKEN), Some(Right::TokenRead));
        assert_eq!(right_to_see(&Ticket::JSAPI.kind()), Some(Right::Ticket));
        assert_eq!(right_to_see(&COMPONENT_TOKEN), Some(Right::Platform));
        assert_eq!(right_to_see(&SUITE_ACCESS_TOKEN), Some(Right::Platform));
        for hidden in ["component_verify_ticket", "suite_ticket", "refresh_token", "unheard_of"] {
            assert_eq!(right_to_see(&Kind::named(hidden)), None, "{hidden}");
        }
    }

    #[test]
    fn a_kind_is_declared_once_and_so_is_each_call_that_brings_it() {
        let names: BTreeSet<_> = ALL.iter().map(|declared| &declared.kind).collect();
        assert_eq!(names.len(), ALL.len());
        assert_eq!(ASKED_AT.into_iter().collect::<BTreeSet<_>>().len(), asked().count());
        assert!(asked().map(|wanted| wanted.asked.path).eq(ASKED_AT));
        let endpoints = ALL.iter().flat_map(|declared| declared.endpoints());
        let calls: Vec<_> = endpoints.map(|at| (at.of_wecom, at.path, at.of_type)).collect();
        assert_eq!(calls.iter().collect::<BTreeSet<_>>().len(), calls.len());
    }

    #[test]
    fn what_is_asked_for_with_a_secret_is_carried_by_calls_and_seen_by_a_right() {
        for Wanted { declared, .. } in asked() {
            assert!(declared.carried.is_some() && declared.right.is_some(), "{declared:?}");
        }
    }
}
