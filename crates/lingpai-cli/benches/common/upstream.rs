//! A stand-in for WeChat that costs next to nothing: it answers at once, from the client's own thread.
//!
//! A process of its own would share the client's core and wait for it. So whoever drives the load serves it too.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// How much is read at once; of a body it is thrown away.
const READ: usize = 256 * 1024;
const LISTENER: u64 = 0;

/// It gives a token where one is asked for, and everywhere else the same answer.
pub(crate) struct Upstream {
    pub(crate) addr: SocketAddr,
    ready: OwnedFd,
    served: RefCell<Served>,
}

struct Served {
    listener: TcpListener,
    connections: HashMap<u64, Connection>,
    next: u64,
    buffer: Vec<u8>,
    answer: Vec<u8>,
    token: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
    /// How much of the request's body is to come.
    body: usize,
}

impl Upstream {
    /// One that answers with this body. Nobody is served yet.
    pub(crate) fn new(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        watch(&ready, &listener, LISTENER);
        let token = format!(r#"{{"access_token":"{}","expires_in":7200}}"#, "A".repeat(157));
        let served = RefCell::new(Served {
            listener,
            connections: HashMap::new(),
            next: LISTENER + 1,
            buffer: vec![0; READ],
            answer: whole(body),
            token: whole(&token),
        });
        Self { addr, ready, served }
    }

    /// Ready to be read as soon as somebody is to be served.
    pub(crate) fn ready(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    /// Serves whoever waits.
    pub(crate) fn serve(&self) {
        let mut events = Vec::with_capacity(256);
        epoll::wait(&self.ready, spare_capacity(&mut events), Some(&AT_ONCE)).unwrap();
        let mut served = self.served.borrow_mut();
        for epoll::Event { data, .. } in events {
            match data.u64() {
                LISTENER => served.accept(&self.ready),
                number => served.answer(number),
            }
        }
    }

    /// Serves until `work`, on another thread, is done.
    pub(crate) fn serve_during<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let working = scope.spawn(work);
            while !working.is_finished() {
                self.serve();
                std::thread::yield_now();
            }
            working.join().unwrap()
        })
    }
}

impl Served {
    fn accept(&mut self, ready: &OwnedFd) {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            watch(ready, &stream, self.next);
            self.connections.insert(self.next, Connection { stream, head: Vec::new(), body: 0 });
            self.next += 1;
        }
    }

    fn answer(&mut self, number: u64) {
        let Self { connections, buffer, answer, token, .. } = self;
        let connection = connections.get_mut(&number).unwrap();
        let count = match connection.stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Ok(count) if count > 0 => count,
            // Who is gone is watched no more as soon as the socket is closed.
            _ => {
                connections.remove(&number);
                return;
            }
        };
        if let Some(asked) = connection.take_in(&buffer[..count]) {
            let answer = if asked == Asked::Token { token } else { answer };
            // It is far smaller than a socket's buffer.
            assert_eq!(connection.stream.write(answer).unwrap(), answer.len());
        }
    }
}

#[derive(PartialEq, Eq)]
enum Asked {
    Token,
    Anything,
}

impl Connection {
    /// What is asked, if the request is whole now.
    fn take_in(&mut self, piece: &[u8]) -> Option<Asked> {
        if self.body > 0 {
            self.body -= piece.len();
        } else {
            self.head.extend_from_slice(piece);
            let end = self.head.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
            self.body = stated_length(&self.head[..end]) - (self.head.len() - end);
        }
        if self.body > 0 {
            return None;
        }
        let is_token = self.head.starts_with(b"POST /cgi-bin/stable_token ");
        self.head.clear();
        Some(if is_token { Asked::Token } else { Asked::Anything })
    }
}

fn stated_length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head);
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.unwrap_or(0)
}

fn watch(ready: &OwnedFd, socket: impl AsFd, number: u64) {
    epoll::add(ready, socket, epoll::EventData::new_u64(number), epoll::EventFlags::IN).unwrap();
}

fn whole(body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json; encoding=utf-8";
    format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}
