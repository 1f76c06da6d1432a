//! Calls of builtin functions.

use basphere_rego::template::Version;

use super::Writer;
use super::terms::PLACES;

/// Functions, with the kind of each argument in braces: a text `s`, a number `n`, an array `a`, an object `o`, a set `e`,
/// an array or a set of texts `w`, a collection `c`, whatever `t`; `i` is a small whole number.
const CALLS: &[&str] = &[
    "abs({n})",
    "array.concat({a}, {a})",
    "array.flatten({a})",
    "array.reverse({a})",
    "array.slice({a}, {i}, {i})",
    "base64.decode({s})",
    "base64.encode({s})",
    "base64.is_valid({s})",
    "base64url.decode({s})",
    "base64url.encode({s})",
    "base64url.encode_no_pad({s})",
    "bits.and({n}, {n})",
    "bits.lsh({n}, {i})",
    "bits.negate({n})",
    "bits.or({n}, {n})",
    "bits.rsh({n}, {i})",
    "bits.xor({n}, {n})",
    "ceil({n})",
    "concat({s}, {w})",
    "contains({s}, {s})",
    "count({c})",
    "crypto.md5({s})",
    "crypto.sha1({s})",
    "crypto.sha256({s})",
    "crypto.hmac.sha256({s}, {s})",
    "endswith({s}, {s})",
    "floor({n})",
    "format_int({n}, 2)",
    "format_int({n}, 8)",
    "format_int({n}, 10)",
    "format_int({n}, 16)",
    "glob.match({s}, [\".\"], {s})",
    "glob.match({s}, null, {s})",
    "glob.match({s}, [], {s})",
    "glob.match(\"a*\", [\"/\"], {s})",
    "glob.match(\"{a*,*c}\", [], {s})",
    "glob.match(\"?[!b]**\", [\".\"], {s})",
    "glob.quote_meta({s})",
    "graph.reachable(input.review.graph, {w})",
    "graph.reachable_paths(input.review.graph, {w})",
    "hex.decode({s})",
    "hex.encode({s})",
    "indexof({s}, {s})",
    "indexof_n({s}, {s})",
    "intersection({{e}, {e}})",
    "io.jwt.decode({s})",
    "is_array({t})",
    "is_boolean({t})",
    "is_null({t})",
    "is_number({t})",
    "is_object({t})",
    "is_set({t})",
    "is_string({t})",
    "json.is_valid({s})",
    "json.marshal({t})",
    "json.marshal_with_options({t}, {\"pretty\": true})",
    "json.marshal_with_options({t}, {\"indent\": \" \", \"prefix\": \"-\"})",
    "json.patch({o}, [{\"op\": \"add\", \"path\": \"/a\", \"value\": {t}}])",
    "json.patch({o}, [{\"op\": \"remove\", \"path\": \"/a\"}])",
    "json.patch({o}, [{\"op\": \"replace\", \"path\": \"b\", \"value\": 1}, {\"op\": \"copy\", \"from\": \"a\", \"path\": \"c\"}])",
    "json.patch({a}, [{\"op\": \"add\", \"path\": \"/-\", \"value\": 1}, {\"op\": \"test\", \"path\": \"/0\", \"value\": {t}}])",
    "json.patch({o}, [{\"op\": \"move\", \"from\": \"/a\", \"path\": \"/z\"}])",
    "json.remove({o}, {w})",
    "json.remove({o}, [\"a/b\", \"list/0\", \"object\"])",
    "json.unmarshal({s})",
    "lower({s})",
    "max({c})",
    "min({c})",
    "net.cidr_contains({s}, {s})",
    "net.cidr_contains(\"10.0.0.0/8\", {s})",
    "net.cidr_contains_matches({w}, {w})",
    "net.cidr_expand(\"10.1.2.248/29\")",
    "net.cidr_intersects({s}, \"10.1.0.0/16\")",
    "net.cidr_is_valid({s})",
    "net.cidr_merge({w})",
    "numbers.range({i}, {i})",
    "numbers.range_step({i}, {i}, {i})",
    "object.filter({o}, {c})",
    "object.get({o}, {t}, {t})",
    "object.get({o}, [\"a\", \"b\"], {t})",
    "object.get({o}, {a}, {t})",
    "object.keys({o})",
    "object.remove({o}, {c})",
    "object.subset({c}, {c})",
    "object.union({o}, {o})",
    "object.union_n([{o}, {o}, {o}])",
    "product({c})",
    "regex.find_all_string_submatch_n({r}, {s}, {i})",
    "regex.find_n({r}, {s}, {i})",
    "regex.is_valid({s})",
    "regex.match({r}, {s})",
    "regex.match({s}, {s})",
    "regex.replace({s}, {r}, {s})",
    "regex.replace({s}, \"(a)(b)?\", \"$2-${1}$$\")",
    "regex.split({r}, {s})",
    "regex.template_match(\"a{.*}c\", {s}, \"{\", \"}\")",
    "replace({s}, {s}, {s})",
    "round({n})",
    "semver.compare({s}, {s})",
    "semver.compare(\"1.2.3\", {s})",
    "semver.is_valid({s})",
    "sort({c})",
    "split({s}, {s})",
    "sprintf({s}, {a})",
    "startswith({s}, {s})",
    "strings.any_prefix_match({s}, {w})",
    "strings.any_prefix_match({w}, {w})",
    "strings.any_suffix_match({w}, {s})",
    "strings.count({s}, {s})",
    "strings.replace_n({\"a\": {s}, \"b\": \"c\"}, {s})",
    "strings.reverse({s})",
    "substring({s}, {i}, {i})",
    "sum({c})",
    "time.clock({time})",
    "time.clock([{time}, \"Europe/Berlin\"])",
    "time.date({time})",
    "time.date([{time}, {s}])",
    "time.diff({time}, {time})",
    "time.format({time})",
    "time.format([{time}, \"America/New_York\", \"RFC1123Z\"])",
    "time.parse_duration_ns({s})",
    "time.parse_duration_ns(\"1h30m\")",
    "time.parse_ns(\"2006-01-02\", {s})",
    "time.parse_ns(\"RFC3339\", {s})",
    "time.parse_rfc3339_ns({s})",
    "time.weekday({time})",
    "to_number({t})",
    "trim({s}, {s})",
    "trim_left({s}, {s})",
    "trim_prefix({s}, {s})",
    "trim_right({s}, {s})",
    "trim_space({s})",
    "trim_suffix({s}, {s})",
    "type_name({t})",
    "union({{e}, {e}})",
    "units.parse({s})",
    "units.parse_bytes({s})",
    "upper({s})",
    "urlquery.decode({s})",
    "urlquery.decode_object({s})",
    "urlquery.encode({s})",
    "uuid.parse({s})",
    "[k | walk({t}, k)]",
    "[p | walk({t}, [p, 1])]",
    "yaml.is_valid({s})",
    "yaml.unmarshal({s})",
    "({n} + {n})",
    "({n} - {n})",
    "({n} * {n})",
    "({n} / {n})",
    "({n} % {n})",
    "({e} & {e})",
    "({e} | {e})",
    "({e} - {e})",
    "({t} in {c})",
    "({t} == {t})",
    "({t} < {t})",
    "({t} >= {t})",
];

