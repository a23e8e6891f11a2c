//! What the operating system allows this process: as many connections as it may have.

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
