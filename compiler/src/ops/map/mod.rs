//! Maps: elementwise operations with implicit broadcasting by axis.

use super::{Map, ShapeError, shape as rules};
use crate::graph::{AxisId, DType, Module, Value};

/// The shape of an elementwise operation: the union of the inputs' axes.
pub(super) fn shape(
    map: Map,
    _module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    let arity = match map {
        Map::Add | Map::Sub | Map::Mul | Map::Div | Map::Rem | Map::Pow => 2,
        Map::Min | Map::Max | Map::Lt | Map::Le | Map::Eq | Map::And | Map::Or => 2,
        Map::Where => 3,
        Map::Broadcast => inputs.len().max(1),
        _ => 1,
    };
    rules::count(&format!("{map:?}"), arity, inputs)?;
    let types: Vec<DType> = inputs.iter().map(|v| v.storage).collect();
    let dtype = match map {
        Map::Lt | Map::Le | Map::Eq | Map::And | Map::Or | Map::Not => DType::Bool,
        Map::Add | Map::Sub | Map::Mul | Map::Rem | Map::Neg | Map::Abs | Map::Floor => {
            rules::promote(types.iter().copied())
        }
        Map::Min | Map::Max => rules::select(&types),
        Map::Where => rules::select(&types[1..]),
        Map::Broadcast | Map::StopGradient => types[0],
        _ => rules::float(rules::promote(types.iter().copied())),
    };
    Ok((rules::union(inputs.iter().map(|v| v.shape.as_slice())), dtype))
}

impl Map {
    /// How the operation is called in texts.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Map::Add => "add",
            Map::Sub => "sub",
            Map::Mul => "mul",
            Map::Div => "div",
            Map::Rem => "rem",
            Map::Pow => "pow",
            Map::Min => "min",
            Map::Max => "max",
            Map::Lt => "lt",
            Map::Le => "le",
            Map::Eq => "eq",
            Map::And => "and",
            Map::Or => "or",
            Map::Neg => "neg",
            Map::Not => "not",
            Map::Abs => "abs",
            Map::Floor => "floor",
            Map::Exp => "exp",
            Map::Log => "log",
            Map::Sqrt => "sqrt",
            Map::Rsqrt => "rsqrt",
            Map::Sin => "sin",
            Map::Cos => "cos",
            Map::Tanh => "tanh",
            Map::Erf => "erf",
            Map::Sigmoid => "sigmoid",
            Map::Softplus => "softplus",
            Map::ToFloat => "to_float",
            Map::StopGradient => "stop_gradient",
            Map::Where => "where",
            Map::Broadcast => "broadcast",
        }
    }
}
