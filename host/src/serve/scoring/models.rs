//! The contexts that are open, with the models and tasks that they were tuned with.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::config::{ServeError, Surroundings};
use super::super::contexts::NamedContext;
use super::super::error::ApiError;
use crate::context::{ContextError, ContextFolder};
use crate::run::{Observer, Plugins, PredictRequest, Predictor, RunError};
use ft_engine::text::{Untrusted, size};
use ft_record::files::context::ContextRecord;
use ft_sandbox::{Limits, Stop};
use ft_store::datasets::location::Access;
use ft_store::fs::cache_paths::CachePaths;
use ft_store::progress::Silent;

/// Bytes of open contexts beyond which those that nobody asks for are let go of, and which a request's may not exceed.
const ROOM: u64 = 1 << 30;

/// An open context.
struct Open {
    /// None of one whose name stands for nothing or for another by now, and that is let go of when nobody uses it any more.
    name: Option<String>,
    /// The digest of its tensors.
    sha256: Untrusted,
    /// What stands for it while it is open.
    number: u64,
    bytes: u64,
    /// When it was last asked for, in requests.
    asked: u64,
}

/// A task and a model with contexts.
struct Model {
    predictor: Predictor,
    /// In the predictor's order.
    contexts: Vec<Open>,
}

/// Where contexts of a request are: the number of the model, and the numbers of the contexts.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub model: u64,
    pub contexts: Vec<u64>,
}

/// All that is open.
pub(super) struct Models {
    surroundings: Surroundings,
    observer: Arc<dyn Observer>,
    /// With their numbers.
    models: Vec<(u64, Model)>,
    next: u64,
}

