//! Who may ask: requests of this server's own page and of programs that know its token, under the names that it is known by.
//!
//! A page of somebody else in the user's browser can send requests to any address, and by giving its own name the server's
//! address (DNS rebinding) read the answers. Its requests have its name as `Host`, and those that are not simple have an `Origin`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::config::Token;
use super::error::ApiError;

/// The address at which a connection reached the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReachedAt(pub SocketAddr);

/// Paths that anybody may have: they are the same on every server.
const OPEN: [&str; 3] = ["/", "/healthz", "/openapi.json"];

/// What requests are held to.
#[derive(Debug)]
pub(super) struct Guard {
    pub token: Option<Token>,
    /// Names besides addresses.
    pub hosts: Vec<String>,
    /// Paths of the page's files.
    pub page: Vec<&'static str>,
}

impl Guard {
    fn check(&self, path: &str, headers: &HeaderMap, reached: IpAddr) -> Result<(), ApiError> {
        let host = self.check_host(headers, reached)?;
        check_origin(headers, host)?;
        if OPEN.contains(&path) || self.page.contains(&path) {
            return Ok(());
        }
        self.check_token(headers)
    }

    /// The `Host` of a request, which is one of this server's.
    fn check_host<'a>(&self, headers: &'a HeaderMap, reached: IpAddr) -> Result<&'a str, ApiError> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
            return Err(ApiError::invalid("expected one header `Host`, got none or several"));
        };
        let name = without_port(host).trim_end_matches('.');
        let is_loopback = ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| own.eq_ignore_ascii_case(name));
        let is_reached = name.trim_start_matches('[').trim_end_matches(']').parse() == Ok(reached);
        match is_loopback || is_reached || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            true => Ok(host),
            false => Err(ApiError::forbidden(
                "expected a `Host` that this server is known by, got another (`--host NAME` adds a name)",
            )),
        }
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).map(axum::http::HeaderValue::as_bytes);
        match given.and_then(|given| given.split_at_checked(b"Bearer ".len())) {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case(b"Bearer ") && token.is(given) => Ok(()),
            _ => Err(ApiError::unauthorized()),
        }
    }
}

/// Refuses what a browser says to come from another page.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), ApiError> {
    let is_own = |origin: &str| {
        let name = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        name.is_some_and(|name| name.eq_ignore_ascii_case(host))
    };
    let foreign = headers.get_all(header::ORIGIN).iter().any(|origin| !origin.to_str().is_ok_and(is_own));
    match foreign {
        true => {
            Err(ApiError::forbidden("expected a request of this server's own page or of a program, got another page's"))
        }
        false => Ok(()),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

/// Lets requests pass that [`Guard::check`] has nothing against.
pub(super) async fn pass(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let reached = request.extensions().get::<ReachedAt>().map(|ReachedAt(address)| address.ip().to_canonical());
    let reached = reached.unwrap_or(IpAddr::from([127, 0, 0, 1]));
    match guard.check(request.uri().path(), request.headers(), reached) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn answer(guard: &Guard, path: &str, headers: &[(HeaderName, &str)]) -> u16 {
        let reached = IpAddr::from([192, 168, 1, 5]);
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        guard.check(path, &map, reached).map_or_else(|refused| refused.status.as_u16(), |()| 200)
    }

    fn guard(token: Option<&str>) -> Guard {
        let token = token.map(|token| token.parse().unwrap());
        Guard { token, hosts: vec!["lab.example".into()], page: vec!["/app.js"] }
    }

    #[test]
    fn a_host_is_one_of_the_servers() {
        let of = |host: &str| answer(&guard(None), "/v1/runs", &[(header::HOST, host)]);
        for host in [
            "localhost",
            "LOCALHOST:1",
            "localhost.",
            "localhost:7860",
            "127.0.0.1:7860",
            "[::1]:80",
            "192.168.1.5:7860",
            "LAB.example:1",
        ] {
            assert_eq!(of(host), 200, "{host}");
        }
        for host in
            ["evil.example", "evil.example:7860", "localhost.evil.example", "192.168.1.6", "127.0.0.1.nip.io", "[::2]"]
        {
            assert_eq!(of(host), 403, "{host}");
        }
        assert_eq!(answer(&guard(None), "/", &[]), 400);
        let twice = [(header::HOST, "localhost"), (header::HOST, "evil.example")];
        assert_eq!(answer(&guard(None), "/", &twice), 400);
    }

    #[test]
    fn an_origin_is_the_servers_own() {
        let of = |origin: &str| {
            answer(&guard(None), "/v1/runs", &[(header::HOST, "localhost:7860"), (header::ORIGIN, origin)])
        };
        assert_eq!(of("http://localhost:7860"), 200);
        for origin in ["null", "http://localhost:8000", "http://evil.example", "http://127.0.0.1:7860", "file://"] {
            assert_eq!(of(origin), 403, "{origin}");
        }
    }

    #[test]
    fn a_token_is_asked_for_everywhere_but_at_the_page() {
        let guard = guard(Some("0123456789abcdef"));
        let host = (header::HOST, "localhost");
        for path in ["/", "/app.js", "/healthz", "/openapi.json"] {
            assert_eq!(answer(&guard, path, std::slice::from_ref(&host)), 200, "{path}");
        }
        for path in ["/metrics", "/v1/runs", "/v1/predict", "/app.js/..", "//"] {
            assert_eq!(answer(&guard, path, std::slice::from_ref(&host)), 401, "{path}");
        }
        let with = |value: &'static str| answer(&guard, "/v1/runs", &[host.clone(), (header::AUTHORIZATION, value)]);
        assert_eq!([with("Bearer 0123456789abcdef"), with("bearer 0123456789abcdef")], [200, 200]);
        for value in ["Bearer 0123456789abcde", "Bearer", "Bearer ", "0123456789abcdef", "Basic 0123456789abcdef"] {
            assert_eq!(with(value), 401, "{value}");
        }
    }
}
