//! A luminal graph under construction, and the discipline that keeps it right.
//!
//! luminal 0.2.0 gives wrong answers where views pile up on an edge. So every value here is a contiguous
//! buffer whose sizes we know, and an edge carries at most one fresh view. Views other than broadcasts are
//! made contiguous at once, and operators that read the raw buffer (all of one input, all reductions) only
//! ever see plain buffers. luminal's compilers are never run.
//!
//! Its trackers hold six axes and count in `i32`. Axes of size 1 are dropped and neighbouring axes that move
//! together are merged first; what is still too large is refused, not tried.

use luminal::op::{self, Operator};
use luminal::prelude::symbolic::Expression;
use luminal::prelude::{Graph, NodeIndex, ShapeTracker};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The most axes that luminal's trackers hold.
const MOST_AXES: usize = 6;

/// From here on luminal's index arithmetic overflows.
const TOO_MANY: u128 = i32::MAX as u128;

/// What a node gives: elements in row-major order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    pub id: NodeIndex,
    pub dims: Vec<usize>,
}

impl Buffer {
    /// The same elements in the same order under other sizes.
    pub fn reshaped(&self, dims: Vec<usize>) -> Buffer {
        debug_assert_eq!(dims.iter().product::<usize>(), self.dims.iter().product::<usize>());
        Buffer { id: self.id, dims }
    }

    /// The sizes before an axis multiplied, its own, and those after it multiplied.
    pub fn around(&self, axis: usize) -> (usize, usize, usize) {
        let product = |dims: &[usize]| dims.iter().product();
        (product(&self.dims[..axis]), self.dims[axis], product(&self.dims[axis + 1..]))
    }

    /// The sizes with one changed.
    pub fn resized(&self, axis: usize, size: usize) -> Vec<usize> {
        let mut dims = self.dims.clone();
        dims[axis] = size;
        dims
    }
}

/// The graph and what we know of it.
pub(super) struct Tape {
    /// Boxed, since luminal keeps pointers into it.
    pub graph: Box<Graph>,
    /// The sizes of what each node gives.
    pub dims: BTreeMap<NodeIndex, Vec<usize>>,
    /// Tensors known at compile time. They are set before each run like inputs.
    pub literals: Vec<(NodeIndex, Rc<[f32]>)>,
    constants: BTreeMap<u32, NodeIndex>,
    /// Why the first thing that luminal cannot hold cannot be held. The graph must not be run then.
    refused: Option<String>,
}

impl Tape {
    /// An empty graph.
    pub fn new() -> Self {
        let (graph, dims) = (Box::new(Graph::new()), BTreeMap::new());
        Tape { graph, dims, literals: Vec::new(), constants: BTreeMap::new(), refused: None }
    }

    /// What was refused so far.
    pub fn refusal(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// A tensor that is set before each run.
    pub fn source(&mut self, name: &str, dims: Vec<usize>) -> Buffer {
        let id = self.graph.named_tensor::<()>(name).id;
        self.held(id, dims)
    }

    /// A tensor known now.
    pub fn literal(&mut self, data: Vec<f32>, dims: Vec<usize>) -> Buffer {
        let buffer = self.source("literal", dims);
        self.literals.push((buffer.id, data.into()));
        buffer
    }

    /// A number. The same number is one node.
    pub fn constant(&mut self, value: f32) -> Buffer {
        if let Some(id) = self.constants.get(&value.to_bits()) {
            return Buffer { id: *id, dims: Vec::new() };
        }
        let id = self.graph.constant(value).id;
        self.constants.insert(value.to_bits(), id);
        self.held(id, Vec::new())
    }

    /// An operator of one input.
    pub fn unary<O: Operator + 'static>(&mut self, op: O, x: &Buffer) -> Buffer {
        let elements = x.dims.iter().product();
        self.add(op, &[(x, plain(&[elements]))], x.dims.clone())
    }

