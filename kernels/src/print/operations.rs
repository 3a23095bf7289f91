//! Operations in C, on scalars and on vectors.

use super::names;
use crate::ir::{Binary, Join, Type, Unary};

/// The prefix of functions on values of a type: `s`, `v`, `si`, `vi`.
fn prefix(vector: bool, ty: Type) -> &'static str {
    match (vector, ty) {
        (false, Type::I32) => "si",
        (false, _) => "s",
        (true, Type::I32) => "vi",
        (true, _) => "v",
    }
}

pub(super) fn unary(op: Unary, ty: Type, a: &str, vector: bool) -> String {
    let v = if vector { "v" } else { "s" };
    match op {
        Unary::Neg => format!("-{a}"),
        Unary::Abs => format!("{}abs({a})", prefix(vector, ty)),
        Unary::Floor => format!("{v}floor({a})"),
        Unary::Rint => format!("{v}rint({a})"),
        Unary::Sqrt => format!("{v}sqrt({a})"),
        Unary::Not if vector => format!("vmnot({a})"),
        Unary::Not => format!("!{a}"),
        Unary::ToFloat => format!("{v}i2f({a})"),
        Unary::ToInt => format!("{v}f2i({a})"),
        Unary::Bits => format!("{v}bits({a})"),
        Unary::FromBits => format!("{v}frombits({a})"),
        Unary::Sixteenth => format!("{v}sixteenth({a})"),
    }
}

pub(super) fn binary(op: Binary, ty: Type, a: &str, b: &str, vector: bool) -> String {
    let p = prefix(vector, ty);
    match op {
        Binary::Add => format!("{a} + {b}"),
        Binary::Sub => format!("{a} - {b}"),
        Binary::Mul => format!("{a} * {b}"),
        Binary::Div => format!("{a} / {b}"),
        Binary::Rem => format!("{p}rem({a}, {b})"),
        Binary::Min => format!("{p}min({a}, {b})"),
        Binary::Max => format!("{p}max({a}, {b})"),
        Binary::Lt if vector => format!("{p}lt({a}, {b})"),
        Binary::Le if vector => format!("{p}le({a}, {b})"),
        Binary::Eq if vector => format!("{p}eq({a}, {b})"),
        Binary::Lt => format!("{a} < {b}"),
        Binary::Le => format!("{a} <= {b}"),
        Binary::Eq => format!("{a} == {b}"),
        Binary::And if ty == Type::Mask && vector => format!("vmand({a}, {b})"),
        Binary::Or if ty == Type::Mask && vector => format!("vmor({a}, {b})"),
        Binary::And => format!("{a} & {b}"),
        Binary::Or => format!("{a} | {b}"),
        Binary::Xor => format!("{a} ^ {b}"),
        Binary::Shl if vector => format!("{a} << {b}"),
        Binary::Shl => format!("(int32_t)((uint32_t){a} << {b})"),
        Binary::Shr => format!("{a} >> {b}"),
        Binary::Scale => format!("{p}scale({a}, {b})"),
    }
}

pub(super) fn select(ty: Type, m: &str, a: &str, b: &str, vector: bool) -> String {
    format!("{}sel({m}, {a}, {b})", prefix(vector, ty))
}

/// Two values of an accumulator joined.
pub(super) fn join(join: Join, a: &str, b: &str, vector: bool) -> String {
    match join {
        Join::Sum => format!("{a} + {b}"),
        Join::Product => format!("{a} * {b}"),
        Join::Max => binary(Binary::Max, Type::F32, a, b, vector),
        Join::Min => binary(Binary::Min, Type::F32, a, b, vector),
    }
}

/// What an accumulator starts at.
pub(super) fn neutral(join: Join) -> String {
    let value = match join {
        Join::Sum => 0.0f32,
        Join::Product => 1.0,
        Join::Max => f32::NEG_INFINITY,
        Join::Min => f32::INFINITY,
    };
    names::float(value.to_bits())
}

/// All lanes of an accumulator joined.
pub(super) fn join_lanes(join: Join, a: &str) -> String {
    let name = match join {
        Join::Sum => "sum",
        Join::Product => "product",
        Join::Max => "max",
        Join::Min => "min",
    };
    format!("vh{name}({a})")
}

/// The C type of a scalar or vector.
pub(super) fn c_type(ty: Type, vector: bool) -> &'static str {
    match (vector, ty) {
        (false, Type::F32) => "float",
        (false, Type::I32) => "int32_t",
        (false, Type::Mask) => "sm",
        (true, Type::F32) => "vf",
        (true, Type::I32) => "vi",
        (true, Type::Mask) => "vm",
    }
}
