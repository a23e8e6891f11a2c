//! What the machine decides when a token is called invalid, when a rotation is asked for, and how often it fetches.

use std::time::Duration;

use lingpai_core::rotation::{AskDenied, Evidence, Fact, Reason, Report, Step};
use lingpai_core::store::Usage;
use lingpai_core::{Fingerprint, Generation, Verdict, Way};

use crate::machine::{
    HOUR, LIFE, MINUTE, Machine, OVERLAP, SECOND, a, refusal, rotates, transient, way_of,
};

mod compare_try_refresh {
    use super::*;

    #[test]
    fn a_report_of_an_old_token_changes_nothing() {
        let mut machine = Machine::stable().with_token();
        machine.until_step();
        machine.rotate_to("B", LIFE);
        assert_eq!(machine.rotation.report(machine.now, a(), Evidence::Claim), Report::Replaced);
        assert!(matches!(machine.step(), Step::Wait(_)));
    }

    #[test]
    fn a_report_of_the_current_token_leads_to_one_trial_and_not_to_a_rotation() {
        let mut machine = Machine::stable().with_token();
        assert_eq!(machine.rotation.report(machine.now, a(), Evidence::Claim), Report::Trying);
        assert_eq!(machine.rotation.report(machine.now, a(), Evidence::Claim), Report::Trying);
        assert_eq!(machine.step(), Step::Try(a()));
        machine.try_current(Verdict::Accepted);
        assert_eq!(machine.rotation.report(machine.now, a(), Evidence::Claim), Report::Accepted);
        assert!(matches!(machine.step(), Step::Wait(_)));
        assert_eq!(machine.told("report-unfounded"), 1);
    }

    #[test]
    fn one_token_is_tried_at_most_once_in_30_seconds() {
        let mut machine = Machine::stable().with_token();
        machine.rotation.report(machine.now, a(), Evidence::Claim);
        machine.try_current(Verdict::Accepted);
        machine.pass(29 * SECOND);
        assert_eq!(machine.rotation.report(machine.now, a(), Evidence::Claim), Report::Accepted);
        machine.pass(SECOND);
        assert_eq!(machine.rotation.report(machine.now, a(), Evidence::Claim), Report::Trying);
    }

    #[test]
    fn a_hunch_takes_one_trial_a_minute_and_leaves_the_other_to_who_has_more_to_say() {
        let mut machine = Machine::stable().with_token();
        let report = |machine: &mut Machine, evidence| {
            let report = machine.rotation.report(machine.now, a(), evidence);
            if report == Report::Trying {
                machine.try_current(Verdict::Accepted);
            }
            report
        };
        assert_eq!(report(&mut machine, Evidence::Hunch), Report::Trying);
        machine.pass(5 * SECOND);
        assert_eq!(report(&mut machine, Evidence::Hunch), Report::Accepted);
        assert_eq!(report(&mut machine, Evidence::Claim), Report::Trying, "its trial was spared");
        machine.pass(54 * SECOND);
        for evidence in [Evidence::Claim, Evidence::Hunch] {
            assert_eq!(report(&mut machine, evidence), Report::Accepted, "two in a minute");
        }
        machine.pass(SECOND);
        assert_eq!(report(&mut machine, Evidence::Hunch), Report::Accepted, "55 s after the claim");
        assert_eq!(report(&mut machine, Evidence::Claim), Report::Trying);
    }

    #[test]
    fn a_call_that_went_through_before_the_trial_and_is_refused_after_it_leads_to_another() {
        let mut machine = Machine::stable().with_token();
        machine.rotation.report(machine.now, a(), Evidence::Claim);
        let before = machine.now.instant;
        machine.pass(SECOND);
        machine.try_current(Verdict::Accepted);
        let report = |machine: &mut Machine, sent_at| {
            machine.rotation.report(machine.now, a(), Evidence::Change(sent_at))
        };
        assert_eq!(report(&mut machine, before), Report::Accepted, "the trial came after the call");
        machine.pass(SECOND);
        let after = machine.now.instant;
        assert_eq!(report(&mut machine, after), Report::Trying);
        machine.try_current(refusal());
        assert_eq!(report(&mut machine, after), Report::Rotating);
    }

    #[test]
    fn a_new_token_has_a_trial_of_its_own() {
        let mut machine = Machine::classic().with_token();
        machine.rotation.report(machine.now, a(), Evidence::Claim);
        machine.try_current(refusal());
        machine.rotate_to("B", LIFE);
        assert_eq!(
            machine.rotation.report(machine.now, Fingerprint::of("B"), Evidence::Claim),
            Report::Trying
        );
    }

