//! Carrying out a run that was asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::asked::{Asked, Kind};
use super::super::config::Surroundings;
use super::super::contexts::Contexts;
use super::super::error::whole;
use super::journal::State;
use super::observer::RunObserver;
use super::run::Run;
use crate::diagnosis::{Diagnosis, Fault};
use crate::run::{self, Observer, Plan, RunConfig, RunError};
use ft_store::datasets::location::Access;

/// Carries out a run, and writes into its journal how it ends.
pub(super) fn carry_out(run: &Run, surroundings: &Surroundings, contexts: &Arc<Contexts>) {
    let Some(asked) = run.asked.clone() else { return };
    // It may have been stopped while it waited.
    if !run.journal.enter(State::Running) {
        return;
    }
    let Ok(ended) = catch_unwind(AssertUnwindSafe(|| carried_out(run, asked, surroundings, contexts))) else {
        return run.journal.end(State::Failed, Some("the program failed; stderr has more"));
    };
    match ended {
        Ok(Ended::Whole) => run.journal.end(State::Done, None),
        Ok(Ended::Stopped) => run.journal.end(State::Stopped, None),
        Err(error) if error.fault() == Fault::Interrupted => run.journal.end(State::Stopped, None),
        Err(error) => run.journal.end(State::Failed, Some(&whole(&error))),
    }
}

/// How a run came to an end.
enum Ended {
    Whole,
    Stopped,
}

fn carried_out(
    run: &Run,
    asked: Asked,
    surroundings: &Surroundings,
    contexts: &Arc<Contexts>,
) -> Result<Ended, RunError> {
    let told = Arc::new(RunObserver::new(&run.id, run.journal.clone(), contexts.clone(), run.folder.steps()));
    let observer: Arc<dyn Observer> = told.clone();
    let engine = surroundings.engine_with(&run.stop);
    let access = Access { environment: &surroundings.environment, progress: told.as_ref() };
    let config = config(run, asked, surroundings)?;
    let plan = run::prepare_single(config, access, &observer, &engine)?;
    run.journal.add("plan", of_plan(&plan)?);
    told.begin_with(plan.record().draw.seed);
    let (weights, stop) = (&surroundings.weights, run.stop.flag());
    match run.kind {
        Kind::Tune => run::tune(plan, weights, &observer, stop, |saved| {
            run.journal.add("selected", json!(saved.record.selected));
        })
        .map(|_| Ended::Whole),
        Kind::Run => {
            let outcome = run::execute(plan, weights, &observer, stop)?;
            Ok(if outcome.interrupted { Ended::Stopped } else { Ended::Whole })
        }
    }
}

/// The run's configuration, whose files all go into its folder.
fn config(run: &Run, asked: Asked, surroundings: &Surroundings) -> Result<RunConfig, RunError> {
    let config = asked.config(run.kind, surroundings)?;
    let (out, save_context) = match run.kind {
        Kind::Run => (run.folder.results(), Some(run.folder.result())),
        Kind::Tune => (run.folder.result(), None),
    };
    Ok(RunConfig { out, save_context, step_contexts: Some(run.folder.steps()), ..config })
}

/// What is known before weights are read.
fn of_plan(plan: &Plan) -> Result<Value, RunError> {
    let record = plan.record();
    let pieces = plan.demonstration_pieces()?;
    let demonstrations = record.draws().zip(pieces).map(|(draw, pieces)| {
        let rows = &draw.demonstration_rows;
        json!({ "seed": draw.seed, "rows": rows, "text": draw.demonstrations, "tokens": pieces })
    });
    Ok(json!({
        "task": record.task.name,
        "optimizer": record.optimizer.name,
        "model": record.model.asked,
        "labels": record.labels,
        "seeds": record.draws().map(|draw| draw.seed).collect::<Vec<u64>>(),
        "steps": record.config.steps,
        "notes": record.notes,
        "demonstrations": demonstrations.collect::<Vec<Value>>(),
    }))
}
