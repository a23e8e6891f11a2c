//! Tokens that nobody fetched: given from outside, pushed by upstream, or given once only.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::What;
use lingpai_core::peers::Turn;
use lingpai_core::rotation::{Answer, Fact, Reason, Rotation, Saved, Step};
use lingpai_core::store::Intent;
use lingpai_core::{Class, Failure, Fence, Fingerprint, Instant, Policy, Profile, Renewal, Way};

use crate::machine::{
    CLASSIC, HOUR, LIFE, MINUTE, Machine, SECOND, STABLE, a, lost, refusal, rotates, transient,
};

const OVERDUE: Duration = Duration::from_secs(25 * 60);

/// What a platform's ticket is like.
const PUSHED: Profile = Profile {
    nominal_life: Duration::from_secs(12 * 3600),
    primary: Renewal::Pushed { overdue: OVERDUE },
    forced: None,
    fallback: None,
    daily_budget: 100,
    given_once: false,
};

/// A token that upstream repeats, with a companion that it gives once: what could be lost is the companion alone.
const ONCE: Profile =
    Profile { primary: Renewal::Repeating, forced: None, given_once: true, ..STABLE };

impl Machine {
    /// Somebody gives this token: it is stored and taken over. False if it changes nothing.
    fn give(&mut self, token: &str, life: Duration) -> bool {
        self.rotation.set_given(true);
        assert_eq!(self.step(), Step::Take);
        self.tell(Fact::Started);
        self.rotation.set_given(false);
        let fingerprint = Fingerprint::of(token);
        let Some(admission) = self.rotation.admit_given(self.now, fingerprint, life, false) else {
            self.tell(Fact::Unchanged);
            return false;
        };
        let (way, reason, saved) = (Way::Primary, Reason::Given, Saved::Yes);
        self.tell(Fact::Issued { admission, way, reason, saved, fence: None });
        true
    }

    fn pushed() -> Self {
        let mut machine = Self::new(PUSHED, Policy::default());
        machine.rotation.take_turn(machine.now, Turn::default());
        machine
    }

    /// Upstream is asked to push, and says that it will.
    fn ask_for_a_push(&mut self, pause: Duration) {
        let step = self.fail(Failure::new(Class::Awaited(pause), "asked to push"));
        assert!(rotates(step, Reason::Overdue), "{step:?}");
    }
}

mod taken_in {
    use super::*;

    #[test]
    fn what_is_given_is_taken_before_anything_else_is_done() {
        let mut machine = Machine::stable();
        assert!(rotates(machine.step(), Reason::Missing));
        assert!(machine.give("A", LIFE));
        assert!(machine.current_is("A") && machine.left() == LIFE);
        assert!(matches!(&machine.told[..], [What::Rotated { reason: Reason::Given, .. }]));
    }

    #[test]
    fn what_is_given_waits_for_the_fetch_under_way_and_takes_its_place() {
        let mut machine = Machine::stable();
        let Step::Rotate { reason, way, .. } = machine.begin() else { panic!("no rotation") };
        machine.rotation.set_given(true);
        assert_eq!(machine.step(), Step::Rest);
        let admission = machine.admit("A", LIFE, way);
        machine.tell(Fact::Issued { admission, way, reason, saved: Saved::Yes, fence: None });
        assert!(machine.give("B", LIFE));
        assert!(machine.current_is("B"));
        assert_eq!(machine.rotation.previous(machine.now), Some(a()));
    }

    #[test]
    fn a_given_token_is_renewed_ahead_of_its_end_as_any_other() {
        let mut machine = Machine::classic();
        assert!(machine.give("A", LIFE));
        assert!(rotates(machine.until_step(), Reason::Scheduled));
        assert!((10 * MINUTE..12 * MINUTE).contains(&machine.left()));
    }

    #[test]
    fn the_same_token_again_changes_nothing_unless_it_ends_later() {
        let mut machine = Machine::stable().with_token();
        let generation = machine.rotation.generation();
        machine.pass(MINUTE);
        assert!(!machine.give("A", HOUR));
        assert_eq!((machine.left(), machine.rotation.generation()), (LIFE - MINUTE, generation));
        assert!(machine.give("A", LIFE));
        assert_eq!((machine.left(), machine.rotation.generation()), (LIFE, generation.next()));
        assert_eq!((machine.told("rotated"), machine.told("repeated")), (1, 1));
    }

