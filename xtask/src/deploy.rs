//! What is shipped for containers and clusters: the chart as Helm renders it, the manifests, `compose.yaml`, the Dockerfile.
//!
//! No engine and no cluster is asked. What must hold of each is in `deploy/check.py`; that the configurations in them are read by
//! the program is a test of its (`lingpai-cli/tests/cli/config.rs`).

use crate::process::{command, run};
use crate::{Outcome, programs};

/// Holds all of it against our own rules, and the Dockerfile against hadolint's.
///
/// # Errors
/// The first that does not hold; or what could not be installed.
pub(crate) fn check() -> Outcome {
    programs::ensure(programs::FOR_DEPLOY)?;
    let python = programs::file("deploy", "bin/python")?;
    run(command(&python.to_string_lossy()).arg("xtask/src/deploy/check.py"))?;
    let hadolint = programs::file("deploy", "bin/hadolint")?;
    run(command(&hadolint.to_string_lossy()).arg("deploy/container/Dockerfile"))
}
