//! Elements of views: elements of what they are views of.

use super::Puller;
use crate::ir::{Atom, Binary, Elem, Expr, Index, Join, LoopKind, Operand, Stmt, Type};
use crate::lower::element::{self, Env, Origin};
use arch_compiler::graph::{AxisId, Node};
use arch_compiler::ops::Op;
use arch_compiler::ops::source::Literal;
use arch_compiler::ops::{View, Windows};
use std::sync::Arc;

impl Puller<'_, '_> {
    pub(super) fn view(&mut self, frame: usize, node: &Node, env: &Env) -> Operand {
        let body = &self.body;
        let origin = element::origin(self.module, &node.op, env, &|v| body.extent(v));
        match origin.expect("a view with one input") {
            Origin::At(env) => self.pull(frame, node.inputs[0], &env),
            Origin::Guarded(env, place, inside, fill) => {
                let value = self.pull(frame, node.inputs[0], &env);
                let (place, inside) = (self.index_value(&place), self.index_value(&inside));
                let within = self.body.binary(Binary::Eq, place, inside);
                let (value, fill) = match self.body.ty(value) {
                    Type::I32 => (value, Operand::Int(fill as i32)),
                    _ => (self.body.to_float(value), Operand::float(fill as f32)),
                };
                self.body.bind(Expr::Select(within, value, fill))
            }
            Origin::Table(env, axis, at, order) => {
                let data = order.iter().map(|o| f64::from(*o)).collect();
                let table = Arc::new(Literal { shape: vec![axis], data, integer: true });
                let slot = (self.constants)(&table);
                let arg = self.arg(slot, Elem::I32);
                let from = self.body.bind(Expr::Load(arg, at));
                let env = element::with(&env, &[(axis, as_index(from))]);
                self.pull(frame, node.inputs[0], &env)
            }
        }
    }

    pub(super) fn index_value(&mut self, index: &Index) -> Operand {
        if index.terms.is_empty() {
            return Operand::Int(index.constant as i32);
        }
        self.body.bind(Expr::Index(index.clone()))
    }

    /// Every window that an element lies in, added up.
    pub(super) fn fold(&mut self, frame: usize, node: &Node, env: &Env) -> Operand {
        let Op::View(View::Fold(Windows { axis, to, offset, stride, dilation, left })) = &node.op else {
            unreachable!("a fold")
        };
        let size = |a: AxisId| self.module.size(a, 1) as i64;
        let (windows, places) = (size(*to), size(*offset));
        let (stride, dilation) = (*stride as i64, *dilation as i64);
        let acc = self.body.acc(Join::Sum);
        let k = self.open(LoopKind::Sequential, *offset);
        // Moved up by whole strides, so that it is never negative.
        let up = ((places - 1) * dilation).div_euclid(stride) + 1;
        let place = element::position(env, *axis).plus(&k, -dilation).offset(*left as i64 + up * stride);
        let (window, rest) = {
            let body = &self.body;
            let extent = |v| body.extent(v);
            (place.div(stride, &extent).offset(-up), place.modulo(stride, &extent))
        };
        let inside = {
            let body = &self.body;
            window.clamped(0, windows - 1, &|v| body.extent(v))
        };
        let value =
            self.pull(frame, node.inputs[0], &element::with(env, &[(*to, inside.clone()), (*offset, k)]));
        let mut value = self.body.to_float(value);
        for (is, wanted) in [(window, inside), (rest, Index::default())] {
            let (is, wanted) = (self.index_value(&is), self.index_value(&wanted));
            let within = self.body.binary(Binary::Eq, is, wanted);
            value = self.body.bind(Expr::Select(within, value, Operand::float(0.0)));
        }
        self.body.push(Stmt::Accumulate(acc, value));
        self.close();
        self.body.bind_here(Expr::Acc(acc))
    }

    /// The part that a position lies in, by comparisons.
    pub(super) fn concat(
        &mut self,
        frame: usize,
        node: &Node,
        parts: &[Option<AxisId>],
        into: AxisId,
        env: &Env,
    ) -> Operand {
        let at = element::position(env, into);
        let mut start = 0;
        let mut values = Vec::new();
        for (part, input) in parts.iter().zip(&node.inputs) {
            let size = part.map_or(1, |a| self.module.size(a, 1) as i64);
            let place = at.offset(-start);
            let inside = {
                let body = &self.body;
                place.clamped(0, size - 1, &|v| body.extent(v))
            };
            let env = part.map_or_else(|| env.clone(), |a| element::with(env, &[(a, inside)]));
            let value = self.pull(frame, *input, &env);
            start += size;
            values.push((start, value));
        }
        let integer = values.iter().all(|(_, v)| self.body.ty(*v) == Type::I32);
        let wanted = if integer { Elem::I32 } else { Elem::F32 };
        let at = self.index_value(&at);
        let (_, last) = values.pop().expect("a concatenation has parts");
        let mut result = self.as_elem(last, wanted);
        for (end, value) in values.into_iter().rev() {
            let value = self.as_elem(value, wanted);
            let before = self.body.binary(Binary::Lt, at, Operand::Int(end as i32));
            result = self.body.bind(Expr::Select(before, value, result));
        }
        result
    }
}

/// A loaded integer as an index.
pub(super) fn as_index(operand: Operand) -> Index {
    match operand {
        Operand::Scalar(s) => Index::atom(Atom::Data(s)),
        Operand::Int(n) => Index::constant(i64::from(n)),
        Operand::Float(bits) => Index::constant(f32::from_bits(bits) as i64),
    }
}
