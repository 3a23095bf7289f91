//! An element of a value as an expression of what is in memory.

mod map;
mod reduce;
mod scattered;
mod view;

pub(super) use reduce::Reduction;
use view::as_index;

use super::element::{self, Env};
use super::window;
use crate::ir::{Arg, Binary, Body, Elem, Expr, Extent, Index, Local, LoopKind, Operand, Over, Role, Stmt};
use crate::plan::SlotId;
use arch_compiler::graph::{AxisId, DType, Function, Module, Size, ValueId};
use arch_compiler::ops::source::Literal;
use arch_compiler::ops::{Map, Op, View};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// From one element to the next along each axis.
pub(super) type Strides = Vec<(AxisId, i64)>;

/// Where a value is, as far as the kernel at hand is concerned.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In a buffer.
    Slot(SlotId, Elem, Strides),
    /// In a local array.
    Local(Local, Strides),
    /// In a local array that holds several steps of a scan: this step's part begins here.
    Step(Local, Strides, Index),
    /// What is written is added to what such an array has; it is never read.
    Sum(Local, Strides, Index),
    /// Already computed.
    Known(Operand),
    /// In the body of a scan: a value of the function around, at a position on one axis more.
    Outer(ValueId, Option<(AxisId, Index)>),
}

/// Values of one function: the whole one, which is the first frame, or the body of a scan.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub function: &'a Function,
    pub places: BTreeMap<ValueId, Place>,
}

/// Finds or makes the buffer of a tensor that is known at compile time.
pub(super) type Constants<'c> = dyn FnMut(&Arc<Literal>) -> SlotId + 'c;

/// Row-major strides.
pub(super) fn row_major(module: &Module, shape: &[AxisId]) -> Strides {
    let mut stride = 1;
    let mut strides: Strides = shape
        .iter()
        .rev()
        .map(|a| {
            let this = (*a, stride);
            stride *= module.size(*a, 1) as i64;
            this
        })
        .collect();
    strides.reverse();
    strides
}

/// The elements of a storage type.
pub(super) fn elem(dtype: DType) -> Elem {
    if dtype == DType::Int { Elem::I32 } else { Elem::F32 }
}

/// One kernel that is being built.
pub(super) struct Puller<'a, 'c> {
    pub module: &'a Module,
    pub body: Body,
    pub frames: Vec<Frame<'a>>,
    pub slots: Vec<SlotId>,
    constants: &'c mut Constants<'c>,
    /// Elements that have been pulled. Looked up, never gone through in order.
    memo: HashMap<(usize, ValueId, Env), Operand>,
}

impl<'a, 'c> Puller<'a, 'c> {
    pub(super) fn new(module: &'a Module, frame: Frame<'a>, constants: &'c mut Constants<'c>) -> Self {
        Puller {
            module,
            body: Body::new(),
            frames: vec![frame],
            slots: Vec::new(),
            constants,
            memo: HashMap::new(),
        }
    }

    /// The extent of a loop over an axis.
    pub(super) fn extent(&self, axis: AxisId) -> Extent {
        match self.module.axis(axis).size {
            Size::Fixed(n) => Extent::fixed(n as i64),
            Size::Batch => Extent { count: 1, batch: true },
        }
    }

    /// Opens a loop over an axis.
    pub(super) fn open(&mut self, kind: LoopKind, axis: AxisId) -> Index {
        let extent = self.extent(axis);
        let over = self.over(&[axis]);
        Index::var(self.body.open_over(kind, extent, over))
    }

    /// Some axes, as a loop over all their places says it.
    pub(super) fn over(&self, axes: &[AxisId]) -> Over {
        Over::Axes(axes.iter().map(|a| (a.0, self.module.axis(*a).name.clone())).collect())
    }

    /// Closes the innermost loop; what was pulled in it is forgotten.
    pub(super) fn close(&mut self) {
        let depth = self.body.depth();
        let body = &self.body;
        self.memo.retain(|_, operand| body.scope_of(*operand) < depth);
        self.body.close();
    }

    /// The argument for a buffer.
    pub(super) fn arg(&mut self, slot: SlotId, elem: Elem) -> u32 {
        if let Some(at) = self.slots.iter().position(|s| *s == slot) {
            return at as u32;
        }
        self.slots.push(slot);
        self.body.arg(Arg { elem, role: Role::Read })
    }

    /// Where an element lies.
    pub(super) fn address(env: &Env, strides: &Strides) -> Index {
        strides
            .iter()
            .fold(Index::default(), |sum, (axis, stride)| sum.plus(&element::position(env, *axis), *stride))
            .rejoined()
    }

