//! Slots of layers: two experiments of one layer never share a visitor, so their slots must not overlap.

use super::experiment::Status;
use super::mistake::{Code, Mistake};
use super::spec::{LayerSpec, Spec};

/// The mistake of a definition whose slot overlaps another's; `elsewhere` says which.
pub(super) fn overlap(
    spec: &Spec,
    (status, other): (Status, Option<&LayerSpec>),
    elsewhere: &str,
) -> Option<Mistake> {
    let (ours, theirs) = (spec.layer.as_ref()?, other?);
    let both_take_part = spec.status != Status::Concluded && status != Status::Concluded;
    let apart = ours.key != theirs.key || ours.to <= theirs.from || theirs.to <= ours.from;
    if apart || !both_take_part {
        return None;
    }
    let detail = format!(
        "[{}, {}) of layer \"{}\" overlaps [{}, {}) of {elsewhere}; experiments in one layer exclude each other",
        ours.from, ours.to, ours.key, theirs.from, theirs.to
    );
    Some(Mistake::new("layer", Code::Conflict, detail))
}
