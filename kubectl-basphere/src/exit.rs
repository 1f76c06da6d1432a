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

impl Exit {
    /// The same, but 1 instead of 2 for those who know no other code for what is wrong.
    pub(crate) fn or_error_if(self, has_one_code: bool) -> Self {
        match self {
            Self::Usage if has_one_code => Self::Error,
            other => other,
        }
    }
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
