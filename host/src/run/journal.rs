//! A journal whose lines come in an order that the configuration fixes: what an earlier process wrote is the beginning
//! of what this one would write.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::path::PathBuf;

use super::RunError;
use crate::report::samples::{Place, SampleRecord};
use crate::report::trace::TraceRecord;
use crate::store::file::FileError;
use crate::store::journal::LineWriter;

/// A record that is one line of a journal.
pub trait Line: Sized {
    /// What says where in the run it belongs.
    type Place: PartialEq + Debug;

    /// Its place.
    fn place(&self) -> Self::Place;

    /// Reads a line.
    ///
    /// # Errors
    /// What does not hold for it.
    fn parse(line: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>>;

    /// The line, without its line break.
    ///
    /// # Errors
    /// The serialiser's.
    fn line(&self) -> std::io::Result<String>;
}

impl Line for SampleRecord {
    type Place = Place;

    fn place(&self) -> Place {
        SampleRecord::place(self)
    }

    fn parse(line: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(SampleRecord::parse(line)?)
    }

    fn line(&self) -> std::io::Result<String> {
        let mut bytes = Vec::new();
        self.write(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }
}

impl Line for TraceRecord {
    /// Seed and step.
    type Place = (u64, u32);

    fn place(&self) -> (u64, u32) {
        (self.seed, self.step)
    }

    fn parse(line: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(TraceRecord::parse(line)?)
    }

    fn line(&self) -> std::io::Result<String> {
        let mut bytes = Vec::new();
        self.write(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }
}

/// A journal, open for one run.
pub struct Journal<L> {
    path: PathBuf,
    writer: LineWriter,
    /// Lines of an earlier process that this one has not come to yet.
    earlier: VecDeque<L>,
    /// Lines that this process has come to.
    passed: usize,
}

impl<L: Line> Journal<L> {
    /// Opens `path`, with the lines that an earlier process left there.
    ///
    /// # Errors
    /// A file that cannot be read or written, or a line that is no record.
    pub fn open(path: PathBuf) -> Result<Self, RunError> {
        let (writer, text) = LineWriter::resume(&path)?;
        let mut earlier = VecDeque::new();
        for (index, line) in text.lines().enumerate() {
            let record =
                L::parse(line).map_err(|source| RunError::Journal { path: path.clone(), line: index + 1, source })?;
            earlier.push_back(record);
        }
        Ok(Self { path, writer, earlier, passed: 0 })
    }

    /// Whether lines of an earlier process are still to come.
    pub fn replays(&self) -> bool {
        !self.earlier.is_empty()
    }

    /// The next line, where an earlier process wrote it.
    ///
    /// # Errors
    /// When it belongs to another place: the journal is not this run's.
    pub fn recall(&mut self, place: &L::Place) -> Result<Option<L>, RunError> {
        let Some(record) = self.earlier.pop_front() else { return Ok(None) };
        self.passed += 1;
        if record.place() == *place {
            return Ok(Some(record));
        }
        Err(RunError::ForeignLine {
            path: self.path.clone(),
            line: self.passed,
            expected: format!("{place:?}"),
            found: format!("{:?}", record.place()),
        })
    }

    /// All lines that are still to come and that `belongs` holds for, up to the first that it does not.
    pub fn recall_while(&mut self, belongs: impl Fn(&L::Place) -> bool) -> Vec<L> {
        let count = self.earlier.iter().take_while(|record| belongs(&record.place())).count();
        self.passed += count;
        self.earlier.drain(..count).collect()
    }

    /// Adds a line.
    ///
    /// # Errors
    /// A full disk, foremost.
    pub fn add(&mut self, record: &L) -> Result<(), RunError> {
        debug_assert!(self.earlier.is_empty(), "lines are added behind those of the earlier process");
        let line = record.line().map_err(|source| FileError::io("write", &self.path, source))?;
        self.passed += 1;
        Ok(self.writer.write_line(&line)?)
    }

    /// Brings all lines to the disk.
    ///
    /// # Errors
    /// A full disk, foremost.
    pub fn sync(&self) -> Result<(), RunError> {
        Ok(self.writer.sync()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::Choice;

    fn record(step: u32, index: usize) -> SampleRecord {
        let choice = Choice { loglik: -1.0, tokens: 1, characters: 4 };
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
                    match journal.recall(&record.place()).unwrap() {
                        Some(earlier) => assert_eq!(earlier, *record),
                        None => journal.add(record).unwrap(),
                    }
                }
                assert!(!journal.replays());
            }
            let written = std::fs::read_to_string(&path).unwrap();
            assert_eq!(
                crate::report::samples::parse_all(written.as_bytes()).unwrap().records,
                records,
                "after {first}"
            );
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
        assert!(error.contains("line 2") && error.contains("index: 1") && error.contains("index: 3"), "{error}");
        drop(journal);
        std::fs::write(&path, "{}\n").unwrap();
        let error = Journal::<SampleRecord>::open(path).map(drop).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
