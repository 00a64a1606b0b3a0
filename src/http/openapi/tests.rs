//! The description is whole: every operation, every code, every reference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::table::Paths;
use super::super::{hot, traced};
use super::*;

fn document() -> Value {
    let (hot, traced) = (hot(), traced(true));
    let all: Vec<&Paths> = hot.iter().chain(&traced).collect();
    describe(all.into_iter().flat_map(Paths::described))
}

fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let paths = document["paths"].as_object().unwrap().values();
    paths.flat_map(|methods| methods.as_object().unwrap().values())
}

/// Every `$ref` below.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let to = members.get("$ref").and_then(Value::as_str);
            found.extend(to.map(str::to_owned));
            for member in members.values() {
                references(member, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                references(item, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_code_is_described_with_its_status() {
    let known = json!(Code::schema());
    let known: BTreeSet<&str> = known["enum"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let all: BTreeMap<String, u16> = Code::ALL
        .map(|code| (code.name(), code.status().as_u16()))
        .into();
    let names: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(known, names);

    let document = document();
    let about = document["info"]["description"].as_str().unwrap();
    let mut refused = BTreeSet::new();
    for operation in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let own = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
            for code in own["properties"]["code"]["enum"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let code = code.as_str().unwrap();
                assert_eq!(all[code].to_string(), *status, "{code}");
                refused.insert(code.to_owned());
            }
        }
    }
    for (code, status) in &all {
        assert!(
            about.contains(&format!("| `{code}` | {status} |")),
            "{code}"
        );
        // Of another method nothing is described.
        let is_of_table = code == "method_not_allowed";
        // Only items of a batch have it.
        let is_of_items = code == "too_many_traits";
        assert!(
            is_of_table || is_of_items || refused.contains(code),
            "{code}"
        );
    }
}

/// That no two types have one name, a debug assertion of `Schemas` holds.
#[test]
fn references_lead_somewhere_and_names_are_unique() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for to in found {
        let pointer = to.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{to}");
    }
    let ids: Vec<&str> = operations(&document)
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len());
    assert_eq!(ids.len(), operations(&document).count());
}

#[test]
fn formats_of_whole_numbers_are_those_of_the_registry() {
    let text = document().to_string();
    assert!(text.contains(r#""format":"uint32","maximum":4294967295"#));
    assert!(!text.contains("u-int"));
}

/// A route is not in the table without its gate; these are the ones without a key.
#[test]
fn health_and_the_description_alone_need_no_key() {
    let document = document();
    let mut open = Vec::new();
    for operation in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let ways = operation["security"].as_array().unwrap();
        if ways.is_empty() {
            open.push(id);
            continue;
        }
        assert_eq!(ways[0], json!({}), "{id}");
        assert!(ways[1]["bearer"][0].is_string(), "{id}");
        let header = |status: &str, name: &str| {
            let told = &operation["responses"][status]["headers"][name];
            assert!(told.is_object(), "{id}: {status} {name}");
        };
        header("401", "WWW-Authenticate");
        header("429", "Retry-After");
        assert!(operation["responses"]["403"].is_object(), "{id}");
    }
    open.sort_unstable();
    let known = [
        "findDocumentation",
        "getDemonstrationPart",
        "getDescription",
        "getDocumentation",
        "getDocumentationPart",
        "isLive",
        "isReady",
    ];
    assert_eq!(open, known);
}
