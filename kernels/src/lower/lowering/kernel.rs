//! Kernels and matrix products as steps of the plan.

use super::Lowering;
use super::slots::constant_slot;
use crate::ir::{
    Binary, Body, Expr, Kernel, LoopKind, Role, Stmt, Unary, collapse, without_single, without_unread,
};
use crate::lower::columns;
use crate::lower::pull::{Frame, Puller};
use crate::plan::{Action, Gemm, SlotId, Step};
use crate::print::{Target, content_hash};
use arch_compiler::graph::ValueId;
use arch_compiler::ops::Op;
use arch_compiler::ops::source::Literal;
use std::sync::Arc;

/// A piece of work for one thread costs at least about this many simple operations.
const GRAIN: u64 = 1 << 15;

impl<'a> Lowering<'a> {
    /// Builds a kernel with `emit`, in which the values `own` are computed, not loaded, and adds its step.
    pub(in crate::lower) fn kernel(
        &mut self,
        family: &str,
        nodes: &[usize],
        own: &[ValueId],
        emit: impl FnOnce(&mut Puller<'a, '_>),
    ) {
        self.named_kernel(family, &[], nodes, own, emit);
    }

    /// The same, with more in the name than the operations.
    pub(in crate::lower) fn named_kernel(
        &mut self,
        family: &str,
        first: &[String],
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
        // A name that says the shape need not say that it is a product.
        let said = |name: &String| first.is_empty() || name != "dot";
        let operations = nodes.iter().filter_map(|n| op_name(&function.nodes[*n].op)).filter(said);
        let names: Vec<String> = first.iter().cloned().chain(operations).collect();
        let origins = self.origins(nodes);
        self.step(family, &names, origins, body, args);
    }

    fn origins(&self, nodes: &[usize]) -> Vec<String> {
        let Some(sources) = self.options.sources else { return Vec::new() };
        let mut spans: Vec<_> = nodes.iter().map(|n| self.function.nodes[*n].origin.span).collect();
        spans.sort_unstable();
        let mut places: Vec<String> = Vec::new();
        for place in spans.into_iter().filter_map(|s| sources.known_place(s)) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    fn step(&mut self, family: &str, names: &[String], origins: Vec<String>, body: Body, args: Vec<SlotId>) {
        let mut axes = body.axes().to_vec();
        let (mut kernel_args, mut scalars, accs, stmts) = body.finish();
        let mut stmts = without_unread(collapse(without_single(stmts), &mut axes));
        if self.options.target != Target::Cuda {
            // There each thread has its own iteration of all loops, however short the rows are.
            stmts = tidy(stmts);
            let names = columns::Names { axes: &mut axes, scalars: &mut scalars };
            stmts = columns::together(stmts, names, self.options.target.lanes() as i64, self.choices);
        }
        for (i, arg) in kernel_args.iter_mut().enumerate() {
            arg.role = role_of(&stmts, i as u32);
        }
        let mut kernel = Kernel {
            name: String::new(),
            family: family.to_string(),
            origins: origins.clone(),
            axes,
            shapes: args.iter().map(|s| self.plan.slot(*s).shape.clone()).collect(),
            // Results have their names when all steps are there.
            values: Vec::new(),
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
        let per_piece = (cost(&kernel.body, batch) / pieces.max(1) as u64).max(1);
        let flops = kernel.flops(batch);
        let grain = (GRAIN.div_ceil(per_piece) as usize).clamp(1, pieces.max(1));
        let grain =
            self.choices.pick("pieces at a time", self.plan.steps.len(), pieces).map_or(grain, |n| n + 1);
        let with = |wanted: &[Role]| -> Vec<SlotId> {
            let roles = kernel.args.iter().zip(&args);
            roles.filter(|(a, _)| wanted.contains(&a.role)).map(|(_, s)| *s).collect()
        };
        let reads = with(&[Role::Read, Role::Update]);
        let writes = with(&[Role::Write, Role::Update]);
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

    pub(in crate::lower) fn push_gemm(&mut self, n: usize, gemm: Gemm) {
        let times: usize = gemm.repeats.iter().map(|r| r.count).product();
        let reads = vec![gemm.left.slot, gemm.right.slot];
        let writes = vec![gemm.out.slot];
        let flops = 2 * (gemm.m * gemm.n * gemm.k * times) as u64;
        let bytes = self.bytes(&reads) + self.bytes(&writes);
        let name = format!("gemm_{}x{}x{}", gemm.m, gemm.n, gemm.k);
        let origins = self.origins(&[n]);
        self.plan.steps.push(Step { name, action: Action::Gemm(gemm), reads, writes, origins, flops, bytes });
    }
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

fn role_of(stmts: &[Stmt], arg: u32) -> Role {
    fn visit(stmts: &[Stmt], arg: u32, seen: &mut (bool, bool)) {
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => visit(&l.body, arg, seen),
                Stmt::Let(_, Expr::Load(a, _)) => seen.0 |= *a == arg,
                Stmt::Store(a, ..) => seen.1 |= *a == arg,
                _ => {}
            }
        }
    }
    let mut seen = (false, false);
    visit(stmts, arg, &mut seen);
    match seen {
        (true, true) => Role::Update,
        (false, true) => Role::Write,
        _ => Role::Read,
    }
}

/// About how many simple operations statements take; numbers beyond counting are all the largest.
fn cost(stmts: &[Stmt], batch: usize) -> u64 {
    stmts
        .iter()
        .map(|stmt| match stmt {
            Stmt::Loop(l) => (l.extent.at(batch) as u64).saturating_mul(cost(&l.body, batch)),
            Stmt::Let(_, Expr::Math(..)) => 16,
            Stmt::Let(_, Expr::Binary(Binary::Div, ..) | Expr::Unary(Unary::Sqrt, _)) => 4,
            Stmt::Array(..) | Stmt::Acc(..) => 0,
            _ => 1,
        })
        .fold(0, u64::saturating_add)
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
