//! `POST /api/v1/plan`: what the traffic of an experiment, running or only described, can decide.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Server;
use super::body::{self, Body};
use super::error::{Code, Problem};
use super::experiments::{find, invalid_definition};
use crate::catalog::experiment::Experiment;
use crate::catalog::read_json;
use crate::catalog::spec::Spec;
use crate::plan::{Ask, Own, Plan, PlanError, Question, plan as answer};

/// What is asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanRequest)]
pub(super) struct Wire<'a> {
    /// The key of an experiment; else `definition`.
    experiment: Option<String>,
    /// An experiment that is not there yet.
    #[serde(borrow)]
    #[schema(value_type = Option<Spec>)]
    definition: Option<&'a RawValue>,
    /// The relative lift to find, such as 0.05; absent: that of the experiment's goal.
    lift: Option<f64>,
    /// Visitors of its audience per day, all variants together; absent: its own.
    visitors_per_day: Option<f64>,
    /// The control's mean of the goal metric, a rate for a conversion; absent: its own.
    baseline: Option<f64>,
    /// The standard deviation between visitors, for a metric that is no conversion.
    sd: Option<f64>,
    /// By when it should be decided, in days from now; absent: the experiment's `ends` or `goal.by`.
    days: Option<u32>,
}

impl Wire<'_> {
    fn ask(&self) -> Ask {
        Ask {
            lift: self.lift,
            visitors_per_day: self.visitors_per_day,
            baseline: self.baseline,
            sd: self.sd,
            days: self.days,
        }
    }
}

/// Plans an experiment.
pub(super) async fn plan(server: Data<Server>, body: Body) -> Result<HttpResponse, Problem> {
    let body = body::bytes(body).await?;
    let wire: Wire<'_> = body::json(&body)?;
    let planned = match (&wire.experiment, wire.definition) {
        (Some(key), None) => running(&server, key, wire.ask()),
        (None, Some(definition)) => {
            let spec = read_json(definition.get()).map_err(invalid_definition)?;
            let experiment = Experiment::compile(spec, None).map_err(invalid_definition)?;
            answer(&Question {
                experiment: &experiment,
                own: None,
                now: server.engine.clock().now(),
                ask: wire.ask(),
            })
            .map_err(Problem::from)
        }
        (Some(_), Some(_)) | (None, None) => {
            let detail = "or definition must be given, and not both";
            return Err(Problem::at(Code::InvalidField, "experiment", detail));
        }
    };
    Ok(HttpResponse::Ok().json(planned?))
}

fn running(server: &Server, key: &str, ask: Ask) -> Result<Plan, Problem> {
    let entry = find(server, key)?;
    let now = server.engine.clock().now();
    let today = server.engine.snapshot().zone.day(now);
    let planned = server.engine.with_cells(entry.serial, |cells| {
        answer(&Question {
            experiment: &entry.experiment,
            own: Some(Own {
                entry: &entry,
                cells,
                today,
            }),
            now,
            ask,
        })
    });
    Ok(planned?)
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Invalid { field, detail } => Self::at(Code::InvalidField, field, detail),
            PlanError::Missing { field, detail } => Self::at(Code::PlanIncomplete, field, detail),
            PlanError::Nothing(detail) => Self::new(Code::NothingToPlan, detail),
        }
    }
}
