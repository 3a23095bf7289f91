//! What an expression stands for while it is checked.

use super::block::TemplateId;
use super::source::ItemRef;
use crate::graph::{AxisId, DType, ValueId};
use arch_grammar::{Span, ast};
use std::rc::Rc;

/// How an axis came to be on a value; shown when the axis should not be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where.
    pub span: Span,
    /// How: `` `k` was renamed ``.
    pub how: Rc<str>,
}

/// A tensor under construction.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Which function of the stack it belongs to: 0 for the function itself, 1 for the body of a scan.
    pub level: usize,
    /// The value in that function.
    pub value: ValueId,
    /// Its axes in the order that the language gives them, without the batch, and how each came in.
    pub axes: Vec<(AxisId, Entry)>,
    /// The type of its elements.
    pub dtype: DType,
    /// The axes that it does not have any more, the last that went first.
    pub gone: Rc<[Departure]>,
}

/// How a value came to lack an axis; shown where the axis is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Departure {
    /// Which.
    pub axis: AxisId,
    /// Where.
    pub span: Span,
    /// How.
    pub way: Way,
}

/// The way of an axis out of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// Summed over, or reduced otherwise.
    Reduced,
    /// It has another name since.
    Renamed(AxisId),
    /// Its positions are in another order since.
    Permuted(AxisId),
    /// It is a part of another, with these.
    Flattened(Rc<[AxisId]>, AxisId),
    /// It was taken apart.
    Unflattened(Rc<[AxisId]>),
    /// It is one of several in a row.
    Joined(AxisId),
    /// It is shorter or longer since, as another.
    Resized(AxisId),
    /// One position of it was taken, or a row for each of other positions.
    Indexed,
    /// What is called takes it.
    Taken(Rc<str>),
    /// Otherwise.
    Ended,
}

/// A value remembers no more axes than this that it lost.
const MOST_DEPARTURES: usize = 12;

impl Tensor {
    /// Whether it has an axis.
    pub fn has(&self, axis: AxisId) -> bool {
        self.axes.iter().any(|(a, _)| *a == axis)
    }

    /// Where an axis went that it does not have any more.
    pub fn departure(&self, axis: AxisId) -> Option<&Departure> {
        self.gone.iter().find(|d| d.axis == axis)
    }

    /// The departures of several values that make one, with those that making it adds.
    pub fn departures(new: Vec<Departure>, inputs: &[&Tensor]) -> Rc<[Departure]> {
        if new.is_empty() && inputs.iter().all(|t| t.gone.is_empty()) {
            return Rc::default();
        }
        let mut all = new;
        for d in inputs.iter().flat_map(|t| t.gone.iter()) {
            if !all.iter().any(|known| known.axis == d.axis) {
                all.push(d.clone());
            }
        }
        all.truncate(MOST_DEPARTURES);
        all.into()
    }

    /// Its axes without how they came in.
    pub fn ids(&self) -> Vec<AxisId> {
        self.axes.iter().map(|(a, _)| *a).collect()
    }
}

/// Where a number came from: the equation that a message shows and the place.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// `D`, or empty for a number without a name.
    pub name: String,
    /// `from preset B (models/dit.arch:8)`.
    pub from: String,
}

/// A number known at compile time.
#[derive(Clone, Debug)]
pub struct Number {
    /// The value.
    pub value: Scalar,
    /// Where it came from, if that is worth saying.
    pub origin: Option<Rc<Origin>>,
}

/// An integer or a float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

impl Scalar {
    /// As a float.
    pub fn float(self) -> f64 {
        match self {
            Scalar::Int(i) => i as f64,
            Scalar::Float(f) => f,
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Int(i) => write!(f, "{i}"),
            Scalar::Float(x) => write!(f, "{x}"),
        }
    }
}

/// A layer: a checked block with the axes that it was declared with and its name.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The block with its sizes and config.
    pub template: TemplateId,
    /// For each axis parameter: the block's own axis, the axis of the block that declares the layer, and the
    /// axis that calls use for it: another identity where one axis was given for two parameters.
    pub axes: Vec<(AxisId, AxisId, AxisId)>,
    /// `attn` or `blocks.0`: its path below the block that declares it; empty steps are left out.
    pub path: String,
    /// Parameters that a public checkpoint stores under other sizes.
    pub stored: Vec<(String, Vec<usize>)>,
    /// Where it is declared.
    pub declared: Span,
}

/// What a name that is called stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Callee {
    /// An operation of the language.
    Builtin(&'static str),
    /// A `fn`.
    Function(ItemRef),
    /// A block or model: calling it declares a layer.
    Block(ItemRef),
}

/// An expression with the scope that it was written in, evaluated where its shape is known.
#[derive(Clone, Debug)]
pub struct Initialiser {
    /// The expression.
    pub expr: Rc<ast::Expr>,
    /// The block-level scope that it was written in.
    pub scope: Rc<super::scope::Scope>,
    /// Text that is equal for equal initialisers: part of the key under which blocks are shared.
    pub key: String,
}

/// The value of an expression.
#[derive(Clone, Debug)]
pub enum Val {
    /// A tensor.
    Tensor(Tensor),
    /// A number known at compile time.
    Number(Number),
    /// A truth value known at compile time.
    Bool(bool),
    /// A string.
    Str(Rc<str>),
    /// `none`.
    None,
    /// A choice of a `one of { … }`.
    Word(Rc<str>),
    /// An axis.
    Axis(AxisId),
    /// Several axes: an axis list, or `(C, P, Q)` where axes are meant.
    Axes(Vec<AxisId>),
    /// Something to call.
    Callee(Callee),
    /// A layer.
    Layer(Box<Layer>),
    /// Several values in a row: layers of `repeat`, what a loop collected, `[1, 2, 4]`.
    List(Rc<Vec<Val>>),
    /// Several values to take apart.
    Tuple(Rc<Vec<Val>>),
    /// An initialiser.
    Init(Initialiser),
    /// A position of a scan, plus a number.
    Position(i64),
    /// A layer or input that this configuration does not have; the text says why.
    Absent(Rc<str>),
    /// Something went wrong and was reported.
    Error,
}

impl Val {
    /// A number without a history.
    pub fn int(value: i64) -> Val {
        Val::Number(Number { value: Scalar::Int(value), origin: None })
    }

    /// What a message calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Val::Tensor(_) => "a tensor",
            Val::Number(_) => "a number",
            Val::Bool(_) => "a truth value",
            Val::Str(_) => "a string",
            Val::None => "none",
            Val::Word(_) => "a choice",
            Val::Axis(_) => "an axis",
            Val::Axes(_) => "a list of axes",
            Val::Callee(Callee::Block(_)) => "a block",
            Val::Callee(_) => "a function",
            Val::Layer(_) => "a layer",
            Val::List(_) => "a list",
            Val::Tuple(_) => "a tuple",
            Val::Init(_) => "an initialiser",
            Val::Position(_) => "a position of the scan",
            Val::Absent(_) => "absent",
            Val::Error => "an error",
        }
    }
}
