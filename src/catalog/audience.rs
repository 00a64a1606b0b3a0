//! Audiences: who is eligible, as an expression over the visitor's attributes in CEL, the Common Expression Language.
//!
//! An expression sees one variable, `visitor`, and the standard functions. Macros that loop (`all`, `exists`, `map` …)
//! are refused: the interpreter has no cost limit, and a decision must take microseconds. A missing attribute or a
//! result that is no truth value is [`Undecided`], never an error of the request.
//!
//! # Why one shared environment
//!
//! Declaring the standard functions costs ten times as much as evaluating a typical expression, so one [`Env`] serves
//! all evaluations. Attributes are lent to the interpreter and converted only when the expression reads them.

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::types::CelBool;
use cel::{Context, Env, ExecutionError, IdedExpr, Value};

pub use attributes::{Attributes, AttributesError, MAX_ATTRIBUTES, MAX_NAME_CHARS};
use lent::Visitor;

mod attributes;
mod lent;
mod permitted;

/// Longest expression, in characters.
pub const MAX_EXPRESSION_CHARS: usize = 2_000;
/// Deepest nesting of an expression.
const MAX_DEPTH: u16 = 24;

static ENV: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// A compiled audience; cheap to clone.
#[derive(Clone)]
pub struct Audience(Arc<Compiled>);

struct Compiled {
    source: String,
    expression: IdedExpr,
}

/// Why an audience is neither true nor false for a visitor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undecided(String);

impl Audience {
    /// Compiles an expression.
    ///
    /// # Errors
    /// A sentence that says what is wrong: syntax, length, nesting, a loop, an unknown identifier or function.
    pub fn compile(source: &str) -> Result<Self, String> {
        permitted::check_text(source)?;
        let parsed = ENV.parser().max_recursion_depth(MAX_DEPTH).parse(source);
        let expression = parsed.map_err(|errors| {
            let first = errors.errors.first().map_or("", |error| error.msg.as_str());
            if first.contains("Recursion limit") {
                return permitted::too_deep();
            }
            let what = first.split(" expecting ").next().unwrap_or(first);
            format!("is not a CEL expression: {what}")
        })?;
        permitted::check(&expression)?;
        Ok(Self(Arc::new(Compiled {
            source: source.to_owned(),
            expression,
        })))
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether a visitor with these attributes belongs to the audience.
    ///
    /// # Errors
    /// [`Undecided`] if an attribute is missing, has an unfit type, or the result is no truth value.
    pub fn matches(&self, attributes: &Attributes) -> Result<bool, Undecided> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.add_variable_as_val("visitor", Box::new(Visitor(attributes)));
        let result = Value::resolve_val(&self.0.expression, &context);
        let result = result.map_err(|error| Undecided(reason(&error)))?;
        match result.downcast_ref::<CelBool>() {
            Some(truth) => Ok(*truth.inner()),
            None => Err(Undecided(format!(
                "the result is no truth value but {}",
                result.get_type().name()
            ))),
        }
    }
}

fn reason(error: &ExecutionError) -> String {
    if let ExecutionError::NoSuchKey(name) = error {
        format!("the visitor has no attribute `{name}`")
    } else {
        error.to_string()
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Audience").field(&self.0.source).finish()
    }
}

impl PartialEq for Audience {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn attributes(value: serde_json::Value) -> Attributes {
        serde_json::from_value(value).unwrap()
    }

    fn decide(source: &str, visitor: serde_json::Value) -> Result<bool, String> {
        let audience = Audience::compile(source).unwrap();
        audience
            .matches(&attributes(visitor))
            .map_err(|undecided| undecided.to_string())
    }

