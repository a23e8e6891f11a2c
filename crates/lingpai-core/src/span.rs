//! Spans: what was done, from when to when, and what it came to, for whoever follows it.
//!
//! Nobody does unless a [`Follower`] is set, and then a span is nothing: one load, no allocation. A span is told when it is
//! dropped, so whatever ends early is told too. It holds names and numbers; no token and no secret can be put into it.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

use crate::clock::Clock;
use crate::failure::Failure;
use crate::id::{AccountId, CredentialId};
use crate::time::Timestamp;

/// Where a span stands: in which trace, and which it is there. As in W3C Trace Context, neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The trace.
    pub trace: u128,
    /// The span.
    pub span: u64,
}

/// From where a trace goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The caller's span.
    pub context: Context,
    /// Whether the caller follows it.
    pub is_followed: bool,
}

/// What sort of work a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Something that a caller waits for.
    Server,
    /// A call of somebody else.
    Client,
    /// Anything inside.
    Internal,
}

/// What is known of a span beside its name and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text: the name of something.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What was done.
    pub name: &'static str,
    /// What sort of work that was.
    pub sort: Sort,
    /// Where it stands.
    pub context: Context,
    /// The span that it belongs to, if it is not the first of its trace.
    pub parent: Option<u64>,
    /// When it began, in nanoseconds since 1970. The first span of a trace here begins on a full millisecond.
    pub begun: u64,
    /// When it ended, likewise.
    pub ended: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it came to nothing, if it did.
    pub failure: Option<Cow<'static, str>>,
}

/// Whoever follows what is done. Never waits.
pub trait Follower: fmt::Debug + Send + Sync {
    /// Whether to follow what begins now, of this name; the numbers of traces are evenly spread.
    fn follows(&self, name: &'static str, trace: u128, origin: Option<Origin>) -> bool;

    /// Takes in a span.
    fn ended(&self, span: Ended);
}

/// Where spans begin.
#[derive(Debug, Default)]
pub struct Spans {
    follower: OnceLock<Arc<dyn Follower>>,
    /// Nobody outside can tell the next number from those before.
    random: RandomState,
    count: AtomicU64,
}

/// Something that is under way, or nothing if nobody follows it.
#[derive(Debug, Default)]
#[must_use]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    ended: Ended,
    at: Instant,
    trace: Arc<Trace>,
}

#[derive(Debug)]
struct Trace {
    spans: Arc<Spans>,
    follower: Arc<dyn Follower>,
    /// The same moment on both clocks.
    wall: Timestamp,
    at: Instant,
}

impl Spans {
    /// Has somebody follow. Whoever was first stays.
    pub fn follow(&self, follower: Arc<dyn Follower>) {
        let _ = self.follower.set(follower);
    }

    /// Whether anybody follows at all.
    pub fn are_followed(&self) -> bool {
        self.follower.get().is_some()
    }

    /// Begins a trace, or goes on with a caller's.
    pub fn begin(
        self: &Arc<Self>,
        name: &'static str,
        sort: Sort,
        origin: Option<Origin>,
        clock: &dyn Clock,
    ) -> Span {
        let Some(follower) = self.follower.get() else { return Span(None) };
        let trace = match origin {
            Some(origin) => origin.context.trace,
            None => u128::from(self.number()) << 64 | u128::from(self.number()),
        };
        if !follower.follows(name, trace, origin) {
            return Span(None);
        }
        let (wall, at) = (clock.wall(), Instant::now());
        let trace_of = Trace { spans: Arc::clone(self), follower: Arc::clone(follower), wall, at };
        let context = Context { trace, span: self.number() };
        let parent = origin.map(|origin| origin.context.span);
        Span(Some(Box::new(Open::new(name, sort, (context, parent), at, Arc::new(trace_of)))))
    }

    fn number(&self) -> u64 {
        self.random.hash_one(self.count.fetch_add(1, Ordering::Relaxed)).max(1)
    }
}

impl Open {
    fn new(
        name: &'static str,
        sort: Sort,
        (context, parent): (Context, Option<u64>),
        at: Instant,
        trace: Arc<Trace>,
    ) -> Self {
        let begun = trace.nanos(at);
        let ended = Ended {
            name,
            sort,
            context,
            parent,
            begun,
            ended: begun,
            attributes: Vec::new(),
            failure: None,
        };
        Self { ended, at, trace }
    }
}

