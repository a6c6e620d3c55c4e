//! One HTML page of what two saved contexts differ in: by layer, by layer and position, in their records.

use super::heat_map::HeatMap;
use super::page;
use super::plot::{Axis, Line, Plot, Point, Values};
use crate::analysis::contexts::ContextComparison;
use crate::files::context::ContextRecord;
use crate::files::trace::TraceRecord;
use crate::present::contexts;
use crate::present::escape::html;
use ft_engine::model::saved_context::{Distance, LayerBins, LayerDistance, PositionDistances};
use ft_engine::text::{Untrusted, harmless_within};

/// The limit of columns of a matrix of layers and positions.
const MOST_COLUMNS: usize = 256;

/// The limit of cells of such a matrix: 64 layers of [`MOST_COLUMNS`], of which two come to some 6 MB of a page.
const MOST_CELLS: usize = 64 * MOST_COLUMNS;

/// Characters of the tokens of a column that its name has, of each context.
const SHOWN: usize = 48;

/// In how many bins at most the positions of contexts of so many layers are to be measured for a page.
pub fn most_bins(layers: usize) -> usize {
    (MOST_CELLS / layers.max(1)).clamp(1, MOST_COLUMNS)
}

/// What a page of two contexts is made of.
pub struct ContextPage<'a> {
    /// How far the second context is from the first, and what their plans differ in.
    pub comparison: &'a ContextComparison,
    /// The records of both.
    pub records: [&'a ContextRecord; 2],
    /// How far the second context is from the first by position, in at most [`most_bins`] bins.
    pub positions: &'a PositionDistances,
    /// The texts of the tokens of each context's demonstrations, in the order of `demonstration_ids`. An id stands in the place of
    /// an empty text, and of all of them where there is `None`.
    pub tokens: [Option<&'a [Untrusted]>; 2],
    /// What a reader of the page has to know, besides the notes of the records.
    pub notes: &'a [Untrusted],
}

impl ContextPage<'_> {
    /// The page, which loads nothing and runs nothing.
    pub fn html(&self) -> String {
        let ContextComparison { a, b, distance, differences } = self.comparison;
        let mut out =
            format!("<h2>{} and {}</h2>\n{}", html(a.name.raw()), html(b.name.raw()), page::notes(&self.all_notes()));
        out += &sides(&page::table(&contexts::sides(self.comparison, self.records)));
        out += "<h3>In what the plans differ</h3>\n";
        out += &match &differences[..] {
            [] => "<p>The plans do not differ.</p>\n".to_owned(),
            differences => sides(&page::table(&contexts::differences(differences))),
        };
        out += "<h3>How far keys and values moved</h3>\n";
        out += &by_layer(&distance.layers).figure();
        out += &page::table(&contexts::distances(distance));
        out += "<h3>Where keys and values moved</h3>\n";
        out += &self.by_position();
        out += &self.traces();
        out += &self.demonstrations();
        page::page("ft-host context diff", "Two saved contexts", include_str!("context.css"), &out)
    }

    /// The page's own notes, then those of the records, with whose they are.
    fn all_notes(&self) -> Vec<Untrusted> {
        let of_record = |(name, record): (&'static str, &ContextRecord)| {
            let named = |note: &Untrusted| format!("{name}: {}", note.raw()).into();
            record.plan.notes.iter().map(named).collect::<Vec<Untrusted>>()
        };
        let of_records = ["a", "b"].into_iter().zip(self.records).flat_map(of_record);
        self.notes.iter().cloned().chain(of_records).collect()
    }

    /// A matrix of layers and positions for keys and one for values.
    fn by_position(&self) -> String {
        let PositionDistances { positions, per_bin, layers } = self.positions;
        let folded = match per_bin {
            1 => "a column is a position".to_owned(),
            _ => format!("a column is {per_bin} positions together (of {positions})"),
        };
        let mut out = format!(
            "<p class=\"legend\">||a - b|| / ||a|| over the heads of a layer; {folded}; the more colour the further, each \
             picture by a scale of its own; the title of a cell has its tokens, a / b where they are not the same</p>\n"
        );
        let columns = self.columns();
        for (what, part) in
            [("keys", (|bins| &bins.keys) as fn(&LayerBins) -> &Vec<_>), ("values", |bins| &bins.values)]
        {
            let map = HeatMap {
                title: format!("how far {what} moved, by layer and position"),
                axes: ["layer", "position"],
                rows: layers.iter().map(|bins| part(bins).as_slice()).collect(),
                columns: &columns,
                per_column: *per_bin,
            };
            let caption = html(&format!("{}: {}", map.title, map.summary()));
            out += &format!("<figure>\n<figcaption>{caption}</figcaption>\n{}</figure>\n", map.svg());
        }
        out
    }

    /// The names of the columns: their positions, and the tokens that stand there.
    fn columns(&self) -> Vec<String> {
        let PositionDistances { positions, per_bin, .. } = *self.positions;
        let starts = (0..positions).step_by(per_bin.max(1));
        let names = starts.map(|start| {
            let end = (start + per_bin).min(positions);
            let place =
                if end - start > 1 { format!("positions {start}-{}", end - 1) } else { format!("position {start}") };
            let [a, b] = [0, 1].map(|side| self.token_texts(side, start, end));
            match (a.as_str(), b.as_str()) {
                ("", "") => place,
                _ if a == b => format!("{place} `{a}`"),
                _ => format!("{place} `{a}` / `{b}`"),
            }
        });
        names.collect()
    }

    /// The tokens of some positions of a context, behind each other, as far as they are known.
    fn token_texts(&self, side: usize, start: usize, end: usize) -> String {
        let plan = &self.records[side].plan;
        let ids = &plan.draw.demonstration_ids;
        let mut texts = String::new();
        for position in start..end {
            // More than is shown need not be put together.
            if texts.len() > 4 * SHOWN {
                break;
            }
            let text = self.tokens[side].and_then(|tokens| tokens.get(position)).filter(|text| !text.raw().is_empty());
            // What queries start with is read behind the demonstrations.
            let id = || ids.get(position).or_else(|| plan.shared_start.get(position.checked_sub(ids.len())?));
            texts += &match text {
                Some(text) => text.raw().clone(),
                None => id().map_or_else(String::new, |id| format!("<token {id}>")),
            };
        }
        harmless_within(&texts, SHOWN)
    }

    /// How far each step moved the two caches; nothing where no record says it.
    fn traces(&self) -> String {
        if self.records.iter().all(|record| record.trace.is_empty()) {
            return String::new();
        }
        let norms = |title: &str, norm: fn(&TraceRecord) -> f64| {
            let point = |row: &TraceRecord| Point { at: row.step, value: norm(row), interval: None, marked: false };
            let lines = ["a", "b"].into_iter().zip(self.records).map(|(name, record)| Line {
                broken: name == "b",
                ..Line::new(name, record.trace.iter().map(point).collect())
            });
            let lines = lines.filter(|line| !line.points.is_empty()).collect();
            let (title, references) = (format!("{title} of each step, over the whole cache"), Vec::new());
            Plot { title, lines, references, axis: Axis::Steps, values: Values::Sizes }.figure()
        };
        "<h3>How far each step moved the caches</h3>\n".to_owned()
            + &norms("pseudo-gradient norm", TraceRecord::pseudo_gradient_norm)
            + &norms("update norm", TraceRecord::update_norm)
    }

    fn demonstrations(&self) -> String {
        let [a, b] = self.records.map(|record| &record.plan.draw.demonstrations);
        if a == b {
            return page::unfolded("Demonstrations of both", a);
        }
        page::unfolded("Demonstrations of a", a) + &page::unfolded("Demonstrations of b", b)
    }
}

/// A table of texts that are as long as they like.
fn sides(table: &str) -> String {
    format!("<div class=\"sides\">\n{table}</div>\n")
}

/// How far keys and values of each layer moved; a layer that has no such number is left out.
fn by_layer(layers: &[LayerDistance]) -> Plot {
    let line = |name: &str, broken, part: fn(&LayerDistance) -> Distance| {
        let points = (0..)
            .zip(layers)
            .filter_map(|(at, layer)| Some(Point { at, value: part(layer).relative?, interval: None, marked: false }));
        Line { broken, ..Line::new(name, points.collect()) }
    };
    let lines = [line("keys", false, |layer| layer.keys), line("values", true, |layer| layer.values)];
    Plot {
        title: "||a - b|| / ||a|| of the keys and of the values of each layer".into(),
        lines: lines.into_iter().filter(|line| !line.points.is_empty()).collect(),
        references: Vec::new(),
        axis: Axis::Layers,
        values: Values::Sizes,
    }
}

#[cfg(test)]
mod tests;
