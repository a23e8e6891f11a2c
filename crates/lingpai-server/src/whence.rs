//! Whence clients call stands in the audit trail, so it is told to those only who may read that: by events, and by the doctor.

use lingpai_core::Timestamp;
use lingpai_core::client::{ApiKey, Right};

use crate::serving::{Caller, Serving};

/// Whether this caller may be told.
pub(crate) async fn is_told_to(serving: &Serving, caller: Caller<'_>) -> bool {
    serving.admit_somewhere(caller, RIGHT).await.is_ok()
}

/// Whether the holder of this key may be told now, wherever it is used.
pub(crate) fn is_told_by(key: &ApiKey, now: Timestamp) -> bool {
    key.allows_somewhere(RIGHT, now).is_ok()
}

const RIGHT: Right = Right::Admin;
