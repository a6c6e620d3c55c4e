use serde_json::json;

use super::*;
use crate::files::context::testing::record;
use ft_engine::model::saved_context::ContextDistance;

/// Keys of layer 0 moved by 0.5, of layer 1 by 0.25; values of layer 1 by 1; those of layer 0 were zero.
fn distance() -> ContextDistance {
    let of = |relative| Distance { relative, cosine: Some(0.75) };
    let layer = |keys, values| LayerDistance { keys: of(keys), values: of(values) };
    let layers = vec![layer(Some(0.5), None), layer(Some(0.25), Some(1.0))];
    ContextDistance { layers, last_hidden: of(Some(0.125)) }
}

/// Three positions, one by one.
fn positions() -> PositionDistances {
    let layers = vec![
        LayerBins { keys: vec![Some(0.5), None, Some(0.125)], values: vec![None; 3] },
        LayerBins { keys: vec![Some(0.0), Some(0.25), Some(0.375)], values: vec![Some(1.0); 3] },
    ];
    PositionDistances { positions: 3, per_bin: 1, layers }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Untrusted> {
    texts.map(Into::into).into()
}

fn compared(names: [&str; 2], records: [&ContextRecord; 2]) -> ContextComparison {
    ContextComparison::new((names[0], records[0]), (names[1], records[1]), distance(), &[]).unwrap()
}

#[test]
fn numbers_stand_at_their_layers_positions_and_tokens() {
    let (a, b) = (record(), record());
    let comparison = compared(["one", "two"], [&a, &b]);
    let (of_a, of_b) = (texts(["good", " film"]), texts(["good", " book"]));
    let page = ContextPage {
        comparison: &comparison,
        records: [&a, &b],
        positions: &positions(),
        tokens: [Some(&of_a), Some(&of_b)],
        notes: &[],
    };
    let page = page.html();
    for part in [
        "<h2>one and two</h2>",
        "<tr><td>folder</td><td>one</td><td>two</td></tr>",
        "<tr><td>demonstrations</td><td>2 tokens of 1 rows</td><td>2 tokens of 1 rows</td></tr>",
        "<p>The plans do not differ.</p>",
        // The chart: its axis goes to 1 in steps of 0.2.
        "<title>keys, layer 0: 0.50</title>",
        "<title>keys, layer 1: 0.25</title>",
        "<title>values, layer 1: 1.00</title>",
        "class=\"line broken\"",
        // The same as text.
        "<tr><td>0</td><td>0.5000</td><td>0.750000</td><td>-</td><td>0.750000</td></tr>",
        "<tr><td>last hidden state</td><td>0.1250</td><td>0.750000</td><td>-</td><td>-</td></tr>",
        // The matrices.
        "keys moved, by layer and position: from 0.0000 to 0.5000; the largest at layer 0, position 0 `good`<",
        "values moved, by layer and position: from 1.0000 to 1.0000; the largest at layer 1, position 0 `good`<",
        "fill-opacity=\"1.000\"><title>layer 0, position 0 `good`: 0.5000</title>",
        "fill-opacity=\"0.000\"><title>layer 0, position 1 ` film` / ` book`: -</title>",
        "fill-opacity=\"0.250\"><title>layer 0, position 2: 0.1250</title>",
        "fill-opacity=\"0.500\"><title>layer 1, position 1 ` film` / ` book`: 0.2500</title>",
        "a column is a position",
        "<summary>Demonstrations of both</summary>\n<pre>text of 9</pre>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<title>values, layer 0"), "zero values have no relative distance");
    assert_eq!(page.matches("<title>layer ").count(), 12, "two matrices of two layers and three positions");
}

