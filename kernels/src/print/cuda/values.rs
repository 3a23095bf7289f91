//! Expressions in CUDA: every value is one thread's.

use super::Printer;
use super::layout::{Home, whole_rows};
use crate::ir::{Binary, Expr, Index, Join, Local, Math, Operand, Scalar, Type, Unary};
use crate::print::names;

impl Printer<'_> {
    pub(super) fn bind(&mut self, scalar: Scalar, expr: &Expr) {
        let ty = self.scalars[scalar.0 as usize];
        let text = self.value(ty, expr);
        self.line(&format!("const {} {} = {text};", type_name(ty), names::scalar(scalar)));
    }

    fn value(&self, ty: Type, expr: &Expr) -> String {
        let of = |o: &Operand| number(*o);
        match expr {
            Expr::Load(arg, index) => format!("a{arg}[{}]", self.index(index)),
            Expr::Local(local, index) => self.element(*local, index),
            Expr::Acc(acc) if self.layout.parted.contains(acc) => match self.per_thread {
                false => format!("{}(r{})", joins(self.accs[acc.0 as usize]).1, acc.0),
                true => format!("r{}_all", acc.0),
            },
            Expr::Acc(acc) => format!("r{}", acc.0),
            Expr::Index(index) if self.wide => format!("(int)({})", self.index(index)),
            Expr::Index(index) => self.index(index),
            Expr::Unary(op, a) => unary(*op, self.type_of(*a), &of(a)),
            Expr::Binary(op, a, b) => binary(*op, self.type_of(*a), &of(a), &of(b)),
            Expr::Select(m, a, b) => {
                debug_assert_eq!(ty, self.type_of(*a));
                format!("{} ? {} : {}", of(m), of(a), of(b))
            }
            Expr::Math(function, inputs) => {
                let inputs: Vec<String> = inputs.iter().map(of).collect();
                format!("{}({})", math(*function), inputs.join(", "))
            }
        }
    }

    pub(super) fn index(&self, index: &Index) -> String {
        self.names.index(index, None)
    }

    /// An element of a local array.
    pub(super) fn element(&self, local: Local, index: &Index) -> String {
        match self.layout.arrays[&local].home {
            Home::Spread | Home::SpreadMemory => match whole_rows(index) {
                Some(rows) if rows != Index::default() => format!("m{}[{}]", local.0, self.index(&rows)),
                _ => format!("m{}[{}]", local.0, self.turn),
            },
            Home::Column => format!("m{}[{}][lane]", local.0, self.index(index)),
            _ => format!("m{}[{}]", local.0, self.index(index)),
        }
    }

    fn type_of(&self, operand: Operand) -> Type {
        match operand {
            Operand::Scalar(s) => self.scalars[s.0 as usize],
            Operand::Float(_) => Type::F32,
            Operand::Int(_) => Type::I32,
        }
    }
}

/// A float so that CUDA reads back the same bits.
fn float(bits: u32) -> String {
    match f32::from_bits(bits) {
        v if v.is_nan() => "NAN_F32".into(),
        f32::INFINITY => "INFINITY_F32".into(),
        f32::NEG_INFINITY => "(-INFINITY_F32)".into(),
        _ => names::float(bits),
    }
}

pub(super) fn number(operand: Operand) -> String {
    match operand {
        Operand::Float(bits) => float(bits),
        other => names::number(other),
    }
}

pub(super) fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::F32 => "float",
        Type::I32 => "int",
        Type::Mask => "bool",
    }
}

fn suffix(ty: Type) -> &'static str {
    if ty == Type::I32 { "i32" } else { "f32" }
}

pub(super) fn math(function: Math) -> String {
    format!("{}_f32", names::math(function))
}

/// The functions that join two values, and all lanes.
pub(super) fn joins(join: Join) -> (&'static str, &'static str) {
    match join {
        Join::Sum => ("add_f32", "warp_sum"),
        Join::Product => ("mul_f32", "warp_product"),
        Join::Max => ("max_f32", "warp_max"),
        Join::Min => ("min_f32", "warp_min"),
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
    float(value.to_bits())
}

fn unary(op: Unary, ty: Type, a: &str) -> String {
    match op {
        Unary::Neg => format!("-{a}"),
        Unary::Abs if ty == Type::I32 => format!("abs_i32({a})"),
        Unary::Abs => format!("fabsf({a})"),
        Unary::Floor => format!("floorf({a})"),
        Unary::Rint => format!("rintf({a})"),
        Unary::Sqrt => format!("sqrtf({a})"),
        Unary::Not => format!("!{a}"),
        Unary::ToFloat => format!("(float){a}"),
        Unary::ToInt => format!("(int){a}"),
        Unary::Bits => format!("__float_as_int({a})"),
        Unary::FromBits => format!("__int_as_float({a})"),
        Unary::Sixteenth => format!("exp2f((float)({a} & 15) / 16.0f)"),
    }
}

fn binary(op: Binary, ty: Type, a: &str, b: &str) -> String {
    let s = suffix(ty);
    match op {
        Binary::Add => format!("{a} + {b}"),
        Binary::Sub => format!("{a} - {b}"),
        Binary::Mul => format!("{a} * {b}"),
        Binary::Div => format!("{a} / {b}"),
        Binary::Rem => format!("rem_{s}({a}, {b})"),
        Binary::Min => format!("min_{s}({a}, {b})"),
        Binary::Max => format!("max_{s}({a}, {b})"),
        Binary::Lt => format!("{a} < {b}"),
        Binary::Le => format!("{a} <= {b}"),
        Binary::Eq => format!("{a} == {b}"),
        Binary::And if ty == Type::Mask => format!("{a} && {b}"),
        Binary::Or if ty == Type::Mask => format!("{a} || {b}"),
        Binary::And => format!("{a} & {b}"),
        Binary::Or => format!("{a} | {b}"),
        Binary::Xor => format!("{a} ^ {b}"),
        Binary::Shl => format!("(int)((unsigned){a} << {b})"),
        Binary::Shr => format!("{a} >> {b}"),
        Binary::Scale => format!("scale_f32({a}, {b})"),
    }
}
