//! What a supervisor such as systemd gives the server and hears of it: sockets that are open already, and when it is ready,
//! reads its configuration again, ends, and still lives.
//!
//! Without a supervisor each of these does nothing.

use std::convert::Infallible;
use std::future::pending;

use lingpai_server::{Address, Inherited};
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::Error;
use crate::language::{either, say};

/// Tells that all accounts are kept and clients are answered.
pub(crate) fn is_ready(accounts: usize) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("accounts kept: {accounts}"))]);
}

/// Tells that no new requests are taken, and what is under way is finished.
pub(crate) fn is_ending() {
    tell(&[NotifyState::Stopping]);
}

/// Shows signs of life as often as the supervisor wants to see them, until the future is dropped. A process that hangs shows
/// none, and is started anew.
pub(crate) async fn show_life() -> Infallible {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|time| !time.is_zero()) else {
        return pending().await;
    };
    let mut times = interval(patience / 3);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        times.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the supervisor could not be told how the server stands");
    }
}

/// The sockets that the supervisor has opened (`LISTEN_FDS`).
pub(crate) struct Sockets(Vec<Inherited>);

impl Sockets {
    /// Those handed to this process. The second call finds none.
    pub(crate) fn given() -> Result<Self, Error> {
        let mut given = listenfd::ListenFd::from_env();
        let sockets = (0..given.len()).map(|at| {
            let tcp = given.take_tcp_listener(at).ok().flatten().map(Inherited::Tcp);
            let unix = || given.take_unix_listener(at).ok().flatten().map(Inherited::Unix);
            tcp.or_else(unix).ok_or_else(|| {
                Error::said(either(
                    "a socket that was handed over (LISTEN_FDS) is neither TCP nor a Unix stream socket. In the .socket unit, \
                     use ListenStream= only",
                    "传入的套接字（LISTEN_FDS）既不是 TCP，也不是 Unix 流套接字。.socket 单元中只能使用 ListenStream=",
                ))
            })
        });
        sockets.collect::<Result<_, _>>().map(Self)
    }

    /// The one that listens on this address, if it was handed over.
    pub(crate) fn take(&mut self, address: &Address) -> Option<Inherited> {
        let at = self.0.iter().position(|socket| socket.is_on(address))?;
        Some(self.0.swap_remove(at))
    }

    /// Makes sure that none is left: whoever connects to it would wait for ever.
    pub(crate) fn are_all_taken(&self) -> Result<(), Error> {
        let Some(socket) = self.0.first() else { return Ok(()) };
        Err(Error::said(say!(
            "the socket {socket} was handed over (LISTEN_FDS), and `listen` does not name it. Write the same address in the \
             configuration and in the .socket unit",
            "传入了套接字 {socket}（LISTEN_FDS），但 `listen` 中没有这个地址。请在配置和 .socket 单元中写相同的地址"
        )))
    }
}
