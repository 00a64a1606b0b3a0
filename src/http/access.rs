//! Who may ask: each route needs a scope ([`needs`]), and a request carries a key that has it. The table is that of the
//! routes themselves.
//!
//! While there never was a key, everything is open but changes by pages of others, and this costs a look at the snapshot.
//! A key costs a look at the keyring and one hash of a few bytes.

mod limits;
mod refusal;
pub(super) mod session;

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, ORIGIN};
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, Route};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::Either;

use super::Server;
use super::error::{Code, Problem};
use crate::key::secret::Presented;
use crate::key::token::Purpose;
use crate::key::{Key, KeyId, Scope};
pub use limits::Limits;
pub(super) use refusal::Refusal;

/// What stands before a route.
#[derive(Clone, Copy)]
pub(super) enum Gate {
    /// Nothing: it needs no key.
    Open,
    /// It needs a key.
    Key(Guard),
}

impl Gate {
    /// The route behind its gate.
    pub(super) fn before(self, route: Route) -> Route {
        match self {
            Self::Open => route,
            Self::Key(guard) => route.wrap(guard),
        }
    }
}

/// The route needs a key with this scope.
pub(super) fn needs(scope: Scope) -> Gate {
    let place = Place::Headers;
    Gate::Key(Guard { scope, place })
}

/// The same, where a token in the query stands for a key.
pub(super) fn needs_or_token(scope: Scope) -> Gate {
    let place = Place::HeadersOrToken;
    Gate::Key(Guard { scope, place })
}

/// The same for a page, where a session stands for a key; whoever has none is led to where one begins.
pub(super) fn needs_or_session(scope: Scope) -> Gate {
    let place = Place::HeadersOrSession;
    Gate::Key(Guard { scope, place })
}

/// The same, where the key may also be the path's `write_key`.
pub(super) fn needs_or_path(scope: Scope) -> Gate {
    let place = Place::HeadersOrPath;
    Gate::Key(Guard { scope, place })
}

/// The same, where the key may also stand in the body: without one in the headers the handler looks for it, by
/// [`in_body`].
pub(super) fn needs_or_body(scope: Scope) -> Gate {
    let place = Place::HeadersOrBody;
    Gate::Key(Guard { scope, place })
}

/// Where a key is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the headers.
    Headers,
    /// There, or a token in the query.
    HeadersOrToken,
    /// There, or behind the session that the cookie is of.
    HeadersOrSession,
    /// There, or in the path.
    HeadersOrPath,
    /// There, or in the body.
    HeadersOrBody,
}

/// What a key must be good for, and where it is looked for.
#[derive(Clone, Copy)]
pub(super) struct Guard {
    /// What the key must be good for.
    pub scope: Scope,
    /// Where it is looked for.
    pub place: Place,
}

impl<S> Transform<S, ServiceRequest> for Guard
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = Guarded<S>;
    type InitError = ();
    type Future = Ready<Result<Guarded<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Guarded {
            service,
            guard: *self,
        }))
    }
}

/// A route behind its gate.
pub(super) struct Guarded<S> {
    service: S,
    guard: Guard,
}

impl<S> Service<ServiceRequest> for Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Either<S::Future, Ready<Result<ServiceResponse, Error>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        match self.guard.admit(request.request()) {
            Ok(()) => Either::Left(self.service.call(request)),
            Err(refusal) => {
                let response = refusal.response(request.path());
                Either::Right(ready(Ok(request.into_response(response))))
            }
        }
    }
}

