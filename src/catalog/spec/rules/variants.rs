//! Rules about variants: keys, weights, payloads, values and the control.

use serde_json::Value;

use super::Rules;
use crate::catalog::mistake::Code;
use crate::catalog::spec::{MAX_PAYLOAD_BYTES, MAX_VARIANTS, VariantSpec};
use crate::id::VariantKey;

/// Deepest nesting of a payload: a definition travels inside other JSON, whose readers bound the depth.
const MAX_PAYLOAD_DEPTH: usize = 32;

impl Rules<'_> {
    pub(super) fn variants(&mut self) {
        let variants = &self.spec.variants;
        if variants.is_empty() {
            self.note("variants", Code::Missing, "must hold at least one variant");
        }
        if variants.len() > MAX_VARIANTS {
            self.note(
                "variants",
                Code::TooLarge,
                format!("has more than {MAX_VARIANTS} entries"),
            );
        }
        for (at, variant) in variants.iter().enumerate() {
            let path = format!("variants[{at}]");
            let key = format!("{path}.key");
            if let Err(error) = VariantKey::parse(&variant.key) {
                self.invalid(&key, error.to_string());
            } else if variants
                .iter()
                .take(at)
                .any(|earlier| earlier.key == variant.key)
            {
                self.note(
                    &key,
                    Code::Duplicate,
                    format!("\"{}\" is used a second time", variant.key),
                );
            }
            if let Some(weight) = variant
                .weight
                .filter(|weight| !(weight.is_finite() && *weight > 0.0))
            {
                let detail = format!(
                    "must be positive and finite, not {weight}; remove the variant to take it out"
                );
                self.invalid(&format!("{path}.weight"), detail);
            }
            if let Some(cost) = variant
                .cost
                .filter(|cost| !(cost.is_finite() && *cost >= 0.0))
            {
                let detail = format!("must be at least 0 and finite, not {cost}");
                self.invalid(&format!("{path}.cost"), detail);
            }
            self.payload(&path, variant);
        }
        self.weights_all_or_none();
        self.one_type_of_value();
        self.control();
    }

    fn payload(&mut self, path: &str, variant: &VariantSpec) {
        let parts = [
            ("payload", Some(&variant.payload)),
            ("value", variant.value.as_ref()),
        ];
        for (name, value) in parts {
            let Some(value) = value else { continue };
            let key = format!("{path}.{name}");
            if !is_flat_enough(value) {
                self.note(
                    &key,
                    Code::TooLarge,
                    format!("is nested more than {MAX_PAYLOAD_DEPTH} levels deep"),
                );
            } else if value.to_string().len() > MAX_PAYLOAD_BYTES {
                self.note(
                    &key,
                    Code::TooLarge,
                    format!("is larger than {MAX_PAYLOAD_BYTES} bytes of JSON"),
                );
            }
        }
    }

    fn weights_all_or_none(&mut self) {
        let variants = &self.spec.variants;
        if self.is_broken("variants", "weight")
            || variants.iter().all(|variant| variant.weight.is_none())
        {
            return;
        }
        for (at, variant) in variants.iter().enumerate() {
            if variant.weight.is_none() {
                let detail = "is missing: give every variant a weight, or none for equal shares";
                self.note(&format!("variants[{at}].weight"), Code::Missing, detail);
            }
        }
    }

    fn one_type_of_value(&mut self) {
        let variants = &self.spec.variants;
        let Some(expected) = variants
            .iter()
            .find_map(|variant| variant.value.as_ref())
            .map(kind)
        else {
            return;
        };
        for (at, variant) in variants.iter().enumerate() {
            let key = format!("variants[{at}].value");
            match variant.value.as_ref().map(kind) {
                None => {
                    let detail =
                        format!("is missing: all variants have a value ({expected}), or none has");
                    self.note(&key, Code::Missing, detail);
                }
                Some("null") => self.note(&key, Code::WrongType, "must not be null"),
                Some(other) if other != expected => {
                    let detail =
                        format!("must be a {expected} like the first value, not a {other}");
                    self.note(&key, Code::WrongType, detail);
                }
                Some(_) => {}
            }
        }
    }

    fn control(&mut self) {
        let Some(control) = &self.spec.control else {
            return;
        };
        let known = self
            .spec
            .variants
            .iter()
            .any(|variant| variant.key == *control);
        if !known && !self.is_broken("variants", "key") {
            let keys: Vec<_> = self
                .spec
                .variants
                .iter()
                .map(|variant| variant.key.as_str())
                .collect();
            let detail = format!(
                "names the unknown variant \"{control}\"; known variants: {}",
                keys.join(", ")
            );
            self.note("control", Code::UnknownReference, detail);
        }
    }
}

fn is_flat_enough(value: &Value) -> bool {
    let mut pending = vec![(value, 0)];
    while let Some((value, depth)) = pending.pop() {
        if depth > MAX_PAYLOAD_DEPTH {
            return false;
        }
        match value {
            Value::Array(items) => pending.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(entries) => {
                pending.extend(entries.values().map(|item| (item, depth + 1)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    true
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "table",
    }
}
