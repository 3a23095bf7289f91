//! What became of the kernels of a folder: which changed, which are new or gone, and what that costs.

use super::snapshot::{Snapshot, listed};
use super::{manifest, pairing};
use serde_json::{Map, Value};
use similar::TextDiff;
use std::collections::BTreeSet;

/// Something that a manifest says otherwise than the one before.
pub struct Fact {
    /// What it is of: `bytes`, `a1`, `grid`.
    pub what: String,
    /// Before; null where it was not there.
    pub old: Value,
    /// Now; null where it is no more.
    pub new: Value,
    /// Of a list, whose lengths these are: how many of its rows now are others than before.
    pub others: Option<usize>,
}

/// A file that changed, or a kernel that took the place of another.
pub struct Changed {
    /// The old file.
    pub old: String,
    /// The new one: another, since names of kernels follow from their contents.
    pub new: String,
    /// What the manifest says otherwise.
    pub facts: Vec<Fact>,
    /// The lines of a unified diff of both texts; none where only the manifest changed.
    pub diff: Vec<String>,
}

/// All that is different. Source lines are not: a comment in the text of a model changes no kernel.
pub struct Comparison {
    /// What changed.
    pub changed: Vec<Changed>,
    /// Kernels that were not there and take nobody's place, as the manifest has them.
    pub new: Vec<Value>,
    /// Kernels whose place nobody takes.
    pub gone: Vec<Value>,
    /// Files that the manifest of the folder lists and that are not in it.
    pub missing: Vec<String>,
    /// What the manifest says otherwise beside its kernels.
    pub manifest: Vec<Fact>,
    /// Whether kernels come from other lines or files than before.
    pub moved: bool,
}

impl Comparison {
    /// Holds the kernels of a folder against those that would be written now.
    pub fn of(old: &Snapshot, new: &Snapshot) -> Self {
        let pairing = pairing::of(old, new);
        let mut changed = Vec::new();
        if let Some(header) = new.manifest["header"].as_str() {
            changed.extend(differ(old, new, (header, header), Vec::new()));
        }
        for (a, b) in &pairing.pairs {
            let files = (file(a), file(b));
            changed.extend(differ(old, new, files, facts_of_kernel(a, b)));
        }
        Comparison {
            changed,
            new: pairing.new.into_iter().cloned().collect(),
            gone: pairing.gone.into_iter().cloned().collect(),
            missing: listed(&old.manifest).into_iter().filter(|f| !old.files.contains_key(f)).collect(),
            manifest: facts_of_manifest(&old.manifest, &new.manifest),
            moved: lines(old) != lines(new),
        }
    }

    /// Whether the same kernels run in the same way.
    pub fn is_same(&self) -> bool {
        let kernels = self.changed.is_empty() && self.new.is_empty() && self.gone.is_empty();
        kernels && self.missing.is_empty() && self.manifest.is_empty()
    }
}

fn file(kernel: &Value) -> &str {
    kernel["file"].as_str().unwrap_or_default()
}

/// What is different about a file, if anything is.
fn differ(old: &Snapshot, new: &Snapshot, files: (&str, &str), facts: Vec<Fact>) -> Option<Changed> {
    let after = code(new.files.get(files.1)?);
    // A file that is missing is said by itself.
    let before = old.files.get(files.0).map_or_else(|| after.clone(), |text| code(text));
    if before == after && facts.is_empty() {
        return None;
    }
    let diff = TextDiff::from_lines(&before, &after);
    let diff = diff.unified_diff().header(files.0, files.1).to_string().lines().map(String::from).collect();
    Some(Changed { old: files.0.into(), new: files.1.into(), facts, diff })
}

/// What is run of a text. What its comments say stands in the manifest, too.
fn code(text: &str) -> String {
    manifest::code(text).flat_map(|line| [line, "\n"]).collect()
}

/// The source lines of all kernels and products.
fn lines(snapshot: &Snapshot) -> Vec<&Value> {
    let products = snapshot.manifest["products"].as_array().into_iter().flatten();
    snapshot.kernels().chain(products).map(|row| &row["sources"]).collect()
}

fn facts_of_kernel(old: &Value, new: &Value) -> Vec<Fact> {
    let mut facts = Vec::new();
    for key in keys(old, new) {
        let (a, b) = (&old[&key], &new[&key]);
        match key.as_str() {
            // Who reads a buffer is no part of a kernel; the names themselves are compared with the buffers.
            "name" | "file" | "sources" | "values" => {}
            // NVRTC need not be there when kernels are checked.
            "sm_90" if a.is_null() || b.is_null() => {}
            "arguments" => {
                let count = |v: &Value| v.as_array().map_or(0, Vec::len);
                for at in 0..count(a).max(count(b)) {
                    add_shape(&mut facts, format!("a{at}"), &a[at], &b[at]);
                }
            }
            _ if a.is_object() && b.is_object() => {
                for inner in keys(a, b) {
                    add(&mut facts, inner.clone(), &a[&inner], &b[&inner]);
                }
            }
            _ => add(&mut facts, key, a, b),
        }
    }
    facts
}

