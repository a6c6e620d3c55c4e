//! That the page can be read: on a phone, and in both schemes of colours.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::server::{Server, place};
use crate::user::{Form, open, start, try_text, wait_for_state};

/// Width and height of the views in CSS pixels.
const PHONE: (u32, u32) = (375, 700);
const SCREEN: (u32, u32) = (1280, 900);

/// The ratios that WCAG 2.1 asks for at level AA (success criterion 1.4.3), by script for all visible texts. Large text is
/// of 24 px, or of 18.66 px if it is bold; what is disabled is left out, as there.
const TOO_FAINT: &str = r"
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const rgba = colour => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
const probe = document.createElement('div');
document.body.append(probe);
probe.style.color = 'Canvas';
const root = rgba(getComputedStyle(probe).color);
probe.remove();
const ground = element => element === null ? root : over(rgba(getComputedStyle(element).backgroundColor), ground(element.parentElement));
const opacity = element => element === null ? 1 : getComputedStyle(element).opacity * opacity(element.parentElement);
const luminance = ([r, g, b]) => {
  const linear = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
};
const faint = [];
let seen = 0;
for (const element of document.querySelectorAll('body, body *')) {
  const own = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join('');
  const shown = element.matches('input, textarea, select') ? element.value : own;
  if (shown === '' || element.matches(':disabled, option, script, noscript, style, title, desc')) continue;
  if (!element.checkVisibility({ checkVisibilityCSS: true }) || element.getBoundingClientRect().width < 2) continue;
  const style = getComputedStyle(element);
  const background = ground(element);
  const colour = rgba(element instanceof SVGElement ? style.fill : style.color);
  colour[3] *= opacity(element);
  const [low, high] = [luminance(over(colour, background)), luminance(background)].sort((a, b) => a - b);
  const ratio = (high + 0.05) / (low + 0.05);
  const size = parseFloat(style.fontSize);
  const wanted = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
  seen += 1;
  if (!(ratio >= wanted)) faint.push(`${ratio.toFixed(2)}: ${element.tagName} ${element.id} ${element.className.baseVal ?? element.className}: ${shown.slice(0, 40)}`);
}
return { faint, seen, ground: luminance(ground(document.body)) }";

/// Luminance of the page, in a scheme in which every text can be read.
#[track_caller]
fn legible(browser: &Browser, is_dark: bool) -> f64 {
    browser.scheme(is_dark);
    let Value::Object(found) = browser.script(TOO_FAINT, json!([])) else { panic!("expected an object") };
    assert_eq!(found["faint"], json!([]), "texts of too little contrast, dark: {is_dark}");
    assert!(found["seen"].as_u64() > Some(80), "expected the texts of a finished run, got {}", found["seen"]);
    found["ground"].as_f64().unwrap()
}

/// Elements that make the document wider than a view of `width` pixels. A phone's view grows with what is too wide.
fn too_wide(browser: &Browser, width: u32) -> Value {
    const WIDE: &str = "const { scrollWidth, clientWidth } = document.documentElement, [width] = arguments;
        return scrollWidth <= width && clientWidth <= width ? [] : [`${scrollWidth} px`,
            ...[...document.querySelectorAll('body *')]
                .filter(element => element.getBoundingClientRect().right > width + 1)
                .map(element => `${element.tagName} ${element.id} ${element.className}`).slice(0, 10)]";
    browser.script(WIDE, json!([width]))
}

#[test]
fn a_finished_run_can_be_read_in_both_schemes_and_on_a_phone() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    let server = Server::start(&place, &[]);
    browser.view(PHONE.0, PHONE.1, true);
    open(&browser, &server);
    assert_eq!(too_wide(&browser, PHONE.0), json!([]), "before a run");
    start(&browser, &server, &Form { steps: "12", sample: "10", ..Form::SAMPLE });
    wait_for_state(&browser, "done");
    try_text(&browser, &"incomprehensibilities".repeat(9), 12);
    assert_eq!(too_wide(&browser, PHONE.0), json!([]), "with a finished run");
    browser.view(SCREEN.0, SCREEN.1, false);
    assert_eq!(too_wide(&browser, SCREEN.0), json!([]), "on a screen");
    let (light, dark) = (legible(&browser, false), legible(&browser, true));
    assert!(light > 0.7 && dark < 0.1, "luminance of the page: light {light}, dark {dark}");
    browser.close(&server.origin(), &[]);
}
