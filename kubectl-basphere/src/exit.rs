//! How the program ends. Every exit code is in this file.

use std::io;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; what was reviewed is allowed.
    Ok,
    /// Something could not be read, reached or understood.
    Error,
    /// The command line is wrong.
    Usage,
    /// What was reviewed is denied.
    Denied,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Denied => 3,
        })
    }
}

/// Whoever reads our output may stop reading, as `head` does: that is no error.
pub(crate) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
