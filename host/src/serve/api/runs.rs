//! `/v1/runs`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::body::Body;
use crate::serve::asked::{Asked, Kind};
use crate::serve::error::ApiError;
use crate::serve::runs::Log;
use crate::serve::server::Shared;

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
    let run = shared.runs.add(kind, options, asked)?;
    let place = format!("/v1/runs/{}", run.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(run.whole())).into_response())
}

/// A run, whole.
pub(super) async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(shared.runs.get(&id)?.whole()))
}

/// Stops a run, or removes one that has ended.
pub(super) async fn end(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let run = shared.runs.get(&id)?;
    if !run.log.state().is_end() {
        shared.runs.stop(&run);
        return Ok((StatusCode::ACCEPTED, Json(run.whole())).into_response());
    }
    shared.runs.remove(&run)?;
    shared.scoring.forget(format!("runs/{id}/"));
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Saves a context of a run.
pub(super) async fn save(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Body(Save { name, seed, step }): Body<Save>,
) -> Result<Response, ApiError> {
    let run = shared.runs.get(&id)?;
    let of_thread = shared.clone();
    let saved = tokio::task::spawn_blocking(move || {
        let contexts = of_thread.config.folder.join("contexts");
        of_thread.runs.save(&run, (seed, step), &contexts, &name)
    });
    let summary = saved.await.map_err(|_| ApiError::failed("the program failed; stderr has more"))??;
    Ok((StatusCode::CREATED, Json(summary)).into_response())
}

/// What happened in a run and what happens, as it comes.
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let run = shared.runs.get(&id)?;
    let last = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|id| id.parse::<usize>().ok()));
    let next = match last {
        None => 0,
        Some(Some(last)) => last.saturating_add(1),
        Some(None) => return Err(ApiError::invalid("`Last-Event-ID`: expected a number, got another text")),
    };
    let stream = stream(run.log.clone(), next, shared.stopping.clone());
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}

/// The entries of a log from a number on, until the run has ended or the server ends.
fn stream(
    log: Arc<Log>,
    next: usize,
    stopping: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let more = log.watch();
    unfold((log, next, more, stopping), |(log, next, mut more, mut stopping)| async move {
        loop {
            more.borrow_and_update();
            match log.entry(next) {
                (Some(entry), _) => {
                    let event = Event::default().id(next.to_string()).event(&entry.event);
                    // A value of JSON is always written.
                    let event = event.json_data(&entry.data).unwrap_or_default();
                    return Some((Ok(event), (log, next + 1, more, stopping)));
                }
                (None, false) => return None,
                (None, true) => {
                    tokio::select! {
                        changed = more.changed() => changed.ok()?,
                        _ = stopping.wait_for(|stopping| *stopping) => return None,
                    }
                }
            }
        }
    })
}
