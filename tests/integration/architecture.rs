//! The architecture, held by reading the sources: who may use whom, what pure modules never touch, how files look.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Modules in the order of dependency: a module uses only what stands before it. Modules of one inner list never see
/// each other.
const ORDER: &[&[&str]] = &[
    &["id", "source"],
    &["time"],
    &["age", "key"],
    &["amount", "winsor"],
    &["moments", "allocation"],
    &["epoch", "posterior"],
    &["catalog"],
    &["cell"],
    &["delay", "linear"],
    &["assign", "bandit", "profile", "stats"],
    &["event"],
    &["visitor"],
    &["fold"],
    &["report"],
    &["evaluate", "plan"],
    &["simulation"],
    &["chart"],
    &["dashboard"],
    // From here on the shell.
    &["clock", "telemetry"],
    &["config"],
    &["log", "store"],
    &["engine"],
    &["webhook"],
    &["http"],
    &["cli"],
    &["main"],
];

/// Vocabulary that uses nothing of the crate at all.
const ROOTS: &[&str] = &[
    "id",
    "source",
    "time",
    "amount",
    "winsor",
    "moments",
    "allocation",
];

/// First module of the shell.
const SHELL: &str = "clock";

/// What pure modules never mention: the outside world, the present, ambient randomness.
const IMPURE: &[&str] = &[
    "tokio",
    "actix",
    "sled",
    "tracing",
    "counter!",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::io",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "rand::rng",
    "rand::random",
    "thread_rng",
];

const MAX_LINES: usize = 400;

struct Source {
    path: PathBuf,
    /// The module at the top of the crate to which the file belongs.
    module: String,
    text: String,
    /// The text without comments and tests; nothing for a file of tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for item in std::fs::read_dir(&directory).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "rs") {
                let relative = path.strip_prefix(&root).unwrap();
                let first = relative.components().next().unwrap().as_os_str();
                let module = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
                let code = if is_test { String::new() } else { code(&text) };
                found.push(Source {
                    path: relative.to_owned(),
                    module,
                    text,
                    code,
                });
            }
        }
    }
    assert!(found.len() > 50, "the sources are where they were");
    found
}

/// Drops comments, and every item under `#[cfg(test)]` (to the brace or semicolon that ends it).
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        if line.trim() == "#[cfg(test)]" {
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            for skipped in lines.by_ref() {
                if skipped == end || skipped.ends_with(';') && !skipped.starts_with(' ') {
                    break;
                }
            }
            continue;
        }
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// The modules at the top of the crate that some code names by `crate::`.
fn used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let word: String = name
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            used.insert(word);
        }
    }
    used.remove("");
    used
}

/// What a module may use by the table.
fn allowed(module: &str) -> BTreeSet<&'static str> {
    if ROOTS.contains(&module) {
        return BTreeSet::new();
    }
    let before = ORDER.iter().take_while(|group| !group.contains(&module));
    before.flat_map(|group| group.iter().copied()).collect()
}

#[test]
fn modules_use_only_what_stands_before_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        if matches!(source.module.as_str(), "lib" | "golden") {
            continue;
        }
        let allowed = allowed(&source.module);
        for other in used(&source.code) {
            if other != source.module && !allowed.contains(other.as_str()) {
                wrong.push(format!("{} uses {other}", source.path.display()));
            }
        }
        if source.module == "main" {
            assert!(source.code.lines().count() <= 30, "main.rs only starts cli");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_has_its_place() {
    let placed: BTreeSet<&str> = ORDER
        .iter()
        .flat_map(|group| group.iter().copied())
        .collect();
    let library = sources().into_iter().find(|s| s.module == "lib").unwrap();
    let declared = library.code.lines().filter_map(|line| {
        let name = line.trim().trim_start_matches("pub ");
        name.strip_prefix("mod ")?.strip_suffix(';')
    });
    let declared: BTreeSet<&str> = declared.collect();
    assert!(declared.len() > 20, "{declared:?}");
    let with_main: BTreeSet<&str> = declared.iter().copied().chain(["main"]).collect();
    assert_eq!(with_main, placed, "src/lib.rs and the table differ");
    for source in sources() {
        let known = placed.contains(source.module.as_str());
        assert!(
            known || matches!(source.module.as_str(), "lib" | "golden"),
            "{} belongs to no module of the table",
            source.path.display()
        );
    }
}

#[test]
fn the_core_knows_no_world() {
    let pure: BTreeSet<&str> = ORDER
        .iter()
        .take_while(|group| !group.contains(&SHELL))
        .flat_map(|group| group.iter().copied())
        .collect();
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| pure.contains(source.module.as_str()))
    {
        for word in IMPURE.iter().filter(|word| source.code.contains(**word)) {
            wrong.push(format!("{} mentions {word}", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_clock_reads_the_time() {
    for source in sources() {
        let reads = ["Timestamp::now()", "SystemTime::now", "Zoned::now"];
        let reads = reads.iter().any(|call| source.code.contains(call));
        assert!(
            !reads || source.module == "clock",
            "{}",
            source.path.display()
        );
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration");
    let mut files: Vec<(PathBuf, String)> = sources()
        .into_iter()
        .map(|source| (source.path, source.text))
        .collect();
    for item in std::fs::read_dir(own).unwrap() {
        let path = item.unwrap().path();
        if path.extension().is_some_and(|suffix| suffix == "rs") {
            files.push((path.clone(), std::fs::read_to_string(path).unwrap()));
        }
    }
    let mut wrong = Vec::new();
    for (path, text) in files {
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{} has {lines} lines", path.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not begin with its doc", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