impl Models {
    pub fn new(surroundings: Surroundings, observer: Arc<dyn Observer>) -> Self {
        Self { surroundings, observer, models: Vec::new(), next: 0 }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The places of contexts, which are opened where they are not, as long as they are `wanted`. `in_use` are contexts that have
    /// to stay.
    ///
    /// # Errors
    /// A context that is damaged or whose task or model is not there; contexts of several tasks or models, the same context
    /// twice, more than there is room for.
    pub fn places(
        &mut self,
        contexts: &[NamedContext],
        in_use: &[u64],
        wanted: impl Fn() -> bool,
    ) -> Result<Places, ApiError> {
        let placed = self.placed(contexts, wanted);
        let stay: Vec<u64> = placed.iter().flat_map(|places| places.contexts.iter().copied()).collect();
        // Whatever was opened for a request that is refused goes again, if it has no room.
        self.make_room(|number| in_use.contains(&number) || stay.contains(&number));
        placed
    }

    fn placed(&mut self, contexts: &[NamedContext], wanted: impl Fn() -> bool) -> Result<Places, ApiError> {
        let mut places: Vec<(u64, u64)> = Vec::with_capacity(contexts.len());
        let (mut bytes, mut names) = (0, HashMap::new());
        for context in contexts {
            if !wanted() {
                return Err(ApiError::too_slow());
            }
            let place = match self.place(context) {
                Some(place) => place,
                None => self.open(context).map_err(|error| ApiError::of(&error))?,
            };
            places.push(place);
            let Some(open) = self.opens().find(|open| open.number == place.1) else { continue };
            bytes += open.bytes;
            if bytes > ROOM {
                let message = format!("expected contexts of at most {} in a request, got more", size(ROOM));
                return Err(ApiError::too_large(message));
            }
            // Its word would count twice.
            if let Some(other) = names.insert(open.sha256.clone(), &context.name) {
                let message = format!("expected different contexts, got that of `{other}` again as `{}`", context.name);
                return Err(ApiError::refused(message));
            }
        }
        let Some(&(model, _)) = places.first() else {
            return Err(ApiError::invalid("expected a context, got none"));
        };
        if let Some((context, _)) = contexts.iter().zip(&places).find(|(_, place)| place.0 != model) {
            let (first, other) = (&contexts[0].name, &context.name);
            let message = format!("expected contexts of one task and model, got `{first}` and `{other}`");
            return Err(ApiError::refused(message));
        }
        let places = Places { model, contexts: places.into_iter().map(|(_, context)| context).collect() };
        let asked = self.number();
        for open in self.models.iter_mut().flat_map(|(_, model)| &mut model.contexts) {
            if places.contexts.contains(&open.number) {
                open.asked = asked;
            }
        }
        Ok(places)
    }

    fn opens(&self) -> impl Iterator<Item = &Open> {
        self.models.iter().flat_map(|(_, model)| &model.contexts)
    }

    /// Where a context is open. One that was open under its name and is another is not any more.
    fn place(&mut self, context: &NamedContext) -> Option<(u64, u64)> {
        let opens = self.models.iter_mut().flat_map(|(number, model)| {
            let number = *number;
            model.contexts.iter_mut().map(move |open| (number, open))
        });
        let (model, open) = opens.into_iter().find(|(_, open)| open.name.as_ref() == Some(&context.name))?;
        if context.sha256.as_ref().is_some_and(|sha256| *sha256 != open.sha256) {
            open.name = None;
            return None;
        }
        Some((model, open.number))
    }

    /// Opens several contexts of which none is open.
    ///
    /// # Errors
    /// A context that is damaged or whose task or model is not there.
    pub fn open_all(&mut self, contexts: &[NamedContext]) -> Result<(), ServeError> {
        contexts.iter().try_for_each(|context| self.open(context).map(drop))
    }

    /// Opens a context: with a model and a task that are open, where it was tuned with them, or with its own.
    fn open(&mut self, context: &NamedContext) -> Result<(u64, u64), ServeError> {
        let folder = ContextFolder::open(&context.folder).map_err(RunError::from)?;
        let number = self.number();
        let sha256 = folder.record().tensors.file.sha256.clone();
        if context.sha256.as_ref().is_some_and(|known| *known != sha256) {
            return Err(ServeError::OtherContext { name: context.name.clone(), folder: context.folder.clone() });
        }
        let bytes = bytes_in_memory(folder.record());
        let open = Open { name: Some(context.name.clone()), sha256, number, bytes, asked: number };
        for (of_model, model) in &mut self.models {
            match model.predictor.add(&folder) {
                Ok(()) => {
                    model.contexts.push(open);
                    return Ok((*of_model, number));
                }
                Err(RunError::Context(ContextError::Mismatch { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let predictor = self.predictor(vec![context.folder.clone()])?;
        let of_model = self.number();
        self.models.push((of_model, Model { predictor, contexts: vec![open] }));
        Ok((of_model, number))
    }

    fn predictor(&self, contexts: Vec<PathBuf>) -> Result<Predictor, RunError> {
        let Surroundings { environment, plugin_path, limits, device, batch_tokens, weights, .. } = &self.surroundings;
        let request = PredictRequest {
            contexts: &contexts,
            task: None,
            model: None,
            device: *device,
            batch_tokens: batch_tokens.unwrap_or(PredictRequest::BATCH_TOKENS),
            limits: &limits.over(&Limits::default()),
            calibrate: None,
        };
        let access = Access { environment, progress: &Silent };
        let engine = self.surroundings.engine_with(&Stop::default());
        Predictor::open(&request, plugin_path, access, weights, &self.observer, &engine)
    }

    /// The predictor of a model that is open.
    pub fn predictor_of(&mut self, number: u64) -> Option<&mut Predictor> {
        let (_, model) = self.models.iter_mut().find(|(model, _)| *model == number)?;
        Some(&mut model.predictor)
    }

    /// A model's predictor and where it has some of its contexts.
    pub fn scorer(&self, places: &Places) -> Option<(&Predictor, Vec<usize>)> {
        let (_, model) = self.models.iter().find(|(number, _)| *number == places.model)?;
        let place = |number: &u64| model.contexts.iter().position(|open| open.number == *number);
        Some((&model.predictor, places.contexts.iter().map(place).collect::<Option<_>>()?))
    }

    /// Opens the task of a model anew: it has failed, and nobody knows in what state it is.
    ///
    /// # Errors
    /// A task that is not there any more or is another by now.
    pub fn reopen_task(&mut self, number: u64) -> Result<(), RunError> {
        let Surroundings { environment, limits, .. } = &self.surroundings;
        let engine = self.surroundings.engine_with(&Stop::default());
        let plugins = Plugins::new(&CachePaths::new(environment), &self.observer, &engine)?;
        let limits = limits.over(&Limits::default());
        self.predictor_of(number).map_or(Ok(()), |predictor| predictor.reopen_task(&plugins, &limits))
    }

    /// Lets go of all that is open.
    pub fn clear(&mut self) {
        self.models.clear();
    }

    /// Lets go of a model, which has failed.
    pub fn drop_model(&mut self, number: u64) {
        self.models.retain(|(model, _)| *model != number);
    }

    /// Lets go of the contexts whose names begin so; of those in use as soon as they are not any more.
    pub fn forget(&mut self, prefix: &str, in_use: &[u64]) {
        for open in self.models.iter_mut().flat_map(|(_, model)| &mut model.contexts) {
            open.name.take_if(|name| name.starts_with(prefix));
        }
        self.make_room(|number| in_use.contains(&number));
    }

    /// Lets go of what was asked for longest ago, until the rest has room.
    fn make_room(&mut self, stays: impl Fn(u64) -> bool) {
        let is_nameless = |open: &&Open| open.name.is_none() && !stays(open.number);
        let mut gone: Vec<u64> = self.opens().filter(is_nameless).map(|open| open.number).collect();
        let left = || self.opens().filter(|open| !gone.contains(&open.number));
        let mut bytes: u64 = left().map(|open| open.bytes).sum();
        let idle = left().filter(|open| !stays(open.number));
        let mut idle: Vec<(u64, u64, u64)> = idle.map(|open| (open.asked, open.number, open.bytes)).collect();
        idle.sort_unstable();
        for (_, number, of_context) in idle {
            if bytes <= ROOM {
                break;
            }
            bytes -= of_context;
            gone.push(number);
        }
        self.retain(|open| !gone.contains(&open.number));
    }

    fn retain(&mut self, stays: impl Fn(&Open) -> bool) {
        for (_, model) in &mut self.models {
            for place in (0..model.contexts.len()).rev() {
                if !stays(&model.contexts[place]) {
                    model.contexts.remove(place);
                    model.predictor.remove(place);
                }
            }
        }
        self.models.retain(|(_, model)| !model.contexts.is_empty());
    }
}

/// Bytes that a context takes in memory: keys and values in f32 at most, and once more where queries of its task start with the same.
fn bytes_in_memory(record: &ContextRecord) -> u64 {
    let tensors = &record.tensors;
    let numbers = [tensors.layers, tensors.kv_heads, tensors.head_dim, tensors.positions].map(|count| count as u64);
    let copies = if record.plan.shared_start.is_empty() { 1 } else { 2 };
    numbers.into_iter().fold(2 * 4 * copies, u64::saturating_mul)
}
