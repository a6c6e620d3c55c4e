//! A matrix of numbers from 0 as SVG: a cell has the more colour the larger its number is. One hue between the page's paper and
//! its colour, so that it is read in light and dark and without telling hues apart.

use std::fmt::Write;

use super::plot::{marks, nice};
use crate::present::escape::html;
use crate::present::format;

const WIDTH: f64 = 680.0;
/// Around the matrix: left (numbers of rows), right, above (what colours mean), below (numbers of columns).
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const ABOVE: f64 = 30.0;
const BELOW: f64 = 40.0;
/// The height of a row: as much of the space as there is for it, within these.
const HEIGHT: f64 = 280.0;
const ROW: [f64; 2] = [3.0, 18.0];
/// Swatches that show what colours mean, from none to full.
const SWATCHES: u32 = 5;
/// At most so many marks on an axis.
const MARKS: f64 = 8.0;
/// The share of cells that are told from each other by their colour: the others are larger, and have the full colour. Without
/// it one cell far from all others would leave those without colour.
const TOLD_APART: f64 = 0.99;

/// A matrix of numbers from 0, drawn as cells.
pub(crate) struct HeatMap<'a> {
    /// The title, in a few words.
    pub title: String,
    /// The names of the axes: that of the rows, that of the columns.
    pub axes: [&'static str; 2],
    /// The rows from top to bottom, each with as many numbers as there are columns; `None` for no number.
    pub rows: Vec<&'a [Option<f64>]>,
    /// The names of the columns.
    pub columns: &'a [String],
    /// How many units of the axis a column stands for.
    pub per_column: usize,
}

impl HeatMap<'_> {
    /// The matrix as one element; empty where there is no cell.
    pub(crate) fn svg(&self) -> String {
        if self.rows.is_empty() || self.columns.is_empty() {
            return String::new();
        }
        let row = (HEIGHT / self.rows.len() as f64).clamp(ROW[0], ROW[1]);
        let size = [WIDTH - LEFT - RIGHT, row * self.rows.len() as f64];
        let height = ABOVE + size[1] + BELOW;
        let (title, summary) = (html(&self.title), html(&self.summary()));
        let full = self.full();
        let mut out = format!(
            "<svg class=\"heat\" viewBox=\"0 0 {WIDTH} {height:.1}\" role=\"img\" aria-label=\"{title}: {summary}\">\n\
             <title>{title}</title>\n"
        );
        out += &self.swatches(full);
        let [width, height] = [size[0] / self.columns.len() as f64, row];
        for (index, numbers) in self.rows.iter().enumerate() {
            let y = ABOVE + row * index as f64;
            for (column, (name, number)) in self.columns.iter().zip(*numbers).enumerate() {
                let x = LEFT + width * column as f64;
                // What has no number has no colour either, and says so.
                let colour = number.map_or(0.0, |number| share(number, full));
                let number = number.map_or_else(|| format::NONE.to_owned(), format::ratio);
                let (axis, name) = (self.axes[0], html(name));
                // Writing to a string does not fail.
                let _ = writeln!(
                    out,
                    "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" \
                     fill-opacity=\"{colour:.3}\"><title>{axis} {index}, {name}: {number}</title></rect>"
                );
            }
        }
        out + &self.axes(size) + "</svg>\n"
    }

    /// What the picture shows, in words: the range of the numbers, and where the largest is.
    pub(crate) fn summary(&self) -> String {
        let cells = self.rows.iter().enumerate().flat_map(|(row, numbers)| {
            numbers.iter().zip(self.columns).filter_map(move |(number, name)| Some(((*number)?, row, name)))
        });
        let mut cells = cells.peekable();
        let Some((first, ..)) = cells.peek() else { return "no numbers".to_owned() };
        let mut least = *first;
        // Of equal numbers the first is named.
        let largest = cells.inspect(|(number, ..)| least = least.min(*number));
        let largest = largest.reduce(|largest, cell| if cell.0 > largest.0 { cell } else { largest });
        let Some((number, row, column)) = largest else { return "no numbers".to_owned() };
        let (least, number, axis) = (format::ratio(least), format::ratio(number), self.axes[0]);
        format!("from {least} to {number}; the largest at {axis} {row}, {column}")
    }

    /// The number from which on cells have the full colour.
    fn full(&self) -> f64 {
        let mut numbers: Vec<f64> = self.rows.iter().flat_map(|row| row.iter().flatten().copied()).collect();
        numbers.sort_by(f64::total_cmp);
        let told_apart = (TOLD_APART * numbers.len() as f64).ceil() as usize;
        let at_bound = numbers.get(told_apart.saturating_sub(1)).copied().unwrap_or_default();
        // Where almost all are 0, those that are not are told apart.
        if at_bound > 0.0 { at_bound } else { numbers.last().copied().unwrap_or_default() }
    }

    fn swatches(&self, full: f64) -> String {
        let (width, height) = (24.0, 12.0);
        let mut out = format!("<text class=\"end\" x=\"{:.1}\" y=\"17.0\">0</text>\n", LEFT - 8.0);
        for index in 0..SWATCHES {
            let (x, colour) = (LEFT + width * f64::from(index), f64::from(index) / f64::from(SWATCHES - 1));
            let _ = writeln!(
                out,
                "<rect class=\"swatch\" x=\"{x:.1}\" y=\"7.0\" width=\"{width}\" height=\"{height}\" fill-opacity=\"{colour}\"/>"
            );
        }
        let x = LEFT + width * f64::from(SWATCHES) + 8.0;
        out + &format!("<text x=\"{x:.1}\" y=\"17.0\">{} or more</text>\n", format::ratio(full))
    }

    /// The frame around cells of this size together, and the numbers beside and below it.
    fn axes(&self, [width, height]: [f64; 2]) -> String {
        let bottom = ABOVE + height;
        let mut out =
            format!("<rect class=\"frame\" x=\"{LEFT}\" y=\"{ABOVE}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\n");
        let rows = self.rows.len() as f64;
        for mark in marks([0.0, rows - 1.0], nice(rows / MARKS).max(1.0)) {
            // In the middle of its row, 4 below the middle of a digit.
            let (x, y) = (LEFT - 8.0, ABOVE + height * (mark + 0.5) / rows + 4.0);
            let _ = writeln!(out, "<text class=\"end\" x=\"{x:.1}\" y=\"{y:.1}\">{mark:.0}</text>");
        }
        let units = (self.columns.len() * self.per_column) as f64;
        for mark in marks([0.0, units - 1.0], nice(units / MARKS).max(1.0)) {
            let (x, y) = (LEFT + width * (mark + 0.5) / units, bottom + 18.0);
            let _ = writeln!(out, "<text class=\"middle\" x=\"{x:.1}\" y=\"{y:.1}\">{mark:.0}</text>");
        }
        let (x, y) = (LEFT + width / 2.0, bottom + 34.0);
        let [rows, columns] = self.axes;
        out += &format!("<text class=\"middle\" x=\"{x:.1}\" y=\"{y:.1}\">{columns}</text>\n");
        out + &format!("<text class=\"end\" x=\"{:.1}\" y=\"{y:.1}\">{rows}</text>\n", LEFT - 8.0)
    }
}

