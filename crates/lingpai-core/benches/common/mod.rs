//! How the benches measure: contenders take turns (A B C A B C ...), CPU time is judged, the median of the rounds counts.
//!
//! The host takes CPU away without showing it, so figures of two runs are not compared, only figures of one run. What
//! noise is left shows where the same contender takes part twice. Threads that should meet do so only while each has a
//! core, so a turn in which one did not is taken again, and its round is left out if that does not help.

mod machine;

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

pub(crate) use machine::machine;

/// How often a turn is tried.
const ATTEMPTS: usize = 50;

/// Something that is done very often, and by which name it appears in the results.
pub(crate) struct Contender<'a> {
    name: &'static str,
    /// Does it so many times on the calling thread.
    work: Box<dyn Fn(u64) + Sync + 'a>,
}

impl<'a> Contender<'a> {
    /// `prepare` makes what each thread has for itself; `step` is what is measured.
    pub(crate) fn new<S, T>(
        name: &'static str,
        prepare: impl Fn() -> S + Sync + 'a,
        step: impl Fn(&mut S) -> T + Sync + 'a,
    ) -> Self {
        let work = move |times| {
            let mut own = prepare();
            for _ in 0..times {
                black_box(step(black_box(&mut own)));
            }
        };
        Self { name, work: Box::new(work) }
    }
}

/// What a contender took, in nanoseconds of CPU time for each time.
pub(crate) struct Taken {
    pub(crate) name: &'static str,
    pub(crate) median: f64,
    /// The quartiles around the median.
    pub(crate) spread: (f64, f64),
    /// How many rounds counted.
    pub(crate) rounds: usize,
}

/// Lets all contenders work in turn on `threads` threads at once, in `rounds` rounds of about `turn` for each.
pub(crate) fn take_turns(
    contenders: &[Contender<'_>],
    threads: usize,
    rounds: usize,
    turn: Duration,
) -> Vec<Taken> {
    let turns: Vec<u64> = contenders.iter().map(|contender| times(contender, turn)).collect();
    let mut taken = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        for ((contender, times), taken) in contenders.iter().zip(&turns).zip(&mut taken) {
            taken.extend(undisturbed(contender, threads, *times));
        }
    }
    contenders.iter().zip(taken).map(|(contender, taken)| summary(contender.name, taken)).collect()
}

/// The median of `figures`, and the quartiles around it. Not a number if there are none.
pub(crate) fn middle(mut figures: Vec<f64>) -> (f64, (f64, f64)) {
    figures.sort_by(f64::total_cmp);
    let last = figures.len().saturating_sub(1) as f64;
    let at = |share: f64| figures.get((last * share).round() as usize).copied().unwrap_or(f64::NAN);
    (at(0.5), (at(0.25), at(0.75)))
}

/// The CPU time that the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    cpu(Whose::Thread)
}

/// The CPU time that all threads of the process have used.
pub(crate) fn process_cpu() -> Duration {
    cpu(Whose::Process)
}

fn summary(name: &'static str, taken: Vec<f64>) -> Taken {
    let rounds = taken.len();
    let (median, spread) = middle(taken);
    Taken { name, median, spread, rounds }
}

/// How many times a contender works in about `turn` on one thread.
fn times(contender: &Contender<'_>, turn: Duration) -> u64 {
    let mut times = 1000;
    loop {
        let each = nanoseconds_each(&take_turn(contender, 1, times), times);
        if each * times as f64 >= turn.as_nanos() as f64 / 4.0 {
            return (turn.as_nanos() as f64 / each) as u64;
        }
        times *= 4;
    }
}

/// What a contender takes each time, from a turn that nobody else disturbed.
fn undisturbed(contender: &Contender<'_>, threads: usize, times: u64) -> Option<f64> {
    let turn = (0..ATTEMPTS)
        .map(|_| take_turn(contender, threads, times))
        .find(|parts| were_together(parts))?;
    Some(nanoseconds_each(&turn, times))
}

fn nanoseconds_each(turn: &[Part], times: u64) -> f64 {
    let taken: Duration = turn.iter().map(|part| part.cpu).sum();
    taken.as_nanos() as f64 / (times * turn.len() as u64) as f64
}

/// One thread's part of a turn.
struct Part {
    cpu: Duration,
    started: Instant,
    ended: Instant,
}

fn take_turn(contender: &Contender<'_>, threads: usize, times: u64) -> Vec<Part> {
    let together = Barrier::new(threads);
    let work = || {
        together.wait();
        let (started, cpu) = (Instant::now(), thread_cpu());
        (contender.work)(times);
        Part { cpu: thread_cpu().saturating_sub(cpu), started, ended: Instant::now() }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Whether every thread had a core all the time, and for most of it the others had one too.
fn were_together(turn: &[Part]) -> bool {
    let all_started = turn.iter().map(|part| part.started).max();
    let first_ended = turn.iter().map(|part| part.ended).min();
    let shared =
        first_ended.zip(all_started).map(|(end, start)| end.saturating_duration_since(start));
    turn.iter().all(|part| {
        let wall = part.ended - part.started;
        wall < part.cpu.mul_f64(1.1) && shared.is_some_and(|shared| shared > wall.mul_f64(0.8))
    })
}

#[derive(Clone, Copy)]
enum Whose {
    Thread,
    Process,
}

#[cfg(target_os = "linux")]
fn cpu(whose: Whose) -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let at = clock_gettime(match whose {
        Whose::Thread => ClockId::ThreadCPUTime,
        Whose::Process => ClockId::ProcessCPUTime,
    });
    Duration::new(at.tv_sec.unsigned_abs(), at.tv_nsec as u32)
}

/// Elsewhere the time on the wall has to do, on a machine that does nothing else.
#[cfg(not(target_os = "linux"))]
fn cpu(_: Whose) -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}
