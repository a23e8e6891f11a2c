//! A rotation with a clock to turn by hand.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::event::What;
use lingpai_core::rotation::{Admission, Fact, Reason, Rotation, Saved, Step};
use lingpai_core::store::{Record, Usage};
use lingpai_core::{
    Class, CredentialId, Failure, Fence, Fingerprint, ForcedLimits, Generation, Instant, Moment,
    Policy, Profile, Renewal, Secret, Timestamp, Token, Verdict, Way,
};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const LIFE: Duration = Duration::from_secs(7200);
pub(crate) const OVERLAP: Duration = Duration::from_secs(300);

const WINDOWED: Renewal = Renewal::Windowed { window: OVERLAP, overlap: OVERLAP };

/// What WeChat's `stable_token` is like.
pub(crate) const STABLE: Profile = Profile {
    nominal_life: LIFE,
    primary: WINDOWED,
    forced: Some(ForcedLimits { spacing: Duration::from_secs(30), per_day: 20 }),
    fallback: None,
    daily_budget: 2000,
    given_once: false,
};

/// What WeChat's `token` is like.
pub(crate) const CLASSIC: Profile = Profile {
    nominal_life: LIFE,
    primary: Renewal::Minting { overlap: OVERLAP },
    forced: None,
    fallback: Some(WINDOWED),
    daily_budget: 200,
    given_once: false,
};

/// 2026-11-23T04:00:00Z: noon in Shanghai.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_795_406_400_000);

/// A rotation, the time, and everything it told.
pub(crate) struct Machine {
    pub(crate) rotation: Rotation,
    pub(crate) now: Moment,
    pub(crate) told: Vec<What>,
    fence: u64,
    usage: Usage,
}

impl Machine {
    pub(crate) fn new(profile: Profile, policy: Policy) -> Self {
        // The process's clock starts late enough that stored tokens can have been issued before.
        let now = Moment { instant: Instant::from_millis(1_000_000_000), wall: NOON };
        Self {
            rotation: Rotation::new(profile, Arc::new(policy), 42),
            now,
            told: Vec::new(),
            fence: 0,
            usage: Usage::default(),
        }
    }

    pub(crate) fn stable() -> Self {
        Self::new(STABLE, Policy::default())
    }

    pub(crate) fn classic() -> Self {
        Self::new(CLASSIC, Policy::default())
    }

    /// The same with a first token `A` of the nominal life.
    pub(crate) fn with_token(mut self) -> Self {
        self.rotate_to("A", LIFE);
        self
    }

    pub(crate) fn tell(&mut self, fact: Fact) {
        let told = self.rotation.apply(self.now, fact);
        self.told.extend(told);
    }

    pub(crate) fn step(&self) -> Step {
        self.rotation.next(self.now)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Lets time pass until something is to be done, and returns it.
    pub(crate) fn until_step(&mut self) -> Step {
        for _ in 0..10_000 {
            match self.step() {
                Step::Wait(at) => {
                    self.pass(at.since(self.now.instant).max(Duration::from_millis(1)));
                }
                step => return step,
            }
        }
        panic!("the machine waits and waits: {:?}", self.rotation);
    }

    /// Does the rotation that the machine asks for: upstream gives `token`.
    pub(crate) fn rotate_to(&mut self, token: &str, life: Duration) -> Step {
        let step = self.begin();
        let Step::Rotate { reason, way, .. } = step else {
            panic!("no rotation is wanted: {step:?}")
        };
        let admission = self.admit(token, life, way);
        let fence = Some(Fence(self.fence));
        self.tell(Fact::Issued { admission, way, reason, saved: Saved::Yes, fence });
        step
    }

    /// Does the rotation that the machine asks for: it fails.
    pub(crate) fn fail(&mut self, failure: Failure) -> Step {
        let step = self.begin();
        let Step::Rotate { reason, way, .. } = step else {
            panic!("no rotation is wanted: {step:?}")
        };
        let fence = Some(Fence(self.fence));
        self.tell(Fact::Failed { failure, way, reason, fence });
        step
    }

    /// Starts the step that the machine asks for, and has the store grant it.
    pub(crate) fn begin(&mut self) -> Step {
        let step = self.step();
        self.tell(Fact::Started);
        if let Step::Rotate { way, .. } = step {
            self.fence += 1;
            let day = self.now.day();
            if self.usage.day != day {
                self.usage = Usage { day, ..Usage::default() };
            }
            self.usage.fetches += 1;
            self.usage.forced += u32::from(way == Way::Forced);
            self.tell(Fact::Granted(self.usage));
        }
        step
    }

    pub(crate) fn admit(&self, token: &str, life: Duration, way: Way) -> Admission {
        self.rotation.admit(self.now, Fingerprint::of(token), life, way)
    }

    /// Does the trial that the machine asks for.
    pub(crate) fn try_current(&mut self, verdict: Verdict) {
        let step = self.begin();
        let Step::Try(fingerprint) = step else { panic!("no trial is wanted: {step:?}") };
        self.tell(Fact::Tried(fingerprint, verdict));
    }

    pub(crate) fn current_is(&self, token: &str) -> bool {
        self.rotation.current().is_some_and(|(current, ends)| {
            current == Fingerprint::of(token) && self.now.instant < ends
        })
    }

    pub(crate) fn left(&self) -> Duration {
        self.rotation.current().map_or(Duration::ZERO, |(_, ends)| ends.since(self.now.instant))
    }

    /// What a store would hold: this token, issued so long ago.
    pub(crate) fn record(&self, token: &str, age: Duration, generation: u64) -> Record {
        let issued_at = self.now.wall - age;
        Record {
            credential: CredentialId::access_token("wx1".parse().unwrap()),
            generation: Generation(generation),
            token: Some(Token {
                value: Secret::from(token),
                generation: Generation(generation),
                issued_at,
                expires_at: issued_at + LIFE,
                full_life: LIFE,
                way: Way::Primary,
                companion: None,
            }),
            previous: None,
            intent: None,
            last_forced_at: None,
            failure: None,
            usage: Usage::default(),
        }
    }

    pub(crate) fn told(&self, name: &str) -> usize {
        self.told.iter().filter(|what| what.name() == name).count()
    }
}

pub(crate) fn rotates(step: Step, why: Reason) -> bool {
    matches!(step, Step::Rotate { reason, .. } if reason == why)
}

pub(crate) fn way_of(step: Step) -> Way {
    match step {
        Step::Rotate { way, .. } => way,
        step => panic!("not a rotation: {step:?}"),
    }
}

pub(crate) fn transient() -> Failure {
    Failure::new(Class::Transient, "system error")
}

pub(crate) fn lost() -> Failure {
    transient().perhaps_reached()
}

pub(crate) fn refusal() -> Verdict {
    Verdict::Refused(Failure { code: Some(40001), ..Failure::new(Class::Transient, "not latest") })
}

/// The fingerprint of the token that [`Machine::with_token`] starts with.
pub(crate) fn a() -> Fingerprint {
    Fingerprint::of("A")
}
