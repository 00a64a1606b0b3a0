//! The schemas that operations refer to, by name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// A type's schema and all that it refers to.
pub(super) struct Named {
    name: String,
    all: Vec<(String, Value)>,
}

impl Named {
    pub(super) fn of<T: ToSchema>() -> Self {
        let name = T::name().into_owned();
        let mut referred = Vec::new();
        T::schemas(&mut referred);
        let own = (name.clone(), json!(T::schema()));
        let referred = referred.into_iter().map(|(name, of)| (name, json!(of)));
        Self {
            name,
            all: std::iter::once(own).chain(referred).collect(),
        }
    }
}

/// All schemas of a document.
#[derive(Default)]
pub(super) struct Schemas {
    by_name: BTreeMap<String, Value>,
    answered: BTreeSet<String>,
}

impl Schemas {
    /// Refers to what is taken from clients.
    pub(super) fn taken(&mut self, named: &Named) -> Value {
        for (name, schema) in &named.all {
            let known = self.by_name.insert(name.clone(), schema.clone());
            debug_assert!(
                known.is_none_or(|known| known == *schema),
                "two types are named {name}"
            );
        }
        json!({ "$ref": format!("#/components/schemas/{}", named.name) })
    }

    /// Refers to what is answered.
    pub(super) fn answered(&mut self, named: &Named) -> Value {
        let own = named.all.iter().map(|(name, _)| name.clone());
        self.answered.extend(own);
        self.taken(named)
    }

    /// The schemas as the document has them. In answers, what may be absent is never null: what can be null is always
    /// there.
    pub(super) fn into_values(self) -> BTreeMap<String, Value> {
        let all = self.by_name.clone();
        let mut shown = self.by_name;
        for (name, schema) in &mut shown {
            merge(schema, &all);
            if self.answered.contains(name) {
                drop_nulls(schema);
            }
        }
        shown
    }
}

/// Makes one object of an object and those that are flattened into it.
fn merge(schema: &mut Value, all: &BTreeMap<String, Value>) {
    let Some(parts) = schema["allOf"].as_array().cloned() else {
        return;
    };
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in parts {
        let referred = part["$ref"].as_str().and_then(|to| to.rsplit('/').next());
        let referred = referred.and_then(|name| all.get(name));
        let mut part = referred.cloned().unwrap_or(part);
        merge(&mut part, all);
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
    }
    let mut merged = json!({ "type": "object", "properties": properties, "required": required });
    if let Some(description) = schema.get("description") {
        merged["description"] = description.clone();
    }
    *schema = merged;
}

fn drop_nulls(schema: &mut Value) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, property) in properties {
        let is_required = required.as_array().is_some_and(|names| {
            let mut names = names.iter();
            names.any(|required| required == name)
        });
        if !is_required {
            drop_null(property);
        }
    }
}

/// Takes null out of `{"type": ["string", "null"]}` and `{"oneOf": [{"type": "null"}, …]}`.
pub(super) fn drop_null(property: &mut Value) {
    if let Some(types) = property.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            property["type"] = only;
        }
    }
    let choices = property.get_mut("oneOf").and_then(Value::as_array_mut);
    if let Some(choices) = choices {
        choices.retain(|choice| choice["type"] != "null");
        if let [only] = choices.as_slice() {
            let only = only.clone();
            *property = only;
        }
    }
}
