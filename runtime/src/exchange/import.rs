//! Tensors of an archive as the parameters of a program.

use super::archive::{Archive, Entry};
use super::fit::Misfit;
use super::mapping::{Found, Mapping};
use super::{Outgoing, Shapes, write};
use crate::error::{Code, Problem, nearest};
use crate::interface::{computed_value, is_computed};
use arch_compiler::program::Program;
use safetensors::Dtype;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What wrappers put between the parts of a name: torch.compile, FSDP, activation checkpointing.
const INNER: [&str; 3] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];
/// What data parallelism and averaging put before all names.
const OUTER: &str = "module.";
/// What averaging puts beside them.
const COUNTER: &str = "n_averaged";
/// What training scripts call the parts that hold a model.
const USUAL: [&str; 4] = ["ema", "model", "state_dict", ""];

/// The parameters of a program and what of an archive they are made of.
pub struct Match<'a> {
    archive: &'a Archive,
    program: &'a Program,
    /// The part of the archive that is taken, `ema`; nothing for the whole.
    pub part: String,
    /// Other parts that hold this model.
    pub others: Vec<String>,
    /// Tensors of the part that the model does not have.
    pub extra: Vec<String>,
    /// Buffers that are not in the archive and are computed.
    pub computed: Vec<String>,
    /// For each parameter the entries that are joined, each with the copies of it.
    routes: BTreeMap<&'a str, Vec<Vec<&'a Entry>>>,
}

/// A part of an archive: its tensors by their names below it, without what wrappers put there.
struct Part<'a> {
    name: String,
    entries: BTreeMap<String, &'a Entry>,
    shapes: Shapes,
}

impl<'a> Part<'a> {
    fn new(archive: &'a Archive, name: &str) -> Self {
        let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
        let inner = |name: &str| {
            let kept: Vec<&str> = name.split('.').filter(|p| !INNER.contains(p)).collect();
            kept.join(".")
        };
        let below = archive.entries.iter().filter_map(|(n, e)| Some((inner(n.strip_prefix(&prefix)?), e)));
        let mut entries: BTreeMap<String, &Entry> = below.collect();
        let is_wrapped = |n: &String| n.starts_with(OUTER) || n == COUNTER;
        // A layer may be called `module` too, so that only what stands before all names is a wrapper.
        while entries.keys().any(|n| n.starts_with(OUTER)) && entries.keys().all(is_wrapped) {
            let stripped =
                entries.into_iter().filter_map(|(n, e)| Some((n.strip_prefix(OUTER)?.to_string(), e)));
            entries = stripped.collect();
        }
        let shapes = entries.iter().map(|(n, e)| (n.clone(), e.shape.clone())).collect();
        Part { name: name.into(), entries, shapes }
    }

    /// How many of a program's trained parameters it has, by their names alone.
    fn score(&self, program: &Program, mapping: &Mapping) -> Result<usize, Problem> {
        let mut score = 0;
        for parameter in program.parameters.iter().filter(|p| p.trained) {
            score += usize::from(matches!(mapping.find(&parameter.name, &self.shapes)?, Found::Here(_)));
        }
        Ok(score)
    }
}

/// Takes the part `key`. Without one, that which has most of the model's parameters, and of several the moving
/// average: it is what the papers sample from. Gives the names of the others, too.
fn choose<'a>(
    archive: &'a Archive,
    program: &Program,
    mapping: &Mapping,
    key: Option<&str>,
) -> Result<(Part<'a>, Vec<String>), Problem> {
    let mut names = BTreeSet::from([String::new()]);
    for name in archive.entries.keys() {
        names.extend(name.match_indices('.').take(2).map(|(at, _)| name[..at].to_string()));
    }
    if let Some(key) = key.map(|k| k.trim_end_matches('.')) {
        return if names.contains(key) {
            Ok((Part::new(archive, key), Vec::new()))
        } else {
            Err(absent(archive, key, &names))
        };
    }
    let mut scored = Vec::new();
    for name in names {
        let part = Part::new(archive, &name);
        scored.push((part.score(program, mapping)?, part));
    }
    let best = scored.iter().map(|(score, _)| *score).max().unwrap_or(0);
    let mut fitting: Vec<Part<'_>> =
        scored.into_iter().filter(|(score, _)| *score == best).map(|(_, p)| p).collect();
    // Where nothing fits, what is said of the misfit speaks of the part that was most likely meant.
    let rank = |p: &Part<'_>| {
        let last = p.name.rsplit('.').next().unwrap_or_default();
        (!last.contains("ema"), USUAL.iter().position(|u| *u == p.name).unwrap_or(USUAL.len()), p.name.len())
    };
    fitting.sort_by_key(rank);
    let taken = fitting.remove(0);
    // `state_dict` and, within it, `state_dict.module` are one.
    let within = |name: &str| taken.name.is_empty() || name.starts_with(&format!("{}.", taken.name));
    let others = fitting.iter().map(|p| p.name.clone()).filter(|n| best > 0 && !n.is_empty() && !within(n));
    let others = others.collect();
    Ok((taken, others))
}

fn absent(archive: &Archive, key: &str, names: &BTreeSet<String>) -> Problem {
    let tops: Vec<&str> =
        names.iter().filter(|n| !n.is_empty() && !n.contains('.')).map(String::as_str).collect();
    let help = match nearest(key, tops.iter().copied()) {
        Some(near) => format!("did you mean `--key {near}`?"),
        None => {
            "without `--key`, the part that fits the model is taken, the moving average before others".into()
        }
    };
    let text = format!("{} has no part `{key}`; it has `{}`", archive.path().display(), tops.join("`, `"));
    Problem::new(Code::CheckpointPart, text, help)
}

