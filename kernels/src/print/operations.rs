//! Operations in C, on scalars and on vectors.

use super::expression::{Binds, Expression};
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

pub(super) fn unary(op: Unary, ty: Type, a: &Expression, vector: bool) -> Expression {
    let v = if vector { "v" } else { "s" };
    let call = |name: &str| Expression::tight(format!("{v}{name}({})", a.text));
    match op {
        Unary::Neg => Expression::before("-", a),
        Unary::Abs => Expression::tight(format!("{}abs({})", prefix(vector, ty), a.text)),
        Unary::Floor => call("floor"),
        Unary::Rint => call("rint"),
        Unary::Sqrt => call("sqrt"),
        Unary::Not if vector => call("mnot"),
        Unary::Not => Expression::before("!", a),
        Unary::ToFloat => call("i2f"),
        Unary::ToInt => call("f2i"),
        Unary::Bits => call("bits"),
        Unary::FromBits => call("frombits"),
        Unary::Sixteenth => call("sixteenth"),
    }
}

pub(super) fn binary(op: Binary, ty: Type, a: &Expression, b: &Expression, vector: bool) -> Expression {
    let call =
        |name: &str| Expression::tight(format!("{}{name}({}, {})", prefix(vector, ty), a.text, b.text));
    let is_mask = ty == Type::Mask && vector;
    match op {
        Binary::Add => Expression::sum(a, "+", b),
        Binary::Sub => Expression::sum(a, "-", b),
        Binary::Mul => Expression::product(a, "*", b),
        Binary::Div => Expression::product(a, "/", b),
        Binary::Rem => call("rem"),
        Binary::Min => call("min"),
        Binary::Max => call("max"),
        Binary::Lt if vector => call("lt"),
        Binary::Le if vector => call("le"),
        Binary::Eq if vector => call("eq"),
        Binary::Lt => Expression::comparison(a, "<", b),
        Binary::Le => Expression::comparison(a, "<=", b),
        Binary::Eq => Expression::comparison(a, "==", b),
        Binary::And if is_mask => Expression::tight(format!("vmand({}, {})", a.text, b.text)),
        Binary::Or if is_mask => Expression::tight(format!("vmor({}, {})", a.text, b.text)),
        Binary::And => Expression::of_bits(a, "&", b),
        Binary::Or => Expression::of_bits(a, "|", b),
        Binary::Xor => Expression::of_bits(a, "^", b),
        Binary::Shl if vector => Expression::of_bits(a, "<<", b),
        Binary::Shl => Expression::before("(int32_t)", &shifted("uint32_t", a, b)),
        Binary::Shr => Expression::of_bits(a, ">>", b),
        Binary::Scale => call("scale"),
    }
}

/// Shifted left without a sign, which may be lost.
pub(super) fn shifted(unsigned: &str, a: &Expression, b: &Expression) -> Expression {
    Expression::of_bits(&Expression::tight(format!("({unsigned}){}", a.within(Binds::Tightly))), "<<", b)
}

pub(super) fn select(ty: Type, [m, a, b]: [&Expression; 3], vector: bool) -> Expression {
    Expression::tight(format!("{}sel({}, {}, {})", prefix(vector, ty), m.text, a.text, b.text))
}

/// Two values of an accumulator joined.
pub(super) fn join(join: Join, a: &str, b: &Expression, vector: bool) -> String {
    let op = match join {
        Join::Sum => Binary::Add,
        Join::Product => Binary::Mul,
        Join::Max => Binary::Max,
        Join::Min => Binary::Min,
    };
    binary(op, Type::F32, &Expression::tight(a), b, vector).text
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
