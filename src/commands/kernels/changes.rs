//! What changed, as text and as data.

use super::compare::{Changed, Comparison, Fact};
use super::snapshot::Snapshot;
use arch_compiler::cost::{counted, grouped};
use serde_json::{Value, json};
use std::fmt::Write;

/// Lines of a diff that are shown for one kernel.
const OF_ONE: usize = 40;
/// Lines of diffs that are shown for all kernels together.
const OF_ALL: usize = 400;
/// Lines of other changes of the manifest that are shown.
const OF_MANIFEST: usize = 20;

/// What the summary tells of a plan: the key in a manifest, and its name for people.
const TOTALS: [(&str, &str); 4] = [
    ("kernel_steps", "kernel steps"),
    ("matrix_products", "matrix products"),
    ("scratch_bytes", "bytes of scratch"),
    ("bytes_moved", "bytes moved"),
];

/// How many of `found` lines are shown, if `left` may be.
fn shown(found: usize, left: usize) -> usize {
    // A line that says that one line was left out takes as much room as that line.
    if found == left + 1 { found } else { found.min(left) }
}

/// All changes, for a terminal.
pub fn text(found: &Comparison, old: &Snapshot, new: &Snapshot) -> String {
    let mut out = String::new();
    let mut left = OF_ALL;
    for changed in &found.changed {
        let _ = writeln!(out, "{}", heading(changed));
        let lines = shown(changed.diff.len(), left.min(OF_ONE));
        for line in &changed.diff[..lines] {
            let _ = writeln!(out, "  {line}");
        }
        let more = changed.diff.len() - lines;
        if more > 0 {
            let of = if lines == 0 { "a diff of " } else { "… " };
            let more = counted(more, if lines == 0 { "line" } else { "more line" });
            let _ = writeln!(out, "  {of}{more} left out");
        }
        left -= lines.min(left);
    }
    for (word, list) in [("new", &found.new), ("gone", &found.gone)] {
        for kernel in list {
            let _ = writeln!(out, "{word}: {}", described(kernel));
        }
    }
    for file in &found.missing {
        let _ = writeln!(out, "missing: {file}");
    }
    let facts: Vec<&Fact> = found.manifest.iter().filter(|f| !in_summary(&f.what)).collect();
    let lines = shown(facts.len(), OF_MANIFEST);
    for fact in &facts[..lines] {
        let _ = writeln!(out, "manifest: {}", fact.text());
    }
    if facts.len() > lines {
        let _ = writeln!(out, "manifest: … {} left out", counted(facts.len() - lines, "more change"));
    }
    out + &summary(old, new)
}

/// All changes, as data. Nothing is left out.
pub fn data(found: &Comparison, old: &Snapshot, new: &Snapshot) -> Value {
    let facts = |facts: &[Fact]| {
        let one = |f: &Fact| json!({ "what": f.what, "old": f.old, "new": f.new, "others": f.others });
        facts.iter().map(one).collect::<Vec<_>>()
    };
    let changed = found.changed.iter().map(|c| {
        let diff = c.diff.join("\n");
        json!({ "old": c.old, "new": c.new, "changes": facts(&c.facts), "diff": diff })
    });
    let totals = |s: &Snapshot| {
        let mut row = json!({ "kernels": s.kernels().count() });
        for (key, _) in TOTALS {
            row[key] = s.manifest[key].clone();
        }
        row
    };
    json!({
        "same": found.is_same(), "lines_moved": found.moved,
        "changed": changed.collect::<Vec<_>>(), "new": found.new, "gone": found.gone,
        "missing": found.missing, "manifest": facts(&found.manifest),
        "before": totals(old), "after": totals(new),
    })
}

fn in_summary(key: &str) -> bool {
    TOTALS.iter().any(|t| t.0 == key)
}

fn heading(changed: &Changed) -> String {
    let mut text = format!("changed: {}", changed.old);
    if changed.new != changed.old {
        let _ = write!(text, " -> {}", changed.new);
    }
    let facts: Vec<String> = changed.facts.iter().map(Fact::text).collect();
    if facts.is_empty() { text } else { format!("{text}: {}", facts.join("; ")) }
}

fn described(kernel: &Value) -> String {
    let sources: Vec<&str> =
        kernel["sources"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let from = if sources.is_empty() { String::new() } else { format!("; from {}", sources.join(", ")) };
    format!(
        "{}: bytes {}; FLOPs {}; calls {}{from}",
        plain(&kernel["file"]),
        plain(&kernel["bytes"]),
        plain(&kernel["flops"]),
        plain(&kernel["calls"]),
    )
}

/// Kernels, steps and bytes, before and now.
fn summary(old: &Snapshot, new: &Snapshot) -> String {
    let change = |name: &str, a: &Value, b: &Value| {
        let (p, q) = (plain(a), plain(b));
        if p == q { format!("{name} {p}") } else { format!("{name} {p} -> {q}{}", percent(a, b)) }
    };
    let [a, b] = [old, new].map(|s| Value::from(s.kernels().count()));
    let mut parts = vec![change("kernels", &a, &b)];
    parts.extend(TOTALS.iter().map(|(key, name)| change(name, &old.manifest[*key], &new.manifest[*key])));
    format!("in all: {}\n", parts.join(", "))
}

fn percent(old: &Value, new: &Value) -> String {
    match (old.as_f64(), new.as_f64()) {
        (Some(a), Some(b)) if a > 0.0 => format!(" ({:+.1} %)", 100.0 * (b / a - 1.0)),
        _ => String::new(),
    }
}

/// A value as one reads it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(s) => s.clone(),
        Value::Number(n) => n.as_u64().map_or_else(|| n.to_string(), grouped),
        other => other.to_string(),
    }
}

impl Fact {
    /// `bytes 1,024 -> 2,048`.
    fn text(&self) -> String {
        let what = if self.what == "flops" { "FLOPs" } else { &self.what };
        let others = self.others.map_or_else(String::new, |n| format!(", {n} of them others than before"));
        format!("{what} {} -> {}{others}", plain(&self.old), plain(&self.new))
    }
}