    /// An operator of two inputs. Both have the same number of axes, where a size 1 is broadcast, or none.
    pub fn zip<O: Operator + 'static>(&mut self, op: O, x: &Buffer, y: &Buffer) -> Buffer {
        let out = broadcast(&x.dims, &y.dims);
        match self.groups(&out, [&x.dims, &y.dims]) {
            Some(groups) => self.add(op, &[(x, spread(&groups, 0)), (y, spread(&groups, 1))], out),
            None => self.placeholder(out),
        }
    }

    /// Repeats the elements along axes of size 1 to the given sizes.
    pub fn expand(&mut self, x: &Buffer, out: &[usize]) -> Buffer {
        let Some(groups) = self.groups(out, [&x.dims, &x.dims]) else {
            return self.placeholder(out.to_vec());
        };
        if groups.iter().all(|g| g.present[0]) {
            return x.reshaped(out.to_vec());
        }
        self.add(op::Contiguous, &[(x, spread(&groups, 0))], out.to_vec())
    }

    /// Axis `i` of the result is axis `order[i]` of the input.
    pub fn permute(&mut self, x: &Buffer, order: &[usize]) -> Buffer {
        let out: Vec<usize> = order.iter().map(|a| x.dims[*a]).collect();
        // Runs of axes that stay neighbours, as (first, size), in the order of the result.
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let mut next = None;
        for axis in order.iter().copied().filter(|a| x.dims[*a] != 1) {
            match runs.last_mut() {
                Some(run) if next == Some(axis) => run.1 *= x.dims[axis],
                _ => runs.push((axis, x.dims[axis])),
            }
            next = (axis + 1..x.dims.len()).find(|a| x.dims[*a] != 1);
        }
        let mut sorted = runs.clone();
        sorted.sort_unstable();
        if sorted == runs {
            return x.reshaped(out);
        }
        if runs.len() > MOST_AXES {
            self.refuse(format!(
                "a transposition moves {} groups of axes, luminal has {MOST_AXES}",
                runs.len()
            ));
            return self.placeholder(out);
        }
        let mut tracker = plain(&sorted.iter().map(|r| r.1).collect::<Vec<_>>());
        let places: Vec<usize> = runs.iter().filter_map(|r| sorted.iter().position(|s| s == r)).collect();
        tracker.permute(&places);
        self.add(op::Contiguous, &[(x, tracker)], out)
    }

    /// Positions `from..to` of an axis.
    pub fn slice(&mut self, x: &Buffer, axis: usize, from: usize, to: usize) -> Buffer {
        let (outer, size, inner) = x.around(axis);
        if (from, to) == (0, size) {
            return x.clone();
        }
        let first = usize::from(outer == 1);
        let mut tracker = plain(&[outer, size * inner][first..]);
        let bounds = ((from * inner).into(), (to * inner).into());
        tracker.slice(&[(0.into(), i32::MAX.into()), bounds][first..]);
        self.add(op::Contiguous, &[(x, tracker)], x.resized(axis, to - from))
    }

    /// Zeros before and after an axis.
    pub fn pad(&mut self, x: &Buffer, axis: usize, before: usize, after: usize) -> Buffer {
        let (outer, size, inner) = x.around(axis);
        if (before, after) == (0, 0) {
            return x.clone();
        }
        let first = usize::from(outer == 1);
        let mut tracker = plain(&[outer, size * inner][first..]);
        let bounds = ((before * inner).into(), (after * inner).into());
        tracker.pad(&[(0.into(), 0.into()), bounds][first..]);
        self.add(op::Contiguous, &[(x, tracker)], x.resized(axis, before + size + after))
    }

    /// The sum over an axis, which goes.
    pub fn sum(&mut self, x: &Buffer, axis: usize) -> Buffer {
        self.reduce(op::SumReduce(1), x, axis)
    }

    /// The largest elements along an axis, which goes.
    pub fn largest(&mut self, x: &Buffer, axis: usize) -> Buffer {
        self.reduce(op::MaxReduce(1), x, axis)
    }

    fn reduce<O: Operator + 'static>(&mut self, op: O, x: &Buffer, axis: usize) -> Buffer {
        let (outer, size, inner) = x.around(axis);
        let mut dims = x.dims.clone();
        dims.remove(axis);
        self.add(op, &[(x, plain(&[outer, size, inner]))], dims)
    }

    /// The buffers in a row along an axis: pairs are padded and added, which is exact.
    pub fn join(&mut self, mut parts: Vec<Buffer>, axis: usize) -> Buffer {
        while parts.len() > 1 {
            let pairs = parts.chunks(2).map(|pair| match pair {
                [x, y] => {
                    let (left, right) = (x.dims[axis], y.dims[axis]);
                    let x = self.pad(x, axis, 0, right);
                    let y = self.pad(y, axis, left, 0);
                    self.zip(op::Add, &x, &y)
                }
                rest => rest[0].clone(),
            });
            parts = pairs.collect();
        }
        parts.swap_remove(0)
    }

    /// Adds an operator; the trackers must fit the buffers.
    pub fn add<O: Operator + 'static>(
        &mut self,
        op: O,
        inputs: &[(&Buffer, ShapeTracker)],
        dims: Vec<usize>,
    ) -> Buffer {
        let mut node = self.graph.add_op(op);
        for (buffer, tracker) in inputs {
            node = node.input(buffer.id, 0, *tracker);
        }
        let id = node.finish();
        self.held(id, dims)
    }

    fn held(&mut self, id: NodeIndex, dims: Vec<usize>) -> Buffer {
        if dims.iter().map(|d| *d as u128).product::<u128>() >= TOO_MANY {
            self.refuse(format!("a value of the sizes {dims:?} has more elements than luminal can count"));
        }
        self.dims.insert(id, dims.clone());
        Buffer { id, dims }
    }

    fn refuse(&mut self, why: String) {
        self.refused.get_or_insert(why);
    }

    /// Stands where a refused operator would, so that building can go on to the place that asks.
    fn placeholder(&mut self, dims: Vec<usize>) -> Buffer {
        Buffer { id: self.constant(0.0).id, dims }
    }

    /// Merges neighbouring axes that the operands have or lack together.
    fn groups(&mut self, out: &[usize], operands: [&[usize]; 2]) -> Option<Vec<Group>> {
        let mut groups: Vec<Group> = Vec::new();
        for (axis, size) in out.iter().copied().enumerate().filter(|(_, size)| *size != 1) {
            let present = operands.map(|dims| dims.get(axis).is_some_and(|d| *d != 1));
            match groups.last_mut() {
                Some(group) if group.present == present => group.size *= size,
                _ => groups.push(Group { size, present }),
            }
        }
        if groups.len() > MOST_AXES {
            self.refuse(format!("a broadcast has {} groups of axes, luminal has {MOST_AXES}", groups.len()));
            return None;
        }
        Some(groups)
    }
}

/// Neighbouring axes, and which of two operands have them.
struct Group {
    size: usize,
    present: [bool; 2],
}

/// The sizes of an operation on two operands.
fn broadcast(x: &[usize], y: &[usize]) -> Vec<usize> {
    match (x, y) {
        ([], dims) | (dims, []) => dims.to_vec(),
        _ => x.iter().zip(y).map(|(a, b)| if *a == 1 { *b } else { *a }).collect(),
    }
}

/// A tracker of a contiguous buffer.
pub(super) fn plain(dims: &[usize]) -> ShapeTracker {
    let dims: Vec<Expression> = dims.iter().map(|d| Expression::from(*d)).collect();
    ShapeTracker::new(&dims)
}

/// A tracker of an operand that is broadcast along the groups that it lacks.
fn spread(groups: &[Group], operand: usize) -> ShapeTracker {
    let own: Vec<usize> = groups.iter().filter(|g| g.present[operand]).map(|g| g.size).collect();
    let mut tracker = plain(&own);
    for (at, group) in groups.iter().enumerate().filter(|(_, g)| !g.present[operand]) {
        tracker.expand(at, group.size.into());
    }
    tracker
}
