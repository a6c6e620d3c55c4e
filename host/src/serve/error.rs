//! What a request is answered that cannot be carried out.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::diagnosis::{Diagnosis, Fault};

/// A refusal: a status, a word that programs look at, and a sentence for people.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub status: StatusCode,
    code: &'static str,
    message: String,
    /// Seconds after which the same request may be taken.
    retry_after: Option<u64>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// A request whose form or values are none that are taken.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// A request without the token.
    pub fn unauthorized() -> Self {
        let message = "expected the token of this server as `Authorization: Bearer TOKEN`, got none or another";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// A request that comes from where none is taken from.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// Something that is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    /// A method that a path does not have.
    pub fn method() -> Self {
        let message = "expected a method that this path has, see /openapi.json";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message)
    }

    /// What cannot be done as things stand.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// More bytes or rows than a request may have.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    /// A body of another kind.
    pub fn media_type() -> Self {
        let message = "expected a body with `Content-Type: application/json`, got another";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", message)
    }

    /// A request that was understood and cannot be carried out.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", message)
    }

    /// More work than there is room for.
    pub fn full(message: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "queue-full", message) }
    }

    /// A request that took too long.
    pub fn too_slow() -> Self {
        let message = "expected an answer within the time of a request, got none (`--request-time`)";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timed-out", message)
    }

    /// The server ends.
    pub fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the server is being stopped")
    }

    /// Something went wrong that is no fault of the request.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", message)
    }

    /// What a failure of the program means for a request.
    pub fn of(error: &dyn Diagnosis) -> Self {
        let message = whole(error);
        match error.fault() {
            Fault::Input => Self::refused(message),
            Fault::Interrupted => Self::stopping(),
            Fault::Plugin | Fault::Host => Self::failed(message),
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error with its causes and what to do next, as one text.
pub(super) fn whole(error: &dyn Diagnosis) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some errors repeat their cause in their own message.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    match error.hint() {
        Some(hint) => format!("{text} ({hint})"),
        None => text,
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Said<'a>,
}

#[derive(Serialize)]
struct Said<'a> {
    code: &'a str,
    message: &'a str,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = axum::Json(Body { error: Said { code: self.code, message: &self.message } });
        let mut response = (self.status, body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
