//! Builtin functions: regorus' own, and ours where there are none or they differ from OPA's.

mod go;
mod operators;
mod own;
pub(crate) mod shown;
mod sprintf;

pub(crate) use operators::under;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use regorus::Value;
use regorus::unstable::{BUILTINS, BuiltinFcn, Expr, ExprRef, Source, Span};

/// A function of values; undefined where it returns nothing.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub(crate) arity: usize,
    implementation: Implementation,
}

#[derive(Debug)]
enum Implementation {
    Own(fn(&[Value]) -> Option<Value>),
    Regorus(BuiltinFcn),
}

impl Builtin {
    pub(crate) fn call(&self, arguments: &[Value]) -> Result<Option<Value>, Panicked> {
        match self.implementation {
            Implementation::Own(function) => Ok(function(arguments)),
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

fn is_banned(name: &str) -> bool {
    BANNED.iter().any(|(banned, _)| *banned == name)
}

/// Why a function that OPA has cannot be used here; nothing where OPA has none of this name either.
pub(crate) fn why_not(name: &str) -> Option<String> {
    if let Some((_, on)) = BANNED.iter().find(|(banned, _)| *banned == name) {
        return Some(format!(
            "it is banned, since a verdict would depend on {on}"
        ));
    }
    None
}

pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    static ALL: LazyLock<HashMap<&'static str, Builtin>> = LazyLock::new(|| {
        let theirs = BUILTINS
            .iter()
            .filter(|(name, _)| !name.starts_with("__") && !is_banned(name));
        let theirs = theirs.map(|(name, function)| {
            let builtin = Builtin {
                arity: usize::from(function.1),
                implementation: Implementation::Regorus(*function),
            };
            (*name, builtin)
        });
        let ours = own::ALL.iter().chain(&operators::ALL);
        let ours = ours.map(|(name, arity, function)| {
            let builtin = Builtin {
                arity: *arity,
                implementation: Implementation::Own(*function),
            };
            (*name, builtin)
        });
        theirs.chain(ours).collect()
    });
    ALL.get(name)
}

/// A function of regorus panicked, as `strings.count("a", "")` once did.
#[derive(Debug)]
pub(crate) struct Panicked;

/// Calls a function of regorus, whose errors are undefined as OPA's are.
fn regorus(function: BuiltinFcn, arguments: &[Value]) -> Result<Option<Value>, Panicked> {
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
    let result = catch_unwind(call).map_err(|_| Panicked)?;
    Ok(result.ok().filter(|result| *result != Value::Undefined))
}