impl Trace {
    fn nanos(&self, at: Instant) -> u64 {
        let begun = u64::try_from(self.wall.as_millis()).unwrap_or(0).saturating_mul(1_000_000);
        let since = at.saturating_duration_since(self.at).as_nanos();
        begun.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

impl Span {
    /// One that nobody follows.
    pub const NONE: Self = Self(None);

    /// Begins something within it.
    pub fn child(&self, name: &'static str, sort: Sort) -> Self {
        let Some(open) = &self.0 else { return Self(None) };
        let (trace, context) = (Arc::clone(&open.trace), open.ended.context);
        let place = (Context { span: trace.spans.number(), ..context }, Some(context.span));
        Self(Some(Box::new(Open::new(name, sort, place, Instant::now(), trace))))
    }

    /// Says something of it. `value` is asked only if somebody follows.
    pub fn set<V: Into<Value>>(&mut self, name: &'static str, value: impl FnOnce() -> V) {
        if let Some(open) = &mut self.0 {
            open.ended.attributes.push((name, value().into()));
        }
    }

    /// Says whose credential it is about.
    pub fn is_about(&mut self, credential: &CredentialId) {
        self.set("lingpai.account", || &credential.account);
        self.set("lingpai.kind", || credential.kind.as_str().to_owned());
    }

    /// Says that it came to nothing, and why: a name, not a message of somebody else's.
    pub fn fail(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.0 {
            open.ended.failure = Some(why.into());
        }
    }

    /// Says that it came to nothing because of this.
    pub fn failed(&mut self, failure: &Failure) {
        if let Some(code) = failure.code {
            self.set("wechat.errcode", || code);
        }
        self.fail(failure.class.as_str());
    }

    /// Does something within it.
    pub async fn within<T>(
        &self,
        name: &'static str,
        sort: Sort,
        work: impl Future<Output = T>,
    ) -> T {
        let _within = self.child(name, sort);
        work.await
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let took = u64::try_from(self.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let nothing = Ended { attributes: Vec::new(), failure: None, ..self.ended };
        let mut ended = std::mem::replace(&mut self.ended, nothing);
        ended.ended = ended.begun.saturating_add(took);
        self.trace.follower.ended(ended);
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<&AccountId> for Value {
    fn from(account: &AccountId) -> Self {
        account.to_string().into()
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::clock::TestClock;

    #[derive(Debug, Default)]
    struct All(Mutex<Vec<Ended>>);

    impl Follower for All {
        fn follows(&self, _: &'static str, _: u128, origin: Option<Origin>) -> bool {
            origin.is_none_or(|origin| origin.is_followed)
        }

        fn ended(&self, span: Ended) {
            self.0.lock().unwrap().push(span);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_span_is_told_with_its_times_when_it_is_dropped() {
        let clock = TestClock::starting_at(Timestamp::from_millis(1_000));
        let (spans, all) = (Arc::new(Spans::default()), Arc::new(All::default()));
        spans.follow(Arc::clone(&all) as _);
        let mut whole = spans.begin("whole", Sort::Server, None, &clock);
        whole.set("number", || 7_i64);
        tokio::time::advance(Duration::from_micros(10)).await;
        let mut part = whole.child("part", Sort::Client);
        tokio::time::advance(Duration::from_micros(5)).await;
        part.fail("refused");
        drop(part);
        drop(whole);
        let told = all.0.lock().unwrap();
        let [part, whole] = &told[..] else { panic!("{told:?}") };
        assert_eq!((whole.begun, whole.ended), (1_000_000_000, 1_000_015_000));
        assert_eq!((part.begun, part.ended), (1_000_010_000, 1_000_015_000));
        assert_eq!(
            (part.context.trace, part.parent),
            (whole.context.trace, Some(whole.context.span))
        );
        assert_ne!(part.context.span, whole.context.span);
        assert_eq!(whole.attributes, [("number", Value::Number(7))]);
        assert_eq!((part.failure.as_deref(), &whole.failure), (Some("refused"), &None));
    }

    #[tokio::test]
    async fn what_nobody_follows_is_nothing_and_a_callers_trace_goes_on() {
        let clock = TestClock::starting_at(Timestamp::default());
        let spans = Arc::new(Spans::default());
        let mut none = spans.begin("a", Sort::Server, None, &clock);
        none.set("a", || -> i64 { panic!("nobody asks") });
        assert!(none.0.is_none() && none.child("b", Sort::Internal).0.is_none());

        let all = Arc::new(All::default());
        spans.follow(Arc::clone(&all) as _);
        let context = Context { trace: 5, span: 6 };
        for is_followed in [false, true] {
            drop(spans.begin("a", Sort::Server, Some(Origin { context, is_followed }), &clock));
        }
        let told = all.0.lock().unwrap();
        let [only] = &told[..] else { panic!("{told:?}") };
        assert_eq!((only.context.trace, only.parent), (5, Some(6)));
    }
}
