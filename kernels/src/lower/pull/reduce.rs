//! Sums, maxima and products of elements along axes.

use super::Puller;
use crate::ir::{Binary, Expr, Join, LoopKind, Operand, Stmt};
use crate::lower::element::{self, Env};
use arch_compiler::graph::{AxisId, Function, Node, ValueId};
use arch_compiler::ops::{Op, Reduce};

/// A reduction or a contraction: joins products of elements over axes.
#[derive(Clone, Debug)]
pub(in crate::lower) struct Reduction {
    pub join: Join,
    pub over: Vec<AxisId>,
    pub factors: Vec<ValueId>,
}

impl Reduction {
    /// The axes are in the order in which they are stored.
    pub(in crate::lower) fn of(function: &Function, node: &Node) -> Self {
        let (join, over) = match &node.op {
            Op::Reduce(Reduce::Sum, over) | Op::Contract(over) => (Join::Sum, over),
            Op::Reduce(Reduce::Max, over) => (Join::Max, over),
            Op::Reduce(Reduce::Min, over) => (Join::Min, over),
            Op::Reduce(Reduce::Product, over) => (Join::Product, over),
            _ => unreachable!("a reduction"),
        };
        let mut ordered = element::union(function, node);
        ordered.retain(|a| over.contains(a));
        Reduction { join, over: ordered, factors: node.inputs.clone() }
    }
}

impl Puller<'_, '_> {
    /// A reduction here and now, over loops of these kinds (sequential where none is given).
    pub(in crate::lower) fn reduce(
        &mut self,
        frame: usize,
        reduction: &Reduction,
        env: &Env,
        kinds: &[LoopKind],
    ) -> Operand {
        let acc = self.body.acc(reduction.join);
        let mut env = env.clone();
        for (i, axis) in reduction.over.iter().enumerate() {
            let kind = kinds.get(i).copied().unwrap_or(LoopKind::Sequential);
            let var = self.open(kind, *axis);
            env = element::with(&env, &[(*axis, var)]);
        }
        let value = self.reduced(frame, reduction, &env);
        self.body.push(Stmt::Accumulate(acc, value));
        for _ in &reduction.over {
            self.close();
        }
        self.body.bind_here(Expr::Acc(acc))
    }

    /// The element that a reduction joins.
    pub(in crate::lower) fn reduced(&mut self, frame: usize, reduction: &Reduction, env: &Env) -> Operand {
        let mut product = None;
        for input in &reduction.factors {
            let value = self.pull(frame, *input, env);
            let value = self.body.to_float(value);
            product = Some(match product {
                None => value,
                Some(p) => self.body.binary(Binary::Mul, p, value),
            });
        }
        product.expect("a reduction has an input")
    }
}
