//! What the operating system allows this process: as many connections as it may have, and nobody to read its memory.

/// Raises the limit on open files as far as this process may, since every connection is one. Services are often started
/// with a limit of 1024.
pub(crate) fn allow_many_connections() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = getrlimit(Resource::Nofile);
        let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if limit.current != limit.maximum
            && let Err(error) = setrlimit(Resource::Nofile, wanted)
        {
            tracing::debug!(%error, "the limit on open files stays as it is");
        }
    }
}

/// Keeps the secrets in this process's memory out of core dumps, and the memory from other programs of the same user.
pub(crate) fn keep_memory_private() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};

        let none = Rlimit { current: Some(0), maximum: Some(0) };
        if let Err(error) = setrlimit(Resource::Core, none) {
            tracing::warn!(%error, "core dumps cannot be turned off; one would hold secrets");
        }
    }
    // A limit of 0 does not stop a kernel that pipes dumps into a program.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::debug!(%error, "the memory of this process may be read by its user");
        }
    }
}
