//! `ft-host serve`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::machine::MachineArgs;
use super::terminal::{Terminal, print_lines};
use crate::options::parse;
use crate::run::{Observer, SharedWeights};
use crate::serve::{Listening, NamedFolder, ServeConfig, ServeError, ServeLimits, Server, Surroundings, Token};
use crate::ui::run::answering_last;
use ft_store::machine::environment::{Environment, expand_path};
use ft_store::models::catalogue::DEFAULT_MODEL;
use ft_store::plugin_path::PluginPath;

/// The help of `--batch-tokens`, which are of runs too.
const BATCH_TOKENS: &str =
    "Number of query tokens that run together [default: 1024 for predictions, that of a run for runs]";

#[derive(Args)]
#[command(mut_arg("batch_tokens", |tokens| tokens.help(BATCH_TOKENS)))]
pub struct ServeArgs {
    /// A saved context to serve, under the name of its folder or another; may be given several times. Those in DIR/contexts of
    /// `--folder DIR` are served too.
    #[arg(long = "context", value_name = "[NAME=]DIR")]
    contexts: Vec<NamedFolder>,

    /// Where to listen; port 0 takes a free one. Any address that other machines reach needs a token.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7860")]
    listen: String,

    /// What requests have to know; better in FT_SERVE_TOKEN, since every user of the machine can read a command line
    /// [default: none on a loopback address, else one that is made and printed].
    #[arg(long, value_name = "TOKEN")]
    token: Option<Token>,

    /// A name by which browsers reach the server, besides localhost and its address; may be given several times.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,

    /// The folder in which runs and saved contexts are kept.
    #[arg(long, value_name = "DIR", default_value = "serve")]
    folder: PathBuf,

    #[command(flatten)]
    named: NamedArgs,

    #[command(flatten)]
    server_limits: ServerLimitArgs,

    #[command(flatten)]
    machine: MachineArgs,

    /// Print no notes on stderr.
    #[arg(long, short, display_order = 920)]
    quiet: bool,
}

/// What runs may name: names stand for files, and no request says a path.
#[derive(Args)]
struct NamedArgs {
    /// A model that runs may use; may be given several times, and the first is the default
    /// [default: smollm2-135m-instruct].
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,

    /// A folder or file from which runs may take rows, as for `ft-host run --data`, under a name; may be given several times.
    #[arg(long = "data", value_name = "NAME=DIR")]
    data: Vec<NamedFolder>,

    /// A task besides those of the plugin path: a component or a definition; may be given several times.
    #[arg(long = "task", value_name = "FILE")]
    tasks: Vec<PathBuf>,
}

/// How much the server takes on.
#[derive(Args)]
#[command(next_help_heading = "Limits of the server")]
struct ServerLimitArgs {
    /// Rows that may wait to be scored, once for each context; a request beyond is answered 429.
    #[arg(long, value_name = "ROWS", value_parser = parse::at_least_one, default_value_t = ServeLimits::default().queue_rows)]
    queue: usize,

    /// Rows of different requests that are scored in one pass at most.
    #[arg(long, value_name = "ROWS", value_parser = parse::at_least_one, default_value_t = ServeLimits::default().pack_rows)]
    pack_rows: usize,

    /// Milliseconds that an idle server waits at most for as many requests as were scored together the last time.
    #[arg(long, value_name = "MS", default_value_t = ServeLimits::default().pack_wait.as_millis() as u16)]
    pack_ms: u16,

    /// Bytes of a request's body.
    #[arg(long, value_name = "BYTES", value_parser = parse::at_least_one, default_value_t = ServeLimits::default().body_bytes)]
    body_bytes: usize,

    /// Seconds that a request may take.
    #[arg(long, value_name = "SECONDS", value_parser = parse::seconds, default_value_t = ServeLimits::default().request_time.as_secs_f64())]
    request_time: f64,

    /// Connections at a time; who comes when all are in use waits.
    #[arg(long, value_name = "N", value_parser = parse::at_least_one, default_value_t = ServeLimits::default().connections)]
    connections: usize,
}

impl ServerLimitArgs {
    fn limits(&self) -> ServeLimits {
        ServeLimits {
            // More than this no queue can count.
            queue_rows: self.queue.min(1 << 28),
            pack_rows: self.pack_rows,
            pack_wait: Duration::from_millis(self.pack_ms.into()),
            body_bytes: self.body_bytes,
            request_time: Duration::from_secs_f64(self.request_time),
            connections: self.connections.min(1 << 20),
        }
    }
}

/// Serves until the user stops it.
pub fn run(args: ServeArgs, mut environment: Environment) -> Result<ExitStatus, CommandError> {
    let threads = args.machine.settle(&mut environment);
    let interrupt = Interrupt::install_saying(answering_last)?;
    let observer: Arc<dyn Observer> = Arc::new(Terminal::new(args.quiet));
    let token = match (args.token, &environment.server_token) {
        (None, Some(token)) => Some(token.reveal().parse().map_err(|reason| ServeError::Token { reason })?),
        (given, _) => given,
    };
    let expanded = |mut named: NamedFolder| {
        named.folder = expand_path(&named.folder);
        named
    };
    let models = match args.named.models.as_slice() {
        [] => vec![DEFAULT_MODEL.to_owned()],
        models => models.to_vec(),
    };
    let config = ServeConfig {
        listen: args.listen,
        token,
        hosts: args.hosts,
        folder: expand_path(&args.folder),
        contexts: args.contexts.into_iter().map(expanded).collect(),
        models,
        data: args.named.data.into_iter().map(expanded).collect(),
        tasks: args.named.tasks.iter().map(|task| expand_path(task)).collect(),
        limits: args.server_limits.limits(),
    };
    let surroundings = Surroundings {
        plugin_path: PluginPath::new(&environment),
        environment,
        engine: interrupt.engine(),
        device: args.machine.device(),
        batch_tokens: args.machine.batch_tokens,
        limits: args.machine.limits,
        threads,
        weights: SharedWeights::default(),
    };
    let server = Server::start(config, surroundings, observer)?;
    let stop = interrupt.arm_graceful();
    print_lines(&address(server.listening()))?;
    server.serve(stop)?;
    Ok(ExitStatus::Done)
}

/// What a browser opens.
fn address(Listening { address, token }: &Listening) -> String {
    // The address that stands for all of the machine's is none to open.
    let address = match (address.ip().is_unspecified(), address.is_ipv4()) {
        (false, _) => *address,
        (true, true) => (Ipv4Addr::LOCALHOST, address.port()).into(),
        (true, false) => (Ipv6Addr::LOCALHOST, address.port()).into(),
    };
    let token = token.as_ref().map(|token| format!("#token={}", token.reveal())).unwrap_or_default();
    format!("listening on http://{address}/{token}\n")
}
