//! The PROXY protocol, versions 1 and 2: a proxy that does not speak HTTP says before a connection begins for whom it
//! stands. <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::Patient;

/// What version 2 begins with (section 2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its end (section 2.1).
const LONGEST_LINE: usize = 107;

/// Reads the header that a proxy must send: the client's address, or none if the proxy speaks for itself (a health check)
/// or of a client that has no IP address.
///
/// # Errors
/// If there is no such header, or it is broken: the connection is of no use.
pub(crate) async fn stated_client(stream: &mut Patient) -> io::Result<Option<IpAddr>> {
    let client = if stream.begins_with(SIGNATURE).await? {
        binary(stream).await
    } else {
        text(stream).await
    };
    client.map(|client| client.map(|address| address.to_canonical()))
}

/// Version 1: `PROXY TCP4 203.0.113.7 10.0.0.1 56324 443`, or `PROXY UNKNOWN` and whatever.
async fn text(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    // Byte by byte, since what follows belongs to somebody else.
    let mut line = Vec::with_capacity(LONGEST_LINE);
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST_LINE {
            return Err(broken());
        }
        line.push(stream.read_u8().await?);
    }
    let line = std::str::from_utf8(&line).map_err(|_| broken())?;
    let mut words = line.trim_end().split(' ');
    if words.next() != Some("PROXY") {
        return Err(broken());
    }
    let family = words.next();
    let is_of_family = |address: &IpAddr| match family {
        Some("TCP4") => address.is_ipv4(),
        Some("TCP6") => address.is_ipv6(),
        _ => false,
    };
    match family {
        Some("UNKNOWN") => Ok(None),
        _ => {
            let client = words.next().and_then(|word| word.parse().ok()).filter(is_of_family);
            client.map(Some).ok_or_else(broken)
        }
    }
}

/// Version 2, all of it binary.
async fn binary(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    stream.read_exact(&mut [0; SIGNATURE.len()]).await?;
    let [version_and_command, family, high, low] = {
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        head
    };
    let length = u64::from(u16::from_be_bytes([high, low]));
    let is_proxied = match version_and_command {
        0x20 => false, // LOCAL: the proxy itself.
        0x21 => true,
        _ => return Err(broken()),
    };
    let mut rest = stream.take(length);
    let client = match family >> 4 {
        1 if is_proxied => Some(IpAddr::from(bytes::<4>(&mut rest).await?)),
        2 if is_proxied => Some(IpAddr::from(bytes::<16>(&mut rest).await?)),
        _ => None, // Unix sockets and the like.
    };
    // The other address, the ports, and what else the proxy knows.
    let left = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    left.and_then(|_| if rest.limit() == 0 { Ok(client) } else { Err(broken()) })
}

async fn bytes<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no PROXY header, or a broken one")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::proptest;
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// What is understood of a header, if anything, and what follows it.
    async fn read(header: &[u8]) -> Result<(Option<IpAddr>, String), io::Error> {
        let (mut proxy, server) = tokio::io::duplex(1024);
        let mut stream = Patient::new(Box::new(server), Duration::from_secs(1));
        proxy.write_all(header).await.unwrap();
        proxy.write_all(b"GET /").await.unwrap();
        drop(proxy);
        let client = stated_client(&mut stream).await?;
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await?;
        Ok((client, rest))
    }

    fn version_2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u16).to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, payload].concat()
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_read_on_for_ever(
            which in 0..3_u8,
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        ) {
            let beginning: &[u8] = [&b""[..], b"PROXY TCP", SIGNATURE][usize::from(which)];
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let _ = runtime.unwrap().block_on(read(&[beginning, &bytes].concat()));
        }
    }

    #[tokio::test]
    async fn both_versions_tell_the_client_and_nothing_after_them_is_lost() {
        let four = [203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x34, 1, 0xbb];
        let mut six = [0; 36];
        six[..2].copy_from_slice(&[0x20, 0x01]);
        six[15] = 9;
        let with_more = [four.as_slice(), &[3, 0, 4, 1, 2, 3, 4]].concat();
        for (header, client) in [
            (b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n".to_vec(), Some("203.0.113.7")),
            (b"PROXY TCP6 2001::9 ::1 56324 443\r\n".to_vec(), Some("2001::9")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ff::1 ff::2 1 2\r\n".to_vec(), None),
            (version_2(0x21, 0x11, &four), Some("203.0.113.7")),
            (version_2(0x21, 0x21, &six), Some("2001::9")),
            (version_2(0x21, 0x11, &with_more), Some("203.0.113.7")),
            (version_2(0x20, 0x11, &four), None),
            (version_2(0x20, 0, &[]), None),
            (version_2(0x21, 0x31, &[0; 216]), None),
        ] {
            let client = client.map(|text| text.parse().unwrap());
            let shown = String::from_utf8_lossy(&header).into_owned();
            assert_eq!(read(&header).await.unwrap(), (client, "GET /".to_owned()), "{shown}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        for header in [
            b"".to_vec(),
            b"POST / HTTP/1.1\r\n".to_vec(),
            b"PROXY TCP4 2001::9 ::1 56324 443\r\n".to_vec(),
            b"PROXY TCP4 here 10.0.0.1 56324 443\r\n".to_vec(),
            b"PROXY \r\n".to_vec(),
            [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(),
            version_2(0x31, 0x11, &[0; 12]),
            version_2(0x22, 0x11, &[0; 12]),
            version_2(0x21, 0x11, &[0; 3]),
            SIGNATURE.to_vec(),
        ] {
            let shown = String::from_utf8_lossy(&header).into_owned();
            assert!(read(&header).await.is_err(), "{shown}");
        }
    }
}
