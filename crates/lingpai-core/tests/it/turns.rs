//! Nodes that share a store leave what is due to each other, by turns.

use lingpai_core::peers::Turn;
use lingpai_core::rotation::{Fact, Reason};

use crate::machine::{MINUTE, Machine, SECOND, rotates};

/// The last of three nodes in turn.
fn last(mut machine: Machine) -> Machine {
    machine.rotation.take_turn(machine.now, Turn { after: 2, others: 2 });
    machine
}

#[test]
fn what_is_due_is_left_to_the_nodes_that_go_first_for_some_seconds() {
    let (mut first, mut last) =
        (Machine::classic().with_token(), last(Machine::classic().with_token()));
    for machine in [&mut first, &mut last] {
        assert!(rotates(machine.until_step(), Reason::Scheduled));
    }
    assert_eq!(last.now.instant.since(first.now.instant), 10 * SECOND);
}

#[test]
fn a_first_token_that_nobody_waits_for_is_left_to_them_too() {
    let mut machine = last(Machine::classic());
    let before = machine.now.instant;
    assert!(rotates(machine.until_step(), Reason::Missing));
    assert_eq!(machine.now.instant.since(before), 10 * SECOND);
}

#[test]
fn whoever_waits_for_a_token_waits_for_no_turn() {
    let mut machine = last(Machine::classic());
    machine.tell(Fact::Wanted);
    assert!(rotates(machine.step(), Reason::Missing));
}

#[test]
fn of_a_short_life_turns_take_a_third_of_what_is_left_at_most() {
    let mut machine = Machine::classic();
    machine.rotate_to("A", MINUTE);
    let ends = machine.rotation.current().unwrap().1;
    let mut first = Machine::classic();
    first.rotate_to("A", MINUTE);
    first.until_step();
    let left = ends.since(first.now.instant);
    let mut machine = last(machine);
    machine.until_step();
    assert!(ends.since(machine.now.instant) >= left * 2 / 3);
}
