//! Log lines on stderr.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging for the whole process; `RUST_LOG` chooses what is logged, else it is our own
/// lines and the warnings of others.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,basphere_webhook=info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .init(),
        LogFormat::Text => lines.with_ansi(false).init(),
    }
}
