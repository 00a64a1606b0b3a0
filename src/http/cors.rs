//! Which web pages may talk to the server from a browser.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_cors::{Cors, CorsError, CorsMiddleware};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, ORIGIN, RETRY_AFTER,
};
use actix_web::{Error, ResponseError};
use futures_util::future::{Either, FutureExt, LocalBoxFuture, Map};

use super::connection::Connection;
use super::error::{Code, Problem};
use crate::engine::Engine;

/// How long a browser remembers the answer to its question, in seconds.
const MAX_AGE: usize = 3_600;

/// Lets pages of these origins in, and those of the keys in force; `*` is any. It stands before everything else, so that
/// a page reads errors, too.
pub fn cors(origins: &[String], engine: Engine) -> Pages {
    let named = |name| HeaderName::from_static(name);
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PUT"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH])
        .allowed_headers([named("x-api-key"), named("x-retry-count")])
        .expose_headers([ETAG, RETRY_AFTER])
        .max_age(MAX_AGE);
    let keys = engine.clone();
    let cors = if origins.iter().any(|origin| origin == "*") {
        cors.allow_any_origin().send_wildcard()
    } else {
        let own = |cors: Cors, origin: &String| cors.allowed_origin(origin.trim_end_matches('/'));
        let of_keys = move |origin: &[u8]| keys.snapshot().keys.welcomes(origin);
        let cors = origins.iter().fold(cors, own);
        cors.allowed_origin_fn(move |origin, _| of_keys(origin.as_bytes()))
    };
    Pages {
        cors,
        engine,
        are_named: !origins.is_empty(),
    }
}

/// CORS where it can matter: while neither settings nor keys name a page, a request of no page costs nothing.
pub struct Pages {
    cors: Cors,
    engine: Engine,
    are_named: bool,
}

impl<S, B> Transform<S, ServiceRequest> for Pages
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Paged<S>;
    type InitError = ();
    type Future = Ready<Result<Paged<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let service = Rc::new(service);
        let cors = self.cors.new_transform(Rc::clone(&service)).into_inner();
        let (engine, are_named) = (self.engine.clone(), self.are_named);
        ready(cors.map(|cors| Paged {
            cors,
            service,
            engine,
            are_named,
        }))
    }
}

/// The service, and CORS before it.
pub struct Paged<S> {
    cors: CorsMiddleware<Rc<S>>,
    service: Rc<S>,
    engine: Engine,
    are_named: bool,
}

/// The answer of a service.
type Answered<B> = Result<ServiceResponse<B>, Error>;
/// An answer on its way through CORS.
type Asked<B> = LocalBoxFuture<'static, Answered<EitherBody<B>>>;
/// The same, where a page that is not let in is told so as everybody else is told.
type Told<B> = fn(Answered<EitherBody<B>>) -> Answered<EitherBody<B>>;
/// The same, as CORS would give it.
type Left<B> = fn(Answered<B>) -> Answered<EitherBody<B>>;

impl<S, B> Service<ServiceRequest> for Paged<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Either<Map<Asked<B>, Told<B>>, Map<S::Future, Left<B>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if let Some(connection) = request.conn_data::<Arc<Connection>>() {
            connection.moves();
        }
        let may_matter = self.are_named
            || request.headers().contains_key(ORIGIN)
            || !self.engine.snapshot().keys.is_empty();
        if may_matter {
            let told: Told<B> = |answered| answered.map(told);
            return Either::Left(self.cors.call(request).map(told));
        }
        let left: Left<B> = |answered| answered.map(ServiceResponse::map_into_left_body);
        Either::Right(self.service.call(request).map(left))
    }
}

/// A refusal of CORS as a problem.
fn told<B>(response: ServiceResponse<EitherBody<B>>) -> ServiceResponse<EitherBody<B>> {
    let error = response.response().error();
    let Some(error) = error.and_then(|error| error.as_error::<CorsError>()) else {
        return response;
    };
    let problem = Problem::new(Code::OriginForbidden, format!("{error}."));
    response.into_response(problem.error_response().map_into_right_body())
}
