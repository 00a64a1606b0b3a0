//! The visitor as the interpreter sees it: attributes are borrowed, and converted only when they are read.

use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt, Type,
};
use cel::common::value::{CowVal, Val};
use serde_json::{Number, Value};

use super::Attributes;

/// The variable `visitor`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor<'a>(pub(super) &'a Attributes);

static VISITOR: Type = Type::new_unspecified_type("visitor");

impl Val for Visitor<'_> {
    fn get_type(&self) -> &Type {
        &VISITOR
    }

    fn cel_type() -> &'static Type {
        &VISITOR
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Indexer for Visitor<'_> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let Some(name) = key.downcast_ref::<CelString>() else {
            let got = key.get_type().name().to_owned();
            return Err(ExecutionError::UnexpectedType {
                got,
                want: "string".to_owned(),
            });
        };
        let value = self.0.get(name.inner());
        value
            .map(|value| converted(value).into())
            .ok_or_else(|| ExecutionError::no_such_key(name.inner()))
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}

/// A JSON value as a value of the interpreter; texts are borrowed.
fn converted<'v>(value: &'v Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(flag) => Box::new(CelBool::from(*flag)),
        Value::Number(number) => number_converted(number),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => Box::new(CelList::from(
            items.iter().map(converted).collect::<Vec<_>>(),
        )),
        Value::Object(entries) => {
            let entries = entries.iter();
            let pairs =
                entries.map(|(key, value)| (CelMapKey::from(key.as_str()), converted(value)));
            Box::new(CelMap::from(
                pairs.collect::<std::collections::HashMap<_, _>>(),
            ))
        }
    }
}

fn number_converted<'v>(number: &Number) -> Box<dyn Val + 'v> {
    if let Some(whole) = number.as_i64() {
        Box::new(CelInt::from(whole))
    } else if let Some(whole) = number.as_u64() {
        Box::new(CelUInt::from(whole))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}
