//! A journal whose lines come in an order that the configuration fixes: what an earlier process wrote is the beginning
//! of what this one would write.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};

use super::error::FolderError;
use crate::run::error::RunError;
use ft_record::files::controls::{Baseline, ControlPlace, ControlRecord};
use ft_record::files::lines::{LINE_LIMIT, LineError, LineReader};
use ft_record::files::samples::{Place, SampleRecord};
use ft_record::files::trace::TraceRecord;
use ft_record::files::unconditional::UnconditionalRecord;
use ft_store::fs::error::FileError;
use ft_store::fs::journal::{HeldJournal, LineWriter};

/// A record that is one line of a journal.
pub(in crate::run) trait Line: Sized {
    /// Where in a run a record belongs.
    type Place: PartialEq + fmt::Display;

    /// Where in the run the record belongs.
    fn place(&self) -> Self::Place;

    /// Reads a line, without its line feed.
    ///
    /// # Errors
    /// What does not hold for it.
    fn parse(line: &str) -> Result<Self, LineProblem>;

    /// The line that [`Self::parse`] reads, without a line feed.
    ///
    /// # Errors
    /// A record that no line can hold.
    fn line(&self) -> Result<String, LineProblem>;
}

/// Why a line is no record, or a record no line.
type LineProblem = Box<dyn std::error::Error + Send + Sync>;

impl Line for SampleRecord {
    type Place = Place;

    fn place(&self) -> Place {
        SampleRecord::place(self)
    }

    fn parse(line: &str) -> Result<Self, LineProblem> {
        Ok(SampleRecord::parse(line)?)
    }

    fn line(&self) -> Result<String, LineProblem> {
        Ok(SampleRecord::line(self)?)
    }
}

impl Line for ControlRecord {
    type Place = ControlPlace;

    fn place(&self) -> ControlPlace {
        ControlRecord::place(self)
    }

    fn parse(line: &str) -> Result<Self, LineProblem> {
        Ok(ControlRecord::parse(line)?)
    }

    fn line(&self) -> Result<String, LineProblem> {
        Ok(ControlRecord::line(self)?)
    }
}

/// The place of an unconditional record in a run: the example's row, since it belongs to no seed or step.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::run) struct RowPlace(usize);

impl fmt::Display for RowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "example {}", self.0)
    }
}

impl Line for UnconditionalRecord {
    type Place = RowPlace;

    fn place(&self) -> RowPlace {
        RowPlace(self.index)
    }

    fn parse(line: &str) -> Result<Self, LineProblem> {
        Ok(UnconditionalRecord::parse(line)?)
    }

    fn line(&self) -> Result<String, LineProblem> {
        Ok(UnconditionalRecord::line(self)?)
    }
}

impl SampleLine for UnconditionalRecord {
    type Tag = ();

    fn of((): (), sample: SampleRecord) -> Self {
        sample.into()
    }

    fn place_of((): (), place: Place) -> RowPlace {
        RowPlace(place.index)
    }
}

/// A line of what was predicted for one query.
pub(in crate::run) trait SampleLine: Line {
    /// What the journal tells its lines apart by, besides the place of the sample.
    type Tag: Copy;

    /// The line of a sample.
    fn of(tag: Self::Tag, sample: SampleRecord) -> Self;

    /// The place of a line.
    fn place_of(tag: Self::Tag, place: Place) -> Self::Place;
}

impl SampleLine for SampleRecord {
    type Tag = ();

    fn of((): (), sample: SampleRecord) -> Self {
        sample
    }

    fn place_of((): (), place: Place) -> Place {
        place
    }
}

impl SampleLine for ControlRecord {
    type Tag = Option<Baseline>;

    fn of(baseline: Option<Baseline>, sample: SampleRecord) -> Self {
        Self { baseline, sample }
    }

    fn place_of(baseline: Option<Baseline>, place: Place) -> ControlPlace {
        ControlPlace { baseline, place }
    }
}

/// The place of a trace record in a run.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::run) struct TracePlace {
    /// The seed that chose the demonstrations.
    pub seed: u64,
    /// The step that moved the cache.
    pub step: u32,
}

impl fmt::Display for TracePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, step {}", self.seed, self.step)
    }
}

impl Line for TraceRecord {
    type Place = TracePlace;

