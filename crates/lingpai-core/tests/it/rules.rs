//! What the machine decides, rule by rule.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::What;
use lingpai_core::rotation::{Answer, Fact, Reason, Saved, Step};
use lingpai_core::store::{Intent, Record};
use lingpai_core::{Class, Failure, Fence, Fingerprint, Generation, Policy, Refresh, Way};

use crate::machine::{
    CLASSIC, HOUR, LIFE, MINUTE, Machine, SECOND, STABLE, lost, rotates, transient, way_of,
};

fn with_intent(mut record: Record, machine: &Machine, way: Way) -> Record {
    let at = machine.now.wall;
    record.intent = Some(Intent { fence: Fence(9), way, at, deadline: at + 8 * SECOND, lost: 0 });
    record
}

mod refresh_ahead {
    use super::*;

    #[test]
    fn a_missing_token_is_fetched_at_once() {
        assert!(rotates(Machine::stable().step(), Reason::Missing));
    }

    #[test]
    fn a_classic_token_is_renewed_by_lead_and_jitter_before_its_end() {
        let mut machine = Machine::classic().with_token();
        assert!(rotates(machine.until_step(), Reason::Scheduled));
        assert!((600 * SECOND..=660 * SECOND).contains(&machine.left()), "{:?}", machine.left());
    }

    #[test]
    fn a_stable_token_is_renewed_inside_its_last_300_seconds() {
        let mut machine = Machine::stable().with_token();
        machine.until_step();
        assert!((150 * SECOND..=245 * SECOND).contains(&machine.left()), "{:?}", machine.left());
    }

    #[test]
    fn leads_shrink_in_proportion_where_tokens_live_shorter() {
        for (mut machine, range) in
            [(Machine::classic(), 5000..=5500), (Machine::stable(), 1250..=2050)]
        {
            machine.rotate_to("A", MINUTE);
            machine.until_step();
            assert!(range.contains(&machine.left().as_millis()), "{:?}", machine.left());
        }
    }

    #[test]
    fn a_token_that_is_taken_over_half_way_does_not_shorten_the_lead_of_the_next() {
        let mut machine = Machine::stable();
        machine.rotate_to("A", 345 * SECOND);
        machine.until_step();
        machine.rotate_to("B", LIFE);
        machine.until_step();
        assert!(machine.left() > 150 * SECOND, "{:?}", machine.left());
    }

    #[test]
    fn expiry_is_counted_from_before_the_request_was_sent() {
        let mut machine = Machine::stable();
        let step = machine.begin();
        let admission = machine.admit("A", LIFE, Way::Primary);
        machine.pass(5 * SECOND); // The answer takes its time.
        let (way, reason) = (way_of(step), Reason::Missing);
        machine.tell(Fact::Issued { admission, way, reason, saved: Saved::Yes, fence: None });
        assert_eq!(machine.left(), LIFE - 5 * SECOND);
    }

    #[test]
    fn an_on_demand_token_is_fetched_when_asked_for_and_not_before() {
        let policy = Policy { refresh: Refresh::OnDemand, ..Policy::default() };
        let mut machine = Machine::new(STABLE, policy);
        assert_eq!(machine.step(), Step::Rest);
        machine.tell(Fact::Wanted);
        machine.rotate_to("A", LIFE);
        machine.pass(LIFE);
        assert_eq!(machine.step(), Step::Rest);
        machine.tell(Fact::Wanted);
        assert!(rotates(machine.step(), Reason::Missing));
    }

    #[test]
    fn an_idle_token_is_kept_fresh_while_it_is_used_and_let_go_after() {
        let policy = Policy { refresh: Refresh::IdleAfter(6 * HOUR), ..Policy::default() };
        let mut machine = Machine::new(STABLE, policy);
        machine.tell(Fact::Wanted);
        machine.rotate_to("A", LIFE);
        for token in ["B", "C"] {
            machine.until_step();
            machine.rotate_to(token, LIFE);
        }
        machine.pass(3 * HOUR); // Nine hours since anybody asked.
        assert_eq!(machine.until_step(), Step::Rest);
        machine.tell(Fact::Wanted);
        assert!(rotates(machine.step(), Reason::Missing));
    }

    #[test]
    fn an_idle_token_is_renewed_if_it_is_used_again_just_before_its_end() {
        let policy = Policy { refresh: Refresh::IdleAfter(MINUTE), ..Policy::default() };
        let mut machine = Machine::new(CLASSIC, policy);
        machine.tell(Fact::Wanted);
        machine.rotate_to("A", LIFE);
        machine.pass(LIFE - 9 * MINUTE);
        assert!(matches!(machine.step(), Step::Wait(_)));
        machine.tell(Fact::Used(machine.now.instant));
        assert!(rotates(machine.step(), Reason::Scheduled));
    }
}

