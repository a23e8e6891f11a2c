//! What holds whatever happens: random histories of a credential against an upstream that keeps WeChat's rules, with
//! failures, lost answers, crashes, a store that is down, and somebody else who fetches too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lingpai_core::rotation::{Evidence, Fact, Reason, Rotation, Saved, Step};
use lingpai_core::store::{Intent, Previous, Record, Usage};
use lingpai_core::{
    Class, CredentialId, Failure, Fence, Fingerprint, Generation, Instant, Moment, Policy, Profile,
    Secret, Timestamp, Token, Verdict, Way,
};
use proptest::prelude::*;

use crate::machine::{
    CLASSIC, HOUR, LIFE, MINUTE, NOON, OVERLAP, SECOND, STABLE, lost, refusal, transient,
};

/// What befalls the next fetch.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Works,
    FailsTransiently,
    NeedsPerson,
    OutOfQuota,
    /// Upstream carried it out, and the answer was lost.
    AnswerLost,
    /// Upstream carried it out, and the process ended before it was stored.
    CrashBeforeCommit,
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Pass(Duration),
    NextFetch(Fate),
    ReportCurrent,
    Ask,
    StoreBreaks,
    StoreMends,
    /// Somebody else fetches a classic token, or forces a stable one.
    RogueFetch,
    /// The store loses what it took last: with it, perhaps, the trace of a fetch by a node that has ended since.
    StoreForgets {
        a_fetch: bool,
    },
    /// Whatever upstream accepts now has leaked.
    Leak,
    Restart,
}

/// One family of tokens at the upstream, by WeChat's rules.
#[derive(Clone, Debug, Default)]
struct Family {
    latest: Option<(String, Instant)>,
    before: Option<(String, Instant)>,
    minted: u32,
    last_forced: Option<Instant>,
}

impl Family {
    fn mint(&mut self, name: &str, now: Instant) -> (String, Duration) {
        self.minted += 1;
        let token = format!("{name}{}", self.minted);
        self.before = self.latest.take().map(|(old, ends)| (old, ends.min(now + OVERLAP)));
        self.latest = Some((token.clone(), now + LIFE));
        (token, LIFE)
    }

    fn repeat_or_mint(&mut self, name: &str, now: Instant) -> (String, Duration) {
        match &self.latest {
            Some((token, ends)) if ends.since(now) >= OVERLAP => (token.clone(), ends.since(now)),
            _ => self.mint(name, now),
        }
    }

    fn accepts(&self, token: &Fingerprint, now: Instant) -> bool {
        [&self.latest, &self.before]
            .into_iter()
            .flatten()
            .any(|(live, ends)| Fingerprint::of(live) == *token && now < *ends)
    }
}

struct World {
    profile: Profile,
    policy: Arc<Policy>,
    rotation: Rotation,
    now: Moment,
    classic: Family,
    stable: Family,
    fate: Fate,
    store_works: bool,
    stored: Record,
    /// The last token that came, stored or not.
    fetched: Option<Token>,
    fence: u64,
    ends: HashMap<Fingerprint, Instant>,
    /// Nothing has happened since the last commit that could end the current token early.
    undisturbed: bool,
    /// When the store last forgot, and whether that is still to be settled.
    forgot: Option<Timestamp>,
    unsettled: bool,
    last_mint: Option<Instant>,
    last_forced: Option<Instant>,
    forced_today: (i32, u32),
    refused: Option<Fingerprint>,
    /// What is to be ended.
    leaked: Vec<Fingerprint>,
    fetches: u32,
}

impl World {
    fn new(profile: Profile) -> Self {
        let policy = Arc::new(Policy::default());
        let now = Moment { instant: Instant::from_millis(1_000_000_000), wall: NOON };
        Self {
            profile,
            policy: Arc::clone(&policy),
            rotation: Rotation::new(profile, policy, 7),
            now,
            classic: Family::default(),
            stable: Family::default(),
            fate: Fate::Works,
            store_works: true,
            stored: Record {
                credential: CredentialId::access_token("wx1".parse().unwrap()),
                generation: Generation::default(),
                token: None,
                previous: None,
                intent: None,
                last_forced_at: None,
                failure: None,
                usage: Usage::default(),
            },
            fetched: None,
            fence: 0,
            ends: HashMap::new(),
            undisturbed: true,
            forgot: None,
            unsettled: false,
            last_mint: None,
            last_forced: None,
            forced_today: (0, 0),
            refused: None,
            leaked: Vec::new(),
            fetches: 0,
        }
    }

    fn is_classic(&self) -> bool {
        self.profile == CLASSIC
    }

