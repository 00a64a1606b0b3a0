//! The experiments directory: read at start and every few seconds; each change becomes a command to the writer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::catalog::mistake::Mistake;
use crate::catalog::spec::Spec;
use crate::catalog::{Catalog, Entry, Source, read_files};
use crate::id::ExperimentKey;

/// The files of a directory and what they say.
#[derive(Debug, Default)]
pub struct Files {
    /// Valid definitions by file name.
    pub specs: Vec<(String, Spec)>,
    /// All mistakes of all files.
    pub mistakes: Vec<Mistake>,
}

/// Reads every `*.toml` of a directory; a directory that does not exist is empty. Subdirectories are not read.
///
/// # Errors
/// As the directory or a file can not be read.
pub fn read(directory: &Path) -> std::io::Result<Files> {
    let mut texts = BTreeMap::new();
    let listing = match std::fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Files::default()),
        Err(error) => return Err(error),
    };
    for item in listing {
        let path = item?.path();
        let is_toml = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        if is_toml && path.is_file() {
            texts.insert(
                path.display().to_string(),
                String::from_utf8_lossy(&std::fs::read(&path)?).into_owned(),
            );
        }
    }
    let texts: Vec<(String, String)> = texts.into_iter().collect();
    let (specs, mistakes) = read_files(&texts);
    Ok(Files { specs, mistakes })
}

/// The definitions of files that a catalog does not have yet, with the file's name. A file with mistakes keeps the
/// version in force.
pub fn changes(files: &Files, catalog: &Catalog) -> Vec<(String, Spec)> {
    let is_new = |(file, spec): &&(String, Spec)| {
        catalog.get(spec.key.as_str()).is_none_or(|entry| {
            let same_source = entry.lifecycle.source == Source::File(file.clone());
            *entry.experiment.spec != *spec || !same_source
        })
    };
    files.specs.iter().filter(is_new).cloned().collect()
}

/// The running experiments whose file is gone, with the file's name.
pub fn orphans(files: &Files, catalog: &Catalog) -> Vec<(String, ExperimentKey)> {
    let present = |file: &str| {
        let valid = files.specs.iter().any(|(name, _)| name == file);
        valid
            || files
                .mistakes
                .iter()
                .any(|mistake| mistake.file.as_deref() == Some(file))
    };
    let orphan = |entry: &Arc<Entry>| match &entry.lifecycle.source {
        Source::File(file) if !present(file) => Some((file.clone(), entry.experiment.key.clone())),
        Source::File(_) | Source::Api | Source::Settings => None,
    };
    catalog
        .iter()
        .filter(|entry| entry.is_running())
        .filter_map(orphan)
        .collect()
}
