//! The canon e-graph: however a text says it, the same mathematics becomes the same graph.
//!
//! A function is loaded as terms ([`load`]), every rule of one table ([`rules`]) is applied until nothing new
//! comes up ([`saturate`]), and of all the ways to say a result the smallest is written back ([`extract`],
//! [`store`]). The order of operands, of declarations and of statements is lost on the way: sums and products
//! are sorted, and ties are broken by what a term is ([`key`]). The step of a scan is a problem of its own.
//!
//! After Tate et al., "Equality saturation: a new approach to optimization" (2009), with the e-graphs of
//! Willsey et al., "egg: Fast and extensible equality saturation" (2021).

mod cost;
mod effects;
mod extract;
mod forms;
mod inside;
mod key;
mod lang;
mod load;
mod problems;
mod rules;
mod saturate;
mod settle;
mod shares;
mod signature;
mod signs;
mod step;
mod steps;
mod store;
mod terms;
#[cfg(test)]
mod tests;
mod uses;
mod write;

use crate::canon;
use crate::graph::{FuncId, Function, Module, Rules, inline, reached};
use crate::ops::{Op, ShapeError};
use crate::schedule::{Chosen, Setting, in_steps, in_time, in_time_in_chaos, schedule, schedule_in_chaos};
use arch_grammar::{Diagnostic, Span};

pub use cost::Reordered;

/// A rule, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub algebra: &'static str,
    /// When it holds; empty if always.
    pub guard: &'static str,
}

/// All rules: those of both e-graphs, and the forms that values are taken to before; a place here is one in [`Rules`].
#[must_use]
pub fn all_rules() -> Vec<Rule> {
    let of_canon = rules::RULES.iter().map(|r| Rule { name: r.name, algebra: r.algebra, guard: r.guard });
    let of_cost = cost::RULES.iter().map(|r| Rule { name: r.name, algebra: r.algebra, guard: r.guard });
    let of_forms = forms::FORMS.iter().map(|r| Rule { name: r.name, algebra: r.algebra, guard: r.guard });
    of_canon.chain(of_cost).chain(of_forms).collect()
}

/// A rule of the cost e-graph among all.
fn cost_rule(place: usize) -> Rules {
    Rules::one(rules::RULES.len() + place)
}

/// A form among all rules.
fn form_rule(place: usize) -> Rules {
    Rules::one(rules::RULES.len() + cost::RULES.len() + place)
}

/// Why the spelling of a function is not the canonical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// There are more ways to write it than are tried.
    Limit,
    /// A scan is kept as it is written: no step of it can be written anew.
    Kept,
}

/// A function whose kernels may depend on how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: Unfinished,
    /// The first of its operations that stands in a text; empty if none does.
    pub origin: Span,
}

impl Incomplete {
    fn of(function: &Function, why: Unfinished) -> Self {
        let places = function.nodes.iter().filter(|n| n.op != Op::Input).map(|n| n.origin.span);
        let origin = places.filter(|s| s.end > 0).min().unwrap_or_default();
        Incomplete { name: function.name.clone(), why, origin }
    }

    /// What is said of it.
    #[must_use]
    pub fn warning(&self) -> Diagnostic {
        let title = format!("not every way to write `{}` was tried", self.name);
        let warning = Diagnostic::warning("A0909", title, self.origin).label("it begins here");
        let warning =
            warning.remark("its results are right, but its kernels may depend on how it is written");
        match self.why {
            Unfinished::Limit => {
                warning.help("make blocks of its parts, or write long sums and products in fewer terms")
            }
            Unfinished::Kept => warning
                .remark("a scan in it is kept as it is written: its step could not be written anew")
                .help("leave out the states of its scans that are neither yielded nor read"),
        }
    }
}

/// What was done to functions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Canonical {
    /// The rules that found another way to say a value, whether or not that was chosen.
    pub fired: Rules,
    /// The functions whose kernels may depend on how they were written.
    pub incomplete: Vec<Incomplete>,
    /// The sums of products that are multiplied in another order than they were written in.
    pub products: Vec<Reordered>,
    /// The scans, and in which form each is computed.
    pub scans: Vec<Chosen>,
}

impl Canonical {
    /// Adds what was done elsewhere.
    fn add(&mut self, other: Canonical) {
        self.incomplete.extend(other.incomplete);
        self.products.extend(other.products);
        self.fired = self.fired.and(other.fired);
    }
}

