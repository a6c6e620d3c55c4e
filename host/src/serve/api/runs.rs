//! `/v1/runs`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::{Body, RunId, blocking};
use crate::serve::asked::{Asked, Kind};
use crate::serve::error::ApiError;
use crate::serve::runs::EventJournal;
use crate::serve::shared::Shared;

/// How often a stream of events shows that it is alive.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    kind: Kind,
    options: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Save {
    name: String,
    seed: Option<u64>,
    step: Option<u32>,
}

/// All runs, in short.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let runs: Vec<Value> = shared.runs.list().iter().map(|run| run.summary()).collect();
    Json(json!({ "runs": runs }))
}

/// Has a run carried out.
pub(super) async fn start(
    State(shared): State<Arc<Shared>>,
    Body(Start { kind, options }): Body<Start>,
) -> Result<Response, ApiError> {
    let asked = Asked::new(&options, shared.catalogue().await?.as_ref())?;
    let of_thread = shared.clone();
    let run = blocking(move || of_thread.runs.add(kind, options, asked)).await??;
    let place = format!("/v1/runs/{}", run.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(run.whole())).into_response())
}

/// A run, whole.
pub(super) async fn show(State(shared): State<Arc<Shared>>, RunId(id): RunId) -> Result<Json<Value>, ApiError> {
    let run = shared.runs.get(&id)?;
    Ok(Json(blocking(move || run.whole()).await?))
}

/// Stops a run, or removes one that has ended.
pub(super) async fn end(State(shared): State<Arc<Shared>>, RunId(id): RunId) -> Result<Response, ApiError> {
    let run = shared.runs.get(&id)?;
    if !run.journal.state().is_end() {
        shared.runs.stop(&run);
        return Ok((StatusCode::ACCEPTED, Json(blocking(move || run.whole()).await?)).into_response());
    }
    let of_thread = shared.clone();
    blocking(move || of_thread.runs.remove(&run, &of_thread.scoring)).await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Saves a context of a run.
pub(super) async fn save(
    State(shared): State<Arc<Shared>>,
    RunId(id): RunId,
    Body(Save { name, seed, step }): Body<Save>,
) -> Result<Response, ApiError> {
    let run = shared.runs.get(&id)?;
    let of_thread = shared.clone();
    let saved = blocking(move || {
        let contexts = of_thread.config.folder.join("contexts");
        of_thread.runs.save(&run, (seed, step), &contexts, &name)
    });
    let summary = saved.await??;
    Ok((StatusCode::CREATED, Json(summary)).into_response())
}

/// What happened in a run and what happens, as it comes.
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    RunId(id): RunId,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let run = shared.runs.get(&id)?;
    let last = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|id| id.parse::<usize>().ok()));
    let next = match last {
        None => 0,
        Some(Some(last)) => last.saturating_add(1),
        Some(None) => return Err(ApiError::invalid("`Last-Event-ID`: expected a number, got another text")),
    };
    let stream = stream(run.journal.clone(), next);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}

/// The entries of a journal from a number on, until the run has ended; when the server is being stopped, its runs end.
fn stream(journal: Arc<EventJournal>, next: usize) -> impl Stream<Item = Result<Event, Infallible>> {
    let more = journal.watch();
    unfold((journal, next, more), |(journal, next, mut more)| async move {
        loop {
            more.borrow_and_update();
            match journal.entry(next) {
                (Some(entry), _) => {
                    // JSON is one line.
                    let event = Event::default().id(next.to_string()).event(&entry.event).data(&entry.data);
                    return Some((Ok(event), (journal, next + 1, more)));
                }
                (None, false) => return None,
                (None, true) => more.changed().await.ok()?,
            }
        }
    })
}