impl<'a> Match<'a> {
    /// Finds a program's parameters in an archive, below `key` or where they are. No elements are read yet.
    ///
    /// # Errors
    /// If there is no part `key`, the mapping does not fit, or parameters are missing, have other sizes, or are
    /// fewer than the tensors and `allow_extra` is not set: all of them are listed with the nearest names.
    pub fn new(
        archive: &'a Archive,
        program: &'a Program,
        mapping: &Mapping,
        key: Option<&str>,
        allow_extra: bool,
    ) -> Result<Self, Problem> {
        if archive.is_ours {
            return Err(Problem::new(
                Code::CheckpointFormat,
                format!("{} is a checkpoint of archc already", archive.path().display()),
                "`archc sample`, `eval` and `export` take it as it is",
            ));
        }
        let (part, others) = choose(archive, program, mapping, key)?;
        let mut routes = BTreeMap::new();
        let mut misfit = Misfit::default();
        let mut computed = Vec::new();
        let mut used: BTreeSet<String> = BTreeSet::new();
        for parameter in &program.parameters {
            let names = match mapping.find(&parameter.name, &part.shapes)? {
                Found::Here(names) => names,
                Found::Absent(_) if is_computed(program, parameter) => {
                    computed.push(parameter.name.clone());
                    continue;
                }
                Found::Absent(names) => {
                    misfit.missing.push((parameter.name.clone(), parameter.stored.clone(), names));
                    continue;
                }
            };
            let entry = |n: &String| part.entries[n];
            let route: Vec<Vec<&Entry>> =
                names.iter().map(|copies| copies.iter().map(entry).collect()).collect();
            let shape = joined(&route).map_err(|why| unfit(&parameter.name, &why))?;
            if shape != parameter.stored {
                misfit.misshapen.push((parameter.name.clone(), shape, parameter.stored.clone()));
            }
            used.extend(names.into_iter().flatten());
            routes.insert(parameter.name.as_str(), route);
        }
        misfit.found = routes.len();
        misfit.extra = part.entries.keys().filter(|n| !used.contains(*n)).cloned().collect();
        if !misfit.is_complete() || !(allow_extra || misfit.extra.is_empty()) {
            let wanted = program.parameters.iter().map(|p| p.name.as_str()).collect();
            let mut what = archive.path().display().to_string();
            if !part.name.is_empty() {
                what = format!("`{}` of {what}", part.name);
            }
            return Err(misfit.problem(&what, part.entries.len(), &program.item, &wanted));
        }
        Ok(Match { archive, program, part: part.name, others, extra: misfit.extra, computed, routes })
    }

    /// Writes the program's parameters and buffers as a safetensors file. Gives the number of tensors and of
    /// their elements.
    ///
    /// # Errors
    /// If the archive cannot be read, or the file cannot be written; what was at `out` is untouched then.
    pub fn write(&self, out: &Path) -> Result<(usize, usize), Problem> {
        let mut tensors = BTreeMap::new();
        for parameter in &self.program.parameters {
            let (dtype, bytes) = match self.routes.get(parameter.name.as_str()) {
                Some(route) => (route[0][0].dtype, self.read(&parameter.name, route)?),
                None => {
                    let value = computed_value(self.program, parameter)?;
                    (Dtype::F32, Cow::Owned(value.data.iter().flat_map(|x| x.to_le_bytes()).collect()))
                }
            };
            let tensor = Outgoing { dtype, shape: parameter.stored.clone(), bytes };
            tensors.insert(parameter.name.clone(), tensor);
        }
        write(out, &tensors)?;
        let elements = tensors.values().map(|t| t.shape.iter().product::<usize>()).sum();
        Ok((tensors.len(), elements))
    }

    fn read(&self, name: &str, route: &[Vec<&'a Entry>]) -> Result<Cow<'a, [u8]>, Problem> {
        let mut parts = Vec::new();
        for copies in route {
            let bytes = self.archive.bytes(copies[0])?;
            for copy in &copies[1..] {
                if self.archive.bytes(copy)? != bytes {
                    return Err(unfit(name, "the tensors that should be copies of one another differ"));
                }
            }
            parts.push(bytes);
        }
        // Elements are row-major: what is joined along the first axis stands one behind the other.
        Ok(if parts.len() == 1 { parts.remove(0) } else { Cow::Owned(parts.concat()) })
    }
}

/// The sizes of tensors joined along the first axis.
fn joined(route: &[Vec<&Entry>]) -> Result<Vec<usize>, String> {
    let first = route[0][0];
    let readable = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::I64, Dtype::I32];
    if !readable.contains(&first.dtype) {
        return Err(format!("it holds {:?}; floats of 16, 32 and 64 bits are read", first.dtype));
    }
    let mut shape = first.shape.clone();
    for (k, entry) in route.iter().enumerate().flat_map(|(k, copies)| copies.iter().map(move |e| (k, e))) {
        if entry.dtype != first.dtype
            || entry.shape.len() != shape.len()
            || entry.shape.get(1..) != shape.get(1..)
        {
            return Err(format!(
                "{:?} of {:?} and {:?} of {:?} do not go together",
                first.shape, first.dtype, entry.shape, entry.dtype
            ));
        }
        if k > 0 && std::ptr::eq(*entry, route[k][0]) {
            shape[0] += entry.shape[0];
        }
    }
    Ok(shape)
}

fn unfit(name: &str, why: &str) -> Problem {
    Problem::new(
        Code::Mapping,
        format!("`{name}` cannot be made of what the checkpoint has: {why}"),
        "check the preset and the mapping; other kinds of numbers are converted in Python first: `tensor.float()`",
    )
}
