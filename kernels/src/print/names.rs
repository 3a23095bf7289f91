//! Names and numbers in C and CUDA.

use crate::ir::{Atom, Extent, Index, IndexVar, Kernel, LoopKind, Math, Operand, Over, Scalar, Stmt};
use arch_compiler::graph::AxisId;
use std::collections::BTreeMap;

/// What loops over axes are called, in the order in which they come up: axes have the same letters in every kernel, so
/// that its text does not depend on what a program calls them. Left out are letters with another meaning: `a`, `m`, `r`
/// and `x` stand before the numbers of arguments, arrays, sums and values, `b` is the batch, `l` a lane, `p` a piece, and
/// the tiles of a product have `x` and `y`.
const LETTERS: [&str; 16] = ["i", "j", "k", "n", "s", "t", "u", "v", "w", "q", "c", "d", "e", "f", "g", "h"];

/// The names of the loops' variables, told apart where one loop stands in another.
#[derive(Default)]
pub(super) struct Names {
    vars: BTreeMap<IndexVar, String>,
    /// What stands for which axes, and what these are called in the text.
    letters: Vec<(Vec<u32>, String, String)>,
    /// Whether loaded integers must become wider before they are multiplied.
    pub wide: bool,
    /// Whether variables must, too.
    pub wide_vars: bool,
    /// Whether an index has no more brackets than it needs.
    pub tight: bool,
}

impl Names {
    /// The names in a kernel.
    pub(super) fn new(kernel: &Kernel) -> Self {
        let mut names = Names::default();
        names.visit(&kernel.body, &kernel.axes, &mut Vec::new());
        names
    }

    /// Parallel loops are one level whose names hold in everything that follows.
    fn visit(&mut self, stmts: &[Stmt], axes: &[Over], around: &mut Vec<String>) {
        for stmt in stmts {
            let Stmt::Loop(l) = stmt else { continue };
            let plain = match axes.get(l.var.0 as usize) {
                None | Some(Over::Nothing) => format!("i{}", l.var.0),
                Some(Over::Part(part)) => (*part).to_string(),
                Some(Over::Axes(axes)) => self.letter(axes),
            };
            let name = distinct(&plain, around);
            around.push(name.clone());
            self.vars.insert(l.var, name);
            self.visit(&l.body, axes, around);
            if !matches!(l.kind, LoopKind::Parallel | LoopKind::ParallelLanes) {
                around.pop();
            }
        }
    }

    fn letter(&mut self, axes: &[(u32, String)]) -> String {
        let ids: Vec<u32> = axes.iter().map(|(id, _)| *id).collect();
        if ids == [AxisId::BATCH.0] {
            return "b".to_string();
        }
        if let Some((_, letter, _)) = self.letters.iter().find(|known| known.0 == ids) {
            return letter.clone();
        }
        let at = self.letters.len();
        let letter = match LETTERS.get(at) {
            Some(letter) => (*letter).to_string(),
            None => format!("axis_{at}"),
        };
        let names: Vec<&str> = axes.iter().map(|(_, name)| name.as_str()).collect();
        let meaning = if names.len() == 1 { names[0].to_string() } else { format!("({})", names.join(", ")) };
        self.letters.push((ids, letter.clone(), meaning));
        letter
    }

    /// Which axis each letter stands for, as a line for readers; `None` if there are none.
    pub(super) fn legend(&self) -> Option<String> {
        let all: Vec<String> =
            self.letters.iter().map(|(_, letter, of)| format!("{letter} in {of}")).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    pub(super) fn var(&self, v: IndexVar) -> String {
        self.vars.get(&v).cloned().unwrap_or_else(|| format!("i{}", v.0))
    }

    pub(super) fn index(&self, index: &Index, lane: Option<&Lane<'_>>) -> String {
        index_text(self, index, lane)
    }
}

fn distinct(name: &str, around: &[String]) -> String {
    let mut wanted = name.to_string();
    let mut number = 1;
    while around.contains(&wanted) {
        number += 1;
        wanted = format!("{name}_{number}");
    }
    wanted
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

fn bracketed(names: &Names, text: String) -> String {
    if names.tight && !text.contains(' ') { text } else { format!("({text})") }
}

fn index_text(names: &Names, index: &Index, lane: Option<&Lane<'_>>) -> String {
    let inner_text = |inner: &Index| index_text(names, inner, lane);
    let mut text = String::new();
    for (atom, scale) in &index.terms {
        let atom = match atom {
            Atom::Var(v) => match lane {
                Some(l) if l.var == *v => format!("({} + l)", names.var(*v)),
                _ if names.wide_vars => format!("(long long){}", names.var(*v)),
                _ => names.var(*v),
            },
            Atom::Data(s) => match lane {
                Some(l) if (l.varies)(*s) => format!("{}[l]", scalar(*s)),
                _ if names.wide => format!("(long long){}", scalar(*s)),
                _ => scalar(*s),
            },
            Atom::Div(inner, by) => format!("{} / {by}", bracketed(names, inner_text(inner))),
            Atom::Mod(inner, by) => format!("{} % {by}", bracketed(names, inner_text(inner))),
            Atom::Clamp(inner, low, high) => format!("clamp({}, {low}, {high})", inner_text(inner)),
        };
        let sign = match (text.is_empty(), *scale < 0) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        let product = match scale.abs() {
            1 => atom,
            // Quotients and remainders bind like products, from the left.
            n if atom.contains(' ') && !atom.starts_with("clamp") && !names.tight => {
                format!("({atom}) * {n}")
            }
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
