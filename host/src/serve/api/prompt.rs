//! `/v1/prompt`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::body::{Body, blocking};
use crate::run::{self, Preview, PreviewRequest, RunError};
use crate::serve::asked::Asked;
use crate::serve::error::ApiError;
use crate::serve::shared::Shared;
use ft_engine::model::tokenizer::Piece;
use ft_sandbox::Stop;
use ft_store::datasets::location::Access;
use ft_store::progress::Silent;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    options: Map<String, Value>,
    #[serde(default)]
    index: usize,
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    preview: Preview,
    demonstration_tokens: Vec<Piece>,
}

/// Shows the prompt of a query.
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Body(Request { options, index }): Body<Request>,
) -> Result<Response, ApiError> {
    let asked = Asked::new(&options, shared.catalogue().await?.as_ref())?;
    let one = shared.previews.clone().acquire_owned().await.map_err(|_| ApiError::stopping())?;
    let stop = StopWhenDropped(Stop::default());
    let (of_thread, stopped) = (shared.clone(), stop.0.clone());
    // Plugins compute, and stay with the thread that opened them.
    let preview = blocking(move || {
        let _one = one;
        preview(&of_thread, asked, index, &stopped)
    })
    .await?;
    Ok(Json(preview.map_err(|error| ApiError::of(&error))?).into_response())
}

/// Ends what a request began when nobody waits for it any more.
struct StopWhenDropped(Stop);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.ask();
    }
}

fn preview(shared: &Shared, asked: Asked, index: usize, stop: &Stop) -> Result<Answer, RunError> {
    let seed = asked.options.seeds.list().map_err(run::ConfigError::Seeds)?.first().copied().unwrap_or(0);
    let (config, model) = asked.task_config(&shared.surroundings)?;
    let asked = PreviewRequest { model: &model, seed, index };
    let access = Access { environment: &shared.surroundings.environment, progress: &Silent };
    let engine = shared.surroundings.engine_with(stop);
    let mut preview = run::preview(&config, asked, access, &shared.observer, &engine)?;
    let demonstration_tokens = std::mem::take(&mut preview.demonstration_tokens);
    Ok(Answer { preview, demonstration_tokens })
}