fn facts_of_manifest(old: &Value, new: &Value) -> Vec<Fact> {
    let mut facts = Vec::new();
    for key in keys(old, new) {
        let (a, b) = (&old[&key], &new[&key]);
        match key.as_str() {
            "kernels" => {}
            "config" => {
                for inner in keys(a, b) {
                    add(&mut facts, inner.clone(), &a[&inner], &b[&inner]);
                }
            }
            "products" => products(&mut facts, a, b),
            "buffers" => {
                named(&mut facts, a, b);
                rows(&mut facts, "buffers", a, b);
            }
            "steps" => rows(&mut facts, "steps", a, b),
            _ => add(&mut facts, key, a, b),
        }
    }
    facts
}

/// Matrix products that a library runs: which shapes are new or gone, and which are called more or less often.
fn products(facts: &mut Vec<Fact>, old: &Value, new: &Value) {
    let name = |p: &Value| format!("product of {}x{}x{}, {} times", p["m"], p["n"], p["k"], p["times"]);
    let calls = |list: &Value, wanted: &str| {
        let found = list.as_array().and_then(|l| l.iter().find(|p| name(p) == wanted));
        found.map_or(Value::Null, |p| p["calls"].clone())
    };
    let all = [old, new].into_iter().filter_map(Value::as_array).flatten();
    for name in all.map(name).collect::<BTreeSet<String>>() {
        add(facts, format!("calls of the {name}"), &calls(old, &name), &calls(new, &name));
    }
}

/// Inputs and parameters, by their names.
fn named(facts: &mut Vec<Fact>, old: &Value, new: &Value) {
    let named = |list: &Value| {
        let buffers = list.as_array().into_iter().flatten();
        let one = |b: &Value| Some((b["name"].as_str()?.to_string(), b["shape"].clone()));
        Value::Object(buffers.filter_map(one).collect::<Map<String, Value>>())
    };
    let (old, new) = (named(old), named(new));
    for name in keys(&old, &new) {
        add_shape(facts, name.clone(), &old[&name], &new[&name]);
    }
}

/// How many rows of a list are others than before.
fn rows(facts: &mut Vec<Fact>, what: &str, old: &Value, new: &Value) {
    let none = Vec::new();
    let (a, b) = (old.as_array().unwrap_or(&none), new.as_array().unwrap_or(&none));
    let is_other = |i: &usize| a.get(*i).map(unnamed) != b.get(*i).map(unnamed);
    let others = (0..b.len()).filter(is_other).count();
    if others > 0 || a.len() != b.len() {
        let (old, new) = (a.len().into(), b.len().into());
        facts.push(Fact { what: what.into(), old, new, others: Some(others) });
    }
}

/// A row of a list without the names of its axes: what an axis is called changes no kernel.
fn unnamed(row: &Value) -> Value {
    let mut row = row.clone();
    if let Some(shape) = row.get_mut("shape") {
        *shape = sizes(shape);
    }
    row
}

/// A shape without the names of its axes: `[T:16, D:32]` as `[16, 32]`.
fn sizes(shape: &Value) -> Value {
    let Some(text) = shape.as_str() else { return shape.clone() };
    let axes = text.trim_matches(['[', ']']).split(", ");
    let sizes = axes.map(|axis| axis.rsplit(':').next().unwrap_or(axis));
    format!("[{}]", sizes.collect::<Vec<_>>().join(", ")).into()
}

/// Adds a fact where sizes are others; `[A:4, B:4]` and `[B:4, A:4]` are the same.
fn add_shape(facts: &mut Vec<Fact>, what: String, old: &Value, new: &Value) {
    if sizes(old) != sizes(new) {
        add(facts, what, old, new);
    }
}

fn add(facts: &mut Vec<Fact>, what: String, old: &Value, new: &Value) {
    if old != new {
        facts.push(Fact { what, old: old.clone(), new: new.clone(), others: None });
    }
}

/// The keys of both objects, those of the second first.
fn keys(old: &Value, new: &Value) -> Vec<String> {
    let empty = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    new.keys().chain(old.keys().filter(|k| !new.contains_key(*k))).cloned().collect()
}
