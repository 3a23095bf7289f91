//! The plan as it grows, unit by unit.

use super::analysis::{self, Analysis, Role};
use super::group::{self, Groups};
use super::order::{self, Unit};
use super::pull::{Frame, Place, Puller, elem, row_major};
use super::rows::{Rows, Style};
use super::{LowerError, Options};
use crate::ir::{Binary, Body, Elem, Expr, Kernel, LoopKind, Role as ArgRole, Stmt, Unary, collapse};
use crate::plan::{Action, Named, Plan, Slot, SlotId, SlotKind, Step};
use crate::print::content_hash;
use arch_compiler::graph::{AxisId, DType, Function, Module, ValueId};
use arch_compiler::ops::Op;
use arch_compiler::ops::source::Literal;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// A piece of work for one thread costs at least about this many simple operations.
const GRAIN: u64 = 1 << 15;

/// The tensors known at compile time that have a buffer.
type Literals = Vec<(Arc<Literal>, SlotId)>;

pub(super) struct Lowering<'a> {
    pub module: &'a Module,
    pub function: &'a Function,
    pub options: &'a Options<'a>,
    pub analysis: Rc<Analysis>,
    pub groups: Groups,
    pub plan: Plan,
    /// Where values are in memory.
    pub places: BTreeMap<ValueId, Place>,
    literals: Literals,
    by_name: IndexMap<String, usize>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(
        module: &'a Module,
        function: &'a Function,
        options: &'a Options<'a>,
    ) -> Result<Self, LowerError> {
        for node in &function.nodes {
            if matches!(node.op, Op::Call { .. }) {
                return Err(LowerError::Call);
            }
        }
        if function.values.iter().any(|v| v.storage == DType::BF16) {
            return Err(LowerError::Storage("bf16".into()));
        }
        let analysis = Rc::new(Analysis::new(module, function, analysis::Place::Top));
        let groups = group::group(module, function, &analysis, &[]);
        let plan = Plan {
            target: options.target,
            batch: options.batch,
            kernels: Vec::new(),
            slots: Vec::new(),
            steps: Vec::new(),
            inputs: IndexMap::new(),
            outputs: IndexMap::new(),
            updates: Vec::new(),
            arena_bytes: 0,
            live_lower_bound: 0,
        };
        let (places, literals, by_name) = (BTreeMap::new(), Vec::new(), IndexMap::new());
        Ok(Lowering { module, function, options, analysis, groups, plan, places, literals, by_name })
    }

    pub(super) fn run(mut self) -> Result<Plan, LowerError> {
        let order = order::order(self.function, &self.analysis, &self.groups);
        self.inputs();
        self.slots(&order.in_place);
        for unit in &order.units {
            match unit {
                Unit::Group(g) => self.group(*g),
                Unit::Copy(value) => self.copy(*value),
                Unit::Node(n) => match self.analysis.roles[*n] {
                    Role::Product => self.product(*n),
                    Role::Pieces => self.pieces(*n),
                    Role::Scan => self.scan(*n)?,
                    _ => self.scatter(*n),
                },
            }
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
        crate::plan::place(&mut self.plan);
        Ok(self.plan)
    }

    fn inputs(&mut self) {
        for input in &self.function.inputs {
            let slot = self.new_slot(SlotKind::Resident(input.name.clone()), input.value);
            self.place_at(input.value, slot, input.value);
            let dims = self.dims(input.value);
            self.plan.inputs.insert(input.name.clone(), Named { slot, dims });
        }
    }

    fn dims(&self, value: ValueId) -> Vec<usize> {
        self.module.dims(&self.function.value(value).shape, self.options.batch)
    }

    fn new_slot(&mut self, kind: SlotKind, value: ValueId) -> SlotId {
        let len = self.dims(value).iter().product();
        let elem = elem(self.function.value(value).storage);
        self.plan.slots.push(Slot { kind, elem, len, offset: 0 });
        SlotId((self.plan.slots.len() - 1) as u32)
    }

    /// A scratch buffer of its own.
    pub(super) fn scratch(&mut self, elem: Elem, len: usize) -> SlotId {
        self.plan.slots.push(Slot { kind: SlotKind::Scratch, elem, len, offset: 0 });
        SlotId((self.plan.slots.len() - 1) as u32)
    }

    /// `value` lies in `slot`, in the storage order of `like`.
    fn place_at(&mut self, value: ValueId, slot: SlotId, like: ValueId) {
        let strides = row_major(self.module, &self.function.value(like).shape);
        let elem = elem(self.function.value(value).storage);
        self.places.insert(value, Place::Slot(slot, elem, strides));
    }

    /// Buffers for everything that reaches memory.
    fn slots(&mut self, in_place: &BTreeMap<ValueId, ValueId>) {
        for v in 0..self.function.values.len() {
            let value = ValueId(v as u32);
            if let Some(input) = in_place.get(&value) {
                let Some(Place::Slot(slot, ..)) = self.places.get(input).cloned() else { continue };
                // The axes are the same; the input's order rules.
                self.place_at(value, slot, if self.same_axes(*input, value) { *input } else { value });
                continue;
            }
            let node = self.function.values[v].node as usize;
            let needed = match (self.analysis.roles[node], self.groups.of[node]) {
                (_, Some(g)) => self.groups.leaves(self.function, &self.analysis, g, value),
                (Role::Product | Role::Pieces | Role::Scan | Role::Scatter, _) => true,
                _ => false,
            };
            let output = self.function.outputs.iter().any(|o| o.1 == value);
            let is_input = matches!(self.function.nodes[node].op, Op::Input);
            if output && !is_input {
                let slot = self.new_slot(SlotKind::Output, value);
                self.place_at(value, slot, value);
            } else if needed {
                let slot = self.new_slot(SlotKind::Scratch, value);
                self.place_at(value, slot, value);
            }
        }
        for (name, value) in &self.function.outputs {
            let copied = matches!(self.function.producer(*value).op, Op::Input);
            let slot = match self.places.get(value) {
                Some(Place::Slot(slot, ..)) if !copied => *slot,
                _ => self.new_slot(SlotKind::Output, *value),
            };
            let dims = self.dims(*value);
            self.plan.outputs.insert(name.clone(), Named { slot, dims });
        }
    }

    fn same_axes(&self, a: ValueId, b: ValueId) -> bool {
        let (a, b) = (&self.function.value(a).shape, &self.function.value(b).shape);
        a.iter().all(|x| b.contains(x))
    }

    fn group(&mut self, g: usize) {
        let group = self.groups.groups[g].clone();
        let mut targets: BTreeMap<ValueId, Vec<Place>> = BTreeMap::new();
        for n in &group.members {
            let value = self.function.nodes[*n].outputs[0];
            if self.groups.leaves(self.function, &self.analysis, g, value)
                && let Some(place) = self.places.get(&value)
            {
                targets.insert(value, vec![place.clone()]);
            }
        }
        let own: Vec<ValueId> =
            group.members.iter().flat_map(|n| self.function.nodes[*n].outputs.clone()).collect();
        let analysis = self.analysis.clone();
        let nodes = group.members.clone();
        self.kernel(if group.inner.is_empty() { "map" } else { "row" }, &nodes, &own, |p| {
            let rows = Rows {
                frame: 0,
                group: &group,
                analysis: &analysis,
                style: Style::Kernel,
                targets: &targets,
            };
            rows.emit(p, &Vec::new());
        });
    }

    /// A result that is an input or another reading of one.
    fn copy(&mut self, value: ValueId) {
        let slots: Vec<SlotId> = {
            let outputs = self.function.outputs.iter().filter(|o| o.1 == value);
            outputs.map(|o| self.plan.outputs[&o.0].slot).collect()
        };
        let shape = self.function.value(value).shape.clone();
        let strides = row_major(self.module, &shape);
        let elem = elem(self.function.value(value).storage);
        let is_input = matches!(self.function.producer(value).op, Op::Input);
        let mut places: Vec<Place> =
            slots.into_iter().map(|s| Place::Slot(s, elem, strides.clone())).collect();
        if !is_input && places.is_empty() {
            let slot = self.new_slot(SlotKind::Scratch, value);
            places.push(Place::Slot(slot, elem, strides));
        }
        if places.is_empty() {
            return;
        }
        let own = if is_input { Vec::new() } else { vec![value] };
        self.pointwise("copy", &[self.function.value(value).node as usize], &own, &shape, |p, env| {
            let operand = p.pull(0, value, env);
            for place in &places {
                p.store(place, env, operand);
            }
        });
        if !is_input {
            self.places.insert(value, places[0].clone());
        }
    }

    /// Writes a value over the input that it updates, when nothing reads the old one any more.
    fn write_back(&mut self, input: ValueId, value: ValueId) {
        let Some(to) = self.places.get(&input).cloned() else { return };
        let shape = self.function.value(value).shape.clone();
        let to = match to {
            Place::Slot(slot, elem, _) if !self.same_axes(input, value) => {
                Place::Slot(slot, elem, row_major(self.module, &shape))
            }
            other => other,
        };
        let node = self.function.value(value).node as usize;
        self.pointwise("copy", &[node], &[], &shape, |p, env| {
            let operand = p.pull(0, value, env);
            p.store(&to, env, operand);
        });
    }

    /// One kernel over all axes of a shape.
    pub(super) fn pointwise(
        &mut self,
        family: &str,
        nodes: &[usize],
        own: &[ValueId],
        shape: &[AxisId],
        emit: impl FnOnce(&mut Puller<'a, '_>, &super::element::Env),
    ) {
        self.kernel(family, nodes, own, |p| {
            let mut env = Vec::new();
            for (i, axis) in shape.iter().enumerate() {
                let kind = if i + 1 == shape.len() { LoopKind::ParallelLanes } else { LoopKind::Parallel };
                let at = p.open(kind, *axis);
                env.push((*axis, at));
            }
            emit(p, &env);
            for _ in shape {
                p.close();
            }
        });
    }

    /// Builds a kernel with `emit`, in which the values `own` are computed, not loaded, and adds its step.
    pub(super) fn kernel(
        &mut self,
        family: &str,
        nodes: &[usize],
        own: &[ValueId],
        emit: impl FnOnce(&mut Puller<'a, '_>),
    ) {
        let mut places = self.places.clone();
        for value in own {
            places.remove(value);
        }
        let (module, function) = (self.module, self.function);
        let (literals, slots) = (&mut self.literals, &mut self.plan.slots);
        let mut constants = |literal: &Arc<Literal>| constant_slot(literals, slots, literal);
        let mut puller = Puller::new(module, Frame { function, places }, &mut constants);
        emit(&mut puller);
        let args = std::mem::take(&mut puller.slots);
        let body = std::mem::take(&mut puller.body);
        let names: Vec<String> = nodes.iter().filter_map(|n| op_name(&function.nodes[*n].op)).collect();
        let origins = self.origins(nodes);
        self.step(family, &names, origins, body, args);
    }

    fn origins(&self, nodes: &[usize]) -> Vec<String> {
        let Some(sources) = self.options.sources else { return Vec::new() };
        let mut spans: Vec<_> = nodes.iter().map(|n| self.function.nodes[*n].origin).collect();
        spans.sort_unstable();
        let mut places: Vec<String> = Vec::new();
        for span in spans.into_iter().filter(|s| s.end > 0) {
            let place = sources.place(span);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    fn step(&mut self, family: &str, names: &[String], origins: Vec<String>, body: Body, args: Vec<SlotId>) {
        let (mut kernel_args, scalars, accs, stmts) = body.finish();
        let stmts = tidy(collapse(stmts));
        for (i, arg) in kernel_args.iter_mut().enumerate() {
            arg.role = role_of(&stmts, i as u32);
        }
        let mut kernel = Kernel {
            name: String::new(),
            origins: origins.clone(),
            args: kernel_args,
            scalars,
            accs,
            body: stmts,
        };
        let hash = content_hash(&kernel);
        let named = |digits: usize| {
            [&[family.to_string()][..], &short(names), &[hash[..digits].to_string()]].concat().join("_")
        };
        kernel.name = named(6);
        // Six digits are for people; should two kernels of a plan share them, the second gets them all.
        let same = |k: &Kernel| k.args == kernel.args && k.body == kernel.body && k.scalars == kernel.scalars;
        if self.by_name.get(&kernel.name).is_some_and(|at| !same(&self.plan.kernels[*at])) {
            kernel.name = named(hash.len());
        }
        let batch = self.options.batch;
        let pieces = kernel.pieces(batch, self.options.target.lanes());
        let flops = cost(&kernel.body, batch);
        let per_piece = (flops / pieces.max(1) as u64).max(1);
        let grain = (GRAIN.div_ceil(per_piece) as usize).clamp(1, pieces.max(1));
        let with = |wanted: &[ArgRole]| -> Vec<SlotId> {
            let roles = kernel.args.iter().zip(&args);
            roles.filter(|(a, _)| wanted.contains(&a.role)).map(|(_, s)| *s).collect()
        };
        let reads = with(&[ArgRole::Read, ArgRole::Update]);
        let writes = with(&[ArgRole::Write, ArgRole::Update]);
        let bytes = self.bytes(&reads) + self.bytes(&writes);
        let at = match self.by_name.get(&kernel.name) {
            Some(at) => {
                let known = &mut self.plan.kernels[*at].origins;
                known.extend(origins.iter().filter(|o| !known.contains(o)).cloned().collect::<Vec<_>>());
                *at
            }
            None => {
                self.by_name.insert(kernel.name.clone(), self.plan.kernels.len());
                self.plan.kernels.push(kernel.clone());
                self.plan.kernels.len() - 1
            }
        };
        let action = Action::Kernel { kernel: at, args, pieces, grain };
        self.plan.steps.push(Step { name: kernel.name, action, reads, writes, origins, flops, bytes });
    }

    pub(super) fn bytes(&self, slots: &[SlotId]) -> u64 {
        slots.iter().map(|s| self.plan.slot(*s).len as u64 * 4).sum()
    }

    pub(super) fn push_gemm(&mut self, n: usize, gemm: crate::plan::Gemm) {
        let times: usize = gemm.repeats.iter().map(|r| r.count).product();
        let reads = vec![gemm.left.slot, gemm.right.slot];
        let writes = vec![gemm.out.slot];
        let flops = 2 * (gemm.m * gemm.n * gemm.k * times) as u64;
        let bytes = self.bytes(&reads) + self.bytes(&writes);
        let name = format!("gemm_{}x{}x{}", gemm.m, gemm.n, gemm.k);
        let origins = self.origins(&[n]);
        self.plan.steps.push(Step { name, action: Action::Gemm(gemm), reads, writes, origins, flops, bytes });
    }

    /// Scratch that turned out not to be needed takes no place; its number stays.
    fn drop_unused(&mut self) {
        let used: std::collections::BTreeSet<SlotId> =
            self.plan.steps.iter().flat_map(|s| s.reads.iter().chain(&s.writes)).copied().collect();
        for (i, slot) in self.plan.slots.iter_mut().enumerate() {
            if slot.kind == SlotKind::Scratch && !used.contains(&SlotId(i as u32)) {
                slot.len = 0;
            }
        }
    }
}

impl Lowering<'_> {
    /// The buffer of a tensor that is known at compile time.
    pub(super) fn constant(&mut self, literal: &Arc<Literal>) -> SlotId {
        constant_slot(&mut self.literals, &mut self.plan.slots, literal)
    }
}

fn constant_slot(literals: &mut Literals, slots: &mut Vec<Slot>, literal: &Arc<Literal>) -> SlotId {
    if let Some((_, slot)) =
        literals.iter().find(|(l, _)| l.integer == literal.integer && l.data == literal.data)
    {
        return *slot;
    }
    let elem = if literal.integer { Elem::I32 } else { Elem::F32 };
    let kind = SlotKind::Constant(literal.data.clone().into());
    slots.push(Slot { kind, elem, len: literal.data.len(), offset: 0 });
    let slot = SlotId((slots.len() - 1) as u32);
    literals.push((literal.clone(), slot));
    slot
}

/// Where all lanes of a pointwise kernel are short but there is much around them, the lanes are not shared
/// out: whole rows are.
fn tidy(mut stmts: Vec<Stmt>) -> Vec<Stmt> {
    fn visit(stmts: &mut [Stmt], around: Option<bool>) {
        for stmt in stmts {
            let Stmt::Loop(l) = stmt else { continue };
            match l.kind {
                LoopKind::Parallel => {
                    let enough = l.extent.batch || l.extent.count >= 16 || around == Some(true);
                    visit(&mut l.body, Some(enough));
                }
                // The batch, further in than something else, is not cut into vectors for several threads.
                LoopKind::ParallelLanes if around.is_some() && l.extent.batch => l.kind = LoopKind::Vector,
                LoopKind::ParallelLanes if around == Some(true) && !holds_loop(&l.body) => {
                    l.kind = LoopKind::Vector
                }
                _ => {}
            }
        }
    }
    fn holds_loop(stmts: &[Stmt]) -> bool {
        stmts.iter().any(|s| matches!(s, Stmt::Loop(_)))
    }
    visit(&mut stmts, None);
    stmts
}

fn role_of(stmts: &[Stmt], arg: u32) -> ArgRole {
    fn visit(stmts: &[Stmt], arg: u32, seen: &mut (bool, bool)) {
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => visit(&l.body, arg, seen),
                Stmt::Let(_, Expr::Load(a, _)) => seen.0 |= *a == arg,
                Stmt::Store(a, ..) | Stmt::StoreSum(a, ..) => seen.1 |= *a == arg,
                _ => {}
            }
        }
    }
    let mut seen = (false, false);
    visit(stmts, arg, &mut seen);
    match seen {
        (true, true) => ArgRole::Update,
        (false, true) => ArgRole::Write,
        _ => ArgRole::Read,
    }
}

/// About how many simple operations statements take.
fn cost(stmts: &[Stmt], batch: usize) -> u64 {
    stmts
        .iter()
        .map(|stmt| match stmt {
            Stmt::Loop(l) => l.extent.at(batch) as u64 * cost(&l.body, batch),
            Stmt::Let(_, Expr::Math(..)) => 16,
            Stmt::Let(_, Expr::Binary(Binary::Div, ..) | Expr::Unary(Unary::Sqrt, _)) => 4,
            Stmt::Array(..) | Stmt::Acc(..) => 0,
            _ => 1,
        })
        .sum()
}

fn op_name(op: &Op) -> Option<String> {
    match op {
        Op::Map(map) => Some(map.symbol().to_string()),
        Op::Reduce(reduce, _) => Some(format!("{reduce:?}").to_lowercase()),
        Op::Contract(_) => Some("dot".into()),
        Op::Gather { .. } => Some("gather".into()),
        _ => None,
    }
}

/// A few names say enough.
fn short(names: &[String]) -> Vec<String> {
    let mut short: Vec<String> = Vec::new();
    for name in names {
        if !short.contains(name) && short.len() < 3 {
            short.push(name.clone());
        }
    }
    short
}
