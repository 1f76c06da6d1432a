//! Builtin functions: regorus' own, and ours where there are none or they differ from OPA's.

mod go;
mod operators;
mod own;
pub(crate) mod shown;
mod sprintf;

use std::collections::HashMap;
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
    pub(crate) fn call(&self, arguments: &[Value]) -> Option<Value> {
        match self.implementation {
            Implementation::Own(function) => function(arguments),
            Implementation::Regorus(function) => regorus(function, arguments),
        }
    }
}

/// What depends on when or where it is called: verdicts may not.
const BANNED: [&str; 6] = [
    "http.send",
    "net.lookup_ip_addr",
    "opa.runtime",
    "rand.intn",
    "time.now_ns",
    "uuid.rfc4122",
];

/// Whether a function exists and may not be used.
pub(crate) fn is_banned(name: &str) -> bool {
    BANNED.contains(&name)
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

/// Calls a function of regorus, whose errors are undefined as OPA's are.
fn regorus(function: BuiltinFcn, arguments: &[Value]) -> Option<Value> {
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
    let (span, expressions) = NOWHERE.as_ref()?;
    let expressions = expressions.get(..arguments.len())?;
    let result = (function.0)(span, expressions, arguments, false).ok()?;
    (result != Value::Undefined).then_some(result)
}
