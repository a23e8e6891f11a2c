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

use super::upstream::Upstream;

/// How long nothing may come before the server is given up.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// The number of who is served beside, among the connections.
const UPSTREAM: u64 = u64::MAX;
/// What bodies are made of.
static ZEROS: [u8; 256 * 1024] = [0; _];

/// What is asked, and how.
pub(crate) struct Load<'a> {
    pub(crate) to: SocketAddr,
    /// The whole request, or its head.
    pub(crate) request: &'a [u8],
    /// So many bytes follow.
    pub(crate) body: usize,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    /// Who is served meanwhile.
    pub(crate) upstream: Option<&'a Upstream>,
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
        let mut client = Client::connect(self);
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
                client.ask(connection, due);
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

struct Client<'a> {
    load: &'a Load<'a>,
    connections: Vec<Connection>,
    /// Those that wait for no answer.
    idle: VecDeque<usize>,
    ready: OwnedFd,
    events: Vec<epoll::Event>,
}

impl<'a> Client<'a> {
    fn connect(load: &'a Load<'a>) -> Self {
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let connect = |number| {
            let stream = TcpStream::connect(load.to).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            epoll::add(&ready, &stream, data(number), epoll::EventFlags::IN).unwrap();
            let answer = Vec::with_capacity(4096);
            Connection { stream, unsent: 0, answer, asked_at: Instant::now() }
        };
        if let Some(upstream) = load.upstream {
            let data = epoll::EventData::new_u64(UPSTREAM);
            epoll::add(&ready, upstream.ready(), data, epoll::EventFlags::IN).unwrap();
        }
        Self {
            load,
            connections: (0..load.connections).map(connect).collect(),
            idle: (0..load.connections).collect(),
            ready,
            events: Vec::with_capacity(load.connections + 1),
        }
    }

    fn ask(&mut self, number: usize, due: Instant) {
        let Self { load, connections, ready, .. } = self;
        let connection = &mut connections[number];
        connection.ask(load.request, due);
        if load.body > 0 {
            connection.unsent = load.body;
            let both = epoll::EventFlags::IN | epoll::EventFlags::OUT;
            epoll::modify(ready, &connection.stream, data(number), both).unwrap();
        }
    }

    /// Waits until something comes, and notes the answers that are whole.
    fn take_in(&mut self, patience: &Timespec, latencies: &mut Vec<Duration>) {
        self.events.clear();
        let events = spare_capacity(&mut self.events);
        let count = epoll::wait(&self.ready, events, Some(patience)).unwrap();
        assert!(count > 0 || patience.tv_sec == 0, "the server does not answer any more");
        for &epoll::Event { flags, data: number } in &self.events {
            let number = match (number.u64(), self.load.upstream) {
                (UPSTREAM, Some(upstream)) => {
                    upstream.serve();
                    continue;
                }
                (number, _) => number as usize,
            };
            let connection = &mut self.connections[number];
            if flags.contains(epoll::EventFlags::OUT) && connection.send() {
                let stream = &connection.stream;
                epoll::modify(&self.ready, stream, data(number), epoll::EventFlags::IN).unwrap();
            }
            if let Some(latency) = connection.take_in() {
                latencies.push(latency);
                self.idle.push_back(number);
            }
        }
    }
}

fn data(number: usize) -> epoll::EventData {
    epoll::EventData::new_u64(number as u64)
}

struct Connection {
    stream: TcpStream,
    /// How much of the body is to be sent.
    unsent: usize,
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

    /// Sends of the body what the socket takes, and says whether it was the rest.
    fn send(&mut self) -> bool {
        while self.unsent > 0 {
            match self.stream.write(&ZEROS[..ZEROS.len().min(self.unsent)]) {
                Ok(count) => self.unsent -= count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => panic!("{error}"),
            }
        }
        true
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
