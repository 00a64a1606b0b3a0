//! How traffic is allocated, as written.

use serde::{Deserialize, Serialize};

use crate::catalog::experiment::{Delay, Model, OnDrift};
use crate::time::Window;

/// Exploration that the live variants of a bandit share by default.
pub const DEFAULT_FLOOR_TOTAL: f64 = 0.05;
/// What a bandit believes by default.
pub const DEFAULT_MODEL: Model = Model::Pooled;
/// What a bandit makes of delayed conversions by default.
pub const DEFAULT_DELAY: Delay = Delay::Auto;
/// Visitors per variant before a bandit moves traffic, by default.
pub const DEFAULT_BURN_IN: u64 = 100;
/// Time between the epochs of a bandit, by default.
pub const DEFAULT_REFRESH: Window = Window::from_millis(60_000);

/// How traffic is allocated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationSpec {
    /// The policy.
    pub policy: PolicyName,
    /// What a bandit believes about conversion rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// The metric that a bandit maximises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Exploration shared by the live variants of a bandit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_total: Option<f64>,
    /// Exploration per live variant, instead of `floor_total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// Visitors per variant before a bandit moves traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burn_in: Option<u64>,
    /// At most one new epoch per so much time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Window>,
    /// The age at which what a bandit learned counts half; absent forgets nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half_life: Option<Window>,
    /// What a bandit does when what works has changed; absent tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_drift: Option<OnDrift>,
    /// What a bandit makes of conversions that take time; absent learns how long they take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
}

impl AllocationSpec {
    /// The configured weights.
    pub fn fixed() -> Self {
        Self {
            policy: PolicyName::Fixed,
            model: None,
            metric: None,
            floor_total: None,
            floor: None,
            burn_in: None,
            refresh: None,
            half_life: None,
            on_drift: None,
            delay: None,
        }
    }
}

/// The policies that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// The configured weights.
    Fixed,
    /// Thompson sampling.
    Thompson,
    /// Top-two Thompson sampling.
    TopTwo,
}