/// Adds a function that does what `entry` does in its canonical spelling, and with it all that it calls. What is
/// differentiated afterwards is the canonical spelling, so that its gradient is the same for every spelling. The
/// gradient itself stays as differentiation has it: it shares sums among its parts, and a spelling that flattens
/// products without counting what is shared would compute them again and again. Its scans are in the form that is
/// computed best: see [`crate::schedule`].
///
/// # Errors
/// If an operation does not fit its inputs: a fault of a rule.
pub fn canonical(module: &mut Module, entry: FuncId) -> Result<(FuncId, Canonical), ShapeError> {
    let (entry, mut canonical) = spelling(module, entry, None)?;
    canonical.scans = schedule(module, entry)?;
    Ok((entry, canonical))
}

/// The same with terms and forms of scans that are chosen badly, others for each seed: for tests, which show that
/// whatever the e-graph holds as one value is one.
///
/// # Errors
/// As [`canonical`].
pub fn canonical_in_chaos(module: &mut Module, entry: FuncId, seed: u64) -> Result<FuncId, ShapeError> {
    let entry = spelling(module, entry, Some(seed))?.0;
    schedule_in_chaos(module, entry, seed)?;
    Ok(entry)
}

fn spelling(
    module: &mut Module,
    entry: FuncId,
    chaos: Option<u64>,
) -> Result<(FuncId, Canonical), ShapeError> {
    let entry = problems::problems(module, entry);
    let mut all = Canonical::default();
    for id in reached(module, entry) {
        let taken = forms::one(module, id)?;
        let function = module.function(id).clone();
        let (function, hidden) = forms::hidden::hide(module, &function)?;
        module.functions[id.0 as usize] = function;
        all.add(respell_function(module, id, chaos)?);
        // Where numbers stand is known now.
        let scaled = forms::late(module, id)?;
        all.fired = all.fired.and(taken).and(scaled);
        let (ordered, is_new) = cost::order(module, id, chaos)?;
        all.add(ordered);
        // However the sums stood before, they are written as the canon e-graph writes them.
        if is_new || !scaled.is_empty() {
            all.add(respell_function(module, id, chaos)?);
        }
        let function = module.function(id).clone();
        module.functions[id.0 as usize] = forms::hidden::restore(module, &function, &hidden)?;
    }
    Ok((entry, all))
}

/// Makes one flat function of a canonical one: calls in place, values stored in no particular order, cleaned up, and
/// recurrences in parallel over time where there is little else to share out. Also says which, for all of its scans.
///
/// # Errors
/// As [`canonical`].
pub fn flat(
    module: &mut Module,
    function: FuncId,
    setting: Setting,
) -> Result<(FuncId, Vec<Chosen>), ShapeError> {
    let flat = in_place(module, function)?;
    let scans = in_time(module, flat, setting)?;
    Ok((flat, scans))
}

/// The same with no recurrence in parallel over time, however few lanes there are.
///
/// # Errors
/// As [`canonical`].
pub fn flat_in_steps(
    module: &mut Module,
    function: FuncId,
    setting: Setting,
) -> Result<(FuncId, Vec<Chosen>), ShapeError> {
    let flat = in_place(module, function)?;
    let scans = in_steps(module, flat, setting)?;
    Ok((flat, scans))
}

/// The same with every affine recurrence in chunks, in numbers that depend on the seed.
///
/// # Errors
/// As [`canonical`].
pub fn flat_in_chaos(
    module: &mut Module,
    function: FuncId,
    seed: u64,
) -> Result<(FuncId, Vec<Chosen>), ShapeError> {
    let flat = in_place(module, function)?;
    let scans = in_time_in_chaos(module, flat, seed)?;
    Ok((flat, scans))
}

fn in_place(module: &mut Module, function: FuncId) -> Result<FuncId, ShapeError> {
    let flat = inline(module, function);
    settle::settle(module, flat)?;
    canon::run(module, flat)?;
    canon::settle(module, flat)?;
    Ok(flat)
}

fn respell_function(
    module: &mut Module,
    function: FuncId,
    chaos: Option<u64>,
) -> Result<Canonical, ShapeError> {
    let mut result = Canonical::default();
    let source = module.function(function).clone();
    let (mut graph, classes) = load::load(module, &source);
    graph.analysis.chaos = chaos;
    let saturated = saturate::saturate(&mut graph);
    match store::store(module, &source, &mut graph, &classes)? {
        Some(respelled) => {
            module.functions[function.0 as usize] = respelled;
            canon::run(module, function)?;
            if !saturated.complete {
                result.incomplete.push(Incomplete::of(&source, Unfinished::Limit));
            }
        }
        // What cannot be written in its canonical spelling (a step of a scan that has its batch from an input that it does
        // not read) stays as its text has it: nothing is lost but the promise that spellings do not matter.
        None => result.incomplete.push(Incomplete::of(&source, Unfinished::Kept)),
    }
    result.fired = saturated.fired;
    Ok(result)
}
