//! Names and numbers in C.

use crate::ir::{Atom, Extent, Index, IndexVar, Math, Operand, Scalar};

pub(super) fn var(v: IndexVar) -> String {
    format!("i{}", v.0)
}

pub(super) fn scalar(s: Scalar) -> String {
    format!("x{}", s.0)
}

pub(super) fn extent(e: Extent) -> String {
    match (e.batch, e.count) {
        (false, n) => n.to_string(),
        (true, 1) => "batch".into(),
        (true, n) => format!("batch * {n}"),
    }
}

/// A float so that C reads back the same bits.
pub(super) fn float(bits: u32) -> String {
    let value = f32::from_bits(bits);
    if value.is_nan() {
        "__builtin_nanf(\"\")".into()
    } else if value.is_infinite() {
        if value > 0.0 { "__builtin_inff()".into() } else { "(-__builtin_inff())".into() }
    } else {
        let text = format!("{value:?}f");
        if text.starts_with('-') { format!("({text})") } else { text }
    }
}

pub(super) fn number(operand: Operand) -> String {
    match operand {
        Operand::Scalar(s) => scalar(s),
        Operand::Float(bits) => float(bits),
        Operand::Int(i32::MIN) => "INT32_MIN".into(),
        Operand::Int(n) if n < 0 => format!("({n})"),
        Operand::Int(n) => n.to_string(),
    }
}

pub(super) fn math(function: Math) -> &'static str {
    match function {
        Math::Exp => "exp",
        Math::Log => "log",
        Math::Sin => "sin",
        Math::Cos => "cos",
        Math::Tanh => "tanh",
        Math::Erf => "erf",
        Math::Sigmoid => "sigmoid",
        Math::Softplus => "softplus",
        Math::Pow => "pow",
    }
}

/// How the lanes of one vector are told apart in an index: which variable counts lanes, and which loaded
/// integers are vectors. `None`: the place of the first lane.
pub(super) struct Lane<'a> {
    pub var: IndexVar,
    pub varies: &'a dyn Fn(Scalar) -> bool,
}

pub(super) fn index(index: &Index, lane: Option<&Lane<'_>>) -> String {
    let mut text = String::new();
    for (atom, scale) in &index.terms {
        let atom = match atom {
            Atom::Var(v) => match lane {
                Some(l) if l.var == *v => format!("({} + l)", var(*v)),
                _ => var(*v),
            },
            Atom::Data(s) => match lane {
                Some(l) if (l.varies)(*s) => format!("{}[l]", scalar(*s)),
                _ => scalar(*s),
            },
            Atom::Div(inner, by) => format!("({}) / {by}", self::index(inner, lane)),
            Atom::Mod(inner, by) => format!("({}) % {by}", self::index(inner, lane)),
            Atom::Clamp(inner, low, high) => format!("clamp({}, {low}, {high})", self::index(inner, lane)),
        };
        let sign = match (text.is_empty(), *scale < 0) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        let product = match scale.abs() {
            1 => atom,
            n if atom.contains(' ') && !atom.starts_with("clamp") => format!("({atom}) * {n}"),
            n => format!("{atom} * {n}"),
        };
        text = format!("{text}{sign}{product}");
    }
    match (text.is_empty(), index.constant) {
        (true, n) => n.to_string(),
        (false, 0) => text,
        (false, n) if n < 0 => format!("{text} - {}", -n),
        (false, n) => format!("{text} + {n}"),
    }
}
