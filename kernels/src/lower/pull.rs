//! An element of a value as an expression of what is in memory.

use super::element::{self, Env, Origin};
use crate::ir::{
    Arg, Atom, Binary, Body, Elem, Expr, Extent, Index, Join, Local, LoopKind, Math, Operand, Role, Stmt,
    Type, Unary,
};
use crate::plan::SlotId;
use arch_compiler::graph::{AxisId, DType, Function, Module, Node, Size, ValueId};
use arch_compiler::ops::source::Literal;
use arch_compiler::ops::{Map, Op, Reduce, View};
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
    /// Already computed.
    Known(Operand),
    /// It is another function's value, at a position on one axis more.
    Outer(ValueId, Option<(AxisId, Index)>),
}

/// Values of one function: the whole one, or the body of a scan.
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
        Index::var(self.body.open(kind, extent))
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
            Some(Place::Known(operand)) => operand,
            Some(Place::Outer(outer, at)) => {
                let env = at.map_or_else(|| env.clone(), |at| element::with(env, &[at]));
                self.pull(frame - 1, outer, &env)
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
                let result = self.reduce(frame, &reduction, env, &[]);
                self.as_elem(result, elem(function.value(value).storage))
            }
            Op::View(View::Fold { .. }) => self.fold(frame, node, env),
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

    fn view(&mut self, frame: usize, node: &Node, env: &Env) -> Operand {
        let body = &self.body;
        let origin = element::origin(self.module, &node.op, env, &|v| body.extent(v));
        match origin.expect("a view with one input") {
            Origin::At(env) => self.pull(frame, node.inputs[0], &env),
            Origin::Guarded(env, place, inside, fill) => {
                let value = self.pull(frame, node.inputs[0], &env);
                let (place, inside) = (self.index_value(&place), self.index_value(&inside));
                let within = self.body.binary(Binary::Eq, place, inside);
                let (value, fill) = match self.body.ty(value) {
                    Type::I32 => (value, Operand::Int(fill as i32)),
                    _ => (self.body.to_float(value), Operand::float(fill as f32)),
                };
                self.body.bind(Expr::Select(within, value, fill))
            }
            Origin::Table(env, axis, at, order) => {
                let data = order.iter().map(|o| f64::from(*o)).collect();
                let table = Arc::new(Literal { shape: vec![axis], data, integer: true });
                let slot = (self.constants)(&table);
                let arg = self.arg(slot, Elem::I32);
                let from = self.body.bind(Expr::Load(arg, at));
                let env = element::with(&env, &[(axis, as_index(from))]);
                self.pull(frame, node.inputs[0], &env)
            }
        }
    }

    fn index_value(&mut self, index: &Index) -> Operand {
        if index.terms.is_empty() {
            return Operand::Int(index.constant as i32);
        }
        self.body.bind(Expr::Index(index.clone()))
    }

    /// Every window that an element lies in, added up.
    fn fold(&mut self, frame: usize, node: &Node, env: &Env) -> Operand {
        let Op::View(View::Fold { axis, to, offset, stride, dilation, left }) = &node.op else {
            unreachable!("a fold")
        };
        let size = |a: AxisId| self.module.size(a, 1) as i64;
        let (windows, places) = (size(*to), size(*offset));
        let (stride, dilation) = (*stride as i64, *dilation as i64);
        let acc = self.body.acc(Join::Sum);
        let k = self.open(LoopKind::Sequential, *offset);
        // Moved up by whole strides, so that it is never negative.
        let up = ((places - 1) * dilation).div_euclid(stride) + 1;
        let place = element::position(env, *axis).plus(&k, -dilation).offset(*left as i64 + up * stride);
        let (window, rest) = {
            let body = &self.body;
            let extent = |v| body.extent(v);
            (place.div(stride, &extent).offset(-up), place.modulo(stride, &extent))
        };
        let inside = {
            let body = &self.body;
            window.clamped(0, windows - 1, &|v| body.extent(v))
        };
        let value =
            self.pull(frame, node.inputs[0], &element::with(env, &[(*to, inside.clone()), (*offset, k)]));
        let mut value = self.body.to_float(value);
        for (is, wanted) in [(window, inside), (rest, Index::default())] {
            let (is, wanted) = (self.index_value(&is), self.index_value(&wanted));
            let within = self.body.binary(Binary::Eq, is, wanted);
            value = self.body.bind(Expr::Select(within, value, Operand::float(0.0)));
        }
        self.body.push(Stmt::Accumulate(acc, value));
        self.close();
        self.body.bind_here(Expr::Acc(acc))
    }

    /// The part that a position lies in, by comparisons.
    fn concat(
        &mut self,
        frame: usize,
        node: &Node,
        parts: &[Option<AxisId>],
        into: AxisId,
        env: &Env,
    ) -> Operand {
        let at = element::position(env, into);
        let mut start = 0;
        let mut values = Vec::new();
        for (part, input) in parts.iter().zip(&node.inputs) {
            let size = part.map_or(1, |a| self.module.size(a, 1) as i64);
            let place = at.offset(-start);
            let inside = {
                let body = &self.body;
                place.clamped(0, size - 1, &|v| body.extent(v))
            };
            let env = part.map_or_else(|| env.clone(), |a| element::with(env, &[(a, inside)]));
            let value = self.pull(frame, *input, &env);
            start += size;
            values.push((start, value));
        }
        let integer = values.iter().all(|(_, v)| self.body.ty(*v) == Type::I32);
        let wanted = if integer { Elem::I32 } else { Elem::F32 };
        let at = self.index_value(&at);
        let (_, last) = values.pop().expect("a concatenation has parts");
        let mut result = self.as_elem(last, wanted);
        for (end, value) in values.into_iter().rev() {
            let value = self.as_elem(value, wanted);
            let before = self.body.binary(Binary::Lt, at, Operand::Int(end as i32));
            result = self.body.bind(Expr::Select(before, value, result));
        }
        result
    }

    /// A reduction here and now, over loops of these kinds (sequential where none is given).
    pub(super) fn reduce(
        &mut self,
        frame: usize,
        reduction: &Reduction,
        env: &Env,
        kinds: &[LoopKind],
    ) -> Operand {
        let acc = self.body.acc(reduction.join);
        let mut env = env.clone();
        for (i, axis) in reduction.over.iter().enumerate() {
            let kind = kinds.get(i).copied().unwrap_or(LoopKind::Sequential);
            let var = self.open(kind, *axis);
            env = element::with(&env, &[(*axis, var)]);
        }
        let value = self.reduced(frame, reduction, &env);
        self.body.push(Stmt::Accumulate(acc, value));
        for _ in &reduction.over {
            self.close();
        }
        self.body.bind_here(Expr::Acc(acc))
    }

    /// The element that a reduction joins.
    pub(super) fn reduced(&mut self, frame: usize, reduction: &Reduction, env: &Env) -> Operand {
        let mut product = None;
        for input in &reduction.factors {
            let value = self.pull(frame, *input, env);
            let value = self.body.to_float(value);
            product = Some(match product {
                None => value,
                Some(p) => self.body.binary(Binary::Mul, p, value),
            });
        }
        product.expect("a reduction has an input")
    }

    fn whole(&mut self, a: Operand) -> Operand {
        match (self.body.ty(a), a) {
            (Type::I32, _) => a,
            (_, Operand::Float(bits)) => Operand::Int(f32::from_bits(bits) as i32),
            (Type::F32, _) => self.body.unary(Unary::ToInt, a),
            (Type::Mask, _) => self.body.bind(Expr::Select(a, Operand::Int(1), Operand::Int(0))),
        }
    }

    fn map(&mut self, map: Map, inputs: &[Operand], out: DType) -> Operand {
        let integer = out == DType::Int;
        if let Some(op) = arithmetic(map) {
            let (a, b) = if integer {
                (self.whole(inputs[0]), self.whole(inputs[1]))
            } else {
                (self.body.to_float(inputs[0]), self.body.to_float(inputs[1]))
            };
            return self.body.binary(op, a, b);
        }
        if let Some(op) = comparison(map) {
            let both = inputs.iter().all(|i| self.body.ty(*i) == Type::I32);
            let (a, b) = if both {
                (inputs[0], inputs[1])
            } else {
                (self.body.to_float(inputs[0]), self.body.to_float(inputs[1]))
            };
            return self.body.binary(op, a, b);
        }
        match map {
            Map::And | Map::Or => {
                let (a, b) = (self.body.to_mask(inputs[0]), self.body.to_mask(inputs[1]));
                self.body.binary(if map == Map::And { Binary::And } else { Binary::Or }, a, b)
            }
            Map::Not => {
                let a = self.body.to_mask(inputs[0]);
                self.body.unary(Unary::Not, a)
            }
            Map::Where => {
                let condition = self.body.to_mask(inputs[0]);
                let wanted = elem(out);
                let (a, b) = (self.as_elem(inputs[1], wanted), self.as_elem(inputs[2], wanted));
                self.body.bind(Expr::Select(condition, a, b))
            }
            Map::Floor if integer => self.whole(inputs[0]),
            Map::Neg | Map::Abs if integer => {
                let a = self.whole(inputs[0]);
                self.body.unary(if map == Map::Neg { Unary::Neg } else { Unary::Abs }, a)
            }
            _ => self.float_function(map, inputs),
        }
    }

    fn float_function(&mut self, map: Map, inputs: &[Operand]) -> Operand {
        let x = self.body.to_float(inputs[0]);
        let one = Operand::float(1.0);
        match map {
            Map::Neg => self.body.unary(Unary::Neg, x),
            Map::Abs => self.body.unary(Unary::Abs, x),
            Map::Floor => self.body.unary(Unary::Floor, x),
            Map::Sqrt => self.body.unary(Unary::Sqrt, x),
            Map::Rsqrt => {
                let root = self.body.unary(Unary::Sqrt, x);
                self.body.binary(Binary::Div, one, root)
            }
            Map::Pow => {
                let y = self.body.to_float(inputs[1]);
                self.power(x, y)
            }
            Map::Exp => self.body.math(Math::Exp, vec![x]),
            Map::Log => self.body.math(Math::Log, vec![x]),
            Map::Sin => self.body.math(Math::Sin, vec![x]),
            Map::Cos => self.body.math(Math::Cos, vec![x]),
            Map::Tanh => self.body.math(Math::Tanh, vec![x]),
            Map::Erf => self.body.math(Math::Erf, vec![x]),
            Map::Sigmoid => self.body.math(Math::Sigmoid, vec![x]),
            Map::Softplus => self.body.math(Math::Softplus, vec![x]),
            _ => x,
        }
    }

    /// Small whole powers are products.
    fn power(&mut self, x: Operand, y: Operand) -> Operand {
        let Operand::Float(bits) = y else { return self.body.math(Math::Pow, vec![x, y]) };
        let y_value = f32::from_bits(bits);
        if y_value == 0.5 {
            return self.body.unary(Unary::Sqrt, x);
        }
        if !(y_value.fract() == 0.0 && (1.0..=4.0).contains(&y_value)) {
            return self.body.math(Math::Pow, vec![x, y]);
        }
        let mut product = x;
        for _ in 1..y_value as usize {
            product = self.body.binary(Binary::Mul, product, x);
        }
        product
    }
}