/// How much of the colour a number has.
fn share(number: f64, full: f64) -> f64 {
    if full > 0.0 { (number / full).min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map<'a>(rows: &[&'a [Option<f64>]], columns: &'a [String]) -> HeatMap<'a> {
        HeatMap { title: "<keys>".into(), axes: ["layer", "position"], rows: rows.to_vec(), columns, per_column: 1 }
    }

    fn names(columns: usize) -> Vec<String> {
        (0..columns).map(|column| format!("position {column}")).collect()
    }

    #[test]
    fn a_cell_has_colour_by_its_number_and_says_what_it_is() {
        let columns = ["position 0 `<script>`".to_owned(), "position 1".to_owned()];
        let rows: [&[Option<f64>]; 2] = [&[Some(0.0), Some(0.25)], &[None, Some(0.5)]];
        let map = map(&rows, &columns);
        assert_eq!(map.summary(), "from 0.0000 to 0.5000; the largest at layer 1, position 1");
        let svg = map.svg();
        // 612 wide, two rows of 18.
        for part in [
            "viewBox=\"0 0 680 106.0\"",
            "aria-label=\"&lt;keys&gt;: from 0.0000 to 0.5000; the largest at layer 1, position 1\"",
            "<rect x=\"56.00\" y=\"30.00\" width=\"306.00\" height=\"18.00\" fill-opacity=\"0.000\">\
             <title>layer 0, position 0 `&lt;script&gt;`: 0.0000</title></rect>",
            "<rect x=\"362.00\" y=\"30.00\" width=\"306.00\" height=\"18.00\" fill-opacity=\"0.500\">\
             <title>layer 0, position 1: 0.2500</title></rect>",
            "<title>layer 1, position 0 `&lt;script&gt;`: -</title>",
            "fill-opacity=\"1.000\"><title>layer 1, position 1: 0.5000</title>",
            ">0.5000 or more</text>",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(!svg.contains("<script>") && !svg.contains("<keys>"));
    }

    #[test]
    fn one_cell_far_from_the_others_leaves_them_their_colours() {
        let columns = names(200);
        let mut numbers: Vec<Option<f64>> = vec![Some(0.1); 198];
        numbers.extend([Some(0.2), Some(50.0)]);
        // 198 of 200 are 99 %.
        assert_eq!(map(&[&numbers], &columns).full(), 0.1);
        numbers[197] = Some(0.2);
        assert_eq!(map(&[&numbers], &columns).full(), 0.2);
        let mut zeros = vec![Some(0.0); 200];
        zeros[7] = Some(3.0);
        assert_eq!(map(&[&zeros], &columns).full(), 3.0);
    }

    #[test]
    fn no_number_and_no_movement_are_drawn_without_colour() {
        let columns = names(2);
        for rows in [[None, None], [Some(0.0), Some(0.0)]] {
            let svg = map(&[&rows], &columns).svg();
            assert_eq!(svg.matches("fill-opacity=\"0.000\"><title>").count(), 2, "{svg}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        assert_eq!(map(&[&[None, None]], &columns).summary(), "no numbers");
        assert_eq!(map(&[], &columns).svg(), "");
    }

    #[test]
    fn axes_count_units_and_not_cells() {
        let columns = names(4);
        let rows: [&[Option<f64>]; 1] = [&[Some(1.0); 4]];
        let svg = HeatMap { per_column: 10, ..map(&rows, &columns) }.svg();
        // 40 units over 612, every 5, each in its middle: 0.5 and 5.5 of 40.
        for part in ["x=\"63.6\" y=\"66.0\">0<", "x=\"140.2\" y=\"66.0\">5<", ">35<", ">position<", ">layer<"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(!svg.contains(">40<"), "{svg}");
    }
}