    fn place(&self) -> TracePlace {
        TracePlace { seed: self.seed, step: self.step }
    }

    fn parse(line: &str) -> Result<Self, LineProblem> {
        Ok(TraceRecord::parse(line)?)
    }

    fn line(&self) -> Result<String, LineProblem> {
        Ok(TraceRecord::line(self)?)
    }
}

/// A journal, open for one run.
pub(in crate::run) struct Journal<L> {
    path: PathBuf,
    /// None where nothing is written.
    writer: Option<LineWriter>,
    /// Lines of an earlier process that this one has not come to yet.
    earlier: VecDeque<L>,
    /// Lines that this process has come to.
    passed: usize,
}

impl<L: Line> Journal<L> {
    /// Opens `path`, with the lines that an earlier process left there. One that it had not written whole is cut off.
    ///
    /// # Errors
    /// A file that cannot be read or written, or a line that is no record.
    pub fn open(path: PathBuf) -> Result<Self, RunError> {
        let held = HeldJournal::open(&path)?;
        let no_record = |LineError { line, source }| FolderError::NoRecord { path: path.clone(), line, source };
        let mut earlier = VecDeque::new();
        let mut lines = LineReader::new(held.reader());
        while let Some(line) = lines.next_line().map_err(no_record)?.filter(|line| line.ended) {
            earlier.push_back(line.record(L::parse).map_err(no_record)?);
        }
        let whole = lines.whole();
        drop(lines);
        Ok(Self { writer: Some(held.resume(whole)?), path, earlier, passed: 0 })
    }

    /// A journal that no file is kept of: nothing is recalled, and nothing is written.
    pub fn unwritten() -> Self {
        Self { path: PathBuf::new(), writer: None, earlier: VecDeque::new(), passed: 0 }
    }

    /// Whether lines of an earlier process are still to come.
    pub fn replays(&self) -> bool {
        !self.earlier.is_empty()
    }

    /// The record of `place`: the next line, where an earlier process wrote it; otherwise it is computed and added.
    ///
    /// # Errors
    /// [`FolderError::ForeignLine`] where the next line belongs elsewhere: the journal is not this run's. What `compute` fails
    /// with; a full disk.
    pub fn entry(&mut self, place: &L::Place, compute: impl FnOnce() -> Result<L, RunError>) -> Result<L, RunError> {
        if let Some(record) = self.recall(place)? {
            return Ok(record);
        }
        let record = compute()?;
        self.add(&record)?;
        Ok(record)
    }

    /// The records of places that are computed as one batch: the next lines, as far as an earlier process wrote them. Where
    /// it did not write all of them, the whole batch is computed, since the same batch gives the same bits, and the rest is
    /// added. `compute` gives the records of all places, in their order; those before one that fails are added. An earlier
    /// process that failed there as well may have gone on with other lines.
    ///
    /// # Errors
    /// Those of [`Self::entry`].
    pub fn batch<I: IntoIterator<Item = Result<L, RunError>>>(
        &mut self,
        places: &[L::Place],
        compute: impl FnOnce() -> Result<I, RunError>,
    ) -> Result<Vec<L>, RunError> {
        let mut records = Vec::with_capacity(places.len());
        for place in places {
            let Some(record) = self.earlier.pop_front_if(|record| record.place() == *place) else { break };
            self.passed += 1;
            records.push(record);
        }
        let known = records.len();
        if let Some(place) = places.get(known) {
            for record in compute()?.into_iter().skip(known) {
                let record = record?;
                if let Some(elsewhere) = self.earlier.pop_front() {
                    self.passed += 1;
                    return Err(self.foreign(&place.to_string(), &elsewhere).into());
                }
                self.add(&record)?;
                records.push(record);
            }
        }
        Ok(records)
    }

    /// The next line, where an earlier process wrote it.
    fn recall(&mut self, place: &L::Place) -> Result<Option<L>, RunError> {
        let Some(record) = self.earlier.pop_front() else { return Ok(None) };
        self.passed += 1;
        if record.place() == *place {
            return Ok(Some(record));
        }
        Err(self.foreign(&place.to_string(), &record).into())
    }

    /// What is wrong with a line that this process came to last and that belongs elsewhere.
    pub fn foreign(&self, expected: &str, found: &L) -> FolderError {
        FolderError::ForeignLine {
            path: self.path.clone(),
            line: self.passed,
            expected: expected.to_owned(),
            found: found.place().to_string(),
        }
    }

