//! One step of a keeper, done in a task of its own: claim the lease, ask upstream, commit, publish.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::Instrument;

use crate::failure::{Class, Failure, Reached};
use crate::id::{Fence, Generation};
use crate::issuer::{Issued, Issuer, Renewal, Verdict, Way};
use crate::keeper::{GiveError, Keeper};
use crate::policy::STORE_DEADLINE;
use crate::registry::Shared;
use crate::rotation::pace::STORE_RETRY;
use crate::rotation::{Admission, Fact, Reason, Saved, Step};
use crate::secret::Secret;
use crate::span::Sort;
use crate::store::{
    Begun, Claim, Commit, Committed, Entry, Intent, Lease, Record, StoreError, Usage,
};
use crate::time::Instant;
use crate::token::{Fingerprint, Token};

/// Shorter lives are a mistake of the issuer, and would be renewed without end.
pub(crate) const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// The name of a rotation where it is followed.
const ROTATION: &str = "rotation";

/// Starts a step that the machine asked for. Whatever happens to the task, the machine hears of an outcome.
pub(crate) fn start(keeper: &Arc<Keeper>, step: Step) {
    let span = tracing::debug_span!("flight", credential = %keeper.credential, ?step);
    // Not in the air before it is first polled: a runtime that is ending drops it unpolled, here and now, with the keeper's
    // lock held.
    let flight = Flight { keeper: Arc::clone(keeper), step, landed: true };
    keeper.shared.tasks.spawn(flight.fly().instrument(span));
}

struct Flight {
    keeper: Arc<Keeper>,
    step: Step,
    landed: bool,
}

impl Flight {
    async fn fly(mut self) {
        self.landed = false;
        let issuer = self.keeper.with(|_, issuer| Arc::clone(issuer));
        if let Step::Rotate { reason, way, .. } = self.step
            && let Err(failure) = self.ready(&issuer).await
        {
            self.fail(failure, way, reason, None, &issuer).await;
            self.landed = true;
            return;
        }
        // A node that starts with very many credentials fetches them a few at a time. What was given is here already.
        let permit = match self.step {
            Step::Take => None,
            _ => {
                let places = Arc::clone(self.keeper.shared.flights(issuer.depth()));
                places.acquire_owned().await.ok()
            }
        };
        match self.step {
            // Its keeper was retired while it waited in the queue.
            _ if self.keeper.is_retired() => {}
            Step::Rotate { reason, way, alone } => self.rotate(reason, way, alone).await,
            Step::Try(fingerprint) => self.try_token(fingerprint).await,
            Step::Save => self.save().await,
            Step::Take => self.take().await,
            Step::Rest | Step::Wait(_) => {}
        }
        self.landed = true;
        self.keeper.shared.peers.hold(&self.keeper.credential, false);
        self.keeper.refuse_gifts();
        drop(permit);
    }

    /// Waits for what a fetch needs of other credentials, as long as a fetch may take.
    async fn ready(&self, issuer: &Arc<dyn Issuer>) -> Result<(), Failure> {
        let deadline = self.keeper.with(|rotation, _| rotation.policy().fetch_deadline);
        timeout(deadline, issuer.ready()).await.unwrap_or_else(|_| {
            let what = "what it depends on was not to be had in time";
            Err(Failure::new(Class::Transient, what))
        })
    }

