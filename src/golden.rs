//! Golden files in tests: figures from independent tools, in `tests/golden/`. A figure passes if |got − e| ≤ abs + rel·|e|.

pub(crate) mod recorded;

use serde_json::Value;

/// One case of a golden file, with its file's tolerances.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) input: Value,
    pub(crate) expected: Value,
    tolerances: Value,
    default: Value,
}

/// The cases of a golden file. A case without `expected` is a flat one: its fields are both input and expectation.
pub(crate) fn cases(text: &str) -> Vec<Case> {
    let file: Value = serde_json::from_str(text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty(), "a golden file without cases");
    let default = &file["default_tol"];
    cases.iter().map(|case| Case::new(case, default)).collect()
}

impl Case {
    fn new(case: &Value, default: &Value) -> Self {
        let part = |name: &str| case.get(name).unwrap_or(case).clone();
        Self {
            name: case["name"].as_str().unwrap_or("unnamed").to_owned(),
            input: part("input"),
            expected: part("expected"),
            tolerances: case["tol_by_field"].clone(),
            default: default.clone(),
        }
    }

    /// Whether the case states an expectation of this field (`null` states that it must be absent).
    pub(crate) fn has(&self, field: &str) -> bool {
        self.expected.get(field).is_some()
    }

    /// The expected numbers of a field, its nested lists flattened; none for `null`.
    pub(crate) fn numbers(&self, field: &str) -> Vec<f64> {
        flatten(&self.expected[field])
    }

    /// Checks one field against the expectation, number by number.
    pub(crate) fn check(&self, field: &str, got: &[f64]) {
        let expected = self.numbers(field);
        assert_eq!(got.len(), expected.len(), "{}: {field}: length", self.name);
        let tolerance = self.tolerances.get(field).unwrap_or(&self.default);
        let (rel, abs) = (
            tolerance["rel"].as_f64().unwrap(),
            tolerance["abs"].as_f64().unwrap(),
        );
        for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert!(
                (got - expected).abs() <= abs + rel * expected.abs(),
                "{}: {field}[{index}]: got {got:e}, expected {expected:e}",
                self.name
            );
        }
    }

    /// The same case with one part of its expectation.
    pub(crate) fn part(&self, expected: &Value) -> Self {
        Self {
            name: self.name.clone(),
            input: self.input.clone(),
            expected: expected.clone(),
            tolerances: self.tolerances.clone(),
            default: self.default.clone(),
        }
    }

    /// A number of the input.
    pub(crate) fn number(&self, field: &str) -> f64 {
        self.input[field].as_f64().unwrap()
    }
}

/// All numbers in a JSON value, in order; the texts "inf", "-inf" and "nan" are numbers.
pub(crate) fn flatten(value: &Value) -> Vec<f64> {
    match value {
        Value::Null => Vec::new(),
        Value::Number(number) => vec![number.as_f64().unwrap()],
        Value::String(text) => vec![text.parse().unwrap()],
        Value::Array(items) => items.iter().flat_map(flatten).collect(),
        Value::Bool(_) | Value::Object(_) => panic!("{value} is no list of numbers"),
    }
}
