//! Pushes that are under way or were a moment ago.
//!
//! WeChat sends a push again after 5 s without an answer, twice. All three share one outcome. What comes later than that, or
//! with a signature that was another push's, is somebody's replay.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lingpai_core::{AccountId, Instant};
use lingpai_wechat::push::Refused;
use tokio::sync::watch;

/// For how long WeChat repeats a push: three tries of 5 s, and the way.
const REPEATED: Duration = Duration::from_secs(30);

/// For how long a signature is remembered: twice the window of its time, after which it is refused anyway.
const REMEMBERED: Duration = Duration::from_mins(10);

/// How many signatures are remembered. Only WeChat's own are.
const MOST: usize = 200_000;

/// What WeChat is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// This, of this type.
    Answer(&'static str, Bytes),
    /// The push could not be made durable: WeChat is to send it again.
    NotTaken,
}

/// Where an outcome will be.
pub(super) type Awaited = watch::Receiver<Option<Outcome>>;

/// What is to be done about a push.
pub(super) enum Turn {
    /// It is the first: deal with it, and tell.
    First(watch::Sender<Option<Outcome>>, Awaited),
    /// It has come before: wait for what comes of that.
    Again(Awaited),
}

pub(super) struct Flights(Mutex<Known>);

struct Known {
    /// How many signatures are remembered.
    most: usize,
    /// Of which push each signature was, and when it came first.
    signatures: HashMap<Signature, (String, Instant)>,
    in_order: VecDeque<(Instant, Signature)>,
    flights: HashMap<Flight, (Instant, Awaited)>,
    /// When each began. One that was begun anew stands there twice.
    begun: VecDeque<(Instant, Flight)>,
}

/// Whose, and which push.
type Flight = (AccountId, String);

/// Whose, its time and nonce, and itself.
pub(super) type Signature = (AccountId, String);

impl Default for Flights {
    fn default() -> Self {
        Self::remembering(MOST)
    }
}

impl Flights {
    fn remembering(most: usize) -> Self {
        Self(Mutex::new(Known {
            most,
            signatures: HashMap::new(),
            in_order: VecDeque::new(),
            flights: HashMap::new(),
            begun: VecDeque::new(),
        }))
    }

    /// Whether a push that was believed is the first of its kind. `identity` says which it is.
    pub(super) fn turn(
        &self,
        signature: Signature,
        identity: String,
        now: Instant,
    ) -> Result<Turn, Refused> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.forget(now);
        match known.signatures.get(&signature) {
            Some((of, at)) if *of != identity || now.since(*at) > REPEATED => return Err(Refused),
            Some(_) => {}
            None => {
                known.signatures.insert(signature.clone(), (identity.clone(), now));
                known.in_order.push_back((now, signature.clone()));
            }
        }
        let flight = (signature.0, identity);
        if let Some((_, awaited)) = known.flights.get(&flight)
            && !has_failed(awaited)
        {
            return Ok(Turn::Again(awaited.clone()));
        }
        let (teller, awaited) = watch::channel(None);
        known.flights.insert(flight.clone(), (now, awaited.clone()));
        known.begun.push_back((now, flight));
        Ok(Turn::First(teller, awaited))
    }
}

/// Whether the next one should try again: it was not taken, or whoever dealt with it has gone.
fn has_failed(awaited: &Awaited) -> bool {
    match &*awaited.borrow() {
        Some(outcome) => *outcome == Outcome::NotTaken,
        None => awaited.has_changed().is_err(),
    }
}

impl Known {
    fn forget(&mut self, now: Instant) {
        let is_over = |at: Instant| now.since(at) > REMEMBERED;
        while let Some((at, _)) = self.in_order.front()
            && (is_over(*at) || self.in_order.len() > self.most)
        {
            if let Some((_, signature)) = self.in_order.pop_front() {
                self.signatures.remove(&signature);
            }
        }
        while let Some((at, _)) = self.begun.front()
            && now.since(*at) > REPEATED
        {
            let Some((at, flight)) = self.begun.pop_front() else { break };
            if self.flights.get(&flight).is_some_and(|(begun, _)| *begun == at) {
                self.flights.remove(&flight);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn turn(flights: &Flights, signature: &str, identity: &str, now: u64) -> Result<Turn, Refused> {
        let signature = ("wx1".parse().unwrap(), signature.to_owned());
        flights.turn(signature, identity.to_owned(), at(now))
    }

    fn done() -> Outcome {
        Outcome::Answer("text/plain", Bytes::from_static(b"success"))
    }

    #[test]
    fn a_push_that_is_repeated_shares_the_outcome_of_the_first() {
        let flights = Flights::default();
        let Ok(Turn::First(teller, _)) = turn(&flights, "s1", "m1", 0) else { panic!("not first") };
        let Ok(Turn::Again(same)) = turn(&flights, "s1", "m1", 5) else { panic!("not again") };
        let Ok(Turn::Again(resigned)) = turn(&flights, "s2", "m1", 10) else { panic!("not again") };
        teller.send_replace(Some(done()));
        assert_eq!(*same.borrow(), Some(done()));
        assert_eq!(*resigned.borrow(), Some(done()));
        assert!(matches!(turn(&flights, "s3", "m2", 10), Ok(Turn::First(..))));
    }

    #[test]
    fn a_signature_that_comes_late_or_for_another_push_is_a_replay() {
        let flights = Flights::default();
        let _first = turn(&flights, "s1", "m1", 0);
        assert!(turn(&flights, "s1", "m2", 1).is_err());
        assert!(turn(&flights, "s1", "m1", 30).is_ok());
        assert!(turn(&flights, "s1", "m1", 31).is_err());
        assert!(turn(&flights, "s1", "m1", 600).is_err());
    }

    #[test]
    fn what_was_not_taken_is_tried_by_the_next() {
        let flights = Flights::default();
        let Ok(Turn::First(teller, _)) = turn(&flights, "s1", "m1", 0) else { panic!("not first") };
        teller.send_replace(Some(Outcome::NotTaken));
        let Ok(Turn::First(teller, _)) = turn(&flights, "s1", "m1", 5) else { panic!("not first") };
        drop(teller);
        assert!(matches!(turn(&flights, "s1", "m1", 10), Ok(Turn::First(..))));
    }

    #[test]
    fn no_number_of_pushes_takes_all_memory() {
        let flights = Flights::remembering(1000);
        for number in 0..5000 {
            let now = number / 10;
            let _ = turn(&flights, &format!("s{number}"), &format!("m{number}"), now);
        }
        let known = flights.0.lock().unwrap();
        assert!(known.signatures.len() <= 1001 && known.in_order.len() <= 1001);
        assert!(known.flights.len() <= 310 && known.begun.len() <= 310);
    }
}
