//! No duration that a library's user can write down, or an upstream can say, is too long or too short for the machine.

use std::time::Duration;

use lingpai_core::rotation::{Fact, Reason, Saved};
use lingpai_core::store::{Intent, Usage};
use lingpai_core::{Class, Failure, Fence, Policy, Profile, Refresh, Renewal, Way};
use proptest::prelude::*;

use crate::machine::{CLASSIC, Machine, STABLE};

/// Short, ordinary, and absurd ones: what a library's user can write down, or an upstream can say.
fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(1)),
        (0..100_000_u64).prop_map(Duration::from_secs),
        any::<u64>().prop_map(Duration::from_millis),
        any::<u64>().prop_map(Duration::from_secs),
        Just(Duration::MAX),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let durations = (any_duration(), any_duration(), any_duration(), any_duration());
    durations.prop_map(|(lead, jitter, fetch_deadline, idle)| Policy {
        lead,
        jitter,
        fetch_deadline,
        refresh: Refresh::IdleAfter(idle),
        ..Policy::default()
    })
}

proptest! {
    #[test]
    fn no_duration_is_too_long_for_the_machine(
        policy in any_policy(),
        classic in any::<bool>(),
        (life, limit) in (any_duration(), any_duration()),
        (overlap, nominal_life) in (any_duration(), any_duration()),
        passing in any_duration(),
    ) {
        let base = if classic { CLASSIC } else { STABLE };
        let primary = if classic {
            Renewal::Minting { overlap }
        } else {
            Renewal::Windowed { window: overlap, overlap }
        };
        prop_assert!(policy.lease() >= policy.attempt());
        let mut machine = Machine::new(Profile { primary, nominal_life, ..base }, policy);
        let way = Way::Primary;
        for failure in [Some(Class::RateLimited(limit)), None, Some(Class::Quota), Some(Class::Transient)] {
            let _ = machine.rotation.ask(machine.now);
            machine.tell(Fact::Started);
            machine.tell(Fact::Granted(Usage::default()));
            let (reason, fence) = (Reason::Scheduled, Some(Fence(1)));
            match failure {
                Some(class) => {
                    let failure = Failure::new(class, "x").perhaps_reached();
                    machine.tell(Fact::Failed { failure, way, reason, fence });
                }
                None => {
                    let admission = machine.admit("A", life, way);
                    machine.tell(Fact::Issued { admission, way, reason, saved: Saved::Yes, fence });
                }
            }
            let _ = machine.step();
            machine.pass(passing);
            let _ = machine.step();
        }
        let intent = Intent { fence: Fence(2), way, at: machine.now.wall, deadline: machine.now.wall + limit, lost: 0 };
        machine.tell(Fact::Unfinished(intent));
        let _ = machine.step();
    }
}