    /// The journal's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All lines that are still to come and that `belongs` holds for, up to the first that it does not.
    pub fn recall_while(&mut self, belongs: impl Fn(&L::Place) -> bool) -> Vec<L> {
        let count = self.earlier.iter().take_while(|record| belongs(&record.place())).count();
        self.passed += count;
        self.earlier.drain(..count).collect()
    }

    fn add(&mut self, record: &L) -> Result<(), RunError> {
        debug_assert!(self.earlier.is_empty(), "lines are added behind those of the earlier process");
        let refused = |source| FileError::io("write", &self.path, source);
        let line = record.line().map_err(|problem| refused(std::io::Error::other(problem)))?;
        if line.len() > LINE_LIMIT {
            // It could not be read again.
            let found = format!("expected a record of at most {LINE_LIMIT} bytes, got one of {}", line.len());
            return Err(refused(std::io::Error::other(found)).into());
        }
        self.passed += 1;
        Ok(self.writer.as_mut().map_or(Ok(()), |writer| writer.write_line(&line))?)
    }

    /// Brings all lines to the disk.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk.
    pub fn sync(&self) -> Result<(), RunError> {
        Ok(self.writer.as_ref().map_or(Ok(()), LineWriter::sync)?)
    }
}

impl Journal<SampleRecord> {
    /// The next lines, where an earlier process wrote them for one step of this seed: all of the step; `None` where the next
    /// line belongs to another seed, or there is none.
    pub fn recall_step(&mut self, seed: u64) -> Option<Vec<SampleRecord>> {
        let step = self.earlier.front().map(SampleRecord::place).filter(|place| place.seed == seed)?.step;
        Some(self.recall_while(|place| (place.seed, place.step) == (seed, step)))
    }
}

impl Journal<ControlRecord> {
    /// The next lines, where an earlier process wrote them for one step or baseline of this seed: all of it; `None` where the
    /// next line belongs to another seed, or there is none.
    pub fn recall_context(&mut self, seed: u64) -> Option<Vec<ControlRecord>> {
        let first = self.earlier.front().map(ControlRecord::place).filter(|place| place.place.seed == seed)?;
        let key = |place: &ControlPlace| (place.baseline, place.place.seed, place.place.step);
        Some(self.recall_while(|place| key(place) == key(&first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ft_engine::task::example::TextLength;
    use ft_record::files::samples::Choice;

    fn record(step: u32, index: usize) -> SampleRecord {
        let choice = Choice { loglik: -1.0, tokens: 1, length: TextLength { characters: 4, bytes: 4 } };
        SampleRecord::new(Place { seed: 0, step, index }, index.to_string(), 0, &[choice, choice]).unwrap()
    }

    #[test]
    fn a_second_process_goes_on_where_the_first_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let records: Vec<SampleRecord> = (0..3).flat_map(|step| (0..4).map(move |index| record(step, index))).collect();
        for first in 0..=records.len() {
            std::fs::write(&path, "").unwrap();
            for processed in [first, records.len()] {
                let mut journal = Journal::open(path.clone()).unwrap();
                for record in &records[..processed] {
                    assert_eq!(journal.entry(&record.place(), || Ok(record.clone())).unwrap(), *record);
                }
                assert!(!journal.replays());
            }
            let written = std::fs::read_to_string(&path).unwrap();
            assert_eq!(
                ft_record::files::samples::parse_all(written.as_bytes()).unwrap().records,
                records,
                "after {first}"
            );
        }
    }

    #[test]
    fn a_batch_that_is_known_in_part_is_computed_whole_and_added_in_part() {
        let folder = tempfile::tempdir().unwrap();
        let records: Vec<SampleRecord> = (0..4).map(|index| record(1, index)).collect();
        let places: Vec<Place> = records.iter().map(SampleRecord::place).collect();
        for known in 0..=records.len() {
            let path = folder.path().join(format!("{known}.jsonl"));
            let mut journal = Journal::open(path.clone()).unwrap();
            records[..known].iter().for_each(|record| journal.add(record).unwrap());
            drop(journal);
            let mut journal = Journal::open(path.clone()).unwrap();
            let mut computed = 0;
            let batch = journal.batch(&places, || {
                computed = records.len();
                Ok(records.iter().cloned().map(Ok))
            });
            assert_eq!(batch.unwrap(), records);
            assert_eq!(computed, if known == records.len() { 0 } else { records.len() }, "{known} known");
            drop(journal);
            assert_eq!(Journal::open(path).unwrap().recall_step(0), Some(records.clone()), "{known} known");
        }
    }

    #[test]
    fn what_comes_before_a_record_that_fails_is_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let mut journal = Journal::open(path.clone()).unwrap();
        let places = [0, 1, 2].map(|index| record(1, index).place());
        let records = || [Ok(record(1, 0)), Err(RunError::Interrupted), Ok(record(1, 2))];
        assert!(matches!(journal.batch(&places, || Ok(records())), Err(RunError::Interrupted)));
        drop(journal);
        assert_eq!(Journal::open(path).unwrap().recall_step(0), Some(vec![record(1, 0)]));
    }

    #[test]
    fn a_record_that_failed_before_fails_again_and_the_lines_behind_it_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        for before in 0..2 {
            let path = folder.path().join(format!("{before}.jsonl"));
            let places = [0, 1].map(|index| record(1, index).place());
            let failing = || {
                let computed = [Ok(record(1, 0)), Ok(record(1, 1))].into_iter().take(before);
                Ok(computed.chain([Err(RunError::Interrupted)]))
            };
            for _ in 0..2 {
                let mut journal = Journal::open(path.clone()).unwrap();
                assert!(matches!(journal.batch(&places, failing), Err(RunError::Interrupted)), "{before}");
                let behind = record(2, 0);
                assert_eq!(journal.entry(&behind.place(), || Ok(behind.clone())).unwrap(), behind, "{before}");
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), before + 1);
            // What can be computed is missed.
            let mut journal = Journal::open(path).unwrap();
            let error = journal.batch(&places, || Ok(places.map(|place| Ok(record(1, place.index))))).unwrap_err();
            assert!(error.to_string().contains(&format!("line {}", before + 1)), "{error}");
        }
    }

