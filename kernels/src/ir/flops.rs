//! How many floating-point operations a kernel takes.

use super::math::{self, Arithmetic, Definition};
use super::{Binary, Body, Expr, Kernel, Stmt, Type, Unary};
use std::collections::BTreeMap;

impl Kernel {
    /// Floating-point operations for a batch: each addition, multiplication, division, root, rounding, minimum and maximum
    /// of floats is one, and a function is as many as it is made of. Loads, stores, comparisons, and what is computed of
    /// positions are none.
    #[must_use]
    pub fn flops(&self, batch: usize) -> u64 {
        Count { batch, types: &self.scalars, functions: &mut BTreeMap::new() }.of(&self.body)
    }
}

impl Body {
    /// Those of all statements so far, as often as the open loops run them.
    #[must_use]
    pub fn flops(&self, batch: usize) -> u64 {
        let types = self.types();
        let mut count = Count { batch, types: &types, functions: &mut BTreeMap::new() };
        let inwards = self.open_scopes().rev();
        inwards.fold(0, |inner, (times, stmts)| {
            (times.at(batch) as u64).saturating_mul(inner.saturating_add(count.of(stmts)))
        })
    }
}

struct Count<'a> {
    batch: usize,
    types: &'a [Type],
    /// What the functions that were met take.
    functions: &'a mut BTreeMap<super::Math, u64>,
}

impl Count<'_> {
    fn of(&mut self, stmts: &[Stmt]) -> u64 {
        stmts.iter().map(|stmt| self.one(stmt)).fold(0, u64::saturating_add)
    }

    fn one(&mut self, stmt: &Stmt) -> u64 {
        match stmt {
            Stmt::Loop(l) => (l.extent.at(self.batch) as u64).saturating_mul(self.of(&l.body)),
            Stmt::Accumulate(..) => 1,
            Stmt::Let(scalar, expr) if self.types[scalar.0 as usize] == Type::F32 => match expr {
                Expr::Math(function, _) => self.function(*function),
                Expr::Binary(op, ..) => u64::from(!matches!(op, Binary::And | Binary::Or | Binary::Xor)),
                Expr::Unary(op, _) => {
                    u64::from(!matches!(op, Unary::ToFloat | Unary::FromBits | Unary::Sixteenth))
                }
                _ => 0,
            },
            _ => 0,
        }
    }

    fn function(&mut self, function: super::Math) -> u64 {
        if let Some(known) = self.functions.get(&function) {
            return *known;
        }
        let Definition { body, scalars, .. } = math::define(function, Arithmetic::Joined);
        let count = Count { batch: self.batch, types: &scalars, functions: self.functions }.of(&body);
        self.functions.insert(function, count);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Arg, Body, Elem, Extent, Index, Join, LoopKind, Math, Role};

    /// `sum(exp(x) * x)` over 5 elements for each of 3 samples: a product, an addition and an exponential each.
    #[test]
    fn arithmetic_of_floats_is_counted_and_nothing_else() {
        let mut body = Body::new();
        let x = body.arg(Arg { elem: Elem::F32, role: Role::Read });
        let sample = body.open(LoopKind::Parallel, Extent { count: 1, batch: true });
        let sum = body.acc(Join::Sum);
        let at = body.open(LoopKind::Sequential, Extent::fixed(5));
        let place = Index::var(sample).times(5).plus(&Index::var(at), 1);
        let loaded = body.bind(Expr::Load(x, place));
        let power = body.math(Math::Exp, vec![loaded]);
        let product = body.binary(Binary::Mul, power, loaded);
        body.push(Stmt::Accumulate(sum, product));
        body.close();
        let result = body.bind_here(Expr::Acc(sum));
        body.push(Stmt::Store(x, Index::var(sample).times(5), result));
        body.close();
        let (args, scalars, accs, body) = body.finish();
        let kernel = Kernel {
            name: String::new(),
            family: String::new(),
            origins: Vec::new(),
            axes: Vec::new(),
            shapes: Vec::new(),
            values: Vec::new(),
            args,
            scalars,
            accs,
            body,
        };
        // Two to clamp, two to find the multiple of ln 2, two to take it off, twelve of the polynomial, one to scale.
        let exponential = 19;
        assert_eq!(kernel.flops(3), 3 * 5 * (exponential + 2));
    }
}
