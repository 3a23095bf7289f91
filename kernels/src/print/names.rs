//! Names and numbers in C and CUDA.

use super::called::Called;
use super::expression::{Binds, Expression};
use crate::ir::math::Definition;
use crate::ir::{Atom, Extent, Index, IndexVar, Kernel, Local, LoopKind, Math, Over, Scalar, Stmt};
use arch_compiler::graph::AxisId;
use std::collections::{BTreeMap, BTreeSet};

/// What loops over axes are called, in the order in which they come up: axes have the same letters in every kernel, so
/// that its text does not depend on what a program calls them. Left out are letters with another meaning: `a` and `x` stand
/// before the numbers of arguments and of what is read of them, `b` is the batch, `l` a lane, `p` a piece, and the tiles of
/// a product have `x` and `y`.
const LETTERS: [&str; 16] = ["i", "j", "k", "n", "s", "t", "u", "v", "w", "q", "c", "d", "e", "f", "g", "h"];

/// The names of the loops' variables, told apart where one loop stands in another.
#[derive(Default)]
pub(super) struct Names {
    vars: BTreeMap<IndexVar, String>,
    /// What stands for which axes, and what these are called in the text.
    letters: Vec<(Vec<u32>, String, String)>,
    called: Called,
    /// Whether loaded integers must become wider before they are multiplied.
    pub wide: bool,
    /// Whether variables must, too.
    pub wide_vars: bool,
    /// Variables that have one value here, the first.
    pub first: BTreeSet<IndexVar>,
    /// Where loops end that stop early, and what that is called here.
    ends: Vec<(Index, String)>,
}

impl Names {
    /// The names in a kernel.
    pub(super) fn new(kernel: &Kernel) -> Self {
        let mut names = Names { called: Called::of(kernel), ..Names::default() };
        names.visit(&kernel.body, &kernel.axes, &mut Vec::new());
        names
    }

    /// The names in a function of the language.
    pub(super) fn of_function(definition: &Definition) -> Self {
        Names { called: Called::of_function(definition), ..Names::default() }
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

    pub(super) fn scalar(&self, s: Scalar) -> &str {
        self.called.scalar(s)
    }

    /// The same, where it is bound.
    pub(super) fn give(&mut self, s: Scalar) -> String {
        self.called.give(s).to_string()
    }

    pub(super) fn local(&self, local: Local) -> String {
        self.called.local(local)
    }

    /// Where the loops among statements end that stop early, if that has no name yet: the name, and the number.
    pub(super) fn ends(&mut self, stmts: &[Stmt]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for stmt in stmts {
            let Stmt::Loop(l) = stmt else { continue };
            let Some(stop) = &l.stop else { continue };
            let is_long = stop.terms.iter().any(|(atom, _)| matches!(atom, Atom::Clamp(..)));
            let is_plain = stop.terms.len() == 1 && stop.constant == 0 && stop.data().is_empty();
            if is_long && is_plain && !self.ends.iter().any(|(known, _)| known == stop) {
                let taken: Vec<String> = self.ends.iter().map(|end| end.1.clone()).collect();
                let name = distinct(&format!("{}_end", self.var(l.var)), &taken);
                found.push((name.clone(), self.index(stop, None)));
                self.ends.push((stop.clone(), name));
            }
        }
        found
    }

    /// The last so many names of ends are not known any more.
    pub(super) fn forget_ends(&mut self, count: usize) {
        self.ends.truncate(self.ends.len() - count);
    }

    /// A place as a value.
    pub(super) fn place(&self, index: &Index) -> Expression {
        let text = self.index(index, None);
        let is_one = index.constant == 0 && matches!(index.terms.as_slice(), [(Atom::Clamp(..), 1)]);
        if is_one || !text.contains(' ') {
            Expression::number(text)
        } else {
            Expression::new(Binds::LikeSums, text)
        }
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
        if value > 0.0 { "__builtin_inff()".into() } else { "-__builtin_inff()".into() }
    } else {
        format!("{value:?}f")
    }
}

/// An integer so that C reads it back.
pub(super) fn integer(n: i32) -> String {
    match n {
        i32::MIN => "INT32_MIN".into(),
        n => n.to_string(),
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

fn index_text(names: &Names, index: &Index, lane: Option<&Lane<'_>>) -> String {
    let inner_text = |inner: &Index| {
        let text = index_text(names, inner, lane);
        if text.contains(' ') { format!("({text})") } else { text }
    };
    let mut text = String::new();
    // What is subtracted does not come first where something is added.
    let is_lane = |atom: &Atom| lane.is_some_and(|l| *atom == Atom::Var(l.var));
    let is_there = |atom: &Atom| match atom {
        Atom::Var(v) => is_lane(atom) || !names.first.contains(v),
        _ => true,
    };
    let mut terms: Vec<_> = index.terms.iter().filter(|term| is_there(&term.0)).collect();
    if terms.first().is_some_and(|first| first.1 < 0) {
        terms.sort_by_key(|term| term.1 < 0);
    }
    for (atom, scale) in terms {
        let atom = match atom {
            Atom::Var(v) => match (lane, names.first.contains(v)) {
                (_, true) => "l".into(),
                (Some(l), false) if l.var == *v => format!("({} + l)", names.var(*v)),
                _ if names.wide_vars => format!("(long long){}", names.var(*v)),
                _ => names.var(*v),
            },
            Atom::Data(s) => match lane {
                Some(l) if (l.varies)(*s) => format!("{}[l]", names.scalar(*s)),
                _ if names.wide => format!("(long long){}", names.scalar(*s)),
                _ => names.scalar(*s).to_string(),
            },
            Atom::Div(inner, by) => format!("{} / {by}", inner_text(inner)),
            Atom::Mod(inner, by) => format!("{} % {by}", inner_text(inner)),
            Atom::Clamp(inner, low, high) => {
                let end = names.ends.iter().find(|(end, _)| end.terms[0] == (atom.clone(), 1));
                match end {
                    Some((_, name)) => name.clone(),
                    None => format!("clamp({}, {low}, {high})", index_text(names, inner, lane)),
                }
            }
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
