//! What an audience may contain: checks on the text before it is parsed, and on the tree before it is ever evaluated.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, operators};

use super::{MAX_DEPTH, MAX_EXPRESSION_CHARS};

/// Deepest tree: longer chains of operators are refused.
const MAX_TREE_DEPTH: usize = 128;

const FUNCTIONS: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "dyn",
];
const LOOPS: &[&str] = &["all", "exists", "exists_one", "map", "filter"];
const OPERATORS: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
];

/// Bounds a text, so that the parser can neither run long nor deep on it.
pub(super) fn check_text(source: &str) -> Result<(), String> {
    if source.chars().count() > MAX_EXPRESSION_CHARS {
        return Err(format!("is longer than {MAX_EXPRESSION_CHARS} characters"));
    }
    if source.trim().is_empty() {
        return Err("is empty; leave the key out to include everybody".to_owned());
    }
    let (mut open, mut deepest) = (0_usize, 0);
    for character in source.chars() {
        match character {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    if deepest > usize::from(MAX_DEPTH) {
        return Err(too_deep());
    }
    Ok(())
}

/// What is said of an expression that is nested too deep.
pub(super) fn too_deep() -> String {
    format!("is nested more than {MAX_DEPTH} levels deep")
}

/// Checks that a tree reads nothing but `visitor`, calls nothing unknown and never loops.
pub(super) fn check(root: &IdedExpr) -> Result<(), String> {
    let mut pending = vec![(root, 0)];
    while let Some((node, depth)) = pending.pop() {
        if depth > MAX_TREE_DEPTH {
            return Err(format!("chains more than {MAX_TREE_DEPTH} operators"));
        }
        let children = node_children(&node.expr)?;
        pending.extend(children.into_iter().map(|child| (child, depth + 1)));
    }
    Ok(())
}

/// Checks one node and answers what is left to check below it.
fn node_children(node: &Expr) -> Result<Vec<&IdedExpr>, String> {
    match node {
        Expr::Literal(_) => Ok(Vec::new()),
        Expr::Ident(name) if name == "visitor" => {
            Err("uses `visitor` as a whole; name an attribute, as in visitor.country".to_owned())
        }
        Expr::Ident(name) => Err(format!(
            "reads `{name}`, but only `visitor` is known, as in visitor.country"
        )),
        Expr::Select(select) => Ok(below(&select.operand)),
        Expr::Call(call) => {
            let indexed = call.func_name == operators::INDEX;
            let callable = FUNCTIONS.contains(&call.func_name.as_str())
                || OPERATORS.contains(&call.func_name.as_str());
            if !callable {
                return Err(unknown_function(&call.func_name));
            }
            let mut children: Vec<_> = call.target.iter().map(AsRef::as_ref).collect();
            for (at, argument) in call.args.iter().enumerate() {
                if indexed && at == 0 {
                    children.extend(below(argument));
                } else {
                    children.push(argument);
                }
            }
            Ok(children)
        }
        Expr::List(list) => Ok(list.elements.iter().collect()),
        Expr::Map(map) => {
            let mut children = Vec::new();
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    children.extend([&entry.key, &entry.value]);
                }
            }
            Ok(children)
        }
        Expr::Comprehension(_) => Err(format!(
            "uses a loop ({}), which is refused because its cost has no bound; `in` searches a list",
            LOOPS.join(", ")
        )),
        Expr::Struct(_) | Expr::Unspecified => {
            Err("builds a message, which has no meaning here".to_owned())
        }
    }
}

/// What is below an indexed or selected operand: `visitor` itself is fine there.
fn below(operand: &IdedExpr) -> Vec<&IdedExpr> {
    if matches!(&operand.expr, Expr::Ident(name) if name == "visitor") {
        Vec::new()
    } else {
        vec![operand]
    }
}

fn unknown_function(name: &str) -> String {
    if LOOPS.contains(&name) {
        return format!(
            "uses the loop `{name}`, which is refused because its cost has no bound; `in` searches a list"
        );
    }
    format!(
        "calls `{name}`, which is not one of {} and has()",
        FUNCTIONS.join(", ")
    )
}
