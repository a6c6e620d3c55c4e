//! `/v1/predict`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::body::Body;
use crate::serve::contexts::NamedContext;
use crate::serve::error::ApiError;
use crate::serve::scoring::Input;
use crate::serve::shared::Shared;
use crate::ui::predict::PredictionLine;

/// Contexts of one request.
const MOST_CONTEXTS: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    contexts: Option<Vec<String>>,
    texts: Option<Vec<String>>,
    rows: Option<Vec<Map<String, Value>>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    contexts: Vec<&'a str>,
    predictions: Vec<PredictionLine<'a>>,
}

/// Predicts texts or rows behind contexts.
pub(super) async fn predict(
    State(shared): State<Arc<Shared>>,
    Body(Asked { contexts, texts, rows }): Body<Asked>,
) -> Result<Response, ApiError> {
    let contexts = named(&shared, contexts)?;
    let input = match (texts, rows) {
        (Some(texts), None) => Input::Texts(texts),
        (None, Some(rows)) => Input::Rows(rows),
        (Some(_), Some(_)) => return Err(ApiError::invalid("expected one of `texts` and `rows`, got both")),
        (None, None) => return Err(ApiError::invalid("expected `texts` or `rows`, got neither")),
    };
    if input.len() == 0 {
        return Err(ApiError::invalid("expected a text or a row, got none"));
    }
    let names: Vec<String> = contexts.iter().map(|context| context.name.clone()).collect();
    let rows = shared.scoring.predict(contexts, input).await?;
    let predictions = (0..).zip(&rows).map(|(index, row)| PredictionLine::of(index, row)).collect();
    Ok(Json(Answer { contexts: names.iter().map(String::as_str).collect(), predictions }).into_response())
}

/// The contexts of some names, or the one that is served.
fn named(shared: &Shared, names: Option<Vec<String>>) -> Result<Vec<NamedContext>, ApiError> {
    let names = match names {
        Some(names) if names.is_empty() => return Err(ApiError::invalid("`contexts`: expected a name, got none")),
        Some(names) if names.len() > MOST_CONTEXTS => {
            let message = format!("`contexts`: expected at most {MOST_CONTEXTS} names, got {}", names.len());
            return Err(ApiError::too_large(message));
        }
        Some(names) => names,
        None => vec![shared.contexts.only().ok_or_else(|| {
            ApiError::invalid("`contexts`: expected a name of /v1/contexts, got none, and not just one is served")
        })?],
    };
    if let Some(twice) = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
        return Err(ApiError::invalid(format!("`contexts`: expected each name once, got `{}` twice", twice.1)));
    }
    let context = |name: &String| {
        let unknown = || ApiError::not_found(format!("expected a context of /v1/contexts or of a run, got `{name}`"));
        shared.contexts.get(name).ok_or_else(unknown)
    };
    names.iter().map(context).collect()
}
