//! Bodies of requests as JSON.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
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
