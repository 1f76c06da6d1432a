//! Times in YAML, in the forms that go-yaml 3 knows, as Go's JSON writes them.

/// A time as RFC 3339 has it, in the zone that it was written in; nothing where the text is none.
pub(super) fn to_json(text: &str) -> Option<String> {
    let mut rest = Rest(text);
    // The year has four digits, or it is no date to go-yaml.
    let year = rest.number(4, 4)?;
    rest.take('-')?;
    let month = rest.number(1, 2)?;
    rest.take('-')?;
    let day = rest.number(1, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.0.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let has_zone = rest.0.starts_with(['T', 't']);
    rest.0 = rest.0.strip_prefix(['T', 't', ' '])?;
    let time = rest.time()?;
    let zone = if has_zone {
        rest.zone()?
    } else {
        "Z".to_owned()
    };
    rest.0.is_empty().then(|| format!("{date}T{time}{zone}"))
}

fn days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// What is left to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, character: char) -> Option<()> {
        self.0 = self.0.strip_prefix(character)?;
        Some(())
    }

    fn digits(&mut self, most: usize) -> &'a str {
        let count = self
            .0
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let digits = self.digits(most);
        (digits.len() >= least)
            .then(|| digits.parse().ok())
            .flatten()
    }

    /// Hours, minutes, seconds, and what is left of the fraction of one without zeros at its end.
    fn time(&mut self) -> Option<String> {
        let hour = self.number(1, 2)?;
        self.take(':')?;
        let minute = self.number(1, 2)?;
        self.take(':')?;
        let second = self.number(1, 2)?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut time = format!("{hour:02}:{minute:02}:{second:02}");
        if let Some(rest) = self.0.strip_prefix(['.', ',']) {
            self.0 = rest;
            let digits = self.digits(usize::MAX);
            // Go counts nanoseconds, and forgets what is finer.
            let fraction = digits.get(..digits.len().min(9)).unwrap_or_default();
            if digits.is_empty() {
                return None;
            }
            let fraction = fraction.trim_end_matches('0');
            if !fraction.is_empty() {
                time.push('.');
                time.push_str(fraction);
            }
        }
        Some(time)
    }

    fn zone(&mut self) -> Option<String> {
        if self.take('Z').is_some() {
            return Some("Z".to_owned());
        }
        let sign = self.0.chars().next().filter(|sign| "+-".contains(*sign))?;
        self.take(sign)?;
        let hour = self.number(2, 2)?;
        self.take(':')?;
        let minute = self.number(2, 2)?;
        if hour > 24 || minute > 59 {
            return None;
        }
        if (hour, minute) == (0, 0) {
            return Some("Z".to_owned());
        }
        Some(format!("{sign}{hour:02}:{minute:02}"))
    }
}

#[cfg(test)]
mod tests {
    use super::to_json;

    #[test]
    fn times_are_what_go_makes_of_them() {
        for (written, expected) in [
            ("2020-01-01", "2020-01-01T00:00:00Z"),
            ("2020-2-9", "2020-02-09T00:00:00Z"),
            ("2020-01-01T1:2:3.450Z", "2020-01-01T01:02:03.45Z"),
            ("2020-01-01t10:20:30+02:00", "2020-01-01T10:20:30+02:00"),
            ("2020-01-01 10:20:30.5", "2020-01-01T10:20:30.5Z"),
        ] {
            assert_eq!(to_json(written).as_deref(), Some(expected), "{written}");
        }
        for none in [
            "2021-02-29",
            "2020-13-01",
            "20-01-01",
            "2020-01-01T10:20:30",
            "2020-01-01 10:20:30Z",
            "12:30:45",
            "2020-01-01x",
        ] {
            assert_eq!(to_json(none), None, "{none}");
        }
    }
}
