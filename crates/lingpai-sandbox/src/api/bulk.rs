//! Two calls that WeChat does not have, for programs that carry large bodies: any number of bytes
//! up, counted and summed while they arrive, and any number down. Nobody holds them in memory.

use flate2::Crc;
use serde_json::json;

use super::Served;
use crate::{World, outcome::Success, refusal::Refusal, world::Call};

pub(crate) const UPLOAD_PATH: &str = "/bulk/upload";
pub(super) const DOWNLOAD_PATH: &str = "/bulk/download";

/// The bytes from 0 to 250, over and over: a length that divides no buffer, so that a piece which
/// is lost, doubled or shifted shows.
const PATTERN: [u8; 251] = {
    let mut pattern = [0; 251];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = at as u8;
        at += 1;
    }
    pattern
};
/// So many patterns are one piece on the wire.
const PIECE: usize = 256;

/// Measures a body while it arrives.
#[derive(Default)]
pub(crate) struct Meter {
    bytes: u64,
    crc: Crc,
}

impl Meter {
    pub(crate) fn add(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.crc.update(piece);
    }

    pub(crate) fn measured(&self) -> Measured {
        Measured { bytes: self.bytes, crc32: self.crc.sum() }
    }
}

/// What was measured of a body that is not kept. It travels in the extensions of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    bytes: u64,
    crc32: u32,
}

/// POST `/bulk/upload`.
pub(super) fn upload(_: &mut World, call: &Call<'_>, _: &str) -> Served {
    let measured = call.request.extensions().get::<Measured>().copied();
    let Measured { bytes, crc32 } = measured.unwrap_or_else(|| {
        let mut meter = Meter::default();
        meter.add(call.request.body());
        meter.measured()
    });
    let crc32 = format!("{crc32:08x}");
    Ok(Success::Json(json!({"errcode": 0, "errmsg": "ok", "bytes": bytes, "crc32": crc32})))
}

/// GET `/bulk/download?bytes=1048576`.
pub(super) fn download(_: &mut World, call: &Call<'_>, _: &str) -> Served {
    let bytes = call.query.value("bytes").and_then(|bytes| bytes.parse().ok());
    let bytes = bytes.ok_or(Refusal::INVALID_SIZE)?;
    Ok(Success::Repeated { piece: PATTERN.repeat(PIECE).into(), bytes })
}
