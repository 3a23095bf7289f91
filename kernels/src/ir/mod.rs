//! What a kernel is: typed arguments, and loop nests over index spaces.
//!
//! # Rules
//! - Scalars are let-bound once and never change; what changes is an accumulator, a local array or an
//!   argument that the kernel writes.
//! - How a loop maps to the machine stands at the loop ([`LoopKind`]); a printer decides nothing.
//! - Parallel loops stand outermost, one in another. The function runs iterations `begin..end` of their
//!   product, so whoever calls it decides about threads, and no result depends on that.
//! - Within a vector loop everything that depends on its variable is a vector; the rest stays scalar.
//! - Every index is within bounds for every iteration: guarded reads clamp their index and select. Only what is
//!   fetched for later ([`Stmt::Fetch`]) may lie outside: nothing is read of it.

mod build;
mod collapse;
mod evaluate;
mod flops;
mod index;
pub mod math;
mod single;
mod unread;

pub use build::Body;
pub use collapse::collapse;
pub(crate) use collapse::each_index;
pub use evaluate::{Buffers, Evaluator};
pub use index::{Atom, Index};
pub use single::without_single;
pub use unread::without_unread;

/// The variable of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexVar(pub u32);

/// A let-bound value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar(pub u32);

/// A local array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local(pub u32);

/// An accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acc(pub u32);

/// The type of the elements of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elem {
    /// 32-bit float; also truth values, as 0 and 1.
    F32,
    /// 32-bit integer.
    I32,
}

/// The type of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// 32-bit float.
    F32,
    /// 32-bit integer.
    I32,
    /// The outcome of a comparison.
    Mask,
}

/// What a kernel does with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Only reads.
    Read,
    /// Only writes.
    Write,
    /// Reads and writes.
    Update,
}

/// A buffer argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arg {
    /// Its elements.
    pub elem: Elem,
    /// Its use.
    pub role: Role,
}

/// How often a loop runs: `count`, or `count` times the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The fixed factor.
    pub count: i64,
    /// Whether the batch is a factor.
    pub batch: bool,
}

impl Extent {
    /// A fixed number of times.
    #[must_use]
    pub fn fixed(count: i64) -> Self {
        Extent { count, batch: false }
    }

    /// The number, if the batch is not a factor.
    #[must_use]
    pub fn known(self) -> Option<i64> {
        (!self.batch).then_some(self.count)
    }

    /// The number, given the batch.
    #[must_use]
    pub fn at(self, batch: usize) -> i64 {
        if self.batch { self.count * batch as i64 } else { self.count }
    }
}

/// How a loop maps to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoopKind {
    /// Iterations are independent and shared out among threads.
    Parallel,
    /// The same, and neighbouring iterations are the lanes of vectors.
    ParallelLanes,
    /// Neighbouring iterations are the lanes of vectors.
    Vector,
    /// One after the other.
    Sequential,
    /// One after the other, written out.
    Unrolled,
    /// One after the other: the terms of a matrix product, whose rows and columns are the two parallel loops around
    /// it. On a GPU a block computes a tile of these together, and loads what they share once.
    Terms,
}

/// An operand: a let-bound value or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// A let-bound value.
    Scalar(Scalar),
    /// The bits of a float.
    Float(u32),
    /// An integer.
    Int(i32),
}

impl Operand {
    /// A float.
    #[must_use]
    pub fn float(value: f32) -> Self {
        Operand::Float(value.to_bits())
    }
}

/// Operations on one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Unary {
    Neg,
    Abs,
    Floor,
    /// To the nearest integer, ties to even; below 2^22 in magnitude.
    Rint,
    Sqrt,
    /// Of a mask.
    Not,
    /// Integer to float.
    ToFloat,
    /// Float with an integer value to integer.
    ToInt,
    /// The bits of a float as an integer.
    Bits,
    /// The float with these bits.
    FromBits,
    /// `2^(k/16)` for the last four bits `k` of an integer, by a table of sixteen numbers.
    Sixteenth,
}

/// Operations on two operands of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    /// With the sign of the divisor.
    Rem,
    Min,
    Max,
    /// Comparisons give masks.
    Lt,
    Le,
    Eq,
    /// Of masks, or of the bits of integers.
    And,
    Or,
    /// Of the bits of integers.
    Xor,
    /// Integer shifted left by a number.
    Shl,
    /// Integer shifted right by a number, keeping its sign.
    Shr,
    /// `a * 2^b` for the largest whole number in a float `b`, right down to the smallest numbers and up to infinity;
    /// where there is no table of sixteenths, only for whole `b`.
    Scale,
}

