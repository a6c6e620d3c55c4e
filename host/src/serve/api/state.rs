//! What the server says of itself: `/healthz`, `/metrics`, `/v1/plugins`, `/openapi.json`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::serve::error::ApiError;
use crate::serve::shared::Shared;

/// The description of the API.
pub(super) const OPENAPI: &str = include_str!("../openapi.json");

/// The description of the API.
pub(super) async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// Whether requests are taken.
pub(super) async fn health(State(shared): State<Arc<Shared>>) -> Response {
    match *shared.stopping.borrow() {
        false => Json(json!({ "status": "ok" })).into_response(),
        true => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "stopping" }))).into_response(),
    }
}

/// All counts.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.metrics.text()).into_response()
}

/// What runs may name, and how much a request may ask for.
pub(super) async fn plugins(State(shared): State<Arc<Shared>>) -> Result<Response, ApiError> {
    let catalogue = shared.catalogue().await?;
    let mut listing = json!(catalogue.listing());
    listing["version"] = json!(env!("CARGO_PKG_VERSION"));
    let limits = shared.config.limits;
    listing["limits"] = json!({ "rows": limits.queue_rows, "body_bytes": limits.body_bytes });
    Ok(Json(listing).into_response())
}
