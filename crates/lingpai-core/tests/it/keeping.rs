//! Accounts that are observed or paused: nothing is fetched for them, and what there is is served to its end.

use std::sync::Arc;

use lingpai_core::rotation::{Answer, AskDenied, Evidence, Fact, Reason, Report, Step};
use lingpai_core::{Fingerprint, Keeping, Policy};

use crate::machine::{CLASSIC, HOUR, LIFE, Machine, STABLE, lost, refusal, rotates};

fn kept(keeping: Keeping) -> Arc<Policy> {
    Arc::new(Policy { keeping, ..Policy::default() })
}

const IDLE: [Keeping; 2] = [Keeping::Observe, Keeping::Paused];

#[test]
fn nothing_is_fetched_for_an_account_that_is_observed_or_paused_and_whoever_asks_is_told() {
    for keeping in IDLE {
        let mut machine = Machine::new(STABLE, Policy { keeping, ..Policy::default() });
        machine.tell(Fact::Wanted);
        assert_eq!(machine.step(), Step::Rest);
        assert_eq!(machine.rotation.answer(machine.now), Answer::NotFetched);
        assert_eq!(machine.rotation.ask(machine.now), Err(AskDenied::NotFetched(keeping)));
        assert!(!machine.rotation.can_end_tokens());
    }
}

#[test]
fn the_token_of_an_account_that_is_paused_is_served_to_its_end_and_not_renewed() {
    let mut machine = Machine::stable().with_token();
    machine.tell(Fact::Reconfigured(STABLE, kept(Keeping::Paused)));
    machine.pass(LIFE - HOUR / 60);
    assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
    assert_eq!(machine.step(), Step::Rest);
    machine.pass(HOUR / 60);
    assert_eq!(machine.rotation.answer(machine.now), Answer::NotFetched);
    assert_eq!(machine.step(), Step::Rest);
}

#[test]
fn a_refused_token_of_an_account_that_is_paused_is_tried_and_not_replaced() {
    let mut machine = Machine::stable().with_token();
    machine.tell(Fact::Reconfigured(STABLE, kept(Keeping::Paused)));
    let report = machine.rotation.report(machine.now, Fingerprint::of("A"), Evidence::Claim);
    assert_eq!(report, Report::Trying);
    machine.try_current(refusal());
    assert!(machine.rotation.is_refused());
    assert_eq!(machine.step(), Step::Rest);
}

#[test]
fn an_account_that_is_managed_again_is_fetched_for_at_once() {
    let mut machine =
        Machine::new(STABLE, Policy { keeping: Keeping::Paused, ..Policy::default() });
    machine.tell(Fact::Reconfigured(STABLE, kept(Keeping::Managed)));
    assert!(rotates(machine.step(), Reason::Missing));
}

#[test]
fn a_doubt_that_nothing_will_settle_holds_no_token_back() {
    let mut machine = Machine::classic().with_token();
    machine.pass(LIFE - HOUR / 12);
    machine.fail(lost());
    machine.tell(Fact::Reconfigured(CLASSIC, kept(Keeping::Paused)));
    assert!(!machine.rotation.is_doubtful());
    assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
    assert!(!matches!(machine.step(), Step::Rotate { .. }));
}