mod never_worse_than_what_we_have {
    use super::*;

    #[test]
    fn a_failed_rotation_leaves_the_current_token_served_until_its_end() {
        let mut machine = Machine::stable().with_token();
        let mut failures = 0;
        loop {
            machine.until_step();
            if machine.left().is_zero() {
                break;
            }
            machine.fail(transient());
            assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
            failures += 1;
        }
        assert!(failures >= 5, "only {failures} attempts fell into the lead");
    }

    #[test]
    fn a_store_that_is_down_is_not_a_missing_token() {
        let mut machine = Machine::stable().with_token();
        machine.until_step();
        machine.tell(Fact::Started);
        machine.tell(Fact::StoreDown("disk full".into()));
        assert!(machine.current_is("A"));
        assert_eq!(machine.told("store-degraded"), 1);
    }

    #[test]
    fn a_store_that_lost_the_token_is_no_reason_to_lose_it_here() {
        let mut machine = Machine::stable().with_token();
        let empty = Record { token: None, ..machine.record("x", SECOND, 7) };
        machine.tell(Fact::Stored(Box::new(empty)));
        assert!(machine.current_is("A"));
    }

    #[test]
    fn no_error_ends_the_keeping() {
        for class in [Class::Transient, Class::NeedsPerson, Class::Quota, Class::RateLimited(HOUR)]
        {
            let mut machine = Machine::stable();
            for _ in 0..200 {
                assert!(rotates(machine.until_step(), Reason::Missing), "{class:?}");
                machine.fail(Failure::new(class, "no"));
            }
            machine.until_step();
            machine.rotate_to("A", LIFE);
            assert!(machine.current_is("A"));
        }
    }
}

mod failures {
    use super::*;

    fn pause(machine: &mut Machine, failure: Failure) -> Duration {
        machine.until_step();
        let failed_at = machine.now.instant;
        machine.fail(failure);
        machine.until_step();
        machine.now.instant.since(failed_at)
    }

    #[test]
    fn a_failure_is_shared_by_all_who_ask_until_the_next_attempt() {
        let mut machine = Machine::stable();
        machine.fail(transient());
        assert!(matches!(machine.rotation.answer(machine.now), Answer::Fail(_)));
        machine.until_step();
        assert_eq!(machine.rotation.answer(machine.now), Answer::Wait);
    }

    #[test]
    fn transient_failures_are_retried_soon_and_then_less_and_less_often() {
        let mut machine = Machine::stable();
        let pauses: Vec<_> = (0..12).map(|_| pause(&mut machine, transient())).collect();
        assert!(pauses[0] <= Duration::from_millis(501), "{pauses:?}");
        assert!(pauses[11] >= 29 * SECOND && pauses[11] <= MINUTE, "{pauses:?}");
    }

    #[test]
    fn a_rate_limit_is_waited_for() {
        let mut machine = Machine::stable();
        let limited = Failure::new(Class::RateLimited(HOUR), "banned");
        assert!(pause(&mut machine, limited) >= HOUR);
    }

    #[test]
    fn what_a_person_must_mend_is_retried_slowly_and_at_once_when_the_account_changes() {
        let mut machine = Machine::stable();
        let wrong = Failure::new(Class::NeedsPerson, "invalid appsecret");
        for _ in 0..8 {
            assert!(pause(&mut machine, wrong.clone()) >= 15 * SECOND);
        }
        machine.fail(wrong);
        assert!(matches!(machine.step(), Step::Wait(_)));
        machine.tell(Fact::Reconfigured(STABLE, Arc::new(Policy::default())));
        assert!(rotates(machine.step(), Reason::Missing));
    }

    #[test]
    fn an_exhausted_quota_is_probed_every_15_minutes_until_the_day_ends_in_shanghai() {
        let mut machine = Machine::stable();
        let mut probes = 0;
        while machine.now.wall < Machine::stable().now.day().end() {
            let paused = pause(&mut machine, Failure::new(Class::Quota, "45009"));
            assert!(paused <= 18 * MINUTE + SECOND, "{paused:?}");
            probes += 1;
        }
        assert!((40..=48).contains(&probes), "{probes} probes in twelve hours");
        machine.rotate_to("A", LIFE);
    }

