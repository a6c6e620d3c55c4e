//! `ft-host predict`.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::{ArgGroup, Args};

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::machine::MachineArgs;
use super::terminal::{Downloads, RowProgress, Terminal, print_lines, say};
use crate::options::parse;
use crate::run::{Calibrate, Observer, PredictRequest, Predictor, RowPrediction, SharedWeights};
use crate::ui::predict::{PredictionFormat, PredictionLines};
use ft_sandbox::Limits;
use ft_store::datasets::location::Access;
use ft_store::fs::error::FileError;
use ft_store::machine::environment::{Environment, expand_path};
use ft_store::plugin_path::PluginPath;
use ft_store::table::{FedRow, Format, Quoting, RowFeed, TableReader};

/// Rows that are handed over at a time: at first few, so that lines come soon, then as many as take about a second.
const FIRST_ROWS: usize = 16;
const MOST_ROWS: usize = 512;

#[derive(Args)]
#[command(group = ArgGroup::new("input").required(true))]
pub struct PredictArgs {
    /// Folders of saved contexts; of several the mean of their probabilities predicts.
    #[arg(value_name = "DIR", required = true)]
    contexts: Vec<PathBuf>,

    #[command(flatten)]
    rows: RowArgs,

    /// How predictions are printed on stdout: one JSON object per line, or CSV [default: jsonl].
    #[arg(long, value_parser = parse::one_of::<PredictionFormat>(PredictionFormat::ALL.map(PredictionFormat::as_str)))]
    format: Option<PredictionFormat>,

    /// Also print predictions by probabilities that are divided by the mean probability of each class: over the rows so
    /// far (`prior`), or over content-free inputs of the task (`content-free`).
    #[arg(long, value_parser = parse::one_of::<Calibrate>(Calibrate::ALL.map(Calibrate::as_str)))]
    calibrate: Option<Calibrate>,

    /// The task's file, if it is no longer where it was when the context was tuned.
    #[arg(long, value_name = "FILE|NAME")]
    task: Option<PathBuf>,

    /// The model, if it is called otherwise than when the context was tuned.
    #[arg(long, value_name = "PATH|NAME")]
    model: Option<String>,

    #[command(flatten)]
    machine: MachineArgs,

    /// Print no progress and no notes on stderr.
    #[arg(long, short, display_order = 920)]
    quiet: bool,
}

/// What is predicted.
#[derive(Args)]
struct RowArgs {
    /// Rows in the task's columns, without answers: a file (.jsonl, .json, .csv, .tsv, .parquet), or `-` for standard input.
    #[arg(long, value_name = "FILE|-", group = "input")]
    data: Option<PathBuf>,

    /// A text to predict, for a task with classes that looks at no more of a row than a text; may be given several times.
    #[arg(long = "text", value_name = "TEXT", allow_hyphen_values = true, group = "input")]
    texts: Vec<String>,

    /// Predict only the first N rows.
    #[arg(long, value_name = "N", requires = "data")]
    limit: Option<u64>,

    /// Pass over the first N rows, which keep their numbers, and print no header: as many rows as an earlier process has
    /// printed (of CSV the lines less the header).
    #[arg(long, value_name = "N", default_value_t = 0, requires = "data")]
    skip: u64,

    /// Whether cells of CSV and TSV may be in double quotes, as for `ft-host run` [default: auto].
    #[arg(long, value_name = "auto|csv|none")]
    quoting: Option<Quoting>,
}

/// What became of all rows.
#[derive(Default)]
struct Counts {
    printed: u64,
    left_out: u64,
    refused: u64,
    /// Nobody reads on.
    unread: bool,
    interrupted: bool,
}