    #[test]
    fn an_inconclusive_trial_rotates_nothing() {
        let mut machine = Machine::stable().with_token();
        machine.rotation.report(machine.now, a(), Evidence::Claim);
        machine.try_current(Verdict::Inconclusive(transient()));
        assert_eq!(machine.rotation.report(machine.now, a(), Evidence::Claim), Report::Unknown);
        assert!(matches!(machine.step(), Step::Wait(_)));
        assert_eq!(machine.told("rogue-refresher"), 0);
    }

    #[test]
    fn a_refused_trial_rotates_at_once_and_names_the_rogue_refresher() {
        let mut machine = Machine::classic().with_token();
        machine.rotation.report(machine.now, a(), Evidence::Claim);
        machine.try_current(refusal());
        assert!(rotates(machine.step(), Reason::Refused));
        assert_eq!(machine.told("rogue-refresher"), 1);
        machine.rotate_to("B", LIFE);
        assert!(machine.current_is("B"));
        // What upstream refuses is not a previous token that clients may still use.
        assert_eq!(machine.rotation.previous(machine.now), None);
    }

    #[test]
    fn the_verdict_on_a_token_that_was_replaced_meanwhile_is_void() {
        let mut machine = Machine::stable().with_token();
        machine.rotation.report(machine.now, a(), Evidence::Claim);
        machine.begin();
        machine.tell(Fact::Stored(Box::new(machine.record("B", SECOND, 2))));
        machine.tell(Fact::Tried(a(), refusal()));
        assert!(machine.current_is("B"));
        assert_eq!(machine.told("rogue-refresher"), 0);
        assert!(matches!(machine.step(), Step::Wait(_)));
    }
}

mod forced_refresh_is_scarce {
    use super::*;

    /// A machine whose token upstream refuses and yet repeats.
    fn insisted_upon() -> Machine {
        let mut machine = Machine::stable().with_token();
        machine.pass(MINUTE);
        machine.rotation.report(machine.now, a(), Evidence::Claim);
        machine.try_current(refusal());
        assert_eq!(way_of(machine.step()), Way::Primary);
        machine.rotate_to("A", LIFE);
        machine
    }

    #[test]
    fn it_is_used_only_when_upstream_repeats_a_token_that_upstream_refuses() {
        let mut machine = insisted_upon();
        assert_eq!(way_of(machine.step()), Way::Forced);
        machine.rotate_to("B", LIFE);
        assert!(machine.current_is("B"));
    }

    #[test]
    fn it_waits_for_a_store_that_is_down() {
        let mut machine = insisted_upon();
        machine.tell(Fact::Started);
        machine.tell(Fact::StoreDown("gone".into()));
        assert!(matches!(machine.step(), Step::Wait(_)), "{:?}", machine.step());
        let step = machine.until_step();
        assert!(matches!(step, Step::Rotate { way: Way::Forced, alone: false, .. }), "{step:?}");
    }

    #[test]
    fn one_that_returns_the_same_token_has_not_happened() {
        let mut machine = insisted_upon();
        machine.rotate_to("A", LIFE);
        let before = machine.now.instant;
        // Whether another is needed is for another trial to say, and that comes after the spacing.
        assert_eq!(machine.until_step(), Step::Try(a()));
        assert!(machine.now.instant.since(before) >= 30 * SECOND);
        machine.try_current(refusal());
        machine.rotate_to("A", LIFE);
        assert_eq!(way_of(machine.step()), Way::Forced);
    }

    #[test]
    fn two_are_at_least_30_seconds_apart() {
        let mut machine = insisted_upon();
        machine.rotate_to("B", LIFE);
        machine.rotation.report(machine.now, Fingerprint::of("B"), Evidence::Claim);
        machine.try_current(refusal());
        machine.rotate_to("B", LIFE);
        let before = machine.now.instant;
        assert_eq!(way_of(machine.until_step()), Way::Forced);
        assert_eq!(machine.now.instant.since(before), 30 * SECOND);
    }

    #[test]
    fn there_are_20_a_day_at_most() {
        let mut machine = insisted_upon();
        let mut forced = 0;
        let today = machine.now.day();
        while machine.now.day() == today {
            let step = machine.until_step();
            if machine.now.day() != today {
                break;
            }
            match step {
                Step::Try(_) => machine.try_current(refusal()),
                step => {
                    forced += u32::from(way_of(step) == Way::Forced);
                    machine.rotate_to("A", LIFE);
                }
            }
        }
        assert_eq!(forced, 20);
    }
}

