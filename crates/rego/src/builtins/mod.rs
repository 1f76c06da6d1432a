//! Builtin functions: regorus' own, and ours where there are none or they differ from OPA's.
//!
//! What OPA has and is missing here is refused when a policy is loaded, with the reason (`why_not`):
//! - what depends on more than its arguments (`http.send`, `time.now_ns`, `rand.intn`, …) is banned, since one review
//!   must have one verdict;
//! - certificates, private keys, signatures of keys (`crypto.x509.*`, `io.jwt.verify_rs256` and its like), GraphQL,
//!   requests to AWS, Go's template language, and what looks at policies (`rego.*`) are no matter of Kubernetes' objects;
//! - `uri.*` reads addresses as Go's `net/url` does, which nothing else does.

mod crypto;
mod globs;
mod go;
mod graphs;
pub(crate) mod json;
mod net;
mod operators;
mod own;
mod patterns;
pub(crate) mod shown;
mod signatures;
mod sprintf;
mod tokens;

pub(crate) use operators::under;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use regorus::Value;
use regorus::unstable::{BUILTINS, BuiltinFcn, Expr, ExprRef, Source, Span};

use crate::template::Version;

/// A function of ours: its name, how many arguments it takes, and itself.
type Own = (&'static str, usize, fn(&[Value]) -> Option<Value>);

/// A function of values; undefined where it returns nothing.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) arity: usize,
    /// The types of its arguments between commas, as letters: `n` null, `b` boolean, `#` number, `s` string, `A` array,
    /// `O` object, `S` set, `*` whatever; behind a colon those of the items.
    pub(crate) arguments: &'static str,
    /// The type of what it returns.
    pub(crate) result: &'static str,
    implementation: Implementation,
}

#[derive(Debug)]
enum Implementation {
    Own(fn(&[Value]) -> Option<Value>),
    /// One that may fail.
    Checked(fn(&[Value]) -> Result<Option<Value>, Failed>),
    Regorus(BuiltinFcn),
}

impl Builtin {
    pub(crate) fn call(&self, arguments: &[Value]) -> Result<Option<Value>, Failed> {
        match self.implementation {
            Implementation::Own(function) => Ok(function(arguments)),
            Implementation::Checked(function) => function(arguments),
            Implementation::Regorus(function) => regorus(function, arguments),
        }
    }
}

/// What depends on when or where it is called, which a verdict may not.
const BANNED: [(&str, &str); 6] = [
    ("http.send", "what another server answers"),
    ("net.lookup_ip_addr", "what a name server answers"),
    ("opa.runtime", "where it runs"),
    ("rand.intn", "chance"),
    ("time.now_ns", "when it is asked for"),
    ("uuid.rfc4122", "chance"),
];

/// What OPA has and we have not, and why.
const LEFT_OUT: [(&str, &str); 12] = [
    ("crypto.parse_private_keys", "keys are not read here"),
    ("crypto.x509.", "certificates and keys are not read here"),
    ("graphql.", "GraphQL is not read here"),
    (
        "io.jwt.decode_verify",
        "a verdict would depend on when it is asked for",
    ),
    (
        "io.jwt.",
        "signatures are only verified with a shared secret here",
    ),
    ("providers.aws.", "no requests are signed here"),
    (
        "regex.globs_match",
        "patterns are not compared to each other here",
    ),
    ("rego.", "a policy cannot look at policies here"),
    (
        "strings.render_template",
        "Go's templates are not known here",
    ),
    ("uri.", "addresses are not taken apart here"),
    ("internal.", "it is internal"),
    ("print", "it has no value"),
];

/// What version 1 of Rego has no more.
const DEPRECATED: [&str; 11] = [
    "all",
    "any",
    "cast_array",
    "cast_boolean",
    "cast_null",
    "cast_object",
    "cast_set",
    "cast_string",
    "net.cidr_overlap",
    "re_match",
    "set_diff",
];

/// Why a function that OPA has cannot be used here; nothing where OPA has none of this name either.
pub(crate) fn why_not(name: &str) -> Option<String> {
    if let Some((_, on)) = BANNED.iter().find(|(banned, _)| *banned == name) {
        return Some(format!(
            "it is banned, since a verdict would depend on {on}"
        ));
    }
    if name != "print" && !signatures::ALL.iter().any(|(known, _, _)| *known == name) {
        return None;
    }
    let mut all = LEFT_OUT.iter();
    let (_, why) = all.find(|(begin, _)| name.starts_with(begin))?;
    Some((*why).to_owned())
}

/// Whether a version of the language has a function no more.
pub(crate) fn is_deprecated(name: &str, version: Version) -> bool {
    version == Version::V1 && DEPRECATED.contains(&name)
}

/// A function by its name.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    static ALL: LazyLock<HashMap<&'static str, Builtin>> = LazyLock::new(|| {
        let is_usable = |name: &str| !BANNED.iter().any(|(banned, _)| *banned == name);
        let known = signatures::ALL
            .iter()
            .filter(|(name, _, _)| is_usable(name));
        let known = known.filter_map(|(name, arguments, result)| {
            let arity = match arguments.is_empty() {
                true => 0,
                false => arguments.split(',').count(),
            };
            let implementation = match OURS
                .iter()
                .flat_map(|all| all.iter())
                .find(|own| own.0 == *name)
            {
                _ if *name == "graph.reachable_paths" => Implementation::Checked(graphs::paths),
                Some((_, _, function)) => Implementation::Own(*function),
                None => Implementation::Regorus(*BUILTINS.get(name)?),
            };
            let builtin = Builtin {
                name,
                arity,
                arguments,
                result,
                implementation,
            };
            Some((*name, builtin))
        });
        known.collect()
    });
    ALL.get(name)
}

const OURS: [&[Own]; 7] = [
    &crypto::ALL,
    &json::ALL,
    &net::ALL,
    &operators::ALL,
    &own::ALL,
    &patterns::ALL,
    &tokens::ALL,
];

/// A function of regorus' by its name, also where ours is called in its place.
fn theirs(name: &str, arguments: &[Value]) -> Option<Value> {
    regorus(*BUILTINS.get(name)?, arguments).ok()?
}

/// A function of regorus panicked, as `strings.count("a", "")` once did, or one would write more than it may.
#[derive(Debug)]
pub(crate) struct Failed;

/// Calls a function of regorus, whose errors are undefined as OPA's are.
fn regorus(function: BuiltinFcn, arguments: &[Value]) -> Result<Option<Value>, Failed> {
    /// It names the place of a call in errors, which nobody reads.
    static NOWHERE: LazyLock<Option<(Span, Vec<ExprRef>)>> = LazyLock::new(|| {
        let source = Source::from_contents(String::new(), String::from(" ")).ok()?;
        let span = Span {
            source,
            line: 1,
            col: 1,
            start: 0,
            end: 0,
        };
        let expression = ExprRef::new(Expr::Null {
            span: span.clone(),
            value: Value::Null,
            eidx: 0,
        });
        Some((span, vec![expression; 8]))
    });
    let Some((span, expressions)) = NOWHERE.as_ref() else {
        return Ok(None);
    };
    let Some(expressions) = expressions.get(..arguments.len()) else {
        return Ok(None);
    };
    // They share nothing that a panic could leave half done.
    let call = AssertUnwindSafe(|| (function.0)(span, expressions, arguments, false));
    let result = catch_unwind(call).map_err(|_| Failed)?;
    Ok(result.ok().filter(|result| *result != Value::Undefined))
}