    #[test]
    fn clearing_the_quota_ends_the_waiting() {
        let mut machine = Machine::stable();
        machine.fail(Failure::new(Class::Quota, "45009"));
        assert!(matches!(machine.step(), Step::Wait(_)));
        machine.tell(Fact::QuotaCleared);
        assert!(rotates(machine.step(), Reason::Missing));
    }

    #[test]
    fn a_lease_that_another_node_holds_is_looked_at_again_soon() {
        let mut machine = Machine::stable();
        machine.tell(Fact::Started);
        machine.tell(Fact::Held(machine.now.instant + 10 * SECOND));
        assert_eq!(machine.rotation.answer(machine.now), Answer::Wait);
        let before = machine.now.instant;
        assert!(rotates(machine.until_step(), Reason::Missing));
        assert!(machine.now.instant.since(before) <= SECOND);
    }
}

mod falling_back {
    use super::*;

    fn quota() -> Failure {
        Failure::new(Class::Quota, "reach max api daily quota limit")
    }

    #[test]
    fn a_classic_account_out_of_quota_is_served_from_the_stable_family_at_once() {
        let mut machine = Machine::classic();
        machine.fail(quota());
        assert_eq!(way_of(machine.step()), Way::Fallback);
        machine.rotate_to("S", LIFE);
        assert!(machine.current_is("S"));
        assert_eq!(machine.told("fell-back"), 1);
    }

    #[test]
    fn and_goes_back_when_a_probe_succeeds() {
        let mut machine = Machine::classic();
        machine.fail(quota());
        machine.rotate_to("S", LIFE);
        let before = machine.now.instant;
        let step = machine.until_step();
        assert!(rotates(step, Reason::Probe) && way_of(step) == Way::Primary, "{step:?}");
        assert!(machine.now.instant.since(before) <= 18 * MINUTE);
        machine.rotate_to("C", LIFE);
        assert!(machine.current_is("C"));
        // The families are isolated: the stable token is not killed by the classic one.
        assert_eq!(machine.rotation.previous(machine.now + HOUR), Some(Fingerprint::of("S")));
    }

    #[test]
    fn a_probe_waits_for_a_store_that_is_down_and_does_not_storm_the_fallback_family() {
        let mut machine = Machine::classic();
        machine.fail(quota());
        machine.rotate_to("S", LIFE);
        assert!(rotates(machine.until_step(), Reason::Probe));
        machine.tell(Fact::Started);
        machine.tell(Fact::StoreDown("disk full".into()));
        assert!(matches!(machine.step(), Step::Wait(_)));
        let step = machine.until_step();
        assert_eq!(step, Step::Rotate { reason: Reason::Probe, way: Way::Primary, alone: false });
    }

    #[test]
    fn the_configuration_can_forbid_it() {
        let policy = Policy { fallback: false, ..Policy::default() };
        let mut machine = Machine::new(CLASSIC, policy);
        machine.fail(quota());
        assert!(matches!(machine.step(), Step::Wait(_)));
        assert_eq!(way_of(machine.until_step()), Way::Primary);
    }

    #[test]
    fn without_a_store_a_classic_account_takes_from_the_stable_family_rather_than_fetch_alone() {
        let mut machine = Machine::classic();
        machine.tell(Fact::Started);
        machine.tell(Fact::StoreDown("disk full".into()));
        assert_eq!(
            machine.step(),
            Step::Rotate { reason: Reason::Missing, way: Way::Fallback, alone: true }
        );
    }

    #[test]
    fn without_a_store_and_a_fallback_a_classic_account_waits_for_the_store() {
        let policy = Policy { fallback: false, ..Policy::default() };
        let mut machine = Machine::new(CLASSIC, policy);
        machine.tell(Fact::Started);
        machine.tell(Fact::StoreDown("disk full".into()));
        assert!(matches!(machine.step(), Step::Wait(_)));
        assert_eq!(
            machine.until_step(),
            Step::Rotate { reason: Reason::Missing, way: Way::Primary, alone: false }
        );
    }

    #[test]
    fn without_a_store_a_classic_account_fetches_alone_if_the_operator_allows_it() {
        let policy = Policy { fallback: false, alone: true, ..Policy::default() };
        let mut machine = Machine::new(CLASSIC, policy);
        machine.tell(Fact::Started);
        machine.tell(Fact::StoreDown("disk full".into()));
        assert_eq!(
            machine.step(),
            Step::Rotate { reason: Reason::Missing, way: Way::Primary, alone: true }
        );
    }

