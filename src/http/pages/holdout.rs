//! What all personalization earns.

use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use serde::Deserialize;

use super::super::Server;
use super::super::access::Caller;
use super::super::error::{Code, Problem};
use super::super::report::of_holdout;
use super::{PageProblem, frame, html};
use crate::dashboard::{Place, holdout};

/// What is asked.
#[derive(Deserialize)]
pub(in crate::http) struct Asked {
    /// What personalization costs per month; empty: as the settings say.
    #[serde(default)]
    monthly_cost: String,
}

/// The page.
pub(in crate::http) async fn page(
    server: Data<Server>,
    caller: Caller,
    asked: Query<Asked>,
) -> Result<HttpResponse, PageProblem> {
    let frame = frame(&caller, Some(Place::Holdout));
    let cost = asked.monthly_cost.trim();
    let cost = Some(cost).filter(|cost| !cost.is_empty()).map(str::parse);
    let cost = cost
        .transpose()
        .map_err(|_| Problem::at(Code::InvalidQuery, "monthly_cost", "must be a number"))?;
    let report = match of_holdout(&server, cost) {
        Ok(report) => report,
        Err(problem) if problem.code == Code::NoHoldout => {
            return Ok(html(HttpResponse::Ok(), holdout::nobody(&frame)));
        }
        Err(problem) => return Err(problem.into()),
    };
    let page = match &report.holdout {
        Some(of) => holdout::page(&frame, &report, of),
        None => holdout::nobody(&frame),
    };
    Ok(html(HttpResponse::Ok(), page))
}
