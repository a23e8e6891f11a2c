//! A server in a process of its own, on a core of its own, and what it uses.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::thread::CpuSet;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// The core for whoever is measured. The client has the next.
const MEASURED: usize = 0;

/// A running server; it ends with this value.
pub(crate) struct Process {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Process {
    /// Starts `command` on the core for whoever is measured, and waits until it listens on `addr`.
    pub(crate) fn measured(command: &Command, addr: SocketAddr) -> Self {
        let mut pinned = Command::new("taskset");
        pinned.args(["--cpu-list", &MEASURED.to_string()]).arg(command.get_program());
        pinned.args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            pinned.current_dir(folder);
        }
        Self::start(pinned, addr)
    }

    /// Starts `command`, and waits until it listens on `addr`.
    pub(crate) fn start(mut command: Command, addr: SocketAddr) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let process = Self { child, addr };
        let start = Instant::now();
        while TcpStream::connect(addr).is_err() {
            assert!(start.elapsed() < PATIENCE, "{command:?} does not listen on {addr}");
            sleep(Duration::from_micros(200));
        }
        process
    }

    /// The CPU time that its threads have used, their own and the kernel's for them.
    pub(crate) fn cpu(&self) -> Duration {
        let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
            // In nanoseconds; /proc/PID/stat has hundredths of a second.
            let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
            Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
        };
        std::fs::read_dir(self.proc("task")).unwrap().map(of_thread).sum()
    }

    /// Its resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that was ever resident, in bytes.
    pub(crate) fn most_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(file)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts the calling thread, the client, on the core beside the measured one.
///
/// # Panics
/// On a machine with one core, where nothing can be measured.
pub(crate) fn move_beside() {
    let mut beside = CpuSet::new();
    beside.set(MEASURED + 1);
    rustix::thread::sched_setaffinity(None, &beside).expect("two cores are needed");
}

/// An address on which nobody listens.
pub(crate) fn free_addr() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
