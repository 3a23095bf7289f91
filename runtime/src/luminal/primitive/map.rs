//! Maps: which formula each one is, and what broadcasting by axis means for buffers.

use super::lower::{Lowering, Operand};
use super::tape::Buffer;
use arch_compiler::graph::AxisId;
use arch_compiler::ops::Map;

/// Whole constant exponents up to this are multiplied out.
const LARGEST_POWER: f64 = 64.0;

/// A quotient that is rounded down at once, if the input of a floor is one.
pub(super) type Quotient<'a> = Option<[Operand<'a>; 2]>;

impl Lowering<'_> {
    /// One map. Every element of the result that is known is a constant.
    pub(super) fn map(
        &mut self,
        map: Map,
        inputs: &[Operand],
        quotient: Quotient,
        out: &[AxisId],
    ) -> (Buffer, Option<f64>) {
        let dims = self.dims(out);
        let read = if map == Map::Broadcast { &inputs[..1] } else { inputs };
        let known: Option<Vec<f64>> = read.iter().map(|o| o.known).collect();
        if let Some(known) = known {
            let value = map.eval(&known);
            let number = self.tape.constant(value as f32);
            return (self.tape.expand(&number, &dims), Some(value));
        }
        let buffers: Vec<Buffer> = read.iter().map(|o| self.aligned(o, out)).collect();
        let result = match (map, quotient) {
            (Map::Floor, Some([a, b])) => {
                let (a, b) = (self.aligned(&a, out), self.aligned(&b, out));
                self.tape.floor_of_quotient(&a, &b)
            }
            _ => self.formula(map, inputs, &buffers),
        };
        (self.tape.expand(&result, &dims), None)
    }

    fn formula(&mut self, map: Map, operands: &[Operand], buffers: &[Buffer]) -> Buffer {
        let x = &buffers[0];
        let y = buffers.get(1).unwrap_or(x);
        let tape = &mut self.tape;
        match map {
            Map::Add => tape.add2(x, y),
            Map::Sub => tape.sub(x, y),
            Map::Mul => tape.mul(x, y),
            Map::Div => tape.div(x, y),
            Map::Rem => tape.rem(x, y),
            Map::Pow => match operands[1].known {
                Some(0.5) => tape.sqrt(x),
                Some(b) if b.fract() == 0.0 && b.abs() <= LARGEST_POWER => tape.whole_power(x, b as i32),
                _ => tape.power(x, y),
            },
            Map::Min => tape.min(x, y),
            Map::Max => tape.max(x, y),
            Map::Lt => tape.less(x, y),
            Map::Le => {
                let more = tape.less(y, x);
                let result = self.tape.opposite(&more);
                self.unless_nan(result, operands, buffers)
            }
            Map::Eq => {
                let result = tape.equal(x, y);
                self.unless_nan(result, operands, buffers)
            }
            Map::And => {
                let (x, y) = (self.truth(&operands[0], x), self.truth(&operands[1], y));
                self.tape.mul(&x, &y)
            }
            Map::Or => {
                let (x, y) = (self.truth(&operands[0], x), self.truth(&operands[1], y));
                let (x, y) = (self.tape.opposite(&x), self.tape.opposite(&y));
                let neither = self.tape.mul(&x, &y);
                self.tape.opposite(&neither)
            }
            Map::Not => {
                let x = self.truth(&operands[0], x);
                self.tape.opposite(&x)
            }
            Map::Where => {
                let condition = self.truth(&operands[0], x);
                if operands[1..].iter().all(Operand::is_finite) {
                    self.tape.choose_finite(&condition, y, &buffers[2])
                } else {
                    self.tape.choose(&condition, y, &buffers[2])
                }
            }
            Map::Neg => tape.scale(x, -1.0),
            Map::Abs => tape.abs(x),
            Map::Floor => tape.floor(x),
            Map::Exp => tape.exp(x),
            Map::Log => tape.log(x),
            Map::Sqrt => tape.sqrt(x),
            Map::Rsqrt => {
                let root = tape.sqrt(x);
                tape.recip(&root)
            }
            Map::Sin => tape.sin(x),
            Map::Cos => tape.cos(x),
            Map::Tanh => tape.tanh(x),
            Map::Erf => tape.erf(x),
            Map::Sigmoid => tape.sigmoid(x),
            Map::Softplus => tape.softplus(x),
            Map::ToFloat | Map::StopGradient | Map::Broadcast => x.clone(),
        }
    }

    /// A truth value as 0 or 1: everything but 0 is true.
    fn truth(&mut self, operand: &Operand, buffer: &Buffer) -> Buffer {
        if operand.is_truth {
            return buffer.clone();
        }
        let zero = self.tape.constant(0.0);
        let is_zero = self.tape.equal(buffer, &zero);
        let result = self.tape.opposite(&is_zero);
        // A NaN is not 0 either; `equal` takes it for equal to everything.
        if operand.is_integer {
            return result;
        }
        let number = self.tape.is_number(buffer);
        let number = self.tape.above(&number, 0.0);
        let nan = self.tape.opposite(&number);
        self.tape.add2(&result, &nan)
    }

    /// Makes a comparison false where an operand is NaN, as comparisons are.
    fn unless_nan(&mut self, mut result: Buffer, operands: &[Operand], buffers: &[Buffer]) -> Buffer {
        let floats = operands.iter().zip(buffers).filter(|(o, _)| !o.is_finite());
        let mut any = false;
        for (_, buffer) in floats {
            let number = self.tape.is_number(buffer);
            result = self.tape.mul(&result, &number);
            any = true;
        }
        if any { self.tape.above(&result, 0.0) } else { result }
    }
}