/// Functions that version 1 has no more.
const OLD: &[&str] = &[
    "all({c})",
    "any({c})",
    "cast_array({t})",
    "cast_boolean({t})",
    "cast_null({t})",
    "cast_object({t})",
    "cast_set({t})",
    "cast_string({t})",
    "net.cidr_overlap(\"10.0.0.0/8\", {s})",
    "re_match({r}, {s})",
    "set_diff({e}, {e})",
];

const TEXTS: &[&str] = &[
    "\"\"",
    "\"a\"",
    "\"b\"",
    "\",\"",
    "\"abc\"",
    "\"aäb€😀\"",
    "\"A,b,,c\"",
    "\" x\\ty \"",
    "\"1.50\"",
    "\"1e3\"",
    "\"0x1f\"",
    "\"-7\"",
    "\"+7\"",
    "\"1_000\"",
    "\"1Gi\"",
    "\"1.5G\"",
    "\"100m\"",
    "\"0.5Ki\"",
    "\"10.0.0.0/8\"",
    "\"10.1.2.3\"",
    "\"fe80::/64\"",
    "\"v1.2.3\"",
    "\"1.2.3-alpha\"",
    "\"1.10.0\"",
    "\"2024-02-29\"",
    "\"2024-02-29T23:59:59+02:00\"",
    "\"1d2h\"",
    "\"{\\\"a\\\": 1.5, \\\"b\\\": [null]}\"",
    "\"[1, 2\"",
    "\"a: 1\\nb: [x, yes, 1.0]\"",
    "\"YWJj\"",
    "\"YWI=\"",
    "\"a=b&c=d&a=e\"",
    "\"%61+%zz\"",
    "\"abcabc\"",
    "\"eyJhbGciOiJub25lIn0.eyJhIjoxfQ.\"",
    "\"00112233-4455-6677-8899-aabbccddeeff\"",
    "\"a/b\"",
    "\"/a\"",
    "\"\\u0000\\u00e4\"",
    "`raw\\n`",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "3",
    "10",
    "64",
    "2.5",
    "-2.5",
    "0.1",
    "3.5",
    "100",
    "1000000",
    "9007199254740993",
    "18446744073709551616",
    "123456789012345678901234567890",
    "-9223372036854775809",
];

const PATTERNS: &[&str] = &[
    "\"a\"",
    "\"^a.*$\"",
    "\"[a-z]+\"",
    "\"(a)(b)?\"",
    "`\\d+`",
    "\"(\"",
    "\"\"",
    "\"(?i)ABC\"",
    "`\\bb`",
    "\"a|b\"",
    "\"x*\"",
    "`\\p{L}`",
    "`(?P<n>.)c`",
];

const TIMES: &[&str] = &[
    "0",
    "1700000000000000000",
    "1709210096123456789",
    "-1",
    "-1000000000000000000",
    "1e18",
    "input.review.huge",
];

