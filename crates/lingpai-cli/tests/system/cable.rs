//! A cable between a node and a Redis, that can be cut, slowed down, blocked, and plugged in elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It arrives.
    Free,
    /// It waits, and no answer comes: a partition that drops packets.
    Blocked,
    /// Connections are refused.
    Refused,
}

/// A TCP proxy on a port of its own.
pub(crate) struct Cable {
    pub(crate) port: u16,
    inside: Arc<Inside>,
}

struct Inside {
    target: AtomicU16,
    delay: AtomicU64,
    passage: watch::Sender<Passage>,
    /// Grows with each cut.
    cuts: watch::Sender<u64>,
}

impl Cable {
    /// To this port of the loopback.
    pub(crate) async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let inside = Arc::new(Inside {
            target: AtomicU16::new(target),
            delay: AtomicU64::new(0),
            passage: watch::Sender::new(Passage::Free),
            cuts: watch::Sender::new(0),
        });
        let for_all = Arc::clone(&inside);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let inside = Arc::clone(&for_all);
                tokio::spawn(async move { inside.carry(near).await });
            }
        });
        Self { port, inside }
    }

    /// Ends every connection; new ones can be made.
    pub(crate) fn cut(&self) {
        self.inside.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Lets through, or not.
    pub(crate) fn set(&self, passage: Passage) {
        self.inside.passage.send_replace(passage);
        if passage == Passage::Refused {
            self.cut();
        }
    }

    /// Everything takes this much longer, each way.
    pub(crate) fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap();
        self.inside.delay.store(millis, Ordering::Relaxed);
    }

    /// Leads to this port from now on.
    pub(crate) fn plug_into(&self, target: u16) {
        self.inside.target.store(target, Ordering::Relaxed);
        self.cut();
    }
}

impl Inside {
    async fn carry(&self, mut near: TcpStream) {
        let mut cuts = self.cuts.subscribe();
        if *self.passage.borrow() == Passage::Refused {
            return;
        }
        let target = self.target.load(Ordering::Relaxed);
        let Ok(mut far) = TcpStream::connect(("127.0.0.1", target)).await else { return };
        let (mut from_near, mut to_near) = near.split();
        let (mut from_far, mut to_far) = far.split();
        tokio::select! {
            () = self.pump(&mut from_near, &mut to_far) => {}
            () = self.pump(&mut from_far, &mut to_near) => {}
            _ = cuts.changed() => {}
        }
    }

    async fn pump(
        &self,
        from: &mut (impl AsyncReadExt + Unpin),
        to: &mut (impl AsyncWriteExt + Unpin),
    ) {
        let mut passage = self.passage.subscribe();
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            sleep(Duration::from_millis(self.delay.load(Ordering::Relaxed))).await;
            let free = passage.wait_for(|passage| *passage != Passage::Blocked).await.is_ok();
            if !free || to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    }
}