/// Predicts rows, and prints a line for each.
pub fn run(args: PredictArgs, mut environment: Environment) -> Result<ExitStatus, CommandError> {
    args.machine.settle(&mut environment);
    let interrupt = Interrupt::install()?;
    let observer: Arc<dyn Observer> = Arc::new(Terminal::new(args.quiet));
    let downloads = Downloads::new(args.quiet);
    let access = Access { environment: &environment, progress: &downloads };
    // Before weights are read: a file that is not there is no matter of the model. A stream is waited for last.
    let is_stream = |data: &Path| data == Path::new("-") || (data.exists() && !data.is_file() && !data.is_dir());
    let file = args.rows.data.as_deref().filter(|data| !is_stream(data));
    let file = file.map(|file| open(file, args.rows.quoting)).transpose()?;
    let limits = args.machine.limits.over(&Limits::default());
    let request = PredictRequest {
        contexts: &args.contexts,
        task: args.task.as_deref(),
        model: args.model.as_deref(),
        device: args.machine.device(),
        batch_tokens: args.machine.batch_tokens.unwrap_or(PredictRequest::BATCH_TOKENS),
        limits: &limits,
        calibrate: args.calibrate,
    };
    let path = PluginPath::new(&environment);
    let mut predictor =
        Predictor::open(&request, &path, access, &SharedWeights::default(), &observer, &interrupt.engine())?;
    let labels = predictor.labels().to_vec();
    let lines = PredictionLines {
        format: args.format.unwrap_or(PredictionFormat::Jsonl),
        labels: &labels,
        contexts: args.contexts.len(),
        calibrated: args.calibrate.is_some(),
    };
    let mut counts = Counts::default();
    if let Some(header) = lines.header().filter(|_| args.rows.skip == 0) {
        counts.unread = !print_lines(&header)?;
    }
    for (index, text) in (0..).zip(&args.rows.texts) {
        let row = predictor.predict_text(text)?;
        counts.print(&lines, index, &[row])?;
    }
    if let Some(data) = &args.rows.data {
        let table = file.map_or_else(|| open(data, args.rows.quoting), Ok)?;
        let progress = RowProgress::new(args.quiet, || args.rows.total());
        let rows = Rows { args: &args.rows, table, progress, calibrate: args.calibrate };
        rows.predict(&mut predictor, &lines, &interrupt, &mut counts)?;
        if !args.quiet {
            say(&counts.summary());
        }
    }
    Ok(match counts {
        Counts { interrupted: true, .. } => ExitStatus::Interrupted,
        Counts { refused: 1.., .. } => ExitStatus::Failed,
        _ => ExitStatus::Done,
    })
}

impl Counts {
    /// Prints the lines of some rows, of which `first` is the number of the first.
    fn print(&mut self, lines: &PredictionLines<'_>, first: u64, rows: &[RowPrediction]) -> Result<(), CommandError> {
        let mut text = String::new();
        for (index, row) in (first..).zip(rows) {
            self.printed += 1;
            self.refused += u64::from(matches!(row, RowPrediction::Refused(_)));
            self.left_out += u64::from(*row == RowPrediction::LeftOut);
            text += &lines.line(index, row)?;
        }
        self.unread |= !print_lines(&text)?;
        Ok(())
    }

    fn summary(&self) -> String {
        let Self { printed, left_out, refused, .. } = self;
        let predicted = printed - left_out - refused;
        let mut text = format!("{printed} rows: {predicted} predicted");
        if *left_out > 0 {
            text += &format!(", {left_out} none of the task's");
        }
        if *refused > 0 {
            text += &format!(", {refused} with an error");
        }
        text
    }
}

/// Rows that are predicted as they come.
struct Rows<'a> {
    args: &'a RowArgs,
    table: TableReader,
    progress: RowProgress,
    calibrate: Option<Calibrate>,
}

impl Rows<'_> {
    fn predict(
        self,
        predictor: &mut Predictor,
        lines: &PredictionLines<'_>,
        interrupt: &Interrupt,
        counts: &mut Counts,
    ) -> Result<(), CommandError> {
        let Self { args, table, progress, calibrate } = self;
        predictor.begin(table.columns().to_vec())?;
        let mut feed = RowFeed::start(table);
        let end = args.limit.map_or(u64::MAX, |limit| args.skip.saturating_add(limit));
        let (mut index, mut at_once) = (0, FIRST_ROWS);
        while index < end && !counts.unread {
            let to_skip = args.skip.saturating_sub(index);
            let most = if to_skip > 0 { to_skip } else { end - index };
            // While rows are waited for, nothing is begun that an interrupt would have to wait for.
            interrupt.disarm();
            let Some(fed) = feed.next(usize::try_from(most).unwrap_or(at_once).min(at_once)) else { break };
            let stop = interrupt.arm_graceful();
            let (started, filled) = (Instant::now(), fed.len() == at_once);
            index += match to_skip {
                0 => predict_batch(predictor, lines, (index, fed), counts)?,
                _ => pass_over(predictor, fed, calibrate)?,
            };
            at_once = match started.elapsed() {
                short if short < Duration::from_millis(500) && filled => (at_once * 2).min(MOST_ROWS),
                long if long > Duration::from_secs(2) => (at_once / 2).max(FIRST_ROWS),
                _ => at_once,
            };
            progress.done(index);
            if stop.load(Ordering::Relaxed) {
                counts.interrupted = true;
                break;
            }
        }
        progress.finish();
        Ok(())
    }
}

