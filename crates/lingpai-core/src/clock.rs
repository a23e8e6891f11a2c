//! Where time comes from: the one seam between the engine and the machine's clocks.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::time::{Instant, Moment, Timestamp};

/// Both clocks here start at ten years and not at zero, so that what was stored before the machine was started has a place
/// on them.
const START: u64 = 10 * 365 * 86_400 * 1000;

/// Where the engine takes its time from.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// What time it is, on both clocks.
    fn now(&self) -> Moment;

    /// What time it is on the wall alone, which is read sooner.
    fn wall(&self) -> Timestamp {
        self.now().wall
    }

    /// The process's clock, a few milliseconds coarse and a few nanoseconds cheap: for the reading of a token.
    fn coarse(&self) -> Instant;

    /// Ends at this time or a little later. It may end early; the caller looks at the clock again.
    async fn sleep_until(&self, until: Instant);
}

/// The machine's clocks.
///
/// The process's clock is the boot-time clock, which counts suspension, so that a laptop or a paused virtual machine does
/// not wake up believing in a token that expired while it slept.
#[derive(Debug, Default)]
pub struct SystemClock {
    /// By how many milliseconds the boot-time clock is ahead of the coarse one: the time spent suspended. Kept here by
    /// `now`, which the scheduler calls at least once a second.
    suspended: AtomicU64,
}

impl SystemClock {
    /// A clock.
    pub fn new() -> Self {
        let clock = Self::default();
        clock.now();
        clock
    }

    /// No sleep lasts longer, so that a suspension is noticed soon.
    const LONGEST_SLEEP: Duration = Duration::from_secs(1);
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let instant = machine::boot_time();
        self.suspended.store(instant.saturating_sub(machine::coarse()), Ordering::Relaxed);
        Moment { instant: Instant::from_millis(START + instant), wall: machine::wall() }
    }

    fn wall(&self) -> Timestamp {
        machine::wall()
    }

    fn coarse(&self) -> Instant {
        Instant::from_millis(START + machine::coarse() + self.suspended.load(Ordering::Relaxed))
    }

    async fn sleep_until(&self, until: Instant) {
        let left = until.since(self.now().instant);
        tokio::time::sleep(left.min(Self::LONGEST_SLEEP)).await;
    }
}

/// A clock for tests: it runs on `tokio`'s, which can be paused and advanced, and its wall can be set.
///
/// Must be made and used inside a `tokio` runtime.
#[derive(Debug)]
pub struct TestClock {
    start: tokio::time::Instant,
    wall_at_start: AtomicU64,
}

impl TestClock {
    /// A clock whose wall stands at `wall` now.
    pub fn starting_at(wall: Timestamp) -> Self {
        let millis = u64::try_from(wall.as_millis()).unwrap_or(0);
        Self { start: tokio::time::Instant::now(), wall_at_start: AtomicU64::new(millis) }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - START)
    }

    /// Sets the wall forwards or backwards by so many seconds.
    pub fn jump_wall(&self, seconds: i64) {
        self.wall_at_start.fetch_add((seconds * 1000).cast_unsigned(), Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Moment {
        let elapsed = self.elapsed();
        let wall = self.wall_at_start.load(Ordering::Relaxed).wrapping_add(elapsed);
        Moment {
            instant: Instant::from_millis(START + elapsed),
            wall: Timestamp::from_millis(wall.cast_signed()),
        }
    }

    fn coarse(&self) -> Instant {
        Instant::from_millis(START + self.elapsed())
    }

    async fn sleep_until(&self, until: Instant) {
        tokio::time::sleep(until.since(self.coarse())).await;
    }
}

/// The machine's clocks, in milliseconds. The only place in Lingpai that reads them.
#[allow(clippy::disallowed_methods, reason = "this is the seam")]
mod machine {
    use super::Timestamp;

    pub(super) fn wall() -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    #[cfg(target_os = "linux")]
    pub(super) fn boot_time() -> u64 {
        read(rustix::time::ClockId::Boottime)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn coarse() -> u64 {
        read(rustix::time::ClockId::MonotonicCoarse)
    }

    #[cfg(target_os = "linux")]
    fn read(clock: rustix::time::ClockId) -> u64 {
        let at = rustix::time::clock_gettime(clock);
        at.tv_sec.unsigned_abs() * 1000 + at.tv_nsec.unsigned_abs() / 1_000_000
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn boot_time() -> u64 {
        coarse()
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn coarse() -> u64 {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let start = START.get_or_init(std::time::Instant::now);
        u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