    fn happens(&mut self, happening: Happening) {
        // Whatever else goes wrong before a loss is settled may keep it from being settled in time.
        self.undisturbed &= !self.unsettled || matches!(happening, Happening::Pass(_));
        match happening {
            Happening::Pass(time) => self.pass(time),
            Happening::NextFetch(fate) => self.fate = fate,
            Happening::ReportCurrent => {
                if let Some((current, _)) = self.rotation.current() {
                    self.rotation.report(self.now, current, Evidence::Claim);
                }
            }
            Happening::Ask => {
                let _ = self.rotation.ask(self.now);
            }
            Happening::StoreBreaks => self.store_works = false,
            Happening::StoreMends => self.store_works = true,
            Happening::RogueFetch => {
                let now = self.now.instant;
                if self.is_classic() {
                    self.classic.mint("C", now);
                } else {
                    self.stable.mint("S", now);
                }
                self.undisturbed = false;
            }
            Happening::StoreForgets { a_fetch } => self.store_forgets(a_fetch),
            Happening::Leak => {
                let family = if self.is_classic() { &self.classic } else { &self.stable };
                let live = [&family.latest, &family.before].into_iter().flatten();
                self.leaked.extend(live.map(|(token, _)| Fingerprint::of(token)));
                self.rotation.apply(self.now, Fact::Compromised);
            }
            Happening::Restart => self.restart(),
        }
        self.pass(Duration::from_millis(1));
    }

    fn store_forgets(&mut self, a_fetch: bool) {
        if self.is_classic() && self.rotation.current().is_some() {
            let in_order = matches!(self.fate, Fate::Works) && self.store_works;
            self.undisturbed &= in_order && self.rotation.trouble().is_none();
            self.unsettled = true;
            if a_fetch {
                self.classic.mint("C", self.now.instant);
            }
        }
        self.forgot = Some(self.now.wall);
        self.rotation.apply(self.now, Fact::Forgotten(self.now.wall));
    }

    /// Lets time pass, doing every step that comes due on the way.
    fn pass(&mut self, time: Duration) {
        let until = self.now.instant + time;
        let mut steps = 0;
        loop {
            self.check();
            match self.rotation.next(self.now) {
                Step::Wait(at) if at > until => break,
                Step::Rest => break,
                Step::Wait(at) => {
                    let wait = at.since(self.now.instant).max(Duration::from_millis(1));
                    self.now = self.now + wait;
                }
                step => self.carry_out(step),
            }
            steps += 1;
            assert!(steps < 20_000, "the machine is busy without end: {:?}", self.rotation);
        }
        if until > self.now.instant {
            self.now = self.now + until.since(self.now.instant);
        }
        self.check();
    }

    fn carry_out(&mut self, step: Step) {
        self.rotation.apply(self.now, Fact::Started);
        match step {
            Step::Rotate { reason, way, alone } => self.rotate(reason, way, alone),
            Step::Try(fingerprint) => {
                let now = self.now.instant;
                let good = self.classic.accepts(&fingerprint, now)
                    || self.stable.accepts(&fingerprint, now);
                if !good {
                    self.refused = Some(fingerprint);
                }
                let verdict = if good { Verdict::Accepted } else { refusal() };
                self.rotation.apply(self.now, Fact::Tried(fingerprint, verdict));
            }
            Step::Save if self.store_works => {
                self.stored.intent = None;
                self.stored.generation = self.rotation.generation();
                self.stored.token.clone_from(&self.fetched);
                self.rotation.apply(self.now, Fact::Saved);
            }
            _ => {
                self.rotation.apply(self.now, Fact::StoreDown("broken".into()));
            }
        }
    }

    fn rotate(&mut self, reason: Reason, way: Way, alone: bool) {
        if !alone {
            if !self.store_works {
                self.rotation.apply(self.now, Fact::StoreDown("broken".into()));
                return;
            }
            if let Some(intent) = self.stored.intent
                && self.rotation.settles() != Some(intent.fence)
            {
                self.rotation.apply(self.now, Fact::Unfinished(intent));
                return;
            }
            self.grant(way);
        }
        let fence = (!alone).then_some(Fence(self.fence));
        self.fetches += 1;
        self.check_pace(reason, way);
        let failure = match self.fate {
            Fate::FailsTransiently => Some(transient()),
            Fate::NeedsPerson => Some(Failure::new(Class::NeedsPerson, "invalid appsecret")),
            Fate::OutOfQuota if way == Way::Primary => Some(Failure::new(Class::Quota, "45009")),
            _ => None,
        };
        if let Some(failure) = failure {
            return self.fail(failure, reason, way, fence);
        }
        let sent = self.now;
        let before = self.minted();
        let (token, life) = self.upstream(way);
        if self.minted() > before && reason != Reason::Scheduled {
            // A rotation by refusal or suspicion follows on a disturbance.
            self.undisturbed = true;
        }
        self.unsettled &= self.minted() == before;
        self.ends.entry(Fingerprint::of(&token)).or_insert(sent.instant + life);
        match self.fate {
            Fate::AnswerLost => {
                self.fate = Fate::Works;
                self.undisturbed = false;
                self.fail(lost(), reason, way, fence);
            }
            Fate::CrashBeforeCommit => {
                self.fate = Fate::Works;
                self.undisturbed = false;
                self.restart();
            }
            _ => self.commit(&token, life, sent, reason, way, fence),
        }
    }

