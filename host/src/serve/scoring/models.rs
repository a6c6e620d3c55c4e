//! The contexts that are open, with the models and tasks that they were tuned with.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::config::Surroundings;
use super::super::contexts::NamedContext;
use super::super::error::ApiError;
use super::folders;
use crate::context::{ContextError, ContextFolder};
use crate::run::{Observer, PredictRequest, Predictor, RunError};
use ft_sandbox::{Limits, Stop};
use ft_store::datasets::location::Access;
use ft_store::progress::Silent;

/// Query tokens that run together.
const BATCH_TOKENS: usize = 1024;

/// Bytes of open contexts, as files, beyond which those that nobody asks for are let go of.
const ROOM: u64 = 1 << 30;

/// An open context.
struct Open {
    name: String,
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

    /// The places of contexts, which are opened where they are not. `in_use` are contexts that have to stay.
    ///
    /// # Errors
    /// A context that is damaged or whose task or model is not there; contexts of several tasks or models.
    pub fn places(&mut self, contexts: &[NamedContext], in_use: &[u64]) -> Result<Places, ApiError> {
        let mut places: Vec<(u64, u64)> = Vec::with_capacity(contexts.len());
        for context in contexts {
            let place = match self.place(&context.name) {
                Some(place) => place,
                None => self.open(context).map_err(|error| ApiError::of(&error))?,
            };
            places.push(place);
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
        self.make_room(|number| in_use.contains(&number) || places.contexts.contains(&number));
        Ok(places)
    }

    fn place(&self, name: &str) -> Option<(u64, u64)> {
        let all = self.models.iter().flat_map(|(number, model)| model.contexts.iter().map(move |open| (number, open)));
        all.into_iter().find(|(_, open)| open.name == name).map(|(number, open)| (*number, open.number))
    }

    /// Opens several contexts of which none is open.
    ///
    /// # Errors
    /// A context that is damaged or whose task or model is not there.
    pub fn open_all(&mut self, contexts: &[NamedContext]) -> Result<(), RunError> {
        contexts.iter().try_for_each(|context| self.open(context).map(drop))
    }

    /// Opens a context: with a model and a task that are open, where it was tuned with them, or with its own.
    fn open(&mut self, context: &NamedContext) -> Result<(u64, u64), RunError> {
        let folder = ContextFolder::open(&context.folder)?;
        let number = self.number();
        let bytes = folder.record().tensors.file.bytes;
        let open = Open { name: context.name.clone(), number, bytes, asked: number };
        for (of_model, model) in &mut self.models {
            match model.predictor.add(&folder) {
                Ok(()) => {
                    model.contexts.push(open);
                    return Ok((*of_model, number));
                }
                Err(RunError::Context(ContextError::Mismatch { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let predictor = self.predictor(folders(std::slice::from_ref(context)))?;
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
            batch_tokens: batch_tokens.unwrap_or(BATCH_TOKENS),
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

    /// Lets go of a model: its task has failed, and nobody knows in what state it is.
    pub fn drop_model(&mut self, number: u64) {
        self.models.retain(|(model, _)| *model != number);
    }

    /// Lets go of the contexts whose names begin so.
    pub fn forget(&mut self, prefix: &str) {
        self.retain(|open| !open.name.starts_with(prefix));
    }

    /// Lets go of what was asked for longest ago, until the rest has room.
    fn make_room(&mut self, stays: impl Fn(u64) -> bool) {
        let open = || self.models.iter().flat_map(|(_, model)| &model.contexts);
        let mut bytes: u64 = open().map(|open| open.bytes).sum();
        let mut idle: Vec<(u64, u64, u64)> =
            open().filter(|open| !stays(open.number)).map(|open| (open.asked, open.number, open.bytes)).collect();
        idle.sort_unstable();
        let mut gone = Vec::new();
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
