//! From bytes to rows: what is no line of the format is told before anybody looks at what it says.

use super::{Format, Remarks};

/// A line that has all its columns.
#[derive(Clone, Debug)]
pub(super) struct Row<'a, const N: usize> {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) text: &'a str,
    pub(super) columns: [&'a str; N],
}

/// Reads the rows of a file. There is no quoting: a tab always ends a column.
pub(super) fn read<'a, const N: usize>(
    bytes: &'a [u8],
    format: Format,
    remarks: &mut Remarks,
) -> Vec<Row<'a, N>> {
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    // Behind the last line's end there is nothing; a last line without an end may have been cut off.
    let is_ended = lines.last().is_none_or(|last| last.is_empty());
    if is_ended {
        lines.pop();
    }
    let end = if is_ended { usize::MAX } else { lines.len() };
    let (has_header, is_ours) = header(lines.first().copied(), format, remarks);
    if !is_ours {
        return Vec::new();
    }
    let rows = lines.into_iter().zip(1..).skip(usize::from(has_header));
    rows.filter_map(|(bytes, line)| {
        let row = row(bytes, line, format);
        let row = row.and_then(|row| {
            if line == end {
                Err("does not end with a line feed: it may have been cut off".to_owned())
            } else {
                Ok(row)
            }
        });
        row.map_err(|reason| remarks.fault(line, reason)).ok()
    })
    .collect()
}

/// Whether the first line is a header, and whether the rest can be read by it.
fn header(first: Option<&[u8]>, format: Format, remarks: &mut Remarks) -> (bool, bool) {
    let header = format.header;
    let first = first.unwrap_or_default();
    let bare = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    if bare.len() < first.len() {
        remarks.fault(1, "begins with a byte order mark");
    }
    if bare == header.as_bytes() {
        return (true, true);
    }
    if bare.strip_suffix(b"\r") == Some(header.as_bytes()) {
        remarks.fault(1, CARRIAGE_RETURN);
        return (true, true);
    }
    if bare.starts_with(b"#") {
        let found = String::from_utf8_lossy(bare);
        remarks.fault(
            1,
            format!("the header must be {header:?}, and is {found:?}: the columns may be others, so no line of the file is read"),
        );
        return (true, false);
    }
    remarks.fault(1, format!("the header {header:?} is missing"));
    (false, true)
}

const CARRIAGE_RETURN: &str =
    "ends with a carriage return (CRLF), which the bastion does not write";

fn row<'a, const N: usize>(
    bytes: &'a [u8],
    line: usize,
    format: Format,
) -> Result<Row<'a, N>, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("is not UTF-8 from byte {} on", error.valid_up_to() + 1))?;
    if text.ends_with('\r') {
        return Err(CARRIAGE_RETURN.to_owned());
    }
    if text.trim().is_empty() {
        return Err("is blank".to_owned());
    }
    if text.starts_with('#') {
        return Err("is a comment, which nothing could be made of".to_owned());
    }
    let columns: Vec<_> = text.split('\t').collect();
    let count = columns.len();
    let columns = columns.try_into().map_err(|_| {
        let noun = if count == 1 { "column" } else { "columns" };
        format!(
            "has {count} {noun}; {N} are needed, with tabs between them: {}",
            format.columns
        )
    })?;
    Ok(Row {
        line,
        text,
        columns,
    })
}
