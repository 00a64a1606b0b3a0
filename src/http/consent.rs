//! What of a request may be kept: browsers say by `Sec-GPC: 1` (Global Privacy Control) that nothing may.

use actix_web::HttpRequest;

use super::Server;
use super::decide::durable;
use super::error::Problem;
use crate::event::Event;
use crate::fold::Outcome;
use crate::telemetry;

/// Whether the browser says that its visitor is not to be kept in mind.
pub(super) fn opts_out(request: &HttpRequest) -> bool {
    let told = request.headers().get("sec-gpc");
    told.is_some_and(|told| told == "1")
}

/// Makes the events of a request durable; those of a browser that opts out are acknowledged and go nowhere.
///
/// # Errors
/// As [`durable`].
pub(super) async fn record(
    server: &Server,
    request: &HttpRequest,
    events: Vec<Event>,
) -> Result<Vec<Outcome>, Problem> {
    if !opts_out(request) {
        return durable(server.engine.record(events)).await;
    }
    let outcomes = vec![Outcome::NoConsent; events.len()];
    telemetry::recorded(&events, &outcomes);
    let now = server.engine.clock().now();
    server.engine.recent().committed(&events, &outcomes, now);
    Ok(outcomes)
}
