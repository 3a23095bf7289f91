//! The report of a run: one HTML file that needs nothing else.

use super::{Metric, RunFolder};
use crate::error::Problem;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 280.0;
const MARGIN: f64 = 48.0;

/// Writes `report.html`: the loss curve, the last figures, the newest grid of samples and the recipe.
///
/// # Errors
/// If the file cannot be written.
pub fn write_report(folder: &RunFolder, title: &str) -> Result<(), Problem> {
    let metrics = folder.read_metrics();
    let recipe = std::fs::read_to_string(folder.recipe()).unwrap_or_default();
    let grid = newest_grid(folder);
    let html = html(title, &metrics, grid.as_deref(), &recipe);
    std::fs::write(folder.report(), html).map_err(|e| Problem::io("write", &folder.report(), &e))
}

/// The bytes of the newest grid: its name has the largest step.
fn newest_grid(folder: &RunFolder) -> Option<Vec<u8>> {
    let entries = std::fs::read_dir(folder.samples()).ok()?;
    let newest = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|s| s == "png"))
        .max()?;
    std::fs::read(newest).ok()
}

fn html(title: &str, metrics: &[Metric], grid: Option<&[u8]>, recipe: &str) -> String {
    let title = escape(title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n<style>\n\
         body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 760px; margin: 2em auto; padding: 0 1em; color: #222; }}\n\
         table {{ border-collapse: collapse; }} td, th {{ text-align: left; padding: 0.1em 1.2em 0.1em 0; }}\n\
         pre {{ background: #f4f4f4; padding: 1em; overflow-x: auto; }} img {{ image-rendering: pixelated; max-width: 100%; }}\n\
         </style></head><body>\n<h1>{title}</h1>\n"
    );
    if let Some(last) = metrics.last() {
        let row = |out: &mut String, name: &str, value: String| {
            let _ = writeln!(out, "<tr><th>{name}</th><td>{value}</td></tr>");
        };
        out.push_str("<table>\n");
        row(&mut out, "steps", last.step.to_string());
        row(&mut out, "loss", format!("{:.5}", last.loss));
        if let Some(validation) = metrics.iter().rev().find_map(|m| m.validation_loss) {
            row(&mut out, "loss on held-out samples", format!("{validation:.5}"));
        }
        row(&mut out, "images per second", format!("{:.1}", last.images_per_second));
        row(&mut out, "seconds", format!("{:.0}", last.seconds));
        out.push_str("</table>\n<h2>Loss</h2>\n");
        out.push_str(&curve(metrics));
    }
    if let Some(grid) = grid {
        let _ = write!(
            out,
            "<h2>Samples</h2>\n<img alt=\"samples\" src=\"data:image/png;base64,{}\">\n",
            base64(grid)
        );
    }
    let _ = write!(out, "<h2>Recipe</h2>\n<pre>{}</pre>\n</body></html>\n", escape(recipe));
    out
}

/// The loss over the steps as SVG, on a logarithmic scale; held-out losses are dots.
fn curve(metrics: &[Metric]) -> String {
    let points: Vec<(f64, f64)> = metrics
        .iter()
        .filter(|m| m.loss > 0.0 && m.loss.is_finite())
        .map(|m| (m.step as f64, m.loss))
        .collect();
    let held_out: Vec<(f64, f64)> = metrics
        .iter()
        .filter_map(|m| Some((m.step as f64, m.validation_loss.filter(|l| *l > 0.0 && l.is_finite())?)))
        .collect();
    let all = || points.iter().chain(&held_out);
    if all().next().is_none() {
        return String::new();
    }
    let fold = |f: fn(f64, f64) -> f64, start: f64, of: fn(&(f64, f64)) -> f64| all().map(of).fold(start, f);
    let (first, last) = (fold(f64::min, f64::MAX, |p| p.0), fold(f64::max, f64::MIN, |p| p.0));
    let (low, high) = (fold(f64::min, f64::MAX, |p| p.1), fold(f64::max, f64::MIN, |p| p.1));
    let x = |step: f64| MARGIN + (step - first) / (last - first).max(1.0) * (WIDTH - 1.5 * MARGIN);
    let span = (high / low).ln().max(1e-9);
    let y = |loss: f64| HEIGHT - MARGIN - (loss / low).ln() / span * (HEIGHT - 1.5 * MARGIN);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"100%\" role=\"img\" aria-label=\"loss over steps\" font-size=\"12\">\n"
    );
    for (value, at) in [(low, y(low)), (high, y(high))] {
        let _ = writeln!(
            svg,
            "<line x1=\"{MARGIN}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text x=\"0\" y=\"{at:.1}\">{value:.4}</text>"
        );
    }
    for (step, anchor) in [(first, "start"), (last, "end")] {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">step {step}</text>",
            x(step),
            HEIGHT - MARGIN / 3.0
        );
    }
    let line: Vec<String> = points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#2b6cb0\" stroke-width=\"1.5\"/>",
        line.join(" ")
    );
    for (step, loss) in &held_out {
        let _ =
            writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#c05621\"/>", x(*step), y(*loss));
    }
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let word = part.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - part.len()));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= part.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_the_standard() {
        let pairs = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in pairs {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn a_report_needs_nothing_else_and_survives_odd_figures() {
        let metric =
            |step, loss| Metric { step, loss, validation_loss: Some(loss * 1.1), ..Metric::default() };
        let text = html(
            "a <run>",
            &[metric(1, 1.0), metric(2, f64::NAN), metric(3, 0.5)],
            Some(&[1, 2, 3]),
            "[model]\nx = \"<&>\"",
        );
        assert!(text.contains("<h1>a &lt;run&gt;</h1>") && text.contains("data:image/png;base64,AQID"));
        assert!(text.contains("&lt;&amp;&gt;") && !text.contains("NaN\""));
        assert!(!text.contains("http"), "nothing is fetched");
        assert!(text.contains("<polyline") && text.matches("<circle").count() == 2);
        for few in [&[][..], &[metric(7, 0.3)]] {
            assert!(!html("t", few, None, "").contains("NaN"));
        }
    }
}