#[test]
fn steps_are_drawn_where_a_record_has_them() {
    let (mut a, mut b) = (record(), record());
    let shown = |a: &ContextRecord, b: &ContextRecord| {
        let comparison = compared(["one", "two"], [a, b]);
        let positions = positions();
        let page = ContextPage {
            comparison: &comparison,
            records: [a, b],
            positions: &positions,
            tokens: [None; 2],
            notes: &[],
        };
        page.html()
    };
    // Norms over keys and values of one layer: the roots of 1 + 1 and of 0.25 + 0.25.
    let both = shown(&a, &b);
    for part in ["a, step 2: 1.41<", "b, step 3: 1.41<", "a, step 3: 0.71<", "b, step 2: 0.71<"] {
        assert!(both.contains(part), "{part}: {both}");
    }
    a.trace.clear();
    let one = shown(&a, &b);
    assert!(one.contains("b, step 3: 1.41<") && !one.contains("a, step"), "{one}");
    b.trace.clear();
    assert!(!shown(&a, &b).contains("How far each step"));
}

#[test]
fn columns_are_named_by_ids_where_no_text_is_known_and_folded_with_their_range() {
    let mut a = record();
    a.plan.shared_start = vec![40];
    let b = a.clone();
    let comparison = compared(["a", "b"], [&a, &b]);
    let known = texts(["", "<good>"]);
    let columns = |per_bin, tokens| {
        let positions = PositionDistances { per_bin, ..positions() };
        let page =
            ContextPage { comparison: &comparison, records: [&a, &b], positions: &positions, tokens, notes: &[] };
        page.columns()
    };
    assert_eq!(columns(1, [None; 2]), ["position 0 `<token 9>`", "position 1 `<token 1>`", "position 2 `<token 40>`"]);
    assert_eq!(columns(2, [None; 2]), ["positions 0-1 `<token 9><token 1>`", "position 2 `<token 40>`"]);
    // A token without a text has its id, also beside one that has a text.
    assert_eq!(columns(2, [Some(&known[..]); 2])[0], "positions 0-1 `<token 9><good>`");
    let long = texts(["x".repeat(1000).as_str(), "y"]);
    assert_eq!(columns(1, [Some(&long[..]); 2])[0], format!("position 0 `{}…`", "x".repeat(SHOWN)));
    let folded = PositionDistances { per_bin: 2, ..positions() };
    let page =
        ContextPage { comparison: &comparison, records: [&a, &b], positions: &folded, tokens: [None; 2], notes: &[] };
    assert!(page.by_position().contains("a column is 2 positions together (of 3)"));
}

#[test]
fn texts_of_strangers_are_texts() {
    let evil = "<script>alert('x')</script>\"\u{202e}\u{200b}&";
    let a = record();
    let mut b = record();
    b.plan.notes = texts([evil]);
    b.plan.task.name = evil.into();
    b.plan.draw.demonstrations = evil.into();
    b.plan.config.select = evil.into();
    b.plan.model.asked = evil.into();
    b.tensors.dtype = evil.into();
    b.plan.options.task.insert(evil.into(), Untrusted::new(json!(evil)));
    let comparison = compared([evil, "b"], [&a, &b]);
    let (tokens, notes) = (texts([evil, evil]), texts([evil]));
    let page = ContextPage {
        comparison: &comparison,
        records: [&a, &b],
        positions: &positions(),
        tokens: [Some(&tokens), None],
        notes: &notes,
    };
    let page = page.html();
    for part in ["<script", "alert('", "\u{202e}", "\u{200b}", "</script"] {
        assert!(!page.contains(part), "{part:?}: {page}");
    }
    let escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;\\u{202e}\\u{200b}&amp;";
    for part in [
        format!("<h2>{escaped} and b</h2>"),
        format!("<li>note: {escaped}</li>"),
        format!("<li>note: b: {escaped}</li>"),
        format!("<pre>{escaped}</pre>"),
        "position 0 `&lt;script&gt;alert(".to_owned(),
        "<td>task.name</td><td>&quot;t&quot;</td><td>&quot;&lt;script&gt;".to_owned(),
    ] {
        assert!(page.contains(&part), "{part}: {page}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_page_has_a_limit_of_cells() {
    for (layers, bins) in [(0, 256), (1, 256), (64, 256), (65, 252), (128, 128), (20_000, 1)] {
        assert_eq!(most_bins(layers), bins, "{layers}");
    }
}