    async fn rotate(&self, reason: Reason, way: Way, alone: bool) {
        let clock = &self.keeper.shared.clock;
        let begun = clock.now().instant;
        let mut span = self.keeper.shared.spans.begin(ROTATION, Sort::Internal, None, &**clock);
        span.is_about(&self.keeper.credential);
        span.set("lingpai.reason", || reason.as_str());
        span.set("lingpai.way", || way.as_str());
        // Another node may have done it while this flight waited for its place. What is known is taken in the same step, so that
        // one that does it from now on is told of by the claim.
        let known = self
            .keeper
            .with(|rotation, _| rotation.is_rotation_due(clock.now()).then(|| rotation.known()));
        let Some(known) = known else { return self.keeper.apply(Fact::Overtaken) };
        let lease = if alone {
            None
        } else {
            let claim = self.claim(Some(way), known);
            let (lease, usage) = match span.within("claim", Sort::Client, claim).await {
                Ok(granted) => granted,
                Err(setback) => {
                    span.fail(setback.as_str());
                    return self.suffer(setback);
                }
            };
            if clock.now().instant.since(begun) > STORE_DEADLINE {
                // This process stood still meanwhile: others do not count with a fetch that begins so late.
                return self.give_back(&lease).await;
            }
            self.keeper.apply_aside(Fact::Granted(usage));
            Some(lease)
        };
        let fence = lease.as_ref().map(|lease| lease.fence);
        let right = lease.as_ref().map(|lease| (lease, begun));
        let (issuer, deadline) = self
            .keeper
            .with(|rotation, issuer| (Arc::clone(issuer), rotation.policy().fetch_deadline));
        // Nothing newer is stored: the claim would have said so.
        let companion = self.keeper.published().and_then(|token| token.companion);
        let sent = self.keeper.shared.clock.now();
        let mut fetch = span.child("fetch", Sort::Client);
        let answered = timeout(deadline, issuer.issue(way, companion.as_ref())).await;
        self.keeper.shared.measures.fetches.count(clock.now().instant.since(sent.instant));
        let issued = match answered {
            Ok(Ok(issued)) if issued.life < SHORTEST_LIFE && !self.is_at_its_end(&issued, way) => {
                let what = "upstream gave a token that lives for less than a second";
                Err(Failure::new(Class::Transient, what).perhaps_reached())
            }
            Ok(answered) => answered,
            Err(_) => {
                let what = format!("no answer from upstream within {} s", deadline.as_secs());
                Err(Failure::new(Class::Transient, what).perhaps_reached())
            }
        };
        let issued = match issued {
            Ok(issued) => issued,
            Err(failure) => {
                fetch.failed(&failure);
                span.failed(&failure);
                drop(fetch);
                return self.fail(failure, way, reason, right, &issuer).await;
            }
        };
        drop(fetch);
        let fingerprint = Fingerprint::of(issued.value.expose());
        let is_companion_new = issued.companion.is_some() && issued.companion != companion;
        let (admission, given_once) = self.keeper.with(|rotation, issuer| {
            let mut admission = rotation.admit(sent, fingerprint, issued.life, way);
            if is_companion_new {
                // Another generation even of the same token, so that no node goes on with the companion before.
                admission.generation = admission.generation.max(rotation.generation().next());
            }
            (admission, issuer.profile().given_once)
        });
        let stored_way = if way == Way::Forced { Way::Primary } else { way };
        let token = token_of(issued, companion, &admission, stored_way);
        let mut saved = Saved::NotYet;
        if let Some(lease) = lease {
            let commit =
                Commit { lease, token: token.clone(), previous_until: admission.previous_until };
            let stored = async {
                match given_once {
                    true => Ok(self.commit_at_last(&commit).await),
                    false => self.store(self.keeper.shared.store.commit(commit)).await,
                }
            };
            match span.within("commit", Sort::Client, stored).await {
                Ok(Committed::Stored) => saved = Saved::Yes,
                Ok(Committed::Fenced(record)) => {
                    span.fail("fenced");
                    return self.keeper.adopt(*record, Fact::Fenced);
                }
                // The token is good, whatever the store says: it is served now and saved later.
                Err(error) => saved = Saved::Refused(describe(&error)),
            }
        }
        span.set("lingpai.generation", || i64::try_from(token.generation.0).unwrap_or(i64::MAX));
        self.keeper.publish(token, Fact::Issued { admission, way, reason, saved, fence });
    }

    /// Stores a token whose companion upstream gives once only. Its lease is the only place where it is known, so this goes on
    /// until the store has it safely, or somebody else has taken over.
    async fn commit_at_last(&self, commit: &Commit) -> Committed {
        let clock = &self.keeper.shared.clock;
        loop {
            let stored = match self.store(self.keeper.shared.store.commit(commit.clone())).await {
                Ok(Committed::Stored) => self.confirm(commit.token.generation).await,
                Ok(fenced) => return fenced,
                Err(error) => Err(error),
            };
            let Err(error) = stored else { return Committed::Stored };
            self.keeper.apply_aside(Fact::Delayed(describe(&error)));
            clock.sleep_until(clock.now().instant + STORE_RETRY).await;
        }
    }

