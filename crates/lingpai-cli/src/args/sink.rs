//! What can be typed about sinks.

use clap::Subcommand;

use super::Asked;

#[derive(Debug, Subcommand)]
pub(crate) enum Sink {
    /// List the sinks of a running server, and how they stand
    List {
        #[command(flatten)]
        asked: Asked,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Find out whether a token could be put there, and put none there
    Test {
        /// The sink's name
        name: String,
        #[command(flatten)]
        asked: Asked,
    },
    /// Deliver the current token now
    Sync {
        /// The sink's name
        name: String,
        #[command(flatten)]
        asked: Asked,
    },
}
