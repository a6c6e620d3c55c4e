//! What every HTML page of this program has: a head that lets it load and run nothing, the style sheet, and tables and notes as
//! elements.

use crate::present::escape::html;
use crate::present::table_model::{RowKind, TableModel};
use ft_engine::text::Untrusted;

/// What a page of this one's own could do is forbidden in it as well.
const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";

/// A whole page with a body under its heading; `style` is what the page needs besides the common style sheet.
pub(super) fn page(title: &str, heading: &str, style: &str, body: &str) -> String {
    let common = include_str!("style.css");
    format!(
        "{HEAD}<title>{title}</title>\n<style>\n{common}{style}</style>\n</head>\n<body>\n<h1>{heading}</h1>\n{body}</body>\n\
         </html>\n"
    )
}

/// Notes as a list; nothing where there are none.
pub(super) fn notes(notes: &[Untrusted]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let notes: String = notes.iter().map(|note| format!("<li>note: {}</li>\n", html(note.raw()))).collect();
    format!("<ul class=\"notes\">\n{notes}</ul>\n")
}

/// A table with its title and legend.
pub(super) fn table(table: &TableModel) -> String {
    let cells = |tag: &str, cells: &[String]| {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", html(cell))).collect::<String>()
    };
    let mut out = if table.title.is_empty() { String::new() } else { format!("<h3>{}</h3>\n", html(&table.title)) };
    out += &format!("<div class=\"scroll\"><table>\n<tr>{}</tr>\n", cells("th", &table.headings));
    for row in &table.rows {
        let class = match row.kind {
            RowKind::Plain => "",
            RowKind::Result => " class=\"result\"",
            RowKind::Oracle => " class=\"oracle\"",
        };
        out += &format!("<tr{class}>{}</tr>\n", cells("td", &row.cells));
    }
    out + "</table></div>\n" + &legend(table)
}

/// The lines that explain the marks in a table.
pub(super) fn legend(table: &TableModel) -> String {
    table.legend.iter().map(|line| format!("<p class=\"legend\">{}</p>\n", html(line))).collect()
}

/// A text with its lines as they are, which a click unfolds.
pub(super) fn unfolded(summary: &str, text: &Untrusted) -> String {
    let lines: Vec<String> = text.raw().lines().map(html).collect();
    format!("<details><summary>{}</summary>\n<pre>{}</pre>\n</details>\n", html(summary), lines.join("\n"))
}
