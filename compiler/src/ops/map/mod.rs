//! Maps: elementwise operations with implicit broadcasting by axis. One map is one file; this one says what
//! a map must define and dispatches.

mod abs;
mod add;
mod and;
mod broadcast;
mod cos;
mod div;
mod eq;
mod erf;
mod exp;
mod floor;
mod le;
mod log;
mod lt;
mod max;
mod min;
mod mul;
mod neg;
mod not;
mod or;
mod pow;
mod rem;
mod rsqrt;
mod sigmoid;
mod sin;
mod softplus;
mod sqrt;
mod stop_gradient;
mod sub;
mod tanh;
mod to_float;
mod where_;

use super::{Map, ShapeError, shape as rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Value};
use crate::interp::{Operand, Sizes, Tensor};

/// What a map is.
trait Rule: Sync {
    /// How it is called in texts.
    fn symbol(&self) -> &'static str;

    /// How many inputs it takes; `None` if any number from one on.
    fn arity(&self) -> Option<usize> {
        Some(1)
    }

    /// The type of the result.
    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::float(rules::promote(inputs.iter().copied()))
    }

    /// The result for one element of each input. Truth values are 0 and 1.
    fn eval(&self, x: &[f64]) -> f64;

    /// How many floating point operations an element costs, roughly.
    fn flops(&self) -> u64 {
        1
    }

    /// The cotangent of an input, before it is summed over the axes that the input lacks.
    fn gradient(&self, _pullback: &mut Pullback, _input: usize) -> Pulled {
        Ok(None)
    }
}

impl Map {
    fn rule(self) -> &'static dyn Rule {
        match self {
            Map::Add => &add::Add,
            Map::Sub => &sub::Sub,
            Map::Mul => &mul::Mul,
            Map::Div => &div::Div,
            Map::Rem => &rem::Rem,
            Map::Pow => &pow::Pow,
            Map::Min => &min::Min,
            Map::Max => &max::Max,
            Map::Lt => &lt::Lt,
            Map::Le => &le::Le,
            Map::Eq => &eq::Eq,
            Map::And => &and::And,
            Map::Or => &or::Or,
            Map::Not => &not::Not,
            Map::Neg => &neg::Neg,
            Map::Abs => &abs::Abs,
            Map::Floor => &floor::Floor,
            Map::Exp => &exp::Exp,
            Map::Log => &log::Log,
            Map::Sqrt => &sqrt::Sqrt,
            Map::Rsqrt => &rsqrt::Rsqrt,
            Map::Sin => &sin::Sin,
            Map::Cos => &cos::Cos,
            Map::Tanh => &tanh::Tanh,
            Map::Erf => &erf::Erf,
            Map::Sigmoid => &sigmoid::Sigmoid,
            Map::Softplus => &softplus::Softplus,
            Map::ToFloat => &to_float::ToFloat,
            Map::StopGradient => &stop_gradient::StopGradient,
            Map::Where => &where_::Where,
            Map::Broadcast => &broadcast::Broadcast,
        }
    }

    /// How the operation is called in texts.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        self.rule().symbol()
    }

    /// How many floating point operations an element costs, roughly.
    #[must_use]
    pub fn flops(self) -> u64 {
        self.rule().flops()
    }

    /// The result for one element of each input, in f64. Truth values are 0 and 1.
    #[must_use]
    pub fn eval(self, x: &[f64]) -> f64 {
        self.rule().eval(x)
    }
}

/// The shape of an elementwise operation: the union of the inputs' axes.
pub(super) fn shape(map: Map, inputs: &[&Value]) -> Result<(Vec<AxisId>, DType), ShapeError> {
    let rule = map.rule();
    rules::count(rule.symbol(), rule.arity().unwrap_or(inputs.len().max(1)), inputs)?;
    let types: Vec<DType> = inputs.iter().map(|v| v.storage).collect();
    Ok((rules::union(inputs.iter().map(|v| v.shape.as_slice())), rule.dtype(&types)))
}

/// Applies a map to every element.
pub(super) fn eval(map: Map, sizes: Sizes, inputs: &[Operand], out: &[AxisId]) -> Tensor {
    let rule = map.rule();
    // A broadcast may have any number of inputs but reads the first only.
    let count = rule.arity().unwrap_or(1);
    let operands: Vec<Operand> = (0..3).map(|at| inputs[at.min(count - 1)]).collect();
    let dims = sizes.dims(out);
    let mut data = Vec::with_capacity(dims.iter().product());
    let strides: Vec<Vec<usize>> = operands.iter().map(|o| sizes.strides(o.shape, out)).collect();
    crate::interp::walk(&dims, [&strides[0], &strides[1], &strides[2]], |at| {
        let x = [0, 1, 2].map(|i: usize| operands[i].tensor.data[at[i]]);
        data.push(rule.eval(&x[..count]));
    });
    Tensor { dims, data }
}

/// The cotangent of an input.
pub(super) fn gradient(map: Map, pullback: &mut Pullback, input: usize) -> Pulled {
    map.rule().gradient(pullback, input)
}

/// A truth value as a number.
fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}
