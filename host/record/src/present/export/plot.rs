//! Curves over steps or layers and a confusion matrix as SVG. Colours come from the page's style sheet, so that they suit a light
//! and a dark screen.

use std::fmt::Write;

use crate::present::escape::html;
use ft_engine::text::Untrusted;

const WIDTH: f64 = 680.0;
const HEIGHT: f64 = 300.0;
/// Around the plot: left (numbers), right (names of lines), above, below (steps).
const LEFT: f64 = 56.0;
const RIGHT: f64 = 130.0;
const ABOVE: f64 = 16.0;
const BELOW: f64 = 40.0;
/// Between the intervals of two lines.
const BESIDE: f64 = 4.0;
/// At most so many marks on an axis.
const MARKS: f64 = 6.0;
/// The number of colours that the style sheet has for lines.
pub(crate) const COLOURS: usize = 6;

/// A point of a line, with an interval if there is one.
pub(crate) struct Point {
    /// The step or the layer, on the horizontal axis.
    pub at: u32,
    /// The value, on the vertical axis.
    pub value: f64,
    /// The lower and upper end of the value's interval.
    pub interval: Option<[f64; 2]>,
    /// Whether this is the result.
    pub marked: bool,
}

/// Points joined by a line.
pub(crate) struct Line {
    /// The name that stands beside the line.
    pub name: String,
    /// The points, from left to right.
    pub points: Vec<Point>,
    /// Whether the line is broken, so that it is told from another without its colour.
    pub broken: bool,
}

impl Line {
    /// A line that is not broken.
    pub(crate) fn new(name: impl Into<String>, points: Vec<Point>) -> Self {
        Self { name: name.into(), points, broken: false }
    }
}

/// A value that is the same from left to right.
pub(crate) struct Reference {
    /// The name that stands beside the line.
    pub name: String,
    /// The value, on the vertical axis.
    pub value: f64,
}

/// A chart with lines over steps or layers.
pub(crate) struct Plot {
    /// The title, in a few words.
    pub title: String,
    /// The lines, each in a colour of its own.
    pub lines: Vec<Line>,
    /// Dashed lines from side to side.
    pub references: Vec<Reference>,
    /// The horizontal axis.
    pub axis: Axis,
    /// The vertical axis.
    pub values: Values,
}

/// What the horizontal axis of a chart is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Steps of the method, of which the first has the number 1.
    Steps,
    /// Layers, of which the first has the number 0.
    Layers,
}

impl Axis {
    fn name(self) -> &'static str {
        match self {
            Self::Steps => "step",
            Self::Layers => "layer",
        }
    }

    /// The first number that is marked.
    fn first(self) -> f64 {
        match self {
            Self::Steps => 1.0,
            Self::Layers => 0.0,
        }
    }
}

/// What the values of a chart are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// Shares, shown in percent.
    Shares,
    /// Sizes: the axis begins at 0.
    Sizes,
    /// Any numbers.
    Numbers,
}

/// The ranges of both axes.
struct Scale {
    steps: [f64; 2],
    values: [f64; 2],
}

impl Scale {
    fn x(&self, step: f64) -> f64 {
        LEFT + (step - self.steps[0]) / (self.steps[1] - self.steps[0]) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BELOW - (value - self.values[0]) / (self.values[1] - self.values[0]) * (HEIGHT - ABOVE - BELOW)
    }
}

impl Plot {
    /// The plot under its title.
    pub(crate) fn figure(&self) -> String {
        format!("<figure>\n<figcaption>{}</figcaption>\n{}</figure>\n", html(&self.title), self.svg())
    }

