//! What becomes of a credential when the store has lost what was stored last.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::rotation::{Answer, Fact, Reason, Step};
use lingpai_core::{Policy, Way};

use crate::machine::{CLASSIC, HOUR, LIFE, MINUTE, Machine, OVERLAP, SECOND, lost, rotates};

/// When a token that is this old is fetched once more after a loss that is told now.
fn settled_after(life: Duration, age: Duration) -> Duration {
    let mut machine = Machine::classic();
    machine.rotate_to("A", life);
    machine.pass(age);
    let before = machine.now;
    machine.tell(Fact::Forgotten(before.wall));
    assert_eq!(machine.rotation.answer(before), Answer::Serve);
    assert!(rotates(machine.until_step(), Reason::Suspect));
    machine.now.instant.since(before.instant)
}

#[test]
fn a_classic_token_is_fetched_again_when_no_lost_fetch_can_be_under_way() {
    assert_eq!(settled_after(LIFE, HOUR), Policy::default().attempt());
    assert_eq!(settled_after(LIFE, 230 * SECOND), Policy::default().attempt());
}

#[test]
fn and_not_before_most_of_the_overlap_that_it_has_in_any_case_is_over() {
    assert_eq!(settled_after(LIFE, SECOND), 239 * SECOND);
    assert_eq!(settled_after(LIFE / 2, 100 * SECOND), 20 * SECOND);
    // Tokens that live so short have less overlap than an attempt takes.
    assert_eq!(settled_after(MINUTE, SECOND), Policy::default().attempt());
}

#[test]
fn several_losses_in_a_row_cost_a_fetch_for_each_overlap_and_not_each_a_fetch() {
    let mut machine = Machine::classic().with_token();
    machine.pass(HOUR);
    let (begun, mut fetched) = (machine.now.instant, Vec::new());
    while machine.now.instant.since(begun) < 20 * MINUTE {
        machine.tell(Fact::Forgotten(machine.now.wall));
        for _ in 0..10 {
            if matches!(machine.step(), Step::Rotate { .. }) {
                machine.rotate_to(&format!("B{}", fetched.len()), LIFE);
                fetched.push(machine.now.instant);
            }
            machine.pass(SECOND);
        }
    }
    assert!(fetched.windows(2).all(|pair| pair[1].since(pair[0]) >= 240 * SECOND));
    assert_eq!(fetched.len(), 5);
}

#[test]
fn a_loss_does_not_put_off_what_an_earlier_one_has_had_planned() {
    let mut machine = Machine::classic().with_token();
    machine.pass(HOUR);
    let first = machine.now.instant;
    machine.tell(Fact::Forgotten(machine.now.wall));
    while !matches!(machine.step(), Step::Rotate { .. }) {
        machine.pass(SECOND);
        machine.tell(Fact::Forgotten(machine.now.wall));
    }
    assert_eq!(machine.now.instant.since(first), Policy::default().attempt());
}

/// A machine whose token is suspect only because of a loss, and due, when the store turns out to be down.
fn doubtful_without_a_store(policy: Policy) -> Machine {
    let mut machine = Machine::new(CLASSIC, policy).with_token();
    machine.pass(HOUR);
    machine.tell(Fact::Forgotten(machine.now.wall));
    assert!(rotates(machine.until_step(), Reason::Suspect));
    machine.tell(Fact::Started);
    machine.tell(Fact::StoreDown("broken".into()));
    machine
}

#[test]
fn while_the_store_is_away_a_loss_alone_is_settled_by_the_isolated_family() {
    for alone in [false, true] {
        let machine = doubtful_without_a_store(Policy { alone, ..Policy::default() });
        let step = machine.step();
        assert!(matches!(step, Step::Rotate { way: Way::Fallback, alone: true, .. }), "{step:?}");
    }
}

#[test]
fn and_where_there_is_none_it_waits_for_the_store_even_if_the_account_may_be_fetched_alone() {
    for alone in [false, true] {
        let policy = Policy { alone, fallback: false, ..Policy::default() };
        let mut machine = doubtful_without_a_store(policy);
        for _ in 0..10 {
            let step = machine.until_step();
            assert!(matches!(step, Step::Rotate { alone: false, .. }), "{step:?}");
            machine.tell(Fact::Started);
            machine.tell(Fact::StoreDown("broken".into()));
            assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
        }
    }
}

#[test]
fn what_is_due_besides_is_fetched_alone_all_the_same() {
    let policy = Policy { alone: true, fallback: false, ..Policy::default() };
    let mut machine = doubtful_without_a_store(policy);
    while machine.left() > 5 * MINUTE {
        if let step @ Step::Rotate { alone, .. } = machine.step() {
            if alone {
                assert!(rotates(step, Reason::Scheduled), "{step:?}");
                return;
            }
            machine.tell(Fact::Started);
            machine.tell(Fact::StoreDown("broken".into()));
        }
        machine.pass(SECOND);
    }
    panic!("nothing was fetched before the token's end");
}

#[test]
fn a_lost_fetch_that_came_right_after_ours_is_settled_while_our_token_lives() {
    let mut machine = Machine::classic().with_token();
    machine.pass(SECOND); // Here somebody else fetches.
    let dead = machine.now.instant + OVERLAP;
    machine.tell(Fact::Forgotten(machine.now.wall));
    machine.until_step();
    let left = dead.since(machine.now.instant);
    assert!(left >= 2 * Policy::default().attempt(), "{left:?}");
}

#[test]
fn a_classic_token_is_served_while_it_is_fetched_again_since_it_is_most_likely_good() {
    let mut machine = Machine::classic().with_token();
    machine.pass(HOUR);
    machine.tell(Fact::Forgotten(machine.now.wall));
    machine.until_step();
    machine.begin();
    assert_eq!(machine.rotation.answer(machine.now), Answer::Serve);
}

#[test]
fn and_held_back_if_a_fetch_was_begun_besides() {
    let mut machine = Machine::classic().with_token();
    machine.pass(HOUR);
    machine.tell(Fact::Forgotten(machine.now.wall));
    machine.until_step();
    machine.fail(lost());
    machine.pass(MINUTE);
    machine.tell(Fact::Reconfigured(CLASSIC, Arc::new(Policy::default())));
    machine.begin();
    assert_eq!(machine.rotation.answer(machine.now), Answer::Wait);
}

#[test]
fn a_stable_token_is_as_good_as_before() {
    let mut machine = Machine::stable().with_token();
    machine.pass(MINUTE);
    machine.tell(Fact::Forgotten(machine.now.wall));
    assert!(rotates(machine.until_step(), Reason::Scheduled));
}
