//! Additions at indices, and concatenations written part by part.

use super::element;
use super::lowering::Lowering;
use super::pull::{Place, Puller};
use crate::ir::{Atom, Binary, Expr, Index, LoopKind, Operand, Stmt};
use arch_compiler::graph::AxisId;
use arch_compiler::ops::{Op, View};

impl Lowering<'_> {
    /// Zeros, then one addition after the other, in ascending order, for every place on the other axes.
    pub(super) fn scatter(&mut self, n: usize) {
        let node = &self.function.nodes[n];
        let Op::ScatterAdd { axis, .. } = node.op else { return };
        let value = node.outputs[0];
        let Some(Place::Slot(slot, elem, strides)) = self.places.get(&value).cloned() else { return };
        let (index, updates) = (node.inputs[0], node.inputs[1]);
        let shape = &self.function.value(value).shape;
        let free: Vec<AxisId> = shape.iter().copied().filter(|a| *a != axis).collect();
        let added: Vec<AxisId> =
            self.function.value(updates).shape.iter().copied().filter(|a| !free.contains(a)).collect();
        self.pointwise("scatter", &[n], &[value], &free, |p, env| {
            let arg = p.arg(slot, elem);
            let at = p.open(LoopKind::Sequential, axis);
            let address = Puller::address(&element::with(env, &[(axis, at)]), &strides);
            p.body.push(Stmt::Store(arg, address, Operand::float(0.0)));
            p.close();
            let mut env = env.clone();
            for axis in &added {
                let at = p.open(LoopKind::Sequential, *axis);
                env.push((*axis, at));
            }
            let at = match p.pull(0, index, &env) {
                Operand::Scalar(s) => Index::atom(Atom::Data(s)),
                Operand::Int(i) => Index::constant(i64::from(i)),
                Operand::Float(_) => Index::default(),
            };
            let last = p.module.size(axis, 1) as i64 - 1;
            let at = at.clamped(0, last, &|_| None);
            let update = p.pull(0, updates, &env);
            let update = p.body.to_float(update);
            let address = Puller::address(&element::with(&env, &[(axis, at)]), &strides);
            let old = p.body.bind_here(Expr::Load(arg, address.clone()));
            let sum = p.body.binary(Binary::Add, old, update);
            p.body.push(Stmt::Store(arg, address, sum));
            for _ in &added {
                p.close();
            }
        });
    }

    /// One kernel for each part of a concatenation.
    pub(super) fn pieces(&mut self, n: usize) {
        let node = &self.function.nodes[n];
        let Op::View(View::Concat { parts, into }) = &node.op else { return };
        let value = node.outputs[0];
        let Some(place) = self.places.get(&value).cloned() else { return };
        let mut start = 0;
        for (part, input) in parts.iter().zip(&node.inputs) {
            let size = part.map_or(1, |a| self.module.size(a, 1) as i64);
            let shape: Vec<AxisId> = (self.function.value(value).shape.iter())
                .filter_map(|a| if a == into { *part } else { Some(*a) })
                .collect();
            let place = place.clone();
            self.pointwise("concat", &[n], &[value], &shape, |p, env| {
                let operand = p.pull(0, *input, env);
                let at = part.map_or_else(Index::default, |a| element::position(env, a));
                p.store(&place, &element::with(env, &[(*into, at.offset(start))]), operand);
            });
            // Only the part is written, not all of the buffer that the kernel has.
            let whole = self.module.dims(&self.function.value(value).shape, self.options.batch);
            let written = self.module.dims(&shape, self.options.batch);
            let [whole, written] = [whole, written].map(|dims| 4 * dims.iter().product::<usize>() as u64);
            if let Some(step) = self.plan.steps.last_mut() {
                step.bytes -= whole - written;
            }
            start += size;
        }
    }
}
