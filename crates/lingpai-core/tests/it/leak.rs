//! A leaked token: ended by new ones, as soon and as sparingly as upstream allows. Each name goes on from "a leaked token".

use lingpai_core::rotation::{Fact, Reason, Saved};
use lingpai_core::{Class, Failure, Policy, Profile, Way};

use crate::machine::{LIFE, MINUTE, Machine, SECOND, STABLE, rotates, transient, way_of};

#[test]
fn of_a_stable_account_is_ended_by_two_forced_refreshes_30_seconds_apart() {
    let mut machine = Machine::stable().with_token();
    machine.pass(MINUTE);
    machine.tell(Fact::Compromised);
    let first = machine.now.instant;
    assert_eq!(way_of(machine.rotate_to("B", LIFE)), Way::Forced);
    assert_eq!(machine.rotation.previous(machine.now), None, "A is struck off");
    assert_eq!(machine.told("compromise-ended"), 0);
    assert!(rotates(machine.until_step(), Reason::Compromised));
    assert_eq!(machine.now.instant.since(first), 30 * SECOND);
    assert_eq!(way_of(machine.rotate_to("C", LIFE)), Way::Forced);
    assert_eq!((machine.rotation.compromised(), machine.told("compromise-ended")), (0, 1));
    assert!(rotates(machine.until_step(), Reason::Scheduled));
}

#[test]
fn of_a_classic_account_is_ended_by_two_fetches() {
    let mut machine = Machine::classic().with_token();
    machine.pass(MINUTE);
    machine.tell(Fact::Compromised);
    for token in ["B", "C"] {
        assert!(rotates(machine.step(), Reason::Compromised));
        assert_eq!(way_of(machine.rotate_to(token, LIFE)), Way::Primary);
    }
    assert_eq!(machine.rotation.compromised(), 0);
}

#[test]
fn is_served_until_another_is_there_and_the_ending_goes_on_after_failures() {
    let mut machine = Machine::stable().with_token();
    machine.tell(Fact::Compromised);
    machine.fail(transient());
    assert!(machine.current_is("A"), "what we have is better than nothing");
    assert!(rotates(machine.until_step(), Reason::Compromised));
    machine.rotate_to("B", LIFE);
    machine.until_step();
    machine.rotate_to("C", LIFE);
    assert_eq!(machine.rotation.compromised(), 0);
}

#[test]
fn is_not_ended_by_a_forced_refresh_that_returned_it() {
    let mut machine = Machine::stable().with_token();
    machine.tell(Fact::Compromised);
    machine.rotate_to("A", LIFE);
    assert_eq!(machine.rotation.compromised(), 2);
    let before = machine.now.instant;
    assert!(rotates(machine.until_step(), Reason::Compromised));
    assert!(machine.now.instant.since(before) >= 30 * SECOND);
}

#[test]
fn cannot_be_ended_where_upstream_only_repeats() {
    let mut machine = Machine::new(Profile { forced: None, ..STABLE }, Policy::default());
    machine.rotate_to("A", LIFE);
    machine.tell(Fact::Compromised);
    assert!(!machine.rotation.can_end_tokens() && machine.rotation.compromised() == 0);
    assert!(rotates(machine.until_step(), Reason::Scheduled));
}

#[test]
fn of_an_account_out_of_quota_waits_for_the_quota_and_not_for_the_other_family() {
    let mut machine = Machine::classic().with_token();
    machine.tell(Fact::Compromised);
    machine.fail(Failure::new(Class::Quota, "reach max api daily quota limit"));
    assert_eq!(way_of(machine.until_step()), Way::Primary);
}

#[test]
fn is_forced_out_once_more_30_seconds_after_the_first_answer() {
    let mut machine = Machine::stable().with_token();
    machine.tell(Fact::Compromised);
    machine.begin();
    let admission = machine.admit("B", LIFE, Way::Forced);
    machine.pass(5 * SECOND); // The call was on its way to upstream, which counts from when it came.
    let (way, reason) = (Way::Forced, Reason::Compromised);
    machine.tell(Fact::Issued { admission, way, reason, saved: Saved::Yes, fence: None });
    let answered = machine.now.instant;
    assert!(rotates(machine.until_step(), Reason::Compromised));
    assert_eq!(machine.now.instant.since(answered), 30 * SECOND);
}

#[test]
fn is_ended_by_the_next_process_too_which_does_not_tell_of_it_again() {
    let mut machine = Machine::stable().with_token();
    machine.tell(Fact::StillCompromised);
    for token in ["B", "C"] {
        assert!(rotates(machine.until_step(), Reason::Compromised));
        machine.rotate_to(token, LIFE);
    }
    assert_eq!((machine.told("compromised"), machine.told("compromise-ended")), (0, 1));
}
