//! An account that changes over from one of upstream's two families to the other: what is fetched there ends nothing here.

use std::sync::Arc;

use lingpai_core::rotation::{AskDenied, Fact, Foreseen, Reason, Step};
use lingpai_core::{Fingerprint, Policy, Profile, Way};

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
fn an_account_that_has_changed_over_is_given_a_token_as_soon_as_a_person_asks() {
    for (from, to) in [(CLASSIC, STABLE), (STABLE, CLASSIC)] {
        let mut machine = Machine::new(from, Policy::default()).with_token();
        machine.pass(SECOND);
        change_over(&mut machine, to);
        assert!(machine.rotation.is_of_former_family());
        assert_eq!(foreseen(&machine), Foreseen::Beside(LIFE - SECOND));
        ask(&mut machine);
        machine.rotate_to("B", LIFE);
        assert!(!machine.rotation.is_of_former_family());
        let nearly = machine.now + (LIFE - 2 * SECOND);
        assert_eq!(machine.rotation.previous(nearly), Some(Fingerprint::of("A")), "it lives on");
    }
}

#[test]
fn whoever_changes_over_and_back_within_the_overlap_mints_no_third_token() {
    let mut machine = Machine::classic().with_token();
    change_over(&mut machine, STABLE);
    ask(&mut machine);
    machine.rotate_to("S", LIFE);
    machine.pass(MINUTE);
    change_over(&mut machine, CLASSIC);
    let until = machine.now.instant + (OVERLAP - MINUTE);
    assert_eq!(machine.rotation.ask(machine.now), Err(AskDenied::TooSoon(until)));
    machine.pass(OVERLAP - MINUTE);
    ask(&mut machine);
}

#[test]
fn a_mode_that_is_changed_there_and_back_has_changed_nothing() {
    let mut machine = Machine::classic().with_token();
    change_over(&mut machine, STABLE);
    change_over(&mut machine, CLASSIC);
    assert!(!machine.rotation.is_of_former_family());
    assert!(matches!(machine.rotation.ask(machine.now), Err(AskDenied::TooSoon(_))));
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
fn a_lost_fetch_of_the_family_that_an_account_has_changed_to_holds_no_token_of_the_other_back() {
    let mut machine = Machine::stable().with_token();
    change_over(&mut machine, CLASSIC);
    machine.rotation.ask(machine.now).unwrap();
    machine.fail(crate::machine::lost());
    machine.pass(MINUTE);
    assert!(matches!(machine.until_step(), Step::Rotate { way: Way::Primary, .. }));
    machine.begin();
    assert!(!machine.rotation.is_doubtful());
}
