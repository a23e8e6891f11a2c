//! Just enough DER to find the RSA public key in a certificate (X.509) or a public key (SPKI): what `ring` verifies with.

/// Tags of the types that lie on the way.
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const VERSION: u8 = 0xa0;
/// 1.2.840.113549.1.1.1, rsaEncryption.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// The key in a certificate, whose own signature and dates count for nothing: it is trusted because somebody configured it.
pub(super) fn key_of_certificate(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = of(SEQUENCE, der)?;
    let (mut fields, _) = of(SEQUENCE, certificate)?;
    if let Some((_, rest)) = of(VERSION, fields) {
        fields = rest;
    }
    // The serial number, the algorithm, the issuer, the dates and the subject come first.
    for _ in 0..5 {
        fields = any(fields)?.2;
    }
    key_of_spki(fields)
}

/// The key in a SubjectPublicKeyInfo.
pub(super) fn key_of_spki(der: &[u8]) -> Option<&[u8]> {
    let (info, _) = of(SEQUENCE, der)?;
    let (algorithm, rest) = of(SEQUENCE, info)?;
    let (identifier, _) = of(OBJECT_IDENTIFIER, algorithm)?;
    let (bits, _) = of(BIT_STRING, rest)?;
    // The first byte says how many bits of the last one do not count.
    bits.strip_prefix(&[0]).filter(|_| identifier == RSA)
}

fn of(wanted: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = any(der)?;
    (tag == wanted).then_some((content, rest))
}

/// The tag and the content of what comes first, and what comes after it.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
