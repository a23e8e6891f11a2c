//! The corners in which the machine once stood still or ran in circles: found by a review, each kept as a test.

use std::time::Duration;

use lingpai_core::rotation::{Evidence, Fact, Reason, Saved, Step};
use lingpai_core::store::{Intent, Record, Usage};
use lingpai_core::{Class, Failure, Fence, Generation, Policy, Refresh, Way};

use crate::machine::*;

fn quota() -> Failure {
    Failure::new(Class::Quota, "45009")
}

/// 1. a record whose token cannot be opened.
#[test]
fn a_record_without_its_token_leads_to_a_fetch_and_not_to_a_loop() {
    let mut machine = Machine::stable();
    let record = Record { token: None, ..machine.record("A", HOUR, 5) };
    machine.tell(Fact::Stored(Box::new(record)));
    // The claim says which generation is known: with less than 5 the store answers "newer" for ever.
    assert_eq!(machine.rotation.generation(), Generation(5));
}

/// 2. Save / Held.
#[test]
fn a_save_waits_for_a_lease_that_another_node_holds() {
    let mut machine = Machine::stable();
    unsaved(&mut machine, "A");
    assert_eq!(machine.until_step(), Step::Save);
    machine.tell(Fact::Started);
    machine.tell(Fact::Held(machine.now.instant + 10 * SECOND));
    assert!(matches!(machine.step(), Step::Wait(_)), "{:?}", machine.step());
}

fn unsaved(machine: &mut Machine, token: &str) {
    machine.tell(Fact::Started);
    machine.tell(Fact::StoreDown("disk full".into()));
    let Step::Rotate { way, reason, alone: true } = machine.step() else { panic!() };
    machine.tell(Fact::Started);
    let admission = machine.admit(token, LIFE, way);
    machine.tell(Fact::Issued { admission, way, reason, saved: Saved::NotYet, fence: None });
}

/// 3. busy for ever after Save/Held.
#[test]
fn a_lease_once_held_by_another_does_not_look_busy_for_ever() {
    let mut machine = Machine::stable();
    unsaved(&mut machine, "A");
    machine.until_step();
    machine.tell(Fact::Started);
    machine.tell(Fact::Held(machine.now.instant + SECOND));
    machine.pass(2 * SECOND);
    assert_eq!(machine.until_step(), Step::Save);
    machine.tell(Fact::Started);
    machine.tell(Fact::Saved);
    assert!(!machine.rotation.is_busy());
}

/// 4. forced used up: the ordinary renewal must go on.
#[test]
fn when_forced_calls_are_used_up_the_ordinary_renewal_goes_on() {
    let mut machine = Machine::stable().with_token();
    machine.pass(MINUTE);
    machine.rotation.report(machine.now, a(), Evidence::Claim);
    machine.try_current(refusal());
    machine.rotate_to("A", LIFE - MINUTE); // Upstream insists.
    assert_eq!(way_of(machine.step()), Way::Forced);
    machine.fail(quota()); // Somebody else has used up the 20 a day.
    let mut primary = false;
    for _ in 0..100 {
        match machine.until_step() {
            Step::Rotate { way: Way::Forced, .. } => {
                machine.fail(quota());
            }
            Step::Rotate { .. } => {
                primary = true;
                break;
            }
            step => panic!("{step:?}"),
        }
        if machine.left() == Duration::ZERO {
            break;
        }
    }
    assert!(primary && machine.left() > Duration::ZERO, "the token ended, {:?}", machine.step());
}

/// 4b. as counted by us.
#[test]
fn when_we_have_used_the_forced_calls_up_the_ordinary_renewal_goes_on() {
    let mut machine = Machine::stable().with_token();
    machine.pass(MINUTE);
    machine.rotation.report(machine.now, a(), Evidence::Claim);
    machine.try_current(refusal());
    machine.rotate_to("A", LIFE - MINUTE);
    machine.tell(Fact::Granted(Usage { day: machine.now.day(), fetches: 30, forced: 20 }));
    let step = machine.until_step();
    assert!(way_of(step) == Way::Primary, "{step:?}");
    assert!(
        machine.left() > Duration::ZERO && machine.left() < 300 * SECOND,
        "{:?}",
        machine.left()
    );
}

