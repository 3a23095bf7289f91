//! Operations on elements.

use super::{Puller, elem};
use crate::ir::{Binary, Expr, Math, Operand, Type, Unary};
use arch_compiler::graph::DType;
use arch_compiler::ops::Map;

impl Puller<'_, '_> {
    pub(super) fn whole(&mut self, a: Operand) -> Operand {
        match (self.body.ty(a), a) {
            (Type::I32, _) => a,
            (_, Operand::Float(bits)) => Operand::Int(f32::from_bits(bits) as i32),
            (Type::F32, _) => self.body.unary(Unary::ToInt, a),
            (Type::Mask, _) => self.body.bind(Expr::Select(a, Operand::Int(1), Operand::Int(0))),
        }
    }

    pub(super) fn map(&mut self, map: Map, inputs: &[Operand], out: DType) -> Operand {
        let integer = out == DType::Int;
        if let Some(op) = arithmetic(map) {
            let (a, b) = if integer {
                (self.whole(inputs[0]), self.whole(inputs[1]))
            } else {
                (self.body.to_float(inputs[0]), self.body.to_float(inputs[1]))
            };
            return self.body.binary(op, a, b);
        }
        if let Some(op) = comparison(map) {
            let both = inputs.iter().all(|i| self.body.ty(*i) == Type::I32);
            let (a, b) = if both {
                (inputs[0], inputs[1])
            } else {
                (self.body.to_float(inputs[0]), self.body.to_float(inputs[1]))
            };
            return self.body.binary(op, a, b);
        }
        match map {
            Map::And | Map::Or => {
                let (a, b) = (self.body.to_mask(inputs[0]), self.body.to_mask(inputs[1]));
                self.body.binary(if map == Map::And { Binary::And } else { Binary::Or }, a, b)
            }
            Map::Not => {
                let a = self.body.to_mask(inputs[0]);
                self.body.unary(Unary::Not, a)
            }
            Map::Where => {
                let condition = self.body.to_mask(inputs[0]);
                let wanted = elem(out);
                let (a, b) = (self.as_elem(inputs[1], wanted), self.as_elem(inputs[2], wanted));
                self.body.bind(Expr::Select(condition, a, b))
            }
            Map::Floor if integer => self.whole(inputs[0]),
            Map::Neg | Map::Abs if integer => {
                let a = self.whole(inputs[0]);
                self.body.unary(if map == Map::Neg { Unary::Neg } else { Unary::Abs }, a)
            }
            _ => self.float_function(map, inputs),
        }
    }

    fn float_function(&mut self, map: Map, inputs: &[Operand]) -> Operand {
        let x = self.body.to_float(inputs[0]);
        let one = Operand::float(1.0);
        match map {
            Map::Neg => self.body.unary(Unary::Neg, x),
            Map::Abs => self.body.unary(Unary::Abs, x),
            Map::Floor => self.body.unary(Unary::Floor, x),
            Map::Sqrt => self.body.unary(Unary::Sqrt, x),
            Map::Rsqrt => {
                let root = self.body.unary(Unary::Sqrt, x);
                self.body.binary(Binary::Div, one, root)
            }
            Map::Pow => {
                let y = self.body.to_float(inputs[1]);
                self.power(x, y)
            }
            Map::Exp => self.body.math(Math::Exp, vec![x]),
            Map::Log => self.body.math(Math::Log, vec![x]),
            Map::Sin => self.body.math(Math::Sin, vec![x]),
            Map::Cos => self.body.math(Math::Cos, vec![x]),
            Map::Tanh => self.body.math(Math::Tanh, vec![x]),
            Map::Erf => self.body.math(Math::Erf, vec![x]),
            Map::Sigmoid => self.body.math(Math::Sigmoid, vec![x]),
            Map::Softplus => self.body.math(Math::Softplus, vec![x]),
            _ => x,
        }
    }

    /// Small whole powers are products.
    fn power(&mut self, x: Operand, y: Operand) -> Operand {
        let Operand::Float(bits) = y else { return self.body.math(Math::Pow, vec![x, y]) };
        let y_value = f32::from_bits(bits);
        if y_value == 0.5 {
            return self.body.unary(Unary::Sqrt, x);
        }
        if !(y_value.fract() == 0.0 && (1.0..=4.0).contains(&y_value)) {
            return self.body.math(Math::Pow, vec![x, y]);
        }
        let mut product = x;
        for _ in 1..y_value as usize {
            product = self.body.binary(Binary::Mul, product, x);
        }
        product
    }
}

fn arithmetic(map: Map) -> Option<Binary> {
    Some(match map {
        Map::Add => Binary::Add,
        Map::Sub => Binary::Sub,
        Map::Mul => Binary::Mul,
        Map::Div => Binary::Div,
        Map::Rem => Binary::Rem,
        Map::Min => Binary::Min,
        Map::Max => Binary::Max,
        _ => return None,
    })
}

fn comparison(map: Map) -> Option<Binary> {
    Some(match map {
        Map::Lt => Binary::Lt,
        Map::Le => Binary::Le,
        Map::Eq => Binary::Eq,
        _ => return None,
    })
}
