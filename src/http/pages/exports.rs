//! Everything on an experiment's page as a file, for a reader who has a session and no key at hand.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::super::Server;
use super::super::error::{Code, Problem};
use super::super::report::{Format, taken_along};
use super::PageProblem;

/// The report as JSON, CSV or workbook.
pub(in crate::http) async fn file(
    server: Data<Server>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, PageProblem> {
    let (key, format) = path.into_inner();
    let format = match format.as_str() {
        "json" => Format::Json,
        "csv" => Format::Csv,
        "xlsx" => Format::Xlsx,
        other => {
            let detail = format!("A report is no {other:?}; possible: html, json, csv, xlsx.");
            return Err(Problem::new(Code::NotFound, detail).into());
        }
    };
    Ok(taken_along(&server, &key, format).await?)
}