const TEXT_PLACES: &[&str] = &[
    "text", "unicode", "odd", "json", "quantity", "time", "network", "version", "object.b",
];

/// What a format is made of; most of what stands between `%` and the verb is mistaken for most arguments.
const FLAGS: &[&str] = &[
    "", "", "", "", "+", "-", "#", "0", " ", "-6", "6", "06", ".2", "8.3", "+.1", "-#8", "[1]",
    "[2]", "[3]", "*", ".*", "#0",
];
const VERBS: &[&str] = &[
    "v", "v", "v", "d", "d", "s", "s", "q", "x", "X", "e", "E", "f", "F", "g", "G", "t", "T", "c",
    "U", "b", "o", "O", "p", "%", "w", "z",
];

impl Writer {
    /// A call of some function, with arguments that are mostly of the types that it takes.
    pub(super) fn builtin(&mut self, depth: usize) -> String {
        if self.below(6) == 0 {
            return self.format(depth);
        }
        let is_old = self.version == Version::V0 && self.below(12) == 0;
        let call = self.one(if is_old { OLD } else { CALLS });
        let mut text = String::new();
        let mut rest = call;
        while let Some(begin) = rest.find('{') {
            text.push_str(&rest[..begin]);
            rest = &rest[begin..];
            let end = rest.find('}').map(|end| &rest[1..end]);
            match end.and_then(|kind| self.argument(kind, depth)) {
                Some(argument) => {
                    text.push_str(&argument);
                    rest = &rest[rest.find('}').unwrap() + 1..];
                }
                None => {
                    text.push('{');
                    rest = &rest[1..];
                }
            }
        }
        text.push_str(rest);
        text
    }

    fn argument(&mut self, kind: &str, depth: usize) -> Option<String> {
        const KINDS: [&str; 11] = ["s", "n", "i", "a", "o", "e", "w", "c", "t", "r", "time"];
        if !KINDS.contains(&kind) {
            return None;
        }
        let is_any = self.below(8) == 0;
        Some(match kind {
            _ if is_any => format!("input.review.{}", self.one(PLACES)),
            "s" => match self.below(3) {
                0 => format!("input.review.{}", self.one(TEXT_PLACES)),
                _ => self.one(TEXTS).to_owned(),
            },
            "n" => match self.below(4) {
                0 => format!(
                    "input.review.{}",
                    self.one(&["one", "float", "big", "huge", "negative", "fraction"])
                ),
                _ => self.one(NUMBERS).to_owned(),
            },
            "i" => self.one(&["0", "1", "2", "-1", "3", "5"]).to_owned(),
            "a" => match self.below(3) {
                0 => format!(
                    "input.review.{}",
                    self.one(&["list", "mixed", "numbers", "words", "empty"])
                ),
                1 => "[]".to_owned(),
                _ => format!("[{}, {}]", self.plain(depth), self.odd()),
            },
            "o" => match self.below(3) {
                0 => format!(
                    "input.review.{}",
                    self.one(&["object", "nested", "labels", "graph"])
                ),
                1 => "input.review".to_owned(),
                _ => format!(
                    "{{\"a\": {}, \"b\": {{\"a\": {}}}}}",
                    self.plain(depth),
                    self.odd()
                ),
            },
            "e" => match self.below(3) {
                0 => "set()".to_owned(),
                1 => "{x | x := input.review.mixed[_]}".to_owned(),
                _ => format!("{{{}, {}}}", self.odd(), self.plain(depth)),
            },
            "w" => match self.below(3) {
                0 => "input.review.words".to_owned(),
                1 => format!("{{{}, {}}}", self.one(TEXTS), self.one(TEXTS)),
                _ => format!("[{}, {}]", self.one(TEXTS), self.one(TEXTS)),
            },
            "c" => {
                let kind = self.one(&["a", "o", "e", "w"]);
                return self.argument(kind, depth);
            }
            "r" => self.one(PATTERNS).to_owned(),
            "time" => self.one(TIMES).to_owned(),
            _ => match self.below(2) {
                0 => self.odd(),
                _ => self.plain(depth),
            },
        })
    }

    /// A value of a kind that is seldom thought of.
    fn odd(&mut self) -> String {
        match self.below(8) {
            0 => self.one(NUMBERS).to_owned(),
            1 => self.one(TEXTS).to_owned(),
            2 => "null".to_owned(),
            3 => "false".to_owned(),
            4 => "{1, \"a\"}".to_owned(),
            5 => "{\"b\": [1, 2], \"a\": {}}".to_owned(),
            6 => "[[], {}, set()]".to_owned(),
            _ => format!("input.review.{}", self.one(PLACES)),
        }
    }

    fn format(&mut self, depth: usize) -> String {
        let mut format = String::new();
        for _ in 0..=self.below(3) {
            let (flags, verb) = (self.one(FLAGS), self.one(VERBS));
            format.push_str(&format!("%{flags}{verb}|"));
        }
        let arguments: Vec<String> = (0..self.below(4))
            .map(|_| match self.below(2) {
                0 => self.odd(),
                _ => self.plain(depth),
            })
            .collect();
        format!("sprintf(\"{format}\", [{}])", arguments.join(", "))
    }
}
