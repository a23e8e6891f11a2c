//! The rules of a store, as tests. Every implementation passes the same.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes a test of each rule, for a function that opens an empty store
//! with the given bounds on its journals:
//!
//! ```ignore
//! async fn open(journals: Journals) -> (Arc<MyStore>, impl Sized) { ... }
//! lingpai_store::conformance_tests!(open);
//! ```
//!
//! What the function returns beside the store (a directory, a server) is kept until the test ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "each function is a test, and its name says what it proves"
)]

mod changes;
mod companion;
mod events;
mod outbox;
mod people;
mod rotation;
mod server;

use std::time::Duration;

use lingpai_core::store::{Begun, Claim, Commit, Committed, Lease, Usage};
use lingpai_core::{
    AccountId, Class, CredentialId, Directory, Failure, Fence, Generation, NodeId, Outbox, Secret,
    Store, StoreError, Timestamp, Token, Way,
};

use crate::{JournalBounds, Journals};

pub use self::changes::*;
pub use self::companion::*;
pub use self::events::*;
pub use self::outbox::*;
pub use self::people::*;
pub use self::rotation::*;
pub use self::server::RedisServer;

/// The bounds that the suite opens stores with.
pub const BOUNDS: Journals = Journals {
    events: JournalBounds { count: 10, age: Duration::from_hours(24) },
    audit: JournalBounds { count: 7, age: Duration::from_hours(48) },
};

/// What a rule needs of a store.
pub trait Subject: Store + Directory + Outbox {}

impl<S: Store + Directory + Outbox> Subject for S {}

/// A test of each rule. See [`conformance`](crate::conformance).
#[macro_export]
macro_rules! conformance_tests {
    ($open:path) => {
        $crate::conformance_tests! { $open:
            // rotation.rs
            nothing_is_known_of_a_credential_that_was_never_begun,
            a_claim_is_granted_where_nothing_stands_against_it,
            a_grant_writes_down_the_intent_and_counts_the_fetch,
            fences_grow_for_ever,
            a_fence_is_not_given_out_again_after_its_account_was_removed,
            who_knows_too_little_is_told_what_is_newer,
            another_nodes_lease_is_respected_until_it_ends,
            a_lease_of_ones_own_does_not_stand_in_the_way,
            a_lease_from_before_the_clock_was_set_back_is_over,
            what_is_newer_is_told_before_what_is_held,
            what_is_held_is_told_before_what_is_unfinished,
            an_unfinished_intent_must_be_settled_by_its_fence,
            an_intent_counts_those_that_were_lost_before_it,
            a_refused_claim_changes_nothing,
            leases_of_different_credentials_have_nothing_to_do_with_each_other,
            of_a_hundred_claims_at_once_one_is_granted,
            a_commit_stores_the_token_and_clears_intent_lease_and_failure,
            a_token_of_512_characters_is_stored,
            an_expired_lease_that_nobody_took_still_commits,
            of_two_that_believe_to_hold_the_lease_only_the_later_commits,
            a_commit_for_a_removed_account_is_fenced_off,
            a_commit_may_be_repeated,
            the_replaced_token_becomes_the_previous_one,
            without_an_overlap_the_replaced_tokens_are_struck_off,
            a_repeated_token_leaves_the_previous_one_alone,
            a_generation_never_goes_back,
            a_new_token_needs_a_new_generation,
            a_failure_that_reached_nobody_clears_the_intent,
            a_failure_that_may_have_reached_upstream_leaves_the_intent,
            a_lost_lease_cannot_be_abandoned,
            a_lease_given_back_cannot_be_abandoned,
            a_late_answer_still_commits_after_its_lease_was_abandoned,
            load_finds_what_read_finds,
            // companion.rs
            a_companion_comes_back_with_its_token,
            a_token_without_a_companion_leaves_the_one_before,
            a_commit_that_is_fenced_off_leaves_the_companion_alone,
            a_fetch_that_brought_nothing_leaves_the_companion_alone,
            a_removed_account_takes_its_companions_along,
            what_is_given_is_neither_counted_nor_an_intent,
            what_is_given_is_fenced_as_what_is_fetched,
            a_gift_that_was_broken_off_leaves_the_unfinished_fetch,
            // changes.rs
            an_account_is_put_only_in_the_place_of_what_was_read,
            a_removed_account_is_not_brought_back_by_a_change,
            an_account_is_removed_as_it_was_read_and_not_as_another_has_changed_it,
            of_those_who_add_an_account_at_once_one_does,
            of_changes_that_are_made_at_once_none_is_lost,
            // people.rs
            accounts_come_back_as_they_were_put,
            a_removed_account_takes_its_credentials_along,
            keys_come_back_as_they_were_put,
            one_caller_is_told_that_a_key_was_used_for_the_first_time,
            // events.rs
            the_ledger_counts_by_account_and_day,
            usage_begins_anew_at_midnight_in_shanghai,
            usage_survives_a_clock_that_visits_another_day,
            usage_is_that_of_one_credential,
            the_ledger_outlives_its_account,
            every_event_comes_back_as_it_was_recorded,
            the_newest_events_come_first,
            events_can_be_had_of_one_account,
            the_oldest_events_make_room_for_new_ones,
            events_past_their_age_are_forgotten,
            a_journal_is_read_on_from_any_place_in_both_directions,
            what_is_noted_is_apart_from_what_happened,
            // outbox.rs
            parcels_come_back_in_their_order,
            a_parcel_of_the_same_id_is_kept_once,
            of_each_account_the_first_parcel_is_taken_when_it_is_due,
            a_parcel_that_was_taken_is_not_taken_again_before_its_time,
            a_dead_parcel_lets_those_behind_it_pass_and_can_come_back,
            of_the_dead_the_oldest_make_room,
            a_full_outbox_takes_no_more,
            an_outbox_takes_no_more_than_was_said,
            a_removed_account_takes_its_parcels_along,
        }
    };
    ($open:path: $($rule:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $rule() {
            let (store, _guard) = $open($crate::conformance::BOUNDS).await;
            $crate::conformance::$rule(store).await;
        }
    )*};
}