    #[test]
    fn without_a_store_a_stable_account_fetches_alone_and_saves_when_the_store_is_back() {
        let mut machine = Machine::stable();
        machine.tell(Fact::Started);
        machine.tell(Fact::StoreDown("disk full".into()));
        let step = machine.step();
        assert!(matches!(step, Step::Rotate { alone: true, way: Way::Primary, .. }), "{step:?}");
        machine.tell(Fact::Started);
        let admission = machine.admit("A", LIFE, Way::Primary);
        machine.tell(Fact::Issued {
            admission,
            way: Way::Primary,
            reason: Reason::Missing,
            saved: Saved::NotYet,
            fence: None,
        });
        assert!(machine.current_is("A"));
        assert_eq!(machine.until_step(), Step::Save);
        machine.tell(Fact::Started);
        machine.tell(Fact::Saved);
        assert_eq!(machine.told("store-restored"), 1);
        assert!(rotates(machine.until_step(), Reason::Scheduled));
    }
}

mod after_a_crash {
    use super::*;

    #[test]
    fn a_token_in_the_store_is_served_without_a_fetch() {
        let mut machine = Machine::stable();
        machine.tell(Fact::Stored(Box::new(machine.record("A", HOUR, 5))));
        assert!(machine.current_is("A"));
        assert_eq!(machine.left(), HOUR);
        assert!(matches!(machine.step(), Step::Wait(_)));
    }

    #[test]
    fn an_intent_without_outcome_leads_to_one_more_classic_fetch_when_the_lost_one_is_over() {
        let mut machine = Machine::classic();
        let record = with_intent(machine.record("A", HOUR, 5), &machine, Way::Primary);
        machine.tell(Fact::Stored(Box::new(record)));
        assert!(machine.current_is("A"));
        let before = machine.now.instant;
        assert!(rotates(machine.until_step(), Reason::Suspect));
        assert_eq!(machine.now.instant.since(before), 8 * SECOND);
        assert_eq!(machine.rotation.settles(), Some(Fence(9)));
        machine.rotate_to("B", LIFE);
        // All but the last known token count as dead.
        assert_eq!(machine.rotation.previous(machine.now), None);
        assert!(rotates(machine.until_step(), Reason::Scheduled));
    }

    /// A token whose second replacement was cut off too.
    fn twice_lost() -> Machine {
        let mut machine = Machine::classic();
        let mut record = with_intent(machine.record("A", HOUR, 5), &machine, Way::Primary);
        record.intent.as_mut().unwrap().lost = 1;
        machine.tell(Fact::Stored(Box::new(record)));
        machine
    }

    #[test]
    fn a_token_that_two_lost_fetches_have_killed_is_held_back_and_replaced_at_once() {
        let mut machine = twice_lost();
        assert_eq!(machine.rotation.answer(machine.now), Answer::Wait);
        assert!(rotates(machine.step(), Reason::Suspect));
        machine.rotate_to("B", LIFE);
        assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
    }

    #[test]
    fn and_so_is_one_whose_overlap_ended_while_no_process_ran() {
        let mut machine = Machine::classic();
        let record = with_intent(machine.record("A", HOUR, 5), &machine, Way::Primary);
        machine.pass(301 * SECOND);
        machine.tell(Fact::Stored(Box::new(record)));
        assert_eq!(machine.rotation.answer(machine.now), Answer::Wait);
        assert!(rotates(machine.step(), Reason::Suspect));
    }

    #[test]
    fn a_suspect_token_is_held_back_while_the_fetch_that_would_kill_it_is_under_way() {
        let mut machine = Machine::classic();
        let record = with_intent(machine.record("A", HOUR, 5), &machine, Way::Primary);
        machine.tell(Fact::Stored(Box::new(record)));
        machine.until_step();
        assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
        machine.begin();
        assert_eq!(machine.rotation.answer(machine.now), Answer::Wait);
    }

    #[test]
    fn but_if_no_other_can_be_had_it_is_served_for_what_it_is_worth() {
        let mut machine = twice_lost();
        machine.fail(transient());
        assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
        assert!(rotates(machine.until_step(), Reason::Suspect));
    }

    #[test]
    fn or_at_once_if_there_is_no_token() {
        let mut machine = Machine::classic();
        let empty = Record { token: None, ..machine.record("A", HOUR, 0) };
        let record = with_intent(empty, &machine, Way::Primary);
        machine.tell(Fact::Stored(Box::new(record)));
        assert!(rotates(machine.step(), Reason::Suspect));
    }