    #[test]
    fn a_journal_of_another_run_is_refused_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let mut journal = Journal::open(path.clone()).unwrap();
        journal.add(&record(0, 0)).unwrap();
        journal.add(&record(0, 3)).unwrap();
        drop(journal);
        let mut journal = Journal::<SampleRecord>::open(path.clone()).unwrap();
        journal.recall(&record(0, 0).place()).unwrap();
        let error = journal.recall(&record(0, 1).place()).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("example 1") && error.contains("example 3"), "{error}");
        drop(journal);
        std::fs::write(&path, "{}\n").unwrap();
        let error = Journal::<SampleRecord>::open(path).map(drop).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn a_line_that_was_not_written_whole_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let line = record(0, 0).line().unwrap();
        // Whole but for its line feed, it is written anew too.
        for half in ["", "{", &line] {
            std::fs::write(&path, format!("{line}\n{half}")).unwrap();
            let mut journal = Journal::<SampleRecord>::open(path.clone()).unwrap();
            assert_eq!(journal.recall_step(1), None);
            assert_eq!(journal.recall_step(0), Some(vec![record(0, 0)]));
            journal.add(&record(0, 1)).unwrap();
            let expected = format!("{line}\n{}\n", record(0, 1).line().unwrap());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        }
    }

    #[test]
    fn no_line_is_read_or_written_that_is_longer_than_a_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let mut journal = Journal::open(path.clone()).unwrap();
        let long = SampleRecord { id: "x".repeat(LINE_LIMIT).into(), ..record(0, 0) };
        let error = journal.add(&long).unwrap_err().to_string();
        assert!(error.contains("samples.jsonl`: expected a record of at most 16777216 bytes, got one of "), "{error}");
        journal.add(&record(0, 0)).unwrap();
        drop(journal);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        // With zeros that take no space behind its line.
        file.set_len(8 << 30).unwrap();
        let error = Journal::<SampleRecord>::open(path.clone()).map(drop).unwrap_err();
        let reason = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().ends_with("samples.jsonl`, line 2"), "{error}");
        assert!(reason.starts_with("it is longer than 16 MiB"), "{reason}");
        assert_eq!(file.metadata().unwrap().len(), 8 << 30, "nothing is cut off");
    }
}
