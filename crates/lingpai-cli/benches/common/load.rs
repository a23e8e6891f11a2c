//! A client that asks the same thing over and over on many kept-alive connections, from one thread.
//!
//! It is small so that the server is what is measured: a readiness loop, and no parsing beyond where an answer ends.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

/// How long nothing may come before the server is given up.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// What is asked, and how.
pub(crate) struct Load<'a> {
    pub(crate) to: SocketAddr,
    /// The whole request.
    pub(crate) request: &'a [u8],
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
}

/// When the next request is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// On each connection as soon as the last answer is there.
    Saturated,
    /// So many a second on all connections together, whether answers are late or not.
    PerSecond(u32),
}

/// What came of it.
pub(crate) struct Answered {
    pub(crate) time: Duration,
    /// How long each answer took, from when it was due to be asked for; sorted.
    latencies: Vec<Duration>,
}

impl Answered {
    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// The latency that this share of the answers did not exceed.
    pub(crate) fn latency(&self, share: f64) -> Duration {
        let last = self.count() - 1;
        self.latencies[(last as f64 * share).round() as usize]
    }
}

impl Load<'_> {
    /// Asks for so long, and waits for the answers that are still to come.
    ///
    /// # Panics
    /// When an answer is not a 200, or none comes.
    pub(crate) fn run(&self, time: Duration) -> Answered {
        let mut client = Client::connect(self.to, self.connections);
        let mut latencies = Vec::with_capacity(1 << 20);
        let start = Instant::now();
        let (end, mut due) = (start + time, start);
        loop {
            let now = Instant::now();
            if let Pace::Saturated = self.pace {
                due = now;
            }
            while due <= now && due < end {
                let Some(connection) = client.idle.pop_front() else { break };
                client.connections[connection].ask(self.request, due);
                if let Pace::PerSecond(rate) = self.pace {
                    due += Duration::from_secs(1) / rate;
                }
            }
            let waiting = client.idle.len() < self.connections;
            if due >= end && !waiting {
                break;
            }
            let spins = matches!(self.pace, Pace::PerSecond(_)) && due < end;
            client.take_in(if spins { &AT_ONCE } else { &PATIENCE }, &mut latencies);
        }
        latencies.sort_unstable();
        Answered { time: start.elapsed(), latencies }
    }
}

struct Client {
    connections: Vec<Connection>,
    /// Those that wait for no answer.
    idle: VecDeque<usize>,
    ready: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Client {
    fn connect(to: SocketAddr, connections: usize) -> Self {
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let connect = |number| {
            let stream = TcpStream::connect(to).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&ready, &stream, data, epoll::EventFlags::IN).unwrap();
            Connection { stream, answer: Vec::with_capacity(4096), asked_at: Instant::now() }
        };
        Self {
            connections: (0..connections).map(connect).collect(),
            idle: (0..connections).collect(),
            ready,
            events: Vec::with_capacity(connections),
        }
    }

    /// Waits until something comes, and notes the answers that are whole.
    fn take_in(&mut self, patience: &Timespec, latencies: &mut Vec<Duration>) {
        self.events.clear();
        let events = spare_capacity(&mut self.events);
        let count = epoll::wait(&self.ready, events, Some(patience)).unwrap();
        assert!(count > 0 || patience.tv_sec == 0, "the server does not answer any more");
        for event in &self.events {
            let data = event.data;
            let number = data.u64() as usize;
            if let Some(latency) = self.connections[number].take_in() {
                latencies.push(latency);
                self.idle.push_back(number);
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    asked_at: Instant,
}

impl Connection {
    fn ask(&mut self, request: &[u8], due: Instant) {
        self.answer.clear();
        self.asked_at = due;
        // A request is far smaller than a socket's buffer.
        assert_eq!(self.stream.write(request).unwrap(), request.len());
    }

    /// How long the answer took, if it is whole now.
    fn take_in(&mut self) -> Option<Duration> {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(0) => panic!("the server has closed the connection"),
            Ok(count) => self.answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => panic!("{error}"),
        }
        is_whole(&self.answer).then(|| self.asked_at.elapsed())
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(answer);
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    let length = text[..head].lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
    });
    answer.len() >= head + 4 + length.expect("the answer states its length")
}
