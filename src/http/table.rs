//! The rows of the route table: a path, what each of its methods needs, what serves it, and what the API's
//! description says of that. No route is without its gate.

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::web;
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, ResponseError, Route};

use super::access::Gate;
use super::error::{Code, Problem};
use super::openapi::{Described, Operation};

/// A path with its methods.
pub(super) struct Paths {
    pattern: &'static str,
    resource: Resource,
    methods: Vec<Method>,
    described: Vec<Described>,
}

/// A path without methods yet.
pub(super) fn at(pattern: &'static str) -> Paths {
    Paths {
        pattern,
        resource: web::resource(pattern),
        methods: Vec::new(),
        described: Vec::new(),
    }
}

impl Paths {
    /// Serves GET.
    pub(super) fn get<F, Args>(self, gate: Gate, handler: F, describe: fn() -> Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.one(Method::GET, gate, web::get().to(handler), describe())
    }

    /// Serves PUT.
    pub(super) fn put<F, Args>(self, gate: Gate, handler: F, describe: fn() -> Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.one(Method::PUT, gate, web::put().to(handler), describe())
    }

    /// Serves POST.
    pub(super) fn post<F, Args>(self, gate: Gate, handler: F, describe: fn() -> Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.one(Method::POST, gate, web::post().to(handler), describe())
    }

    /// Serves DELETE.
    pub(super) fn delete<F, Args>(self, gate: Gate, handler: F, describe: fn() -> Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.one(Method::DELETE, gate, web::delete().to(handler), describe())
    }

    /// Serves POST of a pattern whose paths differ enough to be described one by one.
    pub(super) fn post_each<F, Args>(
        self,
        gate: Gate,
        handler: F,
        describe: fn() -> Vec<(String, Operation)>,
    ) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, gate, web::post().to(handler), describe())
    }

    /// Serves GET with a page: for people, so the API's description does not have it.
    pub(super) fn page<F, Args>(self, gate: Gate, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, gate, web::get().to(handler), Vec::new())
    }

    /// Serves POST of a page's form, which is no more described than the page.
    pub(super) fn form<F, Args>(self, gate: Gate, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, gate, web::post().to(handler), Vec::new())
    }

    fn one(self, method: Method, gate: Gate, route: Route, operation: Operation) -> Self {
        let path = self.pattern.to_owned();
        self.on(method, gate, route, vec![(path, operation)])
    }

    fn on(
        mut self,
        method: Method,
        gate: Gate,
        route: Route,
        operations: Vec<(String, Operation)>,
    ) -> Self {
        self.resource = self.resource.route(gate.before(route));
        let described = operations.into_iter().map(|(path, operation)| Described {
            method: method.as_str().to_ascii_lowercase(),
            operation: operation.behind(gate, &path),
            path,
        });
        self.described.extend(described);
        self.methods.push(method);
        self
    }

    /// What the description says.
    pub(super) fn described(&self) -> impl Iterator<Item = &Described> {
        self.described.iter()
    }

    /// What is served; another method is told the possible ones.
    pub(super) fn resource(self) -> Resource {
        let names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        let allowed = names.join(", ");
        let refused = move || {
            let answer = method_not_allowed(&allowed);
            async move { answer }
        };
        self.resource.default_service(web::to(refused))
    }
}

fn method_not_allowed(allowed: &str) -> HttpResponse {
    let detail = format!("The path exists, but not with this method; possible: {allowed}.");
    let mut response = Problem::new(Code::MethodNotAllowed, detail).error_response();
    if let Ok(allowed) = allowed.parse() {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

#[cfg(test)]
mod tests {
    use actix_web::dev::ResourceDef;

    use super::super::{hot, traced};

    #[test]
    fn what_is_described_is_where_it_is_served() {
        let all = hot().into_iter().chain(traced(true));
        for paths in all {
            let pattern = ResourceDef::new(paths.pattern);
            for of in paths.described() {
                assert!(pattern.is_match(&of.path), "{}", of.path);
            }
        }
    }
}
