//! The tasks that must not be lost at the end of a process: each is counted, and the end waits for them.

use tokio::sync::watch;

/// A counter of running tasks that can be waited on.
#[derive(Debug)]
pub(crate) struct Tasks {
    running: watch::Sender<usize>,
}

impl Tasks {
    /// Runs a future as a task of its own.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let counted = Counted::new(self.running.clone());
        tokio::spawn(async move {
            task.await;
            drop(counted);
        });
    }

    /// Waits until no task runs.
    pub(crate) async fn finish(&self) {
        // Cannot fail: the sender is here.
        let _ = self.running.subscribe().wait_for(|running| *running == 0).await;
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self { running: watch::Sender::new(0) }
    }
}

/// Counts one task for as long as it lives, a panic included.
struct Counted(watch::Sender<usize>);

impl Counted {
    fn new(running: watch::Sender<usize>) -> Self {
        running.send_modify(|count| *count += 1);
        Self(running)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
