//! `POST /api/v1/plan`: what the traffic of an experiment, running or only described, can decide.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Server;
use super::body::{self, Body};
use super::error::{Code, Problem};
use super::experiments::{find, invalid_definition};
use crate::catalog::experiment::Experiment;
use crate::catalog::read_json;
use crate::plan::{Ask, Own, Plan, PlanError, Question, plan as answer};

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    experiment: Option<String>,
    #[serde(borrow)]
    definition: Option<&'a RawValue>,
    lift: Option<f64>,
    visitors_per_day: Option<f64>,
    baseline: Option<f64>,
    sd: Option<f64>,
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
    let body = body::bytes(body)?;
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
