//! Pages that follow what happens: a small script that asks for the page again, and takes over what is new.
//!
//! A page works without it. With it, a page listens to `/stream`, asks for itself when something changed and every so many
//! seconds while somebody looks at it, and changes only those elements that differ, so focus, open details and places of
//! scrolling stay. It leaves a page alone whose forms somebody is filling in.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::define;

/// The script.
pub(super) const SCRIPT: &str = include_str!("live.js");

/// How a page follows what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The experiment that it shows; empty for all.
    pub experiment: String,
    /// How often it asks for itself, in seconds.
    pub every: u32,
}

impl Live {
    /// Follows an experiment; all of them if it is empty.
    pub fn of(experiment: &str) -> Self {
        Self {
            experiment: experiment.to_owned(),
            every: 30,
        }
    }
}

/// What a page's `Content-Security-Policy` says: one stylesheet, forms to its own server, and no script but this one and the
/// one that checks definitions.
pub fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = |script: &str| BASE64_STANDARD.encode(Sha256::digest(script));
        let (follows, checks) = (hash(SCRIPT), hash(define::SCRIPT));
        format!(
            "default-src 'none'; style-src 'self'; img-src data:; script-src 'sha256-{follows}' 'sha256-{checks}'; \
             connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
    });
    &POLICY
}

#[cfg(test)]
mod tests {
    use super::SCRIPT;

    #[test]
    fn scripts_are_small_and_stay_within_their_element() {
        for script in [SCRIPT, crate::dashboard::define::SCRIPT] {
            assert!(script.len() <= 2_048, "{}", script.len());
            assert!(!script.contains("</") && !script.contains("<!--"));
        }
    }
}
