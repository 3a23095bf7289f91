//! Expressions in CUDA: every value is one thread's.

use super::Printer;
use super::layout::{Home, whole_rows};
use crate::ir::{Binary, Expr, Index, Join, Local, Math, Operand, Scalar, Type, Unary};
use crate::print::expression::{Binds, Expression, SHORT};
use crate::print::operations::shifted;
use crate::print::{called, names};

impl Printer<'_> {
    pub(super) fn bind(&mut self, scalar: Scalar, expr: &Expr) {
        let ty = self.scalars[scalar.0 as usize];
        let value = self.value(ty, expr);
        self.folded.remove(&scalar);
        // What lanes do together they do as a statement of its own: it may be read where some of them are away.
        let together = matches!(expr, Expr::Acc(acc) if self.layout.parted.contains(acc));
        if !together && self.at_once.contains(&scalar) && value.text.len() <= SHORT {
            self.folded.insert(scalar, value);
            return;
        }
        self.bind_to_name(scalar, &value.text);
    }

    pub(super) fn bind_to_name(&mut self, scalar: Scalar, text: &str) {
        let ty = type_name(self.scalars[scalar.0 as usize]);
        let line = format!("const {ty} {} = {text};", self.names.give(scalar));
        self.line(&line);
    }

    fn value(&self, ty: Type, expr: &Expr) -> Expression {
        let of = |o: &Operand| self.operand(*o);
        match expr {
            Expr::Load(arg, index) => Expression::tight(format!("a{arg}[{}]", self.index(index))),
            Expr::Local(local, index) => Expression::tight(self.element(*local, index)),
            Expr::Acc(acc) if self.layout.parted.contains(acc) => Expression::tight(match self.per_thread {
                false => format!("{}({})", joins(self.accs[acc.0 as usize]).1, called::acc(*acc)),
                true => format!("{}_all", called::acc(*acc)),
            }),
            Expr::Acc(acc) => Expression::tight(called::acc(*acc)),
            Expr::Index(index) => {
                let place = self.names.place(index);
                if self.wide { Expression::before("(int)", &place) } else { place }
            }
            Expr::Unary(op, a) => unary(*op, self.type_of(*a), &of(a)),
            Expr::Binary(op, a, b) => binary(*op, self.type_of(*a), &of(a), &of(b)),
            Expr::Select(m, a, b) => {
                debug_assert_eq!(ty, self.type_of(*a));
                let [m, a, b] = [m, a, b].map(|o| of(o).within(Binds::LikeSums));
                Expression::new(Binds::Loosely, format!("{m} ? {a} : {b}"))
            }
            Expr::Math(function, inputs) => {
                let inputs: Vec<String> = inputs.iter().map(|input| of(input).text).collect();
                Expression::tight(format!("{}({})", math(*function), inputs.join(", ")))
            }
        }
    }

    /// A number, a name, or what has none.
    pub(super) fn operand(&self, operand: Operand) -> Expression {
        match operand {
            Operand::Scalar(s) => {
                self.folded.get(&s).cloned().unwrap_or_else(|| Expression::tight(self.names.scalar(s)))
            }
            Operand::Float(bits) => Expression::number(float(bits)),
            Operand::Int(n) => Expression::number(names::integer(n)),
        }
    }

    pub(super) fn index(&self, index: &Index) -> String {
        self.names.index(index, None)
    }

    /// An element of a local array.
    pub(super) fn element(&self, local: Local, index: &Index) -> String {
        let name = self.names.local(local);
        match self.layout.arrays[&local].home {
            Home::Spread | Home::SpreadMemory => match whole_rows(index) {
                Some(rows) if rows != Index::default() => format!("{name}[{}]", self.index(&rows)),
                _ => format!("{name}[{}]", self.turn),
            },
            Home::Column => format!("{name}[{}][lane]", self.index(index)),
            _ => format!("{name}[{}]", self.index(index)),
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
        f32::NEG_INFINITY => "-INFINITY_F32".into(),
        _ => names::float(bits),
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

fn unary(op: Unary, ty: Type, a: &Expression) -> Expression {
    let call = |name: &str| Expression::tight(format!("{name}({})", a.text));
    match op {
        Unary::Neg => Expression::before("-", a),
        Unary::Abs if ty == Type::I32 => call("abs_i32"),
        Unary::Abs => call("fabsf"),
        Unary::Floor => call("floorf"),
        Unary::Rint => call("rintf"),
        Unary::Sqrt => call("sqrtf"),
        Unary::Not => Expression::before("!", a),
        Unary::ToFloat => Expression::before("(float)", a),
        Unary::ToInt => Expression::before("(int)", a),
        Unary::Bits => call("__float_as_int"),
        Unary::FromBits => call("__int_as_float"),
        Unary::Sixteenth => {
            Expression::tight(format!("exp2f((float)({} & 15) / 16.0f)", a.within(Binds::Tightly)))
        }
    }
}

fn binary(op: Binary, ty: Type, a: &Expression, b: &Expression) -> Expression {
    let call = |name: &str| Expression::tight(format!("{name}_{}({}, {})", suffix(ty), a.text, b.text));
    match op {
        Binary::Add => Expression::sum(a, "+", b),
        Binary::Sub => Expression::sum(a, "-", b),
        Binary::Mul => Expression::product(a, "*", b),
        Binary::Div => Expression::product(a, "/", b),
        Binary::Rem => call("rem"),
        Binary::Min => call("min"),
        Binary::Max => call("max"),
        Binary::Lt => Expression::comparison(a, "<", b),
        Binary::Le => Expression::comparison(a, "<=", b),
        Binary::Eq => Expression::comparison(a, "==", b),
        Binary::And if ty == Type::Mask => Expression::of_bits(a, "&&", b),
        Binary::Or if ty == Type::Mask => Expression::of_bits(a, "||", b),
        Binary::And => Expression::of_bits(a, "&", b),
        Binary::Or => Expression::of_bits(a, "|", b),
        Binary::Xor => Expression::of_bits(a, "^", b),
        Binary::Shl => Expression::before("(int)", &shifted("unsigned", a, b)),
        Binary::Shr => Expression::of_bits(a, ">>", b),
        Binary::Scale => call("scale"),
    }
}
