//! Plain HTTP to processes of ours on loopback.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Response {
    /// Whether the status is 200.
    pub(crate) fn is_ok(&self) -> bool {
        self.status == 200
    }
}

/// Asks for a path without a body, with as much patience as loopback needs.
pub(crate) fn request(method: &str, port: u16, path: &str) -> Result<Response> {
    request_within(TIMEOUT, method, port, path)
}

/// Asks for a path without a body.
pub(crate) fn request_within(
    timeout: Duration,
    method: &str,
    port: u16,
    path: &str,
) -> Result<Response> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    // By 1.0 the answer comes in one piece, and ends with the connection.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, "no HTTP answer"))
}

fn parse(answer: &str) -> Option<Response> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some(Response {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_told_apart() {
        let response = parse("HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nno\r\n\r\nmore").expect("one");
        assert_eq!(response.status, 404);
        assert!(!response.is_ok());
        assert_eq!(response.body, "no\r\n\r\nmore");
        assert!(parse("HTTP/1.0 200 OK").is_none());
    }
}