    /// Writes an element.
    pub(super) fn store(&mut self, place: &Place, env: &Env, value: Operand) {
        match place {
            Place::Slot(slot, elem, strides) => {
                let arg = self.arg(*slot, *elem);
                let value = self.as_elem(value, *elem);
                self.body.push(Stmt::Store(arg, Self::address(env, strides), value));
            }
            Place::Local(local, strides) => {
                let value = self.body.to_float(value);
                self.body.push(Stmt::StoreLocal(*local, Self::address(env, strides), value));
            }
            Place::Step(local, strides, start) => {
                let value = self.body.to_float(value);
                let at = Self::address(env, strides).plus(start, 1);
                self.body.push(Stmt::StoreLocal(*local, at, value));
            }
            Place::Sum(local, strides, start) => {
                let value = self.body.to_float(value);
                let at = Self::address(env, strides).plus(start, 1);
                let before = self.body.bind_here(Expr::Local(*local, at.clone()));
                let sum = self.body.binary(Binary::Add, before, value);
                self.body.push(Stmt::StoreLocal(*local, at, sum));
            }
            Place::Known(_) | Place::Outer(..) => unreachable!("only memory is written"),
        }
    }

    fn as_elem(&mut self, value: Operand, elem: Elem) -> Operand {
        if elem == Elem::F32 { self.body.to_float(value) } else { self.whole(value) }
    }

    /// An element of a value.
    pub(super) fn pull(&mut self, frame: usize, value: ValueId, env: &Env) -> Operand {
        let function = self.frames[frame].function;
        let env = element::restrict(env, &function.value(value).shape);
        let key = (frame, value, env);
        if let Some(known) = self.memo.get(&key) {
            return *known;
        }
        let env = &key.2;
        let operand = match self.frames[frame].places.get(&value).cloned() {
            Some(Place::Slot(slot, elem, strides)) => {
                let arg = self.arg(slot, elem);
                self.body.bind(Expr::Load(arg, Self::address(env, &strides)))
            }
            Some(Place::Local(local, strides)) => {
                let loaded = self.body.bind(Expr::Local(local, Self::address(env, &strides)));
                self.as_elem(loaded, elem(function.value(value).storage))
            }
            Some(Place::Step(local, strides, start)) => {
                let at = Self::address(env, &strides).plus(&start, 1);
                let loaded = self.body.bind(Expr::Local(local, at));
                self.as_elem(loaded, elem(function.value(value).storage))
            }
            Some(Place::Known(operand)) => operand,
            Some(Place::Sum(..)) => unreachable!("a sum is not what was added"),
            Some(Place::Outer(outer, at)) => {
                let env = at.map_or_else(|| env.clone(), |at| element::with(env, &[at]));
                self.pull(0, outer, &env)
            }
            None => self.compute(frame, value, env),
        };
        self.memo.insert(key, operand);
        operand
    }

    fn compute(&mut self, frame: usize, value: ValueId, env: &Env) -> Operand {
        let function = self.frames[frame].function;
        let node = function.producer(value);
        match &node.op {
            Op::Constant(number) => Operand::float(*number as f32),
            Op::Iota(axis) => self.index_value(&element::position(env, *axis)),
            Op::Tensor(literal) => self.literal(literal, env),
            Op::Map(map) if !matches!(map, Map::Broadcast | Map::StopGradient) => {
                let inputs: Vec<Operand> = node.inputs.iter().map(|i| self.pull(frame, *i, env)).collect();
                self.map(*map, &inputs, function.value(value).storage)
            }
            Op::Gather { axis } => {
                let index = self.pull(frame, node.inputs[1], env);
                // Whoever fills the inputs checks them; a wrong index must still stay in the table.
                let last = self.module.size(*axis, 1) as i64 - 1;
                let at = as_index(index).clamped(0, last, &|_| None);
                self.pull(frame, node.inputs[0], &element::with(env, &[(*axis, at)]))
            }
            Op::Reduce(..) | Op::Contract(_) => {
                let reduction = Reduction::of(function, node);
                let short =
                    matches!(node.op, Op::Contract(_)) && window::is_short(self.module, &reduction.over);
                let result = match short {
                    true => self.written_out(frame, &reduction, env),
                    false => self.reduce(frame, &reduction, env, &[]),
                };
                self.as_elem(result, elem(function.value(value).storage))
            }
            Op::ScatterAdd { axis, .. } => self.scattered(frame, node, *axis, env),
            Op::View(View::Fold(_)) => self.fold(frame, node, env),
            Op::View(View::Concat { parts, into }) => self.concat(frame, node, parts, *into, env),
            _ => self.view(frame, node, env),
        }
    }

    fn literal(&mut self, literal: &Arc<Literal>, env: &Env) -> Operand {
        if literal.shape.is_empty() {
            let number = literal.data[0];
            return if literal.integer { Operand::Int(number as i32) } else { Operand::float(number as f32) };
        }
        let slot = (self.constants)(literal);
        let arg = self.arg(slot, if literal.integer { Elem::I32 } else { Elem::F32 });
        let strides = row_major(self.module, &literal.shape);
        self.body.bind(Expr::Load(arg, Self::address(env, &strides)))
    }
}