    fn commit(
        &mut self,
        token: &str,
        life: Duration,
        sent: Moment,
        reason: Reason,
        way: Way,
        fence: Option<Fence>,
    ) {
        let fingerprint = Fingerprint::of(token);
        let admission = self.rotation.admit(sent, fingerprint, life, way);
        let saved = if fence.is_some() { Saved::Yes } else { Saved::NotYet };
        let generation = self.rotation.generation();
        self.fetched = Some(Token {
            value: Secret::from(token),
            generation: admission.generation,
            issued_at: admission.issued_at.wall,
            expires_at: admission.ends.wall,
            full_life: admission.full_life,
            way: if way == Way::Forced { Way::Primary } else { way },
            companion: None,
        });
        if fence.is_some() {
            let previous = self.rotation.current().zip(admission.previous_until);
            let previous =
                previous.map(|((fingerprint, _), until)| Previous { fingerprint, until });
            self.stored.generation = admission.generation;
            self.stored.previous = previous;
            self.stored.intent = None;
            self.stored.token.clone_from(&self.fetched);
        }
        self.rotation.apply(self.now, Fact::Issued { admission, way, reason, saved, fence });
        if self.rotation.compromised() == 0 {
            let family = if self.is_classic() { &self.classic } else { &self.stable };
            for leaked in self.leaked.drain(..) {
                assert!(!family.accepts(&leaked, self.now.instant), "a leaked token is good");
            }
        }
        assert!(self.rotation.generation() >= generation, "a generation went back");
    }

    fn fail(&mut self, failure: Failure, reason: Reason, way: Way, fence: Option<Fence>) {
        if !self.rotation.leaves_open(&failure) {
            self.stored.intent = None;
        }
        self.rotation.apply(self.now, Fact::Failed { failure, way, reason, fence });
    }

    fn grant(&mut self, way: Way) {
        self.fence += 1;
        let day = self.now.day();
        if self.stored.usage.day != day {
            self.stored.usage = Usage { day, ..Usage::default() };
        }
        self.stored.usage.fetches += 1;
        if way == Way::Forced {
            self.stored.usage.forced += 1;
            self.stored.last_forced_at = Some(self.now.wall);
        }
        let deadline = self.now.wall + 8 * SECOND;
        let lost = self.stored.intent.map_or(0, |unfinished| unfinished.lost + 1);
        self.stored.intent =
            Some(Intent { fence: Fence(self.fence), way, at: self.now.wall, deadline, lost });
        self.rotation.apply(self.now, Fact::Granted(self.stored.usage));
    }

    fn restart(&mut self) {
        // A token that was fetched while the store was down is forgotten; the one before it may be dead.
        self.undisturbed &= !self.rotation.is_unsaved();
        // Whoever asked must ask again.
        self.leaked.clear();
        self.rotation = Rotation::new(self.profile, Arc::clone(&self.policy), 7);
        let record = Box::new(self.stored.clone());
        self.rotation.apply(self.now, Fact::Stored(record));
        if let Some(at) = self.forgot {
            self.rotation.apply(self.now, Fact::Forgotten(at));
        }
    }

    fn upstream(&mut self, way: Way) -> (String, Duration) {
        let now = self.now.instant;
        match (self.is_classic(), way) {
            (true, Way::Primary) => self.classic.mint("C", now),
            (true, _) | (false, Way::Primary | Way::Fallback) => {
                self.stable.repeat_or_mint("S", now)
            }
            (false, Way::Forced) => {
                let early =
                    self.stable.last_forced.is_some_and(|last| now.since(last) < 30 * SECOND);
                if early {
                    self.stable.repeat_or_mint("S", now)
                } else {
                    self.stable.last_forced = Some(now);
                    self.stable.mint("S", now)
                }
            }
        }
    }

    fn minted(&self) -> u32 {
        self.classic.minted + self.stable.minted
    }