    async fn confirm(&self, generation: Generation) -> Result<(), StoreError> {
        let shared = &self.keeper.shared;
        self.store(shared.store.confirm(&self.keeper.credential, generation)).await
    }

    /// Takes in what was given: as a rotation does it, without a fetch.
    async fn take(&self) {
        let shared = &self.keeper.shared;
        let Some((issued, at)) = self.keeper.first_gift() else {
            return self.keeper.apply(Fact::Unchanged);
        };
        let admitted = || {
            let companion = self.keeper.published().and_then(|token| token.companion);
            let is_new = issued.companion.is_some() && issued.companion != companion;
            let fingerprint = Fingerprint::of(issued.value.expose());
            let (admission, generation) = self.keeper.with(|rotation, _| {
                let admission = rotation.admit_given(at, fingerprint, issued.life, is_new);
                (admission, rotation.generation())
            });
            admission.map(|admission| (admission, companion)).ok_or(generation)
        };
        if let Err(generation) = admitted() {
            // Stored it is. Whether safely, nobody may have asked yet.
            return match self.confirm(generation).await {
                Ok(()) => {
                    let taken = self.keeper.take_gift();
                    self.keeper.apply(Fact::Unchanged);
                    taken.into_iter().for_each(|taken| taken.tell(Ok(())));
                }
                Err(error) => self.not_taken(&error),
            };
        }
        let lease = match self.claim(None, self.known()).await {
            Ok((lease, _)) => lease,
            Err(Setback::Down(error)) => return self.not_taken(&error),
            Err(setback) => return self.suffer(setback),
        };
        // What is known may have changed meanwhile: then it is looked at again. The lease runs out by itself.
        let Ok((admission, companion)) = admitted() else {
            return self.keeper.apply(Fact::Held(shared.clock.now().instant));
        };
        let fence = Some(lease.fence);
        let token = token_of(issued, companion, &admission, Way::Primary);
        let commit =
            Commit { lease, token: token.clone(), previous_until: admission.previous_until };
        match self.store(shared.store.commit(commit)).await {
            Ok(Committed::Stored) => {}
            // Another node was quicker: once more, after what it has stored.
            Ok(Committed::Fenced(record)) => return self.keeper.adopt(*record, Fact::Newer),
            Err(error) => return self.not_taken(&error),
        }
        let confirmed = self.confirm(admission.generation).await;
        let taken = self.keeper.take_gift();
        let (way, reason, saved) = (Way::Primary, Reason::Given, Saved::Yes);
        self.keeper.publish(token, Fact::Issued { admission, way, reason, saved, fence });
        let outcome = confirmed.map_err(|error| refused_by(&error));
        taken.into_iter().for_each(|taken| taken.tell(outcome.clone()));
    }

    /// The store could not take what was given, and whoever gave it is told: he has it still.
    fn not_taken(&self, error: &StoreError) {
        let taken = self.keeper.take_gift();
        self.keeper.apply(Fact::StoreDown(describe(error)));
        taken.into_iter().for_each(|taken| taken.tell(Err(refused_by(error))));
    }

    /// Takes the right to fetch, or to store what was given.
    async fn claim(&self, way: Option<Way>, known: Generation) -> Result<(Lease, Usage), Setback> {
        let shared = &self.keeper.shared;
        let now = shared.clock.now();
        let claim = self.keeper.with(|rotation, _| Claim {
            credential: self.keeper.credential.clone(),
            node: shared.node.clone(),
            known,
            settles: rotation.settles(),
            way,
            at: now.wall,
            deadline: now.wall + rotation.policy().attempt(),
            lease: rotation.policy().lease(),
        });
        match self.store(shared.store.begin(claim)).await {
            Ok(Begun::Granted { lease, usage }) => {
                shared.peers.hold(&self.keeper.credential, true);
                Ok((lease, usage))
            }
            Ok(Begun::Newer(record)) => Err(Setback::Newer(record)),
            Ok(Begun::Held { until, .. }) => Err(Setback::Held(now.instant_at(until))),
            Ok(Begun::Unfinished(intent)) => Err(Setback::Unfinished(intent)),
            Err(error) => Err(Setback::Down(error)),
        }
    }

