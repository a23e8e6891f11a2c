//! The little of `multipart/form-data` (RFC 7578) that an upload needs: one part, found by its
//! name.

use bytes::Bytes;

pub(super) struct Part {
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

/// The part of this name, if the body is well formed up to its end.
pub(super) fn part(content_type: &str, body: &Bytes, name: &str) -> Option<Part> {
    let (_, boundary) = content_type.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    let delimiter = format!("--{boundary}");
    let mut at = find(body, delimiter.as_bytes(), 0)? + delimiter.len();
    loop {
        let head_end = find(body, b"\r\n\r\n", at)?;
        let head = String::from_utf8_lossy(&body[at..head_end]).into_owned();
        let start = head_end + 4;
        let end = find(body, format!("\r\n{delimiter}").as_bytes(), start)?;
        let wanted = format!("name=\"{name}\"");
        if head.split([';', '\r', '\n']).any(|word| word.trim() == wanted) {
            return Some(Part {
                content_type: declared_type(&head),
                bytes: body.slice(start..end),
            });
        }
        at = end + 2 + delimiter.len();
    }
}

fn declared_type(head: &str) -> String {
    let header = head.lines().filter_map(|line| line.split_once(':'));
    let mut types = header.filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let declared = types.next().map(|(_, value)| value.trim().to_owned());
    declared.unwrap_or_else(|| "application/octet-stream".to_owned())
}

fn find(body: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    body.get(from..)?.windows(needle.len()).position(|window| window == needle).map(|at| from + at)
}
