//! Until when a certificate is good: the one thing that is read out of it here (RFC 5280, section 4.1).

use std::time::Duration;

use lingpai_core::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate in DER ends; none if that cannot be read.
pub(super) fn ends_at(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(der, SEQUENCE)?;
    let (_, mut rest, _) = element(certificate, SEQUENCE)?;
    // The version may be left out; the serial number, the algorithm and the issuer stand before the validity.
    if rest.first() == Some(&VERSION) {
        rest = any(rest)?.2;
    }
    for _ in 0..3 {
        rest = any(rest)?.2;
    }
    let (_, validity, _) = element(rest, SEQUENCE)?;
    let (tag, end, _) = any(any(validity)?.2)?;
    let text = std::str::from_utf8(end).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<u32>().ok();
    let (month, day) = (i64::from(part(0)?), i64::from(part(2)?));
    let of_day = u64::from(part(4)? * 3600 + part(6)? * 60 + part(8)?);
    Some(Timestamp::from_civil(year, month, day) + Duration::from_secs(of_day))
}

/// The first element, which must have this tag: its tag, its content, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(u8, &[u8], &[u8])> {
    any(der).filter(|(found, ..)| *found == tag)
}

/// The first element, whatever it is.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (bytes, after) =
            rest.split_at_checked(usize::from(first & 0x7F)).filter(|it| it.0.len() <= 4)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_when_it_ends() {
        let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        for (year, seconds) in [(2031, 1_924_992_000), (2051, 2_556_144_000)] {
            wanted.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = wanted.self_signed(&key).unwrap();
            let end = ends_at(certificate.der()).unwrap();
            assert_eq!(end.as_seconds(), seconds, "{year}");
            for cut in 0..certificate.der().len().min(150) {
                let _ = ends_at(&certificate.der()[..cut]);
            }
        }
    }
}