/// The functions that are made of the operations above: see [`math`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Math {
    Exp,
    Log,
    Sin,
    Cos,
    Tanh,
    Erf,
    Sigmoid,
    Softplus,
    Pow,
}

/// What a let binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// An element of an argument.
    Load(u32, Index),
    /// An element of a local array.
    Local(Local, Index),
    /// What an accumulator holds after its loops.
    Acc(Acc),
    /// An index as an integer value.
    Index(Index),
    /// An operation.
    Unary(Unary, Operand),
    /// An operation.
    Binary(Binary, Operand, Operand),
    /// The second operand where the mask (first) holds, else the third.
    Select(Operand, Operand, Operand),
    /// A function.
    Math(Math, Vec<Operand>),
}

/// How accumulators and reductions join two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Join {
    Sum,
    Product,
    Max,
    Min,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    /// A loop.
    Loop(Box<Loop>),
    /// Binds a scalar.
    Let(Scalar, Expr),
    /// Writes an element of an argument.
    Store(u32, Index, Operand),
    /// Declares a local array of floats or integers.
    Array(Local, Elem, i64),
    /// Writes an element of a local array.
    StoreLocal(Local, Index, Operand),
    /// Declares an accumulator; it starts at its neutral element.
    Acc(Acc, Join),
    /// Adds to an accumulator.
    Accumulate(Acc, Operand),
    /// An element of an argument that a later iteration reads or writes should be on its way to the core. Computes
    /// nothing.
    Fetch(u32, Index),
}

/// A loop from 0 to below its extent.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// How it maps to the machine.
    pub kind: LoopKind,
    /// Its variable.
    pub var: IndexVar,
    /// How often it runs at most.
    pub extent: Extent,
    /// How often it runs where that differs: the last chunk of a long loop may be short.
    pub stop: Option<Index>,
    /// What it runs.
    pub body: Vec<Stmt>,
}

impl Loop {
    /// Whether the terms of a matrix product are in it, or it is their loop.
    #[must_use]
    pub fn multiplies(&self) -> bool {
        self.kind == LoopKind::Terms || self.body.iter().any(|s| matches!(s, Stmt::Loop(l) if l.multiplies()))
    }
}

/// What a loop runs over, for readers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// Nothing that has a name.
    #[default]
    Nothing,
    /// Something of the kernel's own: blocks, rows of a tile.
    Part(&'static str),
    /// Axes of the text, each with its number there and its name.
    Axes(Vec<(u32, String)>),
}

/// A kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Family, operations and content: `map_add_mul_8f3a21`.
    pub name: String,
    /// What kind of kernel it is: `map`, `row`, `scan`.
    pub family: String,
    /// The source lines that it was made for.
    pub origins: Vec<String>,
    /// By loop variable: what it runs over, for readers. What a kernel computes does not depend on it.
    pub axes: Vec<Over>,
    /// By argument: the shape of the buffer that it was first called with, for readers.
    pub shapes: Vec<String>,
    /// By argument: the inputs, parameters and results that it is called with, for readers; none for what has no name.
    pub values: Vec<Vec<String>>,
    /// The buffers, in the order of the arguments.
    pub args: Vec<Arg>,
    /// The types of all scalars.
    pub scalars: Vec<Type>,
    /// The joins of all accumulators.
    pub accs: Vec<Join>,
    /// The statements.
    pub body: Vec<Stmt>,
}

impl Kernel {
    /// The extents of the parallel loops, outermost first.
    #[must_use]
    pub fn parallel(&self) -> Vec<(LoopKind, Extent)> {
        let mut found = Vec::new();
        let mut body = &self.body;
        while let Some(next) = body.iter().find_map(|s| match s {
            Stmt::Loop(l) if matches!(l.kind, LoopKind::Parallel | LoopKind::ParallelLanes) => Some(l),
            _ => None,
        }) {
            found.push((next.kind, next.extent));
            body = &next.body;
        }
        found
    }

    /// The same kernel without what is only there for readers: its name, where it comes from, names of axes.
    #[must_use]
    pub fn bare(&self) -> Kernel {
        let mut bare = self.clone();
        bare.name = "kernel".into();
        bare.origins.clear();
        bare.axes.clear();
        bare.shapes.clear();
        bare.values.clear();
        bare
    }

    /// How many independent pieces the kernel has for a batch, on vectors of `lanes`.
    #[must_use]
    pub fn pieces(&self, batch: usize, lanes: usize) -> usize {
        self.parallel()
            .iter()
            .map(|(kind, extent)| match kind {
                LoopKind::ParallelLanes => (extent.at(batch) as usize).div_ceil(lanes),
                _ => extent.at(batch) as usize,
            })
            .product()
    }
}