    #[test]
    fn a_stable_fetch_that_was_lost_needs_no_repair() {
        let mut machine = Machine::stable();
        let record = with_intent(machine.record("A", HOUR, 5), &machine, Way::Primary);
        machine.tell(Fact::Stored(Box::new(record)));
        assert!(rotates(machine.until_step(), Reason::Scheduled));
        assert_eq!(machine.rotation.settles(), Some(Fence(9)));
    }

    #[test]
    fn a_lost_answer_in_classic_mode_is_as_a_crash() {
        let mut machine = Machine::classic().with_token();
        machine.until_step();
        machine.fail(lost());
        assert_eq!(machine.told("suspect"), 1);
        assert!(machine.current_is("A"));
        assert!(rotates(machine.until_step(), Reason::Suspect));
        machine.rotate_to("B", LIFE);
        assert_eq!(machine.rotation.previous(machine.now), None);
    }

    #[test]
    fn what_is_suspect_stays_so_through_failures_that_settle_nothing() {
        let mut machine = Machine::classic().with_token();
        machine.until_step();
        machine.fail(lost());
        machine.until_step();
        assert!(machine.rotation.leaves_open(&transient()));
        machine.fail(transient());
        assert!(rotates(machine.until_step(), Reason::Suspect));
        assert!(machine.rotation.settles().is_some());
    }

    #[test]
    fn a_classic_token_whose_lease_was_lost_in_flight_is_fetched_once_more() {
        let mut machine = Machine::classic().with_token();
        machine.until_step();
        machine.begin();
        machine.tell(Fact::Fenced(Box::new(machine.record("B", SECOND, 2))));
        assert!(machine.current_is("B"));
        assert!(rotates(machine.step(), Reason::Suspect));
        machine.rotate_to("C", LIFE);
        assert!(matches!(machine.step(), Step::Wait(_)));
    }

    #[test]
    fn a_stable_token_whose_lease_was_lost_in_flight_costs_a_call_and_nothing_more() {
        let mut machine = Machine::stable().with_token();
        machine.until_step();
        machine.begin();
        machine.tell(Fact::Fenced(Box::new(machine.record("B", SECOND, 2))));
        assert!(machine.current_is("B"));
        assert!(matches!(machine.step(), Step::Wait(_)));
    }
}

mod clocks_that_jump {
    use super::*;

    #[test]
    fn a_wall_clock_that_jumps_kills_no_token_in_the_process() {
        for jump in [6 * HOUR, Duration::ZERO] {
            let mut machine = Machine::stable().with_token();
            machine.now.wall = machine.now.wall + jump - 3 * HOUR;
            assert!(machine.current_is("A"));
            assert!(matches!(machine.step(), Step::Wait(_)));
        }
    }

    #[test]
    fn a_stored_token_from_the_future_is_not_trusted() {
        let mut machine = Machine::stable();
        let stored = machine.record("A", HOUR, 5);
        machine.now.wall = machine.now.wall - 5 * HOUR;
        machine.tell(Fact::Stored(Box::new(stored)));
        assert!(!machine.current_is("A"));
        assert!(rotates(machine.until_step(), Reason::Missing));
    }

    #[test]
    fn and_when_upstream_repeats_it_it_is_renewed_in_time_like_any_other() {
        let mut machine = Machine::stable();
        let stored = machine.record("A", HOUR, 5);
        machine.now.wall = machine.now.wall - 5 * HOUR;
        machine.tell(Fact::Stored(Box::new(stored)));
        machine.rotate_to("A", HOUR);
        assert!(rotates(machine.until_step(), Reason::Scheduled));
        assert!(machine.left() > 100 * SECOND, "{:?}", machine.left());
    }

    #[test]
    fn the_same_token_from_the_store_does_not_bring_the_walls_error_in() {
        let mut machine = Machine::stable().with_token();
        let stored = machine.record("A", Duration::ZERO, 1);
        machine.now.wall = machine.now.wall + 5 * HOUR;
        machine.tell(Fact::Stored(Box::new(stored)));
        assert!(machine.current_is("A"));
    }
}

#[test]
fn a_stored_token_of_a_later_generation_takes_over() {
    let mut machine = Machine::stable().with_token();
    machine.tell(Fact::Stored(Box::new(machine.record("B", SECOND, 2))));
    assert!(machine.current_is("B"));
    assert_eq!(machine.rotation.generation(), Generation(2));
    assert!(!machine.told.iter().any(|what| matches!(what, What::Failed { .. })));
}