/// Passes over some rows, and gives how many they are. Where further rows are calibrated by those before them, they are predicted
/// all the same.
fn pass_over(predictor: &mut Predictor, fed: Vec<FedRow>, calibrate: Option<Calibrate>) -> Result<u64, CommandError> {
    let count = fed.len() as u64;
    let mut rows = Vec::with_capacity(fed.len());
    for FedRow { row, .. } in fed {
        match row {
            Ok(row) => rows.push(row),
            Err(error) if error.can_be_skipped() => {}
            Err(error) => return Err(error.into()),
        }
    }
    match calibrate {
        _ if rows.is_empty() => {}
        Some(Calibrate::Prior) => drop(predictor.predict(rows)?),
        _ => predictor.pass_over(rows)?,
    }
    Ok(count)
}

/// Predicts and prints some rows, and gives how many they are.
fn predict_batch(
    predictor: &mut Predictor,
    lines: &PredictionLines<'_>,
    (first, fed): (u64, Vec<FedRow>),
    counts: &mut Counts,
) -> Result<u64, CommandError> {
    let count = fed.len() as u64;
    let mut places = Vec::with_capacity(fed.len());
    let (mut rows, mut failed) = (Vec::new(), None);
    for FedRow { place, row } in fed {
        places.push(match row {
            Ok(row) => {
                rows.push(row);
                Ok(place)
            }
            Err(error) if error.can_be_skipped() => Err(error.to_string()),
            Err(error) => {
                failed = Some(error);
                break;
            }
        });
    }
    let mut predicted = if rows.is_empty() { Vec::new() } else { predictor.predict(rows)? }.into_iter();
    let in_place = places.into_iter().filter_map(|place| match place {
        Err(error) => Some(RowPrediction::Refused(error)),
        Ok(place) => match predicted.next()? {
            RowPrediction::Refused(message) => Some(RowPrediction::Refused(format!("{place}: {message}"))),
            row => Some(row),
        },
    });
    let in_place: Vec<RowPrediction> = in_place.collect();
    counts.print(lines, first, &in_place)?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(count),
    }
}

impl RowArgs {
    /// About how many rows there are, where that can be known before they are read.
    fn total(&self) -> Option<u64> {
        let lines = || {
            let path = self.data.as_deref().filter(|path| path.is_file())?;
            // Of packed bytes line feeds say nothing.
            let packed = path.extension().is_some_and(|extension| extension == "gz" || extension == "zst");
            let header = match Format::of(path)? {
                Format::Jsonl => 0,
                Format::Csv | Format::Tsv => 1,
                Format::Json | Format::Parquet => return None,
            };
            if packed {
                return None;
            }
            let mut file = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(path).ok()?);
            let mut lines = 0u64;
            loop {
                let bytes = file.fill_buf().ok()?;
                if bytes.is_empty() {
                    return Some(lines.saturating_sub(header));
                }
                lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                let read = bytes.len();
                file.consume(read);
            }
        };
        let limit = self.limit.map(|limit| self.skip.saturating_add(limit));
        match (lines(), limit) {
            (Some(lines), Some(limit)) => Some(lines.min(limit)),
            (lines, limit) => lines.or(limit),
        }
    }
}

/// Opens rows: a file by its name, or standard input.
fn open(data: &Path, quoting: Option<Quoting>) -> Result<TableReader, CommandError> {
    let quoting = quoting.unwrap_or(Quoting::Auto);
    if data == Path::new("-") {
        return Ok(TableReader::from_stream("standard input", Box::new(std::io::stdin()), quoting)?);
    }
    let path = expand_path(data);
    match TableReader::open(std::slice::from_ref(&path), quoting) {
        Some(opened) => Ok(opened?),
        // A name that says no format, as of a pipe.
        None => {
            let file = std::fs::File::open(&path).map_err(|source| FileError::io("open", &path, source))?;
            Ok(TableReader::from_stream(&path.display().to_string(), Box::new(file), quoting)?)
        }
    }
}
