//! Lengths of time as Kubernetes writes them: `90s`, `30m`, `1h30m0s`.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A length of time, not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delay(SignedDuration);

impl Delay {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        Self(SignedDuration::from_secs(seconds as i64))
    }

    /// So many milliseconds.
    #[must_use]
    pub const fn millis(millis: u32) -> Self {
        Self(SignedDuration::from_millis(millis as i64))
    }

    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> SignedDuration {
        self.0
    }
}

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<SignedDuration>() {
            Ok(duration) if !duration.is_negative() => Ok(Self(duration)),
            Ok(_) => Err(format!("{text:?} is negative")),
            Err(_) => Err(format!(
                "{text:?} is no length of time such as 90s or 1h30m"
            )),
        }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let millis = self.0.subsec_millis();
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        match (rest, millis) {
            (0, 0) if seconds > 0 => Ok(()),
            (_, 0) => write!(f, "{rest}s"),
            _ => write!(f, "{rest}.{millis:03}s"),
        }
    }
}

impl Serialize for Delay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl JsonSchema for Delay {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Delay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^([0-9]+(\.[0-9]+)?(h|m|s|ms))+$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_kubernetes_writes_them() {
        for (text, seconds, again) in [
            ("90s", 90, "1m30s"),
            ("30m", 1800, "30m"),
            ("1h30m0s", 5400, "1h30m"),
            ("0s", 0, "0s"),
        ] {
            let delay: Delay = text.parse().unwrap();
            assert_eq!(delay, Delay::seconds(seconds), "{text}");
            assert_eq!(delay.to_string(), again);
        }
        assert_eq!("1.5s".parse(), Ok(Delay::millis(1500)));
        assert_eq!(Delay::millis(1500).to_string(), "1.500s");
        for bad in ["", "soon", "-1s", "10"] {
            assert!(bad.parse::<Delay>().is_err(), "{bad}");
        }
    }
}