    fn known(&self) -> Generation {
        self.keeper.with(|rotation, _| rotation.known())
    }

    /// Tells the machine why there was no right to be had.
    fn suffer(&self, setback: Setback) {
        match setback {
            Setback::Newer(record) => self.keeper.adopt(*record, Fact::Newer),
            Setback::Held(until) => {
                self.keeper.shared.measures.lease_is_held();
                self.keeper.apply(Fact::Held(until));
            }
            Setback::Unfinished(intent) => self.keeper.apply(Fact::Unfinished(intent)),
            Setback::Down(error) => self.keeper.apply(Fact::StoreDown(describe(&error))),
        }
    }

    /// Gives back a right that was not used; the machine asks for it anew if it still wants to.
    async fn give_back(&self, lease: &Lease) {
        let what = "the right to fetch was granted too long ago to be used";
        let mut unused = Failure::new(Class::Transient, what);
        if self.keeper.with(|rotation, _| rotation.leaves_open(&unused)) {
            unused = unused.perhaps_reached();
        }
        if let Err(error) = self.store(self.keeper.shared.store.abandon(lease, &unused)).await {
            tracing::warn!(error = %describe(&error), "a right to fetch could not be given back");
        }
        self.keeper.apply(Fact::Held(self.keeper.shared.clock.now().instant));
    }

    /// Whether this is the token that we have, which its upstream repeats to its very end.
    fn is_at_its_end(&self, issued: &Issued, way: Way) -> bool {
        self.keeper.with(|rotation, issuer| {
            let repeats = issuer.profile().renewal(way) == Renewal::Repeating;
            let current = rotation.current().map(|(fingerprint, _)| fingerprint);
            repeats && current == Some(Fingerprint::of(issued.value.expose()))
        })
    }

    async fn fail(
        &self,
        failure: Failure,
        way: Way,
        reason: Reason,
        right: Option<(&Lease, Instant)>,
        issuer: &Arc<dyn Issuer>,
    ) {
        let mut told = failure.clone();
        if self.keeper.with(|rotation, _| rotation.leaves_open(&failure)) {
            told.reached = Reached::Perhaps;
        }
        if let Some((lease, _)) = right
            && let Err(error) = self.store(self.keeper.shared.store.abandon(lease, &told)).await
        {
            // The lease runs out by itself, and the intent leads to one more fetch.
            tracing::warn!(error = %describe(&error), "a failed fetch could not be recorded");
        }
        if let Some((_, begun)) = right
            && failure.reached == Reached::Perhaps
            && self.keeper.shared.clock.now().instant.since(begun) > self.lease()
            && let Ok(Some(record)) =
                self.store(self.keeper.shared.store.read(&self.keeper.credential)).await
        {
            // This process stood still meanwhile: another node may have fetched before the request was sent.
            return self.keeper.adopt(record, Fact::Fenced);
        }
        let fence: Option<Fence> = right.map(|(lease, _)| lease.fence);
        let failed = Fact::Failed { failure, way, reason, fence };
        // If the account was changed meanwhile, what failed with the old secret says nothing about the new one.
        let changed = self.keeper.with(|rotation, now| {
            (!Arc::ptr_eq(now, issuer)).then(|| (now.profile(), Arc::clone(rotation.policy())))
        });
        match changed {
            None => self.keeper.apply(failed),
            Some((profile, policy)) => {
                self.keeper.apply_aside(failed);
                self.keeper.apply(Fact::Reconfigured(profile, policy));
            }
        }
    }

    fn lease(&self) -> Duration {
        self.keeper.with(|rotation, _| rotation.policy().lease())
    }

