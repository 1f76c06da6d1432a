//! The program as a process, beside an API server.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;

use serde_json::Value;

use super::read_log;

/// It ends with the test, however that ends.
pub(crate) struct Program(pub(crate) Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    /// Starts it as what guards an application cluster: where it takes reviews and tells metrics, and what else it is
    /// told. Returns its log, too.
    pub(crate) fn guard([reviews, metrics]: [u16; 2], more: &[String]) -> (Self, Receiver<Value>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_basphere-webhook"));
        command
            .args([
                "serve",
                "--profile=workload",
                "--self-signed",
                "--drain-timeout=5s",
            ])
            .arg(format!("--listen=127.0.0.1:{reviews}"))
            .arg(format!("--metrics-listen=127.0.0.1:{metrics}"))
            .arg(format!("--register-url=https://127.0.0.1:{reviews}"))
            .args(more);
        let mut child = Self(command.stderr(Stdio::piped()).spawn().unwrap());
        let log = read_log(&mut child.0);
        (child, log)
    }
}

/// A port for reviews and one for metrics.
pub(crate) fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// What it tells in the clear under a path.
pub(crate) fn told(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
