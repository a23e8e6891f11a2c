//! Sockets that listen.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpSocket};

use super::{Address, Stream};

/// How many connections the kernel may have taken that we have not: a fleet that starts at once comes at once.
const BACKLOG: u32 = 4096;

/// A socket that a supervisor has opened before this process was started, and keeps when it ends: nobody is refused in
/// between.
#[derive(Debug)]
pub enum Inherited {
    /// For TCP.
    Tcp(std::net::TcpListener),
    /// With a file, which is the supervisor's.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl Inherited {
    /// Whether it is the one for this address.
    pub fn is_on(&self, address: &Address) -> bool {
        match (self, address) {
            (Self::Tcp(listener), Address::Http(addr) | Address::Https(addr)) => {
                listener.local_addr().is_ok_and(|bound| bound == *addr)
            }
            #[cfg(unix)]
            (Self::Unix(listener), Address::Unix(path)) => {
                unix::path_of(listener).is_some_and(|bound| unix::is_same(&bound, path))
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Inherited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(addr) => addr.fmt(f),
                Err(error) => error.fmt(f),
            },
            #[cfg(unix)]
            Self::Unix(listener) => match unix::path_of(listener) {
                Some(path) => write!(f, "unix:{}", path.display()),
                None => f.write_str("unix:"),
            },
        }
    }
}

/// One socket.
pub(super) enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(unix::Socket),
}

impl Socket {
    pub(super) async fn open(address: &Address) -> io::Result<Self> {
        match address {
            Address::Http(addr) | Address::Https(addr) => tcp(*addr).map(Self::Tcp),
            #[cfg(unix)]
            Address::Unix(path) => unix::Socket::open(path).await.map(Self::Unix),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Takes over one that somebody else has opened. Must be called within a Tokio runtime.
    pub(super) fn inherit(inherited: Inherited) -> io::Result<Self> {
        match inherited {
            Inherited::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::Tcp)
            }
            #[cfg(unix)]
            Inherited::Unix(listener) => unix::Socket::inherit(listener).map(Self::Unix),
        }
    }

    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    pub(super) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, IpAddr)>> {
        match self {
            Self::Tcp(listener) => listener.poll_accept(cx).map_ok(|(stream, peer)| {
                // Without it a pipelining client waits 40 ms for each answer. It fails only on a connection that is gone.
                let _ = stream.set_nodelay(true);
                // A listener on `[::]` sees IPv4 in the form of IPv6.
                (Box::new(stream) as Box<dyn Stream>, peer.ip().to_canonical())
            }),
            #[cfg(unix)]
            Self::Unix(socket) => socket.poll_accept(cx),
        }
    }
}

impl From<TcpListener> for Socket {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

/// Like [`TcpListener::bind`], with a longer queue.
fn tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a server that has just ended does not hold the port. Elsewhere it would let two servers share it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, Metadata, Permissions};
    use std::io;
    use std::net::{IpAddr, Ipv4Addr};
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};
    use std::task::{Context, Poll};

    use tokio::net::{UnixListener, UnixSocket, UnixStream};

    use super::{BACKLOG, Stream};

    /// For the owner and the group.
    const MODE: u32 = 0o660;

    /// A Unix socket and its file.
    pub(in crate::listen) struct Socket {
        // Before the listener: who comes until it is closed is still let in. None of an inherited one.
        file: Option<SocketFile>,
        listener: UnixListener,
    }

    /// A file that goes when this does, if it is still the same.
    struct SocketFile {
        path: PathBuf,
        identity: (u64, u64),
    }

    impl Socket {
        pub(super) async fn open(path: &Path) -> io::Result<Self> {
            is_free(path).await?;
            // Made beside its place and moved there: it is never there with another mode, and never not there.
            let mut beside = path.as_os_str().to_owned();
            beside.push(format!(".{}", std::process::id()));
            let beside = PathBuf::from(beside);
            let _ = fs::remove_file(&beside); // Left by a process of the same number that was killed just here.
            let socket = UnixSocket::new_stream()?;
            socket.bind(&beside)?;
            let file = SocketFile::of(&beside)?;
            fs::set_permissions(&beside, Permissions::from_mode(MODE))?;
            let listener = socket.listen(BACKLOG)?;
            fs::rename(&beside, path)?;
            let file = Some(file.moved_to(path));
            Ok(Self { file, listener })
        }

        pub(super) fn inherit(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
            listener.set_nonblocking(true)?;
            Ok(Self { file: None, listener: UnixListener::from_std(listener)? })
        }

        pub(super) fn poll_accept(
            &self,
            cx: &mut Context<'_>,
        ) -> Poll<io::Result<(Box<dyn Stream>, IpAddr)>> {
            let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let accepted = self.listener.poll_accept(cx);
            accepted.map_ok(|(stream, _)| (Box::new(stream) as Box<dyn Stream>, here))
        }
    }

    impl std::fmt::Debug for Socket {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_tuple("Socket").field(&self.file.as_ref().map(|file| &file.path)).finish()
        }
    }

    /// Where it listens, if that is a file.
    pub(super) fn path_of(listener: &std::os::unix::net::UnixListener) -> Option<PathBuf> {
        listener.local_addr().ok()?.as_pathname().map(Path::to_owned)
    }

    /// Whether both name one file. A configuration may name it from where the process was started.
    pub(super) fn is_same(one: &Path, other: &Path) -> bool {
        let file = |path: &Path| fs::canonicalize(path).ok();
        one == other || file(one).is_some_and(|one| file(other) == Some(one))
    }

    /// Whether there is nothing at this path but, at most, a socket that nobody listens on.
    async fn is_free(path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            Ok(file) if !file.file_type().is_socket() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Ok(_) => {}
        }
        match UnixStream::connect(path).await {
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(()),
                io::ErrorKind::PermissionDenied => Err(error),
                _ => Err(io::ErrorKind::AddrInUse.into()), // Its queue is full.
            },
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        }
    }

    impl SocketFile {
        fn of(path: &Path) -> io::Result<Self> {
            Ok(Self { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?) })
        }

        fn moved_to(mut self, path: &Path) -> Self {
            path.clone_into(&mut self.path);
            self
        }
    }

    impl Drop for SocketFile {
        fn drop(&mut self) {
            let is_ours =
                fs::symlink_metadata(&self.path).is_ok_and(|file| identity(&file) == self.identity);
            if is_ours {
                let _ = fs::remove_file(&self.path); // Whoever comes next finds it without a listener, and replaces it.
            }
        }
    }

    fn identity(file: &Metadata) -> (u64, u64) {
        (file.dev(), file.ino())
    }
}