    async fn try_token(&self, fingerprint: Fingerprint) {
        let shared = &self.keeper.shared;
        let (issuer, deadline) = self
            .keeper
            .with(|rotation, issuer| (Arc::clone(issuer), rotation.policy().fetch_deadline));
        let token = self.keeper.published().filter(|token| token.fingerprint() == fingerprint);
        let verdict = match token {
            Some(token) => match timeout(deadline, issuer.check(&token)).await {
                Ok(verdict) => verdict,
                Err(_) => Verdict::Inconclusive(Failure::new(
                    Class::Transient,
                    "no answer from upstream to a trial of the token",
                )),
            },
            None => {
                Verdict::Inconclusive(Failure::new(Class::Transient, "the token was just replaced"))
            }
        };
        self.keeper.apply(Fact::Tried(fingerprint, verdict));
        let day = shared.clock.now().day();
        let credential = &self.keeper.credential;
        let entry = Entry::Trial(credential.kind.clone());
        if let Err(error) = self.store(shared.store.count(&credential.account, day, entry, 1)).await
        {
            tracing::warn!(error = %describe(&error), "a trial could not be counted");
        }
    }

    /// Gives the store a token that was fetched while it was down.
    async fn save(&self) {
        let Some(token) = self.keeper.published() else {
            return self.keeper.apply(Fact::Saved);
        };
        let lease = match self.claim(Some(token.way), self.known()).await {
            Ok((lease, _)) => lease,
            Err(setback) => return self.suffer(setback),
        };
        // What the store has lost may have had a later one.
        let generation = self.keeper.with(|rotation, _| rotation.generation());
        let token = Token { generation, ..token };
        let commit = Commit { lease, token, previous_until: None };
        match self.store(self.keeper.shared.store.commit(commit)).await {
            Ok(Committed::Stored) => self.keeper.apply(Fact::Saved),
            Ok(Committed::Fenced(record)) => self.keeper.adopt(*record, Fact::Fenced),
            Err(error) => self.keeper.apply(Fact::StoreDown(describe(&error))),
        }
    }

    /// Bounds a store call: a store that hangs is a store that is down.
    async fn store<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let Shared { clock, measures, .. } = &*self.keeper.shared;
        let begun = clock.now().instant;
        let outcome = timeout(STORE_DEADLINE, call).await;
        measures.store.count(clock.now().instant.since(begun));
        outcome.unwrap_or_else(|_| {
            Err(StoreError::new(
                crate::store::StoreErrorKind::Unavailable,
                format!("the store gave no answer within {} s", STORE_DEADLINE.as_secs()),
            ))
        })
    }
}

impl Drop for Flight {
    /// A task that panicked or was dropped half-way must not leave the machine waiting for it.
    fn drop(&mut self) {
        if self.landed {
            return;
        }
        self.keeper.shared.peers.hold(&self.keeper.credential, false);
        if self.step == Step::Take {
            drop(self.keeper.take_gift());
        }
        let failure = Failure::new(Class::Transient, "the fetch was broken off inside Lingpai");
        self.keeper.apply(match self.step {
            Step::Rotate { reason, way, .. } => {
                Fact::Failed { failure: failure.perhaps_reached(), way, reason, fence: None }
            }
            Step::Try(fingerprint) => Fact::Tried(fingerprint, Verdict::Inconclusive(failure)),
            _ => Fact::StoreDown(failure.message),
        });
        self.keeper.refuse_gifts();
    }
}

/// Why there is no right to be had.
enum Setback {
    Newer(Box<Record>),
    Held(Instant),
    Unfinished(Intent),
    Down(StoreError),
}

impl Setback {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Newer(_) => "newer",
            Self::Held(_) => "held",
            Self::Unfinished(_) => "unfinished",
            Self::Down(_) => "store-down",
        }
    }
}

/// What is stored and published of a token that was admitted so. Where no companion came, the one before stays.
fn token_of(issued: Issued, before: Option<Secret>, admission: &Admission, way: Way) -> Token {
    Token {
        value: issued.value,
        generation: admission.generation,
        issued_at: admission.issued_at.wall,
        expires_at: admission.ends.wall,
        full_life: admission.full_life,
        way,
        companion: issued.companion.or(before),
    }
}

fn refused_by(error: &StoreError) -> GiveError {
    GiveError::Store { kind: error.kind, message: describe(error) }
}

/// The whole chain of an error in one line.
fn describe(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
