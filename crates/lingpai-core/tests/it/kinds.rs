//! The families of renewal besides WeChat's two of access_tokens: tickets, which survive one another, and tokens that are
//! repeated to their last second.

use std::time::Duration;

use lingpai_core::rotation::{Answer, Fact, Reason, Step};
use lingpai_core::{ForcedLimits, Moment, Policy, Profile, Renewal};

use crate::machine::{HOUR, LIFE, MINUTE, Machine, SECOND, STABLE, a, rotates};

/// What WeChat's tickets are like.
const TICKET: Profile = Profile {
    primary: Renewal::Surviving,
    forced: None::<ForcedLimits>,
    daily_budget: 100,
    ..STABLE
};

/// What WeCom's `gettoken` is like.
const WECOM: Profile = Profile { primary: Renewal::Repeating, ..TICKET };

mod surviving {
    use super::*;

    /// WeChat's tickets: the number of the period, whatever the time in it.
    fn ticket(now: Moment, since: Moment, period: Duration) -> String {
        let passed = now.instant.since(since.instant).as_secs();
        format!("T{}", passed / period.as_secs())
    }

    /// Keeps tickets for a day that change so often, stated with the whole life each time. Says how many fetches that
    /// took, and for how long at most a ticket was served after another took its place.
    fn a_day(period: Duration) -> (u32, Duration) {
        let mut machine = Machine::new(TICKET, Policy::default());
        let since = machine.now;
        let (mut fetches, mut latest, mut late) = (0, machine.now, Duration::ZERO);
        while machine.now.instant.since(since.instant) < 24 * HOUR {
            assert!(fetches == 0 || !machine.left().is_zero(), "there was no ticket for a while");
            if !machine.current_is(&ticket(machine.now, since, period)) {
                late = late.max(machine.now.instant.since(latest.instant));
            }
            machine.rotate_to(&ticket(machine.now, since, period), LIFE);
            fetches += 1;
            latest = machine.now;
            machine.until_step();
        }
        (fetches, late)
    }

    #[test]
    fn a_day_of_tickets_takes_few_fetches_and_none_is_missing() {
        let (fetches, late) = a_day(LIFE);
        assert!((12..=40).contains(&fetches), "{fetches}");
        assert!(late < 20 * MINUTE, "{late:?}");
    }

    #[test]
    fn a_ticket_that_is_repeated_far_beyond_its_life_is_served_on_without_a_loop() {
        let (fetches, _) = a_day(24 * HOUR);
        assert!(fetches < 250, "{fetches}");
    }

    #[test]
    fn a_repeated_answer_does_not_extend_a_ticket() {
        let mut machine = Machine::new(TICKET, Policy::default()).with_token();
        machine.tell(Fact::Wanted);
        machine.pass(HOUR);
        machine.rotation.ask(machine.now).unwrap();
        machine.rotate_to("A", LIFE);
        assert_eq!(machine.left(), HOUR);
        assert_eq!(
            (machine.told("rotated"), machine.told("repeated"), machine.told("failed")),
            (1, 1, 0)
        );
    }

    #[test]
    fn a_replaced_ticket_is_good_to_its_own_end() {
        let mut machine = Machine::new(TICKET, Policy::default()).with_token();
        machine.until_step();
        machine.rotate_to("B", LIFE);
        machine.pass(9 * MINUTE);
        assert_eq!(machine.rotation.previous(machine.now), Some(a()));
        machine.pass(3 * MINUTE);
        assert_eq!(machine.rotation.previous(machine.now), None);
    }
}

mod repeating {
    use super::*;

    #[test]
    fn a_token_is_served_to_its_last_second_and_then_all_hold_for_one_fetch() {
        let mut machine = Machine::new(WECOM, Policy::default()).with_token();
        assert!(matches!(machine.step(), Step::Wait(at) if at == machine.now.instant + LIFE));
        machine.pass(LIFE - SECOND);
        assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
        machine.pass(SECOND);
        assert_eq!(machine.rotation.answer(machine.now), Answer::Wait);
        assert!(rotates(machine.begin(), Reason::Missing));
        machine.tell(Fact::Wanted);
        assert_eq!(
            (machine.rotation.answer(machine.now), machine.step()),
            (Answer::Wait, Step::Rest)
        );
    }

    #[test]
    fn the_same_token_at_its_end_is_no_rotation_and_its_last_seconds_are_taken_over() {
        let mut machine = Machine::new(WECOM, Policy::default()).with_token();
        machine.pass(LIFE);
        machine.rotate_to("A", 2 * SECOND);
        assert_eq!(
            (machine.left(), machine.told("rotated"), machine.told("failed")),
            (2 * SECOND, 1, 0)
        );
        assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
        assert!(matches!(machine.step(), Step::Wait(at) if at == machine.now.instant + 2 * SECOND));
        machine.pass(2 * SECOND);
        machine.rotate_to("B", LIFE);
        assert!(machine.current_is("B") && machine.left() == LIFE);
    }

    #[test]
    fn a_life_that_is_stated_whole_each_time_does_not_extend_a_token() {
        let mut machine = Machine::new(WECOM, Policy::default()).with_token();
        machine.pass(HOUR);
        machine.rotation.ask(machine.now).unwrap();
        machine.rotate_to("A", LIFE);
        assert_eq!(machine.left(), HOUR);
        machine.pass(HOUR);
        machine.rotate_to("A", LIFE);
        assert_eq!(machine.left(), SECOND);
    }

    #[test]
    fn a_token_with_nothing_left_is_not_served_and_soon_asked_for_again() {
        let mut machine = Machine::new(WECOM, Policy::default()).with_token();
        machine.pass(LIFE);
        machine.rotate_to("A", Duration::ZERO);
        assert_eq!(machine.rotation.answer(machine.now), Answer::Wait);
        let soon = machine.now.instant + Duration::from_millis(500);
        assert!(matches!(machine.step(), Step::Wait(at) if at == soon));
        machine.until_step();
        machine.rotate_to("B", LIFE);
        assert!(machine.current_is("B") && machine.left() == LIFE);
    }

    #[test]
    fn an_upstream_that_repeats_a_token_second_by_second_is_asked_once_a_second() {
        let mut machine = Machine::new(WECOM, Policy::default()).with_token();
        machine.pass(LIFE);
        let since = machine.now;
        for _ in 0..10 {
            machine.rotate_to("A", SECOND);
            machine.until_step();
        }
        assert!(machine.now.instant.since(since.instant) >= 10 * SECOND);
    }

    #[test]
    fn a_refused_token_is_replaced_by_an_ordinary_call() {
        let mut machine = Machine::new(WECOM, Policy::default()).with_token();
        machine.pass(HOUR);
        machine.rotation.report(machine.now, a(), lingpai_core::rotation::Evidence::Claim);
        machine.try_current(crate::machine::refusal());
        machine.rotate_to("B", LIFE);
        assert!(machine.current_is("B"));
    }
}
