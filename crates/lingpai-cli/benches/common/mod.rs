//! How the benches over HTTP measure: servers on one core, the client on another, turns (A B C A B C ...), medians.
//!
//! CPU time per request is judged: a client on one core cannot drive every fast server to its limit, and the host takes
//! time away without showing it. One contender takes part twice, and what the two differ by is noise.

#![allow(dead_code, reason = "each bench uses a part of this")]

pub(crate) mod haproxy;
pub(crate) mod load;
#[path = "../../../lingpai-core/benches/common/machine.rs"]
mod machine;
pub(crate) mod nginx;
pub(crate) mod node;
pub(crate) mod process;
pub(crate) mod upstream;

use std::net::SocketAddr;
use std::time::Duration;

use load::{Load, Pace};
pub(crate) use machine::machine;
use process::Process;
use upstream::Upstream;

/// Before each turn, not counted.
const WARM_UP: Duration = Duration::from_millis(200);

/// Who is asked what, and by which name it appears in the results.
pub(crate) struct Contender<'a> {
    pub(crate) name: &'static str,
    /// Whose CPU time counts.
    pub(crate) server: &'a Process,
    pub(crate) to: SocketAddr,
    pub(crate) request: Vec<u8>,
    /// So many bytes follow each request.
    pub(crate) body: usize,
    /// Who stands behind the server, and is served by the client's thread.
    pub(crate) upstream: Option<&'a Upstream>,
    /// By its name, the contender against which it is held.
    pub(crate) against: &'static str,
}

/// How often the contenders take turns, and what a turn is.
#[derive(Clone, Copy)]
pub(crate) struct Turns {
    pub(crate) pace: Pace,
    pub(crate) connections: usize,
    pub(crate) rounds: usize,
    pub(crate) each: Duration,
}

/// The figures of one turn, or the medians of many.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    /// Microseconds of CPU time that the server took for each request.
    pub(crate) cpu: f64,
    /// Requests in a second.
    pub(crate) rate: f64,
    /// Microseconds.
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

impl Figures {
    const PARTS: [fn(&Self) -> f64; 4] = [|f| f.cpu, |f| f.rate, |f| f.median, |f| f.p99];

    /// Each part's median.
    fn middle(all: &[Self]) -> Self {
        let [cpu, rate, median, p99] = Self::PARTS.map(|part| middle(all.iter().map(part)));
        Self { cpu, rate, median, p99 }
    }

    fn over(&self, other: &Self) -> Self {
        let [cpu, rate, median, p99] = Self::PARTS.map(|part| part(self) / part(other));
        Self { cpu, rate, median, p99 }
    }
}

/// A contender's medians, and the medians of its ratios to the one it is held against, round by round.
pub(crate) struct Result {
    pub(crate) name: &'static str,
    pub(crate) figures: Figures,
    pub(crate) ratios: Figures,
}

/// Lets the contenders take turns.
pub(crate) fn take_turns(contenders: &[Contender<'_>], turns: Turns) -> Vec<Result> {
    let Turns { pace, rounds, .. } = turns;
    let mut taken = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..rounds {
        eprintln!("{pace:?}: round {} of {rounds}", round + 1);
        for (contender, taken) in contenders.iter().zip(&mut taken) {
            taken.push(contender.take_turn(turns));
        }
    }
    let place = |name| contenders.iter().position(|contender| contender.name == name).unwrap();
    let result = |(contender, figures): (&Contender<'_>, &Vec<Figures>)| {
        let rounds = figures.iter().zip(&taken[place(contender.against)]);
        let ratios: Vec<_> = rounds.map(|(own, other)| own.over(other)).collect();
        let (figures, ratios) = (Figures::middle(figures), Figures::middle(&ratios));
        Result { name: contender.name, figures, ratios }
    };
    contenders.iter().zip(&taken).map(result).collect()
}

impl Contender<'_> {
    fn take_turn(&self, turns: Turns) -> Figures {
        let Self { server, to, ref request, body, upstream, .. } = *self;
        let Turns { pace, connections, each, .. } = turns;
        let load = Load { to, request, body, connections, pace, upstream };
        load.run(WARM_UP);
        let before = server.cpu();
        let answered = load.run(each);
        let cpu = server.cpu() - before;
        Figures {
            cpu: cpu.as_secs_f64() * 1e6 / answered.count() as f64,
            rate: answered.count() as f64 / answered.time.as_secs_f64(),
            median: answered.latency(0.5).as_secs_f64() * 1e6,
            p99: answered.latency(0.99).as_secs_f64() * 1e6,
        }
    }
}

/// The median; not a number if there is nothing.
pub(crate) fn middle(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// For people.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
