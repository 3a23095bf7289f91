//! The plan as it grows, unit by unit.

mod copy;
mod kernel;
mod slots;

use super::analysis::{self, Analysis, Role};
use super::attention;
use super::choices::Choices;
use super::gemm::{self, Epilogues, Packs};
use super::group::{self, Groups};
use super::order::{self, Unit};
use super::pull::Place;
use super::rows::{Rows, Style};
use super::scan::Chunks;
use super::{LowerError, Options};
use crate::plan::{Plan, SlotId};
use crate::print::Target;
use arch_compiler::graph::{DType, Function, Module, ValueId};
use arch_compiler::ops::Op;
use arch_compiler::ops::source::Literal;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// The tensors known at compile time that have a buffer.
type Literals = Vec<(Arc<Literal>, SlotId)>;

pub(super) struct Lowering<'a> {
    pub module: &'a Module,
    pub function: &'a Function,
    pub options: &'a Options<'a>,
    pub choices: Choices,
    /// Scans that keep only some of their states.
    pub chunks: &'a Chunks,
    pub analysis: Rc<Analysis>,
    pub groups: Groups,
    /// The groups that are computed with products.
    pub epilogues: Epilogues,
    pub plan: Plan,
    /// Where values are in memory.
    pub places: BTreeMap<ValueId, Place>,
    /// Where the states of a scan (node, carry) at the start of each chunk are.
    pub states: BTreeMap<(usize, usize), Place>,
    /// The right operands of products that have been copied into panels.
    pub packs: Packs,
    literals: Literals,
    by_name: IndexMap<String, usize>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(
        module: &'a Module,
        function: &'a Function,
        chunks: &'a Chunks,
        options: &'a Options<'a>,
        choices: Choices,
    ) -> Result<Self, LowerError> {
        for node in &function.nodes {
            if matches!(node.op, Op::Call { .. }) {
                return Err(LowerError::Call);
            }
        }
        if function.values.iter().any(|v| v.storage == DType::BF16) {
            return Err(LowerError::Storage("bf16".into()));
        }
        let attentions = attention::find(module, function, options.target, choices);
        let refused = attentions.refusals(function, options.sources);
        let analysis = Rc::new(Analysis::new(module, function, (analysis::Place::Top, choices), attentions));
        let groups =
            group::group(module, function, &analysis, &[], (options.target != Target::Cuda, choices));
        let around = (&*analysis, &groups);
        let epilogues = match choices.joins() {
            true => gemm::find(module, function, around, (options.target, options.batch)),
            false => Epilogues::default(),
        };
        let plan = Plan {
            target: options.target,
            batch: options.batch,
            kernels: Vec::new(),
            slots: Vec::new(),
            steps: Vec::new(),
            inputs: IndexMap::new(),
            outputs: IndexMap::new(),
            updates: Vec::new(),
            refused,
            contents: Vec::new(),
            neighbors: Vec::new(),
            arena_bytes: 0,
            live_lower_bound: 0,
        };
        Ok(Lowering {
            module,
            function,
            options,
            choices,
            chunks,
            analysis,
            groups,
            epilogues,
            packs: Packs::new(),
            plan,
            places: BTreeMap::new(),
            states: BTreeMap::new(),
            literals: Vec::new(),
            by_name: IndexMap::new(),
        })
    }

    pub(super) fn run(mut self) -> Result<Plan, LowerError> {
        let order = order::order(self.function, &self.analysis, &self.groups, &self.epilogues);
        self.inputs();
        self.slots(&order.in_place);
        let mut made = Vec::new();
        for unit in &order.units {
            let first = self.plan.steps.len();
            match unit {
                Unit::Group(g) => self.group(*g),
                Unit::Copy(value) => self.copy(*value),
                Unit::Attention(at, pass) => self.attention(*at, *pass),
                Unit::Node(n) => match self.analysis.roles[*n] {
                    Role::Product => self.product(*n),
                    Role::Pieces => self.pieces(*n),
                    Role::Scan => self.scan(*n)?,
                    _ => self.scatter(*n),
                },
            }
            made.push((*unit, first..self.plan.steps.len()));
        }
        for (input, value) in &self.function.updates {
            if order.in_place.get(value) != Some(input) && input != value {
                self.write_back(*input, *value);
            }
        }
        for (input, _) in &self.function.updates {
            if let Some(Place::Slot(slot, ..)) = self.places.get(input) {
                self.plan.updates.push(*slot);
            }
        }
        self.drop_unused();
        crate::plan::name_values(&mut self.plan);
        self.plan.contents = self.contents(&made);
        self.plan.neighbors = self.neighbors(&made);
        crate::plan::place(&mut self.plan);
        Ok(self.plan)
    }

    pub(super) fn group(&mut self, g: usize) {
        let group = self.groups.groups[g].clone();
        let targets = self.targets(g);
        let own: Vec<ValueId> =
            group.members.iter().flat_map(|n| self.function.nodes[*n].outputs.clone()).collect();
        let analysis = self.analysis.clone();
        let nodes = group.members.clone();
        if self.weights_of_window(&group) {
            return;
        }
        let window = nodes.iter().any(|n| analysis.roles[*n] == Role::Window);
        let sweeps = window && group.inner.is_empty() && self.options.target != Target::Cuda;
        let family = match (group.inner.is_empty(), window) {
            (false, _) => "row",
            (true, true) => "window",
            (true, false) => "map",
        };
        self.kernel(family, &nodes, &own, |p| {
            let rows = Rows {
                sweeps,
                frame: 0,
                group: &group,
                analysis: &analysis,
                style: Style::Kernel,
                targets: &targets,
            };
            rows.emit(p, &Vec::new());
        });
    }
}
