//! The reference implementations of policies: Gatekeeper's gator, and a small program that asks Gatekeeper's own code.
//!
//! What Basphere says of a policy is compared with what they say, so that nobody has to remember what is right.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::go::{Module, Tool, module};
use crate::progress::Progress;

const MODULE: Module = module!(
    "gator",
    "-s -w",
    "oracle/main.go",
    "oracle/rego.go",
    "oracle/gatekeeper.go"
);

const GATOR: Tool = Tool {
    name: "gator",
    package: "github.com/open-policy-agent/gatekeeper/v3/cmd/gator",
    cost: "three minutes",
};

const ORACLE: Tool = Tool {
    name: "oracle",
    package: "./oracle",
    cost: "three minutes, or seconds after gator",
};

/// The path of gator, Gatekeeper's tool for policies in files.
///
/// # Errors
/// When it cannot be built.
pub fn gator(progress: Progress) -> Result<PathBuf> {
    Ok(MODULE.build(&[GATOR], progress)?.join(GATOR.name))
}

/// The path of the program behind [`Oracle`], which reads requests as lines of JSON and writes as many answers.
///
/// # Errors
/// When it cannot be built.
pub fn oracle(progress: Progress) -> Result<PathBuf> {
    Ok(MODULE.build(&[ORACLE], progress)?.join(ORACLE.name))
}

/// What Gatekeeper and OPA say, asked as often as wanted for a millisecond or two each.
///
/// Requests and answers are described in `go/gator/oracle`. It can be shared by threads, whose requests take turns.
#[derive(Debug)]
pub struct Oracle {
    /// It needs no watchdog: it ends with its standard input, which the kernel closes when we are gone.
    process: Mutex<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts it, and builds it first where it is missing.
    ///
    /// # Errors
    /// When it cannot be built or started.
    pub fn start(progress: Progress) -> Result<Self> {
        let mut child = Command::new(oracle(progress)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the oracle")?;
        let requests = child.stdin.take().context("the oracle reads no pipe")?;
        let answers = child.stdout.take().context("the oracle writes no pipe")?;
        let process = Process {
            child,
            requests,
            answers: BufReader::new(answers),
        };
        Ok(Self {
            process: Mutex::new(process),
        })
    }

    /// Its answer, which may be `{"error": …, "message": …}` where Gatekeeper or OPA end in an error.
    ///
    /// # Errors
    /// When it does not understand the request, or has ended: it is never started again.
    pub fn ask(&self, request: &Value) -> Result<Value> {
        // Nothing panics between a request and its answer, so the next answer is never that of an older request.
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = process.ask(request)?;
        if answer.get("error").is_some_and(|stage| stage == "request") {
            bail!("the oracle does not understand {request}: {answer}");
        }
        Ok(answer)
    }
}

impl Process {
    fn ask(&mut self, request: &Value) -> Result<Value> {
        let written = writeln!(self.requests, "{request}").and_then(|()| self.requests.flush());
        let mut line = String::new();
        if written.is_err() || self.answers.read_line(&mut line)? == 0 {
            let status = self.child.wait().context("waiting for the oracle")?;
            bail!("the oracle ended with {status} instead of answering {request}");
        }
        serde_json::from_str(&line).with_context(|| format!("the oracle wrote {line:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It holds nothing that it would have to put in order, and whether it has ended already is all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
