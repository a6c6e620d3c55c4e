//! The server as a whole: its parts, and its beginning and end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::catalogue::Catalogue;
use super::config::{NamedFolder, ServeConfig, ServeError, Surroundings, Token, is_name, is_own};
use super::contexts::{Contexts, NamedContext};
use super::error::ApiError;
use super::guard::Guard;
use super::http;
use super::metrics::Metrics;
use super::runs::Runs;
use super::scoring::Scoring;
use crate::run::{Event, Observer, RunError};
use ft_record::files::context::CONTEXT_RECORD;
use ft_store::fs::file::create_folder;

/// How often the wish to stop is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// How long requests and runs have to come to their ends.
const LAST: Duration = Duration::from_secs(30);

/// What handlers of requests share.
pub(super) struct Shared {
    pub config: ServeConfig,
    pub surroundings: Surroundings,
    pub contexts: Arc<Contexts>,
    pub scoring: Scoring,
    pub runs: Arc<Runs>,
    pub catalogue: watch::Receiver<Option<Arc<Catalogue>>>,
    pub metrics: Arc<Metrics>,
    pub observer: Arc<dyn Observer>,
    /// Becomes true when the server is being stopped.
    pub stopping: watch::Receiver<bool>,
    /// One look at a prompt at a time: each opens a tokenizer.
    pub previews: tokio::sync::Semaphore,
}

impl Shared {
    /// What runs may name, as soon as it is known.
    ///
    /// # Errors
    /// [`ApiError`] if it cannot be read.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, ApiError> {
        let mut catalogue = self.catalogue.clone();
        let known = catalogue.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
        known.ok_or_else(|| ApiError::failed("expected plugins that can be listed, got none; stderr has more"))
    }
}

/// Where a server listens.
pub struct Listening {
    /// The address, with its port.
    pub address: SocketAddr,
    /// What requests have to know, if anything.
    pub token: Option<Token>,
}

/// A server that listens and answers nothing so far.
pub struct Server {
    listener: TcpListener,
    runtime: tokio::runtime::Runtime,
    shared: Arc<Shared>,
    guard: Guard,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    listening: Listening,
}

impl Server {
    /// Listens, opens the contexts that are given, and starts the threads that work. `observer` is told what goes wrong beside
    /// requests and runs.
    ///
    /// # Errors
    /// An address that cannot be listened on, two things of one name, a context that is damaged or whose task or model is not
    /// there, a folder that cannot be written.
    pub fn start(
        config: ServeConfig,
        surroundings: Surroundings,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, ServeError> {
        check_names(&config)?;
        let (listener, address) = listen(&config.listen)?;
        let token = match &config.token {
            None if !is_own(address) => Some(Token::made()?),
            given => given.clone(),
        };
        create_folder(&config.folder).map_err(RunError::from)?;
        let (contexts, metrics) = (Arc::new(Contexts::default()), Arc::new(Metrics::new()));
        let first = named_contexts(&config, &contexts, observer.as_ref())?;
        let (scoring, opening, scores) =
            Scoring::start(config.bounds, surroundings.clone(), first, metrics.clone(), observer.clone())?;
        let (runs, catalogue, works) = Runs::start(&config, &surroundings, &contexts, &metrics, observer.clone())?;
        opening.wait()??;
        let (stop, stopping) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(ServeError::Start)?;
        let guard = Guard { token: token.clone(), hosts: config.hosts.clone(), page: http::page_paths() };
        let previews = tokio::sync::Semaphore::new(1);
        let shared =
            Shared { config, surroundings, contexts, scoring, runs, catalogue, metrics, observer, stopping, previews };
        let listening = Listening { address, token };
        Ok(Self { listener, runtime, shared: Arc::new(shared), guard, stop, threads: vec![scores, works], listening })
    }

    /// Where it listens.
    pub fn listening(&self) -> &Listening {
        &self.listening
    }

    /// Answers requests until `stop` becomes true. Those that were sent by then are answered, and a run that goes on is stopped and
    /// keeps what it has.
    ///
    /// # Errors
    /// A listener that the runtime does not take.
    pub fn serve(self, stop: &AtomicBool) -> Result<(), ServeError> {
        let Self { listener, runtime, shared, guard, stop: told, threads, .. } = self;
        let runs = shared.runs.clone();
        let served = runtime.block_on(async {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let served = tokio::spawn(http::serve(listener, shared, guard));
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK).await;
            }
            told.send_replace(true);
            runs.close();
            // What has not come to its end by then never will.
            let _ = tokio::time::timeout(LAST, served).await;
            Ok(())
        });
        // Handlers that still stand go with it, and with them the last who can ask for anything to be scored.
        runtime.shutdown_timeout(Duration::from_secs(1));
        wait_for(threads);
        served.map_err(ServeError::Start)
    }
}

/// Waits until the threads have come to their ends, but not for ever: a run's last step may be long.
fn wait_for(threads: Vec<JoinHandle<()>>) {
    let until = std::time::Instant::now() + LAST;
    for thread in threads {
        while !thread.is_finished() && std::time::Instant::now() < until {
            std::thread::sleep(LOOK);
        }
    }
}

fn listen(address: &str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let refused = |source| ServeError::Listen { address: address.to_owned(), source };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let found = listener.local_addr().map_err(refused)?;
    Ok((listener, found))
}

/// Refuses two things of one name.
fn check_names(config: &ServeConfig) -> Result<(), ServeError> {
    for (what, named) in [("contexts", &config.contexts), ("places of data", &config.data)] {
        for (place, NamedFolder { name, .. }) in named.iter().enumerate() {
            if named[..place].iter().any(|earlier| earlier.name == *name) {
                return Err(ServeError::Twice { what, name: name.clone() });
            }
        }
    }
    Ok(())
}

/// Makes contexts known: those of the folder, as far as they are whole, and those that are given, which are to be opened.
fn named_contexts(
    config: &ServeConfig,
    contexts: &Contexts,
    observer: &dyn Observer,
) -> Result<Vec<NamedContext>, ServeError> {
    let folder = config.folder.join("contexts");
    let mut saved: Vec<_> = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok).collect();
    saved.sort_by_key(std::fs::DirEntry::file_name);
    for entry in saved {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if is_name(&name)
            && path.join(CONTEXT_RECORD).exists()
            && let Err(error) = contexts.add(&name, &path)
        {
            observer.event(Event::Note(&format!("this context is not served: {}", super::error::whole(&error))));
        }
    }
    let mut first = Vec::with_capacity(config.contexts.len());
    for NamedFolder { name, folder } in &config.contexts {
        if contexts.get(name).is_some() {
            return Err(ServeError::Twice { what: "contexts", name: name.clone() });
        }
        contexts.add(name, folder).map_err(RunError::from)?;
        first.extend(contexts.get(name));
    }
    Ok(first)
}
