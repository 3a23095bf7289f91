//! An element of what updates are added to, where there is no memory to add to: in the step of a scan.

use super::Puller;
use super::view::as_index;
use crate::ir::{Binary, Expr, Join, LoopKind, Operand, Stmt};
use crate::lower::element::{self, Env};
use arch_compiler::graph::{AxisId, Node};

impl Puller<'_, '_> {
    /// The sum of the updates whose index along `axis` is that of the element: all are looked at.
    pub(super) fn scattered(&mut self, frame: usize, node: &Node, axis: AxisId, env: &Env) -> Operand {
        let function = self.frames[frame].function;
        let (index, updates) = (node.inputs[0], node.inputs[1]);
        let result = &function.value(node.outputs[0]).shape;
        let added = function.value(updates).shape.iter().copied().filter(|a| !result.contains(a));
        let added: Vec<AxisId> = added.collect();
        let acc = self.body.acc(Join::Sum);
        let mut env = env.clone();
        for axis in &added {
            let at = self.open(LoopKind::Sequential, *axis);
            env = element::with(&env, &[(*axis, at)]);
        }
        // As where updates are added in memory, a wrong index stays in the table.
        let last = self.module.size(axis, 1) as i64 - 1;
        let at = as_index(self.pull(frame, index, &env)).clamped(0, last, &|_| None);
        let (at, here) = (self.index_value(&at), self.index_value(&element::position(&env, axis)));
        let is_here = self.body.binary(Binary::Eq, at, here);
        let update = self.pull(frame, updates, &env);
        let update = self.body.to_float(update);
        let value = self.body.bind(Expr::Select(is_here, update, Operand::float(0.0)));
        self.body.push(Stmt::Accumulate(acc, value));
        for _ in &added {
            self.close();
        }
        self.body.bind_here(Expr::Acc(acc))
    }
}