    #[test]
    fn a_given_token_ends_the_trouble_the_suspicion_and_the_refusal_of_the_one_before() {
        let mut machine = Machine::classic().with_token();
        machine.rotation.report(machine.now, a(), lingpai_core::rotation::Evidence::Claim);
        machine.try_current(refusal());
        machine.fail(lost());
        assert!(machine.rotation.trouble().is_some());
        assert!(machine.give("B", LIFE));
        assert!(machine.rotation.trouble().is_none() && !machine.rotation.is_refused());
        assert!(rotates(machine.until_step(), Reason::Scheduled));
    }

    #[test]
    fn a_given_token_says_nothing_about_the_quota() {
        let mut machine = Machine::classic();
        machine.fail(Failure::new(Class::Quota, "reach max api daily quota limit"));
        machine.rotate_to("F", LIFE);
        assert!(machine.give("A", 5 * MINUTE));
        machine.pass(5 * MINUTE);
        assert!(matches!(machine.step(), Step::Rotate { way: Way::Fallback, .. }));
    }

    #[test]
    fn a_store_that_is_down_is_asked_at_once_for_whoever_gives() {
        let mut machine = Machine::new(CLASSIC, Policy { fallback: false, ..Policy::default() });
        machine.begin();
        machine.tell(Fact::StoreDown("the disk is full".to_owned()));
        assert!(matches!(machine.step(), Step::Wait(_)));
        assert!(machine.give("A", LIFE));
        assert_eq!(machine.told("store-restored"), 1);
    }

    #[test]
    fn a_token_that_another_node_was_given_again_ends_as_late_here() {
        let mut machine = Machine::pushed();
        machine.give("A", 12 * HOUR);
        machine.pass(10 * MINUTE);
        let mut record = machine.record("A", Duration::ZERO, 2);
        let token = record.token.as_mut().unwrap();
        token.expires_at = machine.now.wall + 12 * HOUR;
        machine.tell(Fact::Told(Box::new(record)));
        assert_eq!(machine.left(), 12 * HOUR);
    }
}

mod pushed {
    use super::*;

    #[test]
    fn nothing_is_fetched_while_pushes_come() {
        let mut machine = Machine::pushed();
        for number in 0..200 {
            assert!(machine.give(&format!("T{number}"), 12 * HOUR));
            machine.pass(10 * MINUTE);
            assert!(matches!(machine.step(), Step::Wait(_)), "{number}");
        }
        assert_eq!((machine.told("rotated"), machine.told("overdue")), (200, 0));
    }

    #[test]
    fn the_same_value_again_shows_that_pushes_still_come() {
        let mut machine = Machine::pushed();
        for _ in 0..10 {
            assert!(machine.give("T", 12 * HOUR));
            machine.pass(20 * MINUTE);
            assert!(matches!(machine.step(), Step::Wait(_)));
        }
    }

    #[test]
    fn a_gap_is_told_once_and_asked_about_after_each_pause() {
        let mut machine = Machine::pushed();
        machine.give("T", 12 * HOUR);
        let last = machine.now;
        machine.until_step();
        assert_eq!(machine.now.instant, last.instant + OVERDUE);
        machine.ask_for_a_push(HOUR);
        assert!(matches!(machine.step(), Step::Wait(at) if at >= machine.now.instant + HOUR));
        machine.until_step();
        machine.ask_for_a_push(HOUR);
        assert_eq!((machine.told("overdue"), machine.told("failed")), (1, 0));
        assert!(machine.told.contains(&What::Overdue { since: last.wall }));
        machine.give("U", 12 * HOUR);
        assert!(machine.rotation.trouble().is_none());
        machine.until_step();
        machine.ask_for_a_push(HOUR);
        assert_eq!(machine.told("overdue"), 2);
    }

    #[test]
    fn a_value_is_served_to_its_end_however_long_the_next_is_overdue() {
        let mut machine = Machine::pushed();
        machine.give("T", 12 * HOUR);
        machine.until_step();
        machine.ask_for_a_push(24 * HOUR);
        machine.pass(11 * HOUR);
        assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
        machine.pass(HOUR);
        machine.tell(Fact::Wanted);
        assert!(matches!(machine.rotation.answer(machine.now), Answer::Fail(_)));
    }

    #[test]
    fn whoever_wants_a_value_that_never_came_is_told_so_at_once() {
        let mut machine = Machine::pushed();
        machine.tell(Fact::Wanted);
        let Answer::Fail(trouble) = machine.rotation.answer(machine.now) else {
            panic!("he would wait for nothing")
        };
        assert!(trouble.failure.message.contains("has not come yet"));
        machine.until_step();
        machine.ask_for_a_push(HOUR);
        machine.give("T", 12 * HOUR);
        assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
    }

