//! Which new kernel took the place of which old one. Names follow from contents, so a kernel that changed has another.

use super::snapshot::Snapshot;
use serde_json::Value;
use std::collections::BTreeSet;

/// What is asked at least of a pair: more than that both come from the same lines, as all linear layers do.
const ENOUGH: f64 = 2.5;

/// Old and new kernels, in the order of the new ones.
pub struct Pairing<'a> {
    /// The old kernel and the new one; the same name where its contents did not change.
    pub pairs: Vec<(&'a Value, &'a Value)>,
    /// New kernels without an old one.
    pub new: Vec<&'a Value>,
    /// Old kernels without a new one.
    pub gone: Vec<&'a Value>,
}

/// What tells a kernel from others of its family.
struct Marks<'a> {
    kernel: &'a Value,
    /// Its name without the hash.
    stem: &'a str,
    /// Inputs, parameters and results among its buffers.
    buffers: BTreeSet<&'a str>,
    sources: BTreeSet<&'a str>,
    shapes: BTreeSet<&'a str>,
}

impl<'a> Marks<'a> {
    fn of(snapshot: &'a Snapshot, kernel: &'a Value) -> Self {
        let all = &snapshot.manifest;
        let name = kernel["name"].as_str().unwrap_or_default();
        let steps = all["steps"].as_array().into_iter().flatten().filter(|s| s["kernel"] == kernel["name"]);
        let numbers = steps.filter_map(|s| s["buffers"].as_array()).flatten().filter_map(Value::as_u64);
        let buffers = numbers.map(|n| &all["buffers"][n as usize]);
        let names = buffers.flat_map(|b| strings(&b["results"]).into_iter().chain(b["name"].as_str()));
        Marks {
            kernel,
            stem: name.rsplit_once('_').map_or(name, |(stem, _)| stem),
            buffers: names.collect(),
            sources: strings(&kernel["sources"]),
            shapes: strings(&kernel["arguments"]),
        }
    }

    /// How much speaks for the other kernel having taken this one's place.
    fn likeness(&self, other: &Marks) -> f64 {
        if self.kernel["family"] != other.kernel["family"] {
            return 0.0;
        }
        let stem = if self.stem == other.stem { 3.0 } else { 0.0 };
        stem + 4.0 * common(&self.buffers, &other.buffers)
            + 2.0 * common(&self.sources, &other.sources)
            + common(&self.shapes, &other.shapes)
    }
}

fn strings(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The share of what both have in what either has.
fn common(a: &BTreeSet<&str>, b: &BTreeSet<&str>) -> f64 {
    let all = a.union(b).count();
    if all == 0 { 0.0 } else { a.intersection(b).count() as f64 / all as f64 }
}

/// Pairs kernels: those of one name, then those that are most alike.
pub fn of<'a>(old: &'a Snapshot, new: &'a Snapshot) -> Pairing<'a> {
    let names = |s: &'a Snapshot| s.kernels().filter_map(|k| k["name"].as_str()).collect::<BTreeSet<_>>();
    let kept: BTreeSet<&str> = names(old).intersection(&names(new)).copied().collect();
    let is_kept = |k: &Value| k["name"].as_str().is_some_and(|n| kept.contains(n));
    let left = |s: &'a Snapshot| s.kernels().filter(|k| !is_kept(k)).map(|k| Marks::of(s, k)).collect();
    let (before, after): (Vec<Marks>, Vec<Marks>) = (left(old), left(new));
    let mut candidates: Vec<(f64, usize, usize)> = Vec::new();
    for (i, a) in before.iter().enumerate() {
        let alike = after.iter().enumerate().map(|(j, b)| (a.likeness(b), i, j));
        candidates.extend(alike.filter(|c| c.0 > ENOUGH));
    }
    // Of equals those that stand at about the same place of the plan.
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.abs_diff(a.2).cmp(&b.1.abs_diff(b.2))));
    let (mut successors, mut taken) = (vec![None; before.len()], vec![None; after.len()]);
    for (_, i, j) in candidates {
        if successors[i].is_none() && taken[j].is_none() {
            (successors[i], taken[j]) = (Some(j), Some(i));
        }
    }
    let mut pairing = Pairing { pairs: Vec::new(), new: Vec::new(), gone: Vec::new() };
    for kernel in new.kernels() {
        if is_kept(kernel) {
            pairing.pairs.extend(old.kernels().find(|k| k["name"] == kernel["name"]).map(|k| (k, kernel)));
            continue;
        }
        let at = after.iter().position(|m| std::ptr::eq(m.kernel, kernel));
        match at.and_then(|j| taken[j]) {
            Some(i) => pairing.pairs.push((before[i].kernel, kernel)),
            None => pairing.new.push(kernel),
        }
    }
    pairing.gone = (0..before.len()).filter(|i| successors[*i].is_none()).map(|i| before[i].kernel).collect();
    pairing
}
