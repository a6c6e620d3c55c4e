//! What handlers take of requests: bodies as JSON, names of runs; and work that a handler does not wait for itself.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use crate::serve::error::ApiError;

/// A body that is JSON and says that it is: a page of somebody else can send no such body without being asked first.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
            return Err(ApiError::media_type());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejected| match rejected.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                ApiError::too_large("expected a smaller body (`--body-bytes`), got a larger one")
            }
            _ => ApiError::invalid(format!("expected a whole body: {rejected}")),
        })?;
        let value = serde_json::from_slice(&bytes);
        value.map(Self).map_err(|error| ApiError::invalid(format!("expected a body of this path as JSON: {error}")))
    }
}

/// The name of a run in a path.
pub(super) struct RunId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for RunId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let none = |_| ApiError::not_found("expected a run of /v1/runs, got what is no text in UTF-8");
        path.map(|Path(id)| Self(id)).map_err(none)
    }
}

/// Does what waits for files or computes, on a thread where nobody else has to wait for it.
///
/// # Errors
/// A fault of the program.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ApiError::failed("the program failed; stderr has more"))
}