    #[test]
    fn attributes_of_every_json_type_decide() {
        let visitor = json!({
            "country": "DE", "visits": 3, "spent": 12.5, "member": true, "tags": ["new", "vip"],
            "device": { "os": "ios", "version": 17 }, "big": u64::MAX, "nothing": null
        });
        for source in [
            "visitor.country in ['DE', 'AT'] && visitor.visits >= 2",
            "visitor['country'] == 'DE'",
            "visitor.spent > 12 && visitor.visits < 3.5",
            "visitor.member",
            "'vip' in visitor.tags && size(visitor.tags) == 2",
            "visitor.device.os.startsWith('i') && visitor.device.version >= 17",
            "visitor.big > 1u && visitor.nothing == null",
            "has(visitor.country) && !has(visitor.city)",
            "visitor.visits > 5 ? visitor.unknown : true",
            "visitor.unknown == 1 || visitor.member",
            "[1, 2, 3][1] == 2 && {'a': visitor.visits}.a == 3",
        ] {
            assert_eq!(decide(source, visitor.clone()), Ok(true), "{source}");
        }
    }

    #[test]
    fn what_can_not_be_decided_says_why() {
        let because = |source, visitor| decide(source, visitor).unwrap_err();
        assert_eq!(
            because("visitor.country == 'DE'", json!({})),
            "the visitor has no attribute `country`"
        );
        assert_eq!(
            because("visitor['a-b'] == 1", json!({})),
            "the visitor has no attribute `a-b`"
        );
        assert_eq!(
            because("visitor.visits", json!({"visits": 3})),
            "the result is no truth value but int"
        );
        assert!(because("visitor.visits > 'x'", json!({"visits": 3})).contains("overload"));
        assert!(because("visitor[1] == 1", json!({})).contains("overload"));
    }

    #[test]
    fn loops_and_unknown_names_are_refused() {
        for (source, expected) in [
            ("visitor.tags.exists(tag, tag == 'vip')", "loop"),
            ("[1, 2].all(n, n > 0)", "loop"),
            ("visitor.tags.map(tag, size(tag)) == [3]", "loop"),
            ("visitor.tags.filter(tag, true) == []", "loop"),
            ("user.country == 'DE'", "`user`"),
            ("country == 'DE'", "`country`"),
            ("visitor == 1", "as a whole"),
            ("now() > 1", "`now`"),
            ("visitor.name.matches('a*')", "`matches`"),
            ("visitor.?country == 'DE'", "not a CEL expression"),
            ("Account{id: 1} == 1", "message"),
            (
                "visitor.country ==",
                "not a CEL expression: Syntax error: mismatched input '<EOF>'",
            ),
            ("", "empty"),
        ] {
            let error = Audience::compile(source).unwrap_err();
            assert!(error.contains(expected), "{source}: {error}");
        }
    }

    #[test]
    fn deep_and_long_expressions_are_refused_without_harm() {
        let nested =
            |open: &str, close: &str| format!("{}true{}", open.repeat(300), close.repeat(300));
        for source in [
            nested("(", ")"),
            nested("[", "]"),
            nested("size(", ")"),
            nested("!(", ")"),
            "(".repeat(1_900),
            "true ? ".repeat(280),
            format!("{}true", "true?true:".repeat(190)),
            format!("visitor{} == 1", ".a".repeat(900)),
            format!("1{} == 1", "+1".repeat(900)),
            "x".repeat(2_001),
        ] {
            assert!(Audience::compile(&source).is_err(), "{}", &source[..20]);
        }
        for source in [
            format!("{}true", "!".repeat(1_900)),
            format!("{}1 == 1", "-".repeat(1_900)),
        ] {
            let _ = Audience::compile(&source);
        }
        let wide = format!("visitor.sku in [{}'z']", "'e-mail?', ".repeat(150));
        assert_eq!(decide(&wide, json!({"sku": "z"})), Ok(true));
        let chained = format!("{}true", "visitor.a == 1 && ".repeat(100));
        assert_eq!(decide(&chained, json!({"a": 1})), Ok(true));
    }

    #[test]
    fn audiences_travel_between_threads() {
        fn travels<T: Send + Sync + Clone + fmt::Debug>(_: &T) {}
        travels(&Audience::compile("visitor.a == 1").unwrap());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_text_panics(text in "(visitor|\\.|a|\\[|\\]|\\(|\\)|'|&&|\\?|:|==|1|-|!|in|\\PC){0,24}") {
            if let Ok(audience) = Audience::compile(&text) {
                let _ = audience.matches(&attributes(json!({"a": 1})));
            }
        }
    }
}