    /// The plot as one element; empty where there is no point.
    pub(crate) fn svg(&self) -> String {
        let Some((scale, every_step, every_value)) = self.scale() else { return String::new() };
        let title = html(&self.title);
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n"
        );
        // Writing to a string cannot fail.
        let mut put = |text: std::fmt::Arguments<'_>| {
            let _ = out.write_fmt(text);
        };
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BELOW);
        for mark in marks(scale.values, every_value) {
            let y = scale.y(mark);
            put(format_args!("<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\n"));
            let (x, y, label) = (LEFT - 8.0, y + 4.0, self.label(mark, every_value));
            put(format_args!("<text class=\"end\" x=\"{x:.1}\" y=\"{y:.1}\">{label}</text>\n"));
        }
        for mark in marks(scale.steps, every_step).filter(|mark| *mark >= self.axis.first()) {
            let (x, y) = (scale.x(mark), bottom + 18.0);
            put(format_args!("<text class=\"middle\" x=\"{x:.1}\" y=\"{y:.1}\">{mark:.0}</text>\n"));
        }
        let (middle, y, axis) = ((LEFT + right) / 2.0, HEIGHT - 6.0, self.axis.name());
        put(format_args!("<text class=\"middle\" x=\"{middle:.1}\" y=\"{y:.1}\">{axis}</text>\n"));
        let mut names: Vec<(f64, String, String)> = Vec::new();
        for reference in &self.references {
            let y = scale.y(reference.value);
            put(format_args!("<path class=\"reference\" d=\"M{LEFT} {y:.1}H{right}\"/>\n"));
            names.push((y, html(&reference.name), String::new()));
        }
        for (index, line) in self.lines.iter().enumerate() {
            let colour = index % COLOURS;
            // A little beside each other, so that intervals of one step can be told apart.
            let aside = BESIDE * (index as f64 - (self.lines.len() - 1) as f64 / 2.0);
            let at = |point: &Point| (scale.x(point.at.into()) + aside, scale.y(point.value));
            let path: Vec<String> = line.points.iter().map(at).map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            let (class, path) = (if line.broken { "line broken" } else { "line" }, path.join("L"));
            put(format_args!("<g class=\"c{colour}\">\n<path class=\"{class}\" d=\"M{path}\"/>\n"));
            for point in &line.points {
                let (x, y) = at(point);
                if let Some([low, high]) = point.interval {
                    let (low, high) = (scale.y(low), scale.y(high));
                    put(format_args!("<path class=\"interval\" d=\"M{x:.1} {low:.1}V{high:.1}\"/>\n"));
                }
                let (radius, class) = if point.marked { (6.0, "mark") } else { (3.0, "dot") };
                let (name, at) = (html(&line.name), point.at);
                let value = self.label(point.value, every_value / 10.0);
                put(format_args!(
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{name}, {axis} {at}: {value}</title></circle>\n"
                ));
            }
            put(format_args!("</g>\n"));
            let end = line.points.last().map_or(bottom, |point| scale.y(point.value));
            names.push((end, html(&line.name), format!(" c{colour}")));
        }
        for (y, name, class) in apart(names) {
            let x = right + 10.0;
            put(format_args!("<text class=\"name{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>\n"));
        }
        out.push_str("</svg>\n");
        out
    }

    /// The scale and how far the marks are from each other.
    fn scale(&self) -> Option<(Scale, f64, f64)> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let steps = points().map(|point| f64::from(point.at));
        let steps = steps.fold(None, |range: Option<[f64; 2]>, step| {
            Some(range.map_or([step, step], |[low, high]| [low.min(step), high.max(step)]))
        });
        let [first, last] = steps?;
        let last = if last > first { last } else { first + 1.0 };
        let ends = points().flat_map(|point| point.interval.unwrap_or([point.value; 2]));
        let values = ends.chain(self.references.iter().map(|reference| reference.value));
        let [mut low, mut high] =
            values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)]);
        if self.values == Values::Sizes {
            low = 0.0;
        }
        if high <= low {
            // One value, or none but 0.
            high = low + if self.values == Values::Shares { 0.1 } else { low.abs().max(1.0) };
        }
        let every = nice((high - low) / MARKS);
        low = (low / every).floor() * every;
        high = (high / every).ceil() * every;
        let every_step = nice((last - first) / MARKS).max(1.0).round();
        Some((Scale { steps: [first, last], values: [low, high] }, every_step, every))
    }

    fn label(&self, value: f64, every: f64) -> String {
        let (value, every, unit) = match self.values {
            Values::Shares => (100.0 * value, 100.0 * every, " %"),
            Values::Sizes | Values::Numbers => (value, every, ""),
        };
        let digits = (-every.log10().floor()).clamp(0.0, 12.0) as usize;
        format!("{value:.digits$}{unit}")
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
pub(super) fn nice(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// The multiples of `every` within a range.
pub(super) fn marks([low, high]: [f64; 2], every: f64) -> impl Iterator<Item = f64> {
    let (first, last) = ((low / every - 1e-9).ceil() as i64, (high / every + 1e-9).floor() as i64);
    (first..=last).map(move |multiple| multiple as f64 * every)
}

/// Names from top to bottom, moved down where they would stand on each other.
fn apart(mut names: Vec<(f64, String, String)>) -> Vec<(f64, String, String)> {
    const LINE: f64 = 14.0;
    names.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut free = ABOVE;
    for (y, _, _) in &mut names {
        *y = (*y + 4.0).max(free);
        free = *y + LINE;
    }
    names
}

/// Counts by class and predicted class; a cell is the darker the larger its part of its class.
pub(crate) fn confusion(labels: &[Untrusted], counts: &[Vec<usize>]) -> String {
    const CELL: f64 = 56.0;
    const NAMES: f64 = 150.0;
    const HEAD: f64 = 60.0;
    let size = CELL * labels.len() as f64;
    let (width, height) = (NAMES + size + 40.0, HEAD + size + 4.0);
    let mut out = format!(
        "<svg class=\"matrix\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" aria-label=\"confusion matrix\">\n\
         <title>rows: the class; columns: what was predicted</title>\n"
    );
    let mut put = |text: std::fmt::Arguments<'_>| {
        let _ = out.write_fmt(text);
    };
    for (row, (label, counts)) in labels.iter().zip(counts).enumerate() {
        let name = html(&cut(label.raw()));
        let (top, middle) = (HEAD + CELL * row as f64, HEAD + CELL * (row as f64 + 0.5) + 4.0);
        put(format_args!("<text class=\"end\" x=\"{:.1}\" y=\"{middle:.1}\">{name}</text>\n", NAMES - 8.0));
        let column = NAMES + CELL * (row as f64 + 0.5);
        put(format_args!(
            "<text x=\"{column:.1}\" y=\"{y:.1}\" transform=\"rotate(-25 {column:.1} {y:.1})\">{name}</text>\n",
            y = HEAD - 8.0
        ));
        let of_class = counts.iter().sum::<usize>().max(1) as f64;
        for (column, count) in counts.iter().enumerate() {
            let left = NAMES + CELL * column as f64;
            let part = *count as f64 / of_class;
            put(format_args!(
                "<rect class=\"cell\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{CELL}\" height=\"{CELL}\" fill-opacity=\"{:.3}\"/>\n",
                0.6 * part
            ));
            put(format_args!(
                "<text class=\"middle\" x=\"{:.1}\" y=\"{middle:.1}\">{count}</text>\n",
                left + CELL / 2.0
            ));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// A name as far as there is room for it.
fn cut(name: &str) -> String {
    const LONGEST: usize = 18;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers() {
        let check = |low, high, expected: &[f64]| {
            let every = nice((high - low) / MARKS);
            let found: Vec<f64> = marks([low, high], every).collect();
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        };
        check(0.0, 1.0, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        check(1.0, 15.0, &[5.0, 10.0, 15.0]);
        check(0.0, 0.03, &[0.0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03]);
    }

    #[test]
    fn nothing_to_show_is_no_plot_and_one_point_is_one() {
        let plot = |points| Plot {
            title: "a<b".into(),
            lines: vec![Line::new("<x>", points)],
            references: Vec::new(),
            axis: Axis::Steps,
            values: Values::Shares,
        };
        assert_eq!(plot(Vec::new()).svg(), "");
        let one = plot(vec![Point { at: 1, value: 0.5, interval: None, marked: true }]).svg();
        assert!(one.contains("a&lt;b") && one.contains("&lt;x&gt;") && !one.contains("NaN"), "{one}");
    }

    #[test]
    fn numbers_below_zero_fill_the_axis() {
        let points = [(1, -2.5), (2, -1.0)].map(|(at, value)| Point { at, value, interval: None, marked: false });
        let lines = vec![Line::new("x", points.into())];
        let (axis, values) = (Axis::Steps, Values::Numbers);
        let plot = Plot { title: "x".into(), lines, references: Vec::new(), axis, values };
        assert_eq!(plot.scale().unwrap().0.values, [-2.5, -1.0]);
        let svg = plot.svg();
        assert!(
            svg.contains(">-2.5</text>") && svg.contains(">-1.0</text>") && svg.contains("x, step 2: -1.00<"),
            "{svg}"
        );
    }

    #[test]
    fn layers_begin_with_0_and_a_broken_line_is_told_without_its_colour() {
        let line = |name: &str, values: [f64; 3], broken| {
            let points = (0..).zip(values).map(|(at, value)| Point { at, value, interval: None, marked: false });
            Line { broken, ..Line::new(name, points.collect()) }
        };
        let lines = vec![line("keys", [0.0, 0.5, 1.0], false), line("values", [1.0, 1.0, 0.0], true)];
        let (axis, values) = (Axis::Layers, Values::Sizes);
        let svg = Plot { title: "x".into(), lines, references: Vec::new(), axis, values }.svg();
        for part in [
            // 0 to 2 over 56 to 550, 0 to 1 over 260 to 16; the lines are 4 beside each other.
            "class=\"line\" d=\"M54.0 260.0L301.0 138.0L548.0 16.0\"",
            "class=\"line broken\" d=\"M58.0 16.0L305.0 16.0L552.0 260.0\"",
            "<text class=\"middle\" x=\"56.0\" y=\"278.0\">0</text>",
            "y=\"294.0\">layer</text>",
            "<title>keys, layer 1: 0.50</title>",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn names_do_not_stand_on_each_other() {
        let names = [30.0, 31.0, 200.0].map(|y| (y, String::new(), String::new()));
        let found: Vec<f64> = apart(names.into()).into_iter().map(|(y, _, _)| y).collect();
        assert_eq!(found, [34.0, 48.0, 204.0]);
    }
}