/// 2026-11-23 12:00 in Shanghai: no rule is near midnight by accident.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_795_406_400_000);

const LEASE: Duration = Duration::from_secs(10);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn account(name: &str) -> AccountId {
    name.parse().unwrap()
}

fn credential() -> CredentialId {
    CredentialId::access_token(account("wx1"))
}

/// A claim of the node `a` on [`credential`] at [`NOON`], knowing nothing.
fn claim() -> Claim {
    Claim {
        credential: credential(),
        node: NodeId::new("a"),
        known: Generation(0),
        settles: None,
        way: Some(Way::Primary),
        at: NOON,
        deadline: NOON + seconds(8),
        lease: LEASE,
    }
}

fn of_node(node: &str) -> Claim {
    Claim { node: NodeId::new(node), ..claim() }
}

fn token(generation: u64, value: &str) -> Token {
    Token {
        value: Secret::from(value),
        generation: Generation(generation),
        issued_at: NOON,
        expires_at: NOON + seconds(7200),
        full_life: seconds(7200),
        way: Way::Primary,
        companion: None,
    }
}

fn failure() -> Failure {
    Failure::new(Class::NeedsPerson, "invalid ip").with_remedy("add the IP to the white list")
}

async fn grant(store: &impl Store, claim: Claim) -> (Lease, Usage) {
    match store.begin(claim).await.unwrap() {
        Begun::Granted { lease, usage } => (lease, usage),
        other => panic!("not granted: {other:?}"),
    }
}

async fn lease(store: &impl Store, claim: Claim) -> Lease {
    grant(store, claim).await.0
}

async fn commit(store: &impl Store, lease: Lease, token: Token) -> Committed {
    commit_until(store, lease, token, None).await
}

async fn commit_until(
    store: &impl Store,
    lease: Lease,
    token: Token,
    previous_until: Option<Timestamp>,
) -> Committed {
    store.commit(Commit { lease, token, previous_until }).await.unwrap()
}

/// Rotates to a token of this generation, whose value names the generation.
async fn rotate(store: &impl Store, generation: u64) -> Fence {
    let known = Generation(generation - 1);
    let lease = lease(store, Claim { known, ..claim() }).await;
    let fence = lease.fence;
    let token = token(generation, &format!("token-{generation}"));
    assert_eq!(commit(store, lease, token).await, Committed::Stored);
    fence
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_rule_is_in_the_macro() {
        let macro_text = include_str!("conformance.rs");
        let rules = [
            include_str!("conformance/rotation.rs"),
            include_str!("conformance/companion.rs"),
            include_str!("conformance/people.rs"),
            include_str!("conformance/events.rs"),
            include_str!("conformance/outbox.rs"),
        ];
        for line in rules.iter().flat_map(|text| text.lines()) {
            if let Some(rest) = line.strip_prefix("pub async fn ") {
                let name = rest.split('<').next().unwrap();
                assert!(macro_text.contains(&format!("            {name},\n")), "{name}");
            }
        }
    }
}