impl Guard {
    /// Lets a request in, and notes whose it is.
    fn admit(self, request: &HttpRequest) -> Result<(), Refusal> {
        let Some(server) = request.app_data::<Data<Server>>() else {
            return Err(Problem::new(Code::Internal, "The route has no server.").into());
        };
        let snapshot = server.engine.snapshot();
        if snapshot.keys.is_empty() {
            return self.admit_anybody(request);
        }
        let mut decoded = [0; BASIC];
        let key = match presented(request.headers(), &mut decoded) {
            Some(secret) => opened_by(&snapshot.keys, secret),
            None => match self.place {
                Place::Headers => Err(Refusal::missing()),
                Place::HeadersOrBody => return Ok(()),
                Place::HeadersOrPath => {
                    let secret = request.match_info().get("write_key");
                    opened_by(&snapshot.keys, secret.unwrap_or_default().as_bytes())
                }
                Place::HeadersOrToken => {
                    let token = token(request.query_string()).ok_or_else(Refusal::missing)?;
                    let now = server.engine.clock().now();
                    let key = snapshot.keys.behind(token, Purpose::Stream, now);
                    key.ok_or_else(Refusal::ended)
                }
                Place::HeadersOrSession => session::key(server, &snapshot.keys, request),
            },
        }?;
        admitted(server, request, key, self.scope)
    }

    /// Lets a request in while there never was a key. A browser sends a page's plain POST to any address without asking,
    /// so what changes experiments, or makes the first key, is for the server's own pages alone, and for no page.
    fn admit_anybody(self, request: &HttpRequest) -> Result<(), Refusal> {
        let is_change = match self.scope {
            Scope::Write | Scope::Admin => true,
            Scope::Assign | Scope::Events | Scope::Force | Scope::Read => false,
        };
        let origin = request.headers().get(ORIGIN).map(HeaderValue::as_bytes);
        if is_change && origin.is_some_and(|origin| !is_own(request, origin)) {
            let detail = "While there is no key, only the server's own pages may change anything.";
            return Err(Problem::new(Code::OriginForbidden, detail).into());
        }
        Ok(())
    }
}

/// Lets a request in whose body has the key, where its headers had none.
///
/// # Errors
/// [`Refusal`].
pub(super) fn in_body(
    server: &Server,
    request: &HttpRequest,
    write_key: Option<&str>,
) -> Result<(), Refusal> {
    let snapshot = server.engine.snapshot();
    let write_key = write_key.ok_or_else(Refusal::missing)?;
    let key = opened_by(&snapshot.keys, write_key.as_bytes())?;
    admitted(server, request, key, Scope::Events)
}

/// The key that a secret opens.
///
/// # Errors
/// [`Refusal`].
pub(super) fn opened_by<'a>(
    keys: &'a crate::key::ring::Keyring,
    secret: &[u8],
) -> Result<&'a Arc<Key>, Refusal> {
    let key = Presented::parse(secret).and_then(|presented| keys.opened_by(&presented));
    key.ok_or_else(Refusal::wrong)
}

/// Holds a known key against what is asked, from where, and how often.
fn admitted(
    server: &Server,
    request: &HttpRequest,
    key: &Arc<Key>,
    scope: Scope,
) -> Result<(), Refusal> {
    if !key.scopes.allow(scope) {
        return Err(Problem::lacks(key, scope).into());
    }
    let origin = request.headers().get(ORIGIN).map(HeaderValue::as_bytes);
    if origin.is_some_and(|origin| !key.welcomes(origin) && !is_own(request, origin)) {
        let detail = format!(
            "The key {:?} is not for pages of this origin.",
            key.name.as_str()
        );
        return Err(Problem::new(Code::OriginForbidden, detail).into());
    }
    server.limits.spend(key).map_err(Refusal::too_many)?;
    request
        .extensions_mut()
        .insert(Caller::Known(Arc::clone(key)));
    Ok(())
}

/// Whether a page comes from the server itself, as the demonstration shop does: its scheme, host and port are the request's own.
///
/// The host is whatever name the browser believes, so a page that points its own name at this server (DNS rebinding) counts
/// as the server's, too. It gains nothing: no address opens anything here, and a session's cookie is of the name it was made
/// under, only a secret that the page must hold, and whoever holds it asks without naming a page at all from a program of their own. Origins of a key keep honest
/// browsers from using it on other pages; they are no second secret. What proxies say of scheme and host is believed, since
/// no page of another origin can send it: CORS lets it name few headers, and none of these.
fn is_own(request: &HttpRequest, origin: &[u8]) -> bool {
    let own = request.connection_info();
    let own = format!("{}://{}", own.scheme(), own.host());
    own.as_bytes().eq_ignore_ascii_case(origin)
}

