//! `/v1/contexts`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::serve::contexts::ContextSummary;
use crate::serve::shared::Shared;

#[derive(Serialize)]
pub(super) struct List {
    contexts: Vec<ContextSummary>,
}

/// What is served.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<List> {
    Json(List { contexts: shared.contexts.list() })
}