mod budget {
    use super::*;

    fn spent_down_to_the_reserve() -> Machine {
        let mut machine = Machine::classic().with_token();
        let day = machine.now.day();
        machine.tell(Fact::Granted(Usage { day, fetches: 150, forced: 0 }));
        machine.pass(HOUR);
        machine
    }

    #[test]
    fn reported_rotations_are_shed_first() {
        let mut machine = spent_down_to_the_reserve();
        machine.rotation.report(machine.now, a(), Evidence::Claim);
        machine.try_current(refusal());
        assert!(matches!(machine.step(), Step::Wait(_)));
        assert_eq!(machine.told("budget-spent"), 1);
    }

    #[test]
    fn manual_rotations_are_refused_and_say_so() {
        let mut machine = spent_down_to_the_reserve();
        let denied = machine.rotation.ask(machine.now);
        assert!(matches!(denied, Err(AskDenied::BudgetSpent { used: 150, .. })), "{denied:?}");
    }

    #[test]
    fn scheduled_rotations_are_never_refused_by_our_count() {
        let mut machine = Machine::classic().with_token();
        machine.pass(HOUR);
        let day = machine.now.day();
        machine.tell(Fact::Granted(Usage { day, fetches: 100_000, forced: 0 }));
        assert!(rotates(machine.until_step(), Reason::Scheduled));
        assert!(machine.left() >= 600 * SECOND);
    }

    #[test]
    fn that_nine_tenths_are_used_is_told_once_a_day() {
        let mut machine = Machine::classic().with_token();
        for told in 1..=2 {
            let day = machine.now.day();
            for fetches in 1..=200 {
                machine.tell(Fact::Granted(Usage { day, fetches, forced: 0 }));
                let is_told = fetches >= 180;
                assert_eq!(machine.told("quota-low"), told - usize::from(!is_told), "{fetches}");
            }
            machine.pass(24 * HOUR);
        }
    }

    #[test]
    fn the_next_day_has_a_new_budget() {
        let mut machine = spent_down_to_the_reserve();
        machine.pass(24 * HOUR);
        assert_eq!(machine.rotation.ask(machine.now), Ok(()));
    }
}

mod spacing {
    use super::*;

    #[test]
    fn a_manual_rotation_is_never_closer_to_the_last_than_the_overlap() {
        let mut machine = Machine::classic().with_token();
        machine.pass(OVERLAP - SECOND);
        let too_soon = machine.rotation.ask(machine.now);
        assert!(matches!(too_soon, Err(AskDenied::TooSoon(_))), "{too_soon:?}");
        machine.pass(SECOND);
        assert_eq!(machine.rotation.ask(machine.now), Ok(()));
        assert!(rotates(machine.step(), Reason::Manual));
    }

    #[test]
    fn an_upstream_that_states_absurd_lives_is_not_stormed() {
        let mut machine = Machine::classic().with_token();
        let mut fetches = 0;
        let start = machine.now.instant;
        while machine.now.instant.since(start) < HOUR {
            machine.until_step();
            machine.rotate_to(&format!("T{fetches}"), Duration::from_millis(1));
            fetches += 1;
        }
        assert!(fetches <= 3601, "{fetches} fetches in an hour");
    }

    #[test]
    fn the_replaced_token_is_known_for_its_overlap_and_no_longer() {
        let mut machine = Machine::classic().with_token();
        machine.until_step();
        machine.rotate_to("B", LIFE);
        assert_eq!(machine.rotation.previous(machine.now + (OVERLAP - SECOND)), Some(a()));
        assert_eq!(machine.rotation.previous(machine.now + OVERLAP), None);
    }

    #[test]
    fn a_repeated_answer_is_no_rotation_and_no_failure_and_never_a_loop() {
        let mut machine = Machine::stable().with_token();
        machine.until_step();
        let mut asked = 0;
        while machine.left() > SECOND {
            machine.until_step();
            let left = machine.left();
            machine.rotate_to("A", left);
            asked += 1;
        }
        assert!(machine.rotation.trouble().is_none());
        assert_eq!(machine.rotation.generation(), Generation(1));
        assert!(asked < 40, "asked {asked} times");
    }
}
