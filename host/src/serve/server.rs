//! The server as a whole: its parts, and its beginning and end.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::catalogue::{OWN_PLACES, model_name};
use super::config::{NamedFolder, ServeConfig, ServeError, Surroundings, Token, is_name, is_own};
use super::contexts::{Contexts, NamedContext};
use super::guard::Guard;
use super::http;
use super::metrics::Metrics;
use super::runs::{Runs, remove_unfinished};
use super::scoring::Scoring;
use super::shared::Shared;
use crate::run::{Event, Observer, RunError};
use ft_record::files::context::CONTEXT_RECORD;
use ft_store::fs::file::create_folder;
use ft_store::fs::lock::FileLock;

/// How often the wish to stop is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// How long requests and runs have to come to their ends.
const LAST: Duration = Duration::from_secs(30);

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
    /// The folder is this server's alone.
    _lock: FileLock,
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
        let lock = FileLock::try_acquire(&config.folder.join("lock")).map_err(RunError::from)?;
        let lock = lock.ok_or_else(|| ServeError::InUse { folder: config.folder.clone() })?;
        remove_unfinished(&config.folder.join("contexts"));
        let (contexts, metrics) = (Arc::new(Contexts::default()), Arc::new(Metrics::new()));
        let first = named_contexts(&config, &contexts, observer.as_ref())?;
        let (scoring, opening, scores) =
            Scoring::start(config.limits, surroundings.clone(), first, metrics.clone(), observer.clone())?;
        let (runs, catalogue, works) = Runs::start(&config, &surroundings, &contexts, &metrics, observer.clone())?;
        opening.wait()?;
        let (stop, stopping) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(ServeError::Start)?;
        let guard = Guard { token: token.clone(), hosts: config.hosts.clone(), page: http::page_paths() };
        let previews = Arc::new(tokio::sync::Semaphore::new(1));
        let shared =
            Shared { config, surroundings, contexts, scoring, runs, catalogue, metrics, observer, stopping, previews };
        let listening = Listening { address, token };
        let threads = vec![scores, works];
        Ok(Self { listener, runtime, shared: Arc::new(shared), guard, stop, threads, listening, _lock: lock })
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
        let of_threads = shared.clone();
        let served = runtime.block_on(async {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let served = tokio::spawn(http::serve(listener, shared, guard));
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK).await;
            }
            told.send_replace(true);
            of_threads.runs.close();
            let until = Instant::now() + LAST;
            // What has not come to its end by then never will.
            let _ = tokio::time::timeout(LAST, served).await;
            Ok(until)
        });
        // No request waits any more.
        of_threads.scoring.end();
        runtime.shutdown_background();
        let served = served.map(|until| wait_for(threads, until));
        served.map_err(ServeError::Start)
    }
}

/// Waits until the threads have come to their ends, but not for ever: a run's last step may be long.
fn wait_for(threads: Vec<JoinHandle<()>>, until: Instant) {
    for thread in threads {
        while !thread.is_finished() && Instant::now() < until {
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
    let of_folders = |folders: &[NamedFolder]| folders.iter().map(|named| named.name.clone()).collect();
    let data: Vec<String> = of_folders(&config.data);
    let own = OWN_PLACES.iter().map(|own| (*own).to_owned());
    let models = config.models.iter().map(|asked| model_name(asked));
    let named: [(&str, Vec<String>); 3] = [
        ("contexts", of_folders(&config.contexts)),
        ("places of data", own.chain(data).collect()),
        ("models", models.collect()),
    ];
    for (what, names) in named {
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(ServeError::Twice { what, name: name.clone() });
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
