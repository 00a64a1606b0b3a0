//! Which decision the figures call for.

use super::{Decision, Facts, MIN_ORDERS, Reason, ReasonCode, Rival, Verdict, time, words};
use crate::catalog::experiment::Status;
use crate::report::{ComparisonReport, GuardrailStatus, MetricReport};

/// Probability of being within 1 % of the best that ends a search.
const NEAR_BEST: f64 = 0.95;

/// An experiment whose figures may be believed.
pub(super) struct Case<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) goal: &'a MetricReport,
    /// The live variants.
    pub(super) rivals: &'a [Rival<'a>],
}

impl Case<'_> {
    /// The decision about the variant that gains most.
    pub(super) fn decided(&self, lead: Rival<'_>) -> Verdict {
        if self.rivals.iter().all(Rival::is_worse) {
            return self.verdict(lead, Decision::RollBack, ReasonCode::Worse);
        }
        let harms = |rival: &Rival<'_>| rival.is_worse() || self.has_tripped(rival);
        if self.rivals.iter().all(harms) {
            return self.verdict(lead, Decision::RollBack, ReasonCode::Guardrail);
        }
        if self.facts.early().is_some() {
            return self.waiting(lead, ReasonCode::MinDays);
        }
        if lead.is_better() {
            if lead.is_contradicted() {
                return self.waiting(lead, ReasonCode::ImmatureDisagrees);
            }
            if self.risk(&lead).is_some() {
                return self.verdict(lead, Decision::Investigate, ReasonCode::Guardrail);
            }
            return self.verdict(lead, Decision::Ship, ReasonCode::Better);
        }
        let looks = self.facts.looks;
        match looks.map(|looks| looks.next_in_days) {
            Some(None) => return self.verdict(lead, Decision::StopFutile, ReasonCode::LooksOver),
            Some(Some(_)) => return self.waiting(lead, ReasonCode::LookAhead),
            None => {}
        }
        if !self.rivals.iter().all(Rival::has_orders) {
            return self.waiting(lead, ReasonCode::TooFew);
        }
        if self.rivals.iter().any(Rival::is_pending) {
            return self.waiting(lead, ReasonCode::ConversionsPending);
        }
        let near = self.facts.champion.and_then(|of| of.prob_near_best);
        let is_slow = time::until_decided(self.facts, self.goal, &lead).is_none();
        if is_slow && near.is_some_and(|near| near >= NEAR_BEST) {
            return self.verdict(lead, Decision::StopFutile, ReasonCode::NoValueRemaining);
        }
        self.waiting(lead, ReasonCode::Undecided)
    }

    fn waiting(&self, lead: Rival<'_>, code: ReasonCode) -> Verdict {
        let early = self.facts.early().unwrap_or(0);
        let days = match (code, self.facts.looks) {
            (ReasonCode::TooFew, _) => time::until_enough(self.facts, &lead, MIN_ORDERS),
            (_, Some(looks)) => looks.next_in_days,
            (_, None) => time::until_decided(self.facts, self.goal, &lead),
        };
        Verdict {
            days_left: days.map(|days| days.max(early)).or(self.facts.early()),
            ..self.verdict(lead, Decision::KeepRunning, code)
        }
        .told(self, &lead)
    }

    fn verdict(&self, lead: Rival<'_>, decision: Decision, code: ReasonCode) -> Verdict {
        let mut reasons = vec![Reason {
            code,
            text: self.why(code, &lead),
        }];
        reasons.extend(self.others(&lead, code));
        reasons.extend(self.facts.health.drift.as_ref().map(words::drifting));
        reasons.extend(self.money(&lead));
        Verdict {
            decision,
            variant: Some(lead.with.variant.clone()),
            headline: String::new(),
            reasons,
            days_left: None,
        }
        .told(self, &lead)
    }

    /// What else is to be known: other variants that are clearly better or worse, and guardrails at risk.
    fn others(&self, lead: &Rival<'_>, told: ReasonCode) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for rival in self.rivals {
            let is_lead = std::ptr::eq(rival.with, lead.with);
            let code = if rival.is_worse() {
                ReasonCode::Worse
            } else if rival.is_better() {
                ReasonCode::Better
            } else {
                continue;
            };
            if !is_lead || told != code {
                reasons.push(Reason {
                    code,
                    text: self.finding(rival),
                });
            }
        }
        let risks = self.rivals.iter().filter_map(|rival| self.risk(rival));
        reasons.extend(
            risks
                .filter(|_| told != ReasonCode::Guardrail)
                .map(|text| Reason {
                    code: ReasonCode::Guardrail,
                    text,
                }),
        );
        reasons
    }

    /// A guardrail of the variant at or beyond its limit.
    pub(super) fn risk(&self, rival: &Rival<'_>) -> Option<String> {
        let mut guardrails = self.guardrails(rival);
        let (metric, with) =
            guardrails.find(|(_, with)| with.status.is_some_and(|of| of != GuardrailStatus::Ok))?;
        Some(words::risk(metric, with))
    }

    fn has_tripped(&self, rival: &Rival<'_>) -> bool {
        let mut guardrails = self.guardrails(rival);
        guardrails.any(|(_, with)| with.status == Some(GuardrailStatus::Tripped))
    }

    /// The metrics of a variant that must not get worse.
    fn guardrails<'b>(
        &'b self,
        rival: &Rival<'b>,
    ) -> impl Iterator<Item = (&'b MetricReport, &'b ComparisonReport)> {
        let of = rival.with;
        let all = self.facts.metrics.iter().flat_map(|metric| {
            let comparisons = metric.comparisons.iter();
            comparisons.map(move |with| (metric, with))
        });
        all.filter(move |(_, with)| with.variant == of.variant && with.revision == of.revision)
    }

    /// What a verdict means where the experiment no longer runs.
    pub(super) fn closed(&self, verdict: Verdict) -> Verdict {
        let lifecycle = &self.facts.question.entry.lifecycle;
        let conclusion = lifecycle.conclusion.as_ref();
        let own = conclusion.and_then(|conclusion| conclusion.reason.clone());
        let (text, is_over) = match lifecycle.status {
            Status::Draft | Status::Running => return verdict,
            Status::Paused => ("It is paused and takes no new visitors.", false),
            Status::Concluded => ("It was concluded.", true),
        };
        let mut verdict = verdict;
        let is_open = matches!(
            verdict.decision,
            Decision::KeepRunning | Decision::StopFutile
        );
        if is_over && is_open && own.is_some() {
            verdict.headline = self.stopped(&verdict.headline);
        } else if is_over && verdict.decision == Decision::KeepRunning {
            verdict.headline = words::undecided_at_the_end(&verdict.headline);
        }
        if is_over && is_open {
            verdict.decision = Decision::StopFutile;
            verdict.days_left = None;
        }
        verdict.reasons.push(Reason {
            code: ReasonCode::NotRunning,
            text: own.filter(|_| is_over).unwrap_or_else(|| text.to_owned()),
        });
        verdict
    }
}
