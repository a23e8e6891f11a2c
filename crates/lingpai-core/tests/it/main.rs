//! The rules of the engine, each as a test with the rule's name.
//!
//! - `machine`: a [`lingpai_core::rotation::Rotation`] with a clock to turn and an upstream to play.
//! - `rules`, `turns`, `reports`: what the machine decides, rule by rule; `edges`: its corners.
//! - `given`: tokens that are not fetched but given, pushed ones among them, and those that are given once.
//! - `properties`: what holds whatever happens, over random histories.
//! - `keeper`: the asynchronous shell, on a paused clock.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod asking;
mod durations;
mod edges;
mod forgetting;
mod given;
mod keeper;
mod keeping;
mod kinds;
mod leak;
mod machine;
mod properties;
mod reports;
mod rules;
mod turns;