/// A loaded integer as an index.
fn as_index(operand: Operand) -> Index {
    match operand {
        Operand::Scalar(s) => Index::atom(Atom::Data(s)),
        Operand::Int(n) => Index::constant(i64::from(n)),
        Operand::Float(bits) => Index::constant(f32::from_bits(bits) as i64),
    }
}

fn arithmetic(map: Map) -> Option<Binary> {
    Some(match map {
        Map::Add => Binary::Add,
        Map::Sub => Binary::Sub,
        Map::Mul => Binary::Mul,
        Map::Div => Binary::Div,
        Map::Rem => Binary::Rem,
        Map::Min => Binary::Min,
        Map::Max => Binary::Max,
        _ => return None,
    })
}

fn comparison(map: Map) -> Option<Binary> {
    Some(match map {
        Map::Lt => Binary::Lt,
        Map::Le => Binary::Le,
        Map::Eq => Binary::Eq,
        _ => return None,
    })
}

/// A reduction or a contraction: joins products of elements over axes.
#[derive(Clone, Debug)]
pub(super) struct Reduction {
    pub join: Join,
    pub over: Vec<AxisId>,
    pub factors: Vec<ValueId>,
}

impl Reduction {
    /// The axes are in the order in which they are stored.
    pub(super) fn of(function: &Function, node: &Node) -> Self {
        let (join, over) = match &node.op {
            Op::Reduce(Reduce::Sum, over) | Op::Contract(over) => (Join::Sum, over),
            Op::Reduce(Reduce::Max, over) => (Join::Max, over),
            Op::Reduce(Reduce::Min, over) => (Join::Min, over),
            Op::Reduce(Reduce::Product, over) => (Join::Product, over),
            _ => unreachable!("a reduction"),
        };
        let mut ordered = element::union(function, node);
        ordered.retain(|a| over.contains(a));
        Reduction { join, over: ordered, factors: node.inputs.clone() }
    }
}