    /// Our own rotations keep their distance, and every exception has its reason.
    fn check_pace(&mut self, reason: Reason, way: Way) {
        let now = self.now.instant;
        if reason == Reason::Refused {
            let current = self.rotation.current().map(|(fingerprint, _)| fingerprint);
            assert_eq!(self.refused, current, "rotated a token that no trial refused");
        }
        if self.is_classic() && way == Way::Primary {
            let ours = matches!(reason, Reason::Scheduled | Reason::Manual | Reason::Missing);
            if let Some(last) = self.last_mint
                && ours
            {
                assert!(now.since(last) >= OVERLAP, "two mints {:?} apart", now.since(last));
            }
            if let Some(last) = self.last_mint
                && reason == Reason::Suspect
                && self.unsettled
                && self.undisturbed
            {
                assert!(now.since(last) >= OVERLAP * 4 / 5, "settled {:?} on", now.since(last));
            }
            if matches!(self.fate, Fate::Works) {
                self.last_mint = Some(now);
            }
        }
        if way == Way::Forced {
            if let Some(last) = self.last_forced {
                assert!(now.since(last) >= 30 * SECOND, "forced {:?} apart", now.since(last));
            }
            self.last_forced = Some(now);
            let day = self.now.day().0;
            let (counted, forced) = self.forced_today;
            self.forced_today = if counted == day { (day, forced + 1) } else { (day, 1) };
            assert!(self.forced_today.1 <= 20, "more than 20 forced refreshes a day");
        }
    }

    /// What is served is not expired, and not replaced either as far as we can know.
    fn check(&self) {
        let Some((current, ends)) = self.rotation.current() else { return };
        if self.now.instant >= ends {
            return;
        }
        let truly = self.ends.get(&current).copied().unwrap_or_default();
        assert!(self.now.instant < truly, "an expired token is served");
        if self.undisturbed {
            let now = self.now.instant;
            let good = self.classic.accepts(&current, now) || self.stable.accepts(&current, now);
            assert!(good, "a dead token is served: {:?}", self.rotation);
        }
    }

    /// Everything mends, and a client reports what it finds refused.
    fn heal(&mut self) {
        self.fate = Fate::Works;
        self.store_works = true;
        self.rotation.apply(self.now, Fact::Reconfigured(self.profile, Arc::clone(&self.policy)));
        // The budget of the day may be spent on failures: the next day has another.
        for pause in [MINUTE, 24 * HOUR] {
            self.pass(pause);
            for _ in 0..30 {
                self.happens(Happening::ReportCurrent);
                self.pass(31 * SECOND);
            }
        }
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    let fate = prop_oneof![
        4 => Just(Fate::Works),
        2 => Just(Fate::FailsTransiently),
        1 => Just(Fate::NeedsPerson),
        1 => Just(Fate::OutOfQuota),
        2 => Just(Fate::AnswerLost),
        2 => Just(Fate::CrashBeforeCommit),
    ];
    let time = prop_oneof![
        (1u64..120).prop_map(Duration::from_secs),
        (1u64..180).prop_map(|minutes| minutes as u32 * MINUTE),
    ];
    prop_oneof![
        6 => time.prop_map(Happening::Pass),
        4 => fate.prop_map(Happening::NextFetch),
        3 => Just(Happening::ReportCurrent),
        1 => Just(Happening::Ask),
        1 => Just(Happening::StoreBreaks),
        2 => Just(Happening::StoreMends),
        1 => Just(Happening::RogueFetch),
        1 => any::<bool>().prop_map(|a_fetch| Happening::StoreForgets { a_fetch }),
        1 => Just(Happening::Leak),
        1 => Just(Happening::Restart),
    ]
}

fn histories(cases: u32) -> ProptestConfig {
    let cases = if std::env::var_os("LINGPAI_SOAK").is_some() { cases * 25 } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(histories(400))]

    #[test]
    fn no_history_makes_a_stable_credential_break_a_rule_or_stay_broken(
        history in prop::collection::vec(happening(), 1..60),
    ) {
        run(STABLE, history);
    }

    #[test]
    fn no_history_makes_a_classic_credential_break_a_rule_or_stay_broken(
        history in prop::collection::vec(happening(), 1..60),
    ) {
        run(CLASSIC, history);
    }
}

fn run(profile: Profile, history: Vec<Happening>) {
    let mut world = World::new(profile);
    for happening in history {
        world.happens(happening);
    }
    world.heal();
    let (current, ends) = world.rotation.current().expect("a token once everything works");
    let now = world.now.instant;
    assert!(now < ends, "no token is served although everything works: {:?}", world.rotation);
    let good = world.classic.accepts(&current, now) || world.stable.accepts(&current, now);
    assert!(good, "upstream refuses what is served: {:?}", world.rotation);
}

#[test]
fn an_undisturbed_day_costs_the_fewest_fetches_that_life_and_lead_allow() {
    for (profile, most) in [(STABLE, 13), (CLASSIC, 14)] {
        let mut world = World::new(profile);
        world.pass(24 * HOUR);
        assert!(world.fetches <= most, "{} fetches", world.fetches);
        assert_eq!(world.fetches, world.minted());
    }
}