/// Longest credentials of Basic authentication that are decoded, in bytes.
const BASIC: usize = 96;

/// The secret that the headers carry: `X-API-Key`, else `Authorization` as Bearer or as the user of Basic.
fn presented<'a>(headers: &'a HeaderMap, decoded: &'a mut [u8; BASIC]) -> Option<&'a [u8]> {
    if let Some(secret) = headers.get("x-api-key") {
        return Some(secret.as_bytes());
    }
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let Some(space) = value.iter().position(|byte| *byte == b' ') else {
        return Some(value);
    };
    let (scheme, rest) = value.split_at(space);
    let rest = rest.trim_ascii();
    if !scheme.eq_ignore_ascii_case(b"basic") {
        // Whatever scheme it is, nothing but a secret opens.
        return Some(rest);
    }
    let length = BASE64_STANDARD.decode_slice(rest, decoded).unwrap_or(0);
    decoded.get(..length)?.split(|byte| *byte == b':').next()
}

/// The token of a query.
fn token(query: &str) -> Option<&str> {
    let mut pairs = query.split('&');
    pairs.find_map(|pair| pair.strip_prefix("token="))
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Anybody: there never was a key.
    Anybody,
    /// Who holds this key.
    Known(Arc<Key>),
    /// Nobody that is known, though there are keys.
    Nobody,
}

impl Caller {
    /// Who asks, as far as the gate has found out.
    pub(super) fn of(request: &HttpRequest) -> Self {
        if let Some(caller) = request.extensions().get::<Self>() {
            return caller.clone();
        }
        let server = request.app_data::<Data<Server>>();
        if server.is_some_and(|server| server.engine.snapshot().keys.is_empty()) {
            Self::Anybody
        } else {
            Self::Nobody
        }
    }

    /// Whether nothing more has to be found out.
    pub(super) fn is_known(&self) -> bool {
        match self {
            Self::Anybody | Self::Known(_) => true,
            Self::Nobody => false,
        }
    }

    /// Whether the caller may do what `scope` is for, too.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub(super) fn may(&self, scope: Scope) -> Result<(), Problem> {
        match self {
            Self::Anybody => Ok(()),
            Self::Known(key) if key.scopes.allow(scope) => Ok(()),
            Self::Known(key) => Err(Problem::lacks(key, scope)),
            Self::Nobody => Err(Problem::new(
                Code::Unauthorized,
                "The request needs an API key.",
            )),
        }
    }

    /// Whether the caller may stay: a key may have been revoked since the request came.
    pub(super) fn may_stay(&self, server: &Server) -> bool {
        self.id()
            .is_none_or(|id| server.engine.snapshot().keys.holds(id))
    }

    /// Whether the caller's single evaluations are exposures, too: unless the key says otherwise.
    pub(super) fn exposes(&self) -> bool {
        self.key().is_none_or(|key| key.exposes)
    }

    /// The id of the caller's key.
    pub(super) fn id(&self) -> Option<KeyId> {
        self.key().map(|key| key.id)
    }

    /// The caller's key.
    pub(super) fn key(&self) -> Option<&Arc<Key>> {
        match self {
            Self::Known(key) => Some(key),
            Self::Anybody | Self::Nobody => None,
        }
    }
}

impl FromRequest for Caller {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

impl Problem {
    fn lacks(key: &Key, scope: Scope) -> Self {
        let detail = format!("The key {:?} has not the scope {scope}.", key.name.as_str());
        Self::new(Code::Forbidden, detail)
    }
}