    #[test]
    fn asking_that_fails_is_a_failure_and_tried_again() {
        let mut machine = Machine::pushed();
        machine.until_step();
        machine.fail(transient());
        assert_eq!(machine.told("failed"), 1);
        assert!(rotates(machine.until_step(), Reason::Overdue));
        assert!(machine.now.instant < Instant::from_millis(1_000_000_000) + OVERDUE + MINUTE);
    }

    #[test]
    fn nodes_that_share_the_store_ask_one_after_another() {
        let mut machine = Machine::pushed();
        machine.rotation.take_turn(machine.now, Turn { after: 2, others: 2 });
        let since = machine.now;
        machine.until_step();
        assert_eq!(machine.now.instant, since.instant + OVERDUE + 2 * MINUTE);
    }

    #[test]
    fn a_process_that_was_down_waits_for_pushes_before_it_complains() {
        let mut machine = Machine::new(PUSHED, Policy::default());
        machine.tell(Fact::Stored(Box::new(machine.record("T", 90 * MINUTE, 7))));
        let start = machine.now;
        machine.rotation.take_turn(start, Turn::default());
        machine.until_step();
        // The stored ticket has a sixth of the nominal life, so its times are as short.
        assert_eq!(machine.now.instant, start.instant + OVERDUE / 6);
    }

    #[test]
    fn a_value_that_is_replaced_lives_to_its_own_end() {
        let mut machine = Machine::pushed();
        machine.give("T", 12 * HOUR);
        machine.pass(10 * MINUTE);
        machine.give("U", 12 * HOUR);
        machine.pass(11 * HOUR);
        assert_eq!(machine.rotation.previous(machine.now), Some(Fingerprint::of("T")));
    }
}

mod given_once {
    use super::*;

    #[test]
    fn a_lost_answer_is_followed_by_one_more_fetch_at_once() {
        let mut machine = Machine::new(ONCE, Policy::default()).with_token();
        machine.pass(HOUR);
        machine.rotation.ask(machine.now).unwrap();
        machine.fail(lost());
        assert_eq!(machine.told("suspect"), 1);
        let since = machine.now;
        assert!(rotates(machine.until_step(), Reason::Suspect));
        assert!(machine.now.instant.since(since.instant) <= SECOND);
        machine.rotate_to("A", HOUR);
        assert!(matches!(machine.step(), Step::Wait(_)));
    }

    #[test]
    fn a_refusal_is_no_lost_answer() {
        let mut machine = Machine::new(ONCE, Policy::default()).with_token();
        machine.pass(LIFE);
        machine.fail(transient());
        assert_eq!(machine.told("suspect"), 0);
    }

    #[test]
    fn after_a_crash_the_fetch_is_settled_within_the_grace_and_the_token_served_meanwhile() {
        let mut machine = Machine::new(ONCE, Policy::default());
        let at = machine.now.wall - MINUTE;
        let deadline = at + 13 * SECOND;
        let mut record = machine.record("A", HOUR, 1);
        record.intent = Some(Intent { fence: Fence(7), way: Way::Primary, at, deadline, lost: 0 });
        machine.tell(Fact::Stored(Box::new(record)));
        assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
        assert!(rotates(machine.step(), Reason::Suspect));
        machine.begin();
        assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
    }

    #[test]
    fn nothing_is_fetched_without_a_lease_even_if_the_owner_would_have_it() {
        let policy = Policy { alone: true, ..Policy::default() };
        let mut machine = Machine::new(ONCE, policy);
        machine.begin();
        machine.tell(Fact::StoreDown("the disk is full".to_owned()));
        let Step::Rotate { alone, .. } = machine.until_step() else { panic!("no rotation") };
        assert!(!alone);
    }

    #[test]
    fn very_many_that_came_together_are_renewed_evenly_after_a_day() {
        let profile = Profile { primary: Renewal::Minting { overlap: 5 * MINUTE }, ..ONCE };
        let policy = Arc::new(Policy::default());
        // How many in each ten minutes of two hours.
        let mut renewed = [0_u32; 12];
        for seed in 0..2000 {
            let mut machine = Machine::new(profile, Policy::default());
            machine.rotation = Rotation::new(profile, Arc::clone(&policy), seed);
            let start = machine.now.instant;
            for number in 0.. {
                machine.rotate_to(&format!("T{number}"), LIFE);
                machine.until_step();
                let passed = machine.now.instant.since(start);
                if passed >= 26 * HOUR {
                    break;
                }
                if let Some(since) = passed.checked_sub(24 * HOUR) {
                    renewed[(since.as_secs() / 600) as usize] += 1;
                }
            }
        }
        let (least, most) = (renewed.iter().min().unwrap(), renewed.iter().max().unwrap());
        assert!(most * 2 < least * 3, "{renewed:?}");
    }
}
