//! Predictions as lines of data: JSON objects, or CSV (RFC 4180, but for its line ends).

use serde::Serialize;

use crate::run::{Calibrated, Prediction, RowPrediction};
use ft_engine::text::Untrusted;

/// How predictions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PredictionFormat {
    /// One JSON object on each line.
    Jsonl,
    /// A header and a line for each row.
    Csv,
}

impl PredictionFormat {
    /// Both formats.
    pub(crate) const ALL: [PredictionFormat; 2] = [PredictionFormat::Jsonl, PredictionFormat::Csv];

    /// The word for it on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}

impl std::str::FromStr for PredictionFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.as_str() == text);
        found.ok_or_else(|| format!("expected one of {}, got `{text}`", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// What all lines have in common.
pub(crate) struct PredictionLines<'a> {
    pub format: PredictionFormat,
    /// The classes; none where rows have choices of their own.
    pub labels: &'a [String],
    /// How many contexts predict.
    pub contexts: usize,
    /// Whether probabilities are calibrated too.
    pub calibrated: bool,
}

/// A row as a JSON object has it.
#[derive(Serialize)]
pub(crate) struct PredictionLine<'a> {
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prediction: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<&'a [f64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loglik: Option<&'a [f64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logliks: Option<&'a [Vec<f64>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibrated: Option<CalibratedLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct CalibratedLine<'a> {
    prediction: &'a str,
    choice: usize,
    probabilities: &'a [f64],
    divided_by: &'a [f64],
}

impl<'a> PredictionLine<'a> {
    /// The line of a row of this number.
    pub(crate) fn of(index: u64, row: &'a RowPrediction) -> Self {
        let empty = Self {
            index,
            id: None,
            prediction: None,
            choice: None,
            choices: None,
            probabilities: None,
            loglik: None,
            logliks: None,
            margin: None,
            calibrated: None,
            left_out: None,
            error: None,
        };
        match row {
            RowPrediction::LeftOut => Self { left_out: Some(true), ..empty },
            RowPrediction::Refused(error) => Self { error: Some(error), ..empty },
            RowPrediction::Predicted(found) => Self {
                id: Some(&found.id),
                prediction: Some(text(&found.choices, found.prediction)),
                choice: Some(found.prediction),
                choices: Some(found.choices.iter().map(|choice| choice.raw().as_str()).collect()),
                probabilities: Some(&found.probabilities),
                // Of several contexts each has its own.
                loglik: if let [one] = found.logliks.as_slice() { Some(one) } else { None },
                logliks: (found.logliks.len() > 1).then_some(&found.logliks),
                margin: Some(found.margin),
                calibrated: found.calibrated.as_ref().map(|calibrated| CalibratedLine {
                    prediction: text(&found.choices, calibrated.prediction),
                    choice: calibrated.prediction,
                    probabilities: &calibrated.probabilities,
                    divided_by: &calibrated.divided_by,
                }),
                ..empty
            },
        }
    }
}

fn text(choices: &[Untrusted], index: usize) -> &str {
    choices.get(index).map_or("", |choice| choice.raw().as_str())
}

impl PredictionLines<'_> {
    /// The line above all others, with its line feed; none in JSON lines.
    pub(crate) fn header(&self) -> Option<String> {
        if self.format == PredictionFormat::Jsonl {
            return None;
        }
        let fixed = ["index", "id", "prediction", "margin"].map(str::to_owned);
        let of_classes = |name: &str| self.labels.iter().map(move |label| format!("{name}:{label}")).collect();
        let of_rows = |name: &str| vec![name.to_owned()];
        let numbers =
            |name: &str| -> Vec<String> { if self.labels.is_empty() { of_rows(name) } else { of_classes(name) } };
        let choices = if self.labels.is_empty() { of_rows("choices") } else { Vec::new() };
        let logliks = if self.contexts == 1 { numbers("loglik") } else { Vec::new() };
        let calibrated = if self.calibrated { numbers("calibrated") } else { Vec::new() };
        let cells = fixed.into_iter().chain(choices).chain(numbers("probability")).chain(logliks);
        let prediction = self.calibrated.then(|| "calibrated_prediction".to_owned());
        let cells = cells.chain(prediction).chain(calibrated).chain(["left_out".to_owned(), "error".to_owned()]);
        Some(cells.map(|cell| csv_cell(&cell)).collect::<Vec<_>>().join(",") + "\n")
    }

    /// The line of a row, with its line feed.
    ///
    /// # Errors
    /// If serialization fails.
    pub(crate) fn line(&self, index: u64, row: &RowPrediction) -> Result<String, serde_json::Error> {
        match self.format {
            PredictionFormat::Jsonl => Ok(serde_json::to_string(&PredictionLine::of(index, row))? + "\n"),
            PredictionFormat::Csv => Ok(self.csv(index, row)?.join(",") + "\n"),
        }
    }

    fn csv(&self, index: u64, row: &RowPrediction) -> Result<Vec<String>, serde_json::Error> {
        let (left_out, error) = match row {
            RowPrediction::Predicted(found) => return self.predicted(index, found),
            RowPrediction::LeftOut => ("true".to_owned(), String::new()),
            RowPrediction::Refused(error) => (String::new(), csv_cell(error)),
        };
        // Id, prediction and margin stand before the numbers.
        let empty = 3 + self.numbers().iter().sum::<usize>();
        let cells = std::iter::once(index.to_string()).chain(std::iter::repeat_n(String::new(), empty));
        Ok(cells.chain([left_out, error]).collect())
    }

    /// How many cells a row has for its choices, probabilities, log-likelihoods and calibration.
    fn numbers(&self) -> [usize; 4] {
        let classes = self.labels.len().max(1);
        let choices = usize::from(self.labels.is_empty());
        let logliks = if self.contexts == 1 { classes } else { 0 };
        [choices, classes, logliks, if self.calibrated { classes + 1 } else { 0 }]
    }

    fn predicted(&self, index: u64, found: &Prediction) -> Result<Vec<String>, serde_json::Error> {
        let prediction = csv_cell(text(&found.choices, found.prediction));
        let mut cells = vec![index.to_string(), csv_cell(&found.id), prediction, found.margin.to_string()];
        if self.labels.is_empty() {
            let choices: Vec<&str> = found.choices.iter().map(|choice| choice.raw().as_str()).collect();
            cells.push(csv_cell(&serde_json::to_string(&choices)?));
        }
        let mut numbers = |numbers: &[f64]| -> Result<(), serde_json::Error> {
            match self.labels.is_empty() {
                true => cells.push(csv_cell(&serde_json::to_string(numbers)?)),
                false => cells.extend(numbers.iter().map(f64::to_string)),
            }
            Ok(())
        };
        numbers(&found.probabilities)?;
        if let [one] = found.logliks.as_slice() {
            numbers(one)?;
        }
        match &found.calibrated {
            Some(Calibrated { prediction, probabilities, .. }) => {
                cells.push(csv_cell(text(&found.choices, *prediction)));
                cells.extend(probabilities.iter().map(f64::to_string));
            }
            None => cells.extend(std::iter::repeat_n(String::new(), self.numbers()[3])),
        }
        cells.extend([String::new(), String::new()]);
        Ok(cells)
    }
}

/// A cell, in quotes where it needs them.
fn csv_cell(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction() -> Prediction {
        Prediction {
            id: "a,b".into(),
            choices: vec!["no".into(), "y\"es".into()],
            prediction: 1,
            probabilities: vec![0.25, 0.75],
            logliks: vec![vec![-2.0, -0.5]],
            margin: 1.5,
            calibrated: None,
        }
    }

    fn lines(format: PredictionFormat, labels: &[String], contexts: usize, calibrated: bool) -> PredictionLines<'_> {
        PredictionLines { format, labels, contexts, calibrated }
    }

    #[test]
    fn a_row_is_one_object_on_one_line() {
        let of = lines(PredictionFormat::Jsonl, &[], 1, false);
        let line = |row: &RowPrediction| of.line(7, row).unwrap();
        let expected = r#"{"index":7,"id":"a,b","prediction":"y\"es","choice":1,"choices":["no","y\"es"],"probabilities":[0.25,0.75],"loglik":[-2.0,-0.5],"margin":1.5}"#;
        assert_eq!(line(&RowPrediction::Predicted(prediction())), format!("{expected}\n"));
        assert_eq!(line(&RowPrediction::LeftOut), "{\"index\":7,\"left_out\":true}\n");
        assert_eq!(line(&RowPrediction::Refused("a\nb".into())), "{\"index\":7,\"error\":\"a\\nb\"}\n");
        let several = Prediction { logliks: vec![vec![-2.0, -0.5], vec![-1.0, -1.0]], ..prediction() };
        let line = line(&RowPrediction::Predicted(several));
        assert!(line.contains(r#""logliks":[[-2.0,-0.5],[-1.0,-1.0]]"#) && !line.contains("\"loglik\""), "{line}");
    }

    #[test]
    fn every_line_of_csv_has_the_headers_cells() {
        let labels = ["no".to_owned(), "y\"es".to_owned()];
        let cells = |line: &str| {
            let mut quoted = false;
            line.chars()
                .filter(|next| {
                    quoted ^= *next == '"';
                    *next == ',' && !quoted
                })
                .count()
        };
        let calibrated = Calibrated { prediction: 0, probabilities: vec![0.6, 0.4], divided_by: vec![0.5, 0.5] };
        for (labels, contexts, is_calibrated) in
            [(&labels[..], 1, false), (&labels, 1, true), (&labels, 3, true), (&[], 1, false), (&[], 2, false)]
        {
            let of = lines(PredictionFormat::Csv, labels, contexts, is_calibrated);
            let header = of.header().unwrap();
            let found = Prediction {
                logliks: vec![vec![-2.0, -0.5]; contexts],
                calibrated: is_calibrated.then(|| calibrated.clone()),
                ..prediction()
            };
            for row in [RowPrediction::Predicted(found), RowPrediction::LeftOut, RowPrediction::Refused("x,y".into())] {
                let line = of.line(3, &row).unwrap();
                assert_eq!(cells(&line), cells(&header), "{header}{line}");
                assert!(line.starts_with("3,"));
            }
        }
        let of = lines(PredictionFormat::Csv, &labels, 1, false);
        let header = "index,id,prediction,margin,probability:no,\"probability:y\"\"es\",loglik:no,\"loglik:y\"\"es\",left_out,error\n";
        assert_eq!(of.header().unwrap(), header);
        let line = of.line(3, &RowPrediction::Predicted(prediction())).unwrap();
        assert_eq!(line, "3,\"a,b\",\"y\"\"es\",1.5,0.25,0.75,-2,-0.5,,\n");
    }
}
