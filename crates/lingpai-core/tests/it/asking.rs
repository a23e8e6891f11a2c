//! What a person may ask for, when, and what it would do; also just after the account has changed over to the other of
//! upstream's two families.

use std::sync::Arc;

use lingpai_core::rotation::{AskDenied, Fact, Foreseen, Reason};
use lingpai_core::{Policy, Profile};

use crate::machine::{CLASSIC, HOUR, LIFE, MINUTE, Machine, OVERLAP, SECOND, STABLE, rotates};

fn change_over(machine: &mut Machine, profile: Profile) {
    machine.tell(Fact::Reconfigured(profile, Arc::new(Policy::default())));
}

fn ask(machine: &mut Machine) {
    assert_eq!(machine.rotation.ask(machine.now), Ok(()));
    assert!(rotates(machine.step(), Reason::Manual), "{:?}", machine.step());
}

fn foreseen(machine: &Machine) -> Foreseen {
    machine.rotation.foresee(machine.now).unwrap().outcome
}

#[test]
fn an_account_that_has_changed_to_repeated_tokens_is_given_one_as_soon_as_a_person_asks() {
    let mut machine = Machine::classic().with_token();
    machine.pass(SECOND);
    change_over(&mut machine, STABLE);
    ask(&mut machine);
    machine.rotate_to("S", LIFE);
}

#[test]
fn whoever_changes_over_and_back_within_the_overlap_mints_no_third_token() {
    let mut machine = Machine::classic().with_token();
    change_over(&mut machine, STABLE);
    ask(&mut machine);
    machine.rotate_to("S", LIFE);
    change_over(&mut machine, CLASSIC);
    let until = machine.now.instant + OVERLAP;
    assert_eq!(machine.rotation.ask(machine.now), Err(AskDenied::TooSoon(until)));
    machine.pass(OVERLAP);
    ask(&mut machine);
}

#[test]
fn a_person_may_ask_where_upstream_repeats_the_token_as_soon_as_it_was_fetched() {
    let mut machine = Machine::stable().with_token();
    machine.pass(SECOND);
    ask(&mut machine);
    machine.rotate_to("A", LIFE - SECOND);
    assert_eq!(machine.told("repeated"), 1);
}

#[test]
fn what_a_rotation_would_do_is_what_it_does() {
    let mut machine = Machine::stable().with_token();
    machine.pass(SECOND);
    assert_eq!(foreseen(&machine), Foreseen::Repeated(LIFE - OVERLAP - SECOND));
    let mut machine = Machine::stable().with_token();
    machine.pass(LIFE - MINUTE);
    assert_eq!(foreseen(&machine), Foreseen::Replaced(MINUTE), "WeChat's last five minutes");
    let mut machine = Machine::classic().with_token();
    assert!(machine.rotation.foresee(machine.now).is_err());
    machine.pass(HOUR);
    let before = format!("{:?}", machine.rotation);
    assert_eq!(foreseen(&machine), Foreseen::Replaced(OVERLAP));
    assert_eq!(format!("{:?}", machine.rotation), before, "nothing changes");
    machine.pass(HOUR);
    assert_eq!(foreseen(&machine), Foreseen::Missing);
}

#[test]
fn a_token_that_another_fetch_may_have_replaced_is_foreseen_to_end_at_once() {
    let mut machine = Machine::classic().with_token();
    machine.pass(HOUR);
    machine.rotation.ask(machine.now).unwrap();
    machine.fail(crate::machine::lost());
    assert_eq!(foreseen(&machine), Foreseen::Ended);
}