/// 7. clock set back while an intent is open.
#[test]
fn a_lost_classic_fetch_is_repaired_soon_although_the_clock_was_set_back() {
    let mut machine = Machine::classic();
    let mut record = machine.record("A", 110 * MINUTE, 5);
    record.intent = Some(Intent {
        fence: Fence(7),
        way: Way::Primary,
        at: machine.now.wall,
        deadline: machine.now.wall + 8 * SECOND,
        lost: 0,
    });
    machine.now.wall = machine.now.wall - HOUR;
    machine.tell(Fact::Stored(Box::new(record)));
    let before = machine.now.instant;
    machine.until_step();
    assert!(machine.now.instant.since(before) < MINUTE, "{:?}", machine.now.instant.since(before));
}

#[test]
fn a_classic_account_is_fetched_for_at_once_after_a_restart_although_the_clock_was_set_back() {
    let mut machine = Machine::classic();
    let record = machine.record("A", 110 * MINUTE, 5);
    machine.now.wall = machine.now.wall - 3 * HOUR;
    machine.tell(Fact::Stored(Box::new(record)));
    assert_eq!(machine.left(), Duration::ZERO, "its age is unknown, so it is not served");
    assert_eq!(way_of(machine.step()), Way::Primary);
}

#[test]
fn a_forced_call_waits_30_seconds_and_not_hours_although_the_clock_was_set_back() {
    let mut machine = Machine::stable();
    let mut record = machine.record("A", 100 * MINUTE, 5);
    record.last_forced_at = Some(machine.now.wall - MINUTE);
    machine.now.wall = machine.now.wall - HOUR;
    machine.tell(Fact::Stored(Box::new(record)));
    machine.rotation.report(machine.now, a(), Evidence::Claim);
    machine.try_current(refusal());
    machine.rotate_to("A", 20 * MINUTE);
    let before = machine.now.instant;
    assert_eq!(way_of(machine.until_step()), Way::Forced);
    assert!(machine.now.instant.since(before) <= 30 * SECOND);
}

/// 8. IdleAfter without a lead.
#[test]
fn an_idle_token_without_a_lead_is_not_looked_at_without_end() {
    let policy = Policy {
        refresh: Refresh::IdleAfter(10 * MINUTE),
        lead: Duration::ZERO,
        ..Policy::default()
    };
    let mut machine = Machine::new(CLASSIC, policy);
    machine.tell(Fact::Wanted);
    machine.rotate_to("A", LIFE);
    machine.pass(LIFE - 10 * SECOND - 20 * SECOND);
    while machine.left() > SECOND {
        let Step::Wait(at) = machine.step() else { break };
        assert!(at > machine.now.instant, "waits for now, with {:?} left", machine.left());
        machine.pass(at.since(machine.now.instant));
    }
}

/// 9. A good fallback token hidden.
#[test]
fn a_fallback_token_is_served_while_the_primary_family_is_repaired() {
    let mut machine = Machine::classic();
    let mut record = machine.record("S", MINUTE, 5);
    record.token.as_mut().unwrap().way = Way::Fallback;
    record.intent = Some(Intent {
        fence: Fence(7),
        way: Way::Primary,
        at: machine.now.wall - 30 * SECOND,
        deadline: machine.now.wall - 20 * SECOND,
        lost: 0,
    });
    machine.tell(Fact::Stored(Box::new(record)));
    assert!(rotates(machine.begin(), Reason::Suspect));
    assert!(!machine.rotation.is_doubtful());
}

/// 11. asked, Newer, expired, on demand.
#[test]
fn a_rotation_that_was_asked_for_is_done_although_the_store_has_an_expired_newer_token() {
    let policy = Policy { refresh: Refresh::OnDemand, ..Policy::default() };
    let mut machine = Machine::new(STABLE, policy);
    machine.rotation.ask(machine.now).unwrap();
    assert!(rotates(machine.step(), Reason::Manual) || rotates(machine.step(), Reason::Missing));
    machine.tell(Fact::Started);
    let record = machine.record("A", 3 * HOUR, 9);
    machine.tell(Fact::Newer(Box::new(record)));
    assert!(machine.rotation.is_asked() || machine.step() != Step::Rest);
}

/// 12. the same token under a later generation.
#[test]
fn the_same_token_under_a_later_generation_is_taken_over() {
    let mut machine = Machine::stable().with_token();
    machine.tell(Fact::Started);
    machine.tell(Fact::Newer(Box::new(machine.record("A", Duration::ZERO, 3))));
    assert_eq!(machine.rotation.generation(), Generation(3));
}
